"""What does one process know of the accounts it spends from, and what does it say when they are
empty?
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from llms.failures import CallError, FailureClass
from llms.spend import cap_units, in_usd


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
