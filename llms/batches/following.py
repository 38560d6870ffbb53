"""How does a batch get from our book to its end? Uploaded, made, watched, cancelled, read."""

import math
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from llms.batches.api import BatchApi, Standing, refusal, results
from llms.batches.book import Batch, BatchBook, ItemState
from llms.classification import Failure
from llms.failures import OUTAGES, FailureClass
from llms.lane_choice import CANCELLING_S
from llms.sdk import RawResponse

_OVERDUE_S = 900.0
"""So long after its window a batch that still says it is in progress is cancelled."""

_TROUBLE_S = 1800.0
"""How long a provider may fail before a batch is given up that it has not been handed."""

_SETTLING_S = 30.0
"""A batch that was asked for so lately may yet appear in the provider's list."""

_LOOK_BACK_S = 3600.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_POLL_SHARE = 0.05
_UNKNOWN = "unknown"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class End:
    """What came of a batch.

    Attributes:
        status: The provider's last word for it, or ours where there is none.
        failure: What holds for every request that is not named in the other two.
        responses: By request, what the provider answered.
        returned: Requests that were not worked on and cost nothing.
        is_open: More may be found out by whoever looks next.
    """

    status: str
    failure: Failure
    responses: dict[str, RawResponse] = field(default_factory=dict)
    returned: frozenset[str] = frozenset()
    is_open: bool = False

    def states(self, keys: Collection[str]) -> dict[str, ItemState]:
        """What became of each of these requests, as the book knows it."""
        other = ItemState.RETURNED if self.failure.is_unexecuted else ItemState.FAILED
        states = dict.fromkeys(keys, other)
        states.update(dict.fromkeys(self.returned, ItemState.RETURNED))
        for key, response in self.responses.items():
            states[key] = ItemState.ANSWERED if response.status < 300 else ItemState.FAILED
        return states


@dataclass(frozen=True, slots=True)
class Times:
    """When a batch is looked at and given up.

    Attributes:
        now: Seconds since the epoch.
        sleep: Waits some seconds.
        leave_at: When what has not been answered must be sent in another lane, if ever.
        poll_s: Shortest time between two looks; a batch that takes long is looked at less often.
    """

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    leave_at: float | None = None
    poll_s: float = 1.0

    @property
    def left_s(self) -> float:
        """Seconds to the time of leaving, negative after it; infinite without one."""
        return math.inf if self.leave_at is None else self.leave_at - self.now()

    @property
    def is_over(self) -> bool:
        """Whether the time for batches has passed."""
        return self.left_s <= 0

    async def pause(self, pause_s: float) -> None:
        """Sleep, but no longer than to the time of leaving, should that lie ahead."""
        await self.sleep(pause_s if self.is_over else min(pause_s, self.left_s))


