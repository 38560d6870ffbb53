"""The verifier: a second model checks, and what it finds bad is mended or given up."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llms.calls import Call, Reply
from llms.cascade import Extraction, extract
from llms.extraction import Document
from llms.verifier import Verification, how_many, verify
from schemas.fields import DocumentType, FieldSpec
from schemas.job import Cascade

TEXT = "Seller: Nordwind GmbH\nBuyer: Acme Ltd\nNumber: A-17\n"
SELLER = FieldSpec(name="seller", required=True, labels=("Seller",))
TYPE = DocumentType(name="invoice", fields=(SELLER,))


def found(value: str | None, confidence: float = 0.9) -> dict[str, Any]:
    return {"value": value, "quote": value, "confidence": confidence}


class FakeAsk:
    """Answers by stage from a script; models are named by stage and role."""

    def __init__(self, by_stage: Mapping[str, list[dict[str, Any]]]) -> None:
        self.by_stage = {stage: list(answers) for stage, answers in by_stage.items()}
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        data = self.by_stage[call.stage].pop(0)
        model = "second" if call.stage == "verify" else call.role.value
        return Reply(data=data, model=model, usd=0.0, from_store=False, attempts=1)


def verdict(word: str) -> dict[str, Any]:
    return {"verdicts": [{"field": "seller", "verdict": word, "reason": "because"}]}


def run(ask: FakeAsk) -> Verification:
    document = Document.of("d1", TEXT)

    async def both() -> Verification:
        first: Extraction = await extract(document, TYPE, ask, Cascade())
        return await verify(document, TYPE, first, ask, Cascade())

    return asyncio.run(both())


def test_a_confirmed_value_is_marked_verified() -> None:
    ask = FakeAsk({"extract": [{"seller": found("Nordwind GmbH")}], "verify": [verdict("ok")]})

    done = run(ask)

    assert done.verdict == "ok"
    assert done.extraction.fields["seller"].status == "verified"


def test_the_model_that_answered_may_not_verify() -> None:
    ask = FakeAsk({"extract": [{"seller": found("Nordwind GmbH")}], "verify": [verdict("ok")]})

    run(ask)

    assert ask.calls[-1].avoid == {"extraction_worker"}


def test_a_bad_value_is_asked_for_again_without_itself() -> None:
    ask = FakeAsk(
        {
            "extract": [{"seller": found("Acme Ltd")}],
            "verify": [verdict("bad")],
            "retry": [{"seller": found("Nordwind GmbH")}],
        }
    )

    done = run(ask)

    assert done.verdict == "mended"
    assert done.extraction.fields["seller"].values == ("Nordwind GmbH",)
    assert "<rejected>" in ask.calls[-1].user


def test_a_value_that_the_next_tier_names_again_is_kept_against_the_verifier() -> None:
    ask = FakeAsk(
        {
            "extract": [{"seller": found("Nordwind GmbH")}],
            "verify": [verdict("bad")],
            "retry": [{"seller": found(None, 0.9)}, {"seller": found("Nordwind GmbH")}],
        }
    )

    done = run(ask)

    assert done.extraction.fields["seller"].values == ("Nordwind GmbH",)
    assert "kept by two models" in (done.extraction.fields["seller"].reason or "")


def test_a_required_value_that_cannot_be_mended_is_a_dead_letter() -> None:
    ask = FakeAsk(
        {
            "extract": [{"seller": found("Acme Ltd")}],
            "verify": [verdict("bad")],
            "retry": [{"seller": found(None)}, {"seller": found(None)}],
        }
    )

    done = run(ask)

    assert done.verdict == "bad"
    assert done.extraction.failure is not None
    assert done.extraction.failure[0] == "missing_required"


def test_a_list_with_one_wrong_entry_does_not_lose_the_right_ones() -> None:
    parties = FieldSpec(name="parties", multi=True)
    listed = DocumentType(name="contract", fields=(parties,))
    document = Document.of("d1", TEXT)
    first = [found("Nordwind GmbH"), found("A-17")]
    verdicts = [{"field": "parties", "verdict": "bad", "reason": "A-17 is no party"}]
    ask = FakeAsk(
        {
            "extract": [{"parties": first}],
            "verify": [{"verdicts": verdicts}],
            "retry": [{"parties": [found("Nordwind GmbH"), found("Acme Ltd")]}],
        }
    )

    async def both() -> Verification:
        done = await extract(document, listed, ask, Cascade())
        return await verify(document, listed, done, ask, Cascade())

    checked = asyncio.run(both())

    assert "<rejected>" not in ask.calls[-1].user
    assert checked.extraction.fields["parties"].values == ("Nordwind GmbH", "Acme Ltd")


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_the_checked_share_is_right_but_for_the_broken_part(
    accepted: int, share: float, draw: float
) -> None:
    due = how_many(accepted, share, draw)

    assert 0 <= due <= accepted
    assert abs(due - accepted * share) <= 1
