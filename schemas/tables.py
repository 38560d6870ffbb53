"""The columns of every table of the lake, as Arrow schemas."""

import pyarrow as pa

from schemas.calibration import Signal
from schemas.fields import DocumentType, FieldSpec, FieldType

_TIME = pa.timestamp("us", tz="UTC")

DECIMAL = pa.decimal128(24, 6)
"""Exact, so that sums can be recomputed to the last digit."""

DOCUMENTS = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("pages", pa.int32()),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("parser", pa.string(), nullable=False),
        pa.field("modified_at", _TIME),
        pa.field("ingested_at", _TIME, nullable=False),
    ]
)
"""One row per document that could be read. `text` is what models see and what spans point into."""

SOURCES = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("doc_id", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("shard", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("modified_at", _TIME),
    ]
)
"""One row per document a run found. `status`: parsed, known, duplicate or failed; `shard` names the
documents shard that holds the text; `doc_id` is null where the bytes could not be read."""

OUTCOMES = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("document_type", pa.string()),
        pa.field("routed_by", pa.string()),
        pa.field("failure_class", pa.string()),
        pa.field("message", pa.string()),
        pa.field("raw_answer", pa.string()),
        pa.field("calls", pa.int32(), nullable=False),
        pa.field("escalated", pa.int32(), nullable=False),
        pa.field("verified", pa.string()),
        pa.field("usd", pa.float64(), nullable=False),
        pa.field("input_tokens", pa.int64(), nullable=False),
        pa.field("output_tokens", pa.int64(), nullable=False),
        pa.field("baseline_usd", pa.float64()),
        pa.field("baseline_plain_usd", pa.float64()),
        pa.field("projected_usd", pa.float64()),
    ]
)
"""One row per document that extraction has finished with. `status`: extracted or failed; `usd` is
what its answers cost whenever they were paid; `baseline_usd` what one call of the single strong
model for all its fields would have cost, `baseline_plain_usd` the same without any thinking;
`projected_usd` what the calls made would have cost on the catalog models of the roles (offline
runs)."""

ANSWERS = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("document_type", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("step", pa.string(), nullable=False),
        pa.field("tier", pa.int32()),
        pa.field("model", pa.string(), nullable=False),
        pa.field("values", pa.list_(pa.string()), nullable=False),
        pa.field("is_sound", pa.bool_(), nullable=False),
        pa.field("problem", pa.string()),
        *(pa.field(signal.value, pa.float64()) for signal in Signal),
    ]
)
"""What each tier answered per field, accepted or not, and what speaks for and against it: a column
per signal, null where it is not known. `step`: `answer` (of a tier), `check` (the verifier's word
on the values that `tier` gave; `verifier` holds it, `problem` its reason) or `audit` (what the
strong model says where `tier` was believed; `agreement` is 1 where both say the same). `values` are
canonical; `is_sound` is false where no confidence could have outweighed what was wrong, and then
`problem` says what."""

FAILURES = pa.schema(
    [
        pa.field("doc_id", pa.string()),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
        pa.field("attempts", pa.int32(), nullable=False),
        pa.field("usd", pa.float64(), nullable=False),
        pa.field("raw_answer", pa.string()),
    ]
)
"""Dead letters: one row per document that could not be read or extracted."""

