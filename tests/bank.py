"""The shared book in memory, in place of a response store: what a budget needs, and kills."""

from collections.abc import Callable
from typing import Any

from llms.holds import Settlement
from llms.spend import Book, Booking, Charge, Draw, Grant


class Bank:
    """A book that several processes share; see `teller`."""

    def __init__(self) -> None:
        self.book = Book(living=set())
        self.tellers: list[Teller] = []

    def teller(self) -> "Teller":
        """What one more process takes for its response store."""
        self.tellers.append(Teller(self, f"process-{len(self.tellers)}"))
        self.book.living = {teller.keeper for teller in self.tellers if teller.is_alive}
        return self.tellers[-1]

    def taken(self, account: str) -> int:
        """What of an account is spent or leased."""
        leases = [lease for lease in self.book.leases.values() if account in lease.accounts]
        return self.book.spent.get(account, 0) + sum(lease.units for lease in leases)


class Teller:
    """One process's way to the bank. Its bookings are done in order, when somebody says so."""

    def __init__(self, bank: Bank, keeper: str) -> None:
        self.bank = bank
        self.keeper = keeper
        self.queue: list[Charge] = []
        self.draws = 0
        self.is_alive = True

    def taken(self, account: str) -> int:
        """As of a response store."""
        self.book_all()
        return self.bank.taken(account)

    async def draw(self, draw: Draw) -> Grant:
        """As of a response store: after all that the process has told before."""
        self.book_all()
        self.draws += 1
        return self.bank.book.draw(draw)

    def settle_later(self, charge: Booking | None) -> None:
        """As of a response store; a killed process reaches nobody any more."""
        assert not isinstance(charge, Settlement)
        if charge is not None and self.is_alive:
            self.queue.append(charge)

    def read(self, _: Callable[[Any], Any]) -> dict[str, int]:
        """What is held for batches: nothing."""
        return {}

    def book_one(self) -> None:
        """Do the first booking that waits."""
        if self.queue:
            self.bank.book.charge(self.queue.pop(0))

    def book_all(self) -> None:
        """Do every booking that waits."""
        while self.queue:
            self.book_one()

    def kill(self) -> None:
        """End the process as SIGKILL would: what it has not booked is never booked."""
        self.is_alive = False
        self.queue.clear()
        self.bank.book.living = {t.keeper for t in self.bank.tellers if t.is_alive}
