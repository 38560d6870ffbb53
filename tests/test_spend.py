"""The shared book: no interleaving of calls, processes, kills and resumes passes a cap."""

import asyncio
import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from llms.budget import Budget, Reservation
from llms.failures import CallError, StoreError
from llms.spend import (
    MOST_UNITS,
    Book,
    Charge,
    Draw,
    cap_units,
    month_account,
    run_account,
    units_at_most,
    units_of,
)
from tests.bank import Bank, Teller

CENTS = st.integers(0, 200).map(lambda cents: cents / 100)
RUNS = ("a", "b")
JULY, AUGUST = (month_account("post", month) for month in ("2026-07", "2026-08"))


def make_draw(lease: str, least: int, wanted: int, **caps: int | None) -> Draw:
    """A draw of a process named like its lease, by caps of the run `a` and the month."""
    accounts = {run_account("a"): caps.get("run"), JULY: caps.get("month")}
    return Draw(lease, lease, lease, accounts, least, wanted)


class TestBook:
    def test_a_draw_gets_what_it_wants_or_what_is_left_or_nothing(self) -> None:
        book = Book()

        granted = [
            book.draw(make_draw(lease, 4, 6, run=10)).units for lease in ("one", "two", "three")
        ]

        assert granted == [6, 4, 0]

    def test_the_tighter_cap_decides(self) -> None:
        assert Book().draw(make_draw("one", 1, 9, run=8, month=5)).units == 5

    def test_a_charge_moves_money_from_the_lease_to_the_accounts(self) -> None:
        book = Book()
        book.draw(make_draw("one", 6, 6, run=10))

        book.charge(Charge("one", spent=2, freed=5))

        assert (book.leases["one"].units, book.spent) == (1, {run_account("a"): 2, JULY: 2})
        assert book.draw(make_draw("two", 7, 9, run=10)).units == 7

    def test_a_draw_tells_what_others_have_and_what_of_it_the_living_may_give_back(self) -> None:
        book = Book(living={"alive"})
        for lease in ("alive", "dead", "mine"):
            book.draw(make_draw(lease, 3, 3))
            book.charge(Charge(lease, spent=1, freed=1))

        grant = book.draw(make_draw("mine", 1, 1))

        assert (grant.taken[JULY], grant.alive[JULY]) == (6, 2)

    def test_more_than_a_column_holds_is_counted_as_much_as_it_holds(self) -> None:
        book = Book()
        book.draw(make_draw("one", 1, 1))

        for _ in range(3):
            book.charge(Charge("one", spent=MOST_UNITS, freed=1))

        assert book.spent[JULY] == MOST_UNITS
        assert book.draw(make_draw("two", 1, 1, run=MOST_UNITS)).units == 0

    def test_a_lease_that_is_gone_is_said(self) -> None:
        with pytest.raises(StoreError, match="lost the lease"):
            Book().charge(Charge("gone", 1, 1))


@pytest.mark.parametrize("usd", [0.1, 0.3, 0.7, 1.1, 2.675, 1e-12, 3.3e-7])
def test_units_are_rounded_against_the_spender(usd: float) -> None:
    assert cap_units(usd) <= units_of(usd) <= units_at_most(usd) <= cap_units(usd) + 1


@dataclass
class Process:
    """A simulated process: its budget, the calls it has in flight, and callers that wait."""

    run: str
    teller: Teller
    budget: Budget
    in_flight: list[Reservation] = field(default_factory=list)
    waiting: list["asyncio.Task[Reservation]"] = field(default_factory=list)


