"""What is the value in a stretch of text: one reader per kind of value."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llms.offline.addresses import block_from
from llms.offline.lexicon import Kind
from llms.offline.page import Page, Zone
from llms.offline.plans import FieldPlan
from llms.offline.vocabulary import (
    COMPANY_SUFFIX,
    CURRENCY_CODE,
    CURRENCY_SIGNS,
    HAS_SUFFIX,
    NOT_NAME,
)
from llms.offline.words import TOKEN, words
from llms.recognition import Mention


@dataclass(frozen=True, slots=True)
class Found:
    """A value in the notation asked for and where it stands.

    Attributes:
        value: The value.
        start: Where the words that show it begin.
        end: Where they end.
        sure: How well its shape fits the kind, between 0 and 1.
    """

    value: str
    start: int
    end: int
    sure: float = 1.0


_ID = re.compile(r"(?:[A-Z]{1,4} (?=\d))?[^\W_](?:[\w./:\-]*[^\W_])?")
_DAY_LIKE = re.compile(r"\d[./-]\d+[./-]\d")
_VAT = re.compile(r"(?:[A-Z]{2,3}[ \-]?)?[0-9A-Z](?:[ .\-/]?\d){6,13}[A-Z0-9]*")
_MESSAGE_ID = re.compile(r"<([^<>\s]+@[^<>\s]+)>|([^\s<>,;]+@[^\s<>,;]+)")
_DOCKET = re.compile(r"\b(?:\d{1,2}:)?\d{2,4}-(?:[a-z]{2,4}-)?\d{2,6}\b")
_NAME_END = re.compile(
    rf"\s*[<(|·•\t;\"]|,(?!\s*(?:{COMPANY_SUFFIX})(?![\w]))|\s{{3,}}|\s[-–—]\s|\s(?:hereinafter|"
    rf"nachfolgend|ci-après)\b"
)
_VERSUS = re.compile(
    r"(?P<name>[A-Z0-9][^\n:;]{0,100}?\s(?:v|vs|versus|c|gegen|contre|\./\.)\.?\s+[A-Z0-9][^\n:;"
    r"]{0,100})"
)
_PHONE = re.compile(r"\+?[(\d][\d ()/.\-]{5,20}\d")
_URL = re.compile(
    r"(?:https?://|www\.)[^\s<>\"')]+|[\w\-]+(?:\.[\w\-]+)*\.(?:com|org|net|de|fr|ch|at|eu|io)\b"
)
_FILE = re.compile(r"[^,;|\n]+")
_PLACE = re.compile(r"[A-ZÀ-Þ][\w'’\-]+(?:[ ](?:of |the |and )?[A-ZÀ-Þ][\w'’\-]+){0,3}")
_TEXT_LIMIT = 500
_SPACES = re.compile(r"\s+")
_CURRENCY_PREFIX = re.compile(r"^[A-Za-z]{2,3}\.?\s+")


def squeezed(words: str) -> str:
    """`words` on one line, with single spaces."""
    return _SPACES.sub(" ", words).strip()


def as_found(field: FieldPlan, page: Page, mention: Mention, sure: float = 1.0) -> Found:
    """A recognised mention in the notation the field asks for."""
    value = mention.value
    start, end = mention.start, mention.end
    if field.as_printed:
        value = page.text[start:end]
        if field.kind is Kind.AMOUNT:
            # The digits are the value; a code that stands apart from them is not.
            apart = _CURRENCY_PREFIX.match(value)
            if apart and apart.end() > 0 and not field.multi:
                start += apart.end()
                value = page.text[start:end]
    return Found(value, start, end, sure - (0.25 if mention.alternatives else 0.0))


def read(field: FieldPlan, page: Page, zone: Zone) -> list[Found]:
    """The values of the field's kind in a zone, likeliest first; empty when there is none."""
    return list(_READERS[field.kind](field, page, zone))


