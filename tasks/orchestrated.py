"""The stages as Prefect tasks: thin wrappers, caching and retries off, paths and counts only.

Our own keys decide what is done again, and the call path owns every retry: a Prefect retry around
a paid call would pay twice.
"""

from prefect import task
from prefect.cache_policies import NO_CACHE

from schemas.manifest import ShardResult
from tasks import stages
from tasks.analysis import AnalysisResult
from tasks.ingest import IngestResult, ShardRef


@task(name="ingest", cache_policy=NO_CACHE)
def ingest(lake_url: str, run_id: str) -> IngestResult:
    """Find, parse and shard the documents."""
    return stages.ingest_run(lake_url, run_id)


@task(name="extract_shard", task_run_name="extract {ref.shard}", cache_policy=NO_CACHE)
def extract_shard(ref: ShardRef, lake_url: str, run_id: str) -> ShardResult:
    """Extract the documents of one shard."""
    return stages.extract_shard(ref, lake_url, run_id)


@task(name="analyze", cache_policy=NO_CACHE)
def analyze(lake_url: str, run_id: str) -> AnalysisResult:
    """Compute the figures and ask for insights."""
    return stages.analyze_run(lake_url, run_id)


@task(name="report", cache_policy=NO_CACHE)
def report(lake_url: str, run_id: str) -> dict[str, str]:
    """Write the report."""
    return stages.report_run(lake_url, run_id)
