"""How does a question become a validated answer that is paid for once? The only way to a model."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import httpx2

from llms.attempt import Sender, Sent
from llms.breaker import Breaker, Breakers
from llms.budget import Budget
from llms.calls import Call, Reply
from llms.candidates import Candidates
from llms.classification import Failure, classify_answer, classify_unusable
from llms.deadlines import CEILING_S, Deadlines
from llms.failures import FAILING_OVER, OUTAGES, CallError, FailureClass, Unanswered
from llms.limits import Limiters
from llms.patience import Patience
from llms.quota import Quota
from llms.responses import ResponseStore, StoredResponse
from llms.sdk import Request
from llms.service_lanes import Lanes
from llms.stopping import Stop
from llms.trail import PROBE, Trail, is_worth_asking, probe_of
from llms.validation import InvalidAnswerError, parse_answer
from schemas.ledger import Attempt
from schemas.providers import Lane, Provider
from schemas.roles import Model, Resolution

IsStale = Callable[[Call, StoredResponse, bool], bool]
"""Whether a stored answer of a call, which is usable or not, is to be asked for anew."""


class _Answered(NamedTuple):
    reply: Reply
    model: Model
    request: Request
    stored: StoredResponse


class Client:
    """Asks models, in this order: response store, limiter, budget, SDK, failure class, settlement,
    ledger, store, validation. Made for one event loop and used on that one only.

    `attempts` is the ledger, one row per attempt and per answer from the store, in order; whoever
    writes it down may take rows out.

    Args:
        run_id: The run that pays.
        resolution: Which models play which role.
        store: What has been answered and paid for.
        budget: The run's money; shared by every client of the run.
        limiters: The limits; shared by every client of the process.
        providers: The providers of the resolution's models, by name.
        env: Where keys are looked up.
        clock: Seconds that only ever grow.
        sleep: Waits some seconds.
        rng: Randomness of pauses.
        transports: Per provider, what takes the place of the network.
        lanes: In which lane requests go out; without, in the standard lane.
        now: The time of day, for the ledger.
        timeout_s: Longest time one attempt may take, in seconds.
        deadlines: How long attempts may take; without, by what this client sees itself.
        stop: Whether to send no more.
        breakers: Which providers are down; shared by every client of the process.
        is_stale: Which stored answers are asked for anew; none, unless somebody wants to retry.

    Raises:
        ProviderError: A price, a provider or a key is missing; nothing has been sent.
    """

    def __init__(
        self,
        *,
        run_id: str,
        resolution: Resolution,
        store: ResponseStore,
        budget: Budget,
        limiters: Limiters,
        providers: Mapping[str, Provider],
        env: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        transports: Mapping[str, httpx2.AsyncBaseTransport] | None = None,
        lanes: Lanes | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timeout_s: float = CEILING_S,
        deadlines: Deadlines | None = None,
        stop: Stop | None = None,
        breakers: Breakers | None = None,
        is_stale: IsStale | None = None,
    ) -> None:
        self._resolution = resolution
        self._candidates = Candidates(resolution)
        self._is_stale = is_stale
        self._stop = stop or Stop()
        self._store = store
        self._providers = providers
        self._breakers = breakers or Breakers(clock=clock)
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or random.Random()  # noqa: S311 - lengths of pauses, no secrets
        self._sender = Sender(
            run_id=run_id,
            resolution=resolution,
            store=store,
            budget=budget,
            limiters=limiters,
            providers=providers,
            env=env,
            transports=transports or {},
            deadlines=deadlines or Deadlines(ceiling_s=timeout_s),
            stop=self._stop,
            lanes=lanes or Lanes.standard(providers, store, run_id, budget),
            clock=clock,
            now=now,
        )
        self._quotas = {name: Quota(clock) for name in providers}
        self._in_flight: dict[
            tuple[bytes, tuple[str, ...]], asyncio.Future[_Answered | CallError | None]
        ] = {}

    @property
    def attempts(self) -> list[Attempt]:
        """The ledger, in order; rows may be taken out."""
        return self._sender.attempts

    async def __call__(self, call: Call) -> Reply:
        """Ask the models of the call's role, best first, for one validated answer.

        The same question asked twice at once is sent once; who asked second gets the answer as if
        it came from the store.

        Raises:
            CallError: No usable answer; its class says what the caller can do. `REFUSED` also when
                `call.avoid` leaves nobody who may answer: then nobody was asked.
            StoreError: The response store failed; nothing more may be sent.
        """
        models = self._candidates.of(call)
        request = Request.of(call)
        identity = (request.digest, tuple(model.slug for model in models))
        while (leader := self._in_flight.get(identity)) is not None:
            shared = await asyncio.shield(leader)
            if shared is not None:
                return self._share(call, shared)
        future: asyncio.Future[_Answered | CallError | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._in_flight[identity] = future
        outcome: _Answered | CallError | None = None
        try:
            outcome = await self._answer(call, request, models)
            return outcome.reply
        except CallError as error:
            outcome = error
            raise
        finally:
            del self._in_flight[identity]
            # None (cancelled, or the store failed): those who wait ask for themselves.
            future.set_result(outcome)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._sender.aclose()

    async def is_answering(self, error: CallError) -> bool:
        """Whether the providers that left a call without an answer answer others.

        Nothing is sent where that shows already: one has answered since the call began to wait, has
        left a short question unanswered too, or cannot be reached. Else one of its models is asked
        that question.

        Raises:
            CallError: The question may not be sent: the budget, or the run is to stop.
        """
        since = error.unanswered.since
        for provider in error.unanswered.providers:
            breaker = self._breaker(provider)
            while breaker.answered_at < since and not breaker.is_surely_down:
                if (wait_s := breaker.wait_s()) > 0:
                    await self._pause(wait_s)
                elif not await self._probe(provider):
                    break
            if breaker.answered_at >= since:
                return True
        return False

    async def _probe(self, provider: str) -> bool:
        """Ask a provider something short, which shows whether it answers."""
        at_provider = [m for m in self._resolution.everybody if m.provider == provider]
        model = min(at_provider, key=lambda m: m.output_price or 0.0)
        call = probe_of(uuid.uuid4().hex)
        trail = Trail(Patience(clock=self._clock, rng=self._rng))
        sent = await self._attempt(call, Request.of(call), model, trail)
        is_silent = isinstance(sent.outcome, Failure) and sent.outcome.failure_class in OUTAGES
        return not is_silent

    def _share(self, call: Call, shared: _Answered | CallError) -> Reply:
        if isinstance(shared, CallError):
            raise CallError.of(
                shared.failure_class,
                str(shared),
                raw_answer=shared.raw_answer,
                unanswered=shared.unanswered,
            )
        reply, model, request, stored = shared
        self._sender.book_stored(call, request, model, stored)
        return Reply(reply.data, reply.model, reply.usd, True, 0, reply.logprobs)

    async def _answer(self, call: Call, request: Request, models: Sequence[Model]) -> _Answered:
        """The answer of the first model that gives one; stored answers before any new ones."""
        trail = Trail(Patience(clock=self._clock, rng=self._rng))
        found: StoredResponse | None = None
        for at, model in enumerate(models):
            if (found := await self._find(call, request, model, trail)) is not None:
                models = models[at:]
                break
        given_up: list[tuple[Model, Failure]] = []
        for at, model in enumerate(models):
            if not is_worth_asking(model, given_up):
                continue
            trail.patience.next_model()
            answered = await self._ask(call, request, model, models[at + 1 :], trail, found)
            if isinstance(answered, _Answered):
                return answered
            given_up.append((model, answered))
            found = None
        raise self._error(*given_up[-1], trail)

    async def _find(
        self, call: Call, request: Request, model: Model, trail: Trail
    ) -> StoredResponse | None:
        """The stored answer of a model, unless it is stale: that one is forgotten."""
        found = await self._store.get(request.key(model))
        if found is None or self._is_stale is None:
            return found
        if not self._is_stale(call, found, _is_usable(found, request)):
            return found
        await self._store.forget(found)
        # What it cost belongs to the answer that takes its place.
        trail.lost_usd += found.usd + found.lost_usd
        return None

    async def _ask(
        self,
        call: Call,
        request: Request,
        model: Model,
        others: Sequence[Model],
        trail: Trail,
        found: StoredResponse | None,
    ) -> _Answered | Failure:
        """Ask one model and, if its answer is invalid, once more; a `Failure` when it is given up.

        Raises:
            CallError: Its answer cannot be used, and no other model is to be asked by this call.
        """
        for is_last in (False, True):
            got = await self._obtain(call, request, model, others, trail, found)
            if isinstance(got, Failure):
                return got
            stored, row = got
            answer = stored.answer
            if failure := classify_answer(answer):
                row.outcome, row.message = failure.failure_class.value, failure.message
                raise self._error(model, failure, trail, answer.text or answer.refusal)
            try:
                data, _ = parse_answer(answer.text, request.schema_text)
            except InvalidAnswerError as error:
                failure = classify_unusable(answer.finish_reason, str(error))
                row.outcome, row.message = failure.failure_class.value, failure.message
                if is_last or failure.failure_class is FailureClass.TRUNCATED:
                    raise self._error(model, failure, trail, answer.text) from None
                request = request.again(answer.text, str(error))
                found = await self._find(call, request, model, trail)
                continue
            reply = Reply(data, model.slug, trail.usd, not trail.sent, trail.sent, answer.logprobs)
            return _Answered(reply, model, request, stored)
        raise AssertionError("the second invalid answer raises")

    async def _obtain(
        self,
        call: Call,
        request: Request,
        model: Model,
        others: Sequence[Model],
        trail: Trail,
        found: StoredResponse | None,
    ) -> tuple[StoredResponse, Attempt] | Failure:
        """One answer of one model, found or paid for, with its row; a `Failure` to give it up."""
        if found is not None:
            trail.usd += found.usd + found.lost_usd
            return found, self._sender.book_stored(call, request, model, found)
        breaker = self._breaker(model.provider)
        while True:
            if (wait_s := breaker.wait_s()) > 0:
                if breaker.is_given_up or self._is_any_up(model, others):
                    trail.has_waited(model.provider, self._clock())
                    return Failure(breaker.last_failure, breaker.story)
                await self._pause(wait_s + self._rng.uniform(0, 1))
                continue
            if (used_up := self._quotas[model.provider].used_up()) is not None:
                return used_up
            sent = await self._attempt(call, request, model, trail)
            if isinstance(sent.outcome, StoredResponse):
                return sent.outcome, sent.row
            failure = sent.outcome
            if failure.rejected is not None and failure.rejected not in sent.without:
                self._sender.limiter(model).rejected.add(failure.rejected)
                continue
            pause = trail.patience.after(failure)
            if pause is not None:
                await self._pause(pause)
            elif failure.failure_class in FAILING_OVER:
                return failure
            else:
                raise self._error(model, failure, trail)

    async def _attempt(self, call: Call, request: Request, model: Model, trail: Trail) -> Sent:
        """Send a request once; breaker and trail learn what came of it."""
        breaker = self._breaker(model.provider)
        trail.sent += 1
        sent = await self._sender.send(
            call, request, model, number=trail.sent, lost_usd=trail.lost_usd
        )
        trail.usd += sent.row.usd
        if isinstance(sent.outcome, StoredResponse):
            if sent.row.from_store:
                trail.sent -= 1
                trail.usd += sent.outcome.usd + sent.outcome.lost_usd
            else:
                breaker.succeeded()
                self._quotas[model.provider].answered()
                trail.lost_usd = 0.0
            return sent
        failure = sent.outcome
        self._quotas[model.provider].failed(failure)
        trail.lost_usd += sent.row.usd
        if failure.failure_class in OUTAGES:
            waited_s = sent.row.latency_ms / 1000
            trail.has_waited(model.provider, self._clock() - waited_s)
            is_probe = call.stage == PROBE
            if sent.row.lane != Lane.BATCH:  # a batch that is stuck says nothing of the provider
                breaker.failed(failure.failure_class, failure.message, waited_s, is_probe=is_probe)
        else:
            breaker.succeeded()
        return sent

    def _breaker(self, provider: str) -> Breaker:
        return self._breakers.of(self._providers[provider].base_url)

    async def _pause(self, seconds: float) -> None:
        with self._stop.waiting():
            await self._sleep(seconds)

    def _is_any_up(self, model: Model, others: Sequence[Model]) -> bool:
        """Whether a model further down is served by another provider that is not down."""
        return any(
            other.provider != model.provider and not self._breaker(other.provider).is_open
            for other in others
        )

    def _error(
        self, model: Model, failure: Failure, trail: Trail, raw_answer: str | None = None
    ) -> CallError:
        status = f", HTTP status {failure.status}" if failure.status not in (None, 200) else ""
        times = f", after {trail.sent} attempts" if trail.sent > 1 else ""
        breaker = self._breaker(model.provider)
        is_outage = failure.failure_class in OUTAGES
        is_down = is_outage and breaker.is_open
        return CallError.of(
            failure.failure_class,
            f"{model.name} at {model.provider} ({self._sender.url(model)}): "
            f"{breaker.story if is_down else failure.message} "
            f"({failure.failure_class.value}{status}{times})",
            raw_answer=raw_answer,
            unanswered=Unanswered(
                tuple(trail.unanswered), max(trail.unanswered.values()), is_down=is_down
            )
            if is_outage
            else None,
        )


def _is_usable(stored: StoredResponse, request: Request) -> bool:
    """Whether a stored answer is what was asked for."""
    if classify_answer(stored.answer):
        return False
    try:
        parse_answer(stored.answer.text, request.schema_text)
    except InvalidAnswerError:
        return False
    return True
