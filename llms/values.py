"""Is an answer a value of its field, in which notation is it kept, and does it obey the rules?"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

from llms.recognition import (
    Mention,
    find_amounts,
    find_dates,
    find_datetimes,
    find_durations,
    find_integers,
    find_number_words,
    find_numbers,
)
from schemas.fields import FieldSpec, FieldType

Others = Mapping[str, str | list[str] | None]

INTEGER_DIGITS = 18
FRACTION_DIGITS = 6
TOLERANCE = Decimal("0.01")
"""How far a sum may be off per part: each part may have been rounded to the cent."""

_PLAIN_NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?")
_DURATION = re.compile(r"(\d{1,6})(?:\.(\d{1,6}))? (day|week|month|year)s?")
_ISO_DURATION = re.compile(r"P(\d{1,6})([YMWD])")
_ISO_UNITS = {"Y": "year", "M": "month", "W": "week", "D": "day"}
# What may stand around a date without changing it: its weekday, and the name of its time zone.
_WEEKDAY = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mié|jue|"
    r"vie|sáb|gio|sab|ma|wo|vr|za|zo|seg|ter|qua|qui|sex)[^\W\d_]{0,8}\.?,?\s)?(?:the\s)?",
    re.IGNORECASE,
)
_ZONE_NAME = re.compile(r"(?:\s?\([A-Za-z]{2,5}\))?")
_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "ja", "oui", "sí", "si", "sim", "vrai", "wahr"), "true"),
    **dict.fromkeys(("false", "no", "nein", "non", "nee", "não", "faux", "falsch"), "false"),
}
_RECOGNISERS: dict[FieldType, tuple[Callable[[str], list[Mention]], ...]] = {
    FieldType.DATE: (find_dates,),
    FieldType.DATETIME: (find_datetimes, find_dates),
    FieldType.DECIMAL: (find_numbers, find_amounts, find_number_words),
    FieldType.INTEGER: (find_integers, find_number_words),
    FieldType.DURATION: (find_durations,),
}


def canonical(spec: FieldSpec, raw: str | int | float | bool) -> str:
    """One value in the canonical notation of its field's type (see `FieldType`).

    A value in another notation that can mean only one thing is rewritten (`5 March 2021`,
    `1,234.50`); a field kept as printed keeps its words, which must then show a value of the type.

    Raises:
        ValueError: in one sentence, when `raw` is no value of the field.
    """
    if isinstance(raw, str):
        # A lone surrogate, as JSON can escape it, has no place in UTF-8 and so in no table.
        if any("\ud800" <= c <= "\udfff" for c in raw):
            raise ValueError(f"{spec.name}: the value holds half a character (a lone surrogate)")
        text = raw.strip()
        if not text:
            raise ValueError(f"{spec.name}: the value is empty")
    elif isinstance(raw, float) and not math.isfinite(raw):
        raise ValueError(f"{spec.name}: {raw} is no number")
    else:
        text = _written(raw)
    if spec.as_printed:
        return _printed(spec, text)
    match spec.type:
        case FieldType.STRING:
            return " ".join(text.split())
        case FieldType.CATEGORY:
            return _choice(spec, text)
        case FieldType.BOOLEAN:
            if (value := _BOOLEANS.get(text.casefold())) is None:
                raise _no_value(spec, text, "true or false")
            return value
        case FieldType.INTEGER:
            return _integer(spec, text)
        case FieldType.DECIMAL:
            return _decimal(spec, text)
        case FieldType.DATE:
            return _date(spec, text)
        case FieldType.DATETIME:
            return _datetime(spec, text)
        case FieldType.DURATION:
            return _duration(spec, text)


def broken_rules(spec: FieldSpec, value: str, others: Others) -> list[str]:
    """The rules of its field that a canonical value breaks, a sentence each.

    `sum_of` allows a cent of rounding per part and is left out while a part has no value, as is
    `not_before`. A `pattern` is tried on values within `max_length` only: patterns come from jobs,
    and the time of an unlucky one grows with the length of its input; a job whose values can be
    long keeps to patterns without nested repeats.

    Args:
        spec: The field.
        value: One value of it.
        others: The values of the record by field, canonical, null where there is none.
    """
    broken = []
    if len(value) > spec.max_length:
        broken.append(
            f"{spec.name}: {len(value)} characters are more than the {spec.max_length} allowed"
        )
    elif spec.pattern is not None:
        broken += _unmatched(spec.name, spec.pattern, value)
    if spec.minimum is not None or spec.maximum is not None:
        number = as_decimal(value)
        if number is not None:
            broken += _out_of_range(spec, number)
    if spec.sum_of:
        broken += _wrong_sum(spec, value, others)
    if spec.not_before is not None:
        earlier = others.get(spec.not_before)
        first = as_date(earlier) if isinstance(earlier, str) else None
        day = as_date(value)
        if first and day and day < first:
            broken.append(f"{spec.name}: {day} is before {spec.not_before} {first}")
    return broken


def to_python(spec: FieldSpec, value: str) -> int | Decimal | bool | date | str:
    """A canonical value as what the field's Arrow column holds.

    Text for strings, categories, durations, times and everything kept as printed.
    """
    if spec.as_printed:
        return value
    match spec.type:
        case FieldType.INTEGER:
            return int(value)
        case FieldType.DECIMAL:
            return Decimal(value)
        case FieldType.BOOLEAN:
            return value == "true"
        case FieldType.DATE:
            return date.fromisoformat(value)
        case _:
            return value


def as_decimal(value: str) -> Decimal | None:
    """The number a value shows, be it canonical or as printed; null when it shows none."""
    if _PLAIN_NUMBER.fullmatch(value):
        return Decimal(value)
    mentions = find_amounts(value) or find_numbers(value)
    return Decimal(mentions[0].value) if mentions else None


def as_date(value: str) -> date | None:
    """The day a value shows, be it canonical or as printed; null when it shows none."""
    mentions = find_dates(value)
    return date.fromisoformat(mentions[0].value) if mentions else None


def _written(raw: int | float | bool) -> str:
    if isinstance(raw, bool):
        return str(raw).lower()
    return format(Decimal(repr(raw)), "f")


def _no_value(spec: FieldSpec, text: str, wanted: str) -> ValueError:
    shown = text if len(text) <= 60 else text[:57] + "..."
    return ValueError(f"{spec.name}: {shown!r} is not {wanted}")


def _printed(spec: FieldSpec, text: str) -> str:
    recognisers = _RECOGNISERS.get(spec.type, ())
    if recognisers and not any(find(text) for find in recognisers):
        raise _no_value(spec, text, f"a {spec.type.value} in any notation")
    if spec.type is FieldType.CATEGORY:
        return _choice(spec, text)
    return text


def _choice(spec: FieldSpec, text: str) -> str:
    wanted = " ".join(text.split()).casefold()
    for choice in spec.choices:
        if " ".join(choice.split()).casefold() == wanted:
            return choice
    raise _no_value(spec, text, "one of " + ", ".join(spec.choices))


def _meaning(spec: FieldSpec, text: str, wanted: str) -> str:
    """What the whole of `text` means to a recogniser of the field's type."""
    for find in _RECOGNISERS[spec.type]:
        mentions = find(text)
        if len(mentions) == 1 and _is_whole(text, mentions[0]):
            if mentions[0].alternatives:
                readings = ", ".join((mentions[0].value, *mentions[0].alternatives))
                raise _no_value(spec, text, f"{wanted}: it can mean {readings}")
            return mentions[0].value
    raise _no_value(spec, text, wanted)


