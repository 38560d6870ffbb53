"""What becomes of one attempt: reserved, sent, settled, booked in the ledger and stored."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import httpx2

from llms.admission import Admission
from llms.budget import Budget
from llms.calls import Call
from llms.classification import Failure, classify_response
from llms.completion import Answer, MalformedBodyError, read_completion, read_json
from llms.deadlines import DeadlineError, Deadlines
from llms.failures import FailureClass, ProviderError
from llms.limits import Limiter, Limiters
from llms.pricing import cost_usd, estimate_tokens, in_lane, output_limit, prices, worst_case_usd
from llms.providers import key
from llms.responses import ResponseStore, StoredResponse
from llms.sdk import RawResponse, Request
from llms.service_lanes import LaneEndpoint, Lanes
from llms.stopping import Stop
from schemas.ledger import Attempt
from schemas.providers import Lane, Provider
from schemas.roles import Model, Resolution

OK = "ok"
"""Outcome of an attempt that brought a usable answer; any other is a failure class, or this:"""

CANCELLED = "cancelled"
"""Outcome of an attempt that our side broke off after it had been sent."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of an attempt: an answer, which is in the store by now, or a failure.

    `row` is its row of the ledger, `without` the request parameters that were left out.
    """

    outcome: StoredResponse | Failure
    row: Attempt
    without: frozenset[str]


class Sender:
    """Sends single attempts and keeps their books. Made for one event loop.

    Args:
        run_id: The run that pays.
        resolution: The models that may be asked.
        store: Where answers and the durable spend book are.
        budget: The run's money.
        limiters: When requests may go out.
        providers: The providers of the models, by name.
        env: Where keys are looked up.
        transports: Per provider, what takes the place of the network.
        deadlines: How long an answer may take.
        stop: Whether to send no more.
        lanes: In which lane requests go out.
        clock: Seconds that only ever grow, for latencies.
        now: The time of day, for the ledger.

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
        transports: Mapping[str, httpx2.AsyncBaseTransport],
        deadlines: Deadlines,
        stop: Stop,
        lanes: Lanes,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self.attempts: list[Attempt] = []
        self._run_id = run_id
        self._store = store
        self._budget = budget
        self._limiters = limiters
        self._providers = providers
        self._transports = transports
        self._deadlines = deadlines
        self._stop = stop
        self._lanes = lanes
        self._clock = clock
        self._now = now
        self._keys = _checked_keys(resolution, providers, env)
        self._endpoints: dict[tuple[str, Lane], LaneEndpoint] = {}
        self._limiter_of: dict[tuple[str, str], Limiter] = {}

    async def send(
        self, call: Call, request: Request, model: Model, *, number: int, lost_usd: float
    ) -> Sent:
        """Send a request to a model once, unless another process has done so meanwhile.

        Where a lane hands it back without having worked on it, it goes out in the next one.

        Args:
            call: The call the attempt belongs to.
            request: What is asked.
            model: Who is asked.
            number: Which attempt of the call this is, from 1.
            lost_usd: What unanswered attempts of the call may have cost; it is stored with the
                answer, so that it is not forgotten.

        Raises:
            CallError: Class `BUDGET`, or `INTERRUPTED` when the run is to stop; nothing was sent.
            StoreError: The spend book or the store cannot be written.
        """
        asked = request.key(model)
        while True:
            lane = self._lanes.lane(call.stage, model.provider, model.api_id, asked)
            async with AsyncExitStack() as room:
                sent = await self._send(lane, call, request, model, number, lost_usd, room)
            if not isinstance(sent.outcome, Failure) or not sent.outcome.is_unexecuted:
                self._lanes.answered(lane, asked, sent.outcome)
                return sent
            self._lanes.handed_back(lane, model.provider, model.api_id, asked, sent.outcome)

    async def _send(
        self,
        lane: Lane,
        call: Call,
        request: Request,
        model: Model,
        number: int,
        lost_usd: float,
        room: AsyncExitStack,
    ) -> Sent:
        """Send a request in one lane, as `send` says; `room` keeps its place among those in flight
        from the moment it may be paid until its answer is stored.
        """
        limiter = self.limiter(model)
        model = in_lane(model, lane)
        without = frozenset(limiter.rejected)
        body = request.body(model, without)
        size = len(body)
        most_output = output_limit(model, request.max_output_tokens)
        # A token is never shorter than a byte, whatever the script: a true upper bound.
        worst_usd = worst_case_usd(model, size, most_output)
        estimated = estimate_tokens(size)
        expected = limiter.expected(call.stage, estimated=estimated, most_output=most_output)
        row = self._row(call, request, model, number)
        row.lane = lane.value
        pays = worst_usd > 0
        endpoint = self._endpoint(model.provider, lane)  # the first takes seconds to make
        if pays and (found := await self._store.claim(row.request_key)) is not None:
            return Sent(found, self.book_stored(call, request, model, found), without)
        is_batched = lane is Lane.BATCH
        admission = Admission(
            self._budget,
            worst_usd,
            row.request_key,
            place=partial(self._lanes.room, lane),
            room=room,
            permitted=None  # a batch has limits of its own
            if is_batched
            else partial(limiter.acquire, *expected, most_output=most_output, stage=call.stage),
        )
        is_sent = False
        try:
            with self._stop.waiting():
                reservation = await admission.gain(limiter.settle)
            row.started_at, started = self._now(), self._clock()
            is_sent = True
            posted = endpoint.post(body, model.api_id, reservation)
            del body  # thousands of requests may wait for a batch
            raw = await self._awaited(posted, lane, call, model, most_output)
        except BaseException:
            # Unsent, it cost nothing; broken off, nobody knows, and the books keep the worst.
            charge = None
            is_sent = is_sent and not is_batched  # what lies there stays, and its money is held
            if (held := admission.reservation) is not None and held.is_held:
                self._budget.leave(held)
            elif held is not None:
                charge = self._budget.settle(held, worst_usd if is_sent else 0.0)
            if pays:
                self._store.settle_later(charge, key=row.request_key)
            if admission.permit is not None:
                limiter.settle(admission.permit, *(expected if is_sent else ()))
            if is_sent:
                row.outcome, row.usd, row.usd_is_upper_bound = CANCELLED, worst_usd, worst_usd > 0
                self.attempts.append(row)
            raise
        row.latency_ms = (self._clock() - started) * 1000
        permit = admission.permit
        if isinstance(raw, RawResponse):
            row.status = raw.status
            if raw.status != 429:  # what a refusal says is taken in below
                limiter.learn(raw.headers, permit)
        outcome = read_outcome(raw, endpoint)
        if isinstance(outcome, Answer):
            outcome = _with_counts(outcome, size)
            row.usd = worst_usd
            if outcome.has_usage:
                row.usd = cost_usd(
                    model, outcome.input_tokens, outcome.cached_tokens, outcome.output_tokens
                )
            row.usd_is_upper_bound = not outcome.has_usage and worst_usd > 0
            row.message = outcome.usage_problem
            if row.usd > worst_usd:
                row.message = "billed above the worst case of the request"
            _count_tokens(row, outcome)
            if not is_batched:
                asked = (model.provider, model.api_id, lane)
                latency_s = row.latency_ms / 1000
                self._deadlines.answered(asked, call.stage, latency_s, outcome.output_tokens)
            used = outcome.input_tokens, outcome.output_tokens
            limiter.observe(call.stage, estimated, *used)
        else:
            row.outcome, row.message = outcome.failure_class.value, outcome.message
            row.usd = worst_usd if outcome.may_have_cost else 0.0
            row.usd_is_upper_bound = row.usd > 0
            used = expected if outcome.may_have_cost else (0, 0)
            is_throttled = outcome.failure_class is FailureClass.RATE_LIMITED
            if permit is not None and is_throttled and not outcome.is_unexecuted:
                limiter.throttled(permit, raw.headers if isinstance(raw, RawResponse) else None)
        if pays and reservation.is_pending:
            # It lay in a batch that another run pays, or in none: nothing is held for it here.
            row.from_store = isinstance(outcome, Answer)
            row.stored_usd, row.usd, row.usd_is_upper_bound = row.usd, 0.0, False
        charge = self._budget.settle(reservation, row.usd)
        if permit is not None:
            limiter.settle(permit, *used)
        if row.usd or not (isinstance(outcome, Failure) and outcome.is_unexecuted):
            self.attempts.append(row)
        if isinstance(outcome, Failure):
            if charge is not None:
                await self._store.settle(charge, key=row.request_key)
            elif pays:
                self._store.release(row.request_key)
            return Sent(outcome, row, without)
        stored = StoredResponse(
            key=row.request_key,
            model=model.slug,
            provider=model.provider,
            run_id=self._run_id,
            answer=outcome,
            usd=row.stored_usd if row.from_store else row.usd,
            lost_usd=lost_usd,
        )
        await self._store.put(stored, charge=charge, is_claimed=pays)
        return Sent(stored, row, without)

    async def _awaited(
        self,
        posted: Awaitable[RawResponse | Failure],
        lane: Lane,
        call: Call,
        model: Model,
        most_output: int,
    ) -> RawResponse | Failure:
        """What comes back for a request that was sent, or that its deadline has passed."""
        if lane is Lane.BATCH:
            # What lies in a batch is found again, whoever waits for it.
            with self._stop.waiting():
                return await posted
        asked = (model.provider, model.api_id, lane)
        try:
            return await self._deadlines.within(posted, asked, call.stage, most_output)
        except DeadlineError as late:
            return Failure(
                FailureClass.TIMEOUT,
                f"no answer from {self.url(model)} within {late.waited_s:.0f} s",
                may_have_cost=True,
            )

    def book_stored(
        self, call: Call, request: Request, model: Model, stored: StoredResponse
    ) -> Attempt:
        """Book an answer that the store gave; returns its row of the ledger."""
        row = self._row(call, request, model, 0)
        row.from_store, row.stored_usd = True, stored.usd
        _count_tokens(row, stored.answer)
        self.attempts.append(row)
        return row

    def limiter(self, model: Model) -> Limiter:
        """The limiter of a model at its provider."""
        name = (model.provider, model.api_id)
        if name not in self._limiter_of:
            provider, key = self._providers[model.provider], self._keys[model.provider]
            self._limiter_of[name] = self._limiters.limiter(provider, model.api_id, key)
        return self._limiter_of[name]

    def url(self, model: Model) -> str:
        """Where a model is called, as messages may show it."""
        return self._providers[model.provider].shown_url

    async def aclose(self) -> None:
        """Close every connection, and give back the money that no call needs."""
        await self._budget.aclose()
        for endpoint in self._endpoints.values():
            await endpoint.aclose()
        self._endpoints.clear()

    def _endpoint(self, provider: str, lane: Lane) -> LaneEndpoint:
        if (provider, lane) not in self._endpoints:
            self._endpoints[provider, lane] = self._lanes.endpoint(
                lane,
                self._providers[provider],
                self._keys[provider],
                timeout_s=self._deadlines.ceiling_s(lane),
                transport=self._transports.get(provider),
            )
        return self._endpoints[provider, lane]

    def _row(self, call: Call, request: Request, model: Model, number: int) -> Attempt:
        input_price, cached_input_price, output_price = prices(model)
        return Attempt(
            attempt_id=uuid.uuid4().hex,
            run_id=self._run_id,
            stage=call.stage,
            role=call.role.value,
            model=model.slug,
            provider=model.provider,
            lane=Lane.STANDARD.value,
            doc_id=call.doc_id,
            request_key=request.key(model),
            number=number,
            outcome=OK,
            status=None,
            input_tokens=0,
            cached_tokens=0,
            output_tokens=0,
            reasoning_tokens=0,
            input_price=input_price,
            cached_input_price=cached_input_price,
            output_price=output_price,
            usd=0.0,
            usd_is_upper_bound=False,
            stored_usd=0.0,
            from_store=False,
            latency_ms=0.0,
            started_at=self._now(),
        )


