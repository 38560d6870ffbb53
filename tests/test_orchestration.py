"""The orchestrator decides what the tiers left open, and its word is held to the same rules."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from llms.calls import Call, Reply
from llms.cascade import MISSING_REQUIRED, Extraction, extract
from llms.extraction import Document
from llms.failures import CallError, FailureClass
from llms.offline.decisions import decisions_answer
from llms.orchestration import decide, disputes_of, left_open
from llms.validation import parse_answer
from llms.verifier import verify
from schemas.decisions import decisions_schema
from schemas.fields import DocumentType, FieldSpec, FieldType
from schemas.job import Cascade
from schemas.roles import Role

TEXT = "Seller: Nordwind GmbH\nNet 100.00\nTax 19.00\nTotal 119.00\nNumber: A-17\n"


def money(name: str, **changes: Any) -> FieldSpec:
    return FieldSpec(name=name, type=FieldType.DECIMAL, **changes)


TYPE = DocumentType(
    name="invoice",
    fields=(
        FieldSpec(name="seller", required=True, labels=("Seller",)),
        FieldSpec(name="number"),
        money("net"),
        money("tax"),
        money("total", sum_of=("net", "tax")),
    ),
)
GOOD: dict[str, tuple[str | None, float]] = {
    "seller": ("Nordwind GmbH", 0.9), "number": ("A-17", 0.9), "net": ("100.00", 0.9),
    "tax": ("19.00", 0.9), "total": ("119.00", 0.9),
}  # fmt: skip


def said(value: str | None, confidence: float = 0.9) -> dict[str, Any]:
    return {"value": value, "quote": value, "confidence": confidence}


def ruling(value: str | None, decision: str = "value", confidence: float = 0.9) -> dict[str, Any]:
    return {"reason": "the text says so", "decision": decision, "answer": said(value, confidence)}


class FakeAsk:
    """Tiers that answer alike but for `doubts`, and an orchestrator with a script."""

    def __init__(self, doubts: Mapping[str, Any], rulings: Mapping[str, Any]) -> None:
        self.doubts, self.rulings = doubts, rulings
        self.calls: list[Call] = []
        self.error: CallError | None = None

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        if call.role is Role.ORCHESTRATOR:
            if self.error is not None:
                raise self.error
            data = dict(self.rulings)
        elif call.stage == "verify":
            data = {"verdicts": [{"field": "number", "verdict": "bad", "reason": "a page number"}]}
        else:
            told = {**GOOD, **self.doubts}
            if call.stage == "retry":
                told["number"] = ("B-99", 0.9)
            data = {name: said(*told[name]) for name in call.schema["properties"]}
        return Reply(data=data, model=call.role.value, usd=0.0, from_store=False, attempts=1)


def run(ask: FakeAsk, *, verified: bool = False) -> tuple[Extraction, Extraction]:
    """What the tiers made of the document, and what it is after the decision."""
    document = Document.of("d1", TEXT)

    async def both() -> tuple[Extraction, Extraction]:
        first = await extract(document, TYPE, ask, Cascade())
        if verified:
            first = (await verify(document, TYPE, first, ask, Cascade())).extraction
        return first, await decide(document, TYPE, first, ask, Cascade())

    return asyncio.run(both())


def test_nobody_is_asked_about_a_document_that_is_settled() -> None:
    ask = FakeAsk({}, {})

    first, decided = run(ask)

    assert decided is first
    assert {call.role for call in ask.calls} == {Role.EXTRACTION_WORKER}


def test_a_required_field_is_decided_and_the_document_is_no_dead_letter() -> None:
    ask = FakeAsk({"seller": ("Nordwind GmbH", 0.1)}, {"seller": ruling("Nordwind GmbH")})

    first, decided = run(ask)

    seller = decided.fields["seller"]
    assert first.failure is not None
    assert (decided.failure, seller.values, seller.status) == (None, ("Nordwind GmbH",), "accepted")
    assert (seller.tier, seller.model) == (2, "orchestrator")
    assert seller.reason == "decided: the text says so"
    assert len(decided.replies) == len(first.replies) + 1


def test_an_optional_field_that_is_only_unsure_is_not_worth_a_decision() -> None:
    ask = FakeAsk({"number": ("A-17", 0.1)}, {})

    first, decided = run(ask)

    assert first.fields["number"].status == "unresolved"
    assert decided is first


def test_values_that_contradict_each_other_are_decided_together() -> None:
    # The two tiers name different nets, so that no two agree, and neither fits the total.
    ask = FakeAsk({"net": ("119.00", 0.9)}, {})
    first, _ = run(FakeAsk({"net": ("119.00", 0.9)}, {}))
    assert first.fields["net"].status == "accepted"  # two models agree: nothing is open

    class Different(FakeAsk):
        async def __call__(self, call: Call) -> Reply:
            reply = await super().__call__(call)
            if call.role is Role.REASONING_WORKER:
                reply.data["net"] = said("19.00")
                for name in ("tax", "total"):
                    reply.data[name] = said({"tax": "100.00", "total": "19.00"}[name])
            return reply

    rulings = {"net": ruling("100.00"), "tax": ruling("19.00"), "total": ruling("119.00")}
    ask = Different({"net": ("119.00", 0.9)}, rulings)
    first, decided = run(ask)

    opened = [dispute.spec.name for dispute in disputes_of(TYPE, first)]
    assert opened == ["net", "tax", "total"]
    assert [decided.fields[name].values for name in opened] == [
        ("100.00",), ("19.00",), ("119.00",),
    ]  # fmt: skip
    told = json.loads(ask.calls[-1].user.split("<disputes>\n")[1].split("\n</disputes>")[0])
    assert [len(dispute["said"]) for dispute in told] == [2, 2, 2]
    assert "not net + tax" in told[2]["open_because"]


def test_a_value_that_was_found_bad_and_not_mended_is_decided() -> None:
    ask = FakeAsk({}, {"number": ruling(None, "absent")})

    first, decided = run(ask, verified=True)

    assert first.fields["number"].values == ()
    number = decided.fields["number"]
    assert (number.status, number.tier, number.reason) == (
        "absent", 2, "decided: the text says so",
    )  # fmt: skip


WRONG = {
    "not in the text": (ruling("Südwind AG"), "does not stand in the text"),
    "unsure": (ruling("Nordwind GmbH", confidence=0.2), "confidence 0.20 is under 0.50"),
    "undecidable": (ruling(None, "undecidable"), "undecidable: the text says so; before: "),
    "absent though required": (ruling(None, "absent"), "decided: the text says so"),
    "a value that is none": (ruling(None), "required, but the answer has no value"),
}


@pytest.mark.parametrize(("answer", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_decision_that_breaks_the_rules_does_not_count(
    answer: dict[str, Any], reason: str
) -> None:
    _, decided = run(FakeAsk({"seller": ("Nordwind GmbH", 0.1)}, {"seller": answer}))

    assert decided.fields["seller"].values == ()
    assert reason in (decided.fields["seller"].reason or "")
    assert decided.failure is not None
    assert decided.failure[0] == MISSING_REQUIRED


def test_a_refusal_leaves_everything_as_it_was() -> None:
    ask = FakeAsk({"seller": ("Nordwind GmbH", 0.1)}, {})
    ask.error = CallError.of(FailureClass.REFUSED, "no")

    first, decided = run(ask)

    assert decided is first


def test_what_is_wrong_with_the_run_is_not_swallowed() -> None:
    ask = FakeAsk({"seller": ("Nordwind GmbH", 0.1)}, {})
    ask.error = CallError.of(FailureClass.BUDGET, "no money")

    with pytest.raises(CallError, match="no money"):
        run(ask)


def test_what_nobody_has_decided_says_why() -> None:
    first, _ = run(FakeAsk({"seller": ("Nordwind GmbH", 0.1)}, {"seller": ruling(None)}))

    left = left_open(TYPE, first, "budget")

    assert (left.fields["seller"].reason or "").endswith("; not decided: budget")
    assert left.failure == first.failure
    assert left.fields["number"] == first.fields["number"]


class TestRules:
    """The offline engine's decisions."""

    def dispute(self, *said: tuple[str, float, str | None], **changes: Any) -> dict[str, Any]:
        readers = [
            {"values": [v] if v else [], "quotes": [v] if v else [], "confidence": c, "problem": p}
            for v, c, p in said
        ]
        return {"field": "total", "required": False, "said": readers, **changes}

    def decided(self, dispute: dict[str, Any]) -> tuple[str, Any]:
        schema = decisions_schema(TYPE.subset({"total"}))
        found = decisions_answer([dispute], TEXT, schema)
        parse_answer(json.dumps(found), json.dumps(schema))
        return found["total"]["decision"], found["total"]["answer"]["value"]

    @pytest.mark.parametrize(
        ("said", "decision"),
        [
            ([("119.00", 0.4, None), ("119.00", 0.3, None)], ("value", "119.00")),
            ([("119.00", 0.6, None), ("100.00", 0.58, None)], ("undecidable", None)),
            ([("119.00", 0.9, None), ("100.00", 0.9, "not net + tax")], ("value", "119.00")),
            ([("777.00", 0.9, None)], ("absent", None)),
            ([("", 0.9, None)], ("absent", None)),
        ],
        ids=["agreed", "a tie", "a rule", "not in the text", "nobody found one"],
    )
    def test_the_readers_values_are_weighed(
        self, said: list[tuple[str, float, str | None]], decision: tuple[str, Any]
    ) -> None:
        assert self.decided(self.dispute(*said)) == decision

    def test_a_required_field_is_never_said_to_be_absent(self) -> None:
        assert self.decided(self.dispute(("", 0.9, None), required=True))[0] == "undecidable"
