"""The four stages as functions of paths: what a thread, a Prefect task or a test calls."""

from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from threading import Thread

from llms.failures import CallError
from schemas.manifest import Manifest, ShardResult
from storage.manifests import read_manifest, write_manifest
from storage.store import Lake
from tasks import extract
from tasks.analysis import AnalysisResult, analyze
from tasks.charts import start_engine
from tasks.dead_letters import INGEST, dead_letters, meant
from tasks.ingest import IngestResult, ShardRef, ingest
from tasks.insights import STAGE as INSIGHTS
from tasks.interruption import INTERRUPTION
from tasks.ledger_rows import add_attempts, requests_of
from tasks.progress import progress_of
from tasks.report import write_report
from tasks.runtime import Runtime, runtime_of
from tasks.shadow import STAGE as SHADOW
from tasks.shadow import shadow_run
from tasks.worker_processes import recruit, workers_of

__all__ = ["AnalysisResult", "IngestResult", "ShardRef", "ShardResult"]

ANALYZE = "analyze"
"""Name of the analysis in the ledger, beside the shards."""

_MANY_DOCUMENTS = 20_000
"""More than that, and the engine that draws is started after the analysis."""

_stopped: dict[str, CallError] = {}
"""What stopped a run in this process, by run id: its shards that wait need not meet it too."""


def ingest_run(lake_url: str, run_id: str) -> IngestResult:
    """Find, parse and shard the documents of a run's job; in a replay, only what it is about.

    Raises:
        CallError: Class `INTERRUPTED`: the run was told to stop; whole shards are kept.
    """
    lake = Lake(lake_url)
    manifest = read_manifest(lake, run_id)
    _stopped.pop(run_id, None)
    progress = progress_of(run_id)
    progress.enter("ingest")

    def advance(count: int) -> None:
        INTERRUPTION.check()
        progress.advance(count)

    documents = shards = 0

    def stored(count: int) -> None:
        nonlocal documents, shards
        documents, shards = documents + count, shards + 1
        if manifest.retry is None:
            recruit(manifest.job, lake_url, run_id, documents, shards)

    again = None
    if manifest.retry is not None:
        letters = meant(dead_letters(lake, run_id), manifest.retry)
        again = {row["uri"]: row["doc_id"] for _, row in letters if row["stage"] == INGEST}
    result = ingest(
        manifest.job,
        lake,
        run_id,
        now=lambda: datetime.now(UTC),
        progress=advance,
        stored=stored,
        again=again,
    )
    progress.advance(0, sum(result.books.failed.values()))
    return result


def extract_shard(ref: ShardRef, lake_url: str, run_id: str) -> ShardResult:
    """Extract the documents of one shard; nothing is sent once a shard was told to stop.

    Raises:
        CallError: A wrong key or a request the provider rejects, met by this shard or another.
    """
    if stopped := _stopped.get(run_id):
        raise CallError.of(stopped.failure_class, str(stopped))
    # Told to stop, a shard needs no more than to be counted.
    workers = None if INTERRUPTION.is_asked else workers_of(lake_url, run_id)
    try:
        if workers is not None:
            return workers.extract(ref)
        with runtime_of(lake_url, run_id).shards_at_once:
            return extract.extract_shard(ref, lake_url, run_id)
    except CallError as error:
        _stopped[run_id] = error
        raise


def prepare_analysis(documents: int) -> None:
    """Load in the background what analysis and report need, while other processes extract.

    The engine that draws waits until the analysis of many documents has given its memory back: it
    holds as much as that takes, for half a second that such a run does not miss.
    """

    def load() -> None:
        # Whoever needs what cannot be loaded says so then.
        with suppress(Exception):
            import_module("duckdb")
            import_module("openai")
            if documents <= _MANY_DOCUMENTS:
                start_engine()

    Thread(target=load, name="docmill-prepare", daemon=True).start()


def analyze_run(lake_url: str, run_id: str) -> AnalysisResult:
    """Compute the figures of a run and ask for insights; the ledger rows go beside the shards'.

    Raises:
        CallError: Class `INTERRUPTED`: the run was told to stop.
    """
    INTERRUPTION.check()
    runtime = runtime_of(lake_url, run_id)
    manifest = read_manifest(runtime.lake, run_id)
    if manifest.job.shadow.share:
        progress_of(run_id).enter(SHADOW)
        shadow_run(manifest, runtime)
    progress_of(run_id).enter(ANALYZE)
    result = runtime.run(_analysis(manifest, runtime))
    # A run that was resumed finds its own answers in the store; they are in its ledger already.
    booked = requests_of(runtime.lake, run_id, INSIGHTS)
    attempts = [
        attempt
        for attempt in runtime.take_attempts([None])
        if not (attempt.from_store and attempt.request_key in booked)
    ]
    if attempts:
        add_attempts(runtime.lake, runtime.lake.attempts(run_id, ANALYZE), attempts)
    progress_of(run_id).spend(runtime.budget.spent_usd)
    return result


async def _analysis(manifest: Manifest, runtime: Runtime) -> AnalysisResult:
    # Figures of nothing are not worth a call.
    ask = runtime.client if manifest.extract.done else None
    with runtime.in_flight():
        return await analyze(manifest, runtime.lake, ask)


def report_run(lake_url: str, run_id: str) -> dict[str, str]:
    """Write the report of a run and note its checksums in the manifest."""
    lake = Lake(lake_url)
    progress_of(run_id).enter("report")
    manifest = read_manifest(lake, run_id)
    outputs = write_report(manifest, lake)
    write_manifest(lake, manifest.model_copy(update={"outputs": outputs}))
    return outputs
