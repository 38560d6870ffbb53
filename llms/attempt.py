"""What becomes of one attempt: reserved, sent, settled, booked in the ledger and stored."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import httpx2

from llms.budget import Budget
from llms.calls import Call
from llms.classification import Failure, classify_response
from llms.completion import Answer, MalformedBodyError, read_completion, read_json
from llms.failures import FailureClass, ProviderError
from llms.limits import Limiter, Limiters, Permit
from llms.pricing import cost_usd, estimate_tokens, output_limit, prices, worst_case_usd
from llms.providers import Provider, key
from llms.responses import ResponseStore, StoredResponse
from llms.sdk import Endpoint, RawResponse, Request
from schemas.ledger import Attempt
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
        timeout_s: Longest time one attempt may take, in seconds.
        lane: Goes to the ledger.
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
        timeout_s: float,
        lane: str,
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
        self._timeout_s = timeout_s
        self._lane = lane
        self._clock = clock
        self._now = now
        self._keys = _checked_keys(resolution, providers, env)
        self._endpoints: dict[str, Endpoint] = {}

    async def send(
        self, call: Call, request: Request, model: Model, *, number: int, lost_usd: float
    ) -> Sent:
        """Send a request to a model once.

        Args:
            call: The call the attempt belongs to.
            request: What is asked.
            model: Who is asked.
            number: Which attempt of the call this is, from 1.
            lost_usd: What unanswered attempts of the call may have cost; it is stored with the
                answer, so that it is not forgotten.

        Raises:
            CallError: Class `BUDGET`; nothing was sent.
            StoreError: The spend book or the store cannot be written.
        """
        limiter = self.limiter(model)
        without = frozenset(limiter.rejected)
        body = request.body(model, without)
        most_output = output_limit(model, request.max_output_tokens)
        # A token is never shorter than a byte, whatever the script: a true upper bound.
        worst_usd = worst_case_usd(model, len(body), most_output)
        tokens = estimate_tokens(len(body)) + limiter.expected_output(call.stage, most_output)
        row = self._row(call, request, model, number)
        reservation = await self._budget.acquire(worst_usd)
        permit: Permit | None = None
        is_sent = False
        try:
            permit = await limiter.acquire(tokens)
            endpoint = self._endpoint(model.provider)
            if worst_usd > 0:
                await self._store.reserve(row.attempt_id, self._run_id, worst_usd)
            row.started_at, started = self._now(), self._clock()
            is_sent = True
            raw = await endpoint.post(body)
        except BaseException:
            # Unsent, it cost nothing; broken off, nobody knows, and the spend book keeps the worst.
            self._budget.settle(reservation, worst_usd if is_sent else 0.0)
            if permit is not None:
                limiter.settle(permit, tokens if is_sent else 0)
            if is_sent:
                row.outcome, row.usd, row.usd_is_upper_bound = CANCELLED, worst_usd, worst_usd > 0
                self.attempts.append(row)
            raise
        row.latency_ms = (self._clock() - started) * 1000
        if isinstance(raw, RawResponse):
            row.status = raw.status
            limiter.learn(raw.headers)
        outcome = _read(raw, endpoint)
        if isinstance(outcome, Answer):
            outcome = _with_counts(outcome, body)
            row.usd = worst_usd
            if outcome.has_usage:
                row.usd = cost_usd(
                    model, outcome.input_tokens, outcome.cached_tokens, outcome.output_tokens
                )
            row.usd_is_upper_bound = not outcome.has_usage and worst_usd > 0
            _count_tokens(row, outcome)
            limiter.observe_output(call.stage, outcome.output_tokens)
            used = outcome.input_tokens + outcome.output_tokens
        else:
            row.outcome, row.message = outcome.failure_class.value, outcome.message
            row.usd = worst_usd if outcome.may_have_cost else 0.0
            row.usd_is_upper_bound = row.usd > 0
            used = tokens if outcome.may_have_cost else 0
            if outcome.failure_class is FailureClass.RATE_LIMITED:
                limiter.throttled(permit)
        self._budget.settle(reservation, row.usd)
        limiter.settle(permit, used)
        self.attempts.append(row)
        spend_id = row.attempt_id if worst_usd > 0 else None
        if isinstance(outcome, Failure):
            if spend_id is not None:
                await self._store.settle(spend_id, row.usd)
            return Sent(outcome, row, without)
        stored = StoredResponse(
            key=row.request_key,
            model=model.slug,
            provider=model.provider,
            run_id=self._run_id,
            answer=outcome,
            usd=row.usd,
            lost_usd=lost_usd,
        )
        await self._store.put(stored, spend_id=spend_id)
        return Sent(stored, row, without)

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
        provider = self._providers[model.provider]
        return self._limiters.limiter(
            model.provider,
            model.api_id,
            requests_per_minute=provider.requests_per_minute,
            tokens_per_minute=provider.tokens_per_minute,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        for endpoint in self._endpoints.values():
            await endpoint.aclose()
        self._endpoints.clear()

    def _endpoint(self, provider: str) -> Endpoint:
        if provider not in self._endpoints:
            self._endpoints[provider] = Endpoint(
                self._providers[provider],
                self._keys[provider],
                timeout_s=self._timeout_s,
                transport=self._transports.get(provider),
            )
        return self._endpoints[provider]

    def _row(self, call: Call, request: Request, model: Model, number: int) -> Attempt:
        input_price, cached_input_price, output_price = prices(model)
        return Attempt(
            attempt_id=uuid.uuid4().hex,
            run_id=self._run_id,
            stage=call.stage,
            role=call.role.value,
            model=model.slug,
            provider=model.provider,
            lane=self._lane,
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


def _read(raw: RawResponse | Failure, endpoint: Endpoint) -> Answer | Failure:
    if isinstance(raw, Failure):
        return raw
    body = read_json(raw.content)
    if raw.status >= 300 or (body is not None and body.get("error") and not body.get("choices")):
        return classify_response(raw.status, raw.headers, raw.content, secrets=endpoint.secrets)
    try:
        return read_completion(body)
    except MalformedBodyError as error:
        return Failure(FailureClass.CONNECTION, str(error), raw.status, may_have_cost=True)


def _with_counts(answer: Answer, body: bytes) -> Answer:
    """`answer`, its tokens estimated where the provider reports none."""
    if answer.has_usage:
        return answer
    return replace(
        answer,
        input_tokens=estimate_tokens(len(body)),
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
    for models in resolution.roles.values():
        for model in models:
            prices(model)
            if model.provider not in providers:
                raise ProviderError(
                    f"model {model.slug} is served by provider {model.provider!r}, which is not "
                    f"set up; there are {', '.join(sorted(providers)) or 'none'}"
                )
            if model.provider not in keys:
                keys[model.provider] = _usable_key(providers[model.provider], env)
    return keys


def _usable_key(provider: Provider, env: Mapping[str, str]) -> str:
    value = key(provider, env)
    # Checked here because the HTTP layer would quote the whole header in its complaint.
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ProviderError(
            f"the key of provider {provider.name} holds characters that no key has; set "
            f"{provider.key_env} again, without blanks and quotation marks"
        )
    return value
