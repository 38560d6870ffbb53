"""What does a file of one's own say of models? Any columns of `llms`, by slug or API id."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime

from llms.catalog import COLUMNS, Figure, figure_of_text
from llms.catalog_sources.rows import Entry, PartialRow, Reading, Source, read_rows, told
from llms.failures import CatalogError

_WORKED_OUT = frozenset({"price", "output_tokens_per_task"})
_TAKEN = frozenset(column.name for column in COLUMNS) - _WORKED_OUT


def rows_of_csv(data: bytes, name: str) -> list[dict[str, object]]:
    """The rows of a CSV file with a header line; an empty cell is null.

    Raises:
        CatalogError: It is no text, or has no header; the message gives `name`.
    """
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restkey="")
        return [
            {column: value or None for column, value in row.items() if column} for row in reader
        ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{name} is not readable as CSV in UTF-8: {error}") from None


def parse(rows: Iterable[Mapping[str, object]], name: str, as_of: date) -> Reading:
    """The models of a file called `name`, row by row.

    A zero is taken at its word here: a model that runs on one's own machine costs nothing.
    Columns that `llms` does not have, or works out itself, are told and not read.

    Raises:
        CatalogError: The file names no model, by `slug` or by `api_id`.
    """
    found = list(rows)
    columns = {column for row in found for column in row}
    if not found or not columns & {"slug", "api_id"}:
        raise CatalogError(f"{name} needs rows with a column slug or api_id; it has none")
    entries = {f"row {place} of {name}": dict(row) for place, row in enumerate(found, start=1)}
    reading = read_rows(Source.OWN, as_of, entries, lambda _, entry: _row(entry))
    ignored = sorted(columns - _TAKEN)
    if not ignored:
        return reading
    why = f"{name}: columns that are not read, `aa tables` lists the others: {told(ignored)}"
    return replace(reading, broken=(*reading.broken, why))


def _row(entry: Entry) -> PartialRow:
    figures: dict[str, Figure] = {}
    for column in sorted(_TAKEN):
        value = entry.value(column)
        if value is not None:
            figures[column] = _figure(column, value)
    if "slug" not in figures and "api_id" not in figures:
        raise ValueError("slug and api_id are both empty")
    return PartialRow(figures)


def _figure(column: str, value: object) -> Figure:
    """A cell in the type of its column, whatever type the file gave it."""
    if isinstance(value, datetime):
        value = value.date()
    if not isinstance(value, str | bool | int | float | date):
        raise ValueError(f"{column} is neither text nor number")
    text = str(value).strip()
    if not text or not text.isprintable():
        raise ValueError(f"{column} is no plain text")
    return figure_of_text(column, text)
