"""When may the next request to a model go out? Queue, rates, requests in flight, refusals."""

import asyncio
import math
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from llms.classification import retry_after
from llms.fairness import FairQueue
from llms.in_flight import InFlight
from llms.limit_headers import KINDS, read_limits
from llms.limit_share import Amounts, Need, Share
from llms.limiter_rates import REQUESTS, TOKENS, ModelRates
from llms.output_lengths import OutputLengths
from llms.refusals import Refusals

_SHORTEST_SLEEP_S = 0.001
_LONGEST_SLEEP_S = 0.1
"""The head of the queue looks again this often, because settled calls hand tokens back."""

_MOST_WANTED = 1000
"""Calls at the head of the queue that a slice of a shared limit is asked for."""


@dataclass(slots=True, eq=False)
class Permit:
    """Leave to send one request, given at `at` (seconds of the limiter's clock).

    Attributes:
        at: When it was given.
        amounts: What it sets aside.
        beside: Requests in flight when it was given, without this one.
        slice_at: When the slice it was taken from was granted, on the clock of the shared book.
        is_open: It has not been settled.
        is_refused: The provider has turned the request away.
    """

    at: float
    amounts: Amounts
    beside: int = 0
    slice_at: float | None = None
    is_open: bool = True
    is_refused: bool = False


@dataclass(slots=True, eq=False)
class _Waiter:
    amounts: Amounts
    job: str
    weight: float
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Future[None] = field(repr=False)


