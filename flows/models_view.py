"""What do `docmill models` show: rankings with their reasons, and a model with all its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flows.query_output import plain_text
from llms.catalog import COLUMNS, Catalog, CatalogModel, load_catalog
from llms.pricing import Talkativeness
from llms.providers import OPENAI, OPENROUTER, PROFILES, UnknownProfileError, default_profile
from llms.providers import serves as profile_serves
from llms.roles import ROLES, RULES, Candidate, Ranking, rank
from schemas.roles import Role

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RankedRoles:
    """The rankings of all roles.

    Attributes:
        catalog: The catalog they are made from.
        profile: The profile that was asked for.
        shown: The profile whose models are ranked: offline and local models stand in no catalog,
            and what they stand in for is shown instead.
        rankings: One per role, in the order of the design.
    """

    catalog: Catalog
    profile: str
    shown: str
    rankings: tuple[Ranking, ...]


def ranked_roles(profile: str | None, env: Mapping[str, str]) -> RankedRoles:
    """Rank the catalog's models for every role, for a profile or for the one whose key is set.

    Raises:
        UnknownProfileError: The profile does not exist.
    """
    catalog = load_catalog()
    chosen = profile or default_profile(env)
    if chosen not in PROFILES:
        raise UnknownProfileError.of(chosen)
    shown = chosen if chosen in {OPENAI, OPENROUTER} else OPENROUTER
    rankings = tuple(
        rank(
            role, catalog.models, is_served=lambda row: profile_serves(shown, row), served_by=shown
        )
        for role in Role
    )
    return RankedRoles(catalog, chosen, shown, rankings)


def roles_text(ranked: RankedRoles, *, explain: bool) -> str:
    """The rankings as tables; with `explain` every model, and why it is left out."""
    parts = [_ranking_text(ranking, explain=explain) for ranking in ranked.rankings]
    if ranked.shown != ranked.profile:
        parts.append(
            f"The profile {ranked.profile} does not use this ranking; "
            f"it shows what {ranked.shown} would use."
        )
    return "\n".join([*parts, ranked.catalog.attribution])


def roles_object(ranked: RankedRoles, *, explain: bool) -> dict[str, Any]:
    """The rankings as one JSON object."""
    catalog = ranked.catalog
    return {
        "catalog": {
            "version": catalog.version,
            "sha256": catalog.sha256,
            "source": catalog.attribution,
        },
        "profile": ranked.profile,
        "ranked_for": ranked.shown,
        "roles": {r.role.value: _ranking_object(r, explain=explain) for r in ranked.rankings},
    }


def model_objects(name: str) -> list[dict[str, Any]]:
    """Everything known of the models called `name`, and their place in each role.

    Raises:
        UnknownModelError: Nothing is called so.
    """
    catalog = load_catalog()
    return [_model_object(catalog, model) for model in catalog.find(name)]


def models_text(found: Sequence[Mapping[str, Any]]) -> str:
    """The same as tables of figures and of places."""
    parts: list[str] = []
    for entry in found:
        figures = [(name, _figure(value)) for name, value in entry.items() if name != "roles"]
        parts += [plain_text(("figure", "value"), figures), ""]
        parts += [plain_text(("role", "place"), list(entry["roles"].items())), ""]
    return "\n".join([*parts, load_catalog().attribution])


def _ranking_text(ranking: Ranking, *, explain: bool) -> str:
    spec = ranking.spec
    coding = "" if spec.min_coding is None else f", coding >= {spec.min_coding:g}"
    shape = f"{spec.shape.prompt_tokens:,} + {spec.shape.answer_tokens:,} tokens"
    candidates = ranking.candidates if explain else ranking.candidates[:_SHOWN]
    lines = [
        f"{ranking.role.value}: intelligence >= {spec.min_intelligence:g}{coding}; "
        f"by {spec.priority.value}",
        f"  {RULES[spec.priority]}; a call is {shape}",
        "",
        plain_text(
            ("#", "model", "intelligence", "coding", "input", "output", "thinking", "why"),
            [(i, *_cells(c)) for i, c in enumerate(candidates, start=1)],
        ),
    ]
    more = len(ranking.candidates) - len(candidates)
    if more:
        lines.append(f"... and {more} more; --explain shows every model")
    if explain:
        rows = [(entry.model.slug, entry.reason) for entry in ranking.left_out]
        lines += ["", plain_text(("left out", "first reason"), rows)]
    return "\n".join([*lines, ""])


def _cells(candidate: Candidate) -> tuple[Any, ...]:
    model = candidate.model
    return (
        model.slug,
        model.intelligence,
        model.coding,
        model.input_price,
        model.output_price,
        f"x{candidate.thinking_factor:.1f}",
        candidate.reason,
    )


def _ranking_object(ranking: Ranking, *, explain: bool) -> dict[str, Any]:
    spec = ranking.spec
    found: dict[str, Any] = {
        "min_intelligence": spec.min_intelligence,
        "min_coding": spec.min_coding,
        "priority": spec.priority.value,
        "rule": RULES[spec.priority],
        "prompt_tokens": spec.shape.prompt_tokens,
        "answer_tokens": spec.shape.answer_tokens,
        "ranked": [
            _candidate_object(place, candidate)
            for place, candidate in enumerate(ranking.candidates, start=1)
        ],
    }
    if explain:
        found["left_out"] = [
            {"slug": entry.model.slug, "reason": entry.reason} for entry in ranking.left_out
        ]
    return found


def _candidate_object(place: int, candidate: Candidate) -> dict[str, Any]:
    model = candidate.model
    return {
        "place": place,
        "slug": model.slug,
        "name": model.name,
        "api_id": model.api_id,
        "effort": model.effort,
        "intelligence": model.intelligence,
        "coding": model.coding,
        "input_price": model.input_price,
        "output_price": model.output_price,
        "thinking_factor": candidate.thinking_factor,
        "thinking_is_measured": candidate.is_measured,
        "call_usd": round(candidate.call_usd, 8),
        "margin": candidate.margin,
        "why": candidate.reason,
    }


def _model_object(catalog: Catalog, model: CatalogModel) -> dict[str, Any]:
    """Everything known of a model, and per role its place or the reason why it has none."""
    found = {column.name: getattr(model, column.name) for column in COLUMNS}
    found["thinking_factor"] = Talkativeness.of(catalog.models).factor(model)
    found["roles"] = {role.value: _place(role, catalog, model) for role in ROLES}
    return found


def _place(role: Role, catalog: Catalog, model: CatalogModel) -> str:
    ranking = rank(role, catalog.models)
    for place, candidate in enumerate(ranking.candidates, start=1):
        if candidate.model == model:
            return f"{place} of {len(ranking.candidates)}: {candidate.reason}"
    return next(entry.reason for entry in ranking.left_out if entry.model == model)


def _figure(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return None if value is None else str(value)
