"""What did each snapshot say of a model?"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date

from llms.catalog import CatalogModel, find
from llms.scales import MOVED
from llms.sql_console import Answer, Console, Table
from tasks.catalog_sql import tables_for

PRICES = ("input_price", "output_price", "cached_input_price", "batch_discount")
POINTS = ("intelligence", "coding", "math")

LASTING = (
    *(*POINTS, *PRICES),
    *("context_window", "max_output", "index_output_mtok", "index_version"),
)
"""Figures that stay until somebody changes them; speeds are measured anew every day."""

_SAME_PRICE = 1e-6
_SAME_TALK = 0.01
"""Share by which `index_output_mtok` may differ through rounding alone."""

_FIELDS = tuple(f.name for f in fields(CatalogModel))


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in one snapshot."""

    snapshot: date
    snapshot_name: str
    model: CatalogModel


def differs(old: CatalogModel, new: CatalogModel, figure: str) -> bool:
    """Whether a figure is another one, by more than sources round it."""
    before, after = getattr(old, figure), getattr(new, figure)
    if before is None or after is None:
        return before is not after
    if figure in POINTS:
        return bool(abs(before - after) > MOVED)
    if figure in PRICES:
        return bool(abs(before - after) > _SAME_PRICE)
    if figure == "index_output_mtok":
        return bool(abs(before - after) > _SAME_TALK * max(before, after))
    return bool(before != after)


@dataclass(frozen=True, slots=True)
class Histories:
    """Models over all snapshots, the embedded one among them.

    Attributes:
        entries: By slug, from the first day that lists the model to the last.
        notes: Sentences on snapshots that cannot be read.
    """

    entries: dict[str, tuple[Entry, ...]]
    notes: tuple[str, ...]


def histories_of(name: str, env: Mapping[str, str]) -> Histories:
    """The models called `name`, also those that the catalog in force no longer has.

    Args:
        name: Slug, name or API id, as `llms.catalog.find` takes it.
        env: Says where snapshots are kept.

    Raises:
        UnknownModelError: No snapshot knows a model of that name.
        QueryError: The snapshots cannot be read.
    """
    with _console(env) as (console, notes):
        last = console.query(
            "SELECT * FROM history QUALIFY row_number() OVER "
            "(PARTITION BY slug ORDER BY snapshot DESC, length(snapshot_name) DESC, "
            "snapshot_name DESC) = 1"
        )
        known = [entry.model for entry in _entries(last)]
        slugs = [model.slug for model in find(known, name, where="the command")]
        return Histories(_by_slug(console, slugs), tuple(notes))


def histories_by_slug(slugs: Sequence[str], env: Mapping[str, str]) -> Histories:
    """The same for rows of the catalog; one that no snapshot has is absent."""
    with _console(env) as (console, notes):
        return Histories(_by_slug(console, slugs), tuple(notes))


def turning_points(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """The entries with a lasting figure that has changed, and the last one.

    Changed since the last such entry, so that small steps add up to one that counts.
    """
    found: list[Entry] = []
    for entry in entries:
        if not found or any(differs(found[-1].model, entry.model, f) for f in LASTING):
            found.append(entry)
    return tuple(found) if not entries or found[-1] is entries[-1] else (*found, entries[-1])


@contextmanager
def _console(env: Mapping[str, str]) -> Iterator[tuple[Console, list[str]]]:
    notes: list[str] = []

    def tables() -> list[Table]:
        filled, remarks = tables_for("history", env)
        notes.extend(remarks)
        return filled

    with Console(tables) as console:
        yield console, notes


def _by_slug(console: Console, slugs: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
    listed = ", ".join("'" + slug.replace("'", "''") + "'" for slug in slugs)
    rows = console.query(
        f"SELECT * FROM history WHERE slug IN ({listed}) "  # noqa: S608 quoted above
        "ORDER BY snapshot, length(snapshot_name), snapshot_name"
    )
    found: dict[str, list[Entry]] = {}
    for entry in _entries(rows):
        found.setdefault(entry.model.slug, []).append(entry)
    return {slug: tuple(entries) for slug, entries in found.items()}


def _entries(answer: Answer) -> list[Entry]:
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    return [
        Entry(
            row["snapshot"],
            row["snapshot_name"],
            CatalogModel(**{name: row[name] for name in _FIELDS}),
        )
        for row in rows
    ]
