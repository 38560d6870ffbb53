"""Where does a postal address stand: blocks of lines with a street, a house number, a postcode."""

import re
from dataclasses import dataclass
from functools import lru_cache

from llms.offline.page import Page
from llms.offline.vocabulary import HAS_SUFFIX, HOUSE_NUMBER, NOT_ADDRESS, POSTCODE, STREET

_MOST_LINES = 6
_WORD = re.compile(r"[^\W\d_]{3}|(?i:\bno\b)|^\d{4,6} [^\W\d_]")
_MOMENT = re.compile(
    r"\d[:.]\d\d[:.]\d\d|\d\d:\d\d|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b|"
    r"\b\d{1,2}\.? (?i:jan|feb|mar|mär|apr|mai|may|jun|jul|aug|sep|oct|okt|nov|dec|dez|janv|févr|"
    r"mars|avr|juin|juil|août|sept|déc)\w*\.? \d{2,4}"
)
_TITLE = re.compile(
    r"(?i)invoice|receipt|rechnung|facture|quittung|bill|order|cash|sale|copy|thank"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive lines that look like an address.

    Attributes:
        start: Where the first line's words begin.
        end: Where the last line's words end.
        first_line: Number of the first line.
        last_line: Number of the last line.
        score: How many marks of an address it carries, between 0 and 3.
    """

    start: int
    end: int
    first_line: int
    last_line: int
    score: float


# Lines are looked at from every line above them, and again when a document is asked about again.
@lru_cache(maxsize=4096)
def address_score(words: str) -> float:
    """How much one line looks like part of an address: street, house number, postcode."""
    score = 0.0
    if STREET.search(words):
        score += 1.0
    if POSTCODE.search(words):
        score += 0.7
    if HOUSE_NUMBER.search(words):
        score += 0.6
    if words.count(",") >= 2 or words.endswith(","):
        score += 0.4
    return score


def block_from(page: Page, line: int) -> Block | None:
    """The address block whose first line is `line`, or None when it does not look like one."""
    if ("block", line) not in page.memo:
        page.memo["block", line] = _find_block(page, line)
    known: Block | None = page.memo["block", line]
    return known


def _find_block(page: Page, line: int) -> Block | None:
    last, total = -1, 0.0
    start = end = 0
    for number in range(line, min(line + _MOST_LINES, len(page.line_starts))):
        words = page.line_text(number)
        if not words or len(words) > 120 or _is_something_else(words):
            break
        score = address_score(words)
        if score < 0.4 and (last < 0 or not _is_tail(words)):
            break
        line_start, _ = page.line_span(number)
        at = page.text.index(words, line_start)
        if last < 0:
            start = at
        end, last, total = at + len(words), number, total + score
    if last < 0 or total < 1.0:
        return None
    return Block(start, end, line, last, min(3.0, total))


def blocks(page: Page, *, among: int | None = None) -> list[Block]:
    """Every address block of a page, in order; only the first `among` filled lines if given."""
    found: list[Block] = []
    done = -1
    for line in page.filled_lines[:among]:
        if line <= done:
            continue
        block = block_from(page, line)
        if block is not None:
            found.append(block)
            done = block.last_line
    return found


@lru_cache(maxsize=4096)
def _is_something_else(words: str) -> bool:
    """Whether a line is no part of an address: a number alone, a date, a company, a label."""
    if not _WORD.search(words) or _MOMENT.search(words) or NOT_ADDRESS.search(words):
        return True
    return bool(HAS_SUFFIX.search(words)) and not STREET.search(words)


def _is_tail(words: str) -> bool:
    """Whether a line without marks may still be a town or country at the end of an address."""
    return (
        0 < len(words) <= 45
        and words[0].isupper()
        and not any(c.isdigit() or c in ":#*=()" for c in words)
        and len(words.split()) <= 5
        and not _TITLE.search(words)
    )
