"""What is kept of an extracted shard, and what does the run count? Tables and dead letters."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from schemas.ledger import Attempt
from schemas.manifest import Books, ShardResult
from schemas.tables import ANSWERS, FAILURES, OUTCOMES, records_schema
from storage.store import Lake
from tasks.answer_rows import answer_rows
from tasks.audits import count_audits
from tasks.ingest import ShardRef
from tasks.ledger_rows import add_attempts
from tasks.record_rows import outcome_row, record_row
from tasks.runtime import Runtime
from tasks.shard_versions import copy_records, next_key
from tasks.work import Work


def known_outcomes(key: str, ref: ShardRef, runtime: Runtime) -> dict[str, dict[str, Any]]:
    """The outcomes that the lake has for the shard, but for those whose records are gone."""
    lake, manifest = runtime.lake, runtime.manifest
    path = lake.outcomes(manifest.job.name, ref.shard, key)
    if not lake.exists(path):
        return {}
    rows = lake.read_table(path).to_pylist()
    types = {row["document_type"] for row in rows if row["status"] == "extracted"}
    lost = {
        name
        for name in types
        if not lake.exists(lake.records(manifest.job.name, name, ref.shard, key))
    }
    # Their answers are in the response store: making the records again costs nothing.
    return {row["doc_id"]: row for row in rows if row["document_type"] not in lost}


def write_shard(
    works: list[Work],
    attempts: list[Attempt],
    ref: ShardRef,
    key: str,
    failed: Collection[str],
    runtime: Runtime,
) -> tuple[str, dict[str, dict[str, Any]]]:
    """Write ledger, records and, last, outcomes of a shard; returns its key and all its outcomes.

    Another run may have finished some of the same documents meanwhile: what it wrote stays. What
    became of documents that had `failed` goes into a new version of the shard, under a key of its
    own, because other runs tell of the old one.
    """
    lake, manifest = runtime.lake, runtime.manifest
    add_attempts(lake, lake.attempts(manifest.run_id, ref.shard), attempts)
    per_document: dict[str | None, list[Attempt]] = {}
    for attempt in attempts:
        per_document.setdefault(attempt.doc_id, []).append(attempt)
    job = manifest.job.name
    with lake.locked(lake.outcomes(job, ref.shard, key).rsplit("/", 1)[0]):
        known = known_outcomes(key, ref, runtime)
        old = {doc_id: row for doc_id, row in known.items() if doc_id not in failed}
        finished = [w for w in works if w.parked is None and w.row["doc_id"] not in old]
        again = {work.row["doc_id"] for work in finished} & set(failed)
        if again:
            new_key = next_key(lake, job, ref.shard, manifest.extraction_key)
            copy_records(lake, job, ref.shard, key, new_key, known.values())
            key = new_key
        _write_records(finished, ref, key, runtime)
        _write_answers(finished, ref, runtime)
        outcomes = [
            _outcome(work, per_document.get(work.row["doc_id"], []), runtime) for work in finished
        ]
        kept = {doc_id: row for doc_id, row in known.items() if doc_id not in again}
        rows = [*kept.values(), *outcomes]
        lake.write_rows(lake.outcomes(job, ref.shard, key), rows, OUTCOMES)
    return key, {row["doc_id"]: row for row in rows}


def _write_records(finished: list[Work], ref: ShardRef, key: str, runtime: Runtime) -> None:
    lake, manifest = runtime.lake, runtime.manifest
    by_type: dict[str, list[Work]] = {}
    for work in finished:
        if work.failure is None and work.route is not None and work.route.document_type:
            by_type.setdefault(work.route.document_type.name, []).append(work)
    for name, members in by_type.items():
        document_type = members[0].document_type
        rows = [
            record_row(w.row, document_type, w.extracted, manifest.extraction_key) for w in members
        ]
        path = lake.records(manifest.job.name, name, ref.shard, key)
        _append(lake, path, rows, records_schema(document_type))


def _write_answers(finished: list[Work], ref: ShardRef, runtime: Runtime) -> None:
    lake, manifest = runtime.lake, runtime.manifest
    rows: list[dict[str, Any]] = []
    for work in finished:
        if work.extraction is not None:
            name = work.document_type.name
            rows += answer_rows(work.row["doc_id"], name, work.extraction, work.checks)
            rows += work.audits
    path = lake.answers(manifest.job.name, ref.shard, manifest.extraction_key)
    if rows:
        _append(lake, path, rows, ANSWERS)
    if manifest.job.audit.share and manifest.calibrations:
        count_audits(lake, manifest, path)


def _outcome(work: Work, attempts: list[Attempt], runtime: Runtime) -> dict[str, Any]:
    return outcome_row(
        work.row,
        document_type=work.route.document_type if work.route else None,
        routed_by=work.route.by if work.route else None,
        failure=work.failure,
        raw_answer=work.raw_answer,
        escalated=work.extraction.escalated if work.extraction else 0,
        verdict=work.verdict,
        attempts=attempts,
        resolution=runtime.manifest.resolution,
    )


def _append(lake: Lake, path: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Add rows to a records file; a row that was there already gives way to its new version."""
    table = pa.Table.from_pylist(rows, schema=schema)
    if lake.exists(path):
        new = {row["doc_id"] for row in rows}
        old = lake.read_table(path)
        keep = [doc_id not in new for doc_id in old.column("doc_id").to_pylist()]
        table = pa.concat_tables([old.filter(pa.array(keep)), table])
    lake.write_table(path, table)


