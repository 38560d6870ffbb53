"""Which documents does a source hold: files, members of archives, messages of mailboxes?"""

import errno
import io
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast

from schemas.counted import counted
from schemas.job import Source
from tasks.archives import is_document, member_chunks, members
from tasks.mail import mailbox_messages
from tasks.parse_errors import Reason, Unreadable
from tasks.parse_members import Allowance, Exhausted, Member, is_hidden, printable
from tasks.parse_streams import Prefixed
from tasks.selection import Selection
from tasks.sniffing import HEAD_BYTES, Kind, container_kind
from tasks.source_root import SourceError, source_root, words_of

MAX_DEPTH = 3
"""Archives inside archives: the third may still be opened, a fourth may not."""
_MAX_FOLDERS = 100
_SPOOL_BYTES = 8 << 20
_NESTED_BYTES = 1 << 30
"""A nested archive larger than this is refused; its members have `max_bytes` of their own."""


@dataclass(frozen=True, slots=True)
class Found:
    """A document, or what stood in the place of one.

    Attributes:
        uri: Path relative to the source, `/` between parts; `!/` leads into an archive or mailbox.
        data: The content; null where it could not be had, and then `problem` says why.
        size: Bytes, null if unknown.
        modified_at: When it was changed, null if unknown.
        problem: Why it is refused.
        is_message: It comes from a mailbox.
    """

    uri: str
    data: bytes | None
    size: int | None
    modified_at: datetime | None
    problem: Unreadable | None = None
    is_message: bool = False

    @property
    def name(self) -> str:
        """The last part of the uri, a hint at the format."""
        return self.uri.rsplit("/", 1)[-1] + (".eml" if self.is_message else "")


def discover(source: Source, *, leave_out: str | None = None) -> Iterator[Found]:
    """The documents of a source, one at a time, in the order of their sorted paths.

    Hidden files, lock files of office programs and folders reached by a link are left out: what
    such a link inside the source points to is found where it lies. Documents that the globs or
    the days of `source` leave out are not given; `limit` is the caller's business.

    Args:
        source: Where to look and what counts.
        leave_out: A folder that is not searched (the lake may lie inside the source).

    Raises:
        SourceError: the source is missing, or holds no document at all.
    """
    root, found = source_root(source)
    is_folder = stat.S_ISDIR(found.st_mode)
    walk = _Walk(source, root if is_folder else root.parent, leave_out)
    if is_folder:
        yield from walk.folder(str(root), "")
    else:
        yield from walk.file(str(root), _part(root.name), found)
    if not walk.seen:
        raise SourceError(
            f"the source {source.path!r} holds no documents; put documents there or name another "
            "folder"
        )
    if not walk.named:
        raise SourceError(
            f"none of the {counted(walk.seen, 'document')} in {source.path!r} is named by "
            "`include` and not by `exclude`; change the globs of the source"
        )


