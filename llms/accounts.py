"""What does one process know of the accounts it spends from, and what does it say when they are
empty?
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from llms.failures import CallError, FailureClass
from llms.spend import Grant, cap_units, in_usd, month_account, run_account


def least_usd(amounts: Iterable[int | None]) -> float | None:
    """The least of some amounts in units, zero at least, in US dollars; null where all are null."""
    known = [units for units in amounts if units is not None]
    return in_usd(max(0, min(known))) if known else None


@dataclass(slots=True)
class Account:
    """What this process knows of an account, in units.

    Attributes:
        name: Of the account in the book.
        cap: The most that may be spent of it; null without a cap.
        taken: What others have spent or hold, as of the last draw.
        alive: What of that is in the hands of others who live, and may be given back.
        settled: What this process has spent, with what it holds for requests in batches.
        held: What of that is held for requests in batches that somebody here waits for.
        reserved: The worst cases of this process's calls in flight.
    """

    name: str
    cap: int | None
    taken: int = 0
    alive: int = 0
    settled: int = 0
    held: int = 0
    reserved: int = 0

    @classmethod
    def of(cls, name: str, cap_usd: float | None) -> Self:
        """An account with a cap in US dollars, of which nothing is known yet."""
        return cls(name, None if cap_usd is None else cap_units(cap_usd))

    @property
    def free(self) -> int | None:
        """What may still be reserved; null without a cap."""
        return None if self.cap is None else self.cap - self.taken - self.settled - self.reserved

    def unspent(self, kept: int) -> int | None:
        """What is left but for so much, should everything in flight here be free; null without a
        cap.
        """
        if self.cap is None:
            return None
        return self.cap - self.taken - self.settled + self.held - kept

    def allows(self, units: int) -> bool:
        """Whether so much may be reserved; not after a call that cost more than its worst case."""
        return self.free is None or units <= self.free

    def is_hopeless(self, units: int) -> bool:
        """Whether so much could not be had even if every call in flight turned out to be free."""
        sure = self.taken - self.alive + self.settled - self.held
        return self.cap is not None and sure + units > self.cap

    def refusal(self, units: int, what: str, remedy: str) -> CallError:
        """The error of a call that so much was wanted for.

        Args:
            units: Its worst case.
            what: The budget that does not allow it, in words.
            remedy: What to do.
        """
        spent = in_usd(self.taken + self.settled)
        return CallError.of(
            FailureClass.BUDGET,
            f"{what} does not allow a call that may cost ${in_usd(units):.6g}: ${spent:.6g} spent, "
            f"${in_usd(self.reserved):.6g} reserved for calls in flight; {remedy}",
        )


class RunAccounts:
    """The two accounts that every call of a run is booked on: its own, and that of its job's month.

    Attributes:
        run: That of the run.
        month: The month whose lease serves calls now, as 2026-07.

    Args:
        taken: What others have spent of an account or hold, by its name; of the book.
        run_id: The run that pays.
        job: Its job.
        cap_usd: Never spend more than this on the run; None for no cap.
        monthly_cap_usd: Never spend more than this on the job in a calendar month (UTC).
        now: The time of day.
    """

    def __init__(
        self,
        taken: Callable[[str], int],
        run_id: str,
        *,
        job: str,
        cap_usd: float | None,
        monthly_cap_usd: float | None,
        now: Callable[[], datetime],
    ) -> None:
        self._taken = taken
        self._job = job
        self._cap_usd = cap_usd
        self._monthly_cap_usd = monthly_cap_usd
        self._now = now
        self.run = Account.of(run_account(run_id), cap_usd)
        self.run.taken = taken(self.run.name)
        self._months: dict[str, Account] = {}
        self.open_month()

    @property
    def this_month(self) -> Account:
        """The account of `month`."""
        return self._months[self.month]

    @property
    def both(self) -> tuple[Account, Account]:
        """Those that a call is booked on now."""
        return self.run, self.this_month

    @property
    def caps(self) -> dict[str, int | None]:
        """Their caps in units, by name."""
        return {account.name: account.cap for account in self.both}

    @property
    def is_month_over(self) -> bool:
        """Whether another month has begun since the last was opened."""
        return f"{self._now():%Y-%m}" != self.month

    def open_month(self) -> None:
        """Have calls be booked on the month that it is now."""
        self.month = f"{self._now():%Y-%m}"
        if self.month not in self._months:  # else the clock was put back over the end of a month
            account = Account.of(month_account(self._job, self.month), self._monthly_cap_usd)
            account.taken = self._taken(account.name) if account.cap is not None else 0
            self._months[self.month] = account

    def of_month(self, month: str) -> tuple[Account, ...]:
        """Those of a call that was granted in some month; of one unknown here the run's alone."""
        return (self.run, self._months[month]) if month in self._months else (self.run,)

    def month_of(self, name: str) -> str:
        """The month of an account of that name; empty for none that is known here."""
        return next((m for m, account in self._months.items() if account.name == name), "")

    def learn(self, grant: Grant) -> None:
        """Take in what the book says that others have taken."""
        for account in self.both:
            if account.name in grant.taken:
                account.taken = grant.taken[account.name]
                account.alive = grant.alive[account.name]

    def hopeless(self, units: int) -> CallError | None:
        """Why so much could not be had even if every call in flight were free; null if it could."""
        for account in self.both:
            if account.is_hopeless(units):
                return account.refusal(units, *self._budget_of(account))
        return None

    def _budget_of(self, account: Account) -> tuple[str, str]:
        """The budget behind an account, in words, and what to do once it is used up."""
        if account is self.run:
            return (
                f"the budget of ${self._cap_usd:.6g}",
                "resume the run with a higher `--budget`",
            )
        return (
            f"the budget of ${self._monthly_cap_usd:.6g} of job {self._job} for {self.month} (UTC)",
            "resume the run with a higher `--monthly-budget`, or in the next month",
        )
