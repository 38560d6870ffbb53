"""When may a request go out? With money set aside, a place in flight, and leave of the limits."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from llms.budget import Budget, Reservation
from llms.limits import Permit


class Admission:
    """What one request is given before it is sent, as far as it has come.

    Args:
        budget: The money of the run.
        worst_usd: What the request may cost.
        key: Of the request.
        place: Gives a place in flight.
        room: What holds it; left when the request has come to its end.
        permitted: Waits until the limits allow it; null where they do not count, in a batch.

    Attributes:
        reservation: The money set aside; null until it is.
        permit: Leave of the limits; null until it is given, and in a batch.
    """

    def __init__(
        self,
        budget: Budget,
        worst_usd: float,
        key: str,
        *,
        place: Callable[[], AbstractAsyncContextManager[None]],
        room: AsyncExitStack,
        permitted: Callable[[], Awaitable[Permit]] | None,
    ) -> None:
        self.reservation: Reservation | None = None
        self.permit: Permit | None = None
        self._budget = budget
        self._worst_usd = worst_usd
        self._key = key
        self._place = place
        self._room = room
        self._permitted = permitted

    async def gain(self, give_back: Callable[[Permit], None]) -> Reservation:
        """Wait until the request may go; returns the money that is set aside for it.

        Money comes last, so that a kill costs what was sent and not what waited for its turn; but
        first in a batch, and where it is short: no place is taken by what may not be paid for.

        Args:
            give_back: Takes a permit that is not used.

        Raises:
            CallError: Class `BUDGET`.
            StoreError: The spend book or the shared limits cannot be read or written.
        """
        left_usd = self._budget.remaining_usd
        if self._permitted is None or (left_usd is not None and left_usd < self._worst_usd):
            self.reservation = await self._reserve()
        await self._enter()
        if self.reservation is None:
            self.reservation = await self._budget.acquire_at_once(self._worst_usd, self._key)
        if self.reservation is None:
            # Whoever has the money may wait for this place: it is given up meanwhile.
            if self.permit is not None:
                give_back(self.permit)
                self.permit = None
            await self._room.aclose()
            self.reservation = await self._reserve()
            await self._enter()
        return self.reservation

    async def _reserve(self) -> Reservation:
        is_batched = self._permitted is None
        return await self._budget.acquire(self._worst_usd, self._key, in_batch=is_batched)

    async def _enter(self) -> None:
        await self._room.enter_async_context(self._place())
        if self._permitted is not None:
            self.permit = await self._permitted()
