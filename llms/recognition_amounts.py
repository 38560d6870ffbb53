"""Which amounts of money, numbers and counts does a text print in digits, in whatever notation?"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from llms.recognition_currencies import (
    SIGNS,
    currency_after,
    currency_before,
    may_touch_currency,
    power_after,
)
from llms.recognition_mention import Mention, disjoint

_MOST_INTEGER_DIGITS = 18

_WIDE = "\u00a0\u2007\u2009\u202f"
# Digits in groups. A plain space groups only before a decimal comma or a currency, because most of
# the time it stands between two numbers. Possessive repeats keep the search linear.
_TOKEN = re.compile(
    r"\d(?:"
    rf"\d?\d?(?: \d\d\d){{1,5}}+(?:,\d\d(?!\d)|(?=[^\S\n]?(?:[{SIGNS}]|EUR|CHF|kr|zł|PLN|SEK|NOK)))"
    rf"|\d*+(?:[.,'’{_WIDE}]\d++)*+)"
)
_MARK = re.compile(r"\D")
# EUR 10 000 and EUR 1 234.50, once the currency has been seen before the first group.
_SPACED_GROUPS = re.compile(r"(?: \d\d\d){1,5}+(?:[.,]\d\d)?(?![\d.,]\d|\d)")
_PERCENT = re.compile(r"[^\S\n]?(?:[%‰]|percent|per cent|prozent|pct|v\.\s?h\.)", re.IGNORECASE)
_MEASURE = re.compile(
    r"[^\S\n]?(?:[kmµ]?g|[mcd]?l|ltr|lbs?|oz|[mck]?m[²³23]?|[kmg]b|kwh?|[kmg]?hz|uhr|hrs?|h|min|"
    r"sec|am|pm|pcs|stk|stck|°c?)(?![^\W_])",
    re.IGNORECASE,
)
_TAX_CODE = re.compile(r"[A-Z]{1,2}(?![^\W_])")


class _Token(NamedTuple):
    """Digits in groups: `parts` are the groups, `marks` what stands between them."""

    start: int
    end: int
    parts: list[str]
    marks: str


def find_amounts(text: str) -> list[Mention]:
    """The amounts of money that `text` prints in digits, as plain decimals (`1234.50`).

    An amount carries a currency, or looks like money: two or three decimals, or thousands set
    apart. So a bare `1200` is none (`find_integers` has it); dates, times, telephone numbers,
    percentages and measures are none either. Minus signs before and after and accountants' brackets
    count. Whether 1.234 is a thousand or a fraction, the other numbers of the text decide; the
    other reading is an alternative. The mention spans the currency too, which is its `unit` as ISO
    code.
    """
    return _amounts(text, [token for token in _tokens(text) if _may_be_money(text, token)])


def find_amounts_and_numbers(text: str) -> list[Mention]:
    """What `find_amounts` and then what `find_numbers` finds, the digits looked for once."""
    tokens = list(_tokens(text))
    money = [token for token in tokens if _may_be_money(text, token)]
    return [*_amounts(text, money), *_numbers(text, tokens)]


def _amounts(text: str, tokens: list[_Token]) -> list[Mention]:
    comma = _decimal_comma(tokens)
    grouped_by_dot = any("." in token.marks[:-1] for token in tokens)
    found = (
        _amount(text, _without_neighbour(token) if grouped_by_dot else token, comma)
        for token in tokens
    )
    return disjoint(mention for mention in found if mention is not None)


def find_numbers(text: str) -> list[Mention]:
    """Every number that `text` prints in digits, as a plain decimal.

    Counts, amounts (without their currency), measures, percentages; only the parts of numeric
    dates, of times and of words are left out.
    """
    return _numbers(text, list(_tokens(text)))


def _numbers(text: str, tokens: list[_Token]) -> list[Mention]:
    comma = _decimal_comma(tokens)
    found = []
    for token in tokens:
        readings = _readings(token, comma, is_money=False)
        if readings and _is_separate(text, token):
            start = token.start - 1 if _minus_before(text, token.start) else token.start
            if start < token.start:
                readings = _negative(readings)
            found.append(Mention(start, token.end, readings[0], tuple(readings[1:])))
    return found


def find_integers(text: str) -> list[Mention]:
    """The whole numbers that `text` prints in digits, at most 18 of them, without thousands
    separators; parts of decimals, numeric dates, times and words are left out."""
    return [
        Mention(mention.start, mention.end, mention.value)
        for mention in find_numbers(text)
        if "." not in mention.value and len(mention.value.lstrip("-")) <= _MOST_INTEGER_DIGITS
    ]


def _tokens(text: str) -> Iterator[_Token]:
    """The groups of digits in `text`."""
    for match in _TOKEN.finditer(text):
        digits = match[0]
        start, end = match.span()
        if digits.isdecimal():
            yield _Token(start, end, [digits], "")
        else:
            yield _split(start, digits)


def _may_be_money(text: str, token: _Token) -> bool:
    """Whether digits can be money at all: they are set apart, or something stands beside them."""
    return (
        token.marks != ""
        or text[token.end : token.end + 1] in (",", ".")
        or may_touch_currency(text, token.start, token.end)
    )


def _split(start: int, digits: str) -> _Token:
    parts = _MARK.split(digits)
    if len(parts) == 2:
        return _Token(start, start + len(digits), parts, digits[len(parts[0])])
    return _Token(start, start + len(digits), parts, "".join(_MARK.findall(digits)))


def _without_neighbour(token: _Token) -> _Token:
    """The last number of `2 100,00`, in a text that sets its thousands apart with dots."""
    cut = token.marks.rfind(" ") + 1
    if not cut:
        return token
    length = sum(map(len, token.parts[cut:])) + len(token.marks[cut:])
    return _Token(token.end - length, token.end, token.parts[cut:], token.marks[cut:])


def _decimal_comma(tokens: Iterable[_Token]) -> bool | None:
    """Whether the clear numbers of a text use the decimal comma; null where nothing is clear."""
    votes = 0
    for token in tokens:
        if token.marks and len(token.parts[-1]) <= 2:
            last = token.marks[-1]
            if last in ".," and last not in token.marks[:-1]:
                votes += 1 if last == "," else -1
    return None if votes == 0 else votes > 0


def _readings(token: _Token, comma: bool | None, *, is_money: bool) -> list[str]:
    """The plain decimals that a token can mean, the likeliest first; none if it is no number."""
    parts, marks = token.parts, token.marks
    if not "".join(parts).isascii():
        return []
    if not marks:
        return [_plain(parts[0])]
    last = marks[-1]
    if len(marks) > 1:
        if last in marks[:-1]:
            return [_plain("".join(parts))] if _grouped(parts, marks) else []
        if last not in ".," or not _grouped(parts[:-1], marks[:-1]):
            return []
        return [_plain("".join(parts[:-1]), parts[-1])]
    whole, rest = parts
    if last not in ".,":
        return [_plain(whole + rest)] if _grouped(parts, marks) else []
    fraction = _plain(whole, rest)
    if not _grouped(parts, marks):
        return [fraction]
    thousands = _plain(whole + rest)
    # With nothing to go by, a comma parts thousands, and so does a point beside a currency:
    # prices have two decimals.
    is_fraction = last == "." and not is_money if comma is None else last == ".,"[comma]
    return [fraction, thousands] if is_fraction else [thousands, fraction]


def _grouped(parts: list[str], marks: str) -> bool:
    """Whether the groups are thousands, be it by threes or the Indian way (12,34,567)."""
    if len(parts) == 1:
        return True
    head, middle, tail = parts[0], parts[1:-1], parts[-1]
    if len(set(marks)) > 1 or len(head) > 3 or head[0] == "0" or len(tail) != 3:
        return False
    if all(len(part) == 3 for part in middle):
        return True
    return marks[0] == "," and len(head) <= 2 and all(len(part) == 2 for part in middle)


def _plain(whole: str, fraction: str = "") -> str:
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def _negative(readings: list[str]) -> list[str]:
    return ["-" + reading for reading in readings]


def _amount(text: str, token: _Token, comma: bool | None) -> Mention | None:
    start, unit, is_money = token.start, None, False
    if (before := currency_before(text, token.start)) is not None:
        start, unit = before
        is_money = True
        token = _with_spaced_groups(text, token)
    end = token.end
    # 50,- is how a round price is written.
    if text[end : end + 2] in (",-", ".-", ",–") and not text[end + 2 : end + 3].isdecimal():
        end, is_money = end + 2, True
    power = power_after(text, end)
    after = None if before else currency_after(text, power[0] if power else end)
    if after and not _opens_next(text, end, after[0]):
        end, unit = after
        is_money = True
    elif power and before:
        end = power[0]
    else:
        power = None
    if not _is_separate(text, token, after_currency=before is not None):
        return None
    if _PERCENT.match(text, token.end):
        return None
    if not is_money and (not _looks_like_money(token) or _MEASURE.match(text, token.end)):
        return None
    readings = _readings(token, comma, is_money=is_money)
    if not readings:
        return None
    if power:
        readings = [_scaled(reading, power[1]) for reading in readings]
    return _signed(text, start, end, token, readings, unit)


def _with_spaced_groups(text: str, token: _Token) -> _Token:
    if not token.marks and len(token.parts[0]) <= 3:
        match = _SPACED_GROUPS.match(text, token.end)
        if match:
            return _split(token.start, text[token.start : match.end()])
    return token


def _opens_next(text: str, end: int, currency_end: int) -> bool:
    """Whether a currency apart from its number belongs to the next one, as in `2.00 RM 3.00`."""
    return text[end].isspace() and text[currency_end : currency_end + 2].lstrip(" ")[:1].isdecimal()


def _scaled(reading: str, power: int) -> str:
    whole, _, fraction = reading.partition(".")
    fraction = fraction.ljust(power, "0")
    return _plain(whole + fraction[:power], fraction[power:])


def _looks_like_money(token: _Token) -> bool:
    if not token.marks:
        return False
    if len(token.parts[-1]) in (2, 3):
        return True
    return len(token.parts[-1]) == 1 and len(token.parts[0]) >= 3 and len(token.marks) == 1


def _signed(
    text: str, start: int, end: int, token: _Token, readings: list[str], unit: str | None
) -> Mention:
    """The mention with its sign: a minus before the currency, before the digits or behind them, or
    the brackets of accountants."""
    behind = text[end : end + 2]
    if _minus_before(text, start):
        start -= 1
        readings = _negative(readings)
    elif start < token.start and text[token.start - 1] in "-−":
        readings = _negative(readings)
    elif token.marks and behind[:1] in ("-", "−") and behind[1:].strip() == "":
        end += 1
        readings = _negative(readings)
    elif text[start - 1 : start] == "(" and behind[:1] == ")":
        start, end = start - 1, end + 1
        # Behind a word the brackets only repeat the amount: one thousand dollars ($1,000.00).
        repeats = text[max(0, start - 3) : start].rstrip()[-1:].isalpha()
        negative = _negative(readings)
        readings = [*readings, *negative] if repeats else [*negative, *readings]
    return Mention(start, end, readings[0], tuple(readings[1:]), unit)


def _minus_before(text: str, start: int) -> bool:
    """Whether a minus sign stands right before `start`, and no word or number before it."""
    if start == 0 or text[start - 1] not in "-−":
        return False
    return start == 1 or not text[start - 2].isalnum()


def _is_separate(text: str, token: _Token, *, after_currency: bool = False) -> bool:
    """Whether the number is one of its own and no part of a word, a date, a time or a code."""
    start, end = token.start, token.end
    last, first = text[start - 1 : start], text[end : end + 1]
    if (last.isalnum() and not after_currency) or last in ("_", "@") or first == "_":
        return False
    if first.isalpha() and not _may_touch_letters(text, end):
        return False
    joined_before = start > 1 and last in ":/-.," and text[start - 2].isdecimal()
    joined_after = first != "" and first in ":/-" and text[end + 1 : end + 2].isdecimal()
    if not joined_before and not joined_after:
        return True
    # 10.00-12.00 and 1.50/2.00 are two numbers each; 03-1234, 1/2/2020 and 10:15 are other things.
    beside = (last if joined_before else "/") + (first if joined_after else "/")
    return len(token.marks) == 1 and all(mark in "/-" for mark in beside)


def _may_touch_letters(text: str, end: int) -> bool:
    """Whether letters right behind a number leave it one: 5kg, 5EUR, 5k, the tax code in 5.00A."""
    return bool(
        currency_after(text, end)
        or power_after(text, end)
        or _MEASURE.match(text, end)
        or _TAX_CODE.match(text, end)
    )
