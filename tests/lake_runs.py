"""A small run in a lake, written as the stages before the analysis would have written it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from llms.calls import Call, Reply
from schemas.documents import shipped_type
from schemas.fields import DocumentType
from schemas.job import Analysis, Job, Metric
from schemas.manifest import Books, Manifest, RunStatus, ShardResult
from schemas.roles import Model, Resolution, Role
from schemas.tables import ATTEMPTS, DOCUMENTS, FAILURES, OUTCOMES, SOURCES, records_schema
from storage.manifests import write_manifest
from storage.store import Lake
from tasks.analysis import analyze
from tasks.costs import run_cost
from tasks.report import write_report
from tests.lake_docs import Doc, make_docs

STARTED = datetime(2026, 7, 10, 2, 0, tzinfo=UTC)
KEY = "k0123456789ab"
QUICK = Model(
    slug="offline-quick", name="docmill rules, quick", creator="docmill", provider="offline",
    api_id="offline-quick", kind="rules", input_price=0.0, output_price=0.0,
)  # fmt: skip
CAREFUL = QUICK.model_copy(
    update={
        "slug": "offline-careful",
        "name": "docmill rules, careful",
        "api_id": "offline-careful",
    }
)
STRONG = Model(
    slug="acme-large-high", name="Acme Large (high)", creator="Acme", provider="openrouter",
    api_id="acme/large", effort="high", input_price=5.0, output_price=25.0, thinking_factor=4.0,
)  # fmt: skip
SMALL = STRONG.model_copy(
    update={"slug": "acme-mini", "name": "Acme Mini", "input_price": 0.1, "output_price": 0.4}
)
TYPES = ("invoice", "receipt", "support_ticket", "contract")


@dataclass
class Run:
    """A run on disk."""

    lake: Lake
    manifest: Manifest

    @property
    def run_id(self) -> str:
        return self.manifest.run_id

    def path(self, name: str) -> Path:
        return Path(self.lake.full(self.lake.run(self.run_id, name)))


def make_job(**changes: Any) -> Job:
    """A job over four shipped types with one metric of its own."""
    usual: dict[str, Any] = {
        "name": "post",
        "description": "What arrived in the post room, and what it asks of us.",
        "types": tuple(shipped_type(name) for name in TYPES),
        "analysis": Analysis(
            metrics=(
                Metric(
                    id="invoiced_by_currency",
                    title="Invoiced by currency",
                    sql="SELECT currency, count(*) AS invoices, sum(grand_total) AS total "
                    "FROM invoice GROUP BY currency ORDER BY total DESC",
                ),
            )
        ),
    }
    return Job(**{**usual, **changes})


def write_run(
    folder: Path | str,
    docs: list[Doc] | None = None,
    *,
    run_id: str = "20260710-020000-abcd",
    job: Job | None = None,
    shard_size: int = 10,
    unreadable: tuple[tuple[str, str, str], ...] = (
        ("scan/empty.pdf", "empty", "the file holds no text and no picture"),
        ("scan/locked.pdf", "encrypted", "the PDF asks for a password; remove it and run again"),
    ),
    duplicates: int = 1,
    is_reused: bool = False,
    models: tuple[Model, Model] = (QUICK, CAREFUL),
    notes: tuple[str, ...] = ("thresholds are not calibrated; the defaults were used",),
    usd: float = 0.0,
) -> Run:
    """Write every table of a run; `is_reused` leaves out the calls, as a second run has none."""
    job = job or make_job()
    docs = make_docs() if docs is None else docs
    lake = Lake(str(folder))
    shards = [docs[i : i + shard_size] for i in range(0, len(docs), shard_size)]
    results = [
        _write_shard(lake, run_id, job, f"{n:016x}", part, is_reused, models, usd)
        for n, part in enumerate(shards)
    ]
    _write_sources(lake, run_id, docs, shard_size, unreadable, duplicates, is_reused)
    failed: dict[str, int] = {}
    for _, reason, _ in unreadable:
        failed[reason] = failed.get(reason, 0) + 1
    found = len(docs) + len(unreadable) + duplicates
    manifest = Manifest(
        run_id=run_id,
        status=RunStatus.DONE,
        job=job,
        version="0.1.0",
        versions={"python": "3.11", "duckdb": "2.0.0"},
        started_at=STARTED,
        resolution=_resolution(models),
        extraction_key=KEY,
        ingest=Books(
            inputs=found,
            done=len(docs),
            failed=failed,
            skipped={"duplicate": duplicates} if duplicates else {},
        ),
        extract=sum((r.books for r in results), Books()),
        shards=tuple(results),
        notes=notes,
    )
    manifest = manifest.model_copy(update={"cost": run_cost(lake, manifest, manifest.shards)})
    write_manifest(lake, manifest)
    return Run(lake, manifest)


def publish(run: Run, insights: list[dict[str, Any]] | None = None) -> Run:
    """Analyse a run, write its report and note the checksums, as the pipeline does."""

    async def ask(_: Call) -> Reply:
        return Reply({"insights": insights}, CAREFUL.slug, 0.0, False, 1)

    asyncio.run(analyze(run.manifest, run.lake, ask if insights is not None else None))
    outputs = write_report(run.manifest, run.lake)
    run.manifest = run.manifest.model_copy(update={"outputs": outputs})
    write_manifest(run.lake, run.manifest)
    return run


def _resolution(models: tuple[Model, Model]) -> Resolution:
    first, second = models
    is_offline = first.kind == "rules"
    return Resolution(
        profile="offline" if is_offline else "openrouter",
        roles={
            Role.EXTRACTION_WORKER: (first,),
            Role.FORMATTING_WORKER: (first,),
            Role.REASONING_WORKER: (second,),
            Role.TOOL_WORKER: (second,),
            Role.ORCHESTRATOR: (second,),
        },
        baseline=STRONG,
        projected=dict.fromkeys(Role, SMALL) if is_offline else {},
        catalog_version="2026-07-10",
        catalog_sha256="c0ffee" * 10 + "abcd",
    )


def _write_shard(
    lake: Lake,
    run_id: str,
    job: Job,
    shard: str,
    docs: list[Doc],
    is_reused: bool,
    models: tuple[Model, Model],
    usd: float,
) -> ShardResult:
    lake.write_rows(lake.documents(job.name, shard), [_document(d) for d in docs], DOCUMENTS)
    outcomes = lake.outcomes(job.name, shard, KEY)
    lake.write_rows(outcomes, [_outcome(d, usd) for d in docs], OUTCOMES)
    records = {}
    good = [d for d in docs if d.failure is None and d.document_type]
    for name in sorted({str(d.document_type) for d in good}):
        document_type = next(t for t in job.types if isinstance(t, DocumentType) and t.name == name)
        rows = [_record(d, document_type, models) for d in good if d.document_type == name]
        records[name] = lake.records(job.name, name, shard, KEY)
        lake.write_rows(records[name], rows, records_schema(document_type))
    dead = [_dead_letter(d, usd) for d in docs if d.failure]
    if dead:
        lake.write_rows(lake.failures(run_id, shard), dead, FAILURES)
    attempts = [] if is_reused else [_attempt(run_id, d, models[0], usd) for d in docs]
    if attempts:
        lake.write_rows(lake.attempts(run_id, shard), attempts, ATTEMPTS)
    failed: dict[str, int] = {}
    for doc in docs:
        if doc.failure:
            failed[doc.failure[0]] = failed.get(doc.failure[0], 0) + 1
    return ShardResult(
        shard=shard,
        documents=lake.documents(job.name, shard),
        outcomes=outcomes,
        records=records,
        attempts=lake.attempts(run_id, shard) if attempts else None,
        books=Books(inputs=len(docs), done=len(docs) - len(dead), failed=failed),
        reused=len(docs) if is_reused else 0,
        calls=len(attempts),
        usd=usd * len(attempts),
    )


def _write_sources(
    lake: Lake,
    run_id: str,
    docs: list[Doc],
    shard_size: int,
    unreadable: tuple[tuple[str, str, str], ...],
    duplicates: int,
    is_reused: bool,
) -> None:
    rows = [
        _source(
            d.uri,
            "known" if is_reused else "parsed",
            doc_id=d.doc_id,
            shard=f"{number // shard_size:016x}",
        )
        for number, d in enumerate(docs)
    ]
    rows += [_source(uri, "failed", reason=reason) for uri, reason, _ in unreadable]
    rows += [
        _source(f"copies/{d.uri}", "duplicate", reason="duplicate", doc_id=d.doc_id)
        for d in docs[:duplicates]
    ]
    lake.write_rows(lake.run(run_id, "sources.parquet"), rows, SOURCES)
    dead = [
        {
            "doc_id": None, "uri": uri, "stage": "ingest", "class": reason, "message": message,
            "attempts": 0, "usd": 0.0, "raw_answer": None,
        }
        for uri, reason, message in unreadable
    ]  # fmt: skip
    if dead:
        lake.write_rows(lake.failures(run_id, "ingest"), dead, FAILURES)


def _source(uri: str, status: str, **more: Any) -> dict[str, Any]:
    return {"uri": uri, "status": status, "bytes": 2048, "modified_at": STARTED, **more}


def _document(doc: Doc) -> dict[str, Any]:
    return {
        "doc_id": doc.doc_id,
        "uri": doc.uri,
        "sha256": doc.doc_id * 3 + "0000",
        "media_type": "application/pdf" if doc.uri.endswith("pdf") else "text/plain",
        "bytes": len(doc.text.encode()),
        "pages": 1,
        "text": doc.text,
        "tokens": -(-len(doc.text) // 4),
        "parser": "text/1",
        "modified_at": STARTED,
        "ingested_at": STARTED,
    }


def _outcome(doc: Doc, usd: float) -> dict[str, Any]:
    return {
        "doc_id": doc.doc_id,
        "uri": doc.uri,
        "status": "failed" if doc.failure else "extracted",
        "document_type": doc.document_type,
        "routed_by": "signals" if len(doc.text) % 3 else "model",
        "failure_class": doc.failure[0] if doc.failure else None,
        "message": doc.failure[1] if doc.failure else None,
        "raw_answer": None,
        "calls": 2,
        "escalated": len(doc.text) % 2,
        "verified": "ok" if len(doc.text) % 5 == 0 else None,
        "usd": usd,
        "input_tokens": 600,
        "output_tokens": 150,
        "baseline_usd": 0.0211 + len(doc.text) / 1e6,
        "baseline_plain_usd": 0.0061 + len(doc.text) / 1e6,
        "projected_usd": 0.00082 + len(doc.text) / 1e8,
    }


def _record(doc: Doc, document_type: DocumentType, models: tuple[Model, Model]) -> dict[str, Any]:
    row: dict[str, Any] = {"doc_id": doc.doc_id, "uri": doc.uri, "record_key": KEY}
    for number, spec in enumerate(document_type.fields):
        value, quote = doc.fields.get(spec.name, (None, None))
        quotes = quote if isinstance(quote, list) else ([quote] if quote else [])
        tier = int((len(doc.text) + number) % 7 == 0)
        is_empty = value is None or value == []
        row[spec.name] = value if not (spec.multi and value is None) else []
        row[f"{spec.name}__evidence"] = [_evidence(doc.text, q) for q in quotes]
        row[f"{spec.name}__confidence"] = 0.99 - 0.02 * number - 0.1 * tier
        row[f"{spec.name}__tier"] = tier
        row[f"{spec.name}__model"] = models[tier].slug
        row[f"{spec.name}__status"] = (
            "absent" if is_empty else ["accepted", "verified"][len(doc.text) % 5 == 0]
        )
        row[f"{spec.name}__reason"] = None
        if is_empty and number % 4 == 3:
            row[f"{spec.name}__status"] = "unresolved"
            row[f"{spec.name}__reason"] = "not grounded"
    return row


def _evidence(text: str, quote: str) -> dict[str, Any]:
    start = text.index(quote)
    return {"start": start, "end": start + len(quote), "quote": quote}


def _dead_letter(doc: Doc, usd: float) -> dict[str, Any]:
    reason, message = doc.failure or ("", "")
    return {
        "doc_id": doc.doc_id, "uri": doc.uri, "stage": "extract", "class": reason,
        "message": message, "attempts": 2, "usd": usd, "raw_answer": "{}",
    }  # fmt: skip


def _attempt(run_id: str, doc: Doc, model: Model, usd: float) -> dict[str, Any]:
    return {
        "attempt_id": doc.doc_id, "run_id": run_id, "stage": "extract",
        "role": Role.EXTRACTION_WORKER.value, "model": model.slug, "provider": model.provider,
        "lane": "standard", "doc_id": doc.doc_id, "request_key": doc.doc_id, "number": 1,
        "outcome": "ok", "status": 200, "input_tokens": 600, "cached_tokens": 0,
        "output_tokens": 150, "reasoning_tokens": 0, "input_price": model.input_price or 0.0,
        "cached_input_price": 0.0, "output_price": model.output_price or 0.0, "usd": usd,
        "usd_is_upper_bound": False, "stored_usd": 0.0, "from_store": False, "latency_ms": 4.0,
        "started_at": STARTED + timedelta(seconds=1), "message": None,
    }  # fmt: skip


def rewrite(lake: Lake, path: str, change: Any) -> None:
    """Change the rows of a Parquet file by hand; `change` takes the list and alters it."""
    table = lake.read_table(path)
    rows = table.to_pylist()
    change(rows)
    lake.write_table(path, pa.Table.from_pylist(rows, schema=table.schema))
