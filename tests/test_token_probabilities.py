"""Which tokens of an answer are those of a value, and how probable were they?"""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.calls import Call
from llms.sdk import Request
from llms.token_probabilities import TokenProbabilities
from schemas.roles import Role
from tests.lake_runs import QUICK


def tokens_of(text: str, length: int, doubtful: str = "") -> list[tuple[str, float]]:
    """The text cut into tokens; those that overlap `doubtful` have half the probability."""
    start = text.index(doubtful) if doubtful else len(text)
    end = start + len(doubtful)
    return [
        (text[at : at + length], math.log(0.5) if at < end and at + length > start else 0.0)
        for at in range(0, len(text), length)
    ]


def answer(**fields: Any) -> str:
    return json.dumps(
        {
            name: {"value": value, "quote": f'"value": {value}', "confidence": 0.9}
            for name, value in fields.items()
        }
    )


def test_only_the_tokens_of_the_value_count() -> None:
    text = answer(number="A-17", total="119.00")
    found = TokenProbabilities(tokens_of(text, 1, doubtful="A-17"))

    number, total = found.of("number"), found.of("total")

    assert number is not None
    assert number.least == pytest.approx(0.5)
    # The quotation marks around it are certain: four doubtful tokens of six.
    assert number.mean == pytest.approx(0.5 ** (4 / 6))
    assert total is not None
    assert (total.least, total.mean) == (1.0, 1.0)


def test_every_value_of_a_list_counts() -> None:
    items = [{"value": v, "quote": None, "confidence": 1.0} for v in ("one", "two")]
    found = TokenProbabilities(tokens_of(json.dumps({"items": items}), 2, doubtful="two"))

    values = found.of("items")

    assert values is not None
    assert values.least == pytest.approx(0.5)
    assert values.least < values.mean < 1


@pytest.mark.parametrize(
    "text", ["", "no JSON", '{"number": {"value": "A', '{"other": {"value": 1}}', '{"number": 5}']
)
def test_an_answer_that_cannot_be_read_says_nothing(text: str) -> None:
    assert TokenProbabilities(tokens_of(text, 3)).of("number") is None


@given(st.text(max_size=30), st.integers(1, 9), st.booleans())
def test_any_value_is_found_however_the_tokens_fall(value: str, length: int, is_last: bool) -> None:
    fields = {"first": "x", "value": value} if is_last else {"value": value, "last": "x"}

    found = TokenProbabilities(tokens_of(answer(**fields), length)).of("value")

    assert found is not None
    assert found.least == 1.0


@pytest.mark.parametrize(
    ("is_wanted", "is_able", "rejected", "is_asked"),
    [
        (True, True, frozenset(), True),
        (True, False, frozenset(), False),
        (False, True, frozenset(), False),
        (True, True, frozenset({"logprobs"}), False),
    ],
    ids=["wanted and given", "not given", "not wanted", "rejected by the provider"],
)
def test_they_are_asked_for_where_they_are_wanted_and_given(
    is_wanted: bool, is_able: bool, rejected: frozenset[str], is_asked: bool
) -> None:
    call = Call(
        role=Role.EXTRACTION_WORKER, stage="extract", system="s", user="u", schema_name="n",
        schema={"type": "object"}, logprobs=is_wanted,
    )  # fmt: skip
    model = QUICK.model_copy(update={"logprobs": is_able})

    body = json.loads(Request.of(call).body(model, rejected))

    assert body.get("logprobs", False) is is_asked
    # With or without them it is the same answer, to be paid for once.
    assert Request.of(call).key(model) == Request.of(replace(call, logprobs=False)).key(model)
