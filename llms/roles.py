"""Which models can play a role, in which order, and why not the others?"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from llms.catalog import CatalogModel
from llms.pricing import Talkativeness, expected_call_usd
from schemas.roles import Model, Role


class Priority(StrEnum):
    """What decides between two models that are both good enough; see `RULES`."""

    CAPABILITY = "capability"
    BALANCE = "balance"
    RELIABILITY = "reliability"
    COST = "cost"


COMFORTABLE_MARGIN = 5.0
"""Index points above every threshold at which a model counts as reliable. Chosen, not measured: so
much room that a small correction of an index does not put the model below a threshold."""

RULES: dict[Priority, str] = {
    Priority.CAPABILITY: "the most intelligent first, the cheaper call where two are equal",
    Priority.BALANCE: (
        "models that no other one beats in both cost per call and intelligence first, and among "
        "them the knee: where the share of the intelligence range gained exceeds the share of the "
        "range of cost (logarithmic) spent by most"
    ),
    Priority.RELIABILITY: (
        f"models at least {COMFORTABLE_MARGIN:g} points above every threshold first, the cheapest "
        "call among them; then the rest, the widest margin first"
    ),
    Priority.COST: "the cheapest call first, the more intelligent where two are equal",
}


@dataclass(frozen=True, slots=True)
class CallShape:
    """The usual size of a role's call, in tokens: all of the prompt, and the answer itself."""

    prompt_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """What a role demands.

    Attributes:
        min_intelligence: Points on the intelligence index, at least.
        min_coding: Points on the coding index, at least; null demands nothing.
        priority: What decides between models that are good enough.
        shape: The usual size of a call, by which models are priced.
    """

    min_intelligence: float
    min_coding: float | None
    priority: Priority
    shape: CallShape


ROLES: dict[Role, RoleSpec] = {
    Role.ORCHESTRATOR: RoleSpec(55, 45, Priority.CAPABILITY, CallShape(6000, 1500)),
    Role.REASONING_WORKER: RoleSpec(45, None, Priority.BALANCE, CallShape(1500, 250)),
    Role.TOOL_WORKER: RoleSpec(40, 40, Priority.RELIABILITY, CallShape(3000, 400)),
    Role.EXTRACTION_WORKER: RoleSpec(30, None, Priority.COST, CallShape(3000, 500)),
    Role.FORMATTING_WORKER: RoleSpec(25, None, Priority.COST, CallShape(1200, 30)),
}
"""Thresholds on the scale of index version 2026-06, as the design states them. Call shapes: a
document of 2,000 tokens with its instructions and schema for extraction; two fields with their
surroundings for the reasoning worker; the first 3,000 characters for routing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that can play a role.

    Attributes:
        model: The catalog row.
        thinking_factor: Output tokens billed per answer token.
        is_measured: Whether the factor rests on this model's own figure.
        call_usd: Expected cost of one call of the role's usual size.
        margin: Points above the threshold it is closest to.
        reason: Why it stands where it stands.
    """

    model: CatalogModel
    thinking_factor: float
    is_measured: bool
    call_usd: float
    margin: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that cannot play a role, and the first reason."""

    model: CatalogModel
    reason: str


@dataclass(frozen=True, slots=True)
class Ranking:
    """Every model of a catalog for one role: the ones that can play it, best first, and the rest.

    `left_out` stands in the order of intelligence, the best first.
    """

    role: Role
    spec: RoleSpec
    candidates: tuple[Candidate, ...]
    left_out: tuple[LeftOut, ...]


def rank(
    role: Role,
    models: Sequence[CatalogModel],
    *,
    shape: CallShape | None = None,
    is_served: Callable[[CatalogModel], bool] = lambda _: True,
    served_by: str = "this profile",
) -> Ranking:
    """Rank the models of a catalog for a role.

    The order is total (slugs break what is still equal) and depends on nothing but the arguments.

    Args:
        role: The role.
        models: Every model of the catalog; talkativeness is learned from all of them.
        shape: Size of the role's call; null takes the usual one.
        is_served: Whether a model can be had at all.
        served_by: Who would serve it, for the reason of those that cannot be had.
    """
    spec = ROLES[role]
    shape = shape or spec.shape
    talk = Talkativeness.of(models)
    candidates: list[Candidate] = []
    left_out: list[LeftOut] = []
    for model in models:
        reason = why_not(model, spec, shape)
        if reason is None and not is_served(model):
            reason = f"not served by {served_by}"
        if reason is None:
            candidates.append(_candidate(model, spec, shape, talk))
        else:
            left_out.append(LeftOut(model, reason))
    order = _ORDERS[spec.priority]
    left_out.sort(key=lambda entry: (-(entry.model.intelligence or 0.0), entry.model.slug))
    return Ranking(role, spec, tuple(order(candidates)), tuple(left_out))


def why_not(model: CatalogModel, spec: RoleSpec, shape: CallShape | None = None) -> str | None:
    """The first reason why a model cannot play a role, or null when it can."""
    if model.intelligence is None:
        return "intelligence unknown"
    if model.intelligence < spec.min_intelligence:
        return f"intelligence {model.intelligence:g} below {spec.min_intelligence:g}"
    if spec.min_coding is not None and model.coding is None:
        return "coding unknown"
    if spec.min_coding is not None and (model.coding or 0.0) < spec.min_coding:
        return f"coding {model.coding:g} below {spec.min_coding:g}"
    if model.price is None:
        return "price unknown"
    shape = shape or spec.shape
    room = shape.prompt_tokens + shape.answer_tokens
    if model.context_window is None:
        return "context window unknown"
    if model.context_window < room:
        return f"context window {model.context_window:,} below {room:,} tokens"
    return None


def as_model(
    row: CatalogModel, talk: Talkativeness, *, provider: str, api_id: str | None = None
) -> Model:
    """A catalog row as a model that can be called at a provider, at the catalog's prices."""
    return Model(
        slug=row.slug,
        name=row.name,
        creator=row.creator,
        provider=provider,
        api_id=api_id or row.api_id,
        effort=row.effort,
        input_price=row.input_price,
        output_price=row.output_price,
        context_window=row.context_window,
        thinking_factor=talk.factor(row),
    )


