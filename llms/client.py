"""How does a question become a validated answer that is paid for once? The only way to a model."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import httpx2

from llms.attempt import Sender
from llms.budget import Budget
from llms.calls import Call, Reply
from llms.classification import Failure, classify_answer
from llms.failures import CallError, FailureClass
from llms.families import kinship
from llms.limits import Limiters
from llms.patience import MOST_TROUBLE_S, TRANSIENT, Patience
from llms.responses import ResponseStore, StoredResponse
from llms.sdk import Request
from llms.service_lanes import Lanes
from llms.validation import InvalidAnswerError, parse_answer
from schemas.ledger import Attempt
from schemas.providers import Provider
from schemas.roles import Model, Resolution, Role

CALL_TIMEOUT_S = 300.0

FAILING_OVER = TRANSIENT | {FailureClass.RATE_LIMITED, FailureClass.QUOTA_EXHAUSTED}
"""Classes after which another model may answer, once a model has been given up."""

_LADDER = (
    Role.FORMATTING_WORKER,
    Role.EXTRACTION_WORKER,
    Role.TOOL_WORKER,
    Role.REASONING_WORKER,
    Role.ORCHESTRATOR,
)
"""Roles by what their models must be capable of, least first."""


class _Answered(NamedTuple):
    reply: Reply
    model: Model
    request: Request
    stored: StoredResponse


@dataclass(slots=True)
class _Trail:
    """What a call has been through: requests sent, money, and what of it no answer carries yet."""

    patience: Patience
    sent: int = 0
    usd: float = 0.0
    lost_usd: float = 0.0


class Client:
    """Asks models, in the order of the design: response store, budget, limiter, SDK, failure class,
    settlement, ledger, store, validation. Made for one event loop and used on that one only.

    `attempts` is the ledger, one row per attempt and per answer from the store, in order; whoever
    writes it down may take rows out.

    Args:
        run_id: The run that pays.
        resolution: Which models play which role.
        store: What has been answered and paid for.
        budget: The run's money; shared by every client of the run.
        limiters: Limits and breakers; shared by every client of the process.
        providers: The providers of the resolution's models, by name.
        env: Where keys are looked up.
        clock: Seconds that only ever grow.
        sleep: Waits some seconds.
        rng: Randomness of pauses.
        transports: Per provider, what takes the place of the network.
        lanes: In which lane requests go out; without, in the standard lane.
        now: The time of day, for the ledger.
        timeout_s: Longest time one attempt may take, in seconds.

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
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        self._resolution = resolution
        self._candidates_of: dict[tuple[Role, frozenset[str]], list[Model]] = {}
        self._store = store
        self._limiters = limiters
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
            timeout_s=timeout_s,
            lanes=lanes or Lanes.standard(providers, store, run_id, budget),
            clock=clock,
            now=now,
        )
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
        models = self._candidates(call)
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

    def _share(self, call: Call, shared: _Answered | CallError) -> Reply:
        if isinstance(shared, CallError):
            raise CallError.of(shared.failure_class, str(shared), raw_answer=shared.raw_answer)
        reply, model, request, stored = shared
        self._sender.book_stored(call, request, model, stored)
        return Reply(reply.data, reply.model, reply.usd, True, 0, reply.logprobs)

    def _candidates(self, call: Call) -> list[Model]:
        """Who may answer, in order: the role's models, but for those that the call avoids.

        A second opinion comes from another family than the one that answered, if need be from a
        stronger role; else from another model of the family, else from the same model at another
        effort, which is hardly an opinion of its own; else from a weaker role.
        """
        key = call.role, call.avoid
        if key not in self._candidates_of:
            ranked = self._resolution.roles.get(call.role, ())
            self._candidates_of[key] = self._second_opinion(*key) if call.avoid else list(ranked)
        found = self._candidates_of[key]
        if not found:
            # Not BAD_REQUEST, which stops the run: with a single model, every check would.
            avoided = ", ".join(sorted(call.avoid)) or "none"
            raise CallError.of(
                FailureClass.REFUSED,
                f"nobody may answer for the role {call.role.value}: the run has no model but "
                f"{avoided}; name another under `models` in the job",
            )
        return found

    def _second_opinion(self, role: Role, avoid: frozenset[str]) -> list[Model]:
        at = _LADDER.index(role)
        able = [self._others(one, avoid) for one in _LADDER[at:]]
        for nearest in range(3):
            for others in able:
                if found := [model for kin, model in others if kin <= nearest]:
                    # Should all of these be down, kin of the role are better than nobody.
                    return found + [model for _, model in able[0] if model not in found]
        weaker = (self._others(one, avoid) for one in reversed(_LADDER[:at]))
        return [model for _, model in next((others for others in weaker if others), [])]

    def _others(self, role: Role, avoid: frozenset[str]) -> list[tuple[int, Model]]:
        """The models of a role but for those to avoid, the least akin to these first."""
        verifiers = self._resolution.verifiers if role is Role.EXTRACTION_WORKER else ()
        ranked = (*verifiers, *self._resolution.roles.get(role, ()))
        answered = [model for model in self._resolution.everybody if model.slug in avoid]
        left = [model for model in dict.fromkeys(ranked) if model.slug not in avoid]
        found = [(max((kinship(a, m) for a in answered), default=0), m) for m in left]
        return sorted(found, key=lambda pair: pair[0])

    async def _answer(self, call: Call, request: Request, models: Sequence[Model]) -> _Answered:
        """The answer of the first model that gives one; stored answers before any new ones."""
        trail = _Trail(Patience(clock=self._clock, rng=self._rng))
        found: StoredResponse | None = None
        for at, model in enumerate(models):
            if (found := await self._store.get(request.key(model))) is not None:
                models = models[at:]
                break
        given_up: tuple[Model, Failure] | None = None
        for at, model in enumerate(models):
            if given_up is not None and _shares_fate(model, *given_up):
                continue
            trail.patience.next_model()
            answered = await self._ask(call, request, model, models[at + 1 :], trail, found)
            if isinstance(answered, _Answered):
                return answered
            given_up, found = (model, answered), None
        if given_up is None:
            raise AssertionError("a call has at least one model to ask")
        raise _error(*given_up, trail)

    async def _ask(
        self,
        call: Call,
        request: Request,
        model: Model,
        others: Sequence[Model],
        trail: _Trail,
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
                raise _error(model, failure, trail, raw_answer=answer.text or answer.refusal)
            try:
                data, _ = parse_answer(answer.text, request.schema_text)
            except InvalidAnswerError as error:
                failure = _unusable(answer.finish_reason, str(error))
                row.outcome, row.message = failure.failure_class.value, failure.message
                if is_last or failure.failure_class is FailureClass.TRUNCATED:
                    raise _error(model, failure, trail, raw_answer=answer.text) from None
                request = request.again(answer.text, str(error))
                found = await self._store.get(request.key(model))
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
        trail: _Trail,
        found: StoredResponse | None,
    ) -> tuple[StoredResponse, Attempt] | Failure:
        """One answer of one model, found or paid for, with its row; a `Failure` to give it up."""
        if found is not None:
            trail.usd += found.usd + found.lost_usd
            return found, self._sender.book_stored(call, request, model, found)
        breaker = self._limiters.breaker(model.provider)
        while True:
            if (wait_s := breaker.wait_s()) > 0:
                pause = trail.patience.for_provider(wait_s)
                is_hopeless = breaker.open_s > MOST_TROUBLE_S or self._is_any_up(model, others)
                if pause is None or is_hopeless:
                    url = self._sender.url(model)
                    return Failure(
                        breaker.last_failure, f"{url} has failed for {breaker.open_s:.0f} s"
                    )
                await self._sleep(pause + self._rng.uniform(0, 1))
                continue
            trail.sent += 1
            sent = await self._sender.send(
                call, request, model, number=trail.sent, lost_usd=trail.lost_usd
            )
            trail.usd += sent.row.usd
            if sent.row.from_store and isinstance(sent.outcome, StoredResponse):
                trail.sent -= 1
                trail.usd += sent.outcome.usd + sent.outcome.lost_usd
                return sent.outcome, sent.row
            if isinstance(sent.outcome, StoredResponse):
                breaker.succeeded()
                trail.lost_usd = 0.0
                return sent.outcome, sent.row
            failure = sent.outcome
            trail.lost_usd += sent.row.usd
            if failure.failure_class in TRANSIENT:
                breaker.failed(failure.failure_class)
            else:
                breaker.succeeded()
            if failure.rejected is not None and failure.rejected not in sent.without:
                self._sender.limiter(model).rejected.add(failure.rejected)
                continue
            pause = trail.patience.after(failure)
            if pause is not None:
                await self._sleep(pause)
            elif failure.failure_class in FAILING_OVER or failure.is_model_gone:
                return failure
            else:
                raise _error(model, failure, trail)

    def _is_any_up(self, model: Model, others: Sequence[Model]) -> bool:
        """Whether a model further down is served by another provider that is not down."""
        return any(
            other.provider != model.provider and self._limiters.breaker(other.provider).open_s == 0
            for other in others
        )


def _shares_fate(model: Model, failed: Model, failure: Failure) -> bool:
    """Whether a model would fail as `failed` did: a quota is an account's, not a model's."""
    return (
        failure.failure_class is FailureClass.QUOTA_EXHAUSTED and model.provider == failed.provider
    )


def _unusable(finish_reason: str, problem: str) -> Failure:
    if finish_reason == "length":
        return Failure(FailureClass.TRUNCATED, "the answer was cut off at its token limit")
    return Failure(FailureClass.INVALID_ANSWER, f"the answer is not valid: {problem}")


def _error(
    model: Model, failure: Failure, trail: _Trail, *, raw_answer: str | None = None
) -> CallError:
    status = f", HTTP status {failure.status}" if failure.status not in (None, 200) else ""
    times = f", after {trail.sent} attempts" if trail.sent > 1 else ""
    return CallError.of(
        failure.failure_class,
        f"{model.name} at {model.provider}: {failure.message} "
        f"({failure.failure_class.value}{status}{times})",
        raw_answer=raw_answer,
    )
