"""How long do calls take under the limits of their providers, and in which lane?"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.providers import Lane, Provider
from schemas.roles import Model
from tasks.forecast_quantities import Factor

LANES: tuple[str, ...] = tuple(lane.value for lane in Lane)

FLEX_WAIT = Factor.between(1.0, 10.0)
"""How many times as long as in the standard lane a call takes in the flex lane. Assumed."""

BATCH_PROMISE_S = 24 * 3600.0
"""The longest a provider promises to take for a batch."""

BATCH_ROUND = Factor.between(300.0, BATCH_PROMISE_S)
"""Seconds from handing in a batch to its last answer. Assumed, but for the promised end."""

_START_S = 5.0
_PARSE_S = 0.02
"""Seconds to start and to report, and to read a document; parsers run beside each other."""

_RULES_S = 0.005
"""Seconds of a call of the offline engines, which share the processor instead of waiting."""

_MINUTE_S = 60.0


_USUAL_TTFT_S, _USUAL_TPS = 2.0, 60.0
"""Speed of a model that nobody measured."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a model answers; where nobody measured it, as the usual one.

    Attributes:
        ttft_s: Seconds to the first token.
        tps: Tokens per second from then on.
    """

    ttft_s: float = _USUAL_TTFT_S
    tps: float = _USUAL_TPS

    @classmethod
    def of(cls, ttft_s: float | None, tps: float | None) -> "Speed":
        """A speed of which a part may be unknown (null)."""
        return cls(_USUAL_TTFT_S if ttft_s is None else ttft_s, tps or _USUAL_TPS)


@dataclass(frozen=True, slots=True)
class Pace:
    """What decides how long calls take.

    Attributes:
        speeds: Of the models whose speed is known, by slug.
        providers: Of the models, by name; they say how much they allow.
        concurrency: Documents in flight.
    """

    speeds: Mapping[str, Speed] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)
    concurrency: int = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """The calls of one model in a stage, and their tokens all together."""

    model: Model
    calls: float
    prompt_tokens: float
    billed_tokens: float


def run_seconds(
    asked: Iterable[Asked], documents: float, pace: Pace, *, wait: float = 1.0
) -> float:
    """Seconds of a run: what its calls take side by side, or what the limits allow if less.

    Args:
        asked: The calls, by stage and model.
        documents: Documents that are read.
        pace: Speeds, limits and documents in flight.
        wait: How many times as long as usual a call takes.
    """
    in_turn = 0.0
    working: defaultdict[str, float] = defaultdict(float)
    requests: defaultdict[tuple[str, str], float] = defaultdict(float)
    tokens: defaultdict[tuple[str, str], float] = defaultdict(float)
    for one in asked:
        model = one.model
        if model.kind == "rules":
            in_turn += one.calls * _RULES_S
            continue
        speed = pace.speeds.get(model.slug, Speed())
        taken = one.calls * speed.ttft_s + one.billed_tokens / speed.tps
        working[model.provider] += wait * taken
        requests[model.provider, model.api_id] += one.calls
        tokens[model.provider, model.api_id] += one.prompt_tokens + one.billed_tokens
    allowed = [sum(working.values()) / max(1.0, min(pace.concurrency, documents))]
    for name, taken in working.items():
        provider = pace.providers.get(name)
        if provider and provider.in_flight:
            allowed.append(taken / provider.in_flight)
    for key in requests:
        provider = pace.providers.get(key[0])
        if provider and provider.requests_per_minute:
            allowed.append(requests[key] / provider.requests_per_minute * _MINUTE_S)
        if provider and provider.tokens_per_minute:
            allowed.append(tokens[key] / provider.tokens_per_minute * _MINUTE_S)
    return _START_S + documents * _PARSE_S + in_turn + max(allowed)
