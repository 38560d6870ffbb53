"""How dates and amounts are printed in English, German and French documents."""

from datetime import date
from decimal import Decimal
from random import Random

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
}
_NAMES = {language: names.split() for language, names in MONTHS.items()}
_SIGNS = {"EUR": "€", "GBP": "£", "USD": "$"}


def printed_date(day: date, language: str, style: int) -> str:
    """`day` in one of three notations of `language`; `style` is any number."""
    name = _NAMES[language][day.month - 1]
    match language, style % 3:
        case _, 0:
            return day.isoformat()
        case "en", 1:
            return f"{day.day} {name} {day.year}"
        case "en", _:
            return f"{name} {day.day}, {day.year}"
        case "de", 1:
            return f"{day.day:02}.{day.month:02}.{day.year}"
        case "de", _:
            return f"{day.day}. {name} {day.year}"
        case _, 1:
            return f"{day.day:02}/{day.month:02}/{day.year}"
        case _:
            return f"{day.day} {name} {day.year}"


def printed_number(amount: Decimal, language: str) -> str:
    """`amount` with two decimals and the separators of `language`."""
    text = f"{amount:,.2f}"
    if language == "de":
        return text.translate(str.maketrans(",.", ".,"))
    if language == "fr":
        # A space that keeps the digits together at the end of a line.
        return text.translate(str.maketrans(",.", "\u00a0,"))
    return text


def printed_money(amount: Decimal, currency: str, language: str) -> str:
    """`amount` with the sign or the code of its currency."""
    number = printed_number(amount, language)
    sign = _SIGNS.get(currency)
    if language == "en":
        return f"{sign}{number}" if sign else f"{currency} {number}"
    return f"{number} {sign or currency}"


def random_price(rng: Random, low: int, high: int) -> Decimal:
    """A price between `low` and `high`, as shops like them: whole, or ending in 5 or 9."""
    whole = Decimal(rng.randint(low, high))
    return whole + rng.choice((Decimal("0.00"), Decimal("0.50"), Decimal("0.95"), Decimal("0.49")))