class _Walk:
    """A walk through one source."""

    def __init__(self, source: Source, root: Path, leave_out: str | None) -> None:
        self._selection = Selection(source)
        self._max_bytes = source.max_bytes
        self._root = str(root)
        self._leave_out = os.path.realpath(leave_out) if leave_out else None
        self.seen = 0
        self.named = 0

    def folder(self, path: str, uri: str) -> Iterator[Found]:
        """Everything below a folder."""
        if uri.count("/") >= _MAX_FOLDERS:
            problem = Unreadable.of(
                Reason.TOO_DEEP, f"the folder lies {_MAX_FOLDERS} others deep; it was not searched"
            )
            yield from self._refuse(uri, problem, None, None)
            return
        try:
            names = sorted(os.listdir(path))
        except OSError as error:
            if not uri:
                words = words_of(error)
                raise SourceError(f"the source {path!r} cannot be read: {words}") from None
            problem = Unreadable.of(
                Reason.UNREADABLE, f"the folder cannot be listed: {words_of(error)}"
            )
            yield from self._refuse(uri, problem, None, None)
            return
        for name in names:
            if is_hidden(name):
                continue
            inner = os.path.join(path, name)
            inner_uri = f"{uri}/{_part(name)}" if uri else _part(name)
            try:
                status = os.lstat(inner)
                if stat.S_ISLNK(status.st_mode):
                    yield from self._link(inner, inner_uri)
                elif stat.S_ISDIR(status.st_mode):
                    if inner != self._leave_out:
                        yield from self.folder(inner, inner_uri)
                else:
                    yield from self.file(inner, inner_uri, status)
            except OSError as error:
                problem = Unreadable.of(Reason.UNREADABLE, f"it cannot be read: {words_of(error)}")
                yield from self._refuse(inner_uri, problem, None, None)

    def _link(self, path: str, uri: str) -> Iterator[Found]:
        try:
            target = os.path.realpath(path, strict=True)
        except OSError as error:
            looping = error.errno == errno.ELOOP
            reason = Reason.LINK_LOOP if looping else Reason.UNREADABLE
            what = "points to itself" if looping else "points to nothing"
            yield from self._refuse(uri, Unreadable.of(reason, f"the link {what}"), None, None)
            return
        if target != self._root and not target.startswith(self._root.rstrip("/") + "/"):
            problem = Unreadable.of(
                Reason.UNSAFE_PATH, "the link leads out of the source; copy what it points to"
            )
            yield from self._refuse(uri, problem, None, None)
        elif os.path.isdir(target):
            if os.path.dirname(path) == target or path.startswith(target.rstrip("/") + "/"):
                problem = Unreadable.of(
                    Reason.LINK_LOOP, "the link leads back to a folder it lies in"
                )
                yield from self._refuse(uri, problem, None, None)
        else:
            yield from self.file(target, uri, os.stat(target))

    def file(self, path: str, uri: str, status: os.stat_result) -> Iterator[Found]:
        """A file: a document, or the documents inside of it."""
        if self._selection.excludes(uri):
            self.seen += 1
            return
        modified_at = _instant(status.st_mtime)
        if not stat.S_ISREG(status.st_mode):
            problem = Unreadable.of(Reason.UNSUPPORTED, "it is a pipe or a device, not a file")
            yield from self._refuse(uri, problem, None, modified_at)
            return
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115 - a permission error is a finding
        except OSError as error:
            problem = Unreadable.of(Reason.UNREADABLE, f"it cannot be opened: {words_of(error)}")
            yield from self._refuse(uri, problem, status.st_size, modified_at)
            return
        with file:
            # Most files are small documents: one read then suffices.
            head = file.read(1 << 16)
            kind = container_kind(head[:HEAD_BYTES], uri)
            if kind is not None and not is_document(file, kind, head, uri):
                allowance = Allowance(status.st_size)
                buffered = io.BufferedReader(file)
                yield from self._container(buffered, kind, uri, modified_at, allowance, 1)
                return
            if not self._counts(uri, uri, modified_at):
                return
            if status.st_size > self._max_bytes:
                yield from self._refuse(
                    uri, self._too_large(), status.st_size, modified_at, tried=True
                )
                return
            data = head
            if status.st_size > len(head):
                file.seek(len(head))
                data += _read_up_to(file, self._max_bytes + 1 - len(head))
            if len(data) > self._max_bytes:  # it grew meanwhile
                problem = self._too_large()
                yield from self._refuse(uri, problem, len(data), modified_at, tried=True)
                return
        yield from self._give(uri, data, modified_at)

    def _container(
        self,
        file: BinaryIO,
        kind: Kind,
        uri: str,
        modified_at: datetime | None,
        allowance: Allowance,
        depth: int,
    ) -> Iterator[Found]:
        """The documents in an archive or mailbox; what is wrong with it is one dead letter."""
        found_any = False
        try:
            if kind is Kind.MBOX:
                inside = self._mailbox(file, uri, modified_at)
            else:
                inside = self._archive(file, kind, uri, modified_at, allowance, depth)
            for found in inside:
                found_any = True
                yield found
        except Exhausted as problem:
            if depth > 1:
                raise
            yield from self._refuse(uri, problem, None, modified_at)
        except Unreadable as problem:
            what = f"{problem}; what comes after could not be read" if found_any else str(problem)
            yield from self._refuse(uri, Unreadable.of(problem.reason, what), None, modified_at)
        except OSError as error:
            trouble = Unreadable.of(Reason.UNREADABLE, f"it cannot be read: {words_of(error)}")
            yield from self._refuse(uri, trouble, None, modified_at)

    def _archive(
        self,
        file: BinaryIO,
        kind: Kind,
        uri: str,
        modified_at: datetime | None,
        allowance: Allowance,
        depth: int,
    ) -> Iterator[Found]:
        file.seek(0)
        name = uri.rsplit("/", 1)[-1]
        for member in members(file, kind, name, allowance):
            inner = f"{uri}!/{member.name}"
            when = member.modified_at or modified_at
            try:
                yield from self._member(member, inner, uri, when, allowance, depth)
            except Exhausted:
                raise
            except Unreadable as problem:
                if self._counts(inner, uri, when):
                    yield from self._refuse(inner, problem, member.size, when, tried=True)

    def _member(
        self,
        member: Member,
        uri: str,
        container: str,
        modified_at: datetime | None,
        allowance: Allowance,
        depth: int,
    ) -> Iterator[Found]:
        if self._selection.excludes(uri):
            self.seen += 1
            return
        if member.problem is not None:
            raise member.problem
        stream = member.open()
        head = b""
        while len(head) < HEAD_BYTES and (piece := stream.read(HEAD_BYTES - len(head))):
            head += piece
        content = Prefixed(head, stream)
        kind = container_kind(head, uri)
        if kind is None:
            if self._counts(uri, container, modified_at):
                chunks = member_chunks(member, self._max_bytes, allowance, content)
                data = b"".join(chunks)
                yield from self._give(uri, data, modified_at)
            return
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
            most = max(self._max_bytes, _NESTED_BYTES)
            for chunk in member_chunks(member, most, allowance, content):
                spool.write(chunk)
            size = spool.tell()
            if is_document(spool, kind, head, uri):
                if self._counts(uri, container, modified_at):
                    if size > self._max_bytes:
                        raise self._too_large()
                    spool.seek(0)
                    yield from self._give(uri, spool.read(), modified_at)
            elif depth >= MAX_DEPTH:
                raise Unreadable.of(
                    Reason.TOO_DEEP,
                    f"it is an archive inside {depth} others; at most {MAX_DEPTH} are opened",
                )
            else:
                inner = cast("BinaryIO", spool)
                yield from self._container(inner, kind, uri, modified_at, allowance, depth + 1)

    def _mailbox(self, file: BinaryIO, uri: str, modified_at: datetime | None) -> Iterator[Found]:
        file.seek(0)
        for number, data in enumerate(mailbox_messages(file, self._max_bytes), start=1):
            inner = f"{uri}!/{number}"
            if not self._counts(inner, uri, modified_at):
                continue
            if data is None:
                yield from self._refuse(inner, self._too_large(), None, modified_at, tried=True)
            else:
                yield from self._give(inner, data, modified_at, is_message=True)

    def _counts(self, uri: str, container: str, modified_at: datetime | None) -> bool:
        """Whether a document is asked for, as far as that can be said before it is read.

        An `include` that names an archive takes in all that it holds.
        """
        self.seen += 1
        selection = self._selection
        named = selection.includes(uri) or (
            container != uri and selection.includes(container) and not selection.excludes(uri)
        )
        self.named += named
        if not named:
            return False
        return selection.needs_content or selection.in_window(uri, modified_at, None)

    def _give(
        self, uri: str, data: bytes, modified_at: datetime | None, *, is_message: bool = False
    ) -> Iterator[Found]:
        if not self._selection.needs_content or self._selection.in_window(uri, modified_at, data):
            yield Found(uri, data, len(data), modified_at, is_message=is_message)

    def _refuse(
        self,
        uri: str,
        problem: Unreadable,
        size: int | None,
        modified_at: datetime | None,
        *,
        tried: bool = False,
    ) -> Iterator[Found]:
        """A dead letter, if it is one of the documents asked for."""
        if not tried and not self._counts(uri, uri, modified_at):
            return
        if not self._selection.needs_content:
            yield Found(uri, None, size, modified_at, problem)

    def _too_large(self) -> Unreadable:
        return Unreadable.of(
            Reason.TOO_LARGE,
            f"it is larger than {self._max_bytes} bytes; raise `max_bytes` of the source to read "
            "it",
        )


def _read_up_to(file: io.FileIO, count: int) -> bytes:
    pieces = []
    while count > 0 and (piece := file.read(count)):
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _part(name: str) -> str:
    """A file name as a uri may carry it; names that are no valid text lose what is not."""
    if name.isascii():
        return printable(name)
    return printable(os.fsencode(name).decode("utf-8", "replace"))


def _instant(timestamp: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None
