"""What does a shard of documents say? Route, cascade, verify; write records and outcomes."""

import random
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Any

from llms.acceptance import Acceptance
from llms.calls import Ask, Call, Reply
from llms.cascade import extract
from llms.extraction import Document
from llms.failures import CallError, FailureClass
from llms.router import UNRECOGNISED, route
from llms.verifier import Verification, how_many, margin, verify
from schemas.fields import DocumentType
from schemas.ledger import Attempt
from schemas.manifest import ShardResult
from storage.store import Lake
from tasks.audits import audit, suspended_types
from tasks.decisions import Case, due_cases
from tasks.ingest import ShardRef
from tasks.interruption import INTERRUPTION, TOLD_TO_STOP
from tasks.jobs import document_types
from tasks.ladder import CHECKING
from tasks.progress import progress_of
from tasks.runtime import Runtime, runtime_of
from tasks.selection import compile_globs
from tasks.shard_results import known_outcomes, shard_result, write_shard
from tasks.shard_versions import newest_key
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
    known = known_outcomes(key, ref, runtime)
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
    if missing:
        # A shard of which nothing is done has its table as well: sums are made over all of them.
        key, known = write_shard(works, attempts, ref, key, failed, runtime)
        progress.spend(runtime.budget.spent_usd)
    done = shard_result(ref, wanted, key, known, works, attempts, runtime)
    notes = tuple(runtime.ladder.notes)
    return done.model_copy(update={"notes": notes, "unverified": unverified})


def _run(works: list[Work], shard: str, runtime: Runtime) -> int:
    try:
        return runtime.run(_process(works, shard, runtime))
    except BaseExceptionGroup as group:
        # A task group wraps what it raises; callers care about the first cause alone.
        raise group.exceptions[0] from None


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
    accepted.sort(key=lambda w: (margin(w.extracted, job.cascade), w.row["doc_id"]))
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
        and w.document_type.name not in runtime.manifest.calibrations
    }
    cases = [Case(doc_id, w.document_type, w.extracted) for doc_id, w in by_id.items()]
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
    document_type = work.document_type
    document = Document.of(work.row["doc_id"], work.row["text"])
    checked: Verification = await verify(
        document,
        document_type,
        work.extracted,
        ask,
        _acceptance(document_type, runtime),
    )
    work.extraction, work.verdict = checked.extraction, checked.verdict
    work.checks = checked.checks
    work.failure = checked.extraction.failure


async def _audit_one(work: Work, runtime: Runtime) -> None:
    job = runtime.manifest.job
    document_type = work.document_type
    calibration = runtime.manifest.calibrations.get(document_type.name)
    if calibration is not None:
        work.audits = await audit(
            Document.of(work.row["doc_id"], work.row["text"]),
            document_type,
            work.extracted,
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
    document_type = work.document_type
    document = Document.of(work.row["doc_id"], work.row["text"])
    work.extraction = await runtime.decisions.decide(
        document, document_type, work.extracted, runtime.client
    )
    work.failure = work.extraction.failure


def _declared(uri: str, types: Iterable[DocumentType]) -> str | None:
    return next((t.name for t in types if t.match and _matcher(t.match)(uri)), None)


_matcher = lru_cache(maxsize=256)(compile_globs)
