"""Which currency stands beside a number, and is the number in thousands or millions?"""

import re

SIGNS = "$€£¥₹₽₩₪₺฿₫₱₴₦"

_OF_SIGNS = "USD EUR GBP JPY INR RUB KRW ILS TRY THB VND PHP UAH NGN"
_CODES = (
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES "
    "KRW LKR MXN MYR NGN NOK NZD PHP PKR PLN RON RUB SAR SEK SGD THB TWD UAH USD VND ZAR"
)
# As printed, capitals and all: `Ft` is money in Hungary and `ft` is a foot.
_BY_NOTATION: dict[str, str | None] = {
    **dict(zip(SIGNS, _OF_SIGNS.split(), strict=True)),
    **{code: code for code in _CODES.split()},
    "US$": "USD",
    "C$": "CAD",
    "CA$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "NZ$": "NZD",
    "S$": "SGD",
    "HK$": "HKD",
    "NT$": "TWD",
    "R$": "BRL",
    "RM": "MYR",
    "Rm": "MYR",
    "Fr": "CHF",
    "SFr": "CHF",
    "sFr": "CHF",
    "Rs": "INR",
    "Rp": "IDR",
    "Ft": "HUF",
    # Several countries write kr; which one is meant does not stand there.
    "kr": None,
    "Kr": None,
}
_BY_WORD = {
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "usd": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "dólares": "USD",
    "gbp": "GBP",
    "chf": "CHF",
    "franken": "CHF",
    "myr": "MYR",
    "ringgit": "MYR",
    "zł": "PLN",
    "kč": "CZK",
    "lei": "RON",
    "yen": "JPY",
    "rupees": "INR",
}
_NOTATIONS = [*_BY_NOTATION, *_BY_WORD, *(word.upper() for word in _BY_WORD)]
_LAST = frozenset(notation[-1] for notation in _NOTATIONS)
_FIRST = frozenset(notation[0] for notation in _NOTATIONS)

_BEFORE = re.compile(
    rf"(?:(?<![^\W_])([^\W\d_]{{1,8}}\$?)\.?|([{SIGNS}])):?[^\S\n]{{0,2}}[\-−+]?\Z"
)
_AFTER = re.compile(rf"[^\S\n]{{0,2}}(?:([{SIGNS}])|([^\W\d_]{{2,8}})(?![^\W_]))")
_LOOK_BACK = 14

_POWERS = {
    **dict.fromkeys(("thousand", "tausend", "tsd"), 3),
    **dict.fromkeys(("mn", "mio", "million", "millions", "millionen"), 6),
    **dict.fromkeys(("bn", "billion", "billions", "mrd", "milliarde", "milliarden"), 9),
    **dict.fromkeys(("milliard", "milliards"), 9),
    "k": 3,
    "m": 6,
}
_POWER = re.compile(
    r"[^\S\n]?(thousand|tausend|tsd|mn|mio|millions|millionen|million|bn|billions|billion|mrd|"
    r"milliarden|milliarde|milliards|milliard|(?<!\s)[km])(?![^\W_])\.?",
    re.IGNORECASE,
)


def may_touch_currency(text: str, start: int, end: int) -> bool:
    """A quick look at the characters around a number; false when neither side is a currency."""
    return _may_end_before(text, start) or _may_begin_at(text, end)


def currency_before(text: str, start: int) -> tuple[int, str | None] | None:
    """Where the currency right before `start` begins, and its code; null when there is none.

    The code is null where the notation stands for several currencies.
    """
    if not _may_end_before(text, start):
        return None
    match = _BEFORE.search(text, max(0, start - _LOOK_BACK), start)
    notation = (match[1] or match[2]) if match else None
    if match is None or notation is None or not _is_currency(notation):
        return None
    return match.start(), _code(notation)


def currency_after(text: str, end: int) -> tuple[int, str | None] | None:
    """Where the currency right after `end` ends, and its code; as `currency_before`."""
    if not _may_begin_at(text, end):
        return None
    match = _AFTER.match(text, end)
    notation = (match[1] or match[2]) if match else None
    if match is None or notation is None or not _is_currency(notation):
        return None
    return match.end(), _code(notation)


def power_after(text: str, end: int) -> tuple[int, int] | None:
    """Where a word such as `million` right after `end` ends, and its power of ten."""
    match = _POWER.match(text, end)
    return (match.end(), _POWERS[match[1].lower()]) if match else None


def _may_end_before(text: str, start: int) -> bool:
    return text[max(0, start - 5) : start].rstrip(" \u00a0:.-−+")[-1:] in _LAST


def _may_begin_at(text: str, end: int) -> bool:
    return text[end : end + 3].lstrip(" \u00a0")[:1] in _FIRST


def _is_currency(notation: str) -> bool:
    return notation in _BY_NOTATION or notation.lower() in _BY_WORD


def _code(notation: str) -> str | None:
    if notation in _BY_NOTATION:
        return _BY_NOTATION[notation]
    return _BY_WORD[notation.lower()]
