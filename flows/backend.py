"""Who runs the stages? What the wiring asks of this process, or of Prefect."""

from collections.abc import Iterator, Sequence
from typing import Protocol

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
