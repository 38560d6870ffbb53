"""What does `docmill models roles` show: the rankings, with the figures behind each place?"""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from flows.query_output import plain_text
from llms.catalog import Catalog
from llms.failures import LlmError
from llms.priorities import RULES, Candidate
from llms.ranking import Ranking
from llms.resolution import choose, rank_roles, ranked_for
from llms.roles import demands_of
from schemas.job import Job
from schemas.roles import Resolution
from storage.store import Lake
from tasks.catalogs import catalog_folder, current_snapshot
from tasks.experience import experience_of

_SHOWN = 5
_WIDTH = 118


@dataclass(frozen=True, slots=True)
class RankedRoles:
    """The rankings of all roles.

    Attributes:
        catalog: The catalog they are made from.
        shown: The profile whose models are ranked: offline and local models stand in no catalog,
            and what they stand in for is shown instead.
        lane: The lane that calls are priced in.
        rankings: One per role, in the order of the design.
        resolution: Who would play the roles; null where nobody can, as `problem` says.
        problem: Why a run could not start.
        notes: What became of the thresholds, and which snapshots cannot be read.
    """

    catalog: Catalog
    shown: str
    lane: str
    rankings: tuple[Ranking, ...]
    resolution: Resolution | None
    problem: str | None
    notes: tuple[str, ...]


def ranked_roles(
    job: Job,
    env: Mapping[str, str],
    *,
    lane: str = "standard",
    lake: Lake | None = None,
    catalog: Catalog | None = None,
) -> RankedRoles:
    """Rank the catalog's models for every role of a job.

    Args:
        job: The job; its profile, else the one whose key is set.
        env: The environment.
        lane: The lane that calls are priced in.
        lake: Where own calls are learned from; null learns from none.
        catalog: A catalog in place of the one in force.

    Raises:
        UnknownProfileError: The profile does not exist.
        CatalogError: Thresholds cannot be carried over to the catalog's scale.
        LakeError: A ledger cannot be read.
    """
    notes: tuple[str, ...] = ()
    if catalog is None:
        snapshot = current_snapshot(catalog_folder(env))
        catalog, notes = snapshot.catalog, snapshot.notes
    profile = ranked_for(job, env)
    ledger = experience_of(lake) if lake is not None else {}
    rankings = rank_roles(profile, job, catalog, ledger, lane=lane)
    resolution, problem = None, None
    try:
        resolution = choose(job, env, catalog, ledger, lane=lane).resolution
        notes += resolution.notes
    except LlmError as error:
        problem = str(error)
        notes += demands_of(catalog).notes
    return RankedRoles(
        catalog, profile.name, lane, tuple(rankings.values()), resolution, problem, notes
    )


def roles_text(ranked: RankedRoles, *, explain: bool) -> str:
    """The rankings as tables; with `explain` every model, and why it is left out."""
    parts = [_ranking_text(ranking, explain=explain) for ranking in ranked.rankings]
    if (resolution := ranked.resolution) is not None:
        parts.append(f"Profile {resolution.profile}; the first is used, then its failover:")
        used = {role.value: models for role, models in resolution.roles.items()}
        for name, models in {**used, "verifier": resolution.verifiers}.items():
            listed = ", ".join(dict.fromkeys(model.slug for model in models))
            parts += wrap(
                f"  {name:<18} {listed or 'nobody: there is no other model'}",
                _WIDTH,
                subsequent_indent=" " * 21,
                break_on_hyphens=False,
            )
        if resolution.profile != ranked.shown:
            parts.append(f"The tables above show what {ranked.shown} would use in their place.")
    told = [f"note: {note}" for note in ranked.notes]
    if ranked.problem is not None:
        told.append(f"no run could start: {ranked.problem}")
    for sentence in told:
        parts += wrap(sentence, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    return "\n".join([*parts, ranked.catalog.attribution])


def roles_object(ranked: RankedRoles, *, explain: bool) -> dict[str, Any]:
    """The rankings as one JSON object."""
    catalog, resolution = ranked.catalog, ranked.resolution
    used: dict[str, Any] = {}
    if resolution is not None:
        used = {
            "roles": {r.value: [m.slug for m in models] for r, models in resolution.roles.items()},
            "verifiers": [model.slug for model in resolution.verifiers],
            "baseline": resolution.baseline and resolution.baseline.slug,
        }
    return {
        "catalog": {
            "version": catalog.version,
            "sha256": catalog.sha256,
            "source": catalog.attribution,
        },
        "profile": resolution.profile if resolution else ranked.shown,
        "ranked_for": ranked.shown,
        "lane": ranked.lane,
        "roles": {r.role.value: _ranking_object(r, explain=explain) for r in ranked.rankings},
        "used": used,
        "notes": list(ranked.notes),
        "problem": ranked.problem,
    }


def _ranking_text(ranking: Ranking, *, explain: bool) -> str:
    spec = ranking.spec
    coding = "" if spec.min_coding is None else f", coding >= {spec.min_coding:g}"
    shape = f"{spec.shape.prompt_tokens:,} + {spec.shape.answer_tokens:,} tokens"
    if spec.shape.stable_tokens:
        shape += f", {spec.shape.stable_tokens:,} of them the same in every call"
    candidates = ranking.candidates if explain else ranking.candidates[:_SHOWN]
    rule = f"{RULES[spec.priority]}; a call is {shape}, its context up to {spec.shape.room:,}"
    lines = [
        f"{ranking.role.value}: intelligence >= {spec.min_intelligence:g}{coding}; "
        f"by {spec.priority.value}",
        *wrap(rule, _WIDTH, initial_indent="  ", subsequent_indent="  "),
        "",
        plain_text(
            ("#", "model", "intell.", "coding", "$/1,000 calls", "thinking", "from", "standing"),
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
    calls = f" ({candidate.experience.answered:,})" if candidate.factor_from == "own" else ""
    return (
        candidate.model.slug,
        candidate.model.intelligence,
        candidate.model.coding,
        round(1000 * candidate.call_usd, 2),
        f"x{candidate.thinking_factor:.1f}",
        f"{candidate.factor_from}{calls}",
        candidate.standing,
    )


def _ranking_object(ranking: Ranking, *, explain: bool) -> dict[str, Any]:
    spec = ranking.spec
    found: dict[str, Any] = {
        "min_intelligence": spec.min_intelligence,
        "min_coding": spec.min_coding,
        "priority": spec.priority.value,
        "rule": RULES[spec.priority],
        "prompt_tokens": spec.shape.prompt_tokens,
        "stable_tokens": spec.shape.stable_tokens,
        "answer_tokens": spec.shape.answer_tokens,
        "longest_context": spec.shape.room,
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
    model, known = candidate.model, candidate.experience
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
        "thinking_from": candidate.factor_from,
        "own_calls": known.calls,
        "failure_rate": round(known.failure_rate, 6),
        "invalid_rate": round(known.invalid_rate, 6),
        "latency_s": known.latency_s,
        "call_usd": round(candidate.call_usd, 8),
        "margin": candidate.margin,
        "why": candidate.reason,
    }
