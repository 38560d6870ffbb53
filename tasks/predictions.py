"""What did a run say about each file? Its records in canonical notation, keyed by path."""

from datetime import date
from decimal import Decimal

import pyarrow.compute as pc

from schemas.fields import DocumentType
from schemas.manifest import Manifest
from storage.store import Lake
from tasks.jobs import document_types

Prediction = dict[str, str | list[str] | None]


def predictions(lake: Lake, manifest: Manifest) -> dict[str, tuple[str, Prediction]]:
    """Per file of a run that has a record: its document type and its fields.

    A duplicate says what its original says. Files without a record are left out.
    """
    by_document: dict[str, tuple[str, Prediction]] = {}
    types = {t.name: t for t in document_types(manifest.job)}
    for shard in manifest.shards:
        for name, path in shard.records.items():
            by_document |= _records(lake, path, types[name])
    sources = lake.read_table(lake.run(manifest.run_id, "sources.parquet"), ["uri", "doc_id"])
    listed = sources.filter(pc.is_valid(sources.column("doc_id"))).to_pylist()
    return {
        row["uri"]: by_document[row["doc_id"]] for row in listed if row["doc_id"] in by_document
    }


def _records(
    lake: Lake, path: str, document_type: DocumentType
) -> dict[str, tuple[str, Prediction]]:
    names = [spec.name for spec in document_type.fields]
    rows = lake.read_table(path, ["doc_id", *names]).to_pylist()
    return {
        row["doc_id"]: (document_type.name, {name: canonical_values(row[name]) for name in names})
        for row in rows
    }


def canonical_values(value: object) -> str | list[str] | None:
    """A cell of a record as text in canonical notation; null where there is no value."""
    if isinstance(value, list):
        return [text for text in map(_text, value) if text is not None]
    return _text(value)


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return str(value.quantize(Decimal(1))) if whole else format(value.normalize(), "f")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
