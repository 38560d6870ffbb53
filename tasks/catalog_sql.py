"""What do the tables of `aa` hold: the models, every snapshot, where each figure comes from?"""

from collections.abc import Mapping, Sequence

from llms.catalog import COLUMNS, Catalog, Column
from llms.sql_console import Table
from tasks.catalogs import (
    SnapshotInfo,
    catalog_folder,
    current_snapshot,
    embedded_snapshot,
    snapshots,
)

TABLES: dict[str, tuple[Column, ...]] = {
    "llms": COLUMNS,
    "history": (
        Column("snapshot", "DATE", "Day of the snapshot that the row stands in."),
        Column("snapshot_name", "VARCHAR", "Its name, as docmill models diff takes it."),
        *COLUMNS,
    ),
    "provenance": (
        Column("slug", "VARCHAR", "Row of llms."),
        # Not `column`, which SQL keeps for itself.
        Column("figure", "VARCHAR", "Column of llms."),
        Column("source", "VARCHAR", "Where the figure comes from."),
        Column("as_of", "DATE", "Day the figure stands for."),
        Column("note", "VARCHAR", "Why a published figure is taken for unknown."),
    ),
}
"""The tables by name, with their columns."""


def tables_for(sql: str, env: Mapping[str, str]) -> tuple[list[Table], tuple[str, ...]]:
    """The tables that a query may look into, and sentences on snapshots that cannot be read.

    All of them are there, but only those that the text could mean are filled: a history of years
    is not loaded for a question about today.
    """
    folder = catalog_folder(env)
    current = current_snapshot(folder)
    notes = list(current.notes)
    history, origins = Table("history", TABLES["history"]), []
    if _could_mean(sql, "history"):
        readable, unreadable = snapshots(folder)
        history = _history(readable)
        notes += [n for n in unreadable if not any(told.startswith(n) for told in notes)]
    if _could_mean(sql, "provenance"):
        origins = [(p.slug, p.column, p.source, p.as_of, p.note) for p in current.provenance]
    provenance = Table("provenance", TABLES["provenance"], origins)
    return [llms_table(current.catalog), history, provenance], tuple(notes)


def llms_table(catalog: Catalog) -> Table:
    """The table `llms` of a catalog."""
    rows = [tuple(getattr(model, column.name) for column in COLUMNS) for model in catalog.models]
    return Table("llms", COLUMNS, rows)


def _could_mean(sql: str, table: str) -> bool:
    """Whether a query can reach a table: by its name, or by functions that put names together."""
    text = sql.casefold()
    return table in text or "query" in text


def _history(readable: Sequence[SnapshotInfo]) -> Table:
    embedded = embedded_snapshot()
    day, name = embedded.info.facts.as_of, embedded.info.name
    rows = [(day, name, *row) for row in llms_table(embedded.catalog).rows]
    source = _source(readable) if readable else ""
    return Table("history", TABLES["history"], rows, source)


def _source(readable: Sequence[SnapshotInfo]) -> str:
    """A query over the files themselves, which DuckDB reads many times faster than we do."""
    named = [(_quoted(str(info.path)), info) for info in readable]
    files = ", ".join(path for path, _ in named)
    names = ", ".join(
        f"({path}, DATE '{info.facts.as_of}', {_quoted(info.name)})" for path, info in named
    )
    # By a pattern, so that a snapshot from before a column was added, or from after, can be read.
    columns = "|".join(column.name for column in COLUMNS)
    return (
        f"SELECT snapshot, snapshot_name, COLUMNS('^({columns})$') "  # noqa: S608 quoted above
        f"FROM read_parquet([{files}], filename = true, union_by_name = true) "
        f"JOIN (VALUES {names}) AS named(path, snapshot, snapshot_name) ON filename = path"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
