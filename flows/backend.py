"""Who runs the stages? What the wiring asks of this process, or of Prefect."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from schemas.job import Job
from schemas.manifest import ShardResult
from tasks.lanes import shards_at_once
from tasks.stages import AnalysisResult, IngestResult, ShardRef

_WINDOW = 32
"""Shards whose futures are open at once; the first is drained before one more is submitted."""


class Backend(Protocol):
    """Who runs a stage: this thread, or Prefect."""

    def ingest(self, lake_url: str, run_id: str) -> IngestResult:
        """Run the ingest stage."""
        ...

    def extract(
        self, refs: Sequence[ShardRef], lake_url: str, run_id: str
    ) -> Iterator[ShardResult]:
        """Map `extract_shard` over the shards, some ahead of the others, in order."""
        ...

    def analyze(self, lake_url: str, run_id: str) -> AnalysisResult:
        """Run the analysis stage."""
        ...

    def report(self, lake_url: str, run_id: str) -> dict[str, str]:
        """Run the report stage."""
        ...


def window(job: Job) -> int:
    """How many shards of a job may be submitted before the first of them is drained."""
    return max(_WINDOW, 2 * shards_at_once(job))


Item = TypeVar("Item")
T = TypeVar("T", covariant=True)


class Result(Protocol[T]):
    """A future, of a thread or of Prefect."""

    def result(self) -> T:
        """What it came to; raises what it failed with."""
        ...


def results_of(
    items: Iterable[Item], submit: Callable[[Item], Result[T]], most: int
) -> Iterator[T]:
    """Submit items and hand out what each comes to, in order, with at most `most` not drained.

    The next one is submitted as soon as the first of them is through: waiting for all of them would
    leave whoever works on them without work.

    What one of them fails with is raised behind all that were submitted, and nothing is submitted
    any more: a shard that stops the run does not undo what the others beside it have written.
    """
    error: Exception | None = None
    futures: deque[Result[T]] = deque()
    coming = iter(items)
    while True:
        if error is None:
            futures.extend(map(submit, islice(coming, most - len(futures))))
        if not futures:
            break
        try:
            yield futures.popleft().result()
        except Exception as problem:
            error = error or problem
    if error is not None:
        raise error
