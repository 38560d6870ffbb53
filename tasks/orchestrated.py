"""The stages as Prefect tasks: thin wrappers, caching and retries off, paths and counts only.

Our own keys decide what is done again, and the call path owns every retry: a Prefect retry around
a paid call would pay twice.
"""

from collections.abc import Callable
from typing import TypeVar, cast

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed

from schemas.manifest import ShardResult
from tasks import stages
from tasks.analysis import AnalysisResult
from tasks.ingest import IngestResult, ShardRef
from tasks.user_errors import USER_ERRORS

T = TypeVar("T")


def _told(stage: Callable[[], T]) -> T:
    """What a stage returns, or a failed state that Prefect raises its error from.

    Raised in here, it would be logged with all of its traceback.
    """
    try:
        return stage()
    except USER_ERRORS as error:
        return cast("T", Failed(message=str(error), data=error))


@task(name="ingest", cache_policy=NO_CACHE)
def ingest(lake_url: str, run_id: str) -> IngestResult:
    """Find, parse and shard the documents."""
    return _told(lambda: stages.ingest_run(lake_url, run_id))


@task(name="extract_shard", task_run_name="extract {ref.shard}", cache_policy=NO_CACHE)
def extract_shard(ref: ShardRef, lake_url: str, run_id: str) -> ShardResult:
    """Extract the documents of one shard."""
    return _told(lambda: stages.extract_shard(ref, lake_url, run_id))


@task(name="analyze", cache_policy=NO_CACHE)
def analyze(lake_url: str, run_id: str) -> AnalysisResult:
    """Compute the figures and ask for insights."""
    return _told(lambda: stages.analyze_run(lake_url, run_id))


@task(name="report", cache_policy=NO_CACHE)
def report(lake_url: str, run_id: str) -> dict[str, str]:
    """Write the report."""
    return _told(lambda: stages.report_run(lake_url, run_id))
