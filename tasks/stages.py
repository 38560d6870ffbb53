"""The four stages as functions of paths: what a thread, a Prefect task or a test calls."""

from dataclasses import asdict
from datetime import UTC, datetime

from schemas.manifest import ShardResult
from schemas.tables import ATTEMPTS
from storage.manifests import read_manifest, write_manifest
from storage.store import Lake
from tasks.analysis import AnalysisResult, analyze
from tasks.extract import extract_shard
from tasks.ingest import IngestResult, ShardRef, ingest
from tasks.progress import progress_of
from tasks.report import write_report
from tasks.runtime import runtime_of

__all__ = ["AnalysisResult", "IngestResult", "ShardRef", "ShardResult", "extract_shard"]

ANALYZE = "analyze"
"""Name of the analysis in the ledger, beside the shards."""


def ingest_run(lake_url: str, run_id: str) -> IngestResult:
    """Find, parse and shard the documents of a run's job."""
    lake = Lake(lake_url)
    job = read_manifest(lake, run_id).job
    progress = progress_of(run_id)
    progress.enter("ingest")
    return ingest(job, lake, run_id, now=lambda: datetime.now(UTC), progress=progress.advance)


def analyze_run(lake_url: str, run_id: str) -> AnalysisResult:
    """Compute the figures of a run and ask for insights; the ledger rows go beside the shards'."""
    runtime = runtime_of(lake_url, run_id)
    manifest = read_manifest(runtime.lake, run_id)
    progress_of(run_id).enter(ANALYZE)
    result = runtime.run(analyze(manifest, runtime.lake, runtime.client))
    attempts = runtime.take_attempts([None])
    if attempts:
        path = runtime.lake.attempts(run_id, ANALYZE)
        runtime.lake.write_rows(path, [asdict(attempt) for attempt in attempts], ATTEMPTS)
    progress_of(run_id).spend(runtime.budget.spent_usd)
    return result


def report_run(lake_url: str, run_id: str) -> dict[str, str]:
    """Write the report of a run and note its checksums in the manifest."""
    lake = Lake(lake_url)
    progress_of(run_id).enter("report")
    manifest = read_manifest(lake, run_id)
    outputs = write_report(manifest, lake)
    write_manifest(lake, manifest.model_copy(update={"outputs": outputs}))
    return outputs
