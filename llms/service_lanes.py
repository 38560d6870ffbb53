"""In which lane does a request go out? What was wanted of its stage, and what is possible now."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

import httpx2

from llms.batches.book import BatchBook
from llms.batches.endpoint import QUIET_S, BatchEndpoint
from llms.batches.following import Times
from llms.budget import Budget, Reservation
from llms.classification import Failure
from llms.failures import FailureClass
from llms.flex import FlexEndpoint
from llms.responses import ResponseStore
from llms.sdk import Endpoint, RawResponse
from schemas.providers import Lane, Provider, ProviderKind

MOST_RETURNS = 2
"""So often a batch may hand a request back before it is sent in the standard lane."""

_MOST_REFUSALS = 50
"""So often a batch may be refused for want of room; each time less is tried or more has ended."""


class LaneEndpoint(Protocol):
    """A provider in one lane."""

    secrets: tuple[str]

    async def post(
        self, body: bytes, api_id: str, reservation: Reservation | None = None, /
    ) -> RawResponse | Failure:
        """Have a request answered."""
        ...

    async def aclose(self) -> None:
        """Let go of the provider."""
        ...


_SILENT = (FailureClass.TIMEOUT, FailureClass.CONNECTION)
"""What is said of the requests of a batch that was left, or has been forgotten."""


@dataclass(frozen=True, slots=True)
class LanePlan:
    """What is wanted of the lanes in a run.

    Attributes:
        lanes: The lane of each stage; standard where none is named.
        leave_at: When batches are cancelled and their rest is sent online, in seconds since the
            epoch; null waits for every batch.
        round_s: How long a batch is expected to take: none is begun that would pass `leave_at`.
        online: Requests in flight outside of batches; null for any number.
    """

    lanes: Mapping[str, Lane] = field(default_factory=dict)
    leave_at: float | None = None
    round_s: float = 0.0
    online: int | None = None

    @property
    def has_batches(self) -> bool:
        """Whether any stage is to go into batches."""
        return Lane.BATCH in self.lanes.values()


class Lanes:
    """The lanes of a run; made for one event loop.

    Args:
        plan: What is wanted.
        providers: The providers of the run, by name; each says which lanes it offers.
        store: Where batches are written down.
        run_id: The run that asks.
        budget: The money of the run.
        now: Seconds since the epoch.
        sleep: Waits some seconds.
        quiet_s: Seconds without a new request after which a batch is made.
        poll_s: Shortest time between two looks at a batch, in seconds.
        tell: Tells whoever watches of a batch that did not end well.
    """

    def __init__(
        self,
        plan: LanePlan,
        providers: Mapping[str, Provider],
        *,
        store: ResponseStore,
        run_id: str,
        budget: Budget,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        quiet_s: float = QUIET_S,
        poll_s: float = 1.0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._tell = tell
        self._providers = providers
        self._run_id = run_id
        self._budget = budget
        self._times = Times(now, sleep, plan.leave_at, poll_s)
        self._quiet_s = quiet_s
        self._book = BatchBook(store)
        self._book.tidy()
        batching = [name for name, one in providers.items() if Lane.BATCH in one.lanes]
        self._lying = self._book.lying_unanswered(batching)
        self._returns: Counter[str] = Counter()
        self._refusals: Counter[str] = Counter()
        self._without_flex: set[tuple[str, str]] = set()
        self._online = asyncio.Semaphore(plan.online) if plan.online else None

    @classmethod
    def standard(
        cls, providers: Mapping[str, Provider], store: ResponseStore, run_id: str, budget: Budget
    ) -> Self:
        """The lanes of a run that wants no other than the standard one."""
        return cls(LanePlan(), providers, store=store, run_id=run_id, budget=budget)

    def lane(self, stage: str, provider: str, api_id: str, key: str) -> Lane:
        """The lane of a request: that of its stage, unless there is a reason for another.

        A request that lies in a batch stays in that lane, whatever is wanted: anything else might
        be paid twice.
        """
        if key in self._lying:
            return Lane.BATCH
        wanted = self._plan.lanes.get(stage, Lane.STANDARD)
        if wanted not in self._providers[provider].lanes:
            return Lane.STANDARD
        if wanted is Lane.BATCH:
            is_left = self._returns[key] >= MOST_RETURNS or self._refusals[key] >= _MOST_REFUSALS
            return Lane.STANDARD if is_left or not self._fits() else wanted
        if wanted is Lane.FLEX:
            is_left = self._returns[key] > 0 or (provider, api_id) in self._without_flex
            return Lane.STANDARD if is_left else wanted
        return wanted

    def shift(self, stages: Collection[str], lane: Lane) -> None:
        """Send what follows of some stages out in another lane."""
        lanes = {**self._plan.lanes, **dict.fromkeys(stages, lane)}
        self._plan = replace(self._plan, lanes=lanes)

    def room(self, lane: Lane) -> AbstractAsyncContextManager[None]:
        """What to wait for before a request goes out; batches have room for any number."""
        if lane is Lane.BATCH or self._online is None:
            return nullcontext()
        return self._online

    def widen(self, places: int) -> None:
        """Let so many more requests be in flight outside of batches."""
        if self._online is not None:
            for _ in range(places):
                self._online.release()

    def answered(self, lane: Lane, key: str, outcome: object) -> None:
        """Note that a request of a lane has been answered, or that no answer will come."""
        if lane is Lane.BATCH:
            self._lying.discard(key)
            if isinstance(outcome, Failure) and outcome.failure_class in _SILENT:
                # One batch has kept it for as long as it had: it does not wait for another.
                self._returns[key] = MOST_RETURNS

    def handed_back(self, lane: Lane, provider: str, api_id: str, key: str, why: Failure) -> None:
        """Note that a lane has handed a request back without having worked on it."""
        self._lying.discard(key)
        if lane is Lane.BATCH and why.failure_class is FailureClass.RATE_LIMITED:
            self._refusals[key] += 1
            return
        if lane is Lane.FLEX and why.failure_class is FailureClass.BAD_REQUEST:
            self._without_flex.add((provider, api_id))
        self._returns[key] += 1

    def endpoint(
        self,
        lane: Lane,
        provider: Provider,
        key: str,
        *,
        timeout_s: float,
        transport: httpx2.AsyncBaseTransport | None,
    ) -> LaneEndpoint:
        """A provider in a lane; the arguments are those of `llms.sdk.Endpoint`."""
        endpoint = Endpoint(provider, key, timeout_s=timeout_s, transport=transport)
        if lane is Lane.FLEX:
            return FlexEndpoint(endpoint)
        if lane is Lane.BATCH:
            is_azure = provider.kind is ProviderKind.AZURE
            return BatchEndpoint(
                endpoint,
                provider=provider.name,
                run_id=self._run_id,
                book=self._book,
                budget=self._budget,
                times=self._times,
                tell=self._tell,
                url="/chat/completions" if is_azure else "/v1/chat/completions",
                quiet_s=self._quiet_s,
            )
        return endpoint

    def _fits(self) -> bool:
        return self._times.left_s >= self._plan.round_s
