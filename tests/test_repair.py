"""Free repair of answers, and their check against the schema."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.repair import repair_json
from llms.validation import InvalidAnswerError, parse_answer
from schemas.answers import extraction_schema, insights_schema, route_schema, verdicts_schema
from schemas.documents.base import DocumentSchema
from schemas.documents.email import Email
from schemas.documents.invoice import Invoice
from schemas.documents.support_ticket import SupportTicket

ROUTE = json.dumps(route_schema(["invoice", "other"]))

SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {
            "name": {"type": ["string", "null"]},
            "count": {"type": "integer"},
            "share": {"type": "number"},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["name", "count", "share", "tags"],
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize(
    "text",
    [
        '```json\n{"a": "x", "b": [1, 2]}\n```',
        'Here it is:\n```\n{"a": "x", "b": [1, 2]}\n```\nAnything else?',
        'Sure! {"a": "x", "b": [1, 2]} That is all.',
        'In braces {as asked}: {"a": "x", "b": [1, 2]}',
        '\ufeff{"a": "x", "b": [1, 2]}',
        '{"a": "x", "b": [1, 2,],}',
        "{'a': 'x', 'b': [1, 2]}",
        '{"a": "x", // the name\n "b": [1, 2], /* the rest */ }',
        '{} and then {"a": "x", "b": [1, 2]}',
    ],
)
def test_notation_is_repaired(text: str) -> None:
    assert repair_json(text) == {"a": "x", "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("{'a': 'it\\'s', 'b': 'say \"x\"'}", {"a": "it's", "b": 'say "x"'}),
        ('{"a": True, "b": None, "c": False}', {"a": True, "b": None, "c": False}),
        ('{"a": "None, True // no comment, }",}', {"a": "None, True // no comment, }"}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        ('{"a": "```json\\n{}\\n```"}', {"a": "```json\n{}\n```"}),
    ],
)
def test_what_stands_in_strings_is_left_alone(text: str, meant: dict[str, Any]) -> None:
    assert repair_json(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no object here",
        "[1, 2]",
        '{"a": {"b": 1}, "c": [1, 2',
        '{"a": "cut off',
        "{",
        "{" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_nothing_is_made_up_where_there_is_no_whole_object(text: str) -> None:
    assert repair_json(text) is None


JSON_OBJECTS = st.dictionaries(
    st.text(max_size=8),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=6,
    ),
)


@given(JSON_OBJECTS)
def test_an_object_survives_repair_unchanged(value: dict[str, Any]) -> None:
    assert repair_json(json.dumps(value)) == value


@given(JSON_OBJECTS.filter(bool), st.data())
def test_a_cut_object_is_never_taken_for_a_whole_one(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]

    assert repair_json(cut) is None


@given(st.text())
def test_repair_never_fails_on_any_text(text: str) -> None:
    repair_json(text)


def make_answer(**changes: Any) -> str:
    """A valid answer under `SCHEMA`, with changes."""
    usual: dict[str, Any] = {"name": "x", "count": 1, "share": 0.5, "tags": []}
    return json.dumps({**usual, **changes})


def test_a_valid_answer_is_not_repaired() -> None:
    data, is_repaired = parse_answer(make_answer(name=None, tags=["a"]), SCHEMA)

    assert (data, is_repaired) == (
        {"name": None, "count": 1, "share": 0.5, "tags": ["a"]},
        False,
    )


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"name": 1234}, "name", "1234"),
        ({"count": "12"}, "count", 12),
        ({"count": 3.0}, "count", 3),
        ({"share": "0.25"}, "share", 0.25),
        ({"extra": 1}, "name", "x"),
        ({"tags": [1, "b"]}, "tags", ["1", "b"]),
    ],
)
def test_scalars_in_another_notation_are_taken_for_what_they_are(
    changes: dict[str, Any], name: str, expected: Any
) -> None:
    data, is_repaired = parse_answer(make_answer(**changes), SCHEMA)

    assert (data[name], is_repaired) == (expected, True)


def test_a_number_keeps_its_digits_as_text() -> None:
    text = make_answer().replace('"x"', "1234.50")

    assert parse_answer(text, SCHEMA)[0]["name"] == "1234.50"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("I am sorry", "not a JSON object"),
        (make_answer(count="many"), "count: "),
        (make_answer(count=None), "count: "),
        (make_answer(count=1.5), "count: "),
        (make_answer(tags="a"), "tags: "),
        (make_answer(name=["a"]), "name: "),
        (make_answer(name=True), "name: "),
        ('{"name": "x"}', "count: Field required; share: Field required; tags: Field required"),
        (make_answer().replace("0.5", "NaN"), "share: "),
        (make_answer()[:-4], "not a JSON object"),
    ],
)
def test_an_invalid_answer_is_refused_with_its_problems(text: str, problem: str) -> None:
    with pytest.raises(InvalidAnswerError) as caught:
        parse_answer(text, SCHEMA)

    assert problem in str(caught.value)


def test_only_the_first_problems_are_listed() -> None:
    schema = json.dumps(extraction_schema(Invoice.document_type()))

    with pytest.raises(InvalidAnswerError, match=r"Field required; and 4 more$"):
        parse_answer("{}", schema)


def test_a_choice_outside_the_enumeration_is_invalid() -> None:
    with pytest.raises(InvalidAnswerError, match="document_type: "):
        parse_answer('{"document_type": "poem", "confidence": 1}', ROUTE)


@pytest.mark.parametrize("schema_class", [Invoice, Email, SupportTicket])
def test_the_shipped_schemas_accept_empty_records(schema_class: type[DocumentSchema]) -> None:
    schema = extraction_schema(schema_class.document_type())
    absent = {"value": None, "quote": None, "confidence": 1}
    answer = {
        name: [] if inner["type"] == "array" else absent
        for name, inner in schema["properties"].items()
    }

    assert parse_answer(json.dumps(answer), json.dumps(schema)) == (answer, False)


@pytest.mark.parametrize(
    ("schema", "answer"),
    [
        (
            verdicts_schema(["total"]),
            {"verdicts": [{"field": "total", "verdict": "ok", "reason": "stands there"}]},
        ),
        (insights_schema(), {"insights": [{"headline": "h", "text": "t", "figures": ["f1"]}]}),
        (route_schema(["a"]), {"document_type": "a", "confidence": 0.5}),
        ({"anyOf": [{"type": "object", "properties": {"a": {"type": "null"}}}]}, {"a": None}),
    ],
)
def test_the_other_answers_are_accepted(schema: dict[str, Any], answer: dict[str, Any]) -> None:
    assert parse_answer(json.dumps(answer), json.dumps(schema)) == (answer, False)
