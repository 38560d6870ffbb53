"""The budget: reservations, refusals, waiting, and a cap that no order of events can pass."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from llms.budget import Budget, Reservation
from llms.failures import CallError, FailureClass

CENTS = st.integers(0, 300).map(lambda cents: cents / 100)


def test_a_reservation_that_would_pass_the_cap_is_refused_with_a_sentence() -> None:
    budget = Budget(1.0)
    budget.reserve(0.75)

    with pytest.raises(CallError, match=r"budget of \$1 .* may cost \$0\.5: \$0 spent") as caught:
        budget.reserve(0.5)

    assert caught.value.failure_class is FailureClass.BUDGET


def test_settling_frees_what_the_call_did_not_need() -> None:
    budget = Budget(1.0)

    budget.settle(budget.reserve(0.9), 0.1)

    assert (budget.spent_usd, budget.reserved_usd, budget.remaining_usd) == (0.1, 0.0, 0.9)


def test_what_an_earlier_process_spent_counts() -> None:
    with pytest.raises(CallError):
        Budget(1.0, spent_usd=0.8).reserve(0.3)


def test_without_a_cap_everything_is_allowed_and_counted() -> None:
    budget = Budget(None)

    budget.settle(budget.reserve(1e6), 5.0)

    assert (budget.spent_usd, budget.remaining_usd) == (5.0, None)


def test_a_tenth_ten_times_fits_into_one() -> None:
    budget = Budget(1.0)

    for _ in range(10):
        budget.reserve(0.1)

    assert budget.remaining_usd == 0


def test_a_free_call_is_allowed_when_nothing_is_left() -> None:
    budget = Budget(0.0)

    assert budget.reserve(0.0).is_open


def test_a_reservation_is_settled_once() -> None:
    budget = Budget(1.0)
    reservation = budget.reserve(0.5)
    budget.release(reservation)

    with pytest.raises(ValueError, match="before"):
        budget.settle(reservation, 0.1)


@pytest.mark.parametrize("amount", [-0.01, float("nan"), float("inf")])
def test_an_amount_that_is_none_is_refused(amount: float) -> None:
    with pytest.raises(ValueError, match="amount of money"):
        Budget(1.0).reserve(amount)


def test_a_caller_waits_while_calls_in_flight_may_free_enough() -> None:
    async def scenario() -> list[str]:
        budget, order = Budget(1.0), []
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

    assert asyncio.run(scenario()) == ["first", "second"]


def test_a_waiting_caller_is_refused_once_it_is_hopeless() -> None:
    async def scenario() -> FailureClass:
        budget = Budget(1.0)
        first = await budget.acquire(0.9)
        waiting = asyncio.create_task(budget.acquire(0.5))
        await asyncio.sleep(0)
        budget.settle(first, 0.9)
        with pytest.raises(CallError) as caught:
            await waiting
        return caught.value.failure_class

    assert asyncio.run(scenario()) is FailureClass.BUDGET


@pytest.mark.parametrize("is_granted_first", [True, False])
def test_a_cancelled_caller_leaves_no_reservation_behind(is_granted_first: bool) -> None:
    async def scenario() -> float:
        budget = Budget(1.0)
        first = await budget.acquire(0.9)
        waiting = asyncio.create_task(budget.acquire(0.9))
        await asyncio.sleep(0)
        if is_granted_first:
            budget.release(first)
            waiting.cancel()
        else:
            waiting.cancel()
            budget.release(first)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0)
        return budget.reserved_usd

    assert asyncio.run(scenario()) == 0


def test_waiters_of_several_event_loops_are_all_served() -> None:
    budget = Budget(1.0)
    barrier = threading.Barrier(4)

    async def spend() -> None:
        for _ in range(50):
            reservation = await budget.acquire(0.5)
            await asyncio.sleep(0)
            budget.settle(reservation, 0.001)

    def loop() -> None:
        barrier.wait()
        asyncio.run(spend())

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(loop) for _ in range(4)]:
            done.result(timeout=60)

    assert budget.spent_usd == pytest.approx(0.2)
    assert budget.reserved_usd == 0


class BudgetMachine(RuleBasedStateMachine):
    """Any order of reserving, settling at up to the worst case, releasing and waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.cap = 5.0
        self.budget = Budget(self.cap)
        self.open: list[Reservation] = []
        self.loop = asyncio.new_event_loop()
        self.waiting: list[asyncio.Task[Reservation]] = []

    @rule(worst=CENTS)
    def reserve(self, worst: float) -> None:
        try:
            self.open.append(self.budget.reserve(worst))
        except CallError:
            assert self.budget.spent_usd + self.budget.reserved_usd + worst > self.cap - 1e-9

    @rule(worst=CENTS)
    def acquire(self, worst: float) -> None:
        self.waiting.append(self.loop.create_task(self.budget.acquire(worst)))
        self.turn()

    @rule(share=st.floats(0, 1), data=st.data())
    def settle(self, share: float, data: st.DataObject) -> None:
        if self.open:
            at = data.draw(st.integers(0, len(self.open) - 1))
            reservation = self.open.pop(at)
            self.budget.settle(reservation, reservation.usd * share)
            self.turn()

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.waiting:
            self.waiting.pop(data.draw(st.integers(0, len(self.waiting) - 1))).cancel()
            self.turn()

    def turn(self) -> None:
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))
        for task in [task for task in self.waiting if task.done()]:
            self.waiting.remove(task)
            if task.exception() is None:
                self.open.append(task.result())

    @invariant()
    def the_cap_holds(self) -> None:
        assert self.budget.spent_usd + self.budget.reserved_usd <= self.cap + 1e-12

    @invariant()
    def every_reservation_is_accounted_for(self) -> None:
        assert self.budget.reserved_usd == pytest.approx(sum(r.usd for r in self.open))

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        assert self.open or not self.waiting

    def teardown(self) -> None:
        while self.waiting:
            self.waiting.pop().cancel()
        self.turn()
        self.loop.close()


TestBudgetMachine = BudgetMachine.TestCase


@given(
    costs=st.lists(st.tuples(CENTS, st.floats(0, 1)), max_size=40),
    cap=st.floats(0, 10),
    threads=st.integers(2, 4),
)
def test_threads_together_never_pass_the_cap(
    costs: list[tuple[float, float]], cap: float, threads: int
) -> None:
    budget = Budget(cap)
    peaks: list[float] = []

    def spend(part: list[tuple[float, float]]) -> None:
        for worst, share in part:
            try:
                reservation = budget.reserve(worst)
            except CallError:
                continue
            peaks.append(budget.spent_usd + budget.reserved_usd)
            budget.settle(reservation, worst * share)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(spend, [costs[at::threads] for at in range(threads)]))

    assert max(peaks, default=0) <= cap + 1e-9
    assert budget.reserved_usd == 0