def read_outcome(raw: RawResponse | Failure, endpoint: LaneEndpoint) -> Answer | Failure:
    """What came back for a request to an endpoint: an answer or a failure."""
    if isinstance(raw, Failure):
        return raw
    body = read_json(raw.content)
    if raw.status >= 300 or (body is not None and body.get("error") and not body.get("choices")):
        return classify_response(raw.status, raw.headers, raw.content, secrets=endpoint.secrets)
    try:
        return read_completion(body)
    except MalformedBodyError as error:
        return Failure(FailureClass.CONNECTION, str(error), raw.status, may_have_cost=True)


def _with_counts(answer: Answer, prompt_bytes: int) -> Answer:
    """`answer`, its tokens estimated where the provider reports none."""
    if answer.has_usage:
        return answer
    return replace(
        answer,
        input_tokens=estimate_tokens(prompt_bytes),
        output_tokens=estimate_tokens(len(answer.text)),
    )


def _count_tokens(row: Attempt, answer: Answer) -> None:
    row.input_tokens = answer.input_tokens
    row.cached_tokens = answer.cached_tokens
    row.output_tokens = answer.output_tokens
    row.reasoning_tokens = answer.reasoning_tokens


def _checked_keys(
    resolution: Resolution, providers: Mapping[str, Provider], env: Mapping[str, str]
) -> dict[str, str]:
    """The key of every provider of the resolution, once its models' prices are known."""
    keys: dict[str, str] = {}
    for model in resolution.everybody:
        prices(model)
        if model.provider not in providers:
            raise ProviderError(
                f"model {model.slug} is served by provider {model.provider!r}, which is not "
                f"set up; there are {', '.join(sorted(providers)) or 'none'}"
            )
        if model.provider not in keys:
            keys[model.provider] = key(providers[model.provider], env)
    return keys
