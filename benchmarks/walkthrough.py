"""Which rows does one document leave in each table? Prints the tables of docs/walkthrough.md.

    python benchmarks/walkthrough.py            # print them
    python benchmarks/walkthrough.py --write    # put them into docs/walkthrough.md

Runs the sample documents into a temporary lake, as `docmill run sample_docs --direct` does, and
reads the rows back from its Parquet files.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pyarrow as pa
import pyarrow.compute as pc

from docs.make_tables import filled, markdown_table
from flows.views import verification_lines
from flows.wiring import Direct, run_pipeline, start_run
from schemas.manifest import Manifest
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.evaluation import evaluate
from tasks.gold import load_gold
from tasks.jobs import document_types, load_job
from tasks.predictions import predictions
from tasks.verification import verify_run

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "walkthrough.md"
SAMPLES = ROOT / "sample_docs"

DOCUMENT = "inbox/zschopau.pdf"
"""A German contract: routed by a model, five fields to the second tier, checked, one unresolved."""

MENDED = "archive/2026/03/m-0319.eml"
"""An e-mail of whose values the verifier rejects one."""
MENDED_FIELD = "recipients"

FAILED = ("invoices/kittiwake-kw-5508.xlsx", "odd/minutes.docx")
"""Dead letters: one of extraction, one of ingest."""

FIGURE = "contracts_by_law.Bundesrepublik_Deutschland.contracts"
"""A figure of the report that counts the document."""

SHOWN_CHARS = 700
AROUND_CHARS = 24

_VOLATILE = (
    (re.compile(r"\b\d{8}T\d{6}-[0-9a-f]{6}\b"), "RUN"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "TIME"),
    (re.compile(r"\b[0-9a-f]{32}\b(?![0-9a-f])"), "ATTEMPT"),
    (re.compile(r"\b\d+\.\d+(?= ms)"), "DURATION"),
    (re.compile(r'(?<="report\.(?:js|ht|md))(on|ml|)": "[0-9a-f]{64}"'), "CHECKSUM"),
)


def masked(text: str) -> str:
    """`text` without what differs from run to run: ids, times, durations, checksums of reports."""
    for pattern, word in _VOLATILE:
        text = pattern.sub(word, text)
    return text


def blocks(lake_url: str) -> dict[str, str]:
    """Run the samples into a new lake; returns Markdown by the name of its place in the page."""
    job = load_job(str(SAMPLES), {"lake": lake_url, "profile": "offline"})
    done = run_pipeline(start_run(job, env={}), Direct())
    lake = Lake(job.lake)
    manifest = read_manifest(lake, done.run_id)
    rows = _Rows(lake, manifest)
    mine = rows.doc_id(DOCUMENT)
    document = rows.one("documents", mine)
    sources = [row for row in rows.all("sources") if _is_shown(row)]
    text = document.pop("text")
    return {
        "sources": markdown_table(sources, leave_out=("modified_at",)),
        "documents": vertical({**document, "text": _shortened(text)}),
        "text": f"```text\n{text[:SHOWN_CHARS].rstrip()}\n... ({len(text):,} characters)\n```",
        "attempts": _attempts(rows, mine),
        "attempt": vertical(rows.attempts(mine)[1]),
        "record": _record(rows, mine, text),
        "labels": _against_labels(lake, manifest),
        "outcomes": vertical(rows.one("outcomes", mine)),
        "mended-attempts": _attempts(rows, rows.doc_id(MENDED)),
        "mended-field": _field_row(rows, rows.doc_id(MENDED), MENDED_FIELD),
        "failures": "\n\n".join(vertical(r) for r in rows.all("failures") if r["uri"] in FAILED),
        "metrics": _metrics(rows),
        "report": _figure_in_report(lake, manifest),
        "manifest": _manifest(manifest),
        "verify": "```text\n" + "\n".join(verification_lines(verify_run(lake, done.run_id)))
        + "\n```",
    }  # fmt: skip


class _Rows:
    """The tables of one run, as lists of rows."""

    def __init__(self, lake: Lake, manifest: Manifest) -> None:
        self._lake, self._manifest = lake, manifest
        run_id = manifest.run_id
        records = [path for shard in manifest.shards for path in shard.records.values()]
        self._paths: dict[str, Iterable[str]] = {
            "sources": [lake.run(run_id, "sources.parquet")],
            "documents": [shard.documents for shard in manifest.shards],
            "outcomes": [shard.outcomes for shard in manifest.shards],
            "records": records,
            "attempts": lake.find(f"attempts/{run_id}", ".parquet"),
            "failures": lake.find(f"failures/{run_id}", ".parquet"),
            "metrics": [lake.run(run_id, "metrics.parquet")],
        }

    def all(self, table: str) -> list[dict[str, Any]]:
        """Every row of a table of the run."""
        return [r for path in self._paths[table] for r in self._lake.read_table(path).to_pylist()]

    def one(self, table: str, doc_id: str) -> dict[str, Any]:
        """The row of a document."""
        for path in self._paths[table]:
            found = self._lake.read_table(path)
            found = found.filter(pc.equal(found["doc_id"], pa.scalar(doc_id)))
            if found.num_rows:
                return dict(found.to_pylist()[0])
        raise LookupError(f"{doc_id} has no row in {table}")

    def attempts(self, doc_id: str) -> list[dict[str, Any]]:
        """The calls for a document, in the order they were sent."""
        mine = [row for row in self.all("attempts") if row["doc_id"] == doc_id]
        return sorted(mine, key=lambda row: row["started_at"])

    def doc_id(self, uri: str) -> str:
        """The id of the document at `uri`."""
        return next(str(row["doc_id"]) for row in self.all("sources") if row["uri"] == uri)


def vertical(row: Mapping[str, Any]) -> str:
    """One row as a table of its columns."""
    return markdown_table([{"column": f"`{k}`", "value": _cell(k, v)} for k, v in row.items()])


def _cell(column: str, value: Any) -> str:
    if value is None:
        return "null"
    if column == "latency_ms":
        return f"{value:.1f} ms"
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _is_shown(row: Mapping[str, Any]) -> bool:
    return row["uri"] in (DOCUMENT, FAILED[1]) or row["status"] == "duplicate"


def _shortened(text: str) -> str:
    return f"{' '.join(text[:60].split())} ... ({len(text):,} characters)"


def _attempts(rows: _Rows, doc_id: str) -> str:
    columns = (
        "stage", "role", "model", "outcome", "input_tokens", "output_tokens", "usd", "from_store",
        "latency_ms",
    )  # fmt: skip
    return markdown_table([{c: _cell(c, row[c]) for c in columns} for row in rows.attempts(doc_id)])


def _record(rows: _Rows, doc_id: str, text: str) -> str:
    row = rows.one("records", doc_id)
    names = [c.removesuffix("__status") for c in row if c.endswith("__status")]
    return markdown_table(
        [
            {
                "field": f"`{name}`",
                "value": _value(row[name]),
                "evidence, with the text around it": "; ".join(
                    _in_context(text, e["start"], e["end"]) for e in row[f"{name}__evidence"]
                ),
                "confidence": f"{row[f'{name}__confidence']:.2f}",
                "tier": str(row[f"{name}__tier"]),
                "model": row[f"{name}__model"],
                "status": row[f"{name}__status"],
                "reason": row[f"{name}__reason"] or "",
            }
            for name in names
        ]
    )


def _value(value: Any) -> str:
    if value is None:
        return "null"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _in_context(text: str, start: int, end: int) -> str:
    before = text[max(0, start - AROUND_CHARS) : start]
    after = text[end : end + AROUND_CHARS]
    shown = " ".join(f"{before}⟦{text[start:end]}⟧{after}".split())
    return f"{start}–{end} `{shown}`"


def _against_labels(lake: Lake, manifest: Manifest) -> str:
    found = predictions(lake, manifest)
    gold = load_gold(SAMPLES)
    result = evaluate(gold, {file: fields for file, (_, fields) in found.items()})
    wrong = [mistake for mistake in result.mistakes if mistake.file == DOCUMENT]
    return markdown_table(
        [
            {
                "field": f"`{mistake.field}`",
                "record": _value(mistake.predicted),
                "label": _value(mistake.gold),
            }
            for mistake in wrong
        ]
    )


def _field_row(rows: _Rows, doc_id: str, field: str) -> str:
    row = rows.one("records", doc_id)
    mine = {k: v for k, v in row.items() if k == field or k.startswith(f"{field}__")}
    label = load_gold(SAMPLES).labels[row["uri"]].fields[field]
    return f"{vertical(mine)}\n| label of the sample | {label} |"


def _metrics(rows: _Rows) -> str:
    metric, name = FIGURE.split(".")[:2]
    mine = [
        row
        for row in rows.all("metrics")
        if row["metric_id"] == metric and row["figure_id"].split(".")[1] == name
    ]
    sql = f"```sql\n{mine[0]['sql'].strip()}\n```"
    return f"{sql}\n\n{markdown_table(mine, leave_out=('title', 'sql'))}"


def _figure_in_report(lake: Lake, manifest: Manifest) -> str:
    page = lake.read_bytes(lake.run(manifest.run_id, "report.html")).decode()
    found = re.search(rf'<data[^>]*data-id="{re.escape(FIGURE)}"[^>]*>[^<]*</data>', page)
    if found is None:
        raise LookupError(f"the report does not show {FIGURE}")
    return f"```html\n{found.group()}\n```"


def _manifest(manifest: Manifest) -> str:
    whole = manifest.model_dump(mode="json")
    shard = whole["shards"][0]
    excerpt = {
        **{k: whole[k] for k in ("run_id", "status", "version", "started_at", "extraction_key")},
        "job": {
            "name": manifest.job.name,
            "types": [t.name for t in document_types(manifest.job)],
            "budget_usd": manifest.job.budget_usd,
        },
        "resolution": {
            "profile": manifest.resolution.profile,
            "roles": {
                role.value: [model.slug for model in models]
                for role, models in manifest.resolution.roles.items()
            },
            "baseline": manifest.resolution.baseline and manifest.resolution.baseline.slug,
            "catalog_version": manifest.resolution.catalog_version,
        },
        **{k: whole[k] for k in ("ingest", "extract")},
        "shards": [{k: shard[k] for k in ("documents", "outcomes", "records", "books", "calls")}],
        **{k: whole[k] for k in ("cost", "outputs", "error")},
    }
    return f"```json\n{json.dumps(excerpt, indent=1, ensure_ascii=False)}\n```"


def main(arguments: Sequence[str], write: Callable[[str], object] = sys.stdout.write) -> None:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(description="Make the tables of docs/walkthrough.md.")
    parser.add_argument("--write", action="store_true", help="put them into the page")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="docmill-walkthrough-") as folder:
        made = blocks(folder)
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    else:
        for name, block in made.items():
            write(f"## {name}\n\n{block}\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
