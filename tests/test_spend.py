"""The shared book: no interleaving of calls, processes, kills and resumes passes a cap."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from llms.failures import StoreError
from llms.responses import ResponseStore
from llms.spend import (
    MOST_UNITS,
    Book,
    Charge,
    Draw,
    at_least,
    cap_units,
    month_account,
    run_account,
    units_at_most,
    units_of,
)
from tests.bank import Bank
from tests.money_steps import MONTHS, MoneySteps, Process

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


class BookMachine(MoneySteps):
    """The steps over a book in memory, whose leases can be looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = Bank()

    def opened(self, run: str) -> Process:
        teller = self.bank.teller()
        return Process(run, teller, self.budget(teller, run))

    def taken(self, account: str) -> int:
        return self.bank.taken(account)

    @rule(which=st.integers(0, 3))
    def leave(self, which: int) -> None:
        process = self.pick(which)
        if process and not process.in_flight and not process.waiting:
            process.budget.give_back()
            process.till.book_all()
            held = [lease for lease in self.bank.book.leases.values() if lease.units]
            assert process.till.keeper not in {lease.keeper for lease in held}
            process.till.kill()
            self.end(process)

    @rule()
    def next_month(self) -> None:
        self.time = MONTHS[1]

    def teardown(self) -> None:
        for process in list(self.processes):
            self.end(process)
        self.loop.close()


TestBookMachine = BookMachine.TestCase
TestBookMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_what_is_known_from_elsewhere_is_booked_once_and_on_top_of_nothing(store_url: str) -> None:
    lost, month = run_account("lost"), JULY

    async def scenario(store: ResponseStore) -> list[int]:
        await store.draw(Draw("mine", "me", store.keeper, {lost: None, month: None}, 5, 5))
        for _ in range(2):
            store.change(lambda connection, _: at_least(connection, {lost: 3, month: 9}))
        return [store.taken(lost), store.taken(month)]

    with ResponseStore(store_url) as store:
        # Five lie in a lease, and may be spent: they are known of already.
        assert asyncio.run(scenario(store)) == [5, 9]
