"""The Prefect flow of the pipeline: ingest, extract_shard mapped over shards, analyze, report."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self, cast
from uuid import UUID

from prefect import flow
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.backend import Result, results_of, window
from flows.console import interruptible, money
from flows.provider_keys import fetch_keys
from flows.views import money_range, times_range, unconfirmed
from flows.wiring import run_pipeline, start_run, summary
from schemas.counted import counted
from schemas.job import Job
from schemas.manifest import BackfillSummary, RunStatus, RunSummary, ShardResult
from storage.manifests import MANIFEST, read_manifest
from storage.store import Lake
from tasks import orchestrated
from tasks.analysis import AnalysisResult
from tasks.ingest import IngestResult, ShardRef
from tasks.interruption import INTERRUPTION
from tasks.key_ring import keys
from tasks.lanes import MOST_SHARDS_AT_ONCE
from tasks.user_errors import USER_ERRORS


class NotDoneError(Exception):
    """A run or a backfill that is parked or has failed, as its flow run holds it.

    Prefect raises what a failed state holds, in the log of a worker: it should say why.
    """

    summary: RunSummary | BackfillSummary

    @classmethod
    def of(cls, done: RunSummary | BackfillSummary) -> Self:
        """Carry the summary of what is not done."""
        error = cls(done.message or done.status.value)
        error.summary = done
        return error


class Orchestrated:
    """Runs the stages as Prefect tasks of the flow run it is made in."""

    def ingest(self, lake_url: str, run_id: str) -> IngestResult:
        """Run the ingest task."""
        state = orchestrated.ingest(lake_url, run_id, return_state=True)
        return cast("IngestResult", left_by(state))

    def extract(
        self, refs: Sequence[ShardRef], lake_url: str, run_id: str
    ) -> Iterator[ShardResult]:
        """Submit the extract_shard task for every shard, some ahead of the others, in order."""
        progress = create_progress_artifact(progress=0.0, description=f"extract {run_id}")
        logger, told = get_run_logger(), set[str]()

        def submit(ref: ShardRef) -> Result[ShardResult]:
            return orchestrated.extract_shard.submit(ref, lake_url, run_id)

        most = window(read_manifest(Lake(lake_url), run_id).job)
        for done, result in enumerate(results_of(refs, submit, most), 1):
            for note in result.notes:
                if note not in told:
                    told.add(note)
                    logger.warning(note)
            yield result
            if done % 8 == 0 or done == len(refs):
                _show_progress(progress, done / len(refs))

    def analyze(self, lake_url: str, run_id: str) -> AnalysisResult:
        """Run the analyze task."""
        state = orchestrated.analyze(lake_url, run_id, return_state=True)
        return cast("AnalysisResult", left_by(state))

    def report(self, lake_url: str, run_id: str) -> dict[str, str]:
        """Run the report task."""
        state = orchestrated.report(lake_url, run_id, return_state=True)
        return cast("dict[str, str]", left_by(state))


def _show_progress(artifact: Any, share: float) -> None:
    if isinstance(artifact, UUID):
        update_progress_artifact(artifact_id=artifact, progress=round(100 * share, 1))


@flow(
    name="document-pipeline",
    task_runner=cast("TaskRunner[Any]", ThreadPoolTaskRunner(max_workers=MOST_SHARDS_AT_ONCE)),
    persist_result=False,
)
def document_pipeline(job: Job, parent: str | None = None, run_id: str | None = None) -> Any:
    """Turn the documents of a job into records and one report.

    Args:
        job: What to run: source, document types, analysis, report and budget.
        parent: The backfill this run is a part of; leave it empty.
        run_id: Go on with this run instead of starting a new one; leave it empty.
    """
    let_interrupts_through()
    logger = get_run_logger()
    try:
        fetch_keys(job)
        manifest = start_run(job, env=keys(), parent=parent, run_id=run_id)
    except USER_ERRORS as error:
        # A sentence where the run is looked at; raised, it would be a traceback.
        return Failed(message=str(error), data=error)
    logger.info("run %s into %s", manifest.run_id, manifest.job.lake)
    with interruptible():
        done = run_pipeline(manifest, Orchestrated())
    logger.info(
        "%s: %d documents = %d extracted + %d failed + %d skipped, $%.4f, %d calls, report %s",
        done.status,
        done.documents,
        done.extracted,
        done.failed,
        done.skipped,
        done.usd,
        done.calls,
        done.report or "none",
    )
    _publish(done)
    letters = f"{counted(done.failed, 'dead letter')}, " if done.failed else ""
    return final_state(done, f"{letters}{counted(done.extracted, 'document')} extracted")


def run_flow(job: Job, parent: str | None, run_id: str | None) -> RunSummary:
    """Run the flow here and return its summary, whichever state it ends in.

    Raises:
        USER_ERRORS: The run could not be started.
    """
    state = cast("State[Any]", document_pipeline(job, parent, run_id, return_state=True))
    return RunSummary.model_validate(left_by(state))


def run_flow_in_terminal(job: Job, run_id: str) -> RunSummary:
    """Run the flow as a command does: Ctrl-C reaches the temporary server as well, and must not.

    Raises:
        USER_ERRORS: The run could not be started.
    """
    try:
        with without_interrupts_for_children():
            return run_flow(job, None, run_id)
    except USER_ERRORS:
        raise
    except Exception:
        # Prefect may be in no state to end a flow run in order; ours has ended all the same.
        lake = Lake(job.lake)
        if not INTERRUPTION.is_asked or not lake.exists(lake.run(run_id, MANIFEST)):
            raise
        manifest = read_manifest(lake, run_id)
        if manifest.status is not RunStatus.PARKED:
            raise
        return summary(manifest, lake)


@contextmanager
def without_interrupts_for_children() -> Iterator[None]:
    """Start processes that a Ctrl-C in their terminal does not reach, until the pipeline begins.

    A blocked signal stays blocked in the processes that are started meanwhile; what comes for this
    one waits until it is let through.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        let_interrupts_through()


