"""The budget: reservations, refusals, waiting, leases, months, and what it asks of the book."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from llms.budget import Budget, Reservation
from llms.failures import CallError, FailureClass
from llms.spend import MOST_UNITS, in_usd, run_account
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


def test_a_call_that_would_pass_the_cap_is_refused_with_a_sentence() -> None:
    teller = Bank().teller()

    async def scenario() -> str:
        budget = make_budget(teller)
        await spend(budget, teller, 0.75, 0.75)
        return str(await refused(budget, 0.5))

    assert do(scenario()) == (
        "the budget of $1 does not allow a call that may cost $0.5: $0.75 spent, $0 reserved for "
        "calls in flight; raise `budget_usd` and resume the run"
    )


def test_settling_frees_what_the_call_did_not_need() -> None:
    async def scenario() -> tuple[float, float, float | None]:
        budget = make_budget()
        budget.settle(await budget.acquire(0.9), 0.1)
        return budget.spent_usd, budget.reserved_usd, budget.remaining_usd

    assert do(scenario()) == (0.1, 0.0, 0.9)


def test_without_a_cap_everything_is_allowed_and_counted() -> None:
    async def scenario() -> tuple[float, float | None]:
        budget = make_budget(cap_usd=None)
        budget.settle(await budget.acquire(1e6), 5.0)
        return budget.spent_usd, budget.remaining_usd

    assert do(scenario()) == (5.0, None)


def test_a_tenth_ten_times_fits_into_one() -> None:
    async def scenario() -> float | None:
        budget = make_budget()
        for _ in range(10):
            await budget.acquire(0.1)
        return budget.remaining_usd

    assert do(scenario()) == 0


def test_a_free_call_is_allowed_when_nothing_is_left_and_asks_nobody() -> None:
    teller = Bank().teller()

    async def scenario() -> object:
        budget = make_budget(teller, cap_usd=0.0)
        return budget.settle(await budget.acquire(0.0), 0.0)

    assert do(scenario()) is None
    assert teller.draws == 0


def test_a_reservation_is_settled_once() -> None:
    async def scenario() -> None:
        budget = make_budget()
        reservation = await budget.acquire(0.5)
        budget.release(reservation)
        with pytest.raises(ValueError, match="before"):
            budget.settle(reservation, 0.1)

    do(scenario())


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf")])
def test_an_amount_that_is_none_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="amount of money"):
        do(make_budget().acquire(amount))


def test_an_absurd_bill_is_counted_without_overflow_and_stops_all_others() -> None:
    bank = Bank()
    teller = bank.teller()

    async def scenario() -> None:
        budget = make_budget(teller, cap_usd=100.0)
        first, other = await budget.acquire(0.5), await budget.acquire(0.5)
        teller.settle_later(budget.settle(first, 1e300))
        await refused(budget, 0.01)
        teller.settle_later(budget.settle(other, 0.5))

    do(scenario())
    teller.book_all()

    assert bank.taken(run_account("night")) >= MOST_UNITS


def test_a_caller_waits_while_calls_in_flight_may_free_enough() -> None:
    async def scenario() -> list[str]:
        budget, order = make_budget(), []
        first = await budget.acquire(0.9)

        async def wait_and_note() -> None:
            second = await budget.acquire(0.8)
            order.append("second")
            budget.settle(second, 0.8)

        waiting = asyncio.create_task(wait_and_note())
        await asyncio.sleep(0)
        order.append("first")
        budget.settle(first, 0.1)
        await waiting
        return order

    assert do(scenario()) == ["first", "second"]


def test_a_waiting_caller_is_refused_once_it_is_hopeless() -> None:
    async def scenario() -> None:
        budget = make_budget()
        first = await budget.acquire(0.9)
        waiting = asyncio.create_task(refused(budget, 0.5))
        await asyncio.sleep(0)
        budget.settle(first, 0.9)
        await waiting

    do(scenario())


def test_callers_are_served_in_order() -> None:
    async def scenario() -> list[int]:
        budget, order = make_budget(), []
        first = await budget.acquire(1.0)

        async def call(number: int) -> None:
            reservation = await budget.acquire(1.0)
            order.append(number)
            budget.settle(reservation, 0.0)

        calls = [asyncio.create_task(call(number)) for number in range(5)]
        await asyncio.sleep(0)
        budget.settle(first, 0.0)
        await asyncio.gather(*calls)
        return order

    assert do(scenario()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("is_freed_first", [True, False])
def test_a_cancelled_caller_leaves_nothing_behind(is_freed_first: bool) -> None:
    bank = Bank()
    teller = bank.teller()

    async def scenario() -> float:
        budget = make_budget(teller)
        first = await budget.acquire(0.9)
        waiting = asyncio.create_task(budget.acquire(0.9))
        for _ in range(5):
            await asyncio.sleep(0)
        if is_freed_first:
            teller.settle_later(budget.release(first))
            waiting.cancel()
        else:
            waiting.cancel()
            teller.settle_later(budget.release(first))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        budget.give_back()
        return budget.reserved_usd

    assert do(scenario()) == 0
    teller.book_all()
    assert bank.taken(run_account("night")) == 0


def test_most_calls_need_no_draw() -> None:
    teller = Bank().teller()

    async def scenario() -> None:
        budget = make_budget(teller, cap_usd=1000.0)
        in_flight = [await budget.acquire(0.01) for _ in range(64)]
        for _ in range(1000):
            teller.settle_later(budget.settle(in_flight.pop(0), 0.001))
            in_flight.append(await budget.acquire(0.01))

    do(scenario())

    assert teller.draws < 200


def test_a_lease_holds_at_most_a_quarter_more_than_what_is_in_flight() -> None:
    bank = Bank()

    async def scenario() -> None:
        budget = make_budget(bank.teller())
        await asyncio.gather(*(budget.acquire(0.01) for _ in range(20)))

    do(scenario())

    assert in_usd(bank.taken(run_account("night"))) <= 0.25 + 1e-9


class TestSeveralProcesses:
    def test_what_an_earlier_process_spent_counts(self) -> None:
        bank = Bank()

        async def scenario() -> float:
            first = bank.teller()
            budget = make_budget(first)
            await spend(budget, first, 0.8, 0.8)
            budget.give_back()
            first.book_all()
            again = make_budget(bank.teller())
            await refused(again, 0.3)
            return again.spent_usd

        assert do(scenario()) == 0.8

    def test_the_worst_case_of_a_killed_process_counts(self) -> None:
        bank = Bank()

        async def scenario() -> None:
            killed = bank.teller()
            await make_budget(killed).acquire(0.8)
            killed.kill()
            await refused(make_budget(bank.teller()), 0.3)

        do(scenario())

    def test_they_do_not_spend_the_same_money_at_once(self) -> None:
        bank = Bank()

        async def call(teller: Teller) -> bool:
            budget = make_budget(teller)
            try:
                reservation = await budget.acquire(0.6)
            except CallError:
                return False
            await asyncio.sleep(0.01)
            teller.settle_later(budget.settle(reservation, 0.6))
            teller.book_all()
            return True

        async def scenario() -> list[bool]:
            return await asyncio.gather(call(bank.teller()), call(bank.teller()))

        assert sorted(do(scenario())) == [False, True]

    def test_what_a_living_one_may_give_back_is_waited_for(self) -> None:
        bank = Bank()
        theirs, ours = bank.teller(), bank.teller()

        async def scenario() -> Reservation:
            other, budget = make_budget(theirs), make_budget(ours)
            reservation = await other.acquire(0.9)
            waiting = asyncio.create_task(budget.acquire(0.5))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            theirs.settle_later(other.settle(reservation, 0.1))
            other.give_back()
            theirs.book_all()
            return await waiting

        assert do(scenario()).usd == 0.5

    def test_two_that_each_hold_a_part_do_not_wait_for_each_other(self) -> None:
        bank = Bank()

        async def scenario() -> list[bool]:
            tellers = [bank.teller(), bank.teller()]
            budgets = [make_budget(teller) for teller in tellers]
            for budget, teller in zip(budgets, tellers, strict=True):
                # Each is left with some 0.4 of its lease for the second call it is about to make.
                teller.settle_later(budget.settle(await budget.acquire(0.4), 0.1))

            async def call(budget: Budget, teller: Teller) -> bool:
                try:
                    reservation = await budget.acquire(0.7)
                except CallError:
                    return False
                teller.settle_later(budget.settle(reservation, 0.7))
                budget.give_back()
                teller.book_all()
                return True

            return await asyncio.gather(*map(call, budgets, tellers))

        assert sorted(do(scenario())) == [False, True]


class TestMonths:
    def test_the_runs_of_a_job_share_a_monthly_cap(self) -> None:
        bank = Bank()

        async def scenario() -> str:
            teller = bank.teller()
            first = make_budget(teller, "monday", monthly_cap_usd=1.0, now=Clock())
            await spend(first, teller, 0.8, 0.8)
            first.give_back()
            teller.book_all()
            second = make_budget(bank.teller(), "tuesday", monthly_cap_usd=1.0, now=Clock())
            return str(await refused(second, 0.3))

        assert do(scenario()) == (
            "the budget of $1 of job post for 2026-07 (UTC) does not allow a call that may cost "
            "$0.3: $0.8 spent, $0 reserved for calls in flight; raise `monthly_budget_usd` or wait "
            "for the next month, and resume the run"
        )

    def test_other_jobs_do_not_count(self) -> None:
        bank = Bank()

        async def scenario() -> None:
            teller = bank.teller()
            await spend(make_budget(teller, job="mail", now=Clock()), teller, 1.0, 1.0)
            other = make_budget(bank.teller(), "tuesday", monthly_cap_usd=1.0, now=Clock())
            await other.acquire(1.0)

        do(scenario())

    def test_a_clock_that_is_put_back_over_the_end_of_a_month_loses_no_money(self) -> None:
        bank, clock = Bank(), Clock()
        teller = bank.teller()

        async def scenario() -> None:
            budget = make_budget(teller, monthly_cap_usd=1.0, now=clock)
            july, clock.time = clock.time, datetime(2026, 8, 1, tzinfo=UTC)
            early = await budget.acquire(0.25)
            clock.time = july
            late = await budget.acquire(0.5)
            clock.time = datetime(2026, 8, 1, tzinfo=UTC)
            await spend(budget, teller, 0.25, 0.25)
            for reservation in (early, late):
                teller.settle_later(budget.settle(reservation, 0.125))
            budget.give_back()

        do(scenario())
        teller.book_all()

        names = ("run night", "month 2026-07 post", "month 2026-08 post")
        assert [in_usd(bank.taken(name)) for name in names] == [0.5, 0.125, 0.375]

    def test_a_new_month_begins_with_its_own_cap_and_books_late_answers_in_the_old_one(
        self,
    ) -> None:
        bank, clock = Bank(), Clock()
        teller = bank.teller()

        async def scenario() -> None:
            budget = make_budget(teller, cap_usd=None, monthly_cap_usd=1.0, now=clock)
            late = await budget.acquire(0.9)
            clock.time = datetime(2026, 8, 1, tzinfo=UTC)
            await spend(budget, teller, 0.7, 0.7)
            teller.settle_later(budget.settle(late, 0.6))
            await refused(budget, 0.4)
            budget.give_back()

        do(scenario())
        teller.book_all()

        assert {name: in_usd(bank.taken(name)) for name in bank.book.spent} == {
            "run night": 1.3,
            "month 2026-07 post": 0.6,
            "month 2026-08 post": 0.7,
        }
