"""Whatever the text: mentions lie in order, and a value is found again where it is written."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llms.recognition import (
    Mention,
    find_amounts,
    find_dates,
    find_datetimes,
    find_durations,
    find_emails,
    find_integers,
    find_number_words,
    find_numbers,
)

FINDERS = [
    find_dates,
    find_datetimes,
    find_amounts,
    find_numbers,
    find_integers,
    find_durations,
    find_emails,
    find_number_words,
]
Finder = Callable[[str], list[Mention]]

# Text that can carry a value without touching it: no digit, and a blank at either end.
PROSE = st.text(st.sampled_from("abcdefgh ÄÖßçéñ.,;!?\n\t"), max_size=60).map(lambda t: f"{t}\n")
MESSY = st.text(
    st.one_of(
        st.sampled_from("0123456789   .,'’-/:()%$€£\u00a0\u202f\n@"),
        st.sampled_from("aemnrtuyTZRM"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=300,
)
PARTS = ["12", "2020", " ", "\n", ".", ",", "-", "/", ":", "May", "März", "of", "day", "and"]
PARTS += [
    "one",
    "hundert",
    "vierundzwanzig",
    "mille",
    "years",
    "mois",
    "€",
    "RM",
    "(",
    ")",
    "@",
    "%",
]
WORDY = st.lists(st.sampled_from(PARTS), max_size=80).map("".join)


@pytest.mark.parametrize("find", FINDERS, ids=lambda f: f.__name__)
@given(text=st.one_of(MESSY, WORDY))
@example(text="")
def test_mentions_lie_in_the_text_in_order_and_apart(find: Finder, text: str) -> None:
    end = 0
    for mention in find(text):
        assert end <= mention.start < mention.end <= len(text)
        assert mention.value not in mention.alternatives
        end = mention.end


@pytest.mark.parametrize("find", FINDERS, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "piece",
    ["1", " 111", "1.", "1,", "1 1", "12-", "9'", "a@", "a.", "@a", "und", "one ", "x", " ("],
)
def test_long_and_hostile_text_is_searched_to_its_end(find: Finder, piece: str) -> None:
    for mention in find(piece * (60_000 // len(piece)) + " 5 March 2021"):
        assert mention.value


DAYS = st.dates(date(1900, 1, 1), date(2099, 12, 31))
MONTHS_BY_LANGUAGE = {
    "{d}. {m} {y}": "Januar Februar März April Mai Juni Juli August September Oktober November "
    "Dezember",
    "{d} {m} {y}": "janvier février mars avril mai juin juillet août septembre octobre novembre "
    "décembre",
    "{d} de {m} de {y}": "enero febrero marzo abril mayo junio julio agosto septiembre octubre "
    "noviembre diciembre",
    "{m} {d}, {y}": "January February March April May June July August September October November "
    "December",
    "{d}-{m}-{y}": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
}
NUMERIC = [
    "{y}-{n:02}-{d:02}",
    "{y}/{n:02}/{d:02}",
    "{d:02}.{n:02}.{y}",
    "{d}/{n}/{y}",
    "{y}{n:02}{d:02}",
]


def noted(day: date, form: str) -> str:
    """`day` in a notation: a numeric one, or one with the month names of a language."""
    names = MONTHS_BY_LANGUAGE.get(form, " ".join("x" * 12)).split()
    return form.format(d=day.day, n=day.month, y=day.year, m=names[day.month - 1])


@given(DAYS, st.sampled_from([*NUMERIC, *MONTHS_BY_LANGUAGE]), PROSE, PROSE)
def test_a_day_is_found_again_wherever_it_is_written(
    day: date, form: str, before: str, after: str
) -> None:
    text = before + noted(day, form) + "\n" + after

    assert any(day.isoformat() in (m.value, *m.alternatives) for m in find_dates(text))


AMOUNTS = st.decimals(Decimal("0.01"), Decimal("9999999.99"), places=2)


def with_marks(amount: Decimal, thousands: str, decimal: str) -> str:
    return f"{amount:,.2f}".translate({ord(","): thousands, ord("."): decimal})


@given(
    AMOUNTS,
    st.sampled_from([(",", "."), (".", ","), ("\u00a0", ","), ("'", "."), ("", "."), ("", ",")]),
    st.sampled_from(["", "€ ", "RM", "USD ", "-"]),
    PROSE,
    PROSE,
)
def test_an_amount_is_found_again_wherever_it_is_written(
    amount: Decimal, marks: tuple[str, str], prefix: str, before: str, after: str
) -> None:
    text = before + prefix + with_marks(amount, *marks) + "\n" + after

    found = [Decimal(mention.value) for mention in find_amounts(text)]
    assert found == [-amount if prefix == "-" else amount]
