"""What runs after what: the one wiring of the pipeline, with Prefect or without."""

import os
import platform
import secrets
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version

from flows.backend import Backend, results_of, window
from flows.replaying import replayed
from llms.providers import key, providers_of
from schemas.counted import counted
from schemas.job import Job
from schemas.manifest import Books, Manifest, RunStatus, RunSummary, ShardResult
from schemas.roles import Resolution
from storage.manifests import MANIFEST, read_manifest, shown_status, write_manifest
from storage.store import Lake
from tasks.audits import audit_notes
from tasks.books import check_books
from tasks.calibrations import Applicable, calibrations_for
from tasks.costs import run_cost
from tasks.counterfactual import counterfactual
from tasks.interruption import INTERRUPTION, TOLD_TO_STOP
from tasks.jobs import JobError, expand
from tasks.ladder import given_up, told_else, with_earlier
from tasks.lanes import check_lanes, lane_notes, shards_at_once
from tasks.ledger_rows import add_attempts, book_lost, mend_book
from tasks.model_choice import models_for
from tasks.planning import PLAN_FILE
from tasks.progress import progress_of
from tasks.provider_config import with_user_config
from tasks.record_rows import extraction_key
from tasks.runtime import check_store, close_runtime
from tasks.source_root import source_root
from tasks.stages import (
    AnalysisResult,
    IngestResult,
    ShardRef,
    analyze_run,
    extract_shard,
    ingest_run,
    prepare_analysis,
    report_run,
)
from tasks.user_errors import USER_ERRORS
from tasks.worker_processes import close_workers, start_workers, workers_of

_PACKAGES = ("docmill", "prefect", "openai", "polars", "pyarrow", "duckdb", "pydantic")


class Direct:
    """Runs the stages in this process, without Prefect."""

    def ingest(self, lake_url: str, run_id: str) -> IngestResult:
        """Run the ingest stage here."""
        return ingest_run(lake_url, run_id)

    def extract(
        self, refs: Sequence[ShardRef], lake_url: str, run_id: str
    ) -> Iterator[ShardResult]:
        """Map `extract_shard` over the shards in a few threads."""
        manifest = read_manifest(Lake(lake_url), run_id)
        workers = workers_of(lake_url, run_id)
        at_once = workers.shards_at_once if workers else shards_at_once(manifest.job)
        size = max(window(manifest.job), 2 * at_once)
        with ThreadPoolExecutor(at_once, thread_name_prefix="shard") as threads:
            try:
                yield from results_of(
                    refs, lambda ref: threads.submit(extract_shard, ref, lake_url, run_id), size
                )
            except BaseException:
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def analyze(self, lake_url: str, run_id: str) -> AnalysisResult:
        """Run the analysis stage here."""
        return analyze_run(lake_url, run_id)

    def report(self, lake_url: str, run_id: str) -> dict[str, str]:
        """Run the report stage here."""
        return report_run(lake_url, run_id)


