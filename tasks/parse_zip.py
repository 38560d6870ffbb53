"""Which members does a zip hold, by its central directory, read piece by piece?

The standard library's zipfile keeps about 1 kB per member and inflates without a limit.
"""

import re
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO

from tasks.parse_errors import Reason, Unreadable
from tasks.parse_members import Member, make_member
from tasks.parse_streams import CHUNK, Checked, Inflating, Slice, Stream, zip_decompressor

_EOCD = struct.Struct("<4s4H2LH")
_EOCD64_LOCATOR = struct.Struct("<4sLQL")
_EOCD64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")


def zip_names(file: BinaryIO, most: int = 10_000) -> Iterator[str]:
    """The names in a zip, at most `most`; `Unreadable` (corrupt) if it has no directory."""
    for _, entry in zip(range(most), _entries(file), strict=False):
        yield entry.name


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    flags: int
    method: int
    modified_at: datetime | None
    crc: int
    compressed: int
    size: int
    attributes: int
    made_by_unix: bool
    offset: int


def zip_members(file: BinaryIO) -> Iterator[Member]:
    """The files of a zip in the order of its directory; `Unreadable` if that is damaged."""
    for entry in _entries(file):
        if entry.name.endswith("/"):
            continue
        problem = None
        mode = entry.attributes >> 16
        if entry.flags & 0x41:
            problem = Unreadable.of(
                Reason.ENCRYPTED, "the member is encrypted; pack it without a password"
            )
        elif entry.made_by_unix and stat.S_ISLNK(mode):
            problem = Unreadable.of(
                Reason.UNSAFE_PATH, "the member is a link; links inside archives are not followed"
            )
        elif entry.method not in (0, 8, 12):
            problem = Unreadable.of(
                Reason.UNSUPPORTED,
                f"the member is packed by method {entry.method}; repack the archive with deflate",
            )
        yield make_member(
            entry.name,
            entry.modified_at,
            entry.size,
            entry.compressed,
            partial(_open, file, entry),
            problem,
        )


def _open(file: BinaryIO, entry: _Entry) -> Stream:
    file.seek(entry.offset)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size or header[:4] != b"PK\x03\x04":
        raise Unreadable.of(Reason.CORRUPT, "the zip has no member where its directory points")
    fields = _LOCAL.unpack(header)
    start = entry.offset + _LOCAL.size + fields[9] + fields[10]
    stream: Stream = Slice(file, start, entry.compressed)
    if entry.method:
        stream = Inflating(stream, zip_decompressor(entry.method), several=False)
    return Checked(stream, entry.crc)


class _Reader:
    """Takes pieces of exact length from a stream."""

    def __init__(self, source: Stream) -> None:
        self._source, self._buffer, self._at = source, b"", 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end."""
        while len(self._buffer) - self._at < count:
            more = self._source.read(4 * CHUNK)
            if not more:
                break
            self._buffer, self._at = self._buffer[self._at :] + more, 0
        out = self._buffer[self._at : self._at + count]
        self._at += len(out)
        return out


def _entries(file: BinaryIO) -> Iterator[_Entry]:
    position, size, shift = _directory(file)
    reader = _Reader(Slice(file, position, size))
    while header := reader.take(_ENTRY.size):
        if header[:4] == b"PK\x05\x05":  # a signature of the directory, its last part
            return
        if len(header) < _ENTRY.size or header[:4] != b"PK\x01\x02":
            raise Unreadable.of(Reason.CORRUPT, "the directory of the zip is damaged")
        fields = _ENTRY.unpack(header)
        raw, extra = reader.take(fields[10]), reader.take(fields[11])
        reader.take(fields[12])
        yield _entry(fields, raw, extra, shift)


def _entry(fields: tuple[Any, ...], raw: bytes, extra: bytes, shift: int) -> _Entry:
    flags, method, clock, day = fields[3], fields[4], fields[5], fields[6]
    compressed, size, offset = fields[8], fields[9], fields[16]
    for kind, body in _extras(extra):
        if kind == 1:  # sizes and offsets beyond 4 GiB
            wide = [struct.unpack_from("<Q", body, at)[0] for at in range(0, len(body) - 7, 8)]
            if size == 0xFFFFFFFF and wide:
                size = wide.pop(0)
            if compressed == 0xFFFFFFFF and wide:
                compressed = wide.pop(0)
            if offset == 0xFFFFFFFF and wide:
                offset = wide.pop(0)
    return _Entry(
        _zip_name(raw, flags),
        flags,
        method,
        _dos_time(day, clock),
        fields[7],
        compressed,
        size,
        fields[15],
        fields[1] >> 8 == 3,
        offset + shift,
    )


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _zip_name(raw: bytes, flags: int) -> str:
    # Many programs write UTF-8 without the flag that says so.
    for encoding in ("utf-8",) if flags & 0x800 else ("utf-8", "gb18030" if _is_gbk(raw) else ""):
        try:
            return raw.decode(encoding) if encoding else raw.decode("cp437")
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437")


def _is_gbk(raw: bytes) -> bool:
    """Chinese zips carry names in GBK: pairs of bytes in the range of its common characters."""
    high = re.findall(rb"[\x80-\xff]+", raw)
    return bool(high) and all(
        len(run) % 2 == 0 and all(0xB0 <= byte <= 0xF7 for byte in run[::2])
        and all(byte >= 0xA1 for byte in run[1::2])
        for run in high
    )  # fmt: skip


def _dos_time(day: int, clock: int) -> datetime | None:
    try:
        return datetime(
            1980 + (day >> 9),
            day >> 5 & 15,
            day & 31,
            clock >> 11,
            clock >> 5 & 63,
            min((clock & 31) * 2, 59),
            tzinfo=UTC,
        )
    except ValueError:
        return None


def _directory(file: BinaryIO) -> tuple[int, int, int]:
    """Where the central directory lies, its size, and what precedes the zip itself."""
    length = file.seek(0, 2)
    tail_start = max(0, length - 65557)
    file.seek(tail_start)
    tail = file.read()
    found = tail.rfind(b"PK\x05\x06")
    if found < 0 or len(tail) - found < _EOCD.size:
        raise Unreadable.of(
            Reason.CORRUPT, "the zip has no directory at its end; it is cut off or damaged"
        )
    at = tail_start + found
    fields = _EOCD.unpack_from(tail, found)
    size, offset = fields[5], fields[6]
    if at >= _EOCD64_LOCATOR.size:
        file.seek(at - _EOCD64_LOCATOR.size)
        locator = file.read(_EOCD64_LOCATOR.size)
        if locator[:4] == b"PK\x06\x07":
            file.seek(_EOCD64_LOCATOR.unpack(locator)[2])
            record = file.read(_EOCD64.size)
            if len(record) == _EOCD64.size and record[:4] == b"PK\x06\x06":
                wide = _EOCD64.unpack(record)
                return wide[9], wide[8], 0
    shift = at - size - offset
    if shift < 0:
        raise Unreadable.of(Reason.CORRUPT, "the directory of the zip does not lie where it says")
    return offset + shift, size, shift
