"""What do `docmill models history`, `diff` and `import` print: snapshots, and what changed?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.query_output import plain_text
from llms.catalog import ATTRIBUTION, CatalogModel
from schemas.counted import counted
from schemas.scales import ScaleChange
from tasks.catalog_changes import (
    CatalogChanges,
    FigureChange,
    RoleChange,
    RoleState,
    compare_catalogs,
)
from tasks.catalog_history import import_history
from tasks.catalogs import (
    Snapshot,
    SnapshotInfo,
    catalog_folder,
    current_snapshot,
    embedded_snapshot,
    read_snapshot,
    snapshots,
)
from tasks.model_history import Entry, Histories, turning_points

HISTORY = (
    *("snapshot", "day", "intelligence", "coding", "input_price", "output_price"),
    *("context_window", "index_output_mtok", "tps", "index_version"),
)
"""What is shown of a model in one snapshot."""

_MOST_SHOWN = 20
"""Rows of one kind in a text; `--json` has them all."""


def moment(entry: Entry) -> dict[str, Any]:
    """A model in one snapshot, as `HISTORY` names the figures."""
    figures = {name: getattr(entry.model, name) for name in HISTORY[2:]}
    return {"snapshot": entry.snapshot_name, "day": entry.snapshot, **figures}


def history_object(histories: Histories, *, is_whole: bool) -> dict[str, Any]:
    """Models over all snapshots, or over those in which a lasting figure changed."""
    return {
        "models": {
            slug: [moment(entry) for entry in (entries if is_whole else turning_points(entries))]
            for slug, entries in histories.entries.items()
        },
        "notes": list(histories.notes),
    }


def history_text(histories: Histories, *, is_whole: bool) -> str:
    """The same as a table per model."""
    parts: list[str] = []
    for slug, entries in histories.entries.items():
        shown = entries if is_whole else turning_points(entries)
        rows = [tuple(moment(entry).values()) for entry in shown]
        left = len(entries) - len(shown)
        same = f", {left} with nothing but other speeds left out (--all)" if left else ""
        parts += [
            f"{slug}: in {counted(len(entries), 'snapshot')}{same}",
            plain_text(HISTORY, rows),
            "",
        ]
    latest = max(entry.snapshot for entries in histories.entries.values() for entry in entries)
    return "\n".join([*parts, ATTRIBUTION.format(as_of=latest)])


def snapshots_object(env: Mapping[str, str]) -> dict[str, Any]:
    """The snapshots that are kept, the embedded one first, and the one in force."""
    folder = catalog_folder(env)
    kept, notes = snapshots(folder)
    return {
        "folder": str(folder),
        "in_force": current_snapshot(folder).info.name,
        "snapshots": [_info_object(info) for info in (embedded_snapshot().info, *kept)],
        "notes": list(notes),
    }


def snapshots_text(found: Mapping[str, Any]) -> str:
    """The same as a table."""
    rows = [
        (s["name"], s["day"], s["origin"], s["models"], len(s["rebased"]) or None, s["sha256"][:12])
        for s in found["snapshots"]
    ]
    table = plain_text(("snapshot", "day", "origin", "models", "re-basings", "sha256"), rows)
    notes = [f"note: {note}" for note in found["notes"]]
    place = f"in force: {found['in_force']}; snapshots are kept in {found['folder']}"
    return "\n".join([table, "", place, *notes])


def imported(path: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Keep the days of an archive as snapshots, and say what became of them.

    Raises:
        CatalogError: The archive cannot be read, or the folder cannot be written to.
    """
    folder = catalog_folder(env)
    infos = list(import_history(Path(path).expanduser(), folder))
    return {
        "folder": str(folder),
        "days": len(infos),
        "kept": sum(info.is_new for info in infos),
        "first": infos[0].facts.as_of,
        "last": infos[-1].facts.as_of,
        "rows": sum(info.facts.models for info in infos),
    }


def imported_text(found: Mapping[str, Any]) -> str:
    """The same as a sentence."""
    return (
        f"{counted(found['days'], 'day')} of {found['first']} to {found['last']}, "
        f"{counted(found['rows'], 'row')}: "
        f"{found['kept']} kept in {found['folder']}, "
        f"{found['days'] - found['kept']} there already; "
        "they are history, nothing is selected from them"
    )


def compared_snapshots(
    before: str, after: str, env: Mapping[str, str]
) -> tuple[Snapshot, Snapshot, CatalogChanges]:
    """Two snapshots and what changed between them.

    Raises:
        CatalogError: One of them is not there or cannot be read.
    """
    folder = catalog_folder(env)
    earlier, later = read_snapshot(before, folder), read_snapshot(after, folder)
    return earlier, later, compare_catalogs(earlier, later)


