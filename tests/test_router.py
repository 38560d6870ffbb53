"""The router: glob, then words, then a cheap model."""

import asyncio

import pytest

from llms.calls import Call, Reply
from llms.router import Route, clear_winner, route
from schemas.documents import shipped_type
from schemas.fields import DocumentType

TYPES = [shipped_type(name) for name in ("invoice", "receipt", "contract", "support_ticket")]

INVOICE = "INVOICE\nInvoice number: 17\nInvoice date: 2026-03-14\nBill to: Acme\nAmount due: 12.00"


async def refuse(call: Call) -> Reply:
    raise AssertionError(f"no model should have been asked: {call.stage}")


def answering(name: str) -> tuple[list[Call], object]:
    calls: list[Call] = []

    async def ask(call: Call) -> Reply:
        calls.append(call)
        data = {"document_type": name, "confidence": 0.9}
        return Reply(data=data, model="m", usd=0.0, from_store=False, attempts=1)

    return calls, ask


def run(
    text: str,
    ask: object = refuse,
    declared: str | None = None,
    types: list[DocumentType] = TYPES,
    fallback: str | None = None,
) -> Route:
    return asyncio.run(route("d1", text, declared, types, fallback, ask))


def test_a_declared_type_wins_over_every_word() -> None:
    done = run(INVOICE, declared="receipt")

    assert (done.document_type, done.by) == (TYPES[1], "glob")


def test_a_single_type_needs_no_question() -> None:
    assert run("anything", types=TYPES[:1]).by == "only"


def test_words_decide_where_they_are_clear() -> None:
    done = run(INVOICE)

    assert done.document_type is not None
    assert (done.document_type.name, done.by) == ("invoice", "signals")


def test_a_model_is_asked_where_words_are_not_clear() -> None:
    calls, ask = answering("contract")

    done = run("a text about nothing in particular", ask)

    assert done.document_type is not None
    assert (done.document_type.name, done.by) == ("contract", "model")
    assert calls[0].schema["properties"]["document_type"]["enum"][-1] == "other"


@pytest.mark.parametrize(("fallback", "expected"), [(None, None), ("invoice", "invoice")])
def test_a_document_of_no_type_goes_to_the_fallback_or_nowhere(
    fallback: str | None, expected: str | None
) -> None:
    _, ask = answering("other")

    done = run("a text about nothing in particular", ask, fallback=fallback)

    assert (done.document_type.name if done.document_type else None) == expected


def test_two_types_that_share_their_words_are_not_told_apart_by_them() -> None:
    left = TYPES[0].model_copy(update={"name": "left"})
    right = TYPES[0].model_copy(update={"name": "right"})

    assert clear_winner(INVOICE, [left, right]) is None
