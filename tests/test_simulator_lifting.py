"""Answers lifted from a text are valid under their schema, and their values stand in the text."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.simulator.chat import Chat
from llms.simulator.lifting import Source, writer
from llms.validation import parse_answer
from schemas.answers import (
    INSIGHTS,
    VERDICTS,
    extraction_schema,
    insights_schema,
    route_schema,
    verdicts_schema,
)
from schemas.documents import SHIPPED, shipped_type
from tests.simulated import RECEIPT, Rig, make_body, rigged

FOREIGN = {
    "type": "object",
    "properties": {
        "kind": {"const": "x"},
        "size": {"type": "integer", "minimum": 5, "maximum": 9},
        "share": {"type": ["number", "null"]},
        "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}, "minItems": 2},
        "none": {"type": "array", "items": {"type": "string"}, "maxItems": 0},
        "flag": {"type": "boolean"},
        "tone": {"enum": ["calm", "loud"]},
    },
    "required": ["kind", "size", "share", "when", "parts", "none", "flag", "tone"],
    "additionalProperties": False,
    "$defs": {
        "part": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "inner": {"$ref": "#/$defs/part"}},
        }
    },
}


def lifted(schema: dict[str, Any], text: str) -> Any:
    return writer(json.dumps(schema).encode())(Source(text))


@pytest.mark.parametrize("name", sorted(SHIPPED))
@pytest.mark.parametrize("text", [RECEIPT, "", "x " * 9000], ids=["receipt", "empty", "long"])
def test_an_answer_is_valid_under_every_schema_that_ships(name: str, text: str) -> None:
    schema = extraction_schema(shipped_type(name))

    _, was_repaired = parse_answer(json.dumps(lifted(schema, text)), json.dumps(schema))

    assert not was_repaired


@given(st.text(max_size=300))
def test_an_extracted_value_stands_in_the_text(text: str) -> None:
    for found in lifted(extraction_schema(shipped_type("invoice")), text).values():
        for entry in found if isinstance(found, list) else [found]:
            assert entry["quote"] is None or entry["quote"] in text


def test_types_are_found_where_they_stand() -> None:
    answered = lifted(extraction_schema(shipped_type("receipt")), RECEIPT)

    assert answered["purchase_date"] == {
        "value": "2026-03-14",
        "quote": "2026-03-14",
        "confidence": 0.95,
    }
    assert answered["merchant"]["value"] == "Corner Bakery Ltd"


@given(st.text(max_size=100))
def test_a_foreign_schema_is_answered_too(text: str) -> None:
    answered = lifted(FOREIGN, text)

    assert answered["parts"][0].keys() == {"name", "inner"}
    pruned = {**answered, "parts": [{"name": part["name"]} for part in answered["parts"]]}
    jsonschema.validate(pruned, FOREIGN)


def test_a_verdict_is_given_on_every_field() -> None:
    answered = lifted(verdicts_schema(["total", "date"]), "anything bad")

    assert [(v["field"], v["verdict"]) for v in answered["verdicts"]] == [
        ("total", "ok"),
        ("date", "ok"),
    ]


def test_a_route_goes_to_the_type_that_is_named_else_to_the_first() -> None:
    schema = route_schema(["invoice", "receipt"])

    assert lifted(schema, "a receipt")["document_type"] == "receipt"
    assert lifted(schema, "")["document_type"] == "invoice"


def asked(scenario: dict[str, Any], **changes: Any) -> Any:
    """The parsed content of an answer."""

    async def use(rig: Rig) -> str:
        return await rig.content(**changes)

    return json.loads(rigged(scenario, use)[0])


def test_a_schema_in_the_prompt_is_honoured_where_none_stands_in_the_request() -> None:
    schema = json.dumps(extraction_schema(shipped_type("receipt")))
    messages = [
        {"role": "system", "content": f"Valid under this JSON schema:\n{schema}"},
        {"role": "user", "content": f"<document>\n{RECEIPT}\n</document>"},
    ]

    answered = asked({}, messages=messages, response_format=None)

    assert answered["purchase_date"]["value"] == "2026-03-14"


@pytest.mark.parametrize("where", ["first", "middle", "last", "spaced", "in a text", "in a part"])
def test_the_schema_is_found_wherever_it_stands(where: str) -> None:
    body = make_body()
    schema = body["response_format"]["json_schema"]["schema"]
    if where == "first":
        body = {"response_format": body.pop("response_format"), **body}
    elif where == "middle":
        body["temperature"] = 0
    elif where == "in a text":
        body["messages"][0]["content"] += '"response_format": {}, '
    elif where == "in a part":
        body["messages"][0]["response_format"] = {"type": "text"}

    raw = json.dumps(body, indent=1 if where == "spaced" else None, separators=None).encode()
    chat = Chat.read(raw.replace(b'"response_format": ', b'"response_format":'))

    assert (chat.schema, chat.messages) == (schema, body["messages"])
    assert chat.parameters == frozenset(body)
    assert json.loads(chat.schema_text) == schema


def test_canned_answers_go_by_the_name_of_the_schema() -> None:
    canned = {"answers": "canned", "canned": {VERDICTS: {"verdicts": []}}}
    named = {"type": "json_schema", "json_schema": {"name": VERDICTS, "schema": {}}}

    assert asked(canned, response_format=named) == {"verdicts": []}
    smallest = asked(canned)
    assert smallest["merchant"] == {"value": None, "quote": None, "confidence": 0.95}


def test_offline_answers_are_those_of_the_rules() -> None:
    offline = {"answers": "offline"}

    answered = asked(offline, text="Corner Bakery Ltd\nDate: 14/03/2026\nTotal: £ 12.40\n")

    assert answered["purchase_date"]["value"] == "2026-03-14"
    assert answered["total"]["value"] == "12.40"


def test_insights_name_figures_that_exist() -> None:
    figures = [{"id": "docs", "title": "Documents", "value": "12", "unit": ""}]
    messages = [
        {"role": "system", "content": "At most 3 findings"},
        {"role": "user", "content": f"<figures>\n{json.dumps(figures)}\n</figures>"},
    ]
    schema = {"name": INSIGHTS, "schema": insights_schema()}

    answered = asked(
        {}, messages=messages, response_format={"type": "json_schema", "json_schema": schema}
    )

    assert {figure for insight in answered["insights"] for figure in insight["figures"]} <= {"docs"}