def shard_result(
    ref: ShardRef,
    wanted: list[str],
    key: str,
    known: dict[str, dict[str, Any]],
    works: list[Work],
    attempts: list[Attempt],
    runtime: Runtime,
) -> ShardResult:
    """Count what became of the wanted documents and write the run's dead letters of the shard."""
    lake, manifest = runtime.lake, runtime.manifest
    mine = [known[doc_id] for doc_id in wanted if doc_id in known]
    dead = [_dead_letter(row) for row in mine if row["status"] == "failed"]
    path = lake.failures(manifest.run_id, ref.shard)
    if dead or (ref.again and lake.exists(path)):
        lake.write_rows(path, dead, FAILURES)
    failed: dict[str, int] = {}
    for letter in dead:
        failed[letter["class"]] = failed.get(letter["class"], 0) + 1
    waiting = [w for w in works if w.parked is not None]
    parked = [w for w in waiting if w.row["doc_id"] not in known]
    # A dead letter that could not be tried again is as it was, and yet somebody must be told.
    unheard = [w for w in waiting if w.row["doc_id"] in ref.again]
    books = Books(
        inputs=len(wanted),
        done=len(mine) - len(dead),
        failed=failed,
        skipped={"parked": len(parked)} if parked else {},
    )
    types = {row["document_type"] for row in mine if row["status"] == "extracted"}
    paid = [attempt for attempt in attempts if not attempt.from_store]
    return ShardResult(
        shard=ref.shard,
        documents=ref.documents,
        outcomes=lake.outcomes(manifest.job.name, ref.shard, key),
        records={
            name: lake.records(manifest.job.name, name, ref.shard, key) for name in sorted(types)
        },
        attempts=lake.attempts(manifest.run_id, ref.shard) if attempts else None,
        books=books,
        reused=len(wanted) - len(works),
        calls=len(paid),
        usd=sum(attempt.usd for attempt in paid),
        parked=next((w.parked for w in (*parked, *unheard)), None),
    )


def _dead_letter(outcome: dict[str, Any]) -> dict[str, Any]:
    return {
        "doc_id": outcome["doc_id"],
        "uri": outcome["uri"],
        "stage": "extract",
        "class": outcome["failure_class"],
        "message": outcome["message"],
        "attempts": outcome["calls"],
        "usd": outcome["usd"],
        "raw_answer": outcome["raw_answer"],
    }