class Following:
    """Sees batches through.

    Args:
        api: The provider.
        book: Where ids are written down as soon as they are known.
        times: When to look and when to leave.
    """

    def __init__(self, api: BatchApi, book: BatchBook, times: Times) -> None:
        self._api = api
        self._book = book
        self._times = times

    async def hand_in(self, batch: Batch, content: bytes) -> Standing | End:
        """Upload the input file of a batch and make it; an `End` where that was not possible."""
        until = self._times.now() + _TROUBLE_S
        name = f"docmill-{batch.id}.jsonl"
        file_id = await self._patiently(lambda: self._api.upload(name, content), until)
        if isinstance(file_id, Failure):
            return _not_made(file_id)
        batch.file_id = file_id
        await self._book.note(batch)
        made: Standing | End | Failure = await self._patiently(
            lambda: self._make(batch, file_id), until
        )
        if isinstance(made, Failure):
            return _not_made(made)
        return await self._noted(batch, made) if isinstance(made, Standing) else made

    async def recover(self, batch: Batch) -> Standing | End:
        """Find a batch again that another process wrote down, however far that had come."""
        if batch.batch_id is not None:
            return Standing(batch.batch_id, _UNKNOWN)
        now = self._times.now()
        await self._times.pause(max(0.0, batch.planned_at + _SETTLING_S - now))
        found = await self._find(batch, now + _TROUBLE_S)
        if isinstance(found, Failure):
            return _unsure(found)
        if found is not None:
            return await self._noted(batch, found)
        if batch.file_id is not None:
            await self._api.delete(batch.file_id)
        return _not_made(Failure(FailureClass.CONNECTION, "the batch was never made"))

    async def to_its_end(self, batch: Batch, standing: Standing) -> End:
        """Watch a batch until it has ended, cancel it when it is late, and read its results."""
        times = self._times
        late_since: float | None = None
        is_cancelled = False
        while not standing.is_final:
            if late_since is None and self._is_late(standing):
                late_since = times.now()
            if late_since is not None and times.now() > late_since + CANCELLING_S:
                return _stuck(standing)
            if late_since is None or is_cancelled or standing.status == _UNKNOWN:
                seen = await self._api.look(standing.batch_id)
                if isinstance(seen, Failure) and not _may_pass(seen):
                    return _lost(standing, seen)
            else:
                seen = await self._api.cancel(standing.batch_id)
                # What will not pass says that it has ended by itself: the next look shows it.
                is_cancelled = isinstance(seen, Standing) or not _may_pass(seen)
            if isinstance(seen, Standing):
                standing = seen
            if not standing.is_final:
                age_s = times.now() - batch.planned_at
                most_s = _LONGEST_PAUSE_S if late_since is None else times.poll_s
                await times.pause(max(times.poll_s, min(age_s * _POLL_SHARE, most_s)))
        return await self._read(standing)

    def _is_late(self, standing: Standing) -> bool:
        expires_at = standing.expires_at
        is_overdue = expires_at is not None and self._times.now() > expires_at + _OVERDUE_S
        return is_overdue or self._times.is_over

    async def _make(self, batch: Batch, file_id: str) -> Standing | End | Failure:
        made = await self._api.create(file_id, batch.id)
        if isinstance(made, Failure) and made.may_have_cost:
            # Nobody knows whether it was made: only the provider's list can tell, some time later.
            await self._times.sleep(_SETTLING_S)
            found = await self._find(batch, self._times.now() + _TROUBLE_S)
            if isinstance(found, Failure):
                return _unsure(found)
            return found or made
        return made

    async def _noted(self, batch: Batch, standing: Standing) -> Standing:
        batch.batch_id = standing.batch_id
        await self._book.note(batch)
        return standing

    async def _find(self, batch: Batch, until: float) -> Standing | Failure | None:
        since = batch.planned_at - _LOOK_BACK_S
        return await self._patiently(lambda: self._api.find(batch.id, since), until)

    async def _read(self, standing: Standing) -> End:
        if standing.status == "failed":
            return End("failed", refusal(standing))
        responses: dict[str, RawResponse] = {}
        returned: set[str] = set()
        until = self._times.now() + _TROUBLE_S
        for file_id in filter(None, (standing.output_id, standing.errors_id)):
            content = await self._content(file_id, until)
            if isinstance(content, Failure):
                # What could be read of it counts; the rest can be read again.
                lost = _lost(standing, content)
                return replace(lost, responses=responses, returned=frozenset(returned))
            for key, response in results(content):
                if response is None:
                    returned.add(key)
                else:
                    responses[key] = response
        told = f"batch {standing.batch_id} says nothing of this request"
        missing = Failure(FailureClass.CONNECTION, told, may_have_cost=True)
        return End(standing.status, missing, responses, frozenset(returned))

    async def _content(self, file_id: str, until: float) -> bytes | Failure:
        return await self._patiently(lambda: self._api.content(file_id), until)

    async def _patiently(
        self, ask: Callable[[], Awaitable[T | Failure]], until: float
    ) -> T | Failure:
        """Ask until the provider answers, or says something that will not pass."""
        for pause_s in _pauses():
            got = await ask()
            if not isinstance(got, Failure) or not _may_pass(got):
                return got
            if self._times.is_over or self._times.now() > until:
                break
            await self._times.pause(pause_s)
        return got


def _pauses() -> Iterator[float]:
    pause_s = _FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _may_pass(failure: Failure) -> bool:
    return failure.failure_class in OUTAGES or failure.failure_class is FailureClass.RATE_LIMITED


def _not_made(failure: Failure) -> End:
    """A batch that was not made; its requests go elsewhere unless they would fail there too."""
    return End("not made", replace(failure, may_have_cost=False, is_unexecuted=_may_pass(failure)))


def _unsure(failure: Failure) -> End:
    """A batch that may have been made."""
    return End(_UNKNOWN, replace(failure, may_have_cost=True), is_open=True)


def _lost(standing: Standing, failure: Failure) -> End:
    """A batch that was made and of which nothing can be heard."""
    told = f"batch {standing.batch_id} cannot be read: {failure.message}"
    is_gone = failure.status in (404, 410)
    if is_gone:
        failure = Failure(FailureClass.CONNECTION, told)
    return End("lost", replace(failure, message=told, may_have_cost=True), is_open=not is_gone)


def _stuck(standing: Standing) -> End:
    told = f"batch {standing.batch_id} was to be cancelled and has not ended since"
    return End("stuck", Failure(FailureClass.TIMEOUT, told, may_have_cost=True))
