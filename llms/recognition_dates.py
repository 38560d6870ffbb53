"""Which days does a text name, in whatever notation and seven languages?"""

import re
from collections.abc import Iterator
from datetime import date

from llms.recognition_mention import Mention, disjoint, lowered

_MONTH_NAMES = (
    "january jan januar jänner jaenner janvier janv enero ene gennaio genn gen januari janeiro",
    "february feb februar feber février fevrier févr fevr fév febrero febbraio febb februari "
    "fevereiro fev",
    "march mar märz maerz mär mrz mars marzo maart mrt março marco",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio magg mag mei maio",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho",
    "august aug août aout agosto ago augustus",
    "september sep sept septembre septiembre setiembre settembre sett set setembro",
    "october oct oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre decembre déc diciembre dic dicembre dezembro",
)
MONTHS = {name: n for n, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}
"""Number of a month by its name or abbreviation, in lower case and without its dot."""

_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first "
    "twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh "
    "twenty-eighth twenty-ninth thirtieth thirty-first"
)
_DAYS = {word: n for n, word in enumerate(_ORDINALS.split(), 1)}

# Every pattern starts with one plain character class, to which the engine skips quickly; repeats
# are short or possessive, so that a search is linear in the text whatever the text.
_NUMERIC = re.compile(
    r"(\d\d?\d?\d?+)[ \t]?([./\-‐‑–])[ \t]?(\d\d?)[ \t]?\2[ \t]?(\d{4}|\d\d?+)(?!\d)"
)
_COMPACT = re.compile(r"[12]\d{7}(?!\d)")
_SUFFIX = r"(?:\s?(?:st|nd|rd|th|er|re|ère|de|ste|e|ª|º|°|\.)(?![^\W\d_]))?+"
# Forms leave a long blank or a line around what is filled in.
_BLANK = r"[\s\-/.,_]{0,20}+"
_DAY_FIRST = re.compile(
    rf"(\d\d?+)(?!\d){_SUFFIX}{_BLANK}(?:day\s{{1,3}})?(?:(?:of|de|del|di)\s{{1,3}}|d['’])?+"
    rf"([^\W\d_]{{3,12}}+){_BLANK}(?:(?:of|de|del)\s{{1,3}})?+(\d{{4}}|['’]?\d\d)(?!\d)"
)
_MONTH_FIRST = re.compile(
    rf"(\d\d?+)(?!\d){_SUFFIX}{_BLANK}(?<!\d)(?:(?:of|de|del)\s{{1,3}})?"
    r"(?:\d\d?:\d\d(?::\d\d)?\s{1,2}(?:[a-z]{3,4}\s)?)?"
    r"(\d{4}|['’]\d\d|(?<=[\-/])\d\d)(?!\d)"
)
_MONTH_BEFORE = re.compile(r"(?<![^\W\d_])([^\W\d_]{3,12})\.?[\s,.\-/_]{0,20}(?:the\s)?\Z")
_LOOK_BACK = 36
_DAY_IN_WORDS = re.compile(
    r"[fstent](?:"
    + "|".join(sorted((word[1:] for word in _DAYS), key=len, reverse=True)).replace("-", r"[\s\-]")
    + r")(?:\s?\(\d\d?(?:st|nd|rd|th)?\))?\s{1,3}(?:day\s{1,3})?of\s{1,3}"
    r"([a-z]{3,9})[\s,.]{1,3}(?:of\s)?(\d{4})(?!\d)"
)
_FIRST_WORD = re.compile(r"[a-z]+(?:[\s\-](?:first|second|third|[a-z]+th))?(?=\s)")
_NO_SHORT_YEAR = re.compile(r"[^\W\d_]|[:%°]|[.,]\d")
_GOES_ON = re.compile(r" [a-zà-ÿ]{2}")

# Signs of a writer in the United States, who puts the month first: time zones, state and ZIP code.
_UNITED_STATES = re.compile(r"\b(?:[ECMP][SD]T|[A-Z]{2}\.? \d{5}(?:-\d{4})?)\b")


def find_dates(text: str) -> list[Mention]:
    """The days that `text` names, as ISO dates (`2021-04-05`).

    Numeric notations (ISO, slashes, dots, dashes, `20210405`), month names in English, German,
    French, Spanish, Italian, Dutch and Portuguese, ordinals, two-digit years (1970 to 2069). A
    notation that can mean several days (03/04/2021) gives the one that the other dates of the
    text speak for, else the day-first one; the others are its `alternatives`. A day without a year
    is not found.
    """
    low = lowered(text)
    found = [*_with_month_names(low, text), *_compact(low)]
    numeric = [match for match in _NUMERIC.finditer(low) if _stands_alone(low, match)]
    month_first: bool | None = None
    for match in numeric:
        if month_first is None and _is_ambiguous(match):
            month_first = _writes_month_first(text, numeric, found)
        readings = _readings(match, month_first is True)
        if readings:
            found.append(Mention(match.start(), match.end(), readings[0], tuple(readings[1:])))
    return disjoint(found)


