"""The budget of one process: reservations, refusals, waiting, and when it asks the book."""

import asyncio

import pytest

from llms.spend import MOST_UNITS, in_usd, run_account
from tests.bank import Bank
from tests.budgets import do, make_budget, refused, spend


def test_a_call_that_would_pass_the_cap_is_refused_with_a_sentence() -> None:
    teller = Bank().teller()

    async def scenario() -> str:
        budget = make_budget(teller)
        await spend(budget, teller, 0.75, 0.75)
        return str(await refused(budget, 0.5))

    assert do(scenario()) == (
        "the budget of $1 does not allow a call that may cost $0.5: $0.75 spent, $0 reserved for "
        "calls in flight; resume the run with a higher `--budget`"
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


def test_who_asks_for_what_is_at_hand_never_waits_for_others() -> None:
    async def scenario() -> list[bool]:
        budget = make_budget()
        first = await budget.acquire_at_once(0.6)
        assert first is not None
        got = [await budget.acquire_at_once(0.6), await budget.acquire_at_once(0.0)]
        waiting = asyncio.create_task(budget.acquire(0.7))
        await asyncio.sleep(0)
        # Nor does it take what somebody waits for who came before.
        got.append(await budget.acquire_at_once(0.1))
        budget.settle(first, 0.1)
        budget.settle(await waiting, 0.1)
        got.append(await budget.acquire_at_once(0.8))
        return [one is not None for one in got]

    assert do(scenario()) == [False, True, False, True]


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
