"""Was an index re-based, and what are points of the old scale worth on the new one?

Models are re-measured and corrected one by one all the time; a re-basing moves nearly all of them
on the same day. `detect` tells the two apart by a majority: an alarm goes off when more than half
of the models that two snapshots share have moved. A source that corrects a share p < 1/2 of n
shared models, each on its own, gives a false alarm with probability exp(-2 n (1/2 - p)^2) at most
(Hoeffding, "Probability inequalities for sums of bounded random variables", 1963); with the
fewest models allowed, 20, and p = 0.02, the exact binomial figure is below 1e-13.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from llms.catalog import CatalogModel
from llms.failures import CatalogError
from llms.monotone import TAIL, agreement, along, fit
from schemas.scales import INDICES, Index, Knot, ScaleChange

WRITTEN_FOR = "2026-06"
"""Index version that the thresholds of `llms.roles` are written for."""

MOVED = 0.15
"""Points from which on a score counts as moved; sources that round to a tenth differ by less."""

FEWEST_SHARED = 20
"""Models that two snapshots must share before a re-basing can be told from corrections."""

_LEAST_AGREEMENT = 0.25
"""Rank correlation (Kendall) of old and new points below which there is no map: where fewer than
half of the models follow one, two models picked at random both do in less than a quarter."""


class ScaleError(CatalogError):
    """An index changed its scale and the thresholds cannot be carried over; nothing is selected."""

    @classmethod
    def of(cls, index: Index, old_version: str, new_version: str, why: str) -> Self:
        """Build the error; `why` says in a clause what is missing."""
        return cls(
            f"the thresholds cannot be carried over from {index} index {old_version!r} to "
            f"{new_version!r}: {why}; name the models of each role under `models` in the job, or "
            f"use a catalog on the scale {old_version!r}"
        )


@dataclass(frozen=True, slots=True)
class Movement:
    """How the scores of the models that two snapshots share have moved.

    Attributes:
        shared: Models that both snapshots score.
        moved: Old and new points of those that moved, lowest old points first.
    """

    shared: int
    moved: tuple[tuple[float, float], ...]

    @property
    def is_rebasing(self) -> bool:
        """Whether most of the shared models moved."""
        return 2 * len(self.moved) > self.shared


@dataclass(frozen=True, slots=True)
class Carried:
    """Points of an old scale on the newest one.

    Attributes:
        points: What they are worth, to a tenth of a point.
        low: Lower end of the 90 % interval.
        high: Upper end of it.
        via: Index versions passed through, the one the points were written for first; a single
            one means that nothing was re-based.
        is_extrapolated: Whether they lie beyond every model that was scored on both scales.
    """

    points: float
    low: float
    high: float
    via: tuple[str, ...]
    is_extrapolated: bool = False


def movement(
    old_models: Collection[CatalogModel], new_models: Collection[CatalogModel], index: Index
) -> Movement:
    """Compare the scores of the models (by slug) that both snapshots score on an index."""
    before = {model.slug: getattr(model, index) for model in old_models}
    pairs: list[tuple[float, float]] = []
    shared = 0
    for model in new_models:
        old, new = before.get(model.slug), getattr(model, index)
        if old is not None and new is not None:
            shared += 1
            if abs(new - old) > MOVED:
                pairs.append((old, new))
    return Movement(shared, tuple(sorted(pairs)))


def detect(
    old_models: Collection[CatalogModel],
    new_models: Collection[CatalogModel],
    index: Index,
    *,
    found_on: date,
    old_version: str,
    new_version: str | None = None,
) -> ScaleChange | None:
    """Find out whether an index was re-based between two snapshots.

    Models whose score did not move take no part in the map (`llms.monotone`): on the day of a
    re-basing they are those that have not been scored anew, or were the day before.

    Args:
        old_models: The earlier snapshot.
        new_models: The later one.
        index: The index to look at.
        found_on: Day of the later snapshot.
        old_version: Index version of the earlier snapshot.
        new_version: The one that the later snapshot claims. Where it claims none, or the old one,
            a re-basing is named after its day.

    Returns:
        The re-basing; null when there was none, and the later points stand on the old scale
        whatever version they claim.

    Raises:
        ScaleError: The scale changed, or claims to have, but too few models are scored on both,
            or these are ranked so differently that no map exists.
    """
    found = movement(old_models, new_models, index)
    is_relabelled = new_version is not None and new_version != old_version
    label = new_version if new_version and is_relabelled else found_on.isoformat()
    if found.shared < FEWEST_SHARED:
        if is_relabelled or found.is_rebasing:
            why = f"only {found.shared} models have a score on both, {FEWEST_SHARED} are needed"
            raise ScaleError.of(index, old_version, label, why)
        return None
    if not found.is_rebasing:
        return None
    knots = _knots(found.moved)
    correlation = agreement(found.moved)
    if correlation < _LEAST_AGREEMENT or knots[-1].new <= knots[0].new:
        why = (
            f"it ranks the {found.shared} models with a score on both in another order "
            f"(rank correlation {correlation:.2f})"
        )
        raise ScaleError.of(index, old_version, label, why)
    return ScaleChange(
        index=index,
        old_version=old_version,
        new_version=label,
        found_on=found_on,
        knots=knots,
        shared=found.shared,
        moved=len(found.moved),
        spread=_spread(found.moved, knots),
    )


def carry(
    points: float,
    index: Index,
    scales: Sequence[ScaleChange],
    *,
    written_for: str = WRITTEN_FOR,
) -> Carried:
    """Carry points of an old scale over to the newest one, through every re-basing in between.

    Args:
        points: Points on the scale `written_for`.
        index: The index they are points of.
        scales: Re-basings since then, oldest first; those of the other index are passed over.
        written_for: Index version that the points belong to.

    Returns:
        The points themselves, sure to the last digit, where the index was not re-based.
    """
    value = low = high = points
    via = [written_for]
    is_extrapolated = False
    for change in scales:
        if change.index != index:
            continue
        is_extrapolated |= not change.knots[0].old <= value <= change.knots[-1].old
        low, value, high = _at(change, low)[0], _at(change, value)[1], _at(change, high)[2]
        via.append(change.new_version)
    if len(via) == 1:
        return Carried(points, points, points, (written_for,))
    return Carried(round(value, 1), round(low, 1), round(high, 1), tuple(via), is_extrapolated)


def restate(models: Iterable[CatalogModel], change: ScaleChange) -> tuple[CatalogModel, ...]:
    """Models of an older snapshot, scored as the new scale would score them; estimates."""
    found: list[CatalogModel] = []
    for model in models:
        old = getattr(model, change.index)
        new = None if old is None else round(_at(change, old)[1], 1)
        if change.index == "intelligence":
            restated = replace(model, intelligence=new)
        else:
            restated = replace(model, coding=new)
        found.append(replace(restated, index_version=change.new_version))
    return tuple(found)


def with_withdrawn_scores(
    published: Iterable[CatalogModel],
    before: Iterable[CatalogModel],
    changes: Iterable[ScaleChange] = (),
) -> tuple[CatalogModel, ...]:
    """The models of a snapshot, with the last known scores of those that lost one.

    A re-basing may leave models that were not measured anew without a score. Their last one,
    restated, stands in for it until another is published. Such stand-ins are estimates: compare
    snapshots (`detect`) by what was published.

    Args:
        published: The models of the later snapshot; those listed no more do not come back.
        before: Those of the earlier one, its own stand-ins included.
        changes: Re-basings between the two.
    """
    for change in changes:
        before = restate(before, change)
    known = {model.slug: model for model in before}
    found: list[CatalogModel] = []
    for model in published:
        last = known.get(model.slug, model)
        intelligence = last.intelligence if model.intelligence is None else model.intelligence
        coding = last.coding if model.coding is None else model.coding
        found.append(replace(model, intelligence=intelligence, coding=coding))
    return tuple(found)


def require_linked(
    models: Iterable[CatalogModel],
    scales: Sequence[ScaleChange],
    *,
    written_for: str = WRITTEN_FOR,
) -> None:
    """Make sure that every score stands on the scale that thresholds are carried over to.

    Raises:
        ScaleError: A model is scored on a version to which no re-basing leads.
    """
    newest = scales[-1].new_version if scales else written_for
    for model in models:
        for index in INDICES:
            if getattr(model, index) is not None and model.index_version != newest:
                why = f"nothing says how the points of {model.slug!r} compare"
                raise ScaleError.of(index, newest, model.index_version, why)


def describe(
    points: Sequence[float],
    index: Index,
    scales: Sequence[ScaleChange],
    *,
    written_for: str = WRITTEN_FOR,
) -> str | None:
    """Say what became of thresholds, and how sure; null where the index was not re-based.

    Args:
        points: Thresholds on the scale `written_for`.
        index: The index they are thresholds of.
        scales: Re-basings since then, oldest first.
        written_for: Index version that the thresholds were written for.
    """
    changes = [change for change in scales if change.index == index]
    if not changes or not points:
        return None
    carried = [carry(value, index, scales, written_for=written_for) for value in points]
    found = " and ".join(
        f"on {change.found_on} ({change.moved} of {change.shared} shared models moved)"
        for change in changes
    )
    became = "; ".join(
        f"{value:g} became {one.points:g} ({one.low:g} to {one.high:g})"
        for value, one in zip(points, carried, strict=True)
    )
    beyond = [f"{v:g}" for v, one in zip(points, carried, strict=True) if one.is_extrapolated]
    verbs = ("lies", "is") if len(beyond) == 1 else ("lie", "are")
    extrapolated = (
        f"; {' and '.join(beyond)} {verbs[0]} beyond every model scored on both scales and "
        f"{verbs[1]} extrapolated"
        if beyond
        else ""
    )
    spread = max(change.spread for change in changes)
    return (
        f"The {index} index was re-based {found}. Thresholds written for its version "
        f"{written_for} were carried over to {changes[-1].new_version}, with 90 % intervals: "
        f"{became}{extrapolated}. Nine in ten models lie within {spread:.1f} points of the map."
    )


def _knots(pairs: Sequence[tuple[float, float]]) -> tuple[Knot, ...]:
    return tuple(Knot(old=old, new=new, low=low, high=high) for old, new, low, high in fit(pairs))


def _at(change: ScaleChange, old: float) -> tuple[float, float, float]:
    """Low end, value and high end of old points on the new scale."""
    knots = change.knots
    value = along([(knot.old, knot.new) for knot in knots], old)
    if knots[0].old <= old <= knots[-1].old:
        low = along([(knot.old, knot.low) for knot in knots], old)
        high = along([(knot.old, knot.high) for knot in knots], old)
        return low, value, high
    end = knots[0] if old < knots[0].old else knots[-1]
    # Nothing was measured out here: as unsure as the end of the map or a single model.
    below, above = max(end.new - end.low, change.spread), max(end.high - end.new, change.spread)
    return value - below, value, value + above


def _spread(pairs: Sequence[tuple[float, float]], knots: Sequence[Knot]) -> float:
    line = [(knot.old, knot.new) for knot in knots]
    beside = sorted(abs(new - along(line, old)) for old, new in pairs)
    return beside[math.ceil((1 - 2 * TAIL) * len(beside)) - 1]
