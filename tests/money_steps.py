"""Steps of processes that spend the same money, for machines that try them in any order."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llms.budget import Budget, Reservation
from llms.failures import CallError
from llms.spend import Booking, cap_units, month_account, run_account, units_of

T = TypeVar("T")

CENTS = st.integers(0, 150).map(lambda cents: cents / 100)
RUNS = ("a", "b")
MONTHS = (datetime(2026, 7, 31, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))


class Till(Protocol):
    """One process's way to the book: its bookings wait in a queue that a kill empties."""

    keeper: str

    def settle_later(self, charge: Booking | None) -> None: ...

    def book_one(self) -> None: ...

    def book_all(self) -> None: ...

    def kill(self) -> None: ...


@dataclass
class Process:
    """A simulated process: its budget, the calls it has in flight, and callers that wait."""

    run: str
    till: Till
    budget: Budget
    in_flight: list[Reservation] = field(default_factory=list)
    waiting: list["asyncio.Task[Reservation]"] = field(default_factory=list)


class MoneySteps(RuleBasedStateMachine):
    """Processes of two runs of one job that call, wait, settle, are killed and start again.

    `billed` is the truth, by account: what calls have cost, and the worst case of those whose end
    nobody has seen. Bookings happen late, in order, or never. A machine says by `opened` how a
    process comes to its money, and by `taken` what the book has of an account.
    """

    job = "post"

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.time = MONTHS[0]
        self.monthly_cap = 4.0
        self.caps = {self.name(run): 3.0 for run in RUNS}
        self.processes: list[Any] = []
        self.billed: dict[str, float] = {}
        self.was_killed = False

    def opened(self, run: str) -> Any:
        raise NotImplementedError

    def taken(self, account: str) -> int:
        raise NotImplementedError

    def name(self, run: str) -> str:
        return run

    def budget(self, store: Any, run: str) -> Budget:
        return Budget(
            store,
            run,
            job=self.job,
            cap_usd=self.caps[run],
            monthly_cap_usd=self.monthly_cap,
            now=lambda: self.time,
        )

    @rule(run=st.sampled_from(RUNS))
    @precondition(lambda self: len(self.processes) < 4)
    def start(self, run: str) -> None:
        self.processes.append(self.opened(self.name(run)))

    @rule(which=st.integers(0, 3), worsts=st.lists(CENTS, min_size=1, max_size=4))
    def call(self, which: int, worsts: list[float]) -> None:
        if process := self.pick(which):
            calls = [process.budget.acquire(worst) for worst in worsts]
            process.waiting += [self.loop.create_task(call) for call in calls]
            self.turn()

    @rule(which=st.integers(0, 3), call=st.integers(0, 9), share=st.floats(0, 1))
    def settle(self, which: int, call: int, share: float) -> None:
        process = self.pick(which)
        if process and process.in_flight:
            reservation = process.in_flight.pop(call % len(process.in_flight))
            usd = reservation.usd * share
            self.bill(self.accounts(process, reservation), usd - reservation.usd)
            self.do(self.settled(process, reservation, usd))
            self.turn()

    async def settled(self, process: Process, reservation: Reservation, usd: float) -> None:
        process.till.settle_later(process.budget.settle(reservation, usd))

    @rule(which=st.integers(0, 3))
    def book(self, which: int) -> None:
        if process := self.pick(which):
            process.till.book_one()

    @rule(which=st.integers(0, 3), call=st.integers(0, 9))
    def cancel(self, which: int, call: int) -> None:
        process = self.pick(which)
        if process and process.waiting:
            process.waiting[call % len(process.waiting)].cancel()
            self.turn()

    @rule(which=st.integers(0, 3))
    def kill(self, which: int) -> None:
        if process := self.pick(which):
            self.was_killed = True
            process.till.kill()
            self.end(process)

    @rule(run=st.sampled_from(RUNS), more=CENTS)
    def raise_cap(self, run: str, more: float) -> None:
        """Take effect as in life: for the processes that start after it."""
        self.caps[self.name(run)] += more

    @invariant()
    def nothing_is_billed_beyond_a_cap(self) -> None:
        for account, usd in self.billed.items():
            assert usd <= self.cap(account) + 1e-9

    @invariant()
    def the_book_knows_of_all_that_may_be_billed(self) -> None:
        for account, usd in self.billed.items():
            taken = self.taken(account)
            assert units_of(max(0.0, usd - 1e-9)) <= taken <= cap_units(self.cap(account))

    @invariant()
    def a_process_knows_of_all_it_has_in_flight(self) -> None:
        for process in self.processes:
            reserved = sum(reservation.usd for reservation in process.in_flight)
            assert process.budget.reserved_usd == pytest.approx(reserved)

    def cap(self, account: str) -> float:
        return self.caps.get(account.removeprefix("run "), self.monthly_cap)

    def pick(self, which: int) -> Any:
        return self.processes[which % len(self.processes)] if self.processes else None

    def accounts(self, process: Process, reservation: Reservation) -> tuple[str, str]:
        return run_account(process.run), month_account(self.job, reservation.month)

    def bill(self, accounts: Sequence[str], usd: float) -> None:
        for account in accounts:
            self.billed[account] = self.billed.get(account, 0.0) + usd

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def end(self, process: Process) -> None:
        self.processes.remove(process)
        for task in process.waiting:
            task.cancel()
        for _ in range(4):
            self.do(asyncio.sleep(0))

    def turn(self) -> None:
        """Let everybody go on who can."""
        for _ in range(12):
            self.do(asyncio.sleep(0))
        for process in self.processes:
            for task in [task for task in process.waiting if task.done()]:
                process.waiting.remove(task)
                if task.cancelled():
                    continue
                if (error := task.exception()) is not None:
                    assert isinstance(error, CallError), error
                    continue
                reservation = task.result()
                process.in_flight.append(reservation)
                self.bill(self.accounts(process, reservation), reservation.usd)