def changes_object(before: Snapshot, after: Snapshot, changes: CatalogChanges) -> dict[str, Any]:
    """What changed, as one JSON object."""
    return {
        "before": _info_object(before.info),
        "after": _info_object(after.info),
        "added": [_listed(model) for model in changes.added],
        "removed": [_listed(model) for model in changes.removed],
        "changed": [
            {"slug": c.slug, "figure": c.figure, "before": c.before, "after": c.after}
            for c in changes.figures
        ],
        "rebased": [change.model_dump(mode="json") for change in changes.rebased],
        "roles": {
            change.role.value: {
                "before": _state_object(change.before),
                "after": _state_object(change.after),
                "why": change.why,
            }
            for change in changes.roles
        },
        "notes": list(changes.notes),
    }


def changes_text(before: Snapshot, after: Snapshot, changes: CatalogChanges) -> str:
    """The same for people: re-basings, models, figures, roles."""
    parts = [f"{_titled(before.info)} -> {_titled(after.info)}", ""]
    parts += [_rebasing(change) for change in changes.rebased]
    for title, models in (("added", changes.added), ("removed", changes.removed)):
        if models:
            rows = [tuple(_listed(model).values()) for model in models]
            parts += _table(
                f"{counted(len(models), 'model')} {title}", tuple(_listed(models[0])), rows
            )
    if changes.figures:
        names = len({change.slug for change in changes.figures})
        title = f"{counted(len(changes.figures), 'figure')} of {counted(names, 'model')} changed"
        rows = [_changed(change) for change in changes.figures]
        parts += _table(title, ("model", "figure", "before", "after", "change"), rows)
    if not (changes.rebased or changes.added or changes.removed or changes.figures):
        parts += ["no model and no lasting figure changed", ""]
    parts += _roles(changes.roles)
    parts += [f"note: {note}" for note in changes.notes]
    return "\n".join([*parts, after.catalog.attribution])


def _roles(roles: Sequence[RoleChange]) -> list[str]:
    rows = [
        (
            change.role.value,
            _arrow(_thresholds(change.before), _thresholds(change.after)),
            _arrow(f"{change.before.candidates}", f"{change.after.candidates}"),
            _arrow(change.before.first or "nobody", change.after.first or "nobody"),
            _arrow(_per_thousand(change.before), _per_thousand(change.after)),
        )
        for change in roles
    ]
    header = ("role", "thresholds", "candidates", "first choice", "$/1,000 calls")
    whys = [f"{c.role.value}: {c.why}" for c in roles if c.why]
    return [plain_text(header, rows), "", *whys, *([""] if whys else [])]


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    more = len(rows) - _MOST_SHOWN
    hidden = [f"... and {more} more; --json lists them"] if more > 0 else []
    return [f"{title}:", plain_text(header, rows[:_MOST_SHOWN]), *hidden, ""]


def _rebasing(change: ScaleChange) -> str:
    ends = (change.knots[0], change.knots[-1])
    became = ", ".join(f"{knot.old:.1f} became {knot.new:.1f}" for knot in ends)
    return (
        f"the {change.index} index was re-based: {change.moved} of {change.shared} shared models "
        f"moved ({became}); single scores are not listed\n"
    )


def _changed(change: FigureChange) -> tuple[Any, ...]:
    before: Any = change.before
    after: Any = change.after
    by = None
    if _is_number(before) and _is_number(after) and before:
        by = f"{100 * (after / before - 1):+.0f} %"
    return change.slug, change.figure, _said(before), _said(after), by


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_number(value):
        return f"{value:,}" if isinstance(value, int) else f"{value:,.5g}"
    return "unknown" if value is None else str(value)


def _listed(model: CatalogModel) -> dict[str, Any]:
    names = ("slug", "creator", "intelligence", "coding", "input_price", "output_price")
    return {name: getattr(model, name) for name in names}


def _thresholds(state: RoleState) -> str:
    if state.spec is None:
        return "unknown"
    coding = "" if state.spec.min_coding is None else f"/{state.spec.min_coding:g}"
    return f"{state.spec.min_intelligence:g}{coding}"


def _per_thousand(state: RoleState) -> str:
    return "-" if state.call_usd is None else f"{1000 * state.call_usd:,.2f}"


def _arrow(before: str, after: str) -> str:
    return before if before == after else f"{before} -> {after}"


def _titled(info: SnapshotInfo) -> str:
    day = info.facts.as_of.isoformat()
    name = info.name if info.name.startswith(day) else f"{info.name} ({day})"
    return f"{name}, {counted(info.facts.models, 'model')}"


def _info_object(info: SnapshotInfo) -> dict[str, Any]:
    facts = info.facts
    return {
        "name": info.name,
        "day": facts.as_of,
        "origin": facts.origin.value,
        "models": facts.models,
        "sha256": facts.sha256,
        "rebased": [f"{c.index}: {c.old_version} -> {c.new_version}" for c in facts.scales],
        "path": None if info.path is None else str(info.path),
    }


def _state_object(state: RoleState) -> dict[str, Any]:
    spec = state.spec
    return {
        "min_intelligence": None if spec is None else spec.min_intelligence,
        "min_coding": None if spec is None else spec.min_coding,
        "candidates": state.candidates,
        "first": state.first,
        "call_usd": None if state.call_usd is None else round(state.call_usd, 8),
    }
