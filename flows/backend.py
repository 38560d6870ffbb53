"""Who runs the stages? What the wiring asks of this process, or of Prefect."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from schemas.manifest import ShardResult
from tasks.stages import AnalysisResult, IngestResult, ShardRef


class Backend(Protocol):
    """Who runs a stage: this thread, or Prefect."""

    def ingest(self, lake_url: str, run_id: str) -> IngestResult:
        """Run the ingest stage."""
        ...

    def extract(
        self, refs: Sequence[ShardRef], lake_url: str, run_id: str
    ) -> Iterator[ShardResult]:
        """Map `extract_shard` over the shards, draining results in windows, in order."""
        ...

    def analyze(self, lake_url: str, run_id: str) -> AnalysisResult:
        """Run the analysis stage."""
        ...

    def report(self, lake_url: str, run_id: str) -> dict[str, str]:
        """Run the report stage."""
        ...


T = TypeVar("T", covariant=True)


class Result(Protocol[T]):
    """A future, of a thread or of Prefect."""

    def result(self) -> T:
        """What it came to; raises what it failed with."""
        ...


def results_of(futures: Iterable[Result[T]]) -> Iterator[T]:
    """What each future came to, in order; what one of them fails with is raised behind them all.

    A shard that stops the run does not undo what the others beside it have written.
    """
    error: Exception | None = None
    for future in futures:
        try:
            yield future.result()
        except Exception as problem:
            error = error or problem
    if error is not None:
        raise error
