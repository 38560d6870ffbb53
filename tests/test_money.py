"""The money path on real databases: whatever happens, no cap is passed and no money is lost."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from llms import budget, keepers, spend
from llms.batches.book import Batch, BatchBook
from llms.budget import Budget, Reservation
from llms.failures import CallError
from llms.responses import ResponseStore
from llms.spend import Booking, Draw, Grant, cap_units, month_account, run_account, units_of

T = TypeVar("T")

CENTS = st.integers(0, 150).map(lambda cents: cents / 100)
RUNS = ("a", "b")
MONTHS = (datetime(2026, 7, 31, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC))
_numbers = itertools.count()


class Till:
    """One process's way to a store: its bookings wait in a queue that a kill empties."""

    def __init__(self, store: ResponseStore, keeper: str) -> None:
        self.store = store
        self.keeper = keeper
        self.queue: list[Booking] = []
        self.is_alive = True
        store.change(lambda connection, now: keepers.show_life(connection, keeper, now))

    def taken(self, account: str) -> int:
        """As of a response store."""
        self.book_all()
        return self.store.taken(account)

    async def draw(self, draw: Draw) -> Grant:
        """As of a response store: after all that the process has told before."""
        self.book_all()
        return self.apply(draws=[draw])[0]

    def settle_later(self, charge: Booking | None) -> None:
        """As of a response store; a killed process reaches nobody any more."""
        if charge is not None and self.is_alive:
            self.queue.append(charge)

    def read(self, look: Callable[[sa.Connection], T]) -> T:
        """As of a response store."""
        return self.store.read(look)

    def change(self, change: Callable[[sa.Connection, float], T]) -> T:
        """As of a response store, which a batch is written down in."""
        self.book_all()
        return self.store.change(change)

    def book_one(self) -> None:
        """Do the first booking that waits."""
        if self.queue:
            self.apply(bookings=[self.queue.pop(0)])

    def book_all(self) -> None:
        """Do every booking that waits."""
        while self.queue:
            self.book_one()

    def kill(self) -> None:
        """End the process as SIGKILL would: what it has not booked is never booked."""
        self.is_alive = False
        self.queue.clear()
        self.store.change(lambda connection, now: keepers.leave(connection, self.keeper))

    def apply(self, bookings: Any = (), draws: Any = ()) -> list[Grant]:
        """Book something in a transaction of its own."""
        return self.store.change(
            lambda connection, now: spend.apply(
                connection, bookings, draws, now=now, dead_after_s=60.0
            )
        )


@dataclass
class Lying:
    """A request in a batch: its worst case, what it will have cost, and where that is booked."""

    run: str
    key: str
    worst_usd: float
    usd: float
    accounts: tuple[str, str]
    is_known: bool = False


@dataclass
class Process:
    """A simulated process: its budget, its calls in flight, callers that wait, and its batches."""

    run: str
    till: Till
    budget: Budget
    in_flight: list[Reservation] = field(default_factory=list)
    waiting: list["asyncio.Task[Reservation]"] = field(default_factory=list)
    batched: list[tuple[Reservation, Lying]] = field(default_factory=list)


