"""What is a member of an archive, and how much may an archive swell?"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tasks.parse_errors import Reason, Unreadable
from tasks.parse_streams import Stream

MAX_MEMBERS = 1_000_000
MAX_RATIO = 200
"""Text compresses 3 to 30 times; deflate can reach 1,032 times, on nothing but repetition."""
MIN_ALLOWANCE = 256 << 20
"""An archive may swell to this many bytes whatever its own size."""
_DRIVE = re.compile(r"^[A-Za-z]:")
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Allowance:
    """How much everything inside one archive, nested ones included, may still swell."""

    def __init__(self, compressed_bytes: int) -> None:
        """Allow `MAX_RATIO` times the size of the archive, and at least `MIN_ALLOWANCE`."""
        self.limit = max(MIN_ALLOWANCE, MAX_RATIO * compressed_bytes)
        self.expanded = 0
        self.members = 0

    def expand(self, count: int) -> None:
        """Account for `count` bytes that came out; `Unreadable` (zip_bomb) once it is too much."""
        self.expanded += count
        if self.expanded > self.limit:
            raise Exhausted.of(
                Reason.ZIP_BOMB,
                f"the archive swells beyond {self.limit >> 20} MiB; the rest of it was not read",
            )

    def member(self) -> None:
        """Account for one more member; `Unreadable` (zip_bomb) once there are too many."""
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise Exhausted.of(
                Reason.ZIP_BOMB,
                f"the archive has more than {MAX_MEMBERS} members; the rest was not read",
            )


class Exhausted(Unreadable):
    """The allowance of a whole archive is used up: none of its other members can be read."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive.

    Attributes:
        name: Its path inside the archive: relative, `/` between parts, no `..`.
        modified_at: When it was changed, null if unknown. Zips name no zone; UTC is assumed.
        size: Its size as its header claims, null if unknown.
        compressed: Bytes it takes in the archive, null if unknown.
        open: Gives its content. Of a tar, only until the next member is asked for.
        problem: Why it is refused; then `open` is not to be called.
        is_counted: Its bytes are accounted for where it is decompressed.
    """

    name: str
    modified_at: datetime | None
    size: int | None
    compressed: int | None
    open: Callable[[], Stream]
    problem: Unreadable | None = None
    is_counted: bool = False


def is_hidden(name: str) -> bool:
    """Whether a path is a hidden file, lies in a hidden folder or is an office lock file."""
    parts = name.split("/")
    return any(part.startswith(".") and part not in (".", "..") for part in parts) or parts[
        -1
    ].startswith("~$")


def safe_name(raw: str) -> str | None:
    """The path of a member as a uri may carry it; null if it climbs out, is absolute or empty."""
    path = raw.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or "\x00" in path or not parts or ".." in parts:
        return None
    if _DRIVE.match(parts[0]):
        return None
    return "/".join(printable(part) for part in parts)


def refused_name(raw: str) -> str:
    """A harmless spelling of a path that is refused, for uris and messages."""
    parts = [part for part in raw.replace("\\", "/").split("/") if part not in ("", ".")]
    shown = ["%2E%2E" if part == ".." else printable(part).replace(":", "%3A") for part in parts]
    return "/".join(shown)[:500] or "%00"


def printable(part: str) -> str:
    """A part of a path without control characters, bidirectional overrides and lone surrogates."""
    if part.isascii() and part.isprintable():
        return part
    return "".join(
        f"%{ord(char):02X}"
        if char in _BIDI or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")
        else char
        for char in part
    )


def make_member(
    raw: str,
    modified_at: datetime | None,
    size: int | None,
    compressed: int | None,
    open_: Callable[[], Stream],
    problem: Unreadable | None = None,
    *,
    is_counted: bool = False,
) -> Member:
    """Build a member from the path its archive names; an unsafe path makes it a refused one."""
    name = safe_name(raw)
    if name is None:
        problem = Unreadable.of(
            Reason.UNSAFE_PATH, "the member's path is absolute, empty or climbs out of the archive"
        )
        name = refused_name(raw)
    return Member(name, modified_at, size, compressed, open_, problem, is_counted)
