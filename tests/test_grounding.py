"""A value is found where it stands in the text, in whatever writing, and nowhere else."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.grounding import PART_OF_WORD, Grounding, TextIndex, ground
from llms.normalisation import normalised
from schemas.fields import FieldSource, FieldSpec, FieldType


def make_spec(type_: str = "string", **rules: Any) -> FieldSpec:
    if type_ == "category":
        rules = {"choices": ("card", "cash"), **rules}
    return FieldSpec(name="field", type=FieldType(type_), **rules)


def find(text: str, value: str, quote: str | None = None, **rules: Any) -> Grounding | None:
    return ground(TextIndex(text), make_spec(**rules), value, quote)


def words(text: str, value: str, quote: str | None = None, **rules: Any) -> str | None:
    """The words of the text that show the value; null where it does not stand there."""
    place = find(text, value, quote, **rules)
    return text[place.start : place.end] if place else None


@pytest.mark.parametrize(
    ("text", "value", "shown"),
    [
        ("ACME LTD", "Acme Ltd", "ACME LTD"),
        ("Acme\n   Ltd", "Acme Ltd", "Acme\n   Ltd"),
        ("Acme, Ltd.", "Acme Ltd", "Acme, Ltd"),
        ("the “Acme” company", '"Acme" company', "Acme” company"),
        ("Jean–Luc", "Jean-Luc", "Jean–Luc"),
        ("exam-\nple", "example", "exam-\nple"),
        ("exam\u00adple", "example", "exam\u00adple"),
        ("ﬁne Straße", "fine STRASSE", "ﬁne Straße"),
        ("Cafe\u0301 Noir", "Café Noir", "Cafe\u0301 Noir"),
        ("Ｆｕｌｌ width", "full width", "Ｆｕｌｌ width"),
        ("12, Main St.\nSpringfield", "12 Main St Springfield", "12, Main St.\nSpringfield"),
        ("99¢ Only", "99¢ only", "99¢ Only"),
    ],
)
def test_words_are_found_however_they_are_written(text: str, value: str, shown: str) -> None:
    assert words(f"by {text} today", value) == shown


def test_words_to_the_letter_are_surer_than_words_in_another_writing() -> None:
    place = find("ACME LTD and Acme Ltd", "Acme Ltd")

    assert place == Grounding(13, 21, "exact", 1.0)


def test_a_name_with_a_slip_is_aligned() -> None:
    text = "between Gilead Scinces Incorporated and others"

    place = find(text, "Gilead Sciences Incorporated")

    assert place is not None
    assert place.how == "aligned"
    assert 0.9 <= place.score < 1
    assert text[place.start : place.end] == "Gilead Scinces Incorporated"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Gilead Sciences", "Kite Pharma"),
        ("Invoice RE-2021-00471102", "Invoice RE-2021-00471103"),
        ("short nane", "name"),
        ("version 1.5", "15"),
        ("1234 and 12 34", "12-34"),
        ("", "Acme"),
        ("Acme", "---"),
        ("é and e\u0301", "É e"),
        ("Ünal", "una"),
    ],
)
def test_what_does_not_stand_there_is_not_found(text: str, value: str) -> None:
    assert find(text, value) is None


def test_the_quote_says_which_of_several_places_is_meant() -> None:
    text = "Buyer: Acme Ltd\nSeller: Acme Ltd\nCarrier: Acme Ltd"

    place = find(text, "Acme Ltd", "Seller: Acme Ltd")

    assert place is not None
    assert place.start == text.index("Acme", 20)


def test_a_value_outside_its_quote_is_taken_nearest_to_it() -> None:
    text = f"7 March 2021 {'x ' * 50}Date: {'y ' * 50}07/03/2021"

    assert words(text, "2021-03-07", "Date: y y", type_="date") == "07/03/2021"


def test_a_quote_that_is_not_in_the_text_is_passed_over() -> None:
    assert words("Seller: Acme Ltd", "Acme Ltd", "Vendor is Acme Ltd") == "Acme Ltd"


def test_whole_words_are_preferred_to_parts_of_words() -> None:
    text = "Incidentally, Acme Inc"

    assert find(text, "Inc") == Grounding(19, 22, "exact", 1.0)


def test_a_part_of_a_word_is_found_with_little_certainty() -> None:
    place = find("Incidentally", "Inc")

    assert place == Grounding(0, 3, "exact", PART_OF_WORD)


@pytest.mark.parametrize("text", ["total 19.00", "total 9.005", "total 9.00.5", "total 1,9.00"])
def test_a_part_of_a_number_is_no_amount_as_printed(text: str) -> None:
    assert find(text, "9.00", type_="decimal", as_printed=True) is None


def test_a_currency_may_touch_an_amount_as_printed() -> None:
    place = find("total RM1.38", "1.38", type_="decimal", as_printed=True)

    assert place == Grounding(8, 12, "exact", 1.0)


def test_a_number_on_the_line_before_does_not_lengthen_an_amount() -> None:
    assert words("AMOUNT\n8\n9.00\n1", "9.00", type_="decimal", as_printed=True) == "9.00"


@pytest.mark.parametrize(
    ("type_", "value", "text", "shown"),
    [
        ("date", "2021-03-05", "on the 5th day of March, 2021", "5th day of March, 2021"),
        ("date", "2021-03-05", "le 5 mars 2021", "5 mars 2021"),
        ("decimal", "1234.5", "total 1.234,50 EUR", "1.234,50 EUR"),
        ("decimal", "1234", "1234 pieces", "1234"),
        ("decimal", "1200.50", "one thousand two hundred and 50/100", None),
        ("decimal", "-12.00", "refund (12.00)", "(12.00)"),
        ("decimal", "19", "VAT 19 %", "19"),
        ("integer", "3", "three items", "three"),
        ("integer", "1234", "1,234 items", "1,234"),
        ("duration", "2 years", "for twenty-four (24) months", "twenty-four (24) months"),
        ("duration", "14 days", "within two weeks", "two weeks"),
        ("datetime", "2021-07-09T15:15:00-04:00", "July 9, 2021 at 3:15 PM EDT", None),
        ("datetime", "2021-07-09T19:15:00+00:00", "July 9, 2021 at 3:15 PM EDT", None),
        ("datetime", "2021-07-09T15:15:00", "July 9, 2021 at 3:15 PM EDT", None),
        ("datetime", "2021-07-09", "July 9, 2021 at 3:15 PM EDT", "July 9, 2021"),
    ],
)
def test_a_value_is_found_in_any_notation_that_means_it(
    type_: str, value: str, text: str, shown: str | None
) -> None:
    assert words(text, value, type_=type_) == (shown or text)


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("date", "2021-03-06", "5 March 2021"),
        ("date", "2021-03-05", "March 2021"),
        ("decimal", "12.00", "refund -12.00"),
        ("decimal", "12345678901234567890123456789.01", "12345678901234567890123456789.02"),
        ("integer", "5", "15 or 5.5 or 2021-05-05"),
        ("duration", "2 years", "many years, 3 years"),
        ("datetime", "2021-07-09T15:15:00+00:00", "July 9, 2021 at 3:15 PM EDT"),
    ],
)
def test_another_value_is_no_evidence(type_: str, value: str, text: str) -> None:
    assert find(text, value, type_=type_) is None


def test_the_second_reading_of_an_ambiguous_notation_is_less_sure() -> None:
    first = find("03/04/2021", "2021-04-03", type_="date")
    second = find("03/04/2021", "2021-03-04", type_="date")

    assert first is not None
    assert second is not None
    assert second.score < first.score


@pytest.mark.parametrize("type_", ["boolean", "category"])
def test_of_a_conclusion_the_quote_alone_must_stand_there(type_: str) -> None:
    rules: dict[str, Any] = {"type_": type_, "source": FieldSource.INFERRED}
    value = {"boolean": "true", "category": "card"}[type_]

    assert words("Paid by VISA", value, "visa", **rules) == "VISA"
    assert find("Paid by card: true", value, None, **rules) is None
    assert find("Paid by card: true", value, "visa", **rules) is None


def test_an_inferred_value_is_shown_by_itself_or_else_by_its_quote() -> None:
    rules: dict[str, Any] = {"source": FieldSource.INFERRED}

    assert words("EUR 12 (€)", "EUR", "€", **rules) == "EUR"
    assert words("12 €", "EUR", "12 €", **rules) == "12 €"


LETTERS = st.text(st.sampled_from("aäbcßéeﬁ xyzXYZ\n-,.’“\u00ad12 "), min_size=1, max_size=120)


@given(st.data(), LETTERS)
def test_any_part_of_a_text_is_found_in_it(data: st.DataObject, text: str) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    value = " ".join(text[start : data.draw(st.integers(start + 1, len(text)))].split())
    form = normalised(value)[0]

    place = find(text, value)

    if form:
        assert place is not None
        assert 0 <= place.start < place.end <= len(text)
        assert normalised(text[place.start : place.end])[0] == form


@given(LETTERS, LETTERS, LETTERS)
def test_a_value_with_a_letter_the_text_lacks_is_not_found(text: str, a: str, b: str) -> None:
    assert find(text, f"{a}Ω{b}") is None


@given(st.text(max_size=200), st.text(min_size=1, max_size=60), st.none() | st.text(max_size=40))
def test_every_place_lies_in_the_text_and_is_not_empty(
    text: str, value: str, quote: str | None
) -> None:
    place = find(text, value, quote)

    if place is not None:
        assert 0 <= place.start < place.end <= len(text)
        assert 0 < place.score <= 1


@given(st.text(max_size=200))
def test_every_normalised_character_maps_back_into_the_text(text: str) -> None:
    form, places = normalised(text)

    assert len(form) == len(places)
    assert list(places) == sorted(places)
    assert all(0 <= place < len(text) for place in places)


PROSE = st.text(st.sampled_from("abc def.,;\n"), max_size=80).map(lambda t: f"{t}\n")
DATE_FORMS = [
    "{:%Y-%m-%d}",
    "{:%d.%m.%Y}",
    "{:%d/%m/%Y}",
    "{:%B %d, %Y}",
    "{:%d %b %Y}",
    "{:%Y%m%d}",
]


@given(st.dates(date(1950, 1, 1), date(2060, 1, 1)), st.sampled_from(DATE_FORMS), PROSE, PROSE)
def test_a_day_is_found_where_it_was_put(day: date, form: str, before: str, after: str) -> None:
    notation = form.format(day)

    assert words(f"{before}{notation}\n{after}", day.isoformat(), type_="date") == notation


@given(
    st.decimals(Decimal("0.01"), Decimal("999999.99"), places=2),
    st.sampled_from([",.", ".,", "’.", "\u00a0,"]),
    st.sampled_from(["", "€ ", "RM", "-"]),
    PROSE,
    PROSE,
)
def test_an_amount_is_found_where_it_was_put(
    amount: Decimal, marks: str, prefix: str, before: str, after: str
) -> None:
    notation = prefix + f"{amount:,.2f}".translate({ord(","): marks[0], ord("."): marks[1]})
    value = f"-{amount}" if prefix == "-" else str(amount)

    place = find(f"{before}{notation}\n{after}", value, type_="decimal")

    assert place is not None
    # The place may leave the currency out.
    assert len(before) <= place.start
    assert place.end == len(before) + len(notation)


@pytest.mark.parametrize("piece", ["a", "a ", "ab", "the contract between ", "1 ", "9,"])
def test_a_long_text_of_repetitions_is_searched_to_its_end(piece: str) -> None:
    text = piece * (100_000 // len(piece)) + " Gilead Sciences Incorporated"
    index = TextIndex(text)

    for value in ("Gilead Sciences Incorporated", "gilead  scences incorporated"):
        place = ground(index, make_spec(), value, "between")
        assert place is not None
        assert place.end == len(text)
    assert ground(index, make_spec(), "a b a b a c a b a b a d", None) is None
