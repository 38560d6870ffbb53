"""How does a calibration run the pipeline? Run after run, watched, all under one budget."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flows.wiring import Direct, new_run_id, run_pipeline, start_run
from schemas.job import Job
from schemas.manifest import Manifest, RunStatus, RunSummary
from schemas.roles import Resolution
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.calibrations import Applicable

Watch = Callable[[str], AbstractContextManager[None]]
"""Shows the progress of a run, by its id, while a context is open."""


class CalibrationRefusedError(Exception):
    """Nothing can be promised with these labels, or a run for it did not end well."""


class CalibrationParkedError(Exception):
    """A run for a calibration was parked: the same command goes on once its cause is gone."""


def unwatched(_run_id: str) -> AbstractContextManager[None]:
    """Shows nothing."""
    return nullcontext()


@dataclass(slots=True)
class CalibrationRuns:
    """The runs of one calibration, in order.

    Attributes:
        env: The environment, with keys and base URLs.
        budget_usd: What all of them together may spend, in US dollars; null means no cap.
        watch: Shows the progress of each.
        done: Those that have ended.
    """

    env: Mapping[str, str]
    budget_usd: float | None = None
    watch: Watch = unwatched
    done: list[RunSummary] = field(default_factory=list)

    @property
    def usd(self) -> float:
        """What they have spent so far."""
        return sum(run.usd for run in self.done)

    def run(
        self, job: Job, resolution: Resolution | None = None, certified: Applicable | None = None
    ) -> Manifest:
        """Run a job from start to end with what is left of the budget.

        Raises:
            CalibrationParkedError: Documents were left for later.
            CalibrationRefusedError: The run failed.
        """
        if self.budget_usd is not None:
            left = max(0.0, self.budget_usd - self.usd)
            job = job.model_copy(update={"budget_usd": left})
        run_id = new_run_id(datetime.now(UTC))
        with self.watch(run_id):
            started = start_run(
                job, env=self.env, run_id=run_id, resolution=resolution, certified=certified
            )
            summary = run_pipeline(started, Direct())
        self.done.append(summary)
        _check_ended(summary)
        return read_manifest(Lake(summary.lake), run_id)


def _check_ended(summary: RunSummary) -> None:
    words = (
        f"run {summary.run_id} is {summary.status.value}: {summary.message}; nothing was "
        "calibrated. What was answered is kept: the same command goes on from there"
    )
    if summary.status is RunStatus.PARKED:
        raise CalibrationParkedError(words)
    if summary.status is not RunStatus.DONE:
        raise CalibrationRefusedError(words)
