"""Which of the documents found count: those that globs name and that a span of days contains?"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

from schemas.job import DateSource, Source
from tasks.mail import header_date

_YEAR = r"(?<!\d)(?P<y>(?:19|20)\d\d)"
_DAY_PATTERNS = (
    re.compile(_YEAR + r"(?P<s>[-_./ ])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})(?!\d)"),
    re.compile(_YEAR + r"(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(r"(?<!\d)(?P<d>\d{1,2})(?P<s>[-_.])(?P<m>\d{1,2})(?P=s)(?P<y>(?:19|20)\d\d)(?!\d)"),
)
_MONTH_PATTERN = re.compile(_YEAR + r"[-_./](?P<m>0[1-9]|1[0-2])(?!\d)")


class Selection:
    """The rules of a source about which documents count."""

    def __init__(self, source: Source) -> None:
        """Compile the globs of `source`."""
        self._include = compile_globs(source.include)
        self._exclude = compile_globs(source.exclude)
        self._since, self._until, self._by = source.since, source.until, source.by

    @property
    def has_window(self) -> bool:
        """Whether only documents of certain days count."""
        return self._since is not None or self._until is not None

    @property
    def needs_content(self) -> bool:
        """Whether a document must be read before it is known to count."""
        return self.has_window and self._by is DateSource.HEADER

    def excludes(self, uri: str) -> bool:
        """Whether `exclude` names it; an archive that is excluded is not opened."""
        return self._exclude(uri)

    def includes(self, uri: str) -> bool:
        """Whether `include` names it and `exclude` does not."""
        return self._include(uri) and not self._exclude(uri)

    def in_window(self, uri: str, modified_at: datetime | None, data: bytes | None) -> bool:
        """Whether a document is of the days asked for; one without a date is not.

        Args:
            uri: Its uri.
            modified_at: Its modification time.
            data: Its content, which only `by: header` looks at.
        """
        if not self.has_window:
            return True
        day = self._day(uri, modified_at, data)
        if day is None:
            return False
        return (self._since is None or day >= self._since) and (
            self._until is None or day < self._until
        )

    def _day(self, uri: str, modified_at: datetime | None, data: bytes | None) -> date | None:
        match self._by:
            case DateSource.PATH:
                return date_in(uri)
            case DateSource.NAME:
                return date_in(uri.rsplit("/", 1)[-1])
            case DateSource.HEADER:
                found = header_date(data) if data else None
                # The day where the message was written, which is what its reader sees.
                return found.date() if found else None
            case DateSource.MTIME:
                return modified_at.astimezone(UTC).date() if modified_at else None


def date_in(path: str) -> date | None:
    """The date written in a path: 2024-05-17, 2024/05/17, 20240517, 17.05.2024, or the first day
    of 2024-05 and 2024/05. The last one counts, a whole date before a month; null without one."""
    for pattern in _DAY_PATTERNS:
        for match in reversed(list(pattern.finditer(path))):
            found = _date(match["y"], match["m"], match["d"])
            if found:
                return found
    for match in reversed(list(_MONTH_PATTERN.finditer(path))):
        return _date(match["y"], match["m"], "1")
    return None


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def compile_globs(globs: tuple[str, ...]) -> Callable[[str], bool]:
    """A test whether any of `globs` matches a whole path.

    `**` stands for any number of folders, `*` and `?` stay within one part of the path, `[a-z]`
    and `[!a-z]` are classes; everything else stands for itself.
    """
    if "**/*" in globs or "**" in globs:
        return lambda path: True
    if not globs:
        return lambda path: False
    matches = re.compile("|".join(f"(?:{_regex(glob)})" for glob in globs), re.DOTALL).fullmatch
    return lambda path: matches(path) is not None


def _regex(glob: str) -> str:
    pieces, at = [], 0
    while at < len(glob):
        rest = glob[at:]
        if rest.startswith("**/"):
            pieces.append("(?:.*/)?")
            at += 3
        elif rest.startswith("**"):
            pieces.append(".*")
            at += 2
        elif rest[0] == "*":
            pieces.append("[^/]*")
            at += 1
        elif rest[0] == "?":
            pieces.append("[^/]")
            at += 1
        elif match := re.match(r"\[(!?)([^\]/]+)\]", rest):
            negation = "^/" if match[1] else ""
            inside = match[2].replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
            pieces.append(f"[{negation}{inside}]")
            at += match.end()
        else:
            pieces.append(re.escape(rest[0]))
            at += 1
    return "".join(pieces)
