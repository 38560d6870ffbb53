"""What does `docmill models refresh` show: what was read, what changed, what to know?"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.query_output import plain_text
from llms.catalog import ATTRIBUTION
from llms.catalog_sources.rows import told
from schemas.counted import counted
from tasks.catalog_fetch import Fetcher
from tasks.catalog_refresh import RefreshReport, SourceOutcome, refresh
from tasks.catalogs import catalog_folder

_MOST_BROKEN = 3


def refreshed(asked: Sequence[str], env: Mapping[str, str], *, is_forced: bool) -> RefreshReport:
    """Refresh the catalog that `env` names, from the network and from files.

    Raises:
        CatalogError: A source is not known, a file cannot be read, or the snapshot not kept.
    """
    fetcher = Fetcher(env, datetime.now(UTC).date())
    return refresh(asked, catalog_folder(env), fetcher, is_forced=is_forced)


def refresh_text(report: RefreshReport) -> str:
    """The report of a refresh as a table of sources and sentences below it."""
    rows = [
        (o.name, o.models or None, o.left_aside or None, len(o.broken) or None, _said(o))
        for o in report.outcomes
    ]
    lines = [plain_text(("source", "models", "left aside", "broken rows", "said"), rows), ""]
    for outcome in report.outcomes:
        lines += [f"note: {sentence}" for sentence in outcome.broken[:_MOST_BROKEN]]
        if len(outcome.broken) > _MOST_BROKEN:
            more = len(outcome.broken) - _MOST_BROKEN
            lines.append(
                f"note: {outcome.name}: {counted(more, 'more row')} like these; --json lists them"
            )
    lines += [f"note: {remark}" for remark in report.remarks]
    lines += [
        f"note: the {change.index} index was re-based: {change.moved} of {change.shared} shared "
        f"models moved; thresholds are carried over from {change.old_version} to "
        f"{change.new_version}"
        for change in report.scales
    ]
    facts = report.snapshot.facts
    if report.refused is not None:
        lines.append(
            f"not refreshed: {report.refused}; the catalog of {facts.as_of} stays in force"
        )
    else:
        lines += _kept(report)
    return "\n".join([*lines, ATTRIBUTION.format(as_of=facts.as_of)])


def refresh_object(report: RefreshReport) -> dict[str, Any]:
    """The report of a refresh as one JSON object."""
    info = report.snapshot
    return {
        "status": "failed" if report.refused is not None else "done",
        "refused": report.refused,
        "snapshot": info.name,
        "is_new": info.is_new,
        "path": None if info.path is None else str(info.path),
        "as_of": info.facts.as_of,
        "models": info.facts.models,
        "sources": [
            {
                "source": outcome.name,
                "models": outcome.models,
                "left_aside": outcome.left_aside,
                "broken": list(outcome.broken),
                "error": outcome.error,
            }
            for outcome in report.outcomes
        ],
        "added": list(report.added),
        "gone": list(report.gone),
        "changed": list(report.changed),
        "figures": dict(report.figures),
        "scales": [change.model_dump(mode="json") for change in report.scales],
        "remarks": list(report.remarks),
    }


def _said(outcome: SourceOutcome) -> str:
    """The error without the name of the source, which stands in front of it already."""
    return "read" if outcome.error is None else outcome.error.removeprefix(f"{outcome.name} ")


def _kept(report: RefreshReport) -> list[str]:
    info = report.snapshot
    if not info.is_new:
        return [f"nothing has changed since the catalog {info.name}"]
    changes = [
        f"{what}: {told(list(slugs))}"
        for what, slugs in (
            ("new", report.added),
            ("gone", report.gone),
            ("changed", report.changed),
        )
        if slugs
    ]
    origins = ", ".join(f"{count:,} {source}" for source, count in report.figures)
    path = "" if info.path is None else f" in {_short(info.path)}"
    return [
        *changes,
        f"figures by source: {origins}",
        f"kept as {info.name}{path}: {counted(info.facts.models, 'model')}",
    ]


def _short(path: Path) -> str:
    """A path with the home folder as `~`."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
