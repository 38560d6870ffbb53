"""Answers become canonical values of their field, or one sentence says why not."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.values import broken_rules, canonical, to_python
from schemas.fields import FieldSpec, FieldType


def make_spec(type_: str = "string", **rules: Any) -> FieldSpec:
    if type_ == "category":
        rules = {"choices": ("Billing", "technical issue"), **rules}
    return FieldSpec(name="field", type=FieldType(type_), **rules)


@pytest.mark.parametrize(
    ("type_", "raw", "value"),
    [
        ("string", "  Acme\n  Ltd ", "Acme Ltd"),
        ("string", 471102, "471102"),
        ("integer", 7, "7"),
        ("integer", "007", "7"),
        ("integer", "+7", "7"),
        ("integer", "-0", "0"),
        ("integer", 7.0, "7"),
        ("integer", "7.00", "7"),
        ("integer", "1,234", "1234"),
        ("integer", "twelve", "12"),
        ("decimal", "1234.50", "1234.50"),
        ("decimal", "01234.50", "1234.50"),
        ("decimal", "-0.00", "0.00"),
        ("decimal", 12.5, "12.5"),
        ("decimal", 1e-5, "0.00001"),
        ("decimal", "1.1230000000", "1.123"),
        ("decimal", "1,234.50", "1234.50"),
        ("decimal", "1.234,50 €", "1234.50"),
        ("decimal", "one thousand two hundred and 50/100 dollars", "1200.50"),
        ("boolean", True, "true"),
        ("boolean", "No", "false"),
        ("date", "2021-03-05", "2021-03-05"),
        ("date", "2021-03-05T10:00:00Z", "2021-03-05"),
        ("date", "5 March 2021", "2021-03-05"),
        ("date", "25/12/2020", "2020-12-25"),
        ("datetime", "2021-03-05T10:00:00Z", "2021-03-05T10:00:00+00:00"),
        ("datetime", "2021-03-05 10:00", "2021-03-05T10:00:00"),
        ("datetime", "2021-03-05", "2021-03-05"),
        ("datetime", "Fri, 05 Mar 2021 10:00:00 -0500", "2021-03-05T10:00:00-05:00"),
        ("duration", "2 years", "2 years"),
        ("duration", "1 years", "1 year"),
        ("duration", "12 Months", "12 months"),
        ("duration", "twenty-four (24) months", "24 months"),
        ("duration", "P18M", "18 months"),
        ("category", "BILLING", "Billing"),
        ("category", "Technical  issue", "technical issue"),
    ],
)
def test_a_value_is_brought_into_the_notation_of_its_type(type_: str, raw: Any, value: str) -> None:
    assert canonical(make_spec(type_), raw) == value


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        ("string", "  "),
        ("string", "\ud800"),
        ("integer", "7.5"),
        ("integer", "1234567890123456789"),
        ("integer", "seventh"),
        ("integer", True),
        ("decimal", "1e5"),
        ("decimal", "NaN"),
        ("decimal", float("inf")),
        ("decimal", "1234567890123456789"),
        ("decimal", "0.1234567"),
        ("decimal", "12.00 and 13.00"),
        ("decimal", "1,234"),
        ("decimal", "total 12.00"),
        ("boolean", "maybe"),
        ("date", "2021-02-30"),
        ("date", "March 2021"),
        ("date", "03/04/2021"),
        ("datetime", "noon"),
        ("datetime", "2021-02-30"),
        ("duration", "long"),
        ("duration", "2 hours"),
        ("category", "other"),
    ],
)
def test_what_is_no_value_of_the_type_is_refused_in_one_sentence(type_: str, raw: Any) -> None:
    with pytest.raises(ValueError, match=r"^field: .+") as refused:
        canonical(make_spec(type_), raw)

    assert "\n" not in str(refused.value)


def test_the_readings_of_an_ambiguous_date_are_named() -> None:
    with pytest.raises(ValueError, match="2021-04-03, 2021-03-04"):
        canonical(make_spec("date"), "03/04/2021")


@pytest.mark.parametrize(
    ("type_", "raw"),
    [("date", "05 MAR 2021"), ("decimal", "RM 1,234.50"), ("duration", "two (2) years")],
)
def test_a_field_kept_as_printed_keeps_its_words(type_: str, raw: str) -> None:
    assert canonical(make_spec(type_, as_printed=True), f" {raw} ") == raw


@pytest.mark.parametrize("type_", ["date", "datetime", "decimal", "integer", "duration"])
def test_words_without_a_value_are_refused_even_as_printed(type_: str) -> None:
    with pytest.raises(ValueError, match="in any notation"):
        canonical(make_spec(type_, as_printed=True), "n/a")


@pytest.mark.parametrize(
    ("type_", "value", "python"),
    [
        ("string", "7", "7"),
        ("integer", "7", 7),
        ("decimal", "7.10", Decimal("7.10")),
        ("boolean", "false", False),
        ("date", "2021-03-05", date(2021, 3, 5)),
        ("datetime", "2021-03-05T10:00:00", "2021-03-05T10:00:00"),
        ("duration", "2 years", "2 years"),
    ],
)
def test_a_value_becomes_what_its_column_holds(type_: str, value: str, python: object) -> None:
    found = to_python(make_spec(type_), value)

    assert (found, type(found)) == (python, type(python))
    assert to_python(make_spec(type_, as_printed=True), value) == value


@pytest.mark.parametrize(
    ("rules", "value", "sentence"),
    [
        ({"pattern": "[A-Z]{3}"}, "EURO", "does not match the pattern"),
        ({"max_length": 3}, "EURO", "4 characters are more than the 3 allowed"),
        ({"type_": "decimal", "minimum": 0}, "-0.01", "-0.01 is under the minimum 0"),
        ({"type_": "integer", "maximum": 10}, "11", "11 is over the maximum 10"),
    ],
)
def test_a_broken_rule_is_told_in_a_sentence(
    rules: dict[str, Any], value: str, sentence: str
) -> None:
    (broken,) = broken_rules(make_spec(**rules), value, {})

    assert broken.startswith("field: ")
    assert sentence in broken


def test_a_value_that_obeys_its_rules_breaks_none() -> None:
    spec = make_spec("decimal", minimum=0, maximum=10, pattern=r"\d+", max_length=3)

    assert broken_rules(spec, "10", {}) == []


def test_a_pattern_is_not_tried_on_values_that_are_too_long() -> None:
    spec = make_spec(pattern="(a+)+b", max_length=10)

    assert broken_rules(spec, "a" * 60, {}) == ["field: 60 characters are more than the 10 allowed"]


@pytest.mark.parametrize(
    ("others", "broken"),
    [
        ({"net": "100.00", "tax": "19.00"}, []),
        ({"net": "100.00", "tax": "19.02"}, []),
        ({"net": "100.00", "tax": "19.03"}, ["field: 119.00 is not net + tax = 119.03"]),
        ({"net": "100.00", "tax": None}, []),
        ({"net": "100.00"}, []),
        ({"net": ["60.00", "40.00"], "tax": "19.00"}, []),
        ({"net": [], "tax": "19.00"}, []),
    ],
)
def test_a_sum_may_be_off_by_a_cent_per_part_and_needs_all_parts(
    others: dict[str, Any], broken: list[str]
) -> None:
    assert broken_rules(make_spec("decimal", sum_of=("net", "tax")), "119.00", others) == broken


@pytest.mark.parametrize(
    ("earlier", "count"), [("2021-03-04", 0), ("2021-03-05", 0), ("2021-03-06", 1), (None, 0)]
)
def test_a_date_must_not_precede_the_other_one(earlier: str | None, count: int) -> None:
    spec = make_spec("date", not_before="issued")

    assert len(broken_rules(spec, "2021-03-05", {"issued": earlier})) == count


def test_dates_kept_as_printed_are_compared_as_days() -> None:
    spec = make_spec("date", not_before="issued", as_printed=True)

    assert broken_rules(spec, "5 March 2021", {"issued": "6 March 2021"}) != []


NUMBERS = st.decimals(-(10**17), 10**17, places=6, allow_nan=False)
RAW = {
    "string": st.text(min_size=1),
    "integer": st.integers(-(10**18) + 1, 10**18 - 1),
    "decimal": NUMBERS.map(lambda number: format(number, "f")),
    "boolean": st.booleans(),
    "date": st.dates(date(1500, 1, 1), date(2199, 12, 31)).map(date.isoformat),
    "datetime": st.datetimes(timezones=st.just(None) | st.timezones()).map(datetime.isoformat),
    "duration": st.integers(0, 999).map(lambda n: f"{n} months"),
    "category": st.sampled_from(["billing", "TECHNICAL ISSUE"]),
}


@pytest.mark.parametrize("type_", RAW)
@given(data=st.data())
def test_a_canonical_value_is_its_own_canonical_form_and_fits_its_column(
    type_: str, data: st.DataObject
) -> None:
    spec = make_spec(type_)
    try:
        value = canonical(spec, data.draw(RAW[type_]))
    except ValueError:
        assert type_ in ("string", "datetime")
        return

    assert canonical(spec, value) == value
    to_python(spec, value)


@given(st.sampled_from(list(FieldType)), st.text() | st.floats() | st.integers() | st.booleans())
def test_any_answer_is_a_value_or_is_refused(
    type_: FieldType, raw: str | float | int | bool
) -> None:
    spec = make_spec(type_.value)
    try:
        value = canonical(spec, raw)
    except ValueError as error:
        value = str(error).removeprefix("field: ")

    assert value
