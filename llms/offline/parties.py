"""Who issues a document and between whom it is: names in the head and in opening sentences."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from llms.offline.addresses import address_score, block_from
from llms.offline.page import Page
from llms.offline.readers import Found, name_in, squeezed, without_registration
from llms.offline.vocabulary import (
    COMPANY,
    COMPANY_SUFFIX,
    HAS_SUFFIX,
    NOT_ADDRESS,
    NOT_NAME,
    STRONG_SUFFIX,
)
from llms.offline.words import words

_HEAD_LINES = 8
_PRICED = re.compile(r"\d[.,]\d\d\b|\s{3,}")
_BAR = re.compile(r"\s+[•·∙●]\s*")
_LED = re.compile(
    r"(?i)^(?:zwischen|between|entre|parties|and|und|et|by|von|to|an|der|die|le|la|société|firma)\s+"
)
_OPENING = re.compile(
    r"(?i)\b(?:by and between|by and among|between|among|zwischen|entre|tra|tussen)\b"
    r"(?:\s+(?:the\s+undersigned|den\s+parteien|les\s+soussignés))?\s*:?\s*"
    r"(?:(?:der|die|den|dem|la|le|l['’]|la\s+société|der\s+firma)\s+)?"
)
_OPENING_END = re.compile(
    r"(?i)\b(?:whereas|recitals|witnesseth|background|wird\s+folgend|il\s+a\s+été|"
    r"wird\s+der\s+folgende|schließen|conviennent|ont\s+convenu|the\s+parties|les\s+parties|"
    r"die\s+parteien|now,?\s+therefore|in\s+consideration|collectively|each\s+of\s+which)\b"
)
_JOINT = re.compile(
    r"(?:[,;]\s*)?(?:\b(?:and|und|et|e|en|AND)\b|[;&])\s+(?:\(?\w\)\s*)?(?=(?:the\s+)?[A-Z0-9À-Þ“\"])"
)
_NAME_STOP = re.compile(
    rf"\s*(?:\(|,(?!\s*(?:{COMPANY_SUFFIX})(?![\w]))|;|\n\s*\n|[“”\"]|"
    r"\s(?:with|having|located|a|an|mit|vertreten|dont|whose|on behalf|for and|hereinafter|"
    r"hereafter|"
    r"effective|dated|as of|regarding|pursuant|in connection|who|which|is|are|of \d)\b)"
)
_ROLES = frozenset(
    words(
        "company employee employer recipient party parties seller buyer executive disclosing "
        "receiving "
        "landlord tenant customer supplier contractor consultant client the undersigned each "
        "agreement "
        "them you us it both one and group corporation inc llc bank delaware partnership partners "
        "limited secrets trade information confidential material representatives associates"
    )
)


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with how much speaks for it; about 2 is a printed label with a fitting value."""

    found: Found
    score: float


def head_names(page: Page) -> Iterator[Scored]:
    """Names of an issuer among the first lines of a page, in order."""
    seen = 0
    for line in page.filled_lines[:_HEAD_LINES]:
        words = page.line_text(line)
        if not any(c.isalpha() for c in words):
            continue
        start, end = page.line_span(line)
        found = _whole_line(page, start, end)
        if found is None:
            continue
        score = 1.15 - 0.12 * seen
        seen += 1
        if STRONG_SUFFIX.search(found.value):
            score += 0.75
        if NOT_NAME.search(found.value):
            score -= 0.9
        if address_score(found.value) >= 1.0 and not HAS_SUFFIX.search(found.value):
            score -= 0.8
        if NOT_ADDRESS.search(found.value) or ":" in found.value:
            score -= 1.0
        if _PRICED.search(found.value) or found.value[0] in '"{[':
            score -= 0.8
        if _address_follows(page, line):
            score += 0.4
        if found.sure < 0.5:
            score -= 0.4
        yield Scored(found, score)
        above = page.line_text(line - 1) if line else ""
        if (
            above
            and _is_rest_of_name(found.value)
            and not NOT_NAME.search(above)
            and not page.hits_between(*page.line_span(line - 1))
        ):
            # A legal form alone on its line belongs to the name above it.
            at = page.text.index(above, page.line_span(line - 1)[0])
            whole = squeezed(page.text[at : found.end])
            if found.start - (at + len(above)) < 4 and len(whole) < 80:
                yield Scored(Found(whole, at, found.end, 0.9), score + 0.5)


def _is_rest_of_name(line: str) -> bool:
    """Whether a line holds little more than a legal form."""
    found = STRONG_SUFFIX.search(line)
    return found is not None and found.start() <= 12 and len(line.split()) <= 4


