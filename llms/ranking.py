"""Which models of a catalog can play a role, in which order, and why not the others?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llms.catalog import CatalogModel
from llms.experience import NOTHING_KNOWN, Experience, Ledger
from llms.pricing import Talkativeness, as_model, cached_part, expected_call_usd
from llms.priorities import Candidate, ordered
from llms.roles import ROLES, CallShape, RoleSpec
from schemas.job import Allow
from schemas.roles import Role


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
    spec: RoleSpec | None = None,
    shape: CallShape | None = None,
    allow: Allow | None = None,
    ledger: Ledger | None = None,
    talk: Talkativeness | None = None,
    lane: str = "standard",
    is_served: Callable[[CatalogModel], bool] = lambda _: True,
    served_by: str = "this profile",
) -> Ranking:
    """Rank the models of a catalog for a role.

    The order is total (slugs break what is still equal) and depends on nothing but the arguments.

    Args:
        role: The role.
        models: The models of a catalog.
        spec: What the role demands, where thresholds were carried over (`llms.roles.demands_of`);
            null takes them as written.
        shape: Size of the role's calls in a job; null takes the usual one.
        allow: Which models may be used at all; null allows all.
        ledger: What own calls say of models in roles.
        talk: The talkativeness of the catalog; null learns it from `models`.
        lane: In which lane calls are priced.
        is_served: Whether a model can be had at all.
        served_by: Who would serve it, for the reason of those that cannot be had.
    """
    spec = replace(spec or ROLES[role], shape=shape or (spec or ROLES[role]).shape)
    talk = talk or Talkativeness.of(models)
    candidates: list[Candidate] = []
    left_out: list[LeftOut] = []
    for model in models:
        reason = why_not(model, spec)
        if reason is None and allow is not None:
            reason = why_not_allowed(model, allow)
        if reason is None and not is_served(model):
            reason = f"not served by {served_by}"
        if reason is None:
            known = (ledger or {}).get((role, model.slug), NOTHING_KNOWN)
            candidates.append(_candidate(model, spec, talk, known, lane))
        else:
            left_out.append(LeftOut(model, reason))
    left_out.sort(key=lambda entry: (-(entry.model.intelligence or 0.0), entry.model.slug))
    return Ranking(role, spec, ordered(spec.priority, candidates), tuple(left_out))


def why_not(model: CatalogModel, spec: RoleSpec) -> str | None:
    """The first reason why a model cannot play a role, or null when it can.

    Thresholds, price and window must be known. Whether a model follows a schema or calls tools is
    left out of most price lists: unknown counts as capable (every answer is validated, and a model
    that rejects the response format is asked for plain JSON), known to be incapable does not.
    """
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
    if model.context_window is None:
        return "context window unknown"
    if model.context_window < spec.shape.room:
        return f"context window {model.context_window:,} below {spec.shape.room:,} tokens"
    answer = max(spec.shape.answer_tokens, spec.shape.longest_answer)
    if model.max_output is not None and model.max_output < answer:
        return f"longest answer {model.max_output:,} below {answer:,} tokens"
    if spec.needs_structure and model.structured_output is False:
        return "no structured output"
    if spec.needs_tools and model.tool_call is False:
        return "no tool calls"
    return None


def why_not_allowed(model: CatalogModel, allow: Allow) -> str | None:
    """The first reason why a job does not allow a model, or null when it does."""
    if allow.creators and model.creator.casefold() not in {c.casefold() for c in allow.creators}:
        return f"creator {model.creator} not allowed"
    if allow.open_weights is not None and model.open_weights is not allow.open_weights:
        has = {True: "open", False: "closed", None: "unknown"}[model.open_weights]
        return f"{has} weights not allowed"
    return None


def one_per_model(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """The best placed effort of each model: one model at two efforts cannot fail over to itself."""
    best: dict[str, Candidate] = {}
    for candidate in candidates:
        best.setdefault(candidate.model.api_id, candidate)
    return tuple(best.values())


def _candidate(
    row: CatalogModel, spec: RoleSpec, talk: Talkativeness, known: Experience, lane: str
) -> Candidate:
    priced = as_model(row, talk, provider="catalog", experience=known)
    shape = spec.shape
    measured = "assumed" if row.index_output_mtok is None else "catalog"
    margins = [(row.intelligence or 0.0) - spec.min_intelligence]
    if spec.min_coding is not None:
        margins.append((row.coding or 0.0) - spec.min_coding)
    return Candidate(
        model=row,
        thinking_factor=priced.expected_factor,
        factor_from=measured if priced.own_factor is None else "own",
        call_usd=expected_call_usd(
            priced,
            shape.prompt_tokens,
            shape.answer_tokens,
            cached_tokens=cached_part(priced, shape.stable_tokens),
            lane=lane,
        ),
        margin=round(min(margins), 3),
        experience=known,
    )
