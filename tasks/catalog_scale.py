"""On which scale do a refreshed catalog's points stand, and do all of them stand on it?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from llms.catalog import CatalogModel
from llms.catalog_sources.merge import POINTS, Merged, Provenance, best_first, merge
from llms.catalog_sources.rows import PartialRow, Reading, Source, told
from llms.scales import detect, with_withdrawn_scores
from schemas.scales import INDICES, ScaleChange
from tasks.catalogs import Snapshot


def on_its_scale(
    last: Snapshot, merged: Merged, readings: Sequence[Reading], today: date
) -> tuple[Merged, tuple[ScaleChange, ...]]:
    """The merged catalog with all its points on one scale, and the re-basings since the last one.

    A version that a source states is only a name: as long as the models both catalogs list keep
    their scores, the scale is the old one and keeps its old name, which thresholds know. Points of
    one's own that stand on another scale are left out.

    Args:
        last: The last good catalog.
        merged: What the readings made of it.
        readings: What was read.
        today: The day of the merged catalog.

    Raises:
        ScaleError: An index was re-based, but thresholds cannot be carried over.
    """
    old = last.catalog.models
    # A stand-in was estimated, so that it says nothing about what was measured since.
    published = _without_points(last, Source.RESTATED)
    before, stated = _version(old), _stated(readings)
    changes = tuple(
        change
        for index in INDICES
        if (
            change := detect(
                published,
                merged.models,
                index,
                found_on=today,
                old_version=before,
                new_version=stated,
            )
        )
    )
    label = changes[-1].new_version if changes else before
    known = {label, stated or label}
    kept = [_on_scale(reading, known) for reading in readings]
    base = _without_points(last, Source.OWN) if changes else old
    foreign = sorted(
        str(row.figures.get("slug") or row.figures["api_id"])
        for reading in readings
        for row in reading.rows
        if _is_foreign(reading, row, known)
    ) + sorted(model.slug for model, other in zip(old, base, strict=True) if model != other)
    if foreign:
        merged = merge(base, last.provenance, kept)
    restated = with_withdrawn_scores(merged.models, base, changes)
    stand_ins = _stand_ins(last, merged.models, restated)
    models = tuple(replace(model, index_version=label) for model in best_first(restated))
    remarks = [*merged.remarks, *_told_stand_ins(stand_ins, is_restated=bool(changes))]
    if foreign:
        remarks.append(
            f"points of your own left out, not being on the scale {label}: {told(foreign)}"
        )
    if not changes and stated not in {None, before}:
        remarks.append(
            f"the source calls the scale {stated}, here it is still {before}: the models that both "
            "catalogs list have kept their scores"
        )
    provenance = merged.provenance + stand_ins
    return Merged(models, provenance, tuple(remarks)), changes


def _stand_ins(
    last: Snapshot, published: Sequence[CatalogModel], restated: Sequence[CatalogModel]
) -> tuple[Provenance, ...]:
    """Where the points come from that `restated` has and `published`, row by row, has not."""
    days = {(origin.slug, origin.column): origin.as_of for origin in last.provenance}
    known = {model.slug: model.as_of for model in last.catalog.models}
    return tuple(
        Provenance(
            model.slug,
            index,
            Source.RESTATED.value,
            days.get((model.slug, index), known[model.slug]),
        )
        for model, full in zip(published, restated, strict=True)
        for index in INDICES
        if getattr(model, index) is None and getattr(full, index) is not None
    )


def _told_stand_ins(stand_ins: Sequence[Provenance], *, is_restated: bool) -> list[str]:
    how = ", restated" if is_restated else ""
    return [
        f"the last {index} points of models that have none any more stand in for new ones{how}: "
        f"{told(slugs)}"
        for index in INDICES
        if (slugs := sorted(one.slug for one in stand_ins if one.column == index))
    ]


def _version(models: Sequence[CatalogModel]) -> str:
    return Counter(model.index_version for model in models).most_common(1)[0][0]


def _stated(readings: Sequence[Reading]) -> str | None:
    """The version that Artificial Analysis states; null if it was not read or states none."""
    stated = Counter(
        str(row.figures["index_version"])
        for reading in readings
        if reading.source is Source.ARTIFICIAL_ANALYSIS
        for row in reading.rows
        if "index_version" in row.figures
    )
    return stated.most_common(1)[0][0] if stated else None


def _is_foreign(reading: Reading, row: PartialRow, known: set[str]) -> bool:
    """Whether a row of one's own says that its points stand on a scale other than `known`."""
    version = row.figures.get("index_version")
    return (
        reading.source is Source.OWN
        and version is not None
        and version not in known
        and any(column in row.figures for column in POINTS)
    )


def _on_scale(reading: Reading, known: set[str]) -> Reading:
    rows = tuple(
        replace(row, figures={k: v for k, v in row.figures.items() if k not in POINTS})
        if _is_foreign(reading, row, known)
        else row
        for row in reading.rows
    )
    return replace(reading, rows=rows)


def _without_points(last: Snapshot, source: Source) -> tuple[CatalogModel, ...]:
    """The last good catalog without the points that it has from `source`."""
    given = {
        (origin.slug, origin.column)
        for origin in last.provenance
        if origin.source == source and origin.column in POINTS
    }
    dropped: dict[str, dict[str, Any]] = {
        model.slug: {column: None for column in POINTS if (model.slug, column) in given}
        for model in last.catalog.models
    }
    return tuple(replace(model, **dropped[model.slug]) for model in last.catalog.models)
