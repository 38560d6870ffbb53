"""How are the dead letters of a run tried again, and nothing else, and its report made anew?

The run stays the one it is, with its models, prices and cap: what it gets to know goes into its
ledger, its books and a new report. Until the new outcomes are there its old report stands; records
and outcomes that other runs tell of are not touched (`tasks.shard_versions`).
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flows.backend import Backend
from schemas.counted import counted
from schemas.manifest import Books, Manifest, Retry, RunStatus, ShardResult
from storage.manifests import read_manifest, shown_status, write_manifest
from storage.store import Lake
from tasks.books import check_books
from tasks.costs import run_cost
from tasks.counterfactual import counterfactual
from tasks.dead_letters import INGEST, check_choice, dead_letters, meant
from tasks.found import DUPLICATE, FAILED, KNOWN, PARSED
from tasks.ingest import ShardRef
from tasks.jobs import JobError
from tasks.ladder import given_up, told_else
from tasks.ledger_rows import book_lost
from tasks.progress import progress_of
from tasks.worker_processes import close_workers


def begin_replay(
    lake: Lake, run_id: str, *, failure_class: str | None, stage: str | None, anew: bool
) -> int:
    """Note in a run's manifest what of its dead letters is to be tried again.

    Returns:
        How many those are; nothing is noted where there are none.

    Raises:
        LakeError: There is no such run, class or stage.
        JobError: The run has not come to its end: it is to be resumed, not retried.
    """
    manifest = read_manifest(lake, run_id)
    check_choice(failure_class, stage)
    status = shown_status(lake, manifest)
    if status != RunStatus.DONE.value:
        raise JobError(
            f"run {run_id} is {status}; only the dead letters of a run that is done can be tried "
            f"again: `docmill resume {run_id}` first"
        )
    # A replay that was broken off has asked some answers anew already: those count.
    since = manifest.retry.since if manifest.retry else datetime.now(UTC)
    retry = Retry(since=since, anew=anew, failure_class=failure_class, stage=stage)
    count = len(meant(dead_letters(lake, run_id), retry))
    if count:
        write_manifest(lake, manifest.model_copy(update={"retry": retry}))
    return count


def replayed(manifest: Manifest, lake: Lake, backend: Backend) -> Manifest:
    """The stages of a replay: read and extract what is meant, then analyse and report everything.

    What cannot be asked now (budget, a provider that is down) stays the dead letter it was; the
    manifest's `error` says so.
    """
    began = time.monotonic()
    url, run_id, retry = manifest.job.lake, manifest.run_id, manifest.retry
    assert retry is not None
    letters = meant(dead_letters(lake, run_id), retry)
    if any(row["stage"] == INGEST for _, row in letters):
        # From here on its sources change: should this be killed, the run is to be resumed.
        manifest = manifest.model_copy(update={"status": RunStatus.RUNNING, "outputs": {}})
        write_manifest(lake, manifest)
        backend.ingest(url, run_id)
    books = _books_of_sources(lake, run_id)
    shards = {shard.shard: shard for shard in manifest.shards}
    refs = _refs(lake, manifest, letters)
    progress_of(run_id).enter("extract", sum(len(ref.doc_ids or ()) for ref in refs))
    waiting: str | None = None
    try:
        for result in backend.extract(refs, url, run_id):
            waiting = waiting or result.parked
            shards[result.shard] = _added(shards.get(result.shard), result)
    finally:
        killed = close_workers(url, run_id)
    if killed:
        book_lost(lake, run_id)
    ordered = tuple(shards[name] for name in sorted(shards))
    extracted = sum((shard.books for shard in ordered), Books())
    check_books(books, extracted)
    left = len(meant(dead_letters(lake, run_id), retry))
    note = f"tried again: {counted(len(letters), 'dead letter')}, of which {left} left"
    notes = told_else(manifest.notes, given_up(manifest.shards))
    manifest = manifest.model_copy(
        update={
            "status": RunStatus.RUNNING,
            "outputs": {},
            "retry": None,
            "ingest": books,
            "extract": extracted,
            "shards": ordered,
            "cost": run_cost(lake, manifest, ordered),
            "notes": tuple(dict.fromkeys((*notes, *given_up(ordered), note))),
        }
    )
    write_manifest(lake, manifest)
    seconds = (manifest.seconds or 0.0) + time.monotonic() - began
    if extracted.skipped:
        return _ended(lake, manifest, RunStatus.PARKED, waiting, seconds)
    backend.analyze(url, run_id)
    manifest = manifest.model_copy(
        update={
            "cost": run_cost(lake, manifest, ordered),
            "counterfactual": counterfactual(manifest, lake),
        }
    )
    stays = counted(left, "dead letter stays as it was", "dead letters stay as they were")
    error = f"{stays}: {waiting}" if waiting else None
    _ended(lake, manifest, RunStatus.DONE, error, seconds)
    backend.report(url, run_id)
    return read_manifest(lake, run_id)


def _books_of_sources(lake: Lake, run_id: str) -> Books:
    """What the run has found, counted anew."""
    table = lake.read_table(lake.run(run_id, "sources.parquet"), ["status", "reason"])
    counts = Counter((row["status"], row["reason"]) for row in table.to_pylist())

    def told(status: str) -> dict[str, int]:
        return {why: n for (is_in, why), n in sorted(counts.items(), key=str) if is_in == status}

    return Books(
        inputs=counts.total(),
        done=sum(n for (status, _), n in counts.items() if status in (PARSED, KNOWN)),
        failed=told(FAILED),
        skipped=told(DUPLICATE),
    )


def _refs(
    lake: Lake, manifest: Manifest, letters: Sequence[tuple[str, dict[str, Any]]]
) -> list[ShardRef]:
    """The shards that have something to do, each with all documents that are the run's."""
    again: defaultdict[str, list[str]] = defaultdict(list)
    for shard, row in letters:
        if row["stage"] != INGEST:
            again[shard].append(row["doc_id"])
    known = {shard.shard: shard for shard in manifest.shards}
    sources = lake.read_table(lake.run(manifest.run_id, "sources.parquet"), ["doc_id", "shard"])
    mine: defaultdict[str, set[str]] = defaultdict(set)
    for row in sources.to_pylist():
        if row["shard"] is not None:
            mine[row["shard"]].add(row["doc_id"])
    refs = []
    for name, members in sorted(mine.items()):
        is_new = name not in known or known[name].books.inputs != len(members)
        if is_new or name in again:
            path = lake.documents(manifest.job.name, name)
            held = lake.read_table(path, ["doc_id"]).column("doc_id").to_pylist()
            ids = tuple(doc_id for doc_id in held if doc_id in members)
            refs.append(ShardRef(name, path, ids, tuple(again[name])))
    return refs


def _added(old: ShardResult | None, new: ShardResult) -> ShardResult:
    """What a shard has come to: its new books, and the calls and the money of both passes."""
    if old is None:
        return new
    return new.model_copy(
        update={
            "attempts": new.attempts or old.attempts,
            "reused": old.reused,
            "calls": old.calls + new.calls,
            "usd": old.usd + new.usd,
            "notes": tuple(dict.fromkeys((*old.notes, *new.notes))),
            "unverified": old.unverified + new.unverified,
            "parked": new.parked if new.books.skipped else None,
        }
    )


def _ended(
    lake: Lake, manifest: Manifest, status: RunStatus, error: str | None, seconds: float
) -> Manifest:
    ended = manifest.model_copy(
        update={
            "status": status,
            "error": error,
            "finished_at": datetime.now(UTC),
            "seconds": seconds,
        }
    )
    write_manifest(lake, ended)
    return ended
