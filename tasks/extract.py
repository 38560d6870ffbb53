"""What does a shard of documents say? Route, cascade, verify; write records and outcomes."""

import random
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

import pyarrow as pa

from llms.acceptance import Acceptance
from llms.calls import Ask, Call, Reply
from llms.cascade import extract
from llms.extraction import Document
from llms.failures import CallError, FailureClass
from llms.router import UNRECOGNISED, route
from llms.verifier import Verification, how_many, margin, verify
from schemas.fields import DocumentType
from schemas.ledger import Attempt
from schemas.manifest import Books, ShardResult
from schemas.tables import ANSWERS, FAILURES, OUTCOMES, records_schema
from storage.store import Lake
from tasks.answer_rows import answer_rows
from tasks.audits import audit, count_audits, suspended_types
from tasks.decisions import Case, due_cases
from tasks.ingest import ShardRef
from tasks.interruption import INTERRUPTION, TOLD_TO_STOP
from tasks.jobs import document_types
from tasks.ladder import CHECKING
from tasks.ledger_rows import add_attempts
from tasks.progress import progress_of
from tasks.record_rows import outcome_row, record_row
from tasks.runtime import Runtime, runtime_of
from tasks.selection import compile_globs
from tasks.shard_versions import copy_records, newest_key, next_key
from tasks.work import Work, for_each

_READ = ["doc_id", "uri", "sha256", "parser", "text", "tokens"]


def extract_shard(ref: ShardRef, lake_url: str, run_id: str) -> ShardResult:
    """Extract the documents of a shard that the run asks for and the lake does not have yet.

    Outcomes are written last: a shard that was killed before has its answers in the response
    store and asks for none of them again.

    Raises:
        CallError: A wrong key or a request the provider rejects: every further call would fail
            alike, so the run stops.
    """
    runtime = runtime_of(lake_url, run_id)
    lake, manifest = runtime.lake, runtime.manifest
    progress = progress_of(run_id)
    key = newest_key(lake, manifest.job.name, ref.shard, manifest.extraction_key)
    known = _known_outcomes(key, ref, runtime)
    wanted = _wanted(lake, ref)
    failed = {i for i in ref.again if i in known and known[i]["status"] == "failed"}
    missing = [doc_id for doc_id in wanted if doc_id not in known or doc_id in failed]
    progress.advance(len(wanted) - len(missing))
    runtime.begin_shard(len(wanted), len(missing))
    works: list[Work] = []
    attempts: list[Attempt] = []
    unverified = 0
    if missing and INTERRUPTION.is_asked:
        works = [Work({"doc_id": doc_id}, parked=TOLD_TO_STOP) for doc_id in missing]
    elif missing:
        works = [Work(row) for row in _rows(lake, ref, set(missing))]
        runtime.suspended = suspended_types(lake, manifest.job.name, manifest.calibrations)
        unverified = _run(works, ref.shard, runtime)
        attempts = runtime.take_attempts(missing)
        key, known = _write(works, attempts, ref, key, failed, runtime)
        progress.spend(runtime.budget.spent_usd)
    done = _result(ref, wanted, key, known, works, attempts, runtime)
    notes = tuple(runtime.ladder.notes)
    return done.model_copy(update={"notes": notes, "unverified": unverified})


def _run(works: list[Work], shard: str, runtime: Runtime) -> int:
    try:
        return runtime.run(_process(works, shard, runtime))
    except BaseExceptionGroup as group:
        # A task group wraps what it raises; callers care about the first cause alone.
        raise group.exceptions[0] from None


def _known_outcomes(key: str, ref: ShardRef, runtime: Runtime) -> dict[str, dict[str, Any]]:
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


def _wanted(lake: Lake, ref: ShardRef) -> list[str]:
    if ref.doc_ids is not None:
        return list(ref.doc_ids)
    column = lake.read_table(ref.documents, ["doc_id"]).column("doc_id")
    return [str(doc_id) for doc_id in column.to_pylist()]


def _rows(lake: Lake, ref: ShardRef, doc_ids: Collection[str]) -> Iterable[dict[str, Any]]:
    table = lake.read_table(ref.documents, _READ)
    return (row for row in table.to_pylist() if row["doc_id"] in doc_ids)


async def _process(works: list[Work], shard: str, runtime: Runtime) -> int:
    """Route and extract every document, then verify the share that is due.

    Returns:
        Verifications that were due and left out for want of money.
    """
    await for_each(works, _extract_one, runtime)
    job = runtime.manifest.job
    accepted = [
        w for w in works if w.extraction is not None and w.failure is None and w.parked is None
    ]
    accepted.sort(key=lambda w: (margin(_sure(w.extraction), job.cascade), w.row["doc_id"]))
    draw = random.Random(f"{job.seed}:{shard}").random()  # noqa: S311 - a sample, not a secret
    due = how_many(len(accepted), job.verify.share, draw)
    made = accepted[: how_many(len(accepted), runtime.ladder.share(len(accepted)), draw)]
    await for_each(made, _verify_one, runtime, is_check=True)
    if job.audit.share and runtime.manifest.calibrations:
        extracted = [w for w in accepted if w.failure is None and w.parked is None]
        await for_each(extracted, _audit_one, runtime, is_check=True)
    undecided = _undecided(works, shard, runtime)
    await for_each(undecided, _decide_one, runtime, is_check=True)
    return due - len(made) + sum(work.is_unchecked for work in made)


