"""When may the next request to a model go out? Queue, rates, requests in flight, refusals."""

import asyncio
import itertools
import math
import threading
import time
from collections.abc import Awaitable, Callable, Mapping

from llms.alarms import Alarm
from llms.call_sizes import CallSizes
from llms.classification import retry_after
from llms.failures import StoreError
from llms.in_flight import InFlight
from llms.limit_headers import Said, read_limits
from llms.limit_share import Need, Share
from llms.model_rates import NOTHING, REQUESTS, TOKENS, Amounts, ModelRates
from llms.refusals import Refusals
from llms.shedding import Shedding
from llms.waiters import Permit, Waiter, Waiters

_MOST_LOOKED_AT = 500
"""Calls at the head of the queue for which a slice of a shared limit is asked."""

_LEARN_EVERY_S = 0.1
"""Headers are looked at so often; reading those of every response would cost more than they say."""


class Limiter:
    """What one model at one provider allows; thread-safe. Who waits takes turns by stage, and is
    served in order within one.

    Limits are what was configured and what responses say, whichever is stricter, and below that
    what refusals have taught (`llms.ceilings`). How they are kept stands with `llms.rates`. With a
    `share`, the known limits hold for all processes together.

    `rejected` names the request parameters the model does not take; callers add to it.

    Args:
        requests_per_minute: Limit, null where only the provider knows; and so on.
        in_flight: How many requests may wait for an answer at once.
        clock: Seconds that only ever grow.
        sleep: Waits some seconds.
        share: This process's part of the limits.
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
        self._share = share
        self._rates = ModelRates(
            (
                requests_per_minute,
                tokens_per_minute,
                input_tokens_per_minute,
                output_tokens_per_minute,
            )
        )
        self._in_flight = InFlight(in_flight, is_known=self._rates.is_stated)
        self._refusals = Refusals()
        self._shedding = Shedding()
        self._sizes = CallSizes()
        self._queue = Waiters()
        # The kinds of which the book of a shared limit is told all.
        self._booked: set[int] = set()
        self._told_at = -math.inf
        self._learned_at = -math.inf
        # Re-entrant, as a share may answer at once.
        self._lock = threading.RLock()
        self._alarm = Alarm(lambda leaving: self._pump(without=leaving), self._lock, clock, sleep)

    @property
    def requests_per_minute(self) -> int | None:
        """The known limit."""
        return self._limit(REQUESTS)

    @property
    def tokens_per_minute(self) -> int | None:
        """The known limit, input and output together."""
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
        self,
        input_tokens: int,
        output_tokens: int = 0,
        *,
        most_output: int = 0,
        stage: str = "",
    ) -> Permit:
        """Wait for leave to send a request.

        Args:
            input_tokens: Tokens of its prompt.
            output_tokens: Tokens that its answer will probably have.
            most_output: Tokens that its answer may have.
            stage: What it is for; stages take turns.

        Raises:
            StoreError: The limit is shared, and the store that it is shared through has failed.
        """
        with self._lock:
            amounts = Amounts.of(input_tokens, output_tokens)
            if self._rates.counts_most:
                amounts = self._rates.at_most(amounts, most_output)
            if not self._queue and self._wait_s(amounts) == 0:
                return self._admit(amounts, most_output)
            waiter = Waiter(amounts, most_output)
            self._queue.join(stage, waiter)
            self._pump()
        try:
            await waiter.granted
        except BaseException:
            with self._lock:
                self._queue.leave(stage, waiter)
                if waiter.permit is not None:
                    self.settle(waiter.permit)
                self._pump(without=waiter.loop)
            raise
        if waiter.permit is None:
            raise AssertionError("who is woken has a permit")
        return waiter.permit

    def settle(self, permit: Permit, input_tokens: int = 0, output_tokens: int = 0) -> None:
        """Say that a request has ended and how many tokens it used, none where none was billed."""
        with self._lock:
            if not permit.is_open:
                raise ValueError("this permit has been settled before")
            permit.is_open = False
            self._in_flight.count -= 1
            used = Amounts.of(input_tokens, output_tokens)
            if permit.is_refused:
                self._correct(permit, NOTHING)
            elif not permit.is_final:
                self._correct(permit, used)
            if used.tokens and not permit.is_refused:
                self._answered(permit, self._clock())
            if self._queue:
                self._pump()
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
            permit.is_refused = self._in_flight.has_response = True
            now = self._clock()
            is_first = permit.at > self._refusals.reacted_at
            self._follow(said, permit, now, was_let_in=False)
            exhausted = self._rates.exhausted(permit.amounts, said)
            is_told = bool(exhausted) and bool(said)
            has_grown = self._in_flight.has_grown
            if not is_told:
                says_something = self._shedding.refused(permit.at)
                # While nothing at all is taken every refusal counts, but for those of a trial.
                is_trouble = self._refusals.since is not None and not self._shedding.is_trial
                if not says_something and not is_trouble:
                    return
                self._in_flight.refused(is_certain=bool(said), is_first=is_first)
            if not is_first:
                return
            if self._shedding.reacted():
                self._tried(now, is_shed=False)
            trouble_s = self._refusals.refused(now, told_s, self._rates.per_second)
            self._rates.lower(exhausted, permit.amounts, now, trouble_s=trouble_s)
            if not is_told and not trouble_s:
                self._shedding.doubt(is_explained=has_grown or self._rates.were_passed)
                if self._shedding.wants_trial:
                    self._shedding.begin_trial(now)
                    self._rates.try_more(now)
                    self._in_flight.try_more()
            if self._rates.counts_most:
                for waiter in self._queue:
                    waiter.amounts = self._rates.at_most(waiter.amounts, waiter.most_output)
            self._rates.pause(self._refusals.held_until)

    def learn(self, headers: Mapping[str, str], permit: Permit | None = None) -> None:
        """Take over the limits that the headers of a response state, but for those of a refusal.

        A configured limit that is stricter stays; otherwise limits are followed down and up.

        Args:
            headers: Those of a response.
            permit: That of the request. An answer that took long brings older news than a later
                request's: it is left aside.
        """
        self._in_flight.has_response = True
        now = self._clock()
        if now < self._learned_at + _LEARN_EVERY_S:
            return
        with self._lock:
            self._learned_at = now
            if said := read_limits(headers):
                self._follow(said, permit, now, was_let_in=True)
                self._pump()

    def expected(self, stage: str, *, estimated: int, most_output: int) -> tuple[int, int]:
        """Input and output tokens to set aside for a call of a stage; see `CallSizes`."""
        with self._lock:
            return self._sizes.expected(
                stage,
                estimated=estimated,
                most_output=most_output,
                beside=self._in_flight.count,
            )

    def observe(self, stage: str, estimated: int, input_tokens: int, output_tokens: int) -> None:
        """Remember how many tokens a call took whose prompt was estimated."""
        with self._lock:
            self._sizes.observe(stage, estimated, input_tokens, output_tokens)

    def _answered(self, permit: Permit, now: float) -> None:
        self._in_flight.answered(permit.beside, now)
        is_shed = self._shedding.answered(permit.at)
        if is_shed is not None:
            self._tried(now, is_shed=is_shed)
        elif self._shedding.wants_check:
            self._shedding.begin_check(now, *self._rates.taken(now))
        if self._refusals.answered(permit.at) and not self._shedding.is_trial:
            self._rates.answered(permit.at, now)

    def _tried(self, now: float, *, is_shed: bool) -> None:
        self._rates.tried(now, is_shed=is_shed)
        self._in_flight.tried(is_shed=is_shed)

    def _limit(self, kind: int) -> int | None:
        limit = self._rates.stated[kind]
        return None if limit is None else int(limit)

    def _follow(
        self, said: Mapping[str, Said], permit: Permit | None, now: float, *, was_let_in: bool
    ) -> None:
        if permit is not None:
            if permit.at < self._told_at:
                return
            self._told_at = permit.at
        self._rates.follow(said, now, was_let_in=was_let_in)

    def _wait_s(self, amounts: Amounts) -> float | None:
        """Seconds until a request may go, 0 for now, None for after something has happened."""
        now = self._clock()
        if self._in_flight.is_full:
            # Others may have left slots since.
            lacks_slots = self._is_shared and self._in_flight.lacks_slots
            return self._ask(amounts, now) if lacks_slots else None
        wait_s = max(
            self._refusals.held_until - now,
            self._shedding.wait_s(now),
            self._rates.wait_s(amounts, now),
        )
        if wait_s > 0:
            return wait_s
        if not self._is_shared or self._share is None:
            return 0.0
        if not self._share.covers(amounts, now):
            return self._ask(amounts, now)
        if self._share.is_low(now):
            self._ask(amounts, now)
        return 0.0

    @property
    def _is_shared(self) -> bool:
        """Whether what goes out counts for several processes; without limits there is no need."""
        return self._share is not None and (
            self._rates.is_stated or self._in_flight.allowed < math.inf
        )

    def _ask(self, least: Amounts, now: float) -> float | None:
        """Ask for more of a shared limit; returns as `_wait_s` does, but never 0."""
        if self._share is None:
            return None
        return self._share.ask(lambda: self._need(least), self._drawn, now)

    def _need(self, least: Amounts) -> Need:
        waiting = list(itertools.islice(self._queue, _MOST_LOOKED_AT))
        wanted = [sum(one.amounts[kind] for one in waiting) for kind in range(len(least))]
        allowed = self._in_flight.allowed
        count = self._in_flight.count
        known = {kind for kind, limit in enumerate(self._rates.stated) if limit is not None}
        uncounted = self._rates.gone(known - self._booked, self._clock())
        self._booked = known
        return Need(
            limits=tuple(self._rates.stated),
            least=least,
            wanted=Amounts(*wanted),
            uncounted=uncounted,
            in_flight=count,
            wanted_in_flight=count + max(1, len(waiting)),
            allowed_in_flight=None if allowed == math.inf else int(allowed),
        )

    def _drawn(self, error: StoreError | None) -> None:
        """More of a shared limit has come, or none ever will."""
        with self._lock:
            if self._share is not None and error is None:
                self._rates.set_share(self._share.fraction, self._clock())
                self._in_flight.slots = self._share.slots
                self._pump()
                return
            while self._queue:
                self._wake(self._queue.pop(), error)

    def _admit(self, amounts: Amounts, most_output: int) -> Permit:
        now = self._clock()
        self._rates.take(amounts, most_output, now)
        self._refusals.admitted(now)
        self._shedding.sent(now)
        permit = Permit(now, amounts, self._rates.counts_most, self._in_flight.count)
        self._in_flight.count += 1
        if self._share is not None and self._is_shared:
            permit.taken_from = self._share.spend(amounts, now)
        return permit

    def _correct(self, permit: Permit, used: Amounts) -> None:
        self._rates.settle(permit.at, permit.amounts, used, self._clock())
        if self._share is not None and permit.taken_from is not None:
            self._share.settle(permit.taken_from, permit.amounts, used)

    def _pump(self, *, without: asyncio.AbstractEventLoop | None = None) -> None:
        """Let go who may go, and see to it that the next one is looked at in time.

        Args:
            without: A loop that may be about to close, so that no alarm belongs on it.
        """
        while (waiter := self._queue.first()) is not None:
            wait_s = self._wait_s(waiter.amounts)
            if wait_s is None:
                return
            if wait_s > 0:
                self._alarm.set(self._queue.loops, wait_s, without=without)
                return
            self._queue.pop()
            waiter.permit = self._admit(waiter.amounts, waiter.most_output)
            self._wake(waiter)

    def _wake(self, waiter: Waiter, error: StoreError | None = None) -> None:
        if waiter.thread == threading.get_ident():
            self._give(waiter, error)
            return
        try:
            waiter.loop.call_soon_threadsafe(self._give, waiter, error)
        except RuntimeError:  # its event loop has been closed; nobody waits any more
            if waiter.permit is not None:
                self.settle(waiter.permit)

    def _give(self, waiter: Waiter, error: StoreError | None) -> None:
        """On the waiter's own thread: hand it its permit. One that has been cancelled meanwhile
        settles the permit itself."""
        if waiter.granted.done():
            return
        if error is not None:
            # A copy for each: a traceback grows on the one that is raised.
            waiter.granted.set_exception(StoreError(*error.args))
        else:
            waiter.granted.set_result(None)
