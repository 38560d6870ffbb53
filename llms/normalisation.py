"""When are two texts the same words? A form without the accidents of writing and layout."""

import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

# Letters or digits; ASCII signs and white space, of which nothing stays; any other character.
_RUN = re.compile(r"([A-Za-z]+|[0-9]+)|([\x00-#%-*,-/:-@\[-`{-\x7f]+)|[^A-Za-z0-9]")
_MOST_ERRORS = 8
_MOST_CANDIDATES = 12


def normalised(text: str) -> tuple[str, "array[int]"]:
    """The normalised form of `text`, and for each of its characters the position it came from.

    Letters (case folded, composed or not, compatibility forms resolved), digits, currency signs and
    `+` stay; white space, line breaks, hyphens and all other signs go. Between two digits one
    separator is kept, so that 1.5 is not 15 and `12 34` not 1234.
    """
    parts: list[str] = []
    places = array("q")
    gap = ""
    after_digit = False
    for match in _RUN.finditer(text):
        run = match[0]
        kind = match.lastindex
        form = run.lower() if kind == 1 else "" if kind == 2 else folded(run)
        if not form:
            gap += run
            continue
        start = match.start()
        if gap:
            if after_digit and form[0].isdigit():
                parts.append(_separator(gap))
                places.append(start - 1)
            gap = ""
        parts.append(form)
        if len(run) == 1:
            places.extend([start] * len(form))
        else:
            places.extend(range(start, match.end()))
        after_digit = form[-1].isdigit()
    return "".join(parts), places


@lru_cache(maxsize=8192)
def folded(character: str) -> str:
    """What stays of one character; empty for white space and punctuation."""
    form = unicodedata.normalize("NFKD", character).casefold()
    return "".join(c for c in unicodedata.normalize("NFKD", form) if _stays(c))


def _stays(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LMN" or category == "Sc" or character == "+"


def _separator(gap: str) -> str:
    if any(c.isspace() for c in gap):
        return " "
    return gap[0] if gap[0] in ".,:/" else "-"


def nearly(form: str, key: str, low: int, high: int) -> Iterator[tuple[int, int, float]]:
    """Where something nearly like `key` stands in `form[low:high]`: start, end and likeness.

    At most a tenth of the characters may differ, and no digit. `key` must be at least ten
    characters long and is not looked for when it is far longer than a name or a line.
    """
    errors = len(key) // 10
    if not 0 < errors <= _MOST_ERRORS:
        return
    tried: set[int] = set()
    # Of errors + 1 pieces one must stand there unharmed, so only its surroundings are compared.
    bounds = [len(key) * n // (errors + 1) for n in range(errors + 2)]
    for begin, end in pairwise(bounds):
        place = form.find(key[begin:end], low, high)
        while place >= 0 and len(tried) < _MOST_CANDIDATES:
            base = place - begin - errors
            if base // (errors + 1) not in tried:
                tried.add(base // (errors + 1))
                found = _align(form, key, base, errors, low, high)
                if found and _digits(form[found[0] : found[1]]) == _digits(key):
                    yield found[0], found[1], 1 - found[2] / len(key)
            place = form.find(key[begin:end], place + 1, high)


def _align(
    form: str, key: str, base: int, errors: int, low: int, high: int
) -> tuple[int, int, int] | None:
    """The stretch of `form` around `base` with the fewest edits to `key`; null if over `errors`.

    Only diagonals within `errors` of the expected one are walked; each cell holds the edits so far
    and where its stretch began.
    """
    width = 2 * errors + 1
    never = (errors + 1, 0)
    cells = [(0, base + d) if low <= base + d <= high else never for d in range(width)]
    for i, character in enumerate(key, 1):
        below = cells
        cells = []
        for d in range(width):
            column = base + i + d
            if not low < column <= high:
                best = never
            else:
                edits, start = below[d]
                best = (edits + (form[column - 1] != character), start)
                if d and cells[d - 1][0] + 1 < best[0]:
                    best = (cells[d - 1][0] + 1, cells[d - 1][1])
            if d + 1 < width and below[d + 1][0] + 1 < best[0]:
                best = (below[d + 1][0] + 1, below[d + 1][1])
            cells.append(best)
    end = min(range(width), key=lambda d: (cells[d][0], abs(d - errors)))
    edits, start = cells[end]
    stop = base + len(key) + end
    return (start, stop, edits) if edits <= errors and start < stop else None


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())
