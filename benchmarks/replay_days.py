"""Which models would docmill have chosen on each day of a history, and from how many?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

from benchmarks.catalog_history import Snapshot
from llms.catalog import Catalog, CatalogModel
from llms.priorities import Candidate
from llms.ranking import Ranking, rank
from llms.roles import ROLES, demands_of
from llms.scales import WRITTEN_FOR, detect, movement, with_withdrawn_scores
from schemas.roles import Role
from schemas.scales import INDICES, Index, ScaleChange


@dataclass(frozen=True, slots=True)
class RoleDay:
    """A role on one day.

    Attributes:
        carried: The ranking with thresholds carried over, as docmill selects.
        fixed: How many candidates the thresholds as written would have left.
        published: How many candidates carried-over thresholds leave where a score that is no
            longer published counts as unknown.
    """

    carried: Ranking
    fixed: int
    published: int

    @property
    def first(self) -> Candidate | None:
        """The model that is chosen; null where none qualifies."""
        return self.carried.candidates[0] if self.carried.candidates else None

    @property
    def count(self) -> int:
        """How many candidates there are."""
        return len(self.carried.candidates)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the replay.

    Attributes:
        day: The day.
        models: The catalog of the day; scores that are no longer published are kept, restated.
        found: Re-basings found on this day.
        scales: Those found so far, oldest first.
        moved: Per index, the share of the models scored on this day and the one before that moved.
        roles: What each role could choose from.
    """

    day: date
    models: tuple[CatalogModel, ...]
    found: tuple[ScaleChange, ...]
    scales: tuple[ScaleChange, ...]
    moved: dict[Index, float]
    roles: dict[Role, RoleDay]


def replay(history: Sequence[Snapshot]) -> tuple[Day, ...]:
    """Choose models for every role on every day, knowing nothing of later days.

    The thresholds are taken as written for the scale of the first day. A model can be called
    unless it is retired: the history does not say who serves it.

    Args:
        history: The snapshots, earliest first, labelled `WRITTEN_FOR`.
    """
    days: list[Day] = []
    scales: tuple[ScaleChange, ...] = ()
    kept: tuple[CatalogModel, ...] = ()
    for before, today in pairwise((history[0], *history)):
        version = scales[-1].new_version if scales else WRITTEN_FOR
        found = rebasings(before, today, version)
        scales += found
        version = found[-1].new_version if found else version
        published = tuple(replace(model, index_version=version) for model in today.models)
        kept = with_withdrawn_scores(published, kept, found)
        roles = _roles(today, published, kept, scales)
        days.append(Day(today.day, kept, found, scales, _moved(before, today), roles))
    return tuple(days)


def _moved(before: Snapshot, today: Snapshot) -> dict[Index, float]:
    found = {index: movement(before.models, today.models, index) for index in INDICES}
    return {
        index: len(one.moved) / one.shared if one.shared else 0.0 for index, one in found.items()
    }


def rebasings(before: Snapshot, today: Snapshot, version: str) -> tuple[ScaleChange, ...]:
    """The indices that were re-based between two snapshots; `version` labels the earlier one."""
    found = (
        detect(before.models, today.models, index, found_on=today.day, old_version=version)
        for index in INDICES
    )
    return tuple(change for change in found if change is not None)


def _roles(
    today: Snapshot,
    published: Sequence[CatalogModel],
    kept: tuple[CatalogModel, ...],
    scales: tuple[ScaleChange, ...],
) -> dict[Role, RoleDay]:
    specs = demands_of(Catalog(kept, today.day.isoformat(), "", scales)).specs

    def is_offered(model: CatalogModel) -> bool:
        return model.slug not in today.retired

    return {
        role: RoleDay(
            carried=rank(role, kept, spec=specs[role], is_served=is_offered),
            fixed=len(rank(role, kept, spec=ROLES[role], is_served=is_offered).candidates),
            published=len(rank(role, published, spec=specs[role], is_served=is_offered).candidates),
        )
        for role in Role
    }