def one_per_model(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The best placed effort of each model: one model at two efforts cannot fail over to itself."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.model.api_id, candidate)
    return tuple(best.values())


def _candidate(
    model: CatalogModel, spec: RoleSpec, shape: CallShape, talk: Talkativeness
) -> Candidate:
    priced = as_model(model, talk, provider="catalog")
    margins = [(model.intelligence or 0.0) - spec.min_intelligence]
    if spec.min_coding is not None:
        margins.append((model.coding or 0.0) - spec.min_coding)
    return Candidate(
        model=model,
        thinking_factor=priced.thinking_factor,
        is_measured=model.index_output_mtok is not None,
        call_usd=expected_call_usd(priced, shape.prompt_tokens, shape.answer_tokens),
        margin=round(min(margins), 3),
    )


def _intelligence(candidate: Candidate) -> float:
    return candidate.model.intelligence or 0.0


def _cost(candidate: Candidate) -> str:
    guess = "" if candidate.is_measured else ", talkativeness assumed"
    thousand = 1000 * candidate.call_usd
    return f"${thousand:,.{2 if thousand < 100 else 0}f} per 1,000 calls{guess}"


def _by_cost(candidates: Sequence[Candidate]) -> list[Candidate]:
    ranked = sorted(candidates, key=lambda c: (c.call_usd, -_intelligence(c), c.model.slug))
    return [replace(c, reason=_cost(c)) for c in ranked]


def _by_capability(candidates: Sequence[Candidate]) -> list[Candidate]:
    ranked = sorted(candidates, key=lambda c: (-_intelligence(c), c.call_usd, c.model.slug))
    return [replace(c, reason=f"intelligence {_intelligence(c):g}; {_cost(c)}") for c in ranked]


def _by_reliability(candidates: Sequence[Candidate]) -> list[Candidate]:
    def key(c: Candidate) -> tuple[bool, float, float, str]:
        is_narrow = c.margin < COMFORTABLE_MARGIN
        return is_narrow, -c.margin if is_narrow else 0.0, c.call_usd, c.model.slug

    ranked = sorted(candidates, key=key)
    return [
        replace(c, reason=f"{c.margin:.1f} points above its thresholds; {_cost(c)}") for c in ranked
    ]


def _by_balance(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Front by front (Pareto), and on each front the farthest above the chord of the first."""
    ranked: list[Candidate] = []
    left = sorted(candidates, key=lambda c: (c.call_usd, -_intelligence(c), c.model.slug))
    height = _above_chord(pareto_front(left))
    number = 0
    while left:
        number += 1
        front = pareto_front(left)
        front.sort(key=lambda c: (-height(c), c.call_usd, c.model.slug))
        place = "on the front" if number == 1 else f"beaten, front {number}"
        for c in front:
            is_knee = not ranked
            where = "the knee of the front" if is_knee else place
            reason = f"{where}; intelligence {_intelligence(c):g}; {_cost(c)}"
            ranked.append(replace(c, reason=reason))
        on_front = {c.model.slug for c in front}
        left = [c for c in left if c.model.slug not in on_front]
    return ranked


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other one beats: none is as cheap and as intelligent, and better in
    one of the two. Cheapest first; of equals in both, all."""
    ranked = sorted(candidates, key=lambda c: (c.call_usd, -_intelligence(c), c.model.slug))
    front: list[Candidate] = []
    for c in ranked:
        last = front[-1] if front else None
        is_equal = last is not None and (
            (last.call_usd, _intelligence(last)) == (c.call_usd, _intelligence(c))
        )
        if last is None or _intelligence(c) > _intelligence(last) or is_equal:
            front.append(c)
    return front


def _above_chord(front: Sequence[Candidate]) -> Callable[[Candidate], float]:
    """How far a candidate stands above the line from a front's cheap end to its clever end.

    Cost is logarithmic: the step from one cent to two weighs as much as that from one dollar to
    two. Both axes run from 0 to 1 over the front.
    """
    if not front:
        return lambda _: 0.0
    costs = [_log_cost(c) for c in front]
    points = [_intelligence(c) for c in front]
    cost_range = max(costs) - min(costs) or 1.0
    point_range = max(points) - min(points) or 1.0

    def height(c: Candidate) -> float:
        gained = (_intelligence(c) - min(points)) / point_range
        spent = (_log_cost(c) - min(costs)) / cost_range
        return round(gained - spent, 9)

    return height


def _log_cost(candidate: Candidate) -> float:
    # Free calls exist (a model of one's own); a logarithm needs a floor, far below any real price.
    return math.log(max(candidate.call_usd, 1e-9))


_ORDERS: dict[Priority, Callable[[Sequence[Candidate]], list[Candidate]]] = {
    Priority.CAPABILITY: _by_capability,
    Priority.BALANCE: _by_balance,
    Priority.RELIABILITY: _by_reliability,
    Priority.COST: _by_cost,
}