def _undecided(works: list[Work], shard: str, runtime: Runtime) -> list[Work]:
    """The documents that the orchestrator is asked about.

    None of a calibrated type: what was certified was certified without its word, and a value that
    was refused by the calibration must not come back by another door.
    """
    by_id = {
        w.row["doc_id"]: w
        for w in works
        if w.extraction is not None
        and w.parked is None
        and _sure(_sure(w.route).document_type).name not in runtime.manifest.calibrations
    }
    cases = [
        Case(doc_id, _sure(_sure(w.route).document_type), _sure(w.extraction))
        for doc_id, w in by_id.items()
    ]
    return [by_id[case.doc_id] for case in due_cases(cases, len(works), shard, runtime.manifest)]


async def _extract_one(work: Work, runtime: Runtime) -> None:
    job = runtime.manifest.job
    ask: Ask = runtime.client
    types = document_types(job)
    row = work.row
    work.route = await route(
        row["doc_id"], row["text"], _declared(row["uri"], types), types, job.fallback_type, ask
    )
    document_type = work.route.document_type
    if document_type is None:
        names = ", ".join(t.name for t in types)
        work.failure = (UNRECOGNISED, f"the document is none of: {names}")
    else:
        document = Document.of(row["doc_id"], row["text"])
        work.extraction = await extract(
            document, document_type, ask, _acceptance(document_type, runtime)
        )
        work.failure = work.extraction.failure
        work.raw_answer = work.extraction.raw_answer
    if runtime.ladder.is_watching:
        runtime.ladder.worked(runtime.paid_usd(row["doc_id"]))


async def _verify_one(work: Work, runtime: Runtime) -> None:
    """Verify a record; one that there is no money for stays as it was accepted."""
    has_checked = False

    async def ask(call: Call) -> Reply:
        nonlocal has_checked
        reply = await runtime.client(call)
        has_checked = True
        return reply

    try:
        await _verify(work, ask, runtime)
    except CallError as error:
        # A value that has been found bad is not kept: its document waits for more money.
        if error.failure_class is not FailureClass.BUDGET or has_checked:
            raise
        work.is_unchecked = True
    if runtime.ladder.is_watching and has_checked:
        runtime.ladder.checked(runtime.paid_usd(work.row["doc_id"], CHECKING))


async def _verify(work: Work, ask: Ask, runtime: Runtime) -> None:
    document_type = _sure(_sure(work.route).document_type)
    document = Document.of(work.row["doc_id"], work.row["text"])
    checked: Verification = await verify(
        document,
        document_type,
        _sure(work.extraction),
        ask,
        _acceptance(document_type, runtime),
    )
    work.extraction, work.verdict = checked.extraction, checked.verdict
    work.checks = checked.checks
    work.failure = checked.extraction.failure


async def _audit_one(work: Work, runtime: Runtime) -> None:
    job = runtime.manifest.job
    document_type = _sure(_sure(work.route).document_type)
    calibration = runtime.manifest.calibrations.get(document_type.name)
    if calibration is not None:
        work.audits = await audit(
            Document.of(work.row["doc_id"], work.row["text"]),
            document_type,
            _sure(work.extraction),
            runtime.client,
            calibration,
            job.audit.share,
            job.cascade,
        )


def _acceptance(document_type: DocumentType, runtime: Runtime) -> Acceptance:
    name = document_type.name
    return Acceptance(
        runtime.manifest.job.cascade,
        runtime.manifest.calibrations.get(name),
        is_suspended=name in runtime.suspended,
    )


async def _decide_one(work: Work, runtime: Runtime) -> None:
    document_type = _sure(_sure(work.route).document_type)
    document = Document.of(work.row["doc_id"], work.row["text"])
    work.extraction = await runtime.decisions.decide(
        document, document_type, _sure(work.extraction), runtime.client
    )
    work.failure = work.extraction.failure


def _declared(uri: str, types: Iterable[DocumentType]) -> str | None:
    return next((t.name for t in types if t.match and _matcher(t.match)(uri)), None)


_matcher = lru_cache(maxsize=256)(compile_globs)


def _write(
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
        known = _known_outcomes(key, ref, runtime)
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
        document_type = _sure(_sure(members[0].route).document_type)
        rows = [
            record_row(w.row, document_type, _sure(w.extraction), manifest.extraction_key)
            for w in members
        ]
        path = lake.records(manifest.job.name, name, ref.shard, key)
        _append(lake, path, rows, records_schema(document_type))


def _write_answers(finished: list[Work], ref: ShardRef, runtime: Runtime) -> None:
    lake, manifest = runtime.lake, runtime.manifest
    rows: list[dict[str, Any]] = []
    for work in finished:
        if work.extraction is not None:
            name = _sure(_sure(work.route).document_type).name
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


def _result(
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


def _sure(value: Any) -> Any:
    """The value, which the caller knows to be there."""
    assert value is not None  # noqa: S101 - a broken assumption of ours, not of the user's
    return value
