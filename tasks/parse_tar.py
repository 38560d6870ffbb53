"""Which members does a tar hold, read as a stream from its beginning to its end?"""

import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tasks.parse_errors import Reason, Unreadable
from tasks.parse_members import Allowance, Member, make_member
from tasks.parse_streams import CHUNK, Stream

_HEADER_BYTES = 1 << 20


class _Metered:
    """What tarfile reads from: counts, so that headers cannot fill the memory."""

    def __init__(self, source: Stream, allowance: Allowance | None) -> None:
        self._source, self._allowance = source, allowance
        self.budget: int | None = None

    def read(self, size: int, /) -> bytes:
        data = self._source.read(size)
        if self._allowance is not None:
            self._allowance.expand(len(data))
        if self.budget is not None:
            self.budget -= len(data)
            if self.budget < 0:
                raise Unreadable.of(
                    Reason.ZIP_BOMB, f"a tar header takes more than {_HEADER_BYTES} bytes"
                )
        return data


def tar_members(source: Stream, allowance: Allowance | None = None) -> Iterator[Member]:
    """The files of a tar; each can be read until the next is asked for.

    Args:
        source: The tar.
        allowance: Accounts for all that `source` gives, if that is decompressed on the way.

    Raises:
        Unreadable: corrupt, or zip_bomb where a header is outsized.
    """
    metered = _Metered(source, allowance)
    metered.budget = _HEADER_BYTES
    try:
        with tarfile.open(fileobj=metered, mode="r|", errorlevel=1) as tar:  # type: ignore[call-overload]
            while True:
                metered.budget = _HEADER_BYTES
                info = tar.next()
                metered.budget = None
                if info is None:
                    return
                tar.members = []  # tarfile remembers every member otherwise
                yield from _member(tar, info, is_counted=allowance is not None)
                _skip_rest(tar)
    except tarfile.TarError as error:
        raise Unreadable.of(Reason.CORRUPT, f"the tar is damaged: {error}") from None
    except (ValueError, OverflowError, EOFError, OSError) as error:
        raise Unreadable.of(Reason.CORRUPT, f"the tar is damaged: {error}") from None


def _member(tar: tarfile.TarFile, info: tarfile.TarInfo, *, is_counted: bool) -> Iterator[Member]:
    if info.isdir():
        return
    problem = None
    if info.issym() or info.islnk():
        problem = Unreadable.of(
            Reason.UNSAFE_PATH, "the member is a link; links inside archives are not followed"
        )
    elif not info.isreg():
        problem = Unreadable.of(Reason.UNSUPPORTED, "the member is a device, not a file")
    try:
        modified_at = datetime.fromtimestamp(info.mtime, UTC)
    except (ValueError, OverflowError, OSError):
        modified_at = None

    def open_() -> Stream:
        stream = tar.extractfile(info)
        if stream is None:
            raise Unreadable.of(Reason.CORRUPT, "the member has no content")
        return _TarStream(stream)

    yield make_member(
        info.name, modified_at, info.size, None, open_, problem, is_counted=is_counted
    )


class _TarStream:
    """A member of a tar, with tarfile's errors turned into ours."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        try:
            data: bytes = self._stream.read(size)
        except tarfile.TarError as error:
            raise Unreadable.of(Reason.CORRUPT, f"the tar is damaged: {error}") from None
        return data


def _skip_rest(tar: tarfile.TarFile) -> None:
    """Read over what is left of a member here, where it does not count as a header."""
    fileobj: Any = tar.fileobj
    while (left := tar.offset - fileobj.tell()) > 0:
        if not fileobj.read(min(CHUNK, left)):
            return
