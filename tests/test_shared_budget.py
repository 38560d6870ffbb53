"""Budgets that several processes share through the book, and caps per month."""

import asyncio
from datetime import UTC, datetime

from llms.budget import Budget, Reservation
from llms.failures import CallError
from llms.spend import in_usd
from tests.bank import Bank, Teller
from tests.budgets import Clock, do, make_budget, refused, spend


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
            "$0.3: $0.8 spent, $0 reserved for calls in flight; resume the run with a higher "
            "`--monthly-budget`, or in the next month"
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
