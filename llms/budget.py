"""May this call still be paid for? The cap of a run, with worst cases reserved before sending."""

import asyncio
import math
import threading
from collections import deque
from dataclasses import dataclass, field

from llms.failures import CallError, FailureClass

_UNITS_PER_USD = 10**12
"""Money is counted in whole units, so that no order of additions can drift over the cap."""


@dataclass(slots=True, eq=False)
class Reservation:
    """Money set aside for one call; settled or released exactly once."""

    usd: float
    units: int
    is_open: bool = True


@dataclass(slots=True, eq=False)
class _Waiter:
    units: int
    usd: float
    loop: asyncio.AbstractEventLoop
    granted: asyncio.Future[Reservation] = field(repr=False)


class Budget:
    """The money of a run, shared by all shards and event loops of a process; thread-safe.

    As long as no call costs more than what was reserved for it, `spent_usd + reserved_usd` never
    passes the cap, whatever the order of events.

    Args:
        cap_usd: Never spend more than this; None for no cap.
        spent_usd: What the run has spent before, unsettled worst cases of a killed process
            included (`ResponseStore.spent`).
    """

    def __init__(self, cap_usd: float | None, spent_usd: float = 0.0) -> None:
        self.cap_usd = cap_usd
        self._cap = None if cap_usd is None else math.floor(cap_usd * _UNITS_PER_USD)
        self._spent = _units(spent_usd)
        self._reserved = 0
        self._waiters: deque[_Waiter] = deque()
        self._lock = threading.Lock()

    @property
    def spent_usd(self) -> float:
        """What settled calls have cost."""
        return self._spent / _UNITS_PER_USD

    @property
    def reserved_usd(self) -> float:
        """The worst case of the calls in flight."""
        return self._reserved / _UNITS_PER_USD

    @property
    def remaining_usd(self) -> float | None:
        """What may still be reserved; None without a cap."""
        if self._cap is None:
            return None
        return max(0, self._cap - self._spent - self._reserved) / _UNITS_PER_USD

    def reserve(self, worst_usd: float) -> Reservation:
        """Set the worst case of a call aside.

        Raises:
            CallError: Class `BUDGET`, when it would pass the cap; the call must not be sent.
        """
        units = _units(worst_usd)
        with self._lock:
            if not self._fits(units):
                raise self._refusal(worst_usd)
            return self._take(units, worst_usd)

    async def acquire(self, worst_usd: float) -> Reservation:
        """Like `reserve`, but wait while calls in flight may still leave some of their worst case.

        Waiters are served in order. The error comes only once the call could not be paid for even
        if every call in flight turned out to be free.
        """
        units = _units(worst_usd)
        with self._lock:
            if not self._waiters and self._fits(units):
                return self._take(units, worst_usd)
            if self._is_hopeless(units):
                raise self._refusal(worst_usd)
            loop = asyncio.get_running_loop()
            waiter = _Waiter(units, worst_usd, loop, loop.create_future())
            self._waiters.append(waiter)
        try:
            return await waiter.granted
        except asyncio.CancelledError:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                self._serve_waiters()
            granted = waiter.granted
            if granted.done() and not granted.cancelled() and granted.exception() is None:
                self.release(granted.result())
            raise

    def settle(self, reservation: Reservation, actual_usd: float) -> None:
        """Replace a reservation by what the call has cost; the rest is free again."""
        with self._lock:
            if not reservation.is_open:
                raise ValueError("this reservation has been settled or released before")
            reservation.is_open = False
            self._reserved -= reservation.units
            self._spent += _units(actual_usd)
            self._serve_waiters()

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back whose call was never sent."""
        self.settle(reservation, 0.0)

    def _fits(self, units: int) -> bool:
        return self._cap is None or self._spent + self._reserved + units <= self._cap

    def _is_hopeless(self, units: int) -> bool:
        return self._cap is not None and self._spent + units > self._cap

    def _take(self, units: int, usd: float) -> Reservation:
        self._reserved += units
        return Reservation(usd, units)

    def _serve_waiters(self) -> None:
        """Grant or refuse the first waiters, as far as that is decided; needs the lock."""
        while self._waiters:
            waiter = self._waiters[0]
            outcome: Reservation | CallError
            if self._is_hopeless(waiter.units):
                outcome = self._refusal(waiter.usd)
            elif self._fits(waiter.units):
                outcome = self._take(waiter.units, waiter.usd)
            else:
                return
            self._waiters.popleft()
            try:
                waiter.loop.call_soon_threadsafe(self._hand_over, waiter, outcome)
            except RuntimeError:  # its event loop has been closed; nobody waits any more
                if isinstance(outcome, Reservation):
                    self._reserved -= outcome.units

    def _hand_over(self, waiter: _Waiter, outcome: Reservation | CallError) -> None:
        if waiter.granted.done():
            if isinstance(outcome, Reservation):
                self.release(outcome)
        elif isinstance(outcome, Reservation):
            waiter.granted.set_result(outcome)
        else:
            waiter.granted.set_exception(outcome)

    def _refusal(self, worst_usd: float) -> CallError:
        return CallError.of(
            FailureClass.BUDGET,
            f"the budget of ${self.cap_usd:.6g} does not allow a call that may cost "
            f"${worst_usd:.6g}: ${self.spent_usd:.6g} spent, ${self.reserved_usd:.6g} reserved "
            "for calls in flight; raise `budget_usd` and resume the run",
        )


def _units(usd: float) -> int:
    if not (usd >= 0 and math.isfinite(usd)):
        raise ValueError(f"an amount of money must be finite and not negative, not {usd!r}")
    return math.ceil(usd * _UNITS_PER_USD)