class BookMachine(RuleBasedStateMachine):
    """Processes of two runs of one job that call, wait, settle, are killed and start again.

    `billed` is the truth, by account: what calls have cost, and the worst case of those whose end
    nobody has seen. Bookings happen late, in order, or never.
    """

    def __init__(self) -> None:
        super().__init__()
        self.bank = Bank()
        self.loop = asyncio.new_event_loop()
        self.time = datetime(2026, 7, 31, tzinfo=UTC)
        self.caps = dict.fromkeys(RUNS, 3.0)
        self.monthly_cap = 4.0
        self.processes: list[Process] = []
        self.billed: dict[str, float] = {}
        self.numbers = itertools.count()

    @rule(run=st.sampled_from(RUNS))
    @precondition(lambda self: len(self.processes) < 4)
    def start(self, run: str) -> None:
        teller = self.bank.teller()
        store: Any = teller
        budget = Budget(
            store,
            run,
            job="post",
            cap_usd=self.caps[run],
            monthly_cap_usd=self.monthly_cap,
            now=lambda: self.time,
        )
        self.processes.append(Process(run, teller, budget))

    @rule(which=st.integers(0, 3), worst=CENTS)
    def call(self, which: int, worst: float) -> None:
        if process := self.pick(which):
            process.waiting.append(self.loop.create_task(process.budget.acquire(worst)))
            self.turn()

    @rule(which=st.integers(0, 3), call=st.integers(0, 9), share=st.floats(0, 1))
    def settle(self, which: int, call: int, share: float) -> None:
        process = self.pick(which)
        if process and process.in_flight:
            reservation = process.in_flight.pop(call % len(process.in_flight))
            usd = reservation.usd * share
            self.bill(process.run, reservation.month, usd - reservation.usd)
            self.loop.run_until_complete(self.settled(process, reservation, usd))
            self.turn()

    async def settled(self, process: Process, reservation: Reservation, usd: float) -> None:
        process.teller.settle_later(process.budget.settle(reservation, usd))

    @rule(which=st.integers(0, 3))
    def book(self, which: int) -> None:
        if process := self.pick(which):
            process.teller.book_one()

    @rule(which=st.integers(0, 3), call=st.integers(0, 9))
    def cancel(self, which: int, call: int) -> None:
        process = self.pick(which)
        if process and process.waiting:
            process.waiting[call % len(process.waiting)].cancel()
            self.turn()

    @rule(which=st.integers(0, 3))
    def kill(self, which: int) -> None:
        if process := self.pick(which):
            process.teller.kill()
            self.end(process)

    @rule(which=st.integers(0, 3))
    def leave(self, which: int) -> None:
        process = self.pick(which)
        if process and not process.in_flight and not process.waiting:
            process.budget.give_back()
            process.teller.book_all()
            held = [lease for lease in self.bank.book.leases.values() if lease.units]
            assert process.teller.keeper not in {lease.keeper for lease in held}
            process.teller.kill()
            self.end(process)

    @rule(run=st.sampled_from(RUNS), more=CENTS)
    def raise_cap(self, run: str, more: float) -> None:
        """Take effect as in life: for the processes that start after it."""
        self.caps[run] += more

    @rule()
    def next_month(self) -> None:
        self.time = datetime(2026, 8, 1, tzinfo=UTC)

    @invariant()
    def nothing_is_billed_beyond_a_cap(self) -> None:
        for account, usd in self.billed.items():
            assert usd <= self.cap(account) + 1e-9

    @invariant()
    def the_book_knows_of_all_that_may_be_billed(self) -> None:
        for account, usd in self.billed.items():
            taken = self.bank.taken(account)
            assert units_of(max(0.0, usd - 1e-9)) <= taken <= cap_units(self.cap(account))

    @invariant()
    def a_process_knows_of_all_it_has_in_flight(self) -> None:
        for process in self.processes:
            reserved = sum(reservation.usd for reservation in process.in_flight)
            assert process.budget.reserved_usd == pytest.approx(reserved)

    def cap(self, account: str) -> float:
        return self.caps.get(account.removeprefix("run "), self.monthly_cap)

    def pick(self, which: int) -> Process | None:
        return self.processes[which % len(self.processes)] if self.processes else None

    def bill(self, run: str, month: str, usd: float) -> None:
        for account in (run_account(run), month_account("post", month)):
            self.billed[account] = self.billed.get(account, 0.0) + usd

    def end(self, process: Process) -> None:
        self.processes.remove(process)
        for task in process.waiting:
            task.cancel()
        for _ in range(4):
            self.loop.run_until_complete(asyncio.sleep(0))

    def turn(self) -> None:
        """Let everybody go on who can."""
        for _ in range(12):
            self.loop.run_until_complete(asyncio.sleep(0))
        for process in self.processes:
            for task in [task for task in process.waiting if task.done()]:
                process.waiting.remove(task)
                if task.cancelled():
                    continue
                if (error := task.exception()) is None:
                    process.in_flight.append(task.result())
                    self.bill(process.run, task.result().month, task.result().usd)
                else:
                    assert isinstance(error, CallError), error

    def teardown(self) -> None:
        for process in list(self.processes):
            self.end(process)
        self.loop.close()


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
