"""How does a backfill run its partitions? Each a run of its own, bounded, resumable, in budget."""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime

from flows.partitions import Span, partition_job, run_ids, spans
from flows.wiring import Direct, new_run_id, run_pipeline, start_run, summary
from schemas.counted import counted
from schemas.job import Backfill, Job
from schemas.manifest import BackfillSummary, RunStatus, RunSummary
from storage.manifests import MANIFEST, read_manifest
from storage.store import Lake
from tasks.ledger_rows import spent_usd

RunOne = Callable[[Job, str, str], RunSummary]
"""Run a job as (job, parent, run id)."""


class Purse:
    """The budget of a whole backfill, shared by partitions that may run at once.

    A partition takes an equal share of what is left among those that could still run beside it,
    and gives back what it did not spend: together they cannot overrun the budget.
    """

    def __init__(self, budget_usd: float | None, parallel: int) -> None:
        """Fill the purse; null means no cap."""
        self._left = budget_usd
        self._free_hands = parallel
        self._lock = threading.Lock()

    def take(self) -> float | None:
        """The share of the next partition, or null without a cap."""
        with self._lock:
            if self._left is None:
                return None
            share = max(0.0, self._left) / self._free_hands
            self._free_hands -= 1
            self._left -= share
            return share

    def give_back(self, taken: float | None, spent: float) -> None:
        """Return what a partition took and did not spend."""
        with self._lock:
            if self._left is not None and taken is not None:
                self._free_hands += 1
                self._left += taken - spent


def run_backfill(backfill: Backfill, run_one: RunOne, backfill_id: str) -> BackfillSummary:
    """Run every partition of a backfill that is not done yet.

    A partition whose run is done under this backfill id is not run again; one that was interrupted
    or parked goes on where it was. The first partition that does not end well halts the backfill:
    the ones after it would meet the same wall.

    Args:
        backfill: What to run over which span of time.
        run_one: How a partition runs: directly, or as a flow run of its own.
        backfill_id: Id of the parent; the runs' ids derive from it.
    """
    lake = Lake(backfill.job.lake)
    if lake.is_local:
        # Absolute as in the manifests, so that a finished partition is told in the same words.
        lake = Lake(os.path.abspath(lake.root))
    planned = list(run_ids(backfill_id, spans(backfill)))
    before = spent_usd(lake, [run_id for _, run_id in planned])
    left = None
    if backfill.budget_usd is not None:
        left = backfill.budget_usd - sum(before.values())
    purse = Purse(left, backfill.parallel)
    halted = threading.Event()

    def run_span(item: tuple[Span, str]) -> RunSummary | None:
        span, run_id = item
        finished = _finished(lake, run_id)
        if finished is not None:
            return finished
        if halted.is_set():
            return None
        share = purse.take()
        # A run's cap covers what it spent before it was interrupted.
        cap = None if share is None else share + before[run_id]
        done = run_one(partition_job(backfill, span, cap), backfill_id, run_id)
        purse.give_back(share, done.usd - before[run_id])
        if done.status is not RunStatus.DONE:
            halted.set()
        return done

    with ThreadPoolExecutor(backfill.parallel, thread_name_prefix="partition") as threads:
        # Each partition sees the caller's context: Prefect finds the parent flow run there.
        futures = [threads.submit(copy_context().run, run_span, item) for item in planned]
        done = [one for one in (future.result() for future in futures) if one is not None]
    return _total(backfill_id, done, left=len(planned) - len(done))


def _finished(lake: Lake, run_id: str) -> RunSummary | None:
    if not lake.exists(lake.run(run_id, MANIFEST)):
        return None
    manifest = read_manifest(lake, run_id)
    is_done = manifest.status is RunStatus.DONE and manifest.outputs
    return summary(manifest, lake) if is_done else None


def _total(backfill_id: str, done: Sequence[RunSummary], *, left: int) -> BackfillSummary:
    status = RunStatus.DONE
    bad = [one for one in done if one.status is not RunStatus.DONE]
    if bad:
        parked = all(one.status is RunStatus.PARKED for one in bad)
        status = RunStatus.PARKED if parked else RunStatus.FAILED
    message = None
    if bad:
        others = f"; {counted(left, 'partition')} not begun" if left else ""
        message = f"{bad[0].run_id}: {bad[0].message}{others}"
    return BackfillSummary(
        backfill_id=backfill_id,
        status=status,
        documents=sum(one.documents for one in done),
        extracted=sum(one.extracted for one in done),
        failed=sum(one.failed for one in done),
        skipped=sum(one.skipped for one in done),
        reused=sum(one.reused for one in done),
        usd=sum(one.usd for one in done),
        calls=sum(one.calls for one in done),
        runs=list(done),
        message=message,
    )


def run_directly(job: Job, parent: str, run_id: str) -> RunSummary:
    """Run one partition in this process, without Prefect."""
    return run_pipeline(start_run(job, env=os.environ, parent=parent, run_id=run_id), Direct())


def new_backfill_id() -> str:
    """An id for a new backfill."""
    return f"backfill-{new_run_id(datetime.now(UTC))}"
