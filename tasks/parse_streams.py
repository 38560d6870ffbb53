"""How is a compressed stream read in bounded memory, whatever it claims about itself?"""

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

from tasks.parse_errors import Reason, Unreadable
from tasks.sniffing import Kind

CHUNK = 1 << 16
_LZMA_MEMORY = 256 << 20


class Stream(Protocol):
    """Something that can be read to its end, once."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        ...


class _Zlib:
    """zlib's decompressor with the interface of those of bz2 and lzma."""

    def __init__(self, window_bits: int) -> None:
        self._z = zlib.decompressobj(window_bits)
        self._more = False

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._z.decompress(self._z.unconsumed_tail + data, max_length)
        # Output may be pending inside zlib even though all input has been taken.
        self._more = len(out) >= max_length
        return out

    @property
    def eof(self) -> bool:
        return self._z.eof

    @property
    def unused_data(self) -> bytes:
        return self._z.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._more and not self._z.unconsumed_tail


CODECS: dict[Kind, Callable[[], Any]] = {
    Kind.GZIP: lambda: _Zlib(31),
    Kind.BZIP2: bz2.BZ2Decompressor,
    Kind.XZ: lambda: lzma.LZMADecompressor(memlimit=_LZMA_MEMORY),
}
_CODEC_ERRORS = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError)


class Inflating:
    """The decompressed side of a stream; several compressed parts in a row are one stream."""

    def __init__(self, source: Stream, make: Callable[[], Any], *, several: bool) -> None:
        """Decompress `source` with decompressors from `make`, one per part."""
        self._source, self._make, self._several = source, make, several
        self._codec = make()
        self._is_later_part = False

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end; `Unreadable` (corrupt) on damage."""
        while True:
            data = b""
            if self._codec.eof:
                data = self._codec.unused_data or self._source.read(CHUNK)
                if not self._several or not data.strip(b"\x00"):
                    return b""
                self._codec, self._is_later_part = self._make(), True
            elif self._codec.needs_input:
                data = self._source.read(CHUNK)
                if not data:
                    raise Unreadable.of(Reason.CORRUPT, "the compressed data ends too early")
            try:
                out: bytes = self._codec.decompress(data, size)
            except _CODEC_ERRORS as error:
                if self._is_later_part:
                    return b""  # what follows a whole part and is none is padding or junk
                raise Unreadable.of(
                    Reason.CORRUPT, f"the compressed data is damaged: {error}"
                ) from None
            if out:
                self._is_later_part = False
                return out


class Prefixed:
    """A stream of which the beginning has been read already."""

    def __init__(self, head: bytes, rest: Stream) -> None:
        """Give `head` first, then what `rest` gives."""
        self._head, self._rest = head, rest

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        if self._head:
            out, self._head = self._head[:size], self._head[size:]
            return out
        return self._rest.read(size)


def zip_decompressor(method: int) -> Callable[[], Any]:
    """Makes decompressors for a packing method of zip: 8 (deflate) or 12 (bzip2)."""
    return bz2.BZ2Decompressor if method == 12 else lambda: _Zlib(-15)


class Slice:
    """A part of a file; other parts may be read in between."""

    def __init__(self, file: BinaryIO, start: int, length: int) -> None:
        """Give `length` bytes of `file` from `start` on."""
        self._file, self._position, self._end = file, start, start + length

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        self._file.seek(self._position)
        data = self._file.read(max(0, min(size, self._end - self._position)))
        self._position += len(data)
        return data


class Checked:
    """A stream whose checksum must be right at its end."""

    def __init__(self, stream: Stream, crc: int) -> None:
        """Give what `stream` gives; its CRC-32 must come out as `crc`."""
        self._stream, self._expected, self._crc = stream, crc, 0

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""
        data = self._stream.read(size)
        if data:
            self._crc = zlib.crc32(data, self._crc)
        elif self._crc != self._expected:
            raise Unreadable.of(Reason.CORRUPT, "the member's checksum is wrong")
        return data
