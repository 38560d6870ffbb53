"""How are the daily snapshots of a catalog read for a replay?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from llms.catalog import CatalogModel

_COLUMNS = (
    "date", "slug", "name", "creator", "release_date", "deprecated", "intelligence", "coding",
    "input_price", "output_price", "index_cost_output", "tps", "ttft", "context_window",
    "image_input", "open_weights",
)  # fmt: skip

_UNTHINKING = re.compile(r"non-reasoning", re.IGNORECASE)


class HistoryError(Exception):
    """The file of snapshots cannot be replayed; the message says why in a sentence."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The catalog of one day.

    Attributes:
        day: The day.
        models: Every model that was listed.
        retired: Slugs of those that their makers no longer offer; scored, but not to be had.
    """

    day: date
    models: tuple[CatalogModel, ...]
    retired: frozenset[str]


def read_history(path: Path, *, version: str) -> tuple[Snapshot, ...]:
    """Read the snapshots of a Parquet file, a row per model and day, the earliest first.

    A model without a price, or with a price of zero (a free preview), has no known price. Thinking
    tokens come from each day's own figures: what the index cost in output over the output price.
    Reasoning efforts stand in the names alone; only whether a model thinks is read from them.

    Args:
        path: The Parquet file.
        version: Index version that the points of the first day are said to belong to.

    Raises:
        HistoryError: There is no such file, it is no Parquet file, or it lacks a column or rows.
    """
    if not path.is_file():
        raise HistoryError(
            f"no catalog history at {path}; give the path of a Parquet file with a row per model "
            "and day"
        )
    try:
        columns = pq.read_schema(path).names
    except pa.ArrowInvalid:
        raise HistoryError(f"the catalog history {path} is no Parquet file") from None
    missing = sorted(set(_COLUMNS) - set(columns))
    if missing:
        raise HistoryError(f"the catalog history {path} lacks the column {missing[0]!r}")
    by_day: dict[date, list[Mapping[str, Any]]] = {}
    for row in pq.read_table(path, columns=list(_COLUMNS)).to_pylist():
        by_day.setdefault(row["date"], []).append(row)
    if not by_day:
        raise HistoryError(f"the catalog history {path} holds no row")
    return tuple(
        Snapshot(
            day,
            tuple(_model(row, version) for row in rows),
            frozenset(row["slug"] for row in rows if row["deprecated"]),
        )
        for day, rows in sorted(by_day.items())
    )


def _model(row: Mapping[str, Any], version: str) -> CatalogModel:
    output_price = row["output_price"] or None
    spent = row["index_cost_output"]
    return CatalogModel(
        slug=row["slug"],
        name=row["name"],
        creator=row["creator"],
        # The history names no provider; each effort counts as a model of its own.
        api_id=f"{row['creator']}/{row['slug']}".casefold(),
        effort="none" if _UNTHINKING.search(row["name"]) else None,
        release_date=row["release_date"],
        intelligence=row["intelligence"],
        coding=row["coding"],
        input_price=row["input_price"] or None,
        output_price=output_price,
        tps=row["tps"],
        ttft=row["ttft"],
        context_window=row["context_window"],
        image_input=row["image_input"],
        open_weights=row["open_weights"],
        index_output_mtok=spent / output_price if spent and output_price else None,
        index_version=version,
        as_of=row["date"],
    )