def _with_month_names(low: str, text: str) -> Iterator[Mention]:
    for match in _matches(_DAY_FIRST, low):
        month = MONTHS.get(match[2])
        if month is None or _digit_before(low, match.start()):
            continue
        if len(match[3]) == 2 and not _is_short_year(text, match):
            continue
        yield from _mention(match.start(), match.end(), match[3], month, int(match[1]))
    for match in _matches(_MONTH_FIRST, low):
        if _digit_before(low, match.start()):
            continue
        name = _MONTH_BEFORE.search(low, max(0, match.start() - _LOOK_BACK), match.start())
        month = MONTHS.get(name[1]) if name else None
        if name and month and not (match[2].isdigit() and _is_day_and_month(low, match)):
            yield from _mention(name.start(), match.end(), match[2], month, int(match[1]))
    if " of " in low:
        for match in _DAY_IN_WORDS.finditer(low):
            word = _FIRST_WORD.match(low, match.start())
            day = _DAYS.get(word[0].replace(" ", "-").replace("\n", "-")) if word else None
            if day and match[1] in MONTHS:
                yield from _mention(match.start(), match.end(), match[2], MONTHS[match[1]], day)


def _matches(pattern: re.Pattern[str], low: str) -> Iterator[re.Match[str]]:
    """Every match, also one that begins inside another: in `No 71\\nDate 23 May 2026` the 71 must
    not take the 23 for its year."""
    match = pattern.search(low)
    while match:
        yield match
        match = pattern.search(low, match.end(1))


def _is_day_and_month(low: str, match: re.Match[str]) -> bool:
    """Whether what looks like day and short year is the beginning of another date: `01/02` in
    `Feb 01/02/2000`, but not `05-18` in `Jun-05-18`."""
    return len(match[2]) == 2 and low[match.start() - 1] != low[match.start(2) - 1]


def _is_short_year(text: str, match: re.Match[str]) -> bool:
    """Whether two digits behind a month are a year: in `5 MAR 21`, not in `5 May 30 people`."""
    if len(match[2]) > 4 or _NO_SHORT_YEAR.match(text, match.end()):
        return False
    return text[match.start(2) : match.end(2)].isupper() or not _GOES_ON.match(text, match.end())


def _mention(start: int, end: int, year: str, month: int, day: int) -> Iterator[Mention]:
    value = _iso(_year(year.lstrip("'’")), month, day)
    if value:
        yield Mention(start, end, value)


def _compact(low: str) -> Iterator[Mention]:
    for match in _COMPACT.finditer(low):
        before, after = (
            low[max(0, match.start() - 2) : match.start()],
            low[match.end() : match.end() + 2],
        )
        if before[-1:].isalnum() or before[-1:] in ("-", "#", "+", "/"):
            continue
        if before[-1:] in (".", ",") and before[:1].isdigit():
            continue
        # A time may follow as in 20210405T1015; any other letter or digit makes it something else.
        if after[:1].isalnum() and not (after[0] == "t" and after[1:].isdigit()):
            continue
        if after[:1] in ("-", ".", ",", "/") and after[1:].isdigit():
            continue
        digits = match[0]
        value = _iso(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
        if value and "1900" <= digits[:4] < "2100":
            yield Mention(match.start(), match.end(), value)


def _digit_before(low: str, start: int) -> bool:
    return start > 0 and low[start - 1].isdigit()


def _stands_alone(low: str, match: re.Match[str]) -> bool:
    """Whether no digit touches the date, neither directly nor over its own separator."""
    start, end, separator = match.start(), match.end(), match[2]
    if _digit_before(low, start):
        return False
    if start > 1 and low[start - 1] == separator and low[start - 2].isdigit():
        return False
    return not (low[end : end + 1] == separator and low[end + 1 : end + 2].isdigit())


def _is_ambiguous(match: re.Match[str]) -> bool:
    return match[2] != "." and len(match[1]) <= 2 and int(match[1]) <= 12 and int(match[3]) <= 12


def _readings(match: re.Match[str], month_first: bool) -> list[str]:
    """The days a numeric notation can mean, the likeliest first."""
    first, separator, second, third = match.groups()
    a, b, c = int(first), int(second), int(third)
    if len(first) == 4:
        orders = [(a, b, c)] if len(third) <= 2 else []
    elif len(first) == 3 or len(third) == 1:
        orders = []
    elif separator == ".":
        # 4.2.12 is as likely a version or a section; with two digits it is a date.
        is_short = len(third) == 2 and len(first) == len(second) == 1
        orders = [] if is_short else [(_year(third), b, a)]
    elif month_first:
        orders = [(_year(third), a, b), (_year(third), b, a)]
    else:
        orders = [(_year(third), b, a), (_year(third), a, b)]
    if len(first) == len(second) == len(third) == 2:
        orders.append((_year(first), b, c))
    values = [_iso(*order) for order in orders]
    return list(dict.fromkeys(value for value in values if value))


def _writes_month_first(text: str, numeric: list[re.Match[str]], named: list[Mention]) -> bool:
    """Whether the text puts the month before the day: its clear dates decide, else its origin."""
    day_first = month_first = 0
    for match in numeric:
        if match[2] != "." and len(match[1]) <= 2:
            day_first += int(match[1]) > 12 >= int(match[3])
            month_first += int(match[3]) > 12 >= int(match[1])
    if day_first == month_first:
        for mention in named:
            day_first += text[mention.start].isdigit()
            month_first += not text[mention.start].isdigit()
    if day_first == month_first:
        return _UNITED_STATES.search(text) is not None
    return month_first > day_first


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (2000 if year < 70 else 1900)


def _iso(year: int, month: int, day: int) -> str | None:
    if not 1500 <= year < 2200:
        return None
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