class Limiter:
    """What one model at one provider allows; thread-safe, fair between jobs, in order within one.

    Limits are what was configured and what responses say, whichever is stricter, and below that
    what refusals have taught (`llms.ceilings`). How they are kept stands with `llms.rates`. With a
    `share`, the stated limits hold for all processes together.

    `rejected` names the request parameters the model does not take; callers add to it.
    """

    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        input_tokens_per_minute: int | None = None,
        output_tokens_per_minute: int | None = None,
        in_flight: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        share: Share | None = None,
    ) -> None:
        self.rejected: set[str] = set()
        self._clock = clock
        self._sleep = sleep
        self._share = share
        configured = (
            requests_per_minute,
            tokens_per_minute,
            input_tokens_per_minute,
            output_tokens_per_minute,
        )
        named = zip(KINDS, configured, strict=True)
        self._rates = ModelRates({kind: limit for kind, limit in named if limit})
        self._in_flight = InFlight(in_flight)
        self._refusals = Refusals()
        self._told_at = -math.inf
        self._queue: FairQueue[_Waiter] = FairQueue()
        self._lengths = OutputLengths()
        self._lock = threading.Lock()

    @property
    def requests_per_minute(self) -> int | None:
        """The stated limit."""
        return self._limit(REQUESTS)

    @property
    def tokens_per_minute(self) -> int | None:
        """The stated limit, input and output together."""
        return self._limit(TOKENS)

    @property
    def in_flight(self) -> int:
        """Requests admitted and not settled."""
        return self._in_flight.count

    @property
    def most_in_flight(self) -> float:
        """How many requests may be in flight at once; infinite where nothing has bounded it."""
        return self._in_flight.most

    async def acquire(
        self, tokens: int, *, output: int = 0, job: str = "", weight: float = 1.0
    ) -> Permit:
        """Wait for leave to send a request.

        Args:
            tokens: What it will about use, input and expected output.
            output: How many of these are output.
            job: Whom it is for; jobs that wait take turns.
            weight: A job of weight 2 gets twice what one of weight 1 gets.
        """
        amounts = self._rates.amounts(tokens, output)
        loop = asyncio.get_running_loop()
        with self._lock:
            if not self._queue and self._delay(amounts) == 0 and self._is_covered(amounts):
                return self._admit(amounts, job, weight)
            waiter = _Waiter(amounts, job, weight, loop, loop.create_future())
            self._queue.join(job, waiter)
        try:
            while True:
                need: Need | None = None
                with self._lock:
                    is_next = self._queue.first() is waiter
                    delay = self._delay(amounts) if is_next else None
                    if delay == 0:
                        if self._is_covered(amounts):
                            self._queue.leave(job, waiter)
                            permit = self._admit(amounts, job, weight)
                            self._wake_next()
                            return permit
                        need = self._need(waiter)
                    elif delay is None:
                        waiter.woken = loop.create_future()
                if need is not None and self._share is not None:
                    delay = await self._share.draw(need)
                if delay is None:
                    await waiter.woken
                elif delay > 0:
                    await self._sleep(min(max(delay, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S))
        except BaseException:
            with self._lock:
                self._queue.leave(job, waiter)
                self._wake_next()
            raise

    def settle(self, permit: Permit, tokens: int, *, output: int = 0) -> None:
        """Say that a request has ended and how many tokens it used, `output` of them as output."""
        with self._lock:
            if not permit.is_open:
                raise ValueError("this permit has been settled before")
            permit.is_open = False
            self._in_flight.count -= 1
            used = {} if permit.is_refused else self._rates.amounts(tokens, output)
            self._correct(permit, used)
            if tokens > 0 and not permit.is_refused:
                self._answered(permit)
            if self._queue:
                self._wake_next()
            elif self._share is not None and not self._in_flight.count:
                self._share.rest()

    def throttled(self, permit: Permit, headers: Mapping[str, str] | None = None) -> None:
        """Say that the provider turned a request away for its rate; less will be sent.

        The many refusals of one moment count once: only a request admitted after the last
        reduction can bring about another.

        Args:
            permit: The permit of the request, which is still to be settled.
            headers: Those of the response, which may say what was used up and for how long.
        """
        said = read_limits(headers or {})
        told_s = retry_after(headers or {})
        with self._lock:
            permit.is_refused = True
            now = self._clock()
            is_first = permit.at > self._refusals.reacted_at
            exhausted = self._rates.exhausted(permit.amounts, said)
            if not exhausted or not said:
                self._in_flight.refused(is_certain=bool(said), is_first=is_first)
            if not is_first:
                return
            trouble_s = self._refusals.refused(now, told_s, self._rates.per_second)
            self._rates.lower(exhausted, permit.amounts, now, trouble_s=trouble_s)
            self._rates.pause(self._refusals.held_until)

    def learn(self, headers: Mapping[str, str], permit: Permit | None = None) -> None:
        """Take over the limits that the `x-ratelimit-*` headers of a response state.

        A configured limit that is stricter stays; otherwise limits are followed down and up. Where
        the provider has counted more than went out from here, others use the limit as well, and
        only what they leave is used, but at least half of it.

        Args:
            headers: Those of a response, an error or not.
            permit: That of the request. An answer that took long brings older news than a later
                request's: it is left aside.
        """
        self._in_flight.has_response = True
        said = read_limits(headers)
        if not said:
            return
        with self._lock:
            if permit is not None:
                if permit.at < self._told_at:
                    return
                self._told_at = permit.at
            self._rates.follow(said, self._clock(), is_ours=not self._is_shared)

    def expected_output(self, stage: str, most: int) -> int:
        """Output tokens to set aside for a call of a stage, at most `most`; see `OutputLengths`."""
        with self._lock:
            return self._lengths.expected(stage, most, beside=self._in_flight.count)

    def observe_output(self, stage: str, tokens: int) -> None:
        """Remember how long an answer was."""
        with self._lock:
            self._lengths.observe(stage, tokens)

    def _limit(self, kind: str) -> int | None:
        limit = self._rates.stated.get(kind)
        return None if limit is None else int(limit)

    def _delay(self, amounts: Amounts) -> float | None:
        """Seconds until a request may go, 0 for now, None for after one in flight has ended."""
        if self._in_flight.is_full:
            return None
        now = self._clock()
        return max(0.0, self._refusals.held_until - now, self._rates.delay_s(amounts, now))

    def _admit(self, amounts: Amounts, job: str, weight: float) -> Permit:
        now = self._clock()
        seconds = self._rates.take(amounts, now)
        # Without a limit requests are all that can be shared out.
        self._queue.served(job, seconds or 1.0, weight)
        self._refusals.admitted(now)
        permit = Permit(now, amounts, self._in_flight.count)
        self._in_flight.count += 1
        if self._share is not None and self._is_shared:
            permit.slice_at = self._share.spend(amounts)
        return permit

    def _correct(self, permit: Permit, used: Amounts) -> None:
        differences = {kind: used.get(kind, 0) - n for kind, n in permit.amounts.items()}
        self._rates.correct(permit.at, differences)
        if self._share is not None and permit.slice_at is not None:
            self._share.correct(permit.slice_at, differences)

    def _answered(self, permit: Permit) -> None:
        now = self._clock()
        self._in_flight.answered(permit.beside, now)
        if self._refusals.answered(permit.at):
            self._rates.answered(now)

    @property
    def _is_shared(self) -> bool:
        """Whether what goes out counts for several processes; without limits there is no need."""
        return self._share is not None and bool(
            self._rates.stated or self._in_flight.allowed < math.inf
        )

    def _is_covered(self, amounts: Amounts) -> bool:
        if self._share is None or not self._is_shared:
            return True
        bounded = self._in_flight.allowed < math.inf
        stated = {kind: amount for kind, amount in amounts.items() if kind in self._rates.stated}
        return self._share.covers(stated, self._in_flight.count if bounded else None)

    def _need(self, waiter: _Waiter) -> Need:
        wanted = dict.fromkeys(waiter.amounts, 0)
        waiting = 0
        for other in self._queue.waiting():
            waiting += 1
            for kind, amount in other.amounts.items():
                wanted[kind] = wanted.get(kind, 0) + amount
            if waiting >= _MOST_WANTED:
                break
        allowed = self._in_flight.allowed
        return Need(
            job=waiter.job,
            weight=waiter.weight,
            limits=dict(self._rates.stated),
            least={k: v for k, v in waiter.amounts.items() if k in self._rates.stated},
            wanted={k: v for k, v in wanted.items() if k in self._rates.stated},
            in_flight=self._in_flight.count,
            wanted_in_flight=self._in_flight.count + waiting,
            allowed_in_flight=None if allowed == math.inf else int(allowed),
        )

    def _wake_next(self) -> None:
        while (waiter := self._queue.first()) is not None:
            try:
                waiter.loop.call_soon_threadsafe(_wake, waiter)
            except RuntimeError:  # its event loop has been closed; nobody waits any more
                self._queue.leave(waiter.job, waiter)
                continue
            return


def _wake(waiter: _Waiter) -> None:
    if not waiter.woken.done():
        waiter.woken.set_result(None)
