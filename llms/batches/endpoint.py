"""How is a single request answered by way of a batch? It waits with others, and for its result."""

import asyncio
import math
import uuid
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any

from llms.batches.api import BatchApi, Standing, input_line
from llms.batches.book import Batch, BatchBook
from llms.batches.following import End, Following, Times
from llms.batches.waiting import Item, Waiting
from llms.budget import Budget, Reservation
from llms.classification import Failure
from llms.failures import FailureClass
from llms.pricing import estimate_tokens
from llms.sdk import Endpoint, RawResponse
from schemas.counted import counted

QUIET_S = 2.0
"""A batch is made once no request has come for so long: calls of a stage come in a burst."""

_LOOK_AGAIN_S = 5.0
"""How often money is asked for that calls in flight may leave."""

LONGEST_WAIT_S = 60.0
"""So long the first request of a batch waits for others, even if they keep coming."""


class BatchEndpoint:
    """The batch lane of one provider; takes the place of `llms.sdk.Endpoint`.

    Requests are collected per model, handed in together and answered one by one as the results
    come. What another process has handed in is not handed in again, only waited for. A request that
    the provider did not work on comes back with a failure that is `is_unexecuted`.

    Made on an event loop and used on that one only.

    Args:
        endpoint: The provider; closed with this.
        provider: Its name in the book.
        run_id: The run that asks.
        book: Where batches are written down.
        budget: The money of the run.
        times: When batches are looked at and left.
        url: What requests name as their URL.
        quiet_s: See `QUIET_S`.
        tell: Tells whoever watches of a batch that did not end well.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        provider: str,
        run_id: str,
        book: BatchBook,
        budget: Budget,
        times: Times,
        url: str = "/v1/chat/completions",
        quiet_s: float = QUIET_S,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.secrets = endpoint.secrets
        self._endpoint = endpoint
        self._provider = provider
        self._run_id = run_id
        self._book = book
        self._budget = budget
        self._times = times
        self._url = url
        self._quiet_s = quiet_s
        self._tell = tell
        self._following = Following(BatchApi(endpoint, url=url), book, times)
        self._waiting: dict[str, Waiting] = {}
        self._items: dict[str, Item] = {}
        self._answered: set[str] = set()
        self._followed: dict[str, dict[str, Item]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def post(
        self, body: bytes, api_id: str, reservation: Reservation | None = None
    ) -> RawResponse | Failure:
        """Have a request answered in a batch; it may take a day.

        Args:
            body: The request, as `Request.body` makes it.
            api_id: The model it names; a batch asks one model.
            reservation: Its money, and its key.

        Raises:
            StoreError: The book cannot be written; nothing has been handed in.
        """
        if reservation is None:
            raise ValueError("a request in a batch needs its money and its key")
        key = reservation.key
        if key in self._items:
            return await asyncio.shield(self._items[key].done)
        done: asyncio.Future[RawResponse | Failure] = asyncio.get_running_loop().create_future()
        item = Item(key, body, estimate_tokens(len(body)), reservation, done)
        self._items[key] = item
        try:
            self._waiting_for(api_id).add(item)
            del body  # it is wanted no longer than until it has been handed in
            return await done
        finally:
            del self._items[key]

    async def aclose(self) -> None:
        """Let go of the batches, which go on at the provider, and close the connections."""
        for task in self._tasks:
            task.cancel()
        for item in self._items.values():
            item.done.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._endpoint.aclose()

    def _waiting_for(self, model: str) -> Waiting:
        if model not in self._waiting:
            self._waiting[model] = waiting = Waiting(model)
            self._start(self._serve(waiting))
        return self._waiting[model]

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, waiting: Waiting) -> None:
        """Make batches of what waits, for ever."""
        while True:
            await self._until_changed(waiting)
            await self._until_quiet(waiting)
            waiting.changed.clear()
            items: list[Item] = []
            try:
                items = waiting.take_all()
                fresh = await self._join(waiting, items)
                if self._times.is_over:
                    _hand_back(fresh, "there is no time left for a batch")
                    continue
                waiting.put_back(fresh)
                while items := waiting.cut():
                    if self._put_off(waiting, await self._hand_in(waiting, items)):
                        break
            except Exception as error:  # whatever it is, nobody may wait for ever
                _fail([*items, *waiting.take_all()], error)

    async def _until_changed(self, waiting: Waiting) -> None:
        left_s = self._times.left_s
        if waiting.changed.is_set() or not len(waiting) or not 0 < left_s < math.inf:
            await waiting.changed.wait()
            return
        # What waits for room must not miss the time of leaving.
        changed = asyncio.ensure_future(waiting.changed.wait())
        late = asyncio.ensure_future(self._times.sleep(left_s))
        try:
            await asyncio.wait({changed, late}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            late.cancel()

    async def _until_quiet(self, waiting: Waiting) -> None:
        until = self._times.now() + LONGEST_WAIT_S
        seen = -1
        while len(waiting) > max(seen, 0) and not waiting.is_enough and self._times.now() < until:
            seen = len(waiting)
            await self._times.sleep(self._quiet_s)

    async def _join(self, waiting: Waiting, items: Sequence[Item]) -> list[Item]:
        """Have those requests wait for their batches that lie in one already; returns the others.

        What this process has been answered is not looked for again: it asks because the answer was
        of no use.
        """
        wanted = {item.key for item in items} - self._answered
        lying = await self._book.lying(wanted, self._provider) if wanted else {}
        joined: dict[str, tuple[Batch, list[Item]]] = {}
        fresh = []
        for item in items:
            if item.key in lying:
                batch = lying[item.key]
                joined.setdefault(batch.id, (batch, []))[1].append(item)
            else:
                fresh.append(item)
        await self._budget.adopt([item.reservation for item in items if item.key in lying])
        for batch, members in joined.values():
            self._follow(waiting, batch, members, is_new=False)
        return fresh

    async def _hand_in(self, waiting: Waiting, items: Sequence[Item]) -> list[Item]:
        """Make a batch of requests; returns those that there is no money for."""
        batch = Batch(
            id=uuid.uuid4().hex,
            provider=self._provider,
            model=waiting.model,
            run_id=self._run_id,
            requests=len(items),
            tokens=sum(item.tokens for item in items),
        )
        money = [item.reservation for item in items]
        draw, holds = self._budget.holding(money)
        keys = [item.key for item in items]
        booked, grant = await self._book.plan(batch, keys, draw, holds)
        self._budget.held(money, draw, booked, grant)
        held = [item for item in items if item.reservation.is_held or not item.reservation.units]
        if held:
            batch.tokens = sum(item.tokens for item in held)
            self._follow(waiting, batch, held, is_new=True)
        return [item for item in items if item not in held]

    def _put_off(self, waiting: Waiting, items: Sequence[Item]) -> bool:
        """Have requests that there is no money for wait for some, but for those that wait in vain.

        Returns:
            Whether any waits: there is no use in trying again at once.
        """
        put_off = []
        for item in items:
            refusal = None if self._followed else self._budget.refusal(item.reservation)
            if refusal is None:
                put_off.append(item)
            elif not item.done.done():
                item.done.set_exception(refusal)
        waiting.put_back(put_off)
        if put_off:
            self._start(self._look_again(waiting))
        return bool(put_off)

    async def _look_again(self, waiting: Waiting) -> None:
        await self._times.sleep(_LOOK_AGAIN_S)
        waiting.changed.set()

    def _follow(
        self, waiting: Waiting, batch: Batch, items: Sequence[Item], *, is_new: bool
    ) -> None:
        """See a batch through beside everything else; one that is followed takes more members."""
        members = {item.key: item for item in items}
        if batch.id in self._followed:
            self._followed[batch.id].update(members)
            return
        self._followed[batch.id] = members
        waiting.enqueued += batch.tokens
        self._start(self._see_through(waiting, batch, members, is_new=is_new))

    async def _see_through(
        self, waiting: Waiting, batch: Batch, members: dict[str, Item], *, is_new: bool
    ) -> None:
        try:
            if is_new:
                handed = await self._following.hand_in(batch, _content(members, self._url))
            else:
                handed = await self._following.recover(batch)
            end = handed
            if isinstance(handed, Standing):
                end = await self._following.to_its_end(batch, handed)
            assert isinstance(end, End)
            keys = list(members) if is_new else await self._book.members(batch)
            if not end.is_open:
                await self._book.end(batch, end.status, end.states(keys))
        except Exception as error:
            del self._followed[batch.id]
            waiting.enqueued -= batch.tokens
            _fail(members.values(), error)
            return
        del self._followed[batch.id]
        waiting.enqueued -= batch.tokens
        waiting.changed.set()
        self._deliver(waiting, batch, members, end)

    def _deliver(self, waiting: Waiting, batch: Batch, members: dict[str, Item], end: End) -> None:
        other = end.failure
        is_full = end.status == "failed" and other.failure_class is FailureClass.RATE_LIMITED
        if is_full and not waiting.refused(batch.tokens, other.message):
            other = _returned(other.message)
        if left := sum(key not in end.responses for key in members):
            of = counted(len(members), "request")
            self._tell(f"batch {batch.batch_id} ended as {end.status}: {left} of {of} not answered")
        told = f"batch {batch.batch_id} {end.status} before this request was worked on"
        # In the order they were handed in: failures stand among answers as they would online.
        for key, item in members.items():
            if item.done.done():
                continue
            if key in end.responses:
                self._answered.add(key)
                item.done.set_result(end.responses[key])
            else:
                item.done.set_result(_returned(told) if key in end.returned else other)


def _content(members: dict[str, Item], url: str) -> bytes:
    lines = []
    for item in members.values():
        lines.append(input_line(item.key, item.body, url))
        item.body = b""
    return b"".join(lines)


def _returned(message: str) -> Failure:
    return Failure(FailureClass.OVERLOADED, message, is_unexecuted=True)


def _hand_back(items: Collection[Item], message: str) -> None:
    for item in items:
        if not item.done.done():
            item.done.set_result(_returned(message))


def _fail(items: Collection[Item], error: Exception) -> None:
    for item in items:
        if not item.done.done():
            # A copy for each: a traceback grows on the one that is raised.
            item.done.set_exception(type(error)(*error.args))
