"""How does a catalog lie in a file: a snapshot's Parquet, or a table of one's own?"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from llms.catalog import COLUMNS, CatalogModel, read_catalog
from llms.catalog_sources.merge import Provenance
from llms.failures import CatalogError
from schemas.scales import ScaleChange

if TYPE_CHECKING:
    import pyarrow as pa

PROVENANCE = "provenance"
"""Column of a snapshot beside those of `llms`: a list per row."""

_METADATA = b"docmill.catalog"
_FIELDS = tuple(f.name for f in fields(CatalogModel))
_NEEDED = ("slug", "name", "creator", "api_id", "index_version", "as_of")
_SCALES = TypeAdapter(tuple[ScaleChange, ...])


class Origin(StrEnum):
    """How a snapshot came to be."""

    EMBEDDED = "embedded"
    REFRESH = "refresh"
    IMPORT = "import"
    """Taken over from an archive: history to look at, never selected from."""

    FILE = "file"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a catalog's file says of itself.

    Attributes:
        as_of: The day of the catalog.
        origin: How it came to be.
        sha256: Digest of its rows and re-basings, whatever file they stand in.
        models: How many rows it has.
        scales: Re-basings since the thresholds were written, oldest first.
    """

    as_of: date
    origin: Origin
    sha256: str
    models: int
    scales: tuple[ScaleChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """A catalog's file, read and checked."""

    facts: Facts
    models: tuple[CatalogModel, ...]
    provenance: tuple[Provenance, ...] = ()


def snapshot_table(
    models: Sequence[CatalogModel],
    provenance: Iterable[Provenance],
    scales: Sequence[ScaleChange],
    *,
    as_of: date,
    origin: Origin,
) -> "pa.Table":
    """A snapshot as a table that `read_facts` and `read_contents` understand.

    Raises:
        ValueError: A provenance belongs to none of the models.
    """
    import pyarrow as pa

    origins: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for p in provenance:
        origins[p.slug].append(
            {"column": p.column, "source": p.source, "as_of": p.as_of, "note": p.note}
        )
    rows = [
        {column.name: getattr(model, column.name) for column in COLUMNS}
        | {PROVENANCE: origins.pop(model.slug, [])}
        for model in models
    ]
    if origins:
        raise ValueError(f"provenance of a model that is not there: {min(origins)}")
    kinds = _kinds()
    origin_kind = pa.struct(
        {"column": pa.string(), "source": pa.string(), "as_of": pa.date32(), "note": pa.string()}
    )
    schema = pa.schema({**kinds, PROVENANCE: pa.list_(origin_kind)})
    table = pa.Table.from_pylist(rows, schema)
    dumped = _SCALES.dump_python(tuple(scales), mode="json")
    facts = {
        "as_of": as_of.isoformat(),
        "origin": origin.value,
        "sha256": _digest(table, dumped),
        "scales": dumped,
    }
    return table.replace_schema_metadata({_METADATA: json.dumps(facts).encode()})


def read_facts(path: Path) -> Facts:
    """What a snapshot's Parquet file says of itself; its rows are not read.

    Raises:
        CatalogError: It cannot be read, or is no snapshot.
    """
    import pyarrow.parquet as pq

    with _reading(path), pq.ParquetFile(path) as file:
        facts = _facts(file.schema_arrow.metadata, file.metadata.num_rows)
    if facts is None:
        raise CatalogError(f"{path} is no snapshot of a catalog: it does not say of which day")
    return facts


def read_contents(path: Path) -> Contents:
    """Read a snapshot, or a CSV or Parquet file of one's own with the columns of `llms`.

    A file of one's own needs what every row of the catalog has: slug, name, creator, api_id,
    index_version and as_of; its day is the latest `as_of`.

    Raises:
        CatalogError: It cannot be read, lacks a column, or a value has the wrong type.
    """
    if path.suffix.casefold() == ".csv":
        with _reading(path):
            catalog = read_catalog(path.read_bytes())
        day, count = date.fromisoformat(catalog.version), len(catalog.models)
        return Contents(Facts(day, Origin.FILE, catalog.sha256, count), catalog.models)
    table = read_parquet(path)
    facts = _facts(table.schema.metadata, table.num_rows)
    models = _models(table, path)
    if facts is None:
        latest = max(model.as_of for model in models)
        digest = _digest(table.select([n for n in _FIELDS if n in table.column_names]), [])
        return Contents(Facts(latest, Origin.FILE, digest, len(models)), models)
    if _digest(table, _SCALES.dump_python(facts.scales, mode="json")) != facts.sha256:
        raise CatalogError(f"{path} is damaged: its rows are not those it was written with")
    return Contents(facts, models, _provenance(table))


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> "pa.Table":
    """The rows of a Parquet file, or some of its columns; `CatalogError` if it is none."""
    import pyarrow.parquet as pq

    with _reading(path), pq.ParquetFile(path) as file:
        return file.read(columns=list(columns) if columns else None)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what can go wrong with a file into one sentence."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError:
        raise CatalogError(f"there is no file {path}") from None
    except (pa.ArrowException, UnicodeDecodeError):
        kind = "CSV in UTF-8" if path.suffix.casefold() == ".csv" else "Parquet"
        raise CatalogError(f"{path} is not readable as {kind}") from None
    except OSError as error:
        if path.is_dir():  # Arrow only says that it is no regular file
            raise CatalogError(f"{path} is a folder; give a file") from None
        # Arrow reports pages that it cannot decode as an OSError without a number.
        why = error.strerror or "it is damaged"
        raise CatalogError(f"{path} cannot be read: {why}") from None
    except CatalogError as error:
        raise CatalogError(f"{path}: {error}") from None


def _kinds() -> dict[str, "pa.DataType"]:
    """The columns of `llms` with their Arrow types."""
    import pyarrow as pa

    kinds = {
        "VARCHAR": pa.string(),
        "DOUBLE": pa.float64(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
    }
    return {column.name: kinds[column.type] for column in COLUMNS}


def _facts(metadata: Mapping[bytes, bytes] | None, rows: int) -> Facts | None:
    """What the metadata says; null where there is none that can be understood."""
    try:
        said = json.loads((metadata or {})[_METADATA])
        return Facts(
            as_of=date.fromisoformat(said["as_of"]),
            origin=Origin(said["origin"]),
            sha256=str(said["sha256"]),
            models=rows,
            scales=_SCALES.validate_python(said["scales"]),
        )
    except (KeyError, TypeError, ValueError):  # a pydantic ValidationError is a ValueError
        return None


def _models(table: "pa.Table", path: Path) -> tuple[CatalogModel, ...]:
    import pyarrow as pa

    kinds = _kinds()
    names = [name for name in _FIELDS if name in table.column_names]
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        hint = "; `docmill models import` takes archives of several days"
        is_archive = "date" in table.column_names
        raise CatalogError(f"{path} lacks the column {missing[0]!r}{hint if is_archive else ''}")
    try:
        rows = table.select(names).cast(pa.schema({name: kinds[name] for name in names}))
    except pa.ArrowInvalid as error:
        raise CatalogError(f"{path} holds a value of the wrong type: {error}") from None
    empty = dict.fromkeys(_FIELDS)
    models = tuple(CatalogModel(**{**empty, **row}) for row in rows.to_pylist())
    for column in _NEEDED:
        if any(getattr(model, column) is None for model in models):
            raise CatalogError(f"{path} has a row without {column}")
    if len({model.slug for model in models}) < len(models):
        raise CatalogError(f"{path} has two rows of one slug; import it if it holds several days")
    if not models:
        raise CatalogError(f"{path} holds no model")
    return models


def _provenance(table: "pa.Table") -> tuple[Provenance, ...]:
    return tuple(
        Provenance(slug, **entry)
        for slug, entries in zip(
            table.column("slug").to_pylist(), table.column(PROVENANCE).to_pylist(), strict=True
        )
        for entry in entries or ()
    )


def _digest(table: "pa.Table", scales: Sequence[Mapping[str, Any]]) -> str:
    """SHA-256 of what the rows and re-basings say.

    Without nulls, so that a column that is added later changes nothing; without what is worked
    out from other columns or does not count among a model's figures.
    """
    rows = table.drop_columns(
        [name for name in (PROVENANCE, "price") if name in table.column_names]
    ).to_pylist()
    known = [{name: value for name, value in row.items() if value is not None} for row in rows]
    known.sort(key=lambda row: str(row.get("slug")))
    text = json.dumps([known, list(scales)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
