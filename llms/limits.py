"""When may the next request go out? Requests and tokens per minute, and requests in flight."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from llms.breaker import Breaker

WINDOW_S = 60.0

_PACE = 0.98
"""Share of a limit that is used evenly over time; the rest absorbs clocks that differ."""

_BURST_S = 1.0
"""After a pause, this many seconds' worth of a limit may go out at once."""

_SHORTEST_SLEEP_S = 0.001
_LONGEST_SLEEP_S = 0.1
"""The head of the queue looks again this often, because settled calls hand tokens back."""

_SHRINK = 0.7

_LENGTHS_KEPT = 200
_LENGTHS_NEEDED = 20


@dataclass(slots=True, eq=False)
class Permit:
    """Leave to send one request, given at `at` (seconds of the limiter's clock)."""

    at: float
    tokens: int
    is_open: bool = True


@dataclass(slots=True, eq=False)
class _Waiter:
    tokens: int
    loop: asyncio.AbstractEventLoop
    woken: asyncio.Future[None] = field(repr=False)


class Limiter:
    """What one model at one provider allows; thread-safe, first come first served.

    In no window of 60 seconds does it admit more requests than `requests_per_minute`, nor more
    tokens than `tokens_per_minute`, counting a call at its reservation until it is settled and at
    what it used afterwards (a single call larger than the whole limit goes alone). Below that it
    paces: evenly, with a small burst. Requests in flight are bounded only after the provider has
    turned one away, or at `in_flight` where that is declared.

    `rejected` names the request parameters the model does not take; callers add to it.
    """

    def __init__(
        self,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        in_flight: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self.rejected: set[str] = set()
        self._clock = clock
        self._sleep = sleep
        self._admitted: deque[Permit] = deque()
        self._window_tokens = 0
        self._in_flight = 0
        # What was declared is never passed; below it, refusals and calm move the bound.
        self._declared_in_flight: float = math.inf if in_flight is None else in_flight
        self._most_in_flight = self._declared_in_flight
        self._shrunk_at = -math.inf
        # When the pace allows the next request, were there no burst (a virtual schedule).
        self._requests_due = -math.inf
        self._tokens_due = -math.inf
        self._waiters: deque[_Waiter] = deque()
        self._lengths: dict[str, deque[int]] = {}
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        """Requests admitted and not settled."""
        return self._in_flight

    @property
    def most_in_flight(self) -> float:
        """How many requests may be in flight at once; infinite until one was turned away."""
        return self._most_in_flight

    async def acquire(self, tokens: int) -> Permit:
        """Wait for leave to send a request of about `tokens` (input and expected output)."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if not self._waiters and self._delay(tokens) == 0:
                return self._admit(tokens)
            waiter = _Waiter(tokens, loop, loop.create_future())
            self._waiters.append(waiter)
        try:
            while True:
                with self._lock:
                    delay = self._delay(tokens) if self._waiters[0] is waiter else None
                    if delay == 0:
                        self._waiters.popleft()
                        self._wake_first()
                        return self._admit(tokens)
                    if delay is None:
                        waiter.woken = loop.create_future()
                if delay is None:
                    await waiter.woken
                else:
                    await self._sleep(min(max(delay, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S))
        except BaseException:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                self._wake_first()
            raise

    def settle(self, permit: Permit, tokens: int) -> None:
        """Say that a request has ended and how many tokens it used."""
        with self._lock:
            if not permit.is_open:
                raise ValueError("this permit has been settled before")
            permit.is_open = False
            self._in_flight -= 1
            now = self._clock()
            self._forget_before(now - WINDOW_S)
            difference = tokens - permit.tokens
            permit.tokens = tokens
            if permit.at > now - WINDOW_S:
                self._window_tokens += difference
            if self.tokens_per_minute:
                self._tokens_due += difference * WINDOW_S / (self.tokens_per_minute * _PACE)
            if self._most_in_flight < math.inf:
                # One more after a whole round of answers, so that recovery is no second rush.
                grown = self._most_in_flight + 1 / self._most_in_flight
                self._most_in_flight = min(grown, self._declared_in_flight)
            self._wake_first()

    def throttled(self, permit: Permit) -> None:
        """Say that the provider turned a request away for its rate; fewer will be in flight.

        The many refusals of one moment count once: only a request admitted after the last
        reduction can bring about another.
        """
        with self._lock:
            if permit.at > self._shrunk_at:
                self._shrunk_at = self._clock()
                now_in_flight = min(self._most_in_flight, max(1, self._in_flight))
                self._most_in_flight = max(1.0, now_in_flight * _SHRINK)

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take over the limits per minute that a response's `x-ratelimit-limit-*` headers state.

        A configured limit that is stricter stays.
        """
        requests = _positive(headers.get("x-ratelimit-limit-requests"))
        tokens = _positive(headers.get("x-ratelimit-limit-tokens"))
        if requests and (self.requests_per_minute is None or requests < self.requests_per_minute):
            self.requests_per_minute = requests
        if tokens and (self.tokens_per_minute is None or tokens < self.tokens_per_minute):
            self.tokens_per_minute = tokens

    def expected_output(self, stage: str, most: int) -> int:
        """Output tokens to reserve for a call: the 95th percentile of the stage, else `most`."""
        with self._lock:
            lengths = self._lengths.get(stage)
            if lengths is None or len(lengths) < _LENGTHS_NEEDED:
                return most
            return min(most, sorted(lengths)[len(lengths) * 95 // 100])

    def observe_output(self, stage: str, tokens: int) -> None:
        """Remember how long an answer was."""
        with self._lock:
            self._lengths.setdefault(stage, deque(maxlen=_LENGTHS_KEPT)).append(tokens)

    def _delay(self, tokens: int) -> float | None:
        """Seconds until a request may go, 0 for now, None for after one in flight has ended."""
        if self._in_flight >= self._most_in_flight:
            return None
        now = self._clock()
        self._forget_before(now - WINDOW_S)
        delay = 0.0
        if requests := self.requests_per_minute:
            delay = max(delay, self._requests_due - _BURST_S - now)
            if len(self._admitted) >= requests:
                delay = max(delay, self._admitted[-requests].at - now + WINDOW_S)
        if limit := self.tokens_per_minute:
            delay = max(delay, self._tokens_due - _BURST_S - now)
            excess = self._window_tokens + min(tokens, limit) - limit
            for permit in self._admitted:
                if excess <= 0:
                    break
                excess -= permit.tokens
                delay = max(delay, permit.at - now + WINDOW_S)
        return delay

    def _forget_before(self, start: float) -> None:
        while self._admitted and self._admitted[0].at <= start:
            self._window_tokens -= self._admitted.popleft().tokens

    def _admit(self, tokens: int) -> Permit:
        now = self._clock()
        if self.requests_per_minute:
            pace = WINDOW_S / (self.requests_per_minute * _PACE)
            self._requests_due = max(now, self._requests_due) + pace
        if self.tokens_per_minute:
            pace = tokens * WINDOW_S / (self.tokens_per_minute * _PACE)
            self._tokens_due = max(now, self._tokens_due) + pace
        permit = Permit(now, tokens)
        self._admitted.append(permit)
        self._window_tokens += tokens
        self._in_flight += 1
        return permit

    def _wake_first(self) -> None:
        while self._waiters:
            waiter = self._waiters[0]
            try:
                waiter.loop.call_soon_threadsafe(_wake, waiter)
            except RuntimeError:  # its event loop has been closed; nobody waits any more
                self._waiters.popleft()
                continue
            return


class Limiters:
    """The limiters and breakers of a process, shared by all its shards and event loops."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._limiters: dict[tuple[str, str], Limiter] = {}
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def limiter(
        self,
        provider: str,
        api_id: str,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        in_flight: int | None = None,
    ) -> Limiter:
        """The limiter of a model at a provider; the limits count when it is first asked for."""
        with self._lock:
            key = (provider, api_id)
            if key not in self._limiters:
                self._limiters[key] = Limiter(
                    requests_per_minute=requests_per_minute,
                    tokens_per_minute=tokens_per_minute,
                    in_flight=in_flight,
                    clock=self._clock,
                    sleep=self._sleep,
                )
            return self._limiters[key]

    def breaker(self, provider: str) -> Breaker:
        """The breaker of a provider."""
        with self._lock:
            if provider not in self._breakers:
                self._breakers[provider] = Breaker(clock=self._clock)
            return self._breakers[provider]


def _wake(waiter: _Waiter) -> None:
    if not waiter.woken.done():
        waiter.woken.set_result(None)


def _positive(header: str | None) -> int | None:
    try:
        number = int(header) if header else 0
    except ValueError:
        return None
    return number if number > 0 else None
