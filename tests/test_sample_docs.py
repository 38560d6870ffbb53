"""Are the sample documents what their labels say they are?"""

import importlib
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pypdfium2
import pytest
import yaml

from schemas.documents import shipped_type
from schemas.fields import FieldSpec, FieldType
from schemas.job import Job
from schemas.tables import DOCUMENTS, FAILURES, records_schema
from tests.gold_checks import (
    by_file,
    document_text,
    files_below,
    label_faults,
    missing_values,
    printed_values,
    read_labels,
    stands,
)

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "sample_docs"
TYPES = ("invoice", "receipt", "contract", "support_ticket", "email")
TELLING = re.compile(
    r"invoice|rechnung|facture|receipt|quittung|contract|vertrag|ticket|mail|\.eml"
)

LABELS = read_labels(SAMPLES)
READABLE = [label for label in LABELS if label["expect"] == "extracted"]


def altered(spec: FieldSpec, value: str) -> str:
    match spec.type:
        case FieldType.DATE:
            return (date.fromisoformat(value) + timedelta(days=400)).isoformat()
        case FieldType.DATETIME:
            return (datetime.fromisoformat(value) + timedelta(seconds=1)).isoformat()
        case FieldType.DECIMAL:
            return str(Decimal(value) + Decimal("1000.07"))
        case FieldType.DURATION:
            return f"7{value}"
        case _:
            return f"{value} Xylander"


def test_every_document_has_one_label_and_every_label_a_document() -> None:
    assert sorted(map(by_file, LABELS)) == files_below(SAMPLES / "documents")


def test_the_set_is_as_large_and_as_varied_as_promised() -> None:
    kinds = Counter((label["type"], label["language"]) for label in READABLE)
    formats = {Path(by_file(label)).suffix for label in READABLE}
    hidden = [label for label in READABLE if not TELLING.search(by_file(label))]

    assert len(LABELS) >= 80
    assert set(kinds) == {(t, language) for t in TYPES for language in ("en", "de", "fr")}
    assert formats >= {".pdf", ".docx", ".eml", ".html", ".xlsx", ".txt", ".md", ".csv", ".json"}
    assert sum(bool(label["hard"]) for label in LABELS) >= 12
    assert len(hidden) * 2 >= len(READABLE)
    assert sum(p.stat().st_size for p in SAMPLES.rglob("*") if p.is_file()) < 1_500_000


def test_six_documents_are_broken_in_six_ways() -> None:
    broken = {label["broken"]: label for label in LABELS if label["broken"]}
    data = {how: (SAMPLES / "documents" / by_file(broken[how])).read_bytes() for how in broken}
    copies = [f for f in files_below(SAMPLES / "documents") if f != by_file(broken["duplicate"])]

    assert set(broken) == {
        "empty",
        "encrypted",
        "truncated",
        "junk",
        "wrong extension",
        "duplicate",
    }
    assert {how for how in broken if broken[how]["expect"] == "failed"} == {
        "empty",
        "encrypted",
        "truncated",
        "junk",
    }
    assert all(broken[h]["type"] is None for h in ("empty", "encrypted", "truncated", "junk"))
    assert data["empty"] == b""
    with pytest.raises(pypdfium2.PdfiumError, match="password"):
        pypdfium2.PdfDocument(data["encrypted"])
    assert data["truncated"].startswith(b"PK")
    assert b"PK\x05\x06" not in data["truncated"]
    assert data["wrong extension"].startswith(b"%PDF")
    assert data["duplicate"] in [(SAMPLES / "documents" / name).read_bytes() for name in copies]


def test_labels_are_complete_and_in_canonical_notation_and_their_amounts_add_up() -> None:
    assert label_faults(READABLE) == []


@pytest.mark.parametrize("label", READABLE, ids=by_file)
def test_what_a_label_says_stands_in_its_document(label: dict[str, Any]) -> None:
    assert missing_values(label, (SAMPLES / "documents" / by_file(label)).read_bytes()) == []


def test_a_wrong_value_would_be_noticed() -> None:
    unnoticed = []
    for label in READABLE:
        name = by_file(label)
        text = document_text((SAMPLES / "documents" / name).read_bytes(), name)
        for spec, value in printed_values(label):
            if stands(spec, altered(spec, value), text):
                unnoticed.append((name, spec.name, value))

    assert unnoticed == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grand_total", "1.00"),
        ("net_total", "1,350.00"),
        ("issue_date", "12 January 2026"),
        ("due_date", "2025-01-01"),
        ("currency", "£"),
        ("grand_total", None),
        ("seller_name", ["a", "b"]),
        ("colour", "red"),
    ],
)
def test_a_faulty_label_would_be_noticed(field: str, value: object) -> None:
    invoice = next(label for label in READABLE if label["file"] == "invoices/calder-cg-20417.pdf")

    assert label_faults([{**invoice, "fields": {**invoice["fields"], field: value}}])


def test_fields_json_lists_the_fields_of_the_shipped_types() -> None:
    words = {FieldType.DATE: "date-iso", FieldType.DATETIME: "datetime-iso"}
    listed = json.loads((SAMPLES / "fields.json").read_text(encoding="utf-8"))
    shipped = [(t, spec) for t in TYPES for spec in shipped_type(t).fields]

    assert listed["set"] == "sample_docs"
    assert [
        (f["document_type"], f["name"], f["type"], f["multi"], tuple(f.get("choices", ())))
        for f in listed["fields"]
    ] == [(t, s.name, words.get(s.type, s.type.value), s.multi, s.choices) for t, s in shipped]
    assert all(
        field["description"].startswith(spec.description)
        for field, (_, spec) in zip(listed["fields"], shipped, strict=True)
    )
    assert {field["match"] for field in listed["fields"]} <= {
        "exact",
        "casefold",
        "alnum",
        "numeric",
        "instant",
    }


def gold_database() -> duckdb.DuckDBPyConnection:
    """The gold records as the tables that metrics are written for."""
    database = duckdb.connect()
    for name in TYPES:
        document_type = shipped_type(name)
        schema = records_schema(document_type)
        columns = pa.schema([schema.field(spec.name) for spec in document_type.fields])
        typed: dict[FieldType, Callable[[str], object]] = {
            FieldType.DECIMAL: Decimal,
            FieldType.DATE: date.fromisoformat,
        }
        rows = [
            {
                spec.name: typed[spec.type](value) if value and spec.type in typed else value
                for spec in document_type.fields
                for value in [label["fields"][spec.name]]
            }
            for label in READABLE
            if label["type"] == name
        ]
        database.register(name, pa.Table.from_pylist(rows, schema=columns))
    database.register("documents", DOCUMENTS.empty_table())
    database.register("failures", FAILURES.empty_table())
    return database


def test_the_sample_job_is_valid_and_its_metrics_give_figures() -> None:
    job = Job.model_validate(yaml.safe_load((SAMPLES / "docmill.yaml").read_text("utf-8")))
    database = gold_database()

    rows = {m.id: len(database.sql(m.sql).fetchall()) for m in job.analysis.metrics}

    assert len(rows) >= 5
    assert min(rows.values()) > 1


def test_the_sample_documents_that_code_writes_are_those_of_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    make = importlib.import_module("make_sample_docs")

    for name, data in make.rendered().items():
        committed = (SAMPLES / "documents" / name).read_bytes()

        # Compressed bytes depend on the library that compressed them; what is read does not.
        if not name.startswith("odd/"):
            assert document_text(committed, name) == document_text(data, name), name