ATTEMPTS = pa.schema(
    [
        pa.field("attempt_id", pa.string(), nullable=False),
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("provider", pa.string(), nullable=False),
        pa.field("lane", pa.string(), nullable=False),
        pa.field("doc_id", pa.string()),
        pa.field("request_key", pa.string(), nullable=False),
        pa.field("number", pa.int32(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("status", pa.int32()),
        pa.field("input_tokens", pa.int64(), nullable=False),
        pa.field("cached_tokens", pa.int64(), nullable=False),
        pa.field("output_tokens", pa.int64(), nullable=False),
        pa.field("reasoning_tokens", pa.int64(), nullable=False),
        pa.field("input_price", pa.float64(), nullable=False),
        pa.field("cached_input_price", pa.float64(), nullable=False),
        pa.field("output_price", pa.float64(), nullable=False),
        pa.field("usd", pa.float64(), nullable=False),
        pa.field("usd_is_upper_bound", pa.bool_(), nullable=False),
        pa.field("stored_usd", pa.float64(), nullable=False),
        pa.field("from_store", pa.bool_(), nullable=False),
        pa.field("latency_ms", pa.float64(), nullable=False),
        pa.field("started_at", _TIME, nullable=False),
        pa.field("message", pa.string()),
    ]
)
"""The ledger; the columns are those of `schemas.ledger.Attempt`."""

METRICS = pa.schema(
    [
        pa.field("figure_id", pa.string(), nullable=False),
        pa.field("metric_id", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("sql", pa.string(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("column", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("unit", pa.string(), nullable=False),
    ]
)
"""One row per cell of every metric's result, in order. `kind`: number, text, date or bool; `value`
is exact text (a decimal as printed by SQL), null where the cell is null."""

SHADOW = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("document_type", pa.string(), nullable=False),
        pa.field("failure", pa.string()),
        pa.field("usd", pa.float64(), nullable=False),
        pa.field("projected_usd", pa.float64()),
        pa.field(
            "answers",
            pa.list_(
                pa.struct(
                    [
                        pa.field("field", pa.string(), nullable=False),
                        pa.field("values", pa.list_(pa.string()), nullable=False),
                        pa.field("is_right", pa.bool_()),
                        pa.field("is_record_right", pa.bool_()),
                    ]
                )
            ),
            nullable=False,
        ),
    ]
)
"""One row per document that the strong model was asked for. `failure` is the failure class where it
gave no answer; `usd` what its answers cost when they were paid, `projected_usd` the same tokens on
the catalog's model (offline runs). Per field its values in canonical notation and, where somebody
has labelled the document, whether they and those of the record are right."""


EVIDENCE = pa.list_(
    pa.struct(
        [
            pa.field("start", pa.int64(), nullable=False),
            pa.field("end", pa.int64(), nullable=False),
            pa.field("quote", pa.string(), nullable=False),
        ]
    )
)
"""Where a value stands: `text[start:end] == quote` in code points of the document's text. One entry
per value, in order; empty where there is no value or it was inferred without a quote."""

_VALUE_TYPES = {
    FieldType.INTEGER: pa.int64(),
    FieldType.DECIMAL: DECIMAL,
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.date32(),
}


def value_type(spec: FieldSpec) -> pa.DataType:
    """The Arrow type of a field's column: text where the field is kept as printed.

    A `datetime` is a string in ISO 8601, because a time without an offset is no instant.
    """
    single = pa.string() if spec.as_printed else _VALUE_TYPES.get(spec.type, pa.string())
    return pa.list_(single) if spec.multi else single


def records_schema(document_type: DocumentType) -> pa.Schema:
    """The columns of the records of a type.

    `doc_id`, `uri` and `record_key`; one column per field; then per field `<name>__evidence`,
    `<name>__confidence`, `<name>__tier` (0 is the first), `<name>__model` and `<name>__status`:
    accepted, verified, absent (accepted as having no value) or unresolved (null, with the reason
    in `<name>__reason`).
    """
    columns = [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("record_key", pa.string(), nullable=False),
        *(pa.field(spec.name, value_type(spec)) for spec in document_type.fields),
    ]
    for spec in document_type.fields:
        columns += [
            pa.field(f"{spec.name}__evidence", EVIDENCE, nullable=False),
            pa.field(f"{spec.name}__confidence", pa.float64()),
            pa.field(f"{spec.name}__tier", pa.int32()),
            pa.field(f"{spec.name}__model", pa.string()),
            pa.field(f"{spec.name}__status", pa.string(), nullable=False),
            pa.field(f"{spec.name}__reason", pa.string()),
        ]
    return pa.schema(columns)
