"""What runs inside a parser process: it reads batches of documents and answers one by one."""

import contextlib
import json
import os
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from tasks.parse_errors import Reason, Unreadable
from tasks.parsing import Parsed, parse

READY = b"ready"
MAX_DOCUMENTS = 256
_RESERVE = 768 << 20
"""Address space that libraries map or reserve (code, thread stacks, arenas) without using it."""
_COUNT = struct.Struct("<I")
_LENGTHS = struct.Struct("<IQ")


def pack_batch(documents: Sequence[tuple[str, bytes]]) -> bytes:
    """One message for the worker: file names and contents."""
    parts = [_COUNT.pack(len(documents))]
    for name, data in documents:
        raw = name.encode("utf-8", "replace")
        parts += [_LENGTHS.pack(len(raw), len(data)), raw, data]
    return b"".join(parts)


def unpack_batch(message: bytes) -> Iterator[tuple[str, bytes]]:
    """The documents of a message made by `pack_batch`."""
    (count,) = _COUNT.unpack_from(message)
    at = _COUNT.size
    for _ in range(count):
        name_length, data_length = _LENGTHS.unpack_from(message, at)
        at += _LENGTHS.size
        name = message[at : at + name_length].decode("utf-8")
        at += name_length
        yield name, message[at : at + data_length]
        at += data_length


def pack_outcome(outcome: Parsed | Unreadable) -> bytes:
    """One message from the worker. JSON and not pickle: a parser that was taken over by a hostile
    document must not be able to run code in the parent."""
    if isinstance(outcome, Parsed):
        fields = [outcome.media_type, outcome.pages, outcome.parser]
        return json.dumps(fields).encode() + b"\n" + outcome.text.encode("utf-8", "replace")
    return json.dumps([outcome.reason.value, str(outcome)]).encode()


def unpack_outcome(message: bytes) -> Parsed | Unreadable:
    """The outcome in a message made by `pack_outcome`; `ValueError` for anything else."""
    head, _, text = message.partition(b"\n")
    fields = json.loads(head)
    if isinstance(fields, list) and len(fields) == 2:
        return Unreadable.of(Reason(fields[0]), str(fields[1]))
    if isinstance(fields, list) and len(fields) == 3:
        pages = fields[1] if isinstance(fields[1], int) else None
        return Parsed(text.decode("utf-8"), str(fields[0]), pages, str(fields[2]))
    raise ValueError("a message of the wrong shape")


def serve(channel: int, *, max_chars: int, memory_mb: int) -> None:
    """Answer batches that arrive on the file descriptor `channel` until it is closed."""
    _die_with_parent()
    _silence_stdout()
    _limit_memory(memory_mb << 20)
    with Connection(channel) as connection:
        connection.send_bytes(READY)
        while True:
            try:
                batch = connection.recv_bytes()
            except (EOFError, OSError):
                return
            for name, data in unpack_batch(batch):
                _forget_noise()
                connection.send_bytes(pack_outcome(_parsed(data, name, max_chars)))


def _parsed(data: bytes, name: str, max_chars: int) -> Parsed | Unreadable:
    try:
        return parse(data, name, max_chars=max_chars)
    except Unreadable as error:
        return error
    except MemoryError:
        return Unreadable.of(
            Reason.MEMORY, "reading it takes more memory than `memory_mb` of the job allows"
        )
    except Exception as error:
        # Whatever a document does to a parser is the document's dead letter.
        what = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return Unreadable.of(Reason.CORRUPT, f"the parser gave up: {what}")


def _die_with_parent() -> None:
    """A parent that is killed cannot stop its workers; Linux does it, elsewhere the closed
    channel ends them after the document at hand."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _silence_stdout() -> None:
    """Native libraries print to the terminal; standard error goes to a file of the parent's."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)


def _forget_noise() -> None:
    with contextlib.suppress(OSError):
        os.ftruncate(2, 0)


def _limit_memory(allowed: int) -> None:
    """Cap the address space, counted from what this process has mapped before any document."""
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    limit = mapped + _RESERVE + allowed
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
