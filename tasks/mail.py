"""What does an e-mail message say, and which messages does a mailbox hold?"""

import base64
import binascii
import quopri
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.utils import collapse_rfc2231_value, parsedate_to_datetime
from typing import BinaryIO

from tasks.parse_text import codec_name, decode
from tasks.sniffing import bom_encoding, wide_encoding

_SHOWN = ("From", "To", "Cc", "Subject", "Date", "Message-ID")
_ADDRESSES = frozenset({"from", "to", "cc"})
_MAX_DEPTH = 20
_MAX_PARTS = 5000

_WORD = re.compile(
    r"=\?([A-Za-z0-9_.:()+-]+)(?:\*[A-Za-z0-9-]*)?\?([BbQq])\?([^?]*(?:\?(?!=)[^?]*)*)\?="
)
_BETWEEN_WORDS = re.compile(r"(\?=)(?:\r?\n)?[ \t]+(?==\?[A-Za-z0-9_.:()+*-]+\?[BbQq]\?)")
_SEPARATOR = re.compile(rb"From \S.{0,200}?\d\d?:\d\d.{0,40}\d{4}")
_LINE_BYTES = 1 << 16


def message_text(data: bytes) -> str:
    """The text of a message: a block of headers, an empty line, the body.

    The block holds `From`, `To`, `Cc`, `Subject`, `Date`, `Message-ID` as far as the message has
    them, decoded and unfolded, and `Attachments` with the names of the attached files parted by
    `; `. Of alternatives the plain text is taken, else the web page as text; enclosed messages
    follow with a block of their own.
    """
    wide = bom_encoding(data) or wide_encoding(data)
    if wide:
        data = data.decode(wide, "replace").encode("utf-8", "replace")
    message = message_from_bytes(data.lstrip())
    return "\n\n".join(_blocks(message, 0))


def header_date(data: bytes) -> datetime | None:
    """The instant in the Date header of a message (UTC if it names no zone); null without one."""
    head = re.split(rb"\r?\n\r?\n", data[: 1 << 17].lstrip(), maxsplit=1)[0]
    match = re.search(
        rb"^date:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", head, re.IGNORECASE | re.MULTILINE
    )
    if not match:
        return None
    try:
        found = parsedate_to_datetime(match.group(1).decode("latin-1").strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def mailbox_messages(file: BinaryIO, max_bytes: int) -> Iterator[bytes | None]:
    """The messages of an mbox, one after the other; null for one of more than `max_bytes`.

    A line that begins with `From ` starts a message if it carries a time and a year and follows an
    empty line. One `>` before a quoted `From ` is taken off.
    """
    lines: list[bytes] = []
    size, after_blank, started, whole = 0, True, False, True
    while line := file.readline(_LINE_BYTES):
        if whole and after_blank and line.startswith(b"From ") and _SEPARATOR.match(line):
            if started:
                yield b"".join(lines) if size <= max_bytes else None
            lines, size, started, after_blank = [], 0, True, False
            continue
        after_blank = whole and line in (b"\n", b"\r\n")
        if whole and line.startswith(b">From "):
            line = line[1:]
        whole = line.endswith(b"\n")
        if not started:
            continue
        size += len(line)
        if size <= max_bytes:
            lines.append(line)
        else:
            lines = []
    if started:
        yield b"".join(lines) if size <= max_bytes else None


def decode_header(value: str, *, is_address: bool = False) -> str:
    """A header value in plain words: unfolded, with encoded words (RFC 2047) decoded.

    Args:
        value: The raw value; bytes beyond ASCII as surrogates, as `email` keeps them.
        is_address: Quote decoded names that would otherwise read as several addresses.
    """
    value = _clean(value)
    value = _BETWEEN_WORDS.sub(r"\1", value)
    pieces, position, run = [], 0, b""
    run_codec: str | None = None
    for match in _WORD.finditer(value):
        codec = codec_name(match.group(1))
        raw = _word_bytes(match.group(2), match.group(3)) if codec else None
        if raw is None or codec is None:
            continue
        between = value[position : match.start()]
        if run_codec and (between or codec != run_codec):
            pieces.append(_word_text(run, run_codec, is_address))
            run = b""
        pieces.append(between)
        # A character may be cut in two between neighbouring words of one encoding.
        run, run_codec, position = run + raw, codec, match.end()
        follows = value[position : position + 2] == "=?"
        if not follows:
            pieces.append(_word_text(run, run_codec, is_address))
            run, run_codec = b"", None
    if run_codec:
        pieces.append(_word_text(run, run_codec, is_address))
    pieces.append(value[position:])
    return " ".join("".join(pieces).split())


def _word_bytes(encoding: str, text: str) -> bytes | None:
    if encoding in "Qq":
        return quopri.decodestring(text.replace(" ", "_").encode("utf-8", "replace"), header=True)
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError):
        return None


def _word_text(raw: bytes, codec: str, is_address: bool) -> str:
    # `decode` takes UTF-8 for what it is, though programs label it as Latin-1.
    text = decode(raw, codec)
    if is_address and re.search(r'[,;:<>@"()]', text) and not text.startswith('"'):
        return '"' + text.replace('"', "'") + '"'
    return text