class MoneyMachine(RuleBasedStateMachine):
    """Processes of two runs of one job that call, hand in batches, settle, are killed and resume.

    `billed` is the truth, by account: what calls have cost, the worst case of those whose end
    nobody has seen, and that of requests in batches until somebody has read what they cost.
    """

    def __init__(self, store: ResponseStore) -> None:
        super().__init__()
        self.store = store
        self.number = next(_numbers)
        self.loop = asyncio.new_event_loop()
        self.time = MONTHS[0]
        self.caps = {self.name(run): 3.0 for run in RUNS}
        self.monthly_cap = 4.0
        self.processes: list[Process] = []
        self.lying: list[Lying] = []
        self.billed: dict[str, float] = {}
        self.was_killed = False

    @initialize()
    def start_both(self) -> None:
        for run in RUNS:
            self.start(run)

    @rule(run=st.sampled_from(RUNS))
    @precondition(lambda self: len(self.processes) < 4)
    def start(self, run: str) -> None:
        till: Any = Till(self.store, f"keeper-{next(_numbers)}")
        name = self.name(run)
        opened = Budget(
            till,
            name,
            job=self.job,
            cap_usd=self.caps[name],
            monthly_cap_usd=self.monthly_cap,
            now=lambda: self.time,
        )
        self.processes.append(Process(name, till, opened))

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
            accounts = run_account(process.run), month_account(self.job, reservation.month)
            self.bill(accounts, usd - reservation.usd)
            self.do(self.settled(process, reservation, usd))
            self.turn()

    async def settled(self, process: Process, reservation: Reservation, usd: float) -> None:
        process.till.settle_later(process.budget.settle(reservation, usd))

    @rule(which=st.integers(0, 3), worst=CENTS, share=st.floats(0, 1))
    def hand_in(self, which: int, worst: float, share: float) -> None:
        process = self.pick(which)
        if not process or not worst:
            return
        key = f"key-{next(_numbers)}"
        reservation = self.do(process.budget.acquire(worst, key, in_batch=True))
        self.do(self.planned(process, reservation))
        if reservation.is_held:
            accounts = run_account(process.run), month_account(self.job, f"{self.time:%Y-%m}")
            lying = Lying(process.run, key, worst, worst * share, accounts)
            self.lying.append(lying)
            process.batched.append((reservation, lying))
            self.bill(accounts, worst)

    async def planned(self, process: Process, reservation: Reservation) -> None:
        """What `BatchEndpoint` does before it sends anything."""
        store: Any = process.till
        batch = Batch(f"batch-{next(_numbers)}", "sim", "small", process.run, 1, 10)
        draw, holds = process.budget.holding([reservation])
        booked, grant = await BatchBook(store).plan(batch, [reservation.key], draw, holds)
        process.budget.held([reservation], draw, booked, grant)

    @rule(which=st.integers(0, 3), one=st.integers(0, 9), is_late=st.booleans())
    def wait_for_a_batch_of_an_earlier_process(self, which: int, one: int, is_late: bool) -> None:
        """Take over, having known of it from the start or having found it in the book."""
        process = self.pick(which)
        known = {lying.key for each in self.processes for _, lying in each.batched}
        left = [each for each in self.lying if process and each.run == process.run]
        left = [each for each in left if each.key not in known]
        if not process or not left:
            return
        lying = left[one % len(left)]
        if is_late:
            process.budget._held.pop(lying.key, None)
        reservation = self.do(process.budget.acquire(lying.worst_usd, lying.key, in_batch=True))
        self.do(process.budget.adopt([reservation]))
        assert reservation.is_held or lying.is_known
        process.batched.append((reservation, lying))

    @rule(which=st.integers(0, 3), one=st.integers(0, 9), is_returned=st.booleans())
    def read_results(self, which: int, one: int, is_returned: bool) -> None:
        """A request has been answered, or has come back without having been worked on."""
        process = self.pick(which)
        if not process or not process.batched:
            return
        reservation, lying = process.batched.pop(one % len(process.batched))
        if not lying.is_known:
            lying.usd = 0.0 if is_returned else lying.usd
            lying.is_known = True
            self.bill(lying.accounts, lying.usd - lying.worst_usd)
        self.do(self.settled(process, reservation, lying.usd))
        self.turn()

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

    @rule(which=st.integers(0, 3))
    def leave(self, which: int) -> None:
        process = self.pick(which)
        if process and not process.in_flight and not process.waiting:
            self.close(process)

    @rule(run=st.sampled_from(RUNS), more=CENTS)
    def raise_cap(self, run: str, more: float) -> None:
        """Take effect as in life: for the processes that start after it."""
        self.caps[self.name(run)] += more

    @rule(month=st.sampled_from(MONTHS))
    def change_month(self, month: datetime) -> None:
        """Let a month end, or put the clock back over its end."""
        self.time = month

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

    def teardown(self) -> None:
        """Let every process come to its end: without a kill nothing stays booked but the bill."""
        for process in list(self.processes):
            for task in process.waiting:
                task.cancel()
            self.turn()
            for reservation in process.in_flight:
                accounts = run_account(process.run), month_account(self.job, reservation.month)
                self.bill(accounts, -reservation.usd)
                self.do(self.settled(process, reservation, 0.0))
            process.in_flight.clear()
            while process.batched:
                self.read_results(self.processes.index(process), 0, False)
            self.close(process)
        if not self.was_killed:
            for account, usd in self.billed.items():
                assert self.taken(account) == pytest.approx(units_of(max(0.0, usd)), abs=100)
        self.loop.close()

    def close(self, process: Process) -> None:
        """End a process that has nothing in flight but, perhaps, batches."""
        for month in MONTHS:
            self.time, now = month, self.time
            process.budget._begin_month()
            self.do(process.budget.aclose())
            self.time = now
        process.till.book_all()
        process.till.kill()
        self.end(process)

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
                accounts = run_account(process.run), month_account(self.job, reservation.month)
                self.bill(accounts, reservation.usd)

    def do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def taken(self, account: str) -> int:
        return self.store.read(lambda connection: spend.taken(connection, account))

    @property
    def job(self) -> str:
        return f"post-{self.number}"

    def name(self, run: str) -> str:
        return f"{run}-{self.number}"

    def cap(self, account: str) -> float:
        return self.caps.get(account.removeprefix("run "), self.monthly_cap)

    def pick(self, which: int) -> Process | None:
        return self.processes[which % len(self.processes)] if self.processes else None

    def bill(self, accounts: tuple[str, str], usd: float) -> None:
        for account in accounts:
            self.billed[account] = self.billed.get(account, 0.0) + usd


@pytest.fixture
def store(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ResponseStore]:
    """A store, and budgets that do nothing just because time passes."""
    monkeypatch.setattr(budget, "_LOOK_AGAIN_S", 1e6)
    monkeypatch.setattr(budget, "_IDLE_S", 1e6)
    with ResponseStore(store_url) as opened:
        if opened.database.is_sqlite:  # power cuts are not what this is about
            opened.alone(_do_not_wait_for_the_disk)
        yield opened


def _do_not_wait_for_the_disk(connection: sa.Connection) -> None:
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA synchronous=OFF")


def test_no_order_of_events_passes_a_cap_or_loses_money(store: ResponseStore) -> None:
    examples = 80 if store.database.is_sqlite else 30

    run_state_machine_as_test(
        lambda: MoneyMachine(store),
        settings=settings(max_examples=examples, stateful_step_count=35, deadline=None),
    )
