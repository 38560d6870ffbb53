"""The book of batches: what a kill left behind costs neither too little nor for ever too much."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from llms.batches.book import Batch, BatchBook, ItemState
from llms.completion import Answer
from llms.holds import Hold
from llms.responses import ResponseStore, StoredResponse
from llms.spend import Draw, month_account, run_account, units_of

RUN, MONTH = run_account("r1"), month_account("post", "2026-07")


class Desk:
    """A store and its book of batches."""

    def __init__(self, store: ResponseStore) -> None:
        self.store = store
        self.book = BatchBook(store)

    def hand_in(self, name: str, key: str, usd: float = 1.0) -> Batch:
        """Write down a batch of one request."""
        batch = Batch(name, "sim", "small", "r1", 1, 10)
        draw = Draw("p:2026-07", "p", self.store.keeper, {RUN: None, MONTH: None}, 0, 0)
        hold = Hold(key, RUN, MONTH, units_of(usd))
        asyncio.run(self.book.plan(batch, [key], draw, [hold]))
        return batch

    def end(self, batch: Batch, key: str, state: ItemState) -> None:
        """Note how it ended, and be killed before anything is settled."""
        asyncio.run(self.book.end(batch, "completed", {key: state}))

    def answer(self, key: str, usd: float) -> None:
        """Have another run store the answer."""
        answer = Answer("{}", "stop")
        asyncio.run(self.store.put(StoredResponse(key, "small", "sim", "r2", answer, usd=usd)))

    @property
    def money(self) -> tuple[float, float]:
        """What the run has spent by the book, and what of it is held."""
        return self.store.spent("r1"), self.store.held("r1")


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    with ResponseStore(store_url) as store:
        yield Desk(store)


def test_what_failed_and_may_have_been_billed_stays_spent(desk: Desk) -> None:
    desk.end(desk.hand_in("b1", "k"), "k", ItemState.FAILED)

    desk.book.tidy()

    assert desk.money == (1.0, 0.0)
    assert desk.book.lying_unanswered(["sim"]) == set()


def test_what_was_not_worked_on_keeps_its_money_for_the_next_batch(desk: Desk) -> None:
    desk.end(desk.hand_in("b1", "k"), "k", ItemState.RETURNED)

    desk.book.tidy()

    assert desk.money == (1.0, 1.0)


def test_what_another_run_has_fetched_costs_what_the_answer_says(desk: Desk) -> None:
    desk.end(desk.hand_in("b1", "k"), "k", ItemState.ANSWERED)
    desk.answer("k", 0.25)

    desk.book.tidy()

    assert desk.money == (0.25, 0.0)


def test_what_was_answered_and_never_fetched_is_held_until_somebody_does(desk: Desk) -> None:
    desk.end(desk.hand_in("b1", "k"), "k", ItemState.ANSWERED)

    desk.book.tidy()

    assert desk.money == (1.0, 1.0)
    assert desk.book.lying_unanswered(["sim"]) == {"k"}


@pytest.mark.parametrize("state", [ItemState.FAILED, ItemState.ANSWERED])
def test_a_request_that_lies_in_a_later_batch_keeps_its_money(desk: Desk, state: Any) -> None:
    desk.end(desk.hand_in("b1", "k"), "k", state)
    desk.hand_in("b2", "k", usd=0.5)
    if state is ItemState.ANSWERED:
        desk.answer("k", 0.25)

    desk.book.tidy()

    assert desk.money == (1.5, 1.5)
