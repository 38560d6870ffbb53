"""The money path on real databases: whatever happens, no cap is passed and no money is lost."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from llms import budget, keepers, spend
from llms.batches.book import Batch, BatchBook
from llms.budget import Reservation
from llms.responses import ResponseStore
from llms.spend import Booking, Draw, Grant, month_account, run_account, units_of
from tests.money_steps import CENTS, MONTHS, RUNS, MoneySteps, Process

T = TypeVar("T")

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
class BatchingProcess(Process):
    """One that hands in batches, too."""

    batched: list[tuple[Reservation, Lying]] = field(default_factory=list)


class MoneyMachine(MoneySteps):
    """The steps on a database, and batches: handed in, read, taken over from an earlier process.

    In `billed` stands the worst case of requests in batches until somebody has read what they cost.
    """

    def __init__(self, store: ResponseStore) -> None:
        self.number = next(_numbers)
        super().__init__()
        self.store = store
        self.lying: list[Lying] = []

    def opened(self, run: str) -> BatchingProcess:
        till = Till(self.store, f"keeper-{next(_numbers)}")
        return BatchingProcess(run, till, self.budget(till, run))

    def taken(self, account: str) -> int:
        return self.store.read(lambda connection: spend.taken(connection, account))

    @property
    def job(self) -> str:
        return f"post-{self.number}"

    def name(self, run: str) -> str:
        return f"{run}-{self.number}"

    @initialize()
    def start_both(self) -> None:
        for run in RUNS:
            self.start(run)

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
    def leave(self, which: int) -> None:
        process = self.pick(which)
        if process and not process.in_flight and not process.waiting:
            self.close(process)

    @rule(month=st.sampled_from(MONTHS))
    def change_month(self, month: datetime) -> None:
        """Let a month end, or put the clock back over its end."""
        self.time = month

    def teardown(self) -> None:
        """Let every process come to its end: without a kill nothing stays booked but the bill."""
        for process in list(self.processes):
            for task in process.waiting:
                task.cancel()
            self.turn()
            for reservation in process.in_flight:
                self.bill(self.accounts(process, reservation), -reservation.usd)
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
