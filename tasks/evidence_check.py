"""Does every value of a run's records stand where the record says? Checked shard by shard."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from llms.grounding import TextIndex, ground
from schemas.fields import DocumentType, FieldSource, FieldSpec, FieldType
from schemas.manifest import Manifest, ShardResult
from storage.store import Lake, LakeError
from tasks.figures import printed
from tasks.jobs import document_types

_BATCH_ROWS = 256


@dataclass(slots=True)
class EvidenceCheck:
    """What was checked and what was wrong, a sentence each."""

    records: int = 0
    spans: int = 0
    differences: list[str] = field(default_factory=list)


def check_evidence(manifest: Manifest, lake: Lake, members: Collection[str]) -> EvidenceCheck:
    """Check every evidence span of a run's records against the texts.

    A span must lie within its text, read as its quote says, and show the value beside it. Each
    record must belong to a document of its shard. One shard is held in memory at a time.

    Args:
        manifest: The run.
        lake: Where its tables lie.
        members: The documents of the run; other rows of the shards are other runs' business.
    """
    check = EvidenceCheck()
    for shard in sorted(manifest.shards, key=lambda s: s.shard):
        _check_shard(shard, manifest, lake, members, check)
    return check


def _check_shard(
    shard: ShardResult,
    manifest: Manifest,
    lake: Lake,
    members: Collection[str],
    check: EvidenceCheck,
) -> None:
    try:
        texts = {
            row["doc_id"]: row["text"] for row in _rows(lake, shard.documents, ["doc_id", "text"])
        }
        for document_type in document_types(manifest.job):
            path = shard.records.get(document_type.name)
            for record in _rows(lake, path, _columns(document_type)) if path else ():
                if record["doc_id"] not in texts:
                    check.differences.append(
                        f"{path}: the record of {_name(record)} belongs to no document of "
                        f"{shard.documents}"
                    )
                elif record["doc_id"] in members:
                    check.records += 1
                    _check_record(record, document_type, texts[record["doc_id"]], str(path), check)
    except LakeError as error:
        check.differences.append(str(error))


def _columns(document_type: DocumentType) -> list[str]:
    names = [spec.name for spec in document_type.fields]
    return ["doc_id", "uri", *names, *(f"{name}__evidence" for name in names)]


def _rows(lake: Lake, path: str, columns: list[str]) -> Iterator[dict[str, Any]]:
    with lake.open_parquet(path) as parquet:
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
            yield from batch.to_pylist()


def _check_record(
    record: Mapping[str, Any],
    document_type: DocumentType,
    text: str,
    path: str,
    check: EvidenceCheck,
) -> None:
    index = TextIndex(text)
    for spec in document_type.fields:
        evidence = record[f"{spec.name}__evidence"]
        values = _values(record[spec.name])
        where = f"{path}: {_name(record)}: field {spec.name!r}"
        if len(evidence) > len(values):
            check.differences.append(
                f"{where} has {len(values)} values but {len(evidence)} evidence spans"
            )
        for number, span in enumerate(evidence):
            check.spans += 1
            fault = _span_fault(span, text)
            # Spans stand in the order of the values; with fewer spans than values, the values
            # without one are not known, and only their words can be checked.
            if fault is None and len(evidence) == len(values):
                fault = _value_fault(spec, values[number], span, index)
            if fault is not None:
                check.differences.append(f"{where}: {fault}")


def _name(record: Mapping[str, Any]) -> str:
    return f"{record['uri']} ({record['doc_id']})"


def _values(value: Any) -> list[str]:
    """The values of a cell in canonical notation."""
    if value is None:
        return []
    return [_canonical(item) for item in (value if isinstance(value, list) else [value])]


def _canonical(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            plain = format(value, "f")
            return plain.rstrip("0").rstrip(".") if "." in plain else plain
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _span_fault(span: Mapping[str, Any], text: str) -> str | None:
    start, end, quote = span["start"], span["end"], span["quote"]
    if not 0 <= start < end <= len(text):
        return f"span {start} to {end} does not lie in the text of {len(text)} characters"
    if text[start:end] != quote:
        return (
            f'span {start} to {end} should read "{printed(quote, "text")}", '
            f'but the text reads "{printed(text[start:end], "text")}"'
        )
    return None


def _value_fault(
    spec: FieldSpec, value: str, span: Mapping[str, Any], index: TextIndex
) -> str | None:
    """Why the words of a span do not show the value; inferred values need not be shown."""
    if spec.source is FieldSource.INFERRED or spec.type is FieldType.BOOLEAN:
        return None
    quote = span["quote"]
    if ground(TextIndex(quote), spec, value, None) is not None:
        return None
    # Some notations are only understood with the words around them.
    found = ground(index, spec, value, quote)
    if found is not None and found.start < span["end"] and span["start"] < found.end:
        return None
    return f'the value is "{printed(value, "text")}", which its quote does not show: ' + (
        f'"{printed(quote, "text")}"'
    )
