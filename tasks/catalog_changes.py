"""What changed between two catalogs, and what does that do to each role?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from llms.catalog import Catalog, CatalogModel
from llms.ranking import Ranking, rank
from llms.roles import RoleSpec, demands_of
from llms.scales import WRITTEN_FOR, ScaleError, detect, require_linked
from schemas.roles import Role
from schemas.scales import INDICES, Index, ScaleChange
from tasks.catalogs import Snapshot, embedded_snapshot
from tasks.model_history import POINTS, PRICES, differs

_FACTS = (
    *("api_id", "effort", "context_window", "max_output", "structured_output", "tool_call"),
    *("logprobs", "image_input", "reasoning", "open_weights", "release_date"),
)

COMPARED = (*PRICES, *POINTS, *_FACTS)
"""Figures that are compared: what lasts. Speeds are measured anew every day; how talkative a model
is shows in the expected cost of the roles."""


@dataclass(frozen=True, slots=True)
class FigureChange:
    """A figure of a model that both catalogs list; null is what nobody published."""

    slug: str
    figure: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class RoleState:
    """A role under one catalog.

    Attributes:
        spec: What the role demands, thresholds on this catalog's scale; null where they cannot be
            carried over.
        candidates: How many models can play it.
        first: The one that is chosen; null without candidates.
        call_usd: Expected cost of one of its calls.
    """

    spec: RoleSpec | None
    candidates: int = 0
    first: str | None = None
    call_usd: float | None = None


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What becomes of a role.

    Attributes:
        role: The role.
        before: Under the earlier catalog.
        after: Under the later one.
        why: Why the first choice is another; null where it is not.
    """

    role: Role
    before: RoleState
    after: RoleState
    why: str | None


@dataclass(frozen=True, slots=True)
class CatalogChanges:
    """What changed between two catalogs.

    Attributes:
        added: Models that only the later one lists, the most intelligent first.
        removed: Models that only the earlier one lists, likewise.
        figures: Changed figures of models in both, but for points of an index that was re-based.
        rebased: Indices that were re-based: all of their points are others.
        roles: What becomes of each role, in the order of the design.
        notes: What else a reader should know.
    """

    added: tuple[CatalogModel, ...]
    removed: tuple[CatalogModel, ...]
    figures: tuple[FigureChange, ...]
    rebased: tuple[ScaleChange, ...]
    roles: tuple[RoleChange, ...]
    notes: tuple[str, ...]


def compare_catalogs(before: Snapshot, after: Snapshot) -> CatalogChanges:
    """Compare two catalogs, model by model and role by role.

    Roles are filled from all models of each catalog, whoever serves them.
    """
    notes = [*before.notes, *after.notes]
    old = {model.slug: model for model in before.catalog.models}
    new = {model.slug: model for model in after.catalog.models}
    rebased, unclear = _rebased(before.catalog, after.catalog, notes)
    passed_over = {change.index for change in rebased} | unclear
    figures = tuple(
        FigureChange(slug, figure, getattr(old[slug], figure), getattr(model, figure))
        for slug, model in new.items()
        if slug in old
        for figure in COMPARED
        if figure not in passed_over and differs(old[slug], model, figure)
    )
    return CatalogChanges(
        added=_best_first([model for slug, model in new.items() if slug not in old]),
        removed=_best_first([model for slug, model in old.items() if slug not in new]),
        figures=figures,
        rebased=rebased,
        roles=_role_changes(before.catalog, after.catalog, notes),
        notes=tuple(dict.fromkeys(notes)),
    )


def on_known_scale(catalog: Catalog) -> Catalog:
    """A catalog with the re-basings that lead from the thresholds' scale to its points.

    Where it does not say so itself, as an archive, its points are compared with those of the
    embedded catalog, which stand on that scale.

    Raises:
        ScaleError: Too few models are scored in both.
    """
    try:
        require_linked(catalog.models, catalog.scales)
    except ScaleError:
        pass
    else:
        return catalog
    changes = tuple(
        change
        for index in INDICES
        if (change := _detected(embedded_snapshot().catalog, catalog, index, WRITTEN_FOR))
    )
    label = changes[-1].new_version if changes else WRITTEN_FOR
    models = tuple(replace(model, index_version=label) for model in catalog.models)
    return replace(catalog, models=models, scales=changes)


def _rebased(
    before: Catalog, after: Catalog, notes: list[str]
) -> tuple[tuple[ScaleChange, ...], set[Index]]:
    """The re-based indices, and those of which nobody can tell."""
    found: list[ScaleChange] = []
    unclear: set[Index] = set()
    for index in INDICES:
        try:
            change = _detected(before, after, index, _version(before))
        except ScaleError as error:
            unclear.add(index)
            notes.append(f"{index} points are not compared: {error}")
            continue
        if change is not None:
            found.append(change)
    return tuple(found), unclear


def _detected(before: Catalog, after: Catalog, index: Index, version: str) -> ScaleChange | None:
    return detect(
        before.models,
        after.models,
        index,
        found_on=date.fromisoformat(after.version),
        old_version=version,
        new_version=_version(after),
    )


def _version(catalog: Catalog) -> str:
    return Counter(model.index_version for model in catalog.models).most_common(1)[0][0]


def _best_first(models: Sequence[CatalogModel]) -> tuple[CatalogModel, ...]:
    return tuple(sorted(models, key=lambda m: (-(m.intelligence or 0.0), m.slug)))


def _role_changes(before: Catalog, after: Catalog, notes: list[str]) -> tuple[RoleChange, ...]:
    old, new = _rankings(before, notes), _rankings(after, notes)
    changes: list[RoleChange] = []
    for role in Role:
        was, now = _state(old.get(role)), _state(new.get(role))
        why = None
        if was.first is not None and was.first != now.first and role in new:
            why = _why(was.first, new[role], after)
        changes.append(RoleChange(role, was, now, why))
    return tuple(changes)


def _rankings(catalog: Catalog, notes: list[str]) -> dict[Role, Ranking]:
    """The rankings of all roles; none where thresholds cannot be carried over."""
    try:
        placed = on_known_scale(catalog)
        demands = demands_of(placed)
    except ScaleError as error:
        notes.append(f"roles under the catalog of {catalog.version}: {error}")
        return {}
    if placed is catalog:
        notes += [f"catalog of {catalog.version}: {note}" for note in demands.notes]
    else:
        notes += [_placing(catalog, change) for change in placed.scales]
    return {role: rank(role, placed.models, spec=demands.specs[role]) for role in Role}


def _placing(catalog: Catalog, change: ScaleChange) -> str:
    return (
        f"catalog of {catalog.version}: thresholds were carried over to its {change.index} points "
        f"by {change.moved} models that the embedded catalog scores as well; nine in ten of them "
        f"lie within {change.spread:.1f} points of the map"
    )


def _state(ranking: Ranking | None) -> RoleState:
    if ranking is None:
        return RoleState(None)
    if not ranking.candidates:
        return RoleState(ranking.spec)
    first = ranking.candidates[0]
    return RoleState(ranking.spec, len(ranking.candidates), first.model.slug, first.call_usd)


def _why(slug: str, ranking: Ranking, catalog: Catalog) -> str:
    """Why a model is no longer the first choice."""
    for place, candidate in enumerate(ranking.candidates, start=1):
        if candidate.model.slug == slug:
            return f"{slug} is now number {place}: {candidate.reason}"
    for entry in ranking.left_out:
        if entry.model.slug == slug:
            return f"{slug}: {entry.reason}"
    return f"{slug} is not listed on {catalog.version}"
