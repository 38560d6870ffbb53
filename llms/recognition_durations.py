"""Which spans of time does a text name, in digits or in words?"""

import re

from llms.recognition_mention import Mention, disjoint, lowered
from llms.recognition_words import numbers_in_words

_UNIT_NAMES = {
    "day": "day days tag tage tagen jour jours día días dia dias giorno giorni dag dagen",
    "week": "week weeks woche wochen semaine semaines semana semanas settimana settimane weken",
    "month": "month months mos monat monate monaten monats mois mes meses mese mesi maand maanden "
    "mês",
    "year": "year years yr yrs jahr jahre jahren jahres an ans année années annee annees año años "
    "ano anos anno anni jaar jaren",
}
UNITS = {name: unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
"""`day`, `week`, `month` or `year` by its name in seven languages, in lower case."""

# The first letters stand in a class of their own, so that the search skips to them quickly.
_UNIT = re.compile(
    r"[dtjgwsmya](?:"
    + "|".join(sorted((name[1:] for name in UNITS), key=len, reverse=True))
    + r")(?:\(s\))?(?![^\W_])"
)
_QUALIFIERS = (
    r"(?:(?:business|calendar|consecutive|successive|working|full|additional|further|volle[nr]?|"
    r"weitere[nr]?|aufeinanderfolgende[nr]?)\s{1,2}){0,2}"
)
_DIGITS_BEFORE = re.compile(
    r"(?<![\d.,/:])(?:\(\s?)?(\d{1,5}(?:[.,]\d{1,2})?)(?:\s?\))?"
    rf"(?:\s?\([^()\d]{{1,30}}\))?[\s\-‐‑]{{0,3}}{_QUALIFIERS}\Z"
)
_WORDS_BEFORE = re.compile(rf"[^\W\d_]\)?[\s\-‐‑]{{1,3}}{_QUALIFIERS}\Z")
_LOOK_BACK = 90


def find_durations(text: str) -> list[Mention]:
    """The spans of time that `text` names, as `<number> <unit>` (`24 months`, `1 year`).

    Days, weeks, months and years in seven languages; the number stands in digits or in words, or
    in both (`twenty-four (24) months`), and belongs to the span.
    """
    low = lowered(text)
    found = []
    for match in _UNIT.finditer(low):
        start = match.start()
        if start and low[start - 1].isalpha():
            continue
        unit = UNITS.get(match[0].removesuffix("(s)"))
        number = _number_before(low, start)
        if unit and number:
            begin, value = number
            plural = "" if value == "1" else "s"
            found.append(Mention(begin, match.end(), f"{value} {unit}{plural}"))
    return disjoint(found)


def _number_before(low: str, end: int) -> tuple[int, str] | None:
    """Where the number before `end` begins, and its value; null where no number stands there."""
    base = max(0, end - _LOOK_BACK)
    before = low[base:end]
    if match := _DIGITS_BEFORE.search(before):
        value = match[1].replace(",", ".")
        start = match.start()
        # twenty-four (24) months: the words say the same and belong to the notation.
        words = numbers_in_words(before[:start])
        if before[start] == "(" and words and before[words[-1].end : start].isspace():
            start = words[-1].start
        whole, _, fraction = value.partition(".")
        whole = whole.lstrip("0") or "0"
        return base + start, f"{whole}.{fraction}" if fraction.strip("0") else whole
    if match := _WORDS_BEFORE.search(before):
        words = numbers_in_words(before)
        if words and words[-1].end == match.start() + 1 and words[-1].value:
            return base + words[-1].start, str(words[-1].value)
    return None