def _is_whole(text: str, mention: Mention) -> bool:
    before, after = text[: mention.start], text[mention.end :]
    return bool(_WEEKDAY.fullmatch(before) and _ZONE_NAME.fullmatch(after))


def _integer(spec: FieldSpec, text: str) -> str:
    wanted = f"a whole number of at most {INTEGER_DIGITS} digits"
    number = _PLAIN_NUMBER.fullmatch(text) or _PLAIN_NUMBER.fullmatch(_meaning(spec, text, wanted))
    if number is None or (number[3] or "").strip("0"):
        raise _no_value(spec, text, wanted)
    digits = number[2].lstrip("0") or "0"
    if len(digits) > INTEGER_DIGITS:
        raise _no_value(spec, text, wanted)
    return _signed(number[1], digits)


def _decimal(spec: FieldSpec, text: str) -> str:
    wanted = (
        f"a number of at most {INTEGER_DIGITS} digits before and {FRACTION_DIGITS} after the point"
    )
    number = _PLAIN_NUMBER.fullmatch(text) or _PLAIN_NUMBER.fullmatch(_meaning(spec, text, wanted))
    if number is None:
        raise _no_value(spec, text, wanted)
    digits, fraction = number[2].lstrip("0") or "0", number[3] or ""
    if len(fraction) > FRACTION_DIGITS:
        fraction = fraction.rstrip("0")
    if len(digits) > INTEGER_DIGITS or len(fraction) > FRACTION_DIGITS:
        raise _no_value(spec, text, wanted)
    return _signed(number[1], f"{digits}.{fraction}" if fraction else digits)