def let_interrupts_through() -> None:
    """Take signals again that have waited."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def left_by(state: State[Any]) -> Any:
    """What a flow or a task returned, whatever its state; raises what kept it from returning."""
    result = state.result(raise_on_failure=False)
    if isinstance(result, NotDoneError):
        return result.summary
    if isinstance(result, BaseException):
        raise result
    return result


def final_state(done: RunSummary | BackfillSummary, well: str) -> State[Any]:
    """The Prefect state that says how something ended; parked is a failure that can be resumed.

    Args:
        done: What has ended.
        well: What to say of it if it is done.
    """
    if done.status is RunStatus.DONE:
        return Completed(message=well, data=done.model_dump(mode="json"))
    name = "Parked" if done.status is RunStatus.PARKED else "Failed"
    return Failed(name=name, message=done.message or name, data=NotDoneError.of(done))


def _publish(done: RunSummary) -> None:
    """Show the money, the notes and the report as artifacts of the flow run."""
    strong = money_range(done.baseline_plain_usd, done.baseline_usd)
    rows: list[dict[str, Any]] = [
        {"figure": "spent by this run", "value": money(done.usd) + unconfirmed(done)},
        {"figure": "cost of these records", "value": money(done.records_usd)},
        {"figure": f"the same on one strong model, {done.baseline_model}", "value": strong},
    ]
    if done.projected_usd is not None:
        offline = "the same calls at catalog prices (they were answered offline)"
        rows.append({"figure": offline, "value": money(done.projected_usd)})
    if saved := times_range(done.saving_low, done.saving):
        rows.append({"figure": "times cheaper than one strong model", "value": saved})
    create_table_artifact(table=rows, key="cost", description=f"Cost of run {done.run_id}")
    if done.notes:
        listed = "\n".join(f"* {note}" for note in done.notes)
        what = f"What to know of run {done.run_id}"
        create_markdown_artifact(markdown=listed, key="notes", description=what)
    if done.report:
        lake = Lake(done.lake)
        manifest = read_manifest(lake, done.run_id)
        report = lake.read_bytes(lake.run(manifest.run_id, "report.md")).decode()
        create_markdown_artifact(markdown=report, key="report", description=done.report)
