"""May this call still be paid for? A run's lease on the shared book, worst cases set aside."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from llms.accounts import RunAccounts, least_usd
from llms.failures import CallError
from llms.holds import Hold, Settlement, held
from llms.responses import ResponseStore
from llms.spend import Booking, Charge, Draw, Grant, in_usd, units_at_most, units_of

_AHEAD = 4
"""A lease is drawn with a quarter of what is in flight on top, and drawn again when half of that is
left, so that hardly a call waits for it. More would be lost, as possibly spent, in a kill."""

_IDLE_S = 1.0
"""A lease that no call needs goes back after this time: the next call may come at once."""

_LOOK_AGAIN_S = 0.5
"""How often money is asked for that other processes may give back."""


@dataclass(slots=True, eq=False)
class Reservation:
    """Money set aside for one call; settled exactly once.

    `month` is that of the lease it is of, `key` the request of the call. A request for a batch is
    `is_pending` until there is one, with nothing set aside, and stays so where the batch is one
    that another run pays; then `is_held`, booked apart from any lease (`llms.holds`), by `lease` if
    it was by this process.
    """

    usd: float
    units: int
    month: str
    key: str = ""
    is_pending: bool = False
    is_held: bool = False
    lease: str | None = None
    is_open: bool = True


class Budget:
    """The money of a run, as far as one process may spend it; made for one event loop.

    The book that all processes of all runs share is in the response store. From there this object
    takes a lease, a little more than the worst cases of the calls in flight, and grants calls out
    of it; what calls leave of their worst case serves the next ones. So hardly any call waits for
    the database, and yet no two processes can spend the same money.

    As long as no call costs more than what was reserved for it, what was spent never passes a cap,
    whatever the order of events, kills of processes included. A call that does cost more is booked
    as it was billed, and nothing is sent after it that would pass the cap.

    Args:
        store: Where the book is.
        run_id: The run that pays.
        job: Its job; all runs of a job share a monthly cap, and their spend is booked per month
            even without one.
        cap_usd: Never spend more than this on the run; None for no cap.
        monthly_cap_usd: Never spend more than this on the job in a calendar month (UTC).
        now: The time of day.
    """

    def __init__(
        self,
        store: ResponseStore,
        run_id: str,
        *,
        job: str = "",
        cap_usd: float | None = None,
        monthly_cap_usd: float | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._accounts = RunAccounts(
            store.taken, run_id, job=job, cap_usd=cap_usd, monthly_cap_usd=monthly_cap_usd, now=now
        )
        self._free = self._wanted = self._dearest = 0
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self._is_low = False
        self._resting: asyncio.TimerHandle | None = None
        self._drawing: asyncio.Task[None] | None = None
        name = self._accounts.run.name
        self._held = store.read(lambda connection: held(connection, name))

    @property
    def spent_usd(self) -> float:
        """What the run has spent, by all that this process knows."""
        run = self._accounts.run
        return in_usd(run.taken + run.settled)

    @property
    def paid_usd(self) -> float:
        """What the calls of this process have cost, with what it holds for batches."""
        return in_usd(self._accounts.run.settled)

    @property
    def reserved_usd(self) -> float:
        """The worst case of this process's calls in flight."""
        return in_usd(self._accounts.run.reserved)

    @property
    def remaining_usd(self) -> float | None:
        """What may still be reserved, of the run's cap and of the month's; None without a cap."""
        return least_usd(account.free for account in self._accounts.both)

    @property
    def unspent_usd(self) -> float | None:
        """What is left of the caps should everything in flight, batches included, be free, but for
        the worst case of one more call; null without a cap.
        """
        return least_usd(account.unspent(self._dearest) for account in self._accounts.both)

    async def acquire(
        self, worst_usd: float, key: str = "", *, in_batch: bool = False
    ) -> Reservation:
        """Set the worst case of a call aside; nothing may be sent before.

        Waits while calls in flight, here or in other processes, may still leave some of theirs;
        whoever came first is served first. Free calls are always granted.

        Args:
            worst_usd: What the call may cost at most.
            key: Its request. One that another process has put into a batch has its money held.
            in_batch: It is for a batch, whose money is booked once the batch is made, and what is
                held already serves; otherwise the request is known to be in none any more, and
                what is held is let go.

        Raises:
            CallError: Class `BUDGET`: the call could not be paid for even if every call in flight
                turned out to be free. It must not be sent.
            StoreError: The book cannot be written.
        """
        units = units_at_most(worst_usd)
        self._dearest = max(self._dearest, units)
        if (hold := self._held.pop(key, None)) is not None:
            kept = Reservation(in_usd(hold.units), hold.units, "", key)
            self._adopt(kept, hold)
            if in_batch:
                return kept
            self._store.settle_later(self.release(kept))
        if in_batch:
            return Reservation(worst_usd, units, self._accounts.month, key, is_pending=True)
        if not units:
            return Reservation(worst_usd, 0, self._accounts.month, key)
        self._wanted += units
        try:
            async with self._turn:
                self._begin_month()
                while not self._fits(units):
                    await self._find(units)
                    self._begin_month()
                return self._set_aside(worst_usd, units, key)
        finally:
            self._wanted -= units
            self._rest()

    async def acquire_at_once(self, worst_usd: float, key: str = "") -> Reservation | None:
        """Like `acquire`, but null where that would wait for what other calls may leave.

        Whoever keeps others from being sent meanwhile asks like this: those may be the ones that
        have set the money aside.
        """
        units = units_at_most(worst_usd)
        if key in self._held or self._turn.locked():
            return None
        if not units:
            return Reservation(worst_usd, 0, self._accounts.month, key)
        self._dearest = max(self._dearest, units)
        self._wanted += units
        try:
            self._begin_month()
            if not self._fits(units):
                await asyncio.shield(self._start_draw(max(1, units - self._free)))
                self._begin_month()
            if self._turn.locked() or not self._fits(units):
                return None
            return self._set_aside(worst_usd, units, key)
        finally:
            self._wanted -= units
            self._rest()

    def _set_aside(self, worst_usd: float, units: int, key: str) -> Reservation:
        for account in self._accounts.both:
            account.reserved += units
        self._free -= units
        if self._free < self._ahead // 2 and not self._is_low:
            self._start_draw(1)
        return Reservation(worst_usd, units, self._accounts.month, key)

    def holding(self, reservations: Sequence[Reservation]) -> tuple[Draw, list[Hold]]:
        """What `llms.spend.hold` is to book for requests that go into a batch.

        Followed by `held`, with what it has booked.
        """
        self._begin_month()
        lease = self._lease(self._accounts.month)
        draw = Draw(lease, self._owner, self._store.keeper, self._accounts.caps, 0, 0)
        run, month = (account.name for account in self._accounts.both)
        return draw, [
            Hold(one.key, run, month, one.units)
            for one in reservations
            if one.units and not one.is_held
        ]

    def held(
        self, reservations: Sequence[Reservation], draw: Draw, booked: Sequence[Hold], grant: Grant
    ) -> None:
        """Note what has been booked as spent for requests in a batch."""
        self._accounts.learn(grant)
        keys = {hold.key for hold in booked}
        for one in reservations:
            if one.key in keys:
                one.is_pending, one.is_held, one.lease = False, True, draw.lease
                one.month = draw.lease.rpartition(":")[2]
                for account in self._accounts.of_month(one.month):
                    account.settled += one.units
                    account.held += one.units

    def leave(self, reservation: Reservation) -> None:
        """Note that nobody here waits any more for a request in a batch, whose money stays held."""
        reservation.is_open = False
        if reservation.lease:
            for account in self._accounts.of_month(reservation.month):
                account.held -= reservation.units

    async def adopt(self, reservations: Sequence[Reservation]) -> None:
        """Take over what the run holds for requests that lie in a batch of an earlier process."""
        pending = {one.key: one for one in reservations if one.is_pending and one.units}
        if pending:
            name = self._accounts.run.name
            found = await asyncio.to_thread(
                self._store.read, lambda connection: held(connection, name)
            )
            for key in pending.keys() & found.keys():
                self._adopt(pending[key], found[key])

    def _adopt(self, reservation: Reservation, hold: Hold) -> None:
        """What is held is among what others have taken, by all that this process knows."""
        reservation.usd, reservation.units = in_usd(hold.units), hold.units
        reservation.is_pending, reservation.is_held = False, True
        reservation.month = self._accounts.month_of(hold.month_account)

    def refusal(self, reservation: Reservation) -> CallError | None:
        """Why a request that nothing could be held for is not to be paid for; null if it may be
        once calls in flight have ended.
        """
        return self._accounts.hopeless(reservation.units)

    async def aclose(self) -> None:
        """Return everything that no call needs, once nothing is asked of the book any more."""
        if self._drawing is not None:
            await asyncio.wait([self._drawing])
        self.give_back()

    def give_back(self) -> None:
        """Return to the book what the lease holds and no call needs."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._is_idle:
            self._return_free()

    def _return_free(self) -> None:
        if self._free:
            self._store.settle_later(Charge(self._lease(self._accounts.month), 0, self._free))
            self._free = 0

    def settle(self, reservation: Reservation, actual_usd: float) -> Booking | None:
        """Replace a reservation by what the call has cost; the rest is free again.

        Returns:
            What is to be booked in the store (`put`, `settle`, `settle_later`): until that is
            done, the book counts the worst case. None where there is nothing to book.
        """
        if not reservation.is_open:
            raise ValueError("this reservation has been settled before")
        reservation.is_open = False
        units, spent = reservation.units, units_of(actual_usd)
        if not units or reservation.is_pending:
            return None
        if reservation.is_held:
            for account in self._accounts.of_month(reservation.month):
                if reservation.lease:
                    account.settled += spent - units
                    account.held -= units
                else:
                    account.taken += spent - units
            self._freed.set()
            return Settlement(reservation.key, self._accounts.run.name, spent, reservation.lease)
        for account in self._accounts.of_month(reservation.month):
            account.reserved -= units
            account.settled += spent
        freed = min(spent, units)
        if reservation.month == self._accounts.month:
            self._free += units - freed
            self._rest()
        else:
            freed = units  # the lease of a month that is over gives everything back
        self._freed.set()
        return Charge(self._lease(reservation.month), spent, freed)

    def release(self, reservation: Reservation) -> Booking | None:
        """Give a reservation back whose call was never sent; returns what `settle` returns."""
        return self.settle(reservation, 0.0)

    def _lease(self, month: str) -> str:
        return f"{self._owner}:{month}"

    def _fits(self, units: int) -> bool:
        return self._free >= units and all(a.allows(units) for a in self._accounts.both)

    def _begin_month(self) -> None:
        """Leave the lease of a month that is over to the calls it still has in flight."""
        if self._accounts.is_month_over:
            self._return_free()
            self._accounts.open_month()

    async def _find(self, units: int) -> None:
        """Draw money, or wait for some to be freed; raises when there is no hope."""
        self._freed.clear()
        await asyncio.shield(self._start_draw(max(1, units - self._free)))
        if self._fits(units):
            return
        if (refusal := self._accounts.hopeless(units)) is not None:
            raise refusal
        if not self._accounts.this_month.reserved:
            # Two processes that each hold a part of what both wait for would wait for ever.
            self._return_free()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_AGAIN_S):
                await self._freed.wait()

    @property
    def _ahead(self) -> int:
        return (self._accounts.this_month.reserved + self._wanted) // _AHEAD

    @property
    def _is_idle(self) -> bool:
        return not self._accounts.this_month.reserved and not self._wanted

    def _rest(self) -> None:
        """Have the lease given back, unless it is needed again soon."""
        if self._free and self._is_idle and self._resting is None:
            loop = asyncio.get_running_loop()
            self._resting = loop.call_later(_IDLE_S, self.give_back)

    def _start_draw(self, least: int) -> "asyncio.Task[None]":
        """Draw money beside whatever else goes on; one draw at a time."""
        if self._drawing is None:
            self._drawing = asyncio.create_task(self._draw(least))
            # When nobody waits for it (any more), nobody looks at its error.
            self._drawing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._drawing

    async def _draw(self, least: int) -> None:
        try:
            wanted = max(self._wanted + self._ahead - self._free, least)
            lease, caps = self._lease(self._accounts.month), self._accounts.caps
            grant = await self._store.draw(
                Draw(lease, self._owner, self._store.keeper, caps, least, wanted)
            )
            if lease != self._lease(self._accounts.month):
                self._store.settle_later(Charge(lease, 0, grant.units))
                return
            self._free += grant.units
            self._is_low = grant.units < wanted
            self._accounts.learn(grant)
        finally:
            self._drawing = None
