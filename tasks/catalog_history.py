"""What does an archive of daily catalogs hold: one table, a row per model and day?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

from llms.catalog import CatalogModel, figure_of_text, load_catalog, with_output_tokens
from llms.catalog_sources.matching import effort_of
from llms.catalog_sources.own import rows_of_csv
from llms.failures import CatalogError
from tasks.catalog_files import Origin, read_parquet
from tasks.catalogs import SnapshotInfo, save_snapshot

DAY = "date"
UNSTATED = "unstated"
"""Index version of an archive that does not name one; its points are compared before any use."""

_NEEDED = (DAY, "slug", "name", "creator")
_PRICES = ("input_price", "output_price", "cached_input_price")
_FIELDS = tuple(f.name for f in fields(CatalogModel))


def history_of(path: Path) -> Iterator[tuple[date, tuple[CatalogModel, ...]]]:
    """The catalogs of an archive, the earliest day first.

    The file (Parquet or CSV) has a column `date` and, of the columns of `llms`, at least slug, name
    and creator; what it does not have is null, columns that `llms` does not have are passed over.
    Where it lacks

    * `effort`: it is read from the name where that states one in brackets;
    * `index_output_mtok`: it is `index_cost_output / output_price`, if those are there;
    * `api_id`: it is that of the same slug in the embedded catalog, else the slug;
    * `index_version`: it is `unstated`.

    A price of zero, as of a free preview, is taken for unknown.

    Raises:
        CatalogError: There is no such file, it lacks a column, or a value cannot be.
    """
    by_day: dict[date, list[CatalogModel]] = defaultdict(list)
    api_ids = {model.slug: model.api_id for model in load_catalog().models}
    for place, row in enumerate(_rows(path), start=1):
        try:
            model = _model(row, api_ids)
        except KeyError as error:
            raise CatalogError(f"row {place} of {path} has no {error.args[0]}") from None
        except ValueError as error:
            raise CatalogError(f"row {place} of {path}: {error}") from None
        by_day[model.as_of].append(model)
    for day, models in sorted(by_day.items()):
        if len({model.slug for model in models}) < len(models):
            raise CatalogError(f"{path} lists a slug twice on {day}")
        yield day, with_output_tokens(models)


def import_history(path: Path, folder: Path) -> Iterator[SnapshotInfo]:
    """Keep every day of an archive as a snapshot, the earliest first; what is there stays.

    Raises:
        CatalogError: The archive cannot be read, or the folder cannot be written to.
    """
    for day, models in history_of(path):
        yield save_snapshot(models, (), (), as_of=day, folder=folder, origin=Origin.IMPORT)


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.suffix.casefold() == ".csv":
        try:
            rows = rows_of_csv(path.read_bytes(), str(path))
        except OSError as error:
            raise CatalogError(f"{path} cannot be read: {error.strerror or error}") from None
        names = set(rows[0]) if rows else set()
    else:
        table = read_parquet(path)
        names, rows = set(table.column_names), table.to_pylist()
    if not rows:
        raise CatalogError(f"{path} holds no row")
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise CatalogError(
            f"{path} lacks the column {missing[0]!r}; an archive needs {', '.join(_NEEDED)}"
        )
    return rows


def _model(row: Mapping[str, Any], api_ids: Mapping[str, str]) -> CatalogModel:
    said = {name: str(row[name]) for name in _FIELDS if row.get(name) not in (None, "")}
    figures: dict[str, Any] = {name: figure_of_text(name, text) for name, text in said.items()}
    for name in _PRICES:
        figures[name] = figures.get(name) or None
    slug, name = figures["slug"], figures["name"]
    figures["as_of"] = date.fromisoformat(str(row[DAY])[:10])
    figures.setdefault("api_id", api_ids.get(slug, slug))
    figures.setdefault("index_version", UNSTATED)
    figures.setdefault("effort", effort_of(name))
    if figures["effort"] is not None:
        figures.setdefault("reasoning", figures["effort"] != "none")
    output_usd, output_price = row.get("index_cost_output"), figures["output_price"]
    if output_usd and output_price:
        figures.setdefault("index_output_mtok", round(float(output_usd) / output_price, 3))
    return CatalogModel(**{**dict.fromkeys(_FIELDS), **figures})
