"""Which members does an archive hold, read in place, in bounded memory and without trusting it?

Nothing is unpacked to disk. Headers are believed only where they make things worse: a size that
claims too much is refused at once, a size that claims little is checked while decompressing.
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from tasks.parse_errors import Reason, Unreadable
from tasks.parse_members import MAX_RATIO, Allowance, Member, is_hidden, make_member
from tasks.parse_streams import CHUNK, CODECS, Inflating, Prefixed, Stream
from tasks.parse_tar import tar_members
from tasks.parse_zip import zip_members, zip_names
from tasks.sniffing import Kind, broken_zip_document, is_tar, zip_document

_SUSPICIOUS_BYTES = 8 << 20


def members(file: BinaryIO, kind: Kind, name: str, allowance: Allowance) -> Iterator[Member]:
    """The files of an archive, in its order; folders and hidden files are left out.

    Args:
        file: The archive, seekable.
        kind: ZIP, TAR, GZIP, BZIP2 or XZ; of the last three, a tar inside is seen through.
        name: File name of the archive; a single compressed file is called after it.
        allowance: What the archive may still swell; shared with the archive it lies in.

    Raises:
        Unreadable: the archive itself is at fault; the members before were good.
    """
    if kind is Kind.ZIP:
        found = zip_members(file)
    elif kind is Kind.TAR:
        found = tar_members(file)
    else:
        found = _compressed_members(file, kind, name, allowance)
    for member in found:
        allowance.member()
        if member.problem is not None or not is_hidden(member.name):
            yield member


def member_chunks(
    member: Member, max_bytes: int, allowance: Allowance, stream: Stream | None = None
) -> Iterator[bytes]:
    """The content of a member piece by piece.

    `stream` is the content where the member has been opened already.

    Raises:
        Unreadable: refused, too_large, zip_bomb, corrupt; `Exhausted` ends the whole archive.
    """
    if member.problem is not None:
        raise member.problem
    if member.size is not None and member.size > max_bytes:
        raise _too_large(member, member.size, max_bytes)
    stream, size = stream or member.open(), 0
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if not member.is_counted:
            allowance.expand(len(chunk))
        if size > max_bytes:
            raise _too_large(member, size, max_bytes)
        if member.size is not None and size > member.size:
            raise Unreadable.of(
                Reason.ZIP_BOMB, f"the member gives more than the {member.size} bytes it claims"
            )
        if size > _SUSPICIOUS_BYTES and _swells(member, size):
            raise _bomb(member)
        yield chunk
    if member.size is not None and size < member.size:
        raise Unreadable.of(
            Reason.CORRUPT, f"the member ends after {size} of its {member.size} bytes"
        )


def _swells(member: Member, size: int) -> bool:
    return member.compressed is not None and size > MAX_RATIO * max(member.compressed, 1)


def _too_large(member: Member, size: int, max_bytes: int) -> Unreadable:
    if _swells(member, size):
        return _bomb(member)
    return Unreadable.of(
        Reason.TOO_LARGE,
        f"the member is larger than {max_bytes} bytes; raise `max_bytes` of the source to read it",
    )


def _bomb(member: Member) -> Unreadable:
    return Unreadable.of(
        Reason.ZIP_BOMB,
        f"the member swells to more than {MAX_RATIO} times its {member.compressed} packed bytes",
    )


def _compressed_members(
    file: BinaryIO, kind: Kind, name: str, allowance: Allowance
) -> Iterator[Member]:
    stream = Inflating(file, CODECS[kind], several=True)
    head = b""
    while len(head) < 512 and (chunk := stream.read(512 - len(head))):
        head += chunk
    whole = Prefixed(head, stream)
    if is_tar(head):
        yield from tar_members(whole, allowance)
        return
    inner = re.sub(r"\.(gz|gzip|bz2|xz)$", "", name, flags=re.IGNORECASE) or name

    def open_() -> Stream:
        file.seek(0)
        return Inflating(file, CODECS[kind], several=True)

    yield make_member(inner, None, None, file.seek(0, 2), open_)


def is_document(file: Any, kind: Kind, head: bytes, name: str) -> bool:
    """Whether what looks like an archive is one document: an office file, e-book, Java archive.

    Args:
        file: The file, seekable; where it stands afterwards is not defined.
        kind: What its beginning looks like.
        head: Its beginning.
        name: Its name, a hint where it is damaged.
    """
    if kind is not Kind.ZIP:
        return False
    try:
        names = list(zip_names(file))
    except (Unreadable, OSError):
        return broken_zip_document(head[:4096], name) is not None
    if not names:
        return broken_zip_document(b"", name) is not None
    mimetype = None
    if names[0] == "mimetype" and head[30:38] == b"mimetype":
        mimetype = head[38:200].decode("ascii", "replace")
    return zip_document(names, mimetype) is not None