def _mentioned(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    for mention in page.mentions_in(field.kind, zone.start, zone.end):
        far = min(0.4, (mention.start - zone.start) / 100)
        yield as_found(field, page, mention, 1.0 - far)


def _amounts(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    mentions = page.mentions_in(Kind.AMOUNT, zone.start, zone.end)
    # On the label's own line quantities and rates come first; below it the first is meant.
    for mention in mentions if zone.below else reversed(mentions):
        far = 0.2 if zone.below and mention.start - zone.start > 12 else 0.0
        yield as_found(field, page, mention, 1.0 - far)
    if not mentions:
        whole = re.fullmatch(
            r"[^\w\d]*(?:[A-Z]{2,3}\s)?(\d{1,9})\W*", page.text[zone.start : zone.end]
        )
        if whole and not field.as_printed:
            start = zone.start + whole.start(1)
            yield Found(whole.group(1), start, zone.start + whole.end(1), 0.7)


def _integers(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    for mention in page.mentions_in(Kind.INTEGER, zone.start, zone.end):
        yield as_found(field, page, mention, 0.9 if mention.start == zone.start else 0.6)


def _identifiers(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    text = page.text
    if field.concept == "message_id":
        for m in _MESSAGE_ID.finditer(text, zone.start, zone.end):
            group = 1 if m.group(1) else 2
            yield Found(m.group(group), m.start(group), m.end(group))
        return
    if field.concept == "vat_id":
        for m in _VAT.finditer(text, zone.start, min(zone.end, zone.start + 40)):
            yield Found(squeezed(m.group()), m.start(), m.end(), 0.95)
        return
    if field.concept == "case_number":
        dockets = list(_DOCKET.finditer(text, zone.start, zone.end))
        for m in dockets:
            yield Found(m.group(), m.start(), m.end(), 0.95)
        if dockets:
            return
    for m in _ID.finditer(text, zone.start, min(zone.end, zone.start + 60)):
        token = m.group()
        if not any(c.isdigit() for c in token):
            continue
        is_other = bool(_DAY_LIKE.search(token)) and any(
            mention.start <= m.start() and m.end() <= mention.end
            for mention in page.mentions_in(Kind.DATE, zone.start, zone.end)
        )
        sure = 0.95 if m.start() - zone.start <= 6 else 0.7
        yield Found(token, m.start(), m.end(), 0.3 if is_other else sure)


_SIGNED = re.compile(r"\s*/s/\s*")
_NO_NAME = re.compile(r"\d+\.(?:\d|\s)|[\[(“\"]|\W*$")
_FORM_FIRST = re.compile(rf"(?:{COMPANY_SUFFIX})(?![\w])\.?(?:\s|$)(?!of\b)")
_LONG_NUMBER = re.compile(r"\d{4}")
_PARTICLES = frozenset(words("of the and & und et von van de der du la le for für y e"))
_REGISTRATION = re.compile(
    r"[\s,]*(?:[(<\[]\s*)?(?=[\w -]*\d{4})[\dA-Z]{1,14}(?:[ -][\dA-Z]{1,14}){0,3}"
    r"\s*[)>\]]?(?:\s*\([A-Z]{2,4}\))?[\s,.]*$"
)


def without_registration(name: str) -> str:
    """A company's name without the registration number printed behind it."""
    shorter = _REGISTRATION.sub("", name)
    return shorter if sum(c.isalpha() for c in shorter) >= 3 else name


def name_in(page: Page, start: int, end: int) -> Found | None:
    """The name of a person or an organisation that `start:end` begins with."""
    words = page.text[start:end]
    cut = _NAME_END.search(words)
    if cut and cut.start() > 0:
        words = words[: cut.start()]
    signed = _SIGNED.match(words)
    stripped = words[signed.end() if signed else 0 :].strip(" \t\n.:,\"'“”„*")
    if not stripped or stripped[0].islower() or _NO_NAME.match(stripped):
        return None
    if _LONG_NUMBER.search(stripped) or _FORM_FIRST.match(stripped):
        return None  # a number, or the rest of a name whose first word looked like a label
    at = page.text.index(stripped, start)
    if page.text.startswith(".", at + len(stripped)) and HAS_SUFFIX.search(stripped):
        stripped += "."
    letters = sum(c.isalpha() for c in stripped)
    if letters < 2 or len(stripped) > 90 or letters < len(stripped) / 2:
        return None
    telling = [w for w in stripped.split() if w.lower() not in _PARTICLES]
    capitals = sum(w[0].isupper() or not w[0].isalpha() for w in telling)
    sure = 0.95 if HAS_SUFFIX.search(stripped) else 0.85
    if capitals < 0.7 * len(telling) or len(telling) > 7:
        sure = 0.3
    if NOT_NAME.search(stripped):
        sure = 0.3
    return Found(squeezed(stripped), at, at + len(stripped), sure)


def _names(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    words = page.text[zone.start : zone.end]
    if zone.below and ":" in words:
        return  # a line with a label of its own
    found = name_in(page, zone.start, zone.end)
    if found is not None:
        yield found


def _addresses(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    line = page.line_of(zone.start)
    block = block_from(page, line)
    if block is not None:
        start = max(block.start, zone.start)
        yield Found(squeezed(page.text[start : block.end]), start, block.end, 0.9)
        return
    words = page.text[zone.start : zone.end].strip()
    if any(c.isdigit() for c in words) and "," in words:
        yield Found(squeezed(words), zone.start, zone.start + len(words), 0.7)


def _text(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    end = zone.end
    if field.concept == "description":
        blank = re.search(r"\n[ \t]*\n", page.text[zone.start : zone.start + 4 * _TEXT_LIMIT])
        end = zone.start + (blank.start() if blank else zone.end - zone.start)
    words = page.text[zone.start : end].rstrip()
    cut = re.search(r"\t| {3,}| \| ", words)
    if cut and cut.start() > 0 and field.concept != "description":
        words = words[: cut.start()].rstrip()
    stripped = words.strip(' \t\n*|"').removesuffix('",')
    if page.delimiter:
        stripped = stripped.split(page.delimiter)[0].strip('" ')
    if any(c.isalnum() for c in stripped):
        at = page.text.index(stripped, zone.start)
        yield Found(squeezed(stripped), at, at + len(stripped), 0.9)


_OF_PLACE = re.compile(
    r"(?:the )?(?:State|Commonwealth|Province|Republic|Canton|Kingdom|Federal Republic) "
    r"of (?:the )?"
)


def _places(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    for m in _PLACE.finditer(page.text, zone.start, zone.end):
        lead = _OF_PLACE.match(page.text, m.start(), m.end())
        start = lead.end() if lead else m.start()
        yield Found(page.text[start : m.end()], start, m.end(), 0.85)


def _versus(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    joined = page.text[zone.start : zone.end].rstrip()
    found = _VERSUS.search(joined)
    if found:
        name = found.group("name").strip(" ,")
        at = zone.start + found.start("name")
        yield Found(squeezed(name), at, at + len(name), 0.95)
    elif joined.strip():
        stripped = joined.strip()
        at = page.text.index(stripped, zone.start)
        yield Found(squeezed(stripped), at, at + len(stripped), 0.75)


def _pattern(pattern: re.Pattern[str], sure: float) -> "Reader":
    def reader(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
        for m in pattern.finditer(page.text, zone.start, zone.end):
            yield Found(m.group(), m.start(), m.end(), sure)

    return reader


def _files(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    for m in _FILE.finditer(page.text, zone.start, zone.end):
        name = m.group().strip()
        if name and re.search(r"\.\w{1,5}$", name):
            at = page.text.index(name, m.start())
            yield Found(name, at, at + len(name), 0.95)


def _currency(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    for m in CURRENCY_CODE.finditer(page.text, zone.start, zone.end):
        code = "MYR" if m.group() == "RM" else m.group()
        yield Found(code, m.start(), m.end(), 1.0)
    for sign, code in CURRENCY_SIGNS.items():
        at = page.text.find(sign, zone.start, zone.end)
        if at >= 0:
            yield Found(code, at, at + len(sign), 0.9)


def _categories(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    best = choose(field, page, zone.start, zone.end)
    if best:
        yield best[0]


def choose(field: FieldPlan, page: Page, start: int, end: int) -> list[Found]:
    """The choices of a category whose words stand in `start:end`, the earliest word first."""
    tokens, places = _words_in(page, start, end)
    found: list[Found] = []
    for rank, (choice, sequences) in enumerate(field.choices):
        for sequence in sequences:
            size = len(sequence)
            for i in places.get(sequence[0], ()):
                # Most sequences are one word, and that one has been looked up.
                if size == 1 or tuple(t[0] for t in tokens[i : i + size]) == sequence:
                    at, stop = tokens[i][1], tokens[i + size - 1][2]
                    found.append(Found(choice, at, stop, 1.0 - 0.001 * rank))
                    break
    return sorted(found, key=lambda f: (f.start, -f.end))


_Token = tuple[str, int, int]


def _words_in(page: Page, start: int, end: int) -> tuple[list[_Token], dict[str, list[int]]]:
    """The words of `start:end` with their spans and, by word, where in that list it stands."""
    key = ("words", (start, end))
    if key not in page.memo:
        # Read anew rather than cut from the page's: the stretch may begin or end inside a word.
        tokens = [(m[0], *m.span()) for m in TOKEN.finditer(page.low, start, end)]
        places: dict[str, list[int]] = {}
        for number, (word, _, _) in enumerate(tokens):
            places.setdefault(word, []).append(number)
        page.memo[key] = tokens, places
    known: tuple[list[_Token], dict[str, list[int]]] = page.memo[key]
    return known


_YES = frozenset(words("yes ja oui si sí true y x wahr vrai"))
_NO = frozenset(words("no nein non false n falsch faux keine none"))


def _booleans(field: FieldPlan, page: Page, zone: Zone) -> Iterator[Found]:
    for m in TOKEN.finditer(page.low, zone.start, zone.end):
        if m.group() in _YES or m.group() in _NO:
            yield Found("true" if m.group() in _YES else "false", m.start(), m.end())
            return


Reader = Callable[[FieldPlan, Page, Zone], Iterator[Found]]

_READERS: dict[Kind, Reader] = {
    Kind.DATE: _mentioned,
    Kind.DATETIME: _mentioned,
    Kind.AMOUNT: _amounts,
    Kind.INTEGER: _integers,
    Kind.COUNT: _integers,
    Kind.DURATION: _mentioned,
    Kind.EMAIL: _mentioned,
    Kind.IDENTIFIER: _identifiers,
    Kind.PARTY: _names,
    Kind.ADDRESS: _addresses,
    Kind.TEXT: _text,
    Kind.SUMMARY: _text,
    Kind.CATEGORY: _categories,
    Kind.BOOLEAN: _booleans,
    Kind.PLACE: _places,
    Kind.CURRENCY: _currency,
    Kind.FILES: _files,
    Kind.VERSUS: _versus,
    Kind.PHONE: _pattern(_PHONE, 0.9),
    Kind.URL: _pattern(_URL, 0.9),
}
