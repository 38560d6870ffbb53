"""Do key, name, answer format and limits hold? One cheap call to a model, outside of any run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import httpx2

from llms.attempt import read_outcome
from llms.calls import Call
from llms.classification import Failure
from llms.completion import Answer
from llms.failures import FailureClass, ProviderError
from llms.limits import Limiter
from llms.pricing import cost_usd, output_limit, worst_case_usd
from llms.providers import key
from llms.sdk import Endpoint, RawResponse, Request
from llms.validation import InvalidAnswerError, parse_answer
from schemas.providers import Provider
from schemas.roles import Model, Role

_TIMEOUT_S = 60.0

_ANSWER_TOKENS = 400
"""Enough for a model that thinks a little before it says eleven characters."""

_QUESTION = Call(
    role=Role.FORMATTING_WORKER,
    stage="ping",
    system="Answer with one JSON object.",
    user="Is seven more than five?",
    schema_name="ping",
    schema={
        "type": "object",
        "properties": {"yes": {"type": "boolean"}},
        "required": ["yes"],
        "additionalProperties": False,
    },
    max_output_tokens=_ANSWER_TOKENS,
)


class Trouble(StrEnum):
    """What to look at when a model does not answer."""

    KEY = "key"
    NAME = "name"
    FORMAT = "format"
    LIMIT = "limit"
    NETWORK = "network"
    REQUEST = "request"


_TROUBLES = {
    FailureClass.AUTH: Trouble.KEY,
    FailureClass.RATE_LIMITED: Trouble.LIMIT,
    FailureClass.QUOTA_EXHAUSTED: Trouble.LIMIT,
    FailureClass.OVERLOADED: Trouble.NETWORK,
    FailureClass.TIMEOUT: Trouble.NETWORK,
    FailureClass.CONNECTION: Trouble.NETWORK,
    FailureClass.UNREACHABLE: Trouble.NETWORK,
    FailureClass.MODEL_GONE: Trouble.NAME,
    FailureClass.INVALID_ANSWER: Trouble.FORMAT,
}


@dataclass(frozen=True, slots=True)
class Ping:
    """What one model at one provider said.

    Attributes:
        provider: Name of the provider.
        url: Its base URL, without anything secret.
        api_id: The model's name there; null when the provider was not asked for want of a key.
        trouble: What is wrong; null when it answered as it should.
        message: One sentence on the trouble.
        is_structured: Whether the answer was held to the JSON schema; null when nobody knows.
        left_out: Request parameters that it does not take and docmill does without.
        requests_per_minute: Limit that its headers state, or null.
        tokens_per_minute: Limit that its headers state, or null.
        latency_ms: From sending to the last byte of the last response; null when none came.
        worst_usd: What the call could have cost at most.
        usd: What it cost, at most where the provider does not say.
    """

    provider: str
    url: str
    api_id: str | None = None
    trouble: Trouble | None = None
    message: str | None = None
    is_structured: bool | None = None
    left_out: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    latency_ms: float | None = None
    worst_usd: float = 0.0
    usd: float = 0.0


def most_usd(model: Model) -> float:
    """What the call to a model can cost at most, in US dollars.

    Raises:
        UnknownPriceError: Its price is not known.
    """
    body = Request.of(_QUESTION).body(_cheaply(model))
    return worst_case_usd(model, len(body), output_limit(_cheaply(model), _ANSWER_TOKENS))


async def ping(
    model: Model,
    provider: Provider,
    env: Mapping[str, str],
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Ping:
    """Ask a model the shortest question there is; never raises for what the provider does.

    Parameters that the model rejects are left out as in a run, which may take further requests;
    rejected ones are not billed. Nothing is retried, stored or booked in a ledger.

    Args:
        model: Who is asked; at little effort, whatever effort it is used at.
        provider: Where.
        env: Where keys are looked up.
        transport: Takes the place of the network.
        clock: Seconds that only ever grow.

    Raises:
        UnknownPriceError: The model's price is not known; nothing was sent.
    """
    worst_usd = most_usd(model)
    try:
        endpoint = Endpoint(provider, key(provider, env), timeout_s=_TIMEOUT_S, transport=transport)
    except ProviderError as error:
        return Ping(provider.name, provider.shown_url, trouble=Trouble.KEY, message=str(error))
    request, limits = Request.of(_QUESTION), Limiter()
    left_out: frozenset[str] = frozenset()
    try:
        while True:
            started = clock()
            raw = await endpoint.post(request.body(_cheaply(model), left_out), model.api_id)
            latency_ms = (clock() - started) * 1000
            outcome = read_outcome(raw, endpoint)
            rejected = None if isinstance(outcome, Answer) else outcome.rejected
            if rejected is None or rejected in left_out:
                break
            left_out |= {rejected}
    finally:
        await endpoint.aclose()
    if isinstance(raw, RawResponse):
        limits.learn(raw.headers)
    trouble, message, usd = _judged(outcome, model, request.schema_text, worst_usd)
    return Ping(
        provider.name,
        provider.shown_url,
        model.api_id,
        trouble=trouble,
        message=message,
        is_structured=None if trouble else "response_format" not in left_out,
        left_out=tuple(sorted(left_out)),
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
        latency_ms=latency_ms if isinstance(raw, RawResponse) else None,
        worst_usd=worst_usd,
        usd=usd,
    )


def _judged(
    outcome: Answer | Failure, model: Model, schema_text: str, worst_usd: float
) -> tuple[Trouble | None, str | None, float]:
    """What is wrong, in a sentence, and what the answer cost."""
    if isinstance(outcome, Failure):
        trouble = _TROUBLES.get(outcome.failure_class, Trouble.REQUEST)
        if trouble is Trouble.REQUEST and outcome.status == 404:
            trouble = Trouble.NAME
        return trouble, outcome.message, worst_usd if outcome.may_have_cost else 0.0
    usd = worst_usd
    if outcome.has_usage:
        usd = cost_usd(model, outcome.input_tokens, outcome.cached_tokens, outcome.output_tokens)
    try:
        parse_answer(outcome.text, schema_text)
    except InvalidAnswerError as error:
        cut = " (it was cut off at its token limit)" if outcome.finish_reason == "length" else ""
        return Trouble.FORMAT, f"the answer does not fit the JSON schema: {error}{cut}", usd
    return None, None, usd


def _cheaply(model: Model) -> Model:
    """The model at little effort: a name and a key show at any."""
    is_thinking = model.thinking_factor > 1 or model.effort not in (None, "none")
    return model.model_copy(
        update={"thinking_factor": 1.0, "effort": "low" if is_thinking else model.effort}
    )