def _whole_line(page: Page, start: int, end: int) -> Found | None:
    cell = page.cells(page.line_of(start))[0]
    words = _BAR.split(page.text[cell[0] : cell[1]])[0].strip(" \t#*=|_")
    if HAS_SUFFIX.search(words):
        words = without_registration(words).rstrip(" ,")
    if sum(c.isalpha() for c in words) < 3 or len(words) > 80:
        return None
    at = page.text.index(words, start)
    capitals = sum(w[0].isupper() or not w[0].isalpha() for w in words.split())
    sure = 0.9 if capitals >= len(words.split()) / 2 and len(words.split()) <= 8 else 0.4
    return Found(squeezed(words), at, at + len(words), sure)


def _address_follows(page: Page, line: int) -> bool:
    return any(
        block_from(page, following) is not None
        for following in range(line + 1, min(line + 4, len(page.line_starts)))
        if page.line_text(following)
    )


def is_named(name: str) -> bool:
    """Whether a name says more than a role or a legal form: not `The Company`."""
    return any(word not in _ROLES and len(word) > 1 for word in words(name))


def companies(page: Page, start: int = 0, end: int | None = None) -> list[Found]:
    """Every name with a legal form in `start:end`."""
    limit = len(page.text) if end is None else end
    found = []
    for m in COMPANY.finditer(page.text, start, limit):
        at = m.start()
        while lead := _LED.match(page.text[at : m.end()]):
            at += lead.end()
        name = page.text[at : m.end()]
        if not NOT_NAME.search(name) and is_named(name) and any(c.isalpha() for c in name):
            found.append(Found(squeezed(name), at, m.end(), 0.9))
    return found


def between(page: Page) -> list[Scored]:
    """The parties that the opening sentence of a contract names, in order."""
    for opening in _OPENING.finditer(page.text, 0, 6000):
        names = list(_listed_names(page, opening.end()))
        if len(names) >= 2:
            return names
    return []


def _listed_names(page: Page, start: int) -> Iterator[Scored]:
    text = page.text
    limit = min(len(text), start + 1500)
    closing = _OPENING_END.search(text, start, limit)
    if closing and closing.start() > start + 10:
        limit = closing.start()
    position = start
    for _ in range(8):
        name = _name_at(page, position, limit)
        if name is None:
            return
        yield name
        joint = _next_joint(text, name.found.end, limit)
        if joint is None:
            return
        position = joint


def _name_at(page: Page, position: int, limit: int) -> Scored | None:
    text = page.text
    lead = re.compile(r"[\s“”\"(]*(?:\(?\d\)|[a-z]\)|\(\w\))?\s*").match(text, position, limit)
    start = lead.end() if lead else position
    stop = _NAME_STOP.search(text, start, min(limit, start + 140))
    end = stop.start() if stop else min(limit, start + 60)
    words = text[start:end]
    line = words.find("\n")
    if line > 0 and HAS_SUFFIX.search(words[:line]):
        words = words[:line]
    # "A and B" without a comma between them: two names, unless only both together have a form.
    joint = _JOINT.search(words)
    if joint and (HAS_SUFFIX.search(words[: joint.start()]) or not HAS_SUFFIX.search(words)):
        words = words[: joint.start()]
    found = name_in(page, start, start + len(words.rstrip()))
    if found is None or (not found.value[0].isupper() and not found.value[0].isdigit()):
        return None
    if not is_named(found.value):
        return None
    score = 1.9 if HAS_SUFFIX.search(found.value) else 1.4
    return Scored(found, score if found.sure > 0.5 else score - 0.8)


def _next_joint(text: str, start: int, limit: int) -> int | None:
    """Where the next party begins: after an `and` that stands outside brackets."""
    depth = 0
    for m in re.finditer(r"[()]|" + _JOINT.pattern, text[start:limit]):
        if m.group() == "(":
            depth += 1
        elif m.group() == ")":
            depth = max(0, depth - 1)
        elif depth == 0:
            following = text[start + m.end() : start + m.end() + 120]
            if _begins_party(following):
                return start + m.end()
    return None


def _begins_party(words: str) -> bool:
    first = words.split(",")[0].split("(")[0]
    leading = first.split()[:1]
    if not leading or leading[0].lower().strip(".,") in _ROLES - {"the"}:
        return False
    return bool(HAS_SUFFIX.search(words[:90])) or bool(
        re.match(r"(?:the\s+)?[A-Z][\w.'’\-]*(?:\s+[A-Z][\w.'’\-]*){1,4}\s*(?:,|\(|$|\.)", words)
    )