def new_run_id(now: datetime) -> str:
    """A run id that sorts by time and does not repeat: 20260314T021500-9f3a1c."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def start_run(
    job: Job,
    *,
    env: Mapping[str, str],
    parent: str | None = None,
    run_id: str | None = None,
    resolution: Resolution | None = None,
    certified: Applicable | None = None,
) -> Manifest:
    """Fix everything a run depends on and write its first manifest.

    A run id that the lake knows means going on with that run: its job, models and prices stay as
    they were pinned, but for the budgets, which may be raised, and the place of the lake.

    Args:
        job: What is to run.
        env: The environment, with keys and base URLs.
        parent: The backfill that the run is a part of.
        run_id: Of a run to go on with, or of the new one; null makes one up.
        resolution: Who plays the roles, as another run has resolved it; null decides it now.
        certified: The calibrations to use; null takes those of the lake that apply.

    Raises:
        USER_ERRORS: The job, a key, a model, the source or the response store is at fault; no
            document was read and nothing was spent.
    """
    job = with_user_config(expand(job), env)
    lake = Lake(job.lake)
    if lake.is_local:
        # Absolute, because a worker or a later command may stand in another folder.
        job = job.model_copy(update={"lake": os.path.abspath(lake.root)})
    now = datetime.now(UTC)
    pinned = _pinned(lake, run_id)
    if pinned is not None:
        is_replay = pinned.retry is not None and pinned.status is RunStatus.DONE
        if not is_replay:
            _check_resumable(lake, pinned)
        _check_keys(pinned.resolution, pinned.job, env)
        given = job.model_dump(include={"budget_usd", "monthly_budget_usd", "lake"})
        kept = pinned.job.model_copy(update=given)
        _check_places(kept, pinned)
        mend_book(lake, kept, pinned.run_id, now)
        book_lost(lake, pinned.run_id)
        status = pinned.status if is_replay else RunStatus.RUNNING
        notes = pinned.notes if is_replay else told_else(pinned.notes, given_up(pinned.shards))
        manifest = pinned.model_copy(update={"job": kept, "status": status, "notes": notes})
    else:
        resolution = resolution or resolve_models(job, env, parent=parent)
        _check_places(job)
        certified = certified or calibrations_for(lake, job, resolution)
        mend_book(lake, job, None, now)
        manifest = Manifest(
            run_id=run_id or new_run_id(now),
            job=job,
            parent=parent,
            version=version("docmill"),
            versions={n: version(n) for n in _PACKAGES} | {"python": platform.python_version()},
            started_at=now,
            resolution=resolution,
            notes=(
                *resolution.notes,
                *_lane_notes(job, resolution, env),
                *certified.notes,
            ),
            extraction_key=extraction_key(job, resolution, certified.calibrations),
            calibrations=dict(certified.calibrations),
        )
    manifest = manifest.model_copy(update={"pid": os.getpid(), "host": socket.gethostname()})
    write_manifest(lake, manifest)
    progress_of(manifest.run_id).budget_usd = job.budget_usd
    return manifest


def check_job(job: Job, env: Mapping[str, str], run_id: str | None = None) -> None:
    """Find out what would keep a run from starting, while that is quick: before Prefect is there.

    Raises:
        USER_ERRORS: Something would.
    """
    resolve_models(job, env, is_before_flow=True)
    _check_places(job, _pinned(Lake(job.lake), run_id))


def _pinned(lake: Lake, run_id: str | None) -> Manifest | None:
    """The manifest of a run to go on with; null of one that is new."""
    if run_id is None or not lake.exists(lake.run(run_id, MANIFEST)):
        return None
    return read_manifest(lake, run_id)


def _check_places(job: Job, pinned: Manifest | None = None) -> None:
    # Dead letters may need nothing but the lake.
    if pinned is None or pinned.retry is None:
        source_root(job.source)
    lake = Lake(job.lake)
    lake.check_place(may_be_new=True)
    check_store(lake)


def _check_resumable(lake: Lake, manifest: Manifest) -> None:
    status = shown_status(lake, manifest)
    if status == RunStatus.DONE.value:
        raise JobError(f"run {manifest.run_id} is done; there is nothing to resume")
    # A run of this very process is ours to start again: it was left by an exception.
    if status == RunStatus.RUNNING.value and manifest.pid != os.getpid():
        raise JobError(
            f"run {manifest.run_id} is still under way (process {manifest.pid} on "
            f"{manifest.host}); end it before you resume it"
        )


def resolve_models(
    job: Job,
    env: Mapping[str, str],
    *,
    parent: str | None = None,
    is_before_flow: bool = False,
) -> Resolution:
    """Which models play which role in a new run of `job`, once their providers' keys are there.

    Args:
        job: What is to run.
        env: The environment, with the keys that a flow has fetched.
        parent: The backfill that the run is a part of.
        is_before_flow: A flow follows, which fetches the keys that stand in secret blocks.

    Raises:
        JobError, ProviderError, CatalogError: A pin, a profile, a model, a lane or a key is at
            fault; nothing was sent.
    """
    job = with_user_config(job, env)
    resolution = models_for(job, Lake(job.lake), env, parent=parent)
    _check_keys(resolution, job, env, is_before_flow=is_before_flow)
    check_lanes(job, resolution, providers_of(resolution, env, job.providers))
    return resolution


def _lane_notes(job: Job, resolution: Resolution, env: Mapping[str, str]) -> list[str]:
    return lane_notes(job, resolution, providers_of(resolution, env, job.providers))


def _check_keys(
    resolution: Resolution, job: Job, env: Mapping[str, str], *, is_before_flow: bool = False
) -> None:
    for provider in providers_of(resolution, env, job.providers).values():
        if not (is_before_flow and provider.key_block):
            key(provider, env)


def run_pipeline(manifest: Manifest, backend: Backend) -> RunSummary:
    """Run the stages of a started run and close its books.

    Returns:
        The summary: `done`; `parked` when documents were left for later (budget, quota, a dead
        provider) or the process was told to stop; `failed`, with the reason in `message`, when
        something a user can mend stopped it or the books do not balance. A run that is not done
        publishes no report.
    """
    lake = Lake(manifest.job.lake)
    try:
        try:
            stages = replayed if manifest.retry else _stages
            manifest = stages(manifest, lake, backend)
        finally:
            close_workers(manifest.job.lake, manifest.run_id)
            left = close_runtime(manifest.job.lake, manifest.run_id)
            if left:
                add_attempts(lake, lake.attempts(manifest.run_id, "unclaimed"), left)
    except USER_ERRORS as error:
        manifest = _cut_short(lake, manifest.run_id, str(error))
    except BaseException as error:
        _cut_short(lake, manifest.run_id, f"{type(error).__name__}: {error}")
        raise
    return summary(manifest, lake)


def _cut_short(lake: Lake, run_id: str, error: str) -> Manifest:
    """End a run before its end, with what it got to know and to pay before.

    It has failed, unless the process was told to stop: then it is parked, whatever came of that.
    """
    manifest = read_manifest(lake, run_id)
    if manifest.status is RunStatus.DONE:
        # A replay of dead letters that has changed nothing yet: the report stands as it was.
        status = RunStatus.PARKED if INTERRUPTION.is_asked else RunStatus.FAILED
        return manifest.model_copy(update={"status": status, "error": error})
    if lake.exists(lake.run(run_id, "sources.parquet")):
        cost = run_cost(lake, manifest, manifest.shards)
        manifest = manifest.model_copy(update={"cost": cost})
    is_parked = INTERRUPTION.is_asked
    if (untried := manifest.ingest.done - manifest.extract.inputs) > 0:
        skipped = {"parked" if is_parked else "untried": untried}
        books = manifest.extract + Books(inputs=untried, skipped=skipped)
        manifest = manifest.model_copy(update={"extract": books})
    if is_parked:
        return _ended(lake, manifest, RunStatus.PARKED, TOLD_TO_STOP)
    return _ended(lake, manifest, RunStatus.FAILED, error)


def _stages(manifest: Manifest, lake: Lake, backend: Backend) -> Manifest:
    url, run_id = manifest.job.lake, manifest.run_id
    progress = progress_of(run_id)
    ingested = backend.ingest(url, run_id)
    manifest = manifest.model_copy(update={"ingest": ingested.books})
    write_manifest(lake, manifest)
    progress.enter("extract", ingested.books.done)
    shards: list[ShardResult] = []
    before = manifest.shards
    has_workers = start_workers(url, run_id, ingested.shards) is not None
    try:
        for result in backend.extract(ingested.shards, url, run_id):
            if has_workers and not shards:
                prepare_analysis(ingested.books.done)
            shards.append(with_earlier(result, before))
            for note in result.notes:  # said in another process, perhaps
                progress.say(note)
    finally:
        if close_workers(url, run_id):
            book_lost(lake, run_id)
        # Also of a run that a shard has stopped: what the others have written is there.
        manifest = _with_shards(manifest, shards, lake)
        write_manifest(lake, manifest)
    check_books(ingested.books, manifest.extract)
    parked = next((shard.parked for shard in shards if shard.parked), None)
    if parked:
        wait = sum(manifest.extract.skipped.values())
        said = counted(wait, "document waits", "documents wait")
        return _ended(lake, manifest, RunStatus.PARKED, f"{said}: {parked}")
    if manifest.calibrations:
        notes = dict.fromkeys((*manifest.notes, *audit_notes(lake, manifest)))
        manifest = manifest.model_copy(update={"notes": tuple(notes)})
        write_manifest(lake, manifest)
    backend.analyze(url, run_id)
    manifest = manifest.model_copy(
        update={
            "cost": run_cost(lake, manifest, shards),
            "counterfactual": counterfactual(manifest, lake),
        }
    )
    manifest = _ended(lake, manifest, RunStatus.DONE, None)
    backend.report(url, run_id)
    return read_manifest(lake, run_id)


def _with_shards(manifest: Manifest, shards: Sequence[ShardResult], lake: Lake) -> Manifest:
    """The manifest with what its shards have come to."""
    return manifest.model_copy(
        update={
            "extract": sum((shard.books for shard in shards), Books()),
            "notes": tuple(dict.fromkeys([*manifest.notes, *given_up(shards)])),
            "shards": tuple(shards),
            "cost": run_cost(lake, manifest, shards),
        }
    )


def _ended(lake: Lake, manifest: Manifest, status: RunStatus, error: str | None) -> Manifest:
    now = datetime.now(UTC)
    ended = manifest.model_copy(
        update={
            "status": status,
            "error": error,
            "finished_at": now,
            "seconds": (now - manifest.started_at).total_seconds(),
        }
    )
    write_manifest(lake, ended)
    return ended


def summary(manifest: Manifest, lake: Lake) -> RunSummary:
    """What `docmill run --json` says about a run.

    `documents = extracted + failed + skipped`: every document found, whichever stage it ended in.
    """
    ingest, extract, cost = manifest.ingest, manifest.extract, manifest.cost
    strong = manifest.resolution.baseline
    report = lake.run(manifest.run_id, "report.html")
    plan = lake.run(manifest.run_id, PLAN_FILE)
    return RunSummary(
        run_id=manifest.run_id,
        status=manifest.status,
        documents=ingest.inputs,
        extracted=extract.done,
        failed=sum(ingest.failed.values()) + sum(extract.failed.values()),
        skipped=sum(ingest.skipped.values()) + sum(extract.skipped.values()),
        reused=sum(shard.reused for shard in manifest.shards),
        **cost.model_dump(),
        baseline_model=strong.shown_name if strong else None,
        lake=lake.url,
        report=lake.shown(report) if manifest.outputs else "",
        manifest=lake.shown(lake.run(manifest.run_id, "manifest.json")),
        counterfactual=manifest.counterfactual,
        plan=lake.shown(plan) if lake.exists(plan) else None,
        seconds=manifest.seconds or 0.0,
        message=manifest.error,
        notes=manifest.notes,
    )
