"""Budgets over a book in memory, and calls that are spent or refused."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from llms.budget import Budget
from llms.failures import CallError, FailureClass
from tests.bank import Bank, Teller

T = TypeVar("T")


class Clock:
    """A time of day that tests move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 7, 31, 23, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def make_budget(teller: Teller | None = None, run: str = "night", **settings: Any) -> Budget:
    """A budget of one dollar, with a bank of its own unless one is given."""
    usual: dict[str, Any] = {"job": "post", "cap_usd": 1.0}
    store: Any = teller or Bank().teller()
    return Budget(store, run, **{**usual, **settings})


def do(work: Coroutine[Any, Any, T]) -> T:
    """Run a scenario; one that waits for ever fails."""

    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


async def refused(budget: Budget, usd: float) -> CallError:
    """The refusal of a call that must be refused."""
    with pytest.raises(CallError) as caught:
        await budget.acquire(usd)
    assert caught.value.failure_class is FailureClass.BUDGET
    return caught.value


async def spend(budget: Budget, teller: Teller, worst_usd: float, usd: float) -> None:
    """One call from reservation to booking."""
    teller.settle_later(budget.settle(await budget.acquire(worst_usd), usd))