def _clean(value: str) -> str:
    """Undo folding and give raw bytes beyond ASCII a meaning."""
    if not value.isascii():
        value = decode(value.encode("utf-8", "surrogateescape"))
    return re.sub(r"\r?\n(?=[ \t])", "", value).replace("\r", " ").replace("\n", " ")


def _blocks(message: Message, depth: int) -> Iterator[str]:
    """The header block of a message and its body, then those of the messages it encloses."""
    body: list[str] = []
    names: list[str] = []
    _collect(message, body, names, depth, first=True, within="")
    lines = list(_header_lines(message))
    if names:
        lines.append(f"Attachments: {'; '.join(names)}")
    if lines:
        yield "\n".join(lines)
    yield from (text for text in body if text.strip())


def _header_lines(message: Message) -> Iterator[str]:
    raw: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        raw.setdefault(name.strip().lower(), []).append(str(value))
    for name in _SHOWN:
        # Several To or Cc headers are one list; of the others the first counts.
        found = raw.get(name.lower(), [])
        values = found if name in ("To", "Cc") else found[:1]
        text = ", ".join(
            decoded
            for value in values
            if (decoded := decode_header(value, is_address=name.lower() in _ADDRESSES))
        )
        if text:
            yield f"{name}: {text}"


def _collect(
    part: Message, body: list[str], names: list[str], depth: int, *, first: bool, within: str
) -> None:
    """Add the texts of `part` to `body` and the names of its attachments to `names`."""
    if depth > _MAX_DEPTH or len(body) + len(names) > _MAX_PARTS:
        return
    kind = part.get_content_type()
    payload = part.get_payload()
    if isinstance(payload, list):
        parts = [child for child in payload if isinstance(child, Message)]
        if part.get_content_maintype() == "message":
            _enclosed(part, parts, body, names, depth)
            return
        if kind == "multipart/alternative":
            if not parts:
                return
            chosen = _best_alternative(parts)
            _collect(chosen, body, names, depth + 1, first=True, within=kind)
            for other in parts:
                if other is not chosen:
                    _names_below(other, names, depth + 1)
            return
        for index, child in enumerate(parts):
            _collect(child, body, names, depth + 1, first=index == 0, within=kind)
        return
    name = _file_name(part)
    disposition = (part.get_content_disposition() or "").lower()
    is_body = (
        kind in ("text/plain", "text/html", "text/enriched")
        and disposition != "attachment"
        and (first or (within != "multipart/related" and not name))
    )
    if is_body:
        body.append(_part_text(part, kind))
    elif name:
        names.append(name)


def _enclosed(
    part: Message, payload: list[Message], body: list[str], names: list[str], depth: int
) -> None:
    name = _file_name(part)
    if name:
        names.append(name)
    for inner in payload:
        body.extend(_blocks(inner, depth + 1))


def _best_alternative(parts: list[Message]) -> Message:
    def rank(part: Message) -> int:
        kind = part.get_content_type()
        if kind == "text/plain" and _part_text(part, kind).strip():
            return 0
        if kind in ("text/html", "multipart/related", "multipart/mixed"):
            return 1
        return 2 if kind.startswith(("text/", "multipart/")) else 3

    return min(parts, key=rank)


def _names_below(part: Message, names: list[str], depth: int) -> None:
    """Names of files that hang below an alternative which is not shown."""
    payload = part.get_payload()
    if isinstance(payload, list) and depth <= _MAX_DEPTH:
        for child in payload:
            if isinstance(child, Message):
                _names_below(child, names, depth + 1)
    elif not part.get_content_type().startswith("text/"):
        name = _file_name(part)
        if name and name not in names:
            names.append(name)


def _file_name(part: Message) -> str:
    """The name of an attached file, decoded (RFC 2231, RFC 2047); empty without one."""
    if any(not str(value).isascii() for _, value in part.raw_items()):
        cleaned = [(name, _clean(str(value))) for name, value in part.raw_items()]
        for name in {name for name, _ in cleaned}:
            del part[name]
        for name, clean in cleaned:
            part[name] = clean
    value: str | tuple[str | None, str | None, str] | None
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        try:
            value = part.get_param(parameter, header=header)
        except (ValueError, IndexError, MessageError):
            continue
        if value:
            try:
                return decode_header(collapse_rfc2231_value(value).strip("\"' "))
            except (LookupError, ValueError):
                return decode_header(str(value[2] if isinstance(value, tuple) else value))
    return ""


def _part_text(part: Message, kind: str) -> str:
    try:
        raw = part.get_payload(decode=True)
    except (ValueError, binascii.Error):
        raw = str(part.get_payload()).encode("utf-8", "surrogateescape")
    data = raw if isinstance(raw, bytes) else b""
    try:
        charset = part.get_param("charset")
        declared = collapse_rfc2231_value(charset) if charset else None
    except (ValueError, LookupError, MessageError):
        declared = None
    if kind == "text/html":
        from tasks.parse_html import html_text

        return html_text(data, declared)
    text = decode(data, declared)
    return text.replace("\r\n", "\n").strip("\n")
