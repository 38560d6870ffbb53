"""How do a console and its process speak: messages in a pipe, and cells that JSON has no type for.

Nothing of ours is imported here: the process has to be ready by the time its tables are.
"""

import json
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

MAX_BYTES = 64 << 20
"""Size of a message at most; a query whose answer is longer fails for lack of memory."""

_LENGTH = struct.Struct("<Q")


def send(channel: IO[bytes], message: object) -> None:
    """Put one message into a pipe; `MemoryError` if it is too long.

    JSON and not pickle: whatever a query makes of its process must not run code in the parent.
    """
    data = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if len(data) > MAX_BYTES:
        raise MemoryError
    channel.write(_LENGTH.pack(len(data)) + data)
    channel.flush()


def receive(channel: IO[bytes]) -> Any:
    """The next message in a pipe; `EOFError` when the other side has gone."""
    head = channel.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = channel.read(length)
    if len(data) < length:
        raise EOFError
    return json.loads(data.decode("utf-8", "surrogatepass"))


def encoded(value: Any) -> Any:
    """A cell in what JSON has; what it has not, as an object with the kind for its only key."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in (list, tuple):
        return [encoded(entry) for entry in value]
    if kind is dict:
        return {"dict": [[encoded(k), encoded(v)] for k, v in value.items()]}
    if kind not in _KINDS:
        return str(value)
    name, encode, _ = _KINDS[kind]
    return {name: encode(value)}


def decoded(value: Any) -> Any:
    """The cell that `encoded` made this of."""
    if isinstance(value, list):
        return [decoded(entry) for entry in value]
    if not isinstance(value, dict):
        return value
    ((name, entry),) = value.items()
    if name == "dict":
        pairs = [(decoded(key), decoded(inner)) for key, inner in entry]
        # A map's key may be a list, which Python has no dict for.
        return {str(key) if isinstance(key, list | dict) else key: inner for key, inner in pairs}
    return _DECODERS[name](entry)


_PLAIN = frozenset({bool, int, float, str, type(None)})
_KINDS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    date: ("date", date.isoformat, date.fromisoformat),
    datetime: ("datetime", datetime.isoformat, datetime.fromisoformat),
    time: ("time", time.isoformat, time.fromisoformat),
    Decimal: ("decimal", str, Decimal),
    bytes: ("bytes", bytes.hex, bytes.fromhex),
    timedelta: (
        "timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda parts: timedelta(*parts),
    ),
}
_DECODERS = {name: decode for name, _, decode in _KINDS.values()}