def _signed(sign: str, digits: str) -> str:
    return f"-{digits}" if sign == "-" and digits.strip("0.") else digits


def _date(spec: FieldSpec, text: str) -> str:
    wanted = "a date (YYYY-MM-DD)"
    if re.fullmatch(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d.*)?", text, re.ASCII):
        try:
            return date.fromisoformat(text[:10]).isoformat()
        except ValueError:
            raise _no_value(spec, text, wanted) from None
    return _meaning(spec, text, wanted)


def _datetime(spec: FieldSpec, text: str) -> str:
    wanted = "a point in time (ISO 8601)"
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        # Only the day is known: a time of day is not made up.
        return _date(spec, text)
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        return _meaning(spec, text, wanted)


def _duration(spec: FieldSpec, text: str) -> str:
    wanted = "a span of time (`<number> <unit>`, for instance `2 years`)"
    if iso := _ISO_DURATION.fullmatch(text):
        text = f"{iso[1]} {_ISO_UNITS[iso[2]]}"
    match = _DURATION.fullmatch(text.lower())
    if match is None:
        return _meaning(spec, text, wanted)
    whole, fraction = match[1].lstrip("0") or "0", (match[2] or "").rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"{number} {match[3]}" if number == "1" else f"{number} {match[3]}s"


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _unmatched(name: str, pattern: str, value: str) -> list[str]:
    if _compiled(pattern).fullmatch(value):
        return []
    return [f"{name}: {value!r} does not match the pattern {pattern!r}"]


def _out_of_range(spec: FieldSpec, number: Decimal) -> list[str]:
    broken = []
    if spec.minimum is not None and number < Decimal(repr(spec.minimum)):
        broken.append(f"{spec.name}: {number} is under the minimum {spec.minimum:g}")
    if spec.maximum is not None and number > Decimal(repr(spec.maximum)):
        broken.append(f"{spec.name}: {number} is over the maximum {spec.maximum:g}")
    return broken


def _wrong_sum(spec: FieldSpec, value: str, others: Others) -> list[str]:
    total = as_decimal(value)
    parts: list[Decimal] = []
    for name in spec.sum_of:
        other = others.get(name)
        numbers = [as_decimal(v) for v in ([other] if isinstance(other, str) else other or [])]
        if not numbers or None in numbers:
            return []
        parts += [number for number in numbers if number is not None]
    if total is None or abs(total - sum(parts)) <= TOLERANCE * len(parts):
        return []
    added = " + ".join(spec.sum_of)
    return [f"{spec.name}: {total} is not {added} = {sum(parts)}"]
