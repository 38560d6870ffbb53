"""What a run leaves behind about itself: manifest, books and the money."""

from datetime import datetime
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from schemas.calibration import Calibration
from schemas.job import Job
from schemas.roles import Resolution
from schemas.shadow import Counterfactual


class RunStatus(StrEnum):
    """How a run stands; `running` with a dead process is shown as interrupted."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    PARKED = "parked"


class Books(BaseModel):
    """What went into a stage and where it went: `inputs = done + failed + skipped`.

    `failed` and `skipped` count documents by reason; a reason is a failure class or a word such as
    `duplicate`.
    """

    model_config = ConfigDict(frozen=True)

    inputs: int = 0
    done: int = 0
    failed: dict[str, int] = Field(default_factory=dict)
    skipped: dict[str, int] = Field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        """Whether every input is accounted for."""
        return self.inputs == self.done + sum(self.failed.values()) + sum(self.skipped.values())

    def __add__(self, other: Self) -> Self:
        return type(self)(
            inputs=self.inputs + other.inputs,
            done=self.done + other.done,
            failed=_added(self.failed, other.failed),
            skipped=_added(self.skipped, other.skipped),
        )


def _added(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {
        reason: left.get(reason, 0) + right.get(reason, 0)
        for reason in sorted(left.keys() | right.keys())
    }


class ShardResult(BaseModel):
    """What `extract_shard` returns: paths and counts, never documents.

    Paths are relative to the lake. `records` maps a document type to its Parquet file; types
    without a record in this shard are left out. `reused` counts the documents whose outcome was in
    the lake already; `usd` is what this run spent on the shard, `calls` the requests it sent.
    """

    model_config = ConfigDict(frozen=True)

    shard: str
    documents: str
    outcomes: str
    records: dict[str, str] = Field(default_factory=dict)
    attempts: str | None = None
    books: Books = Books()
    reused: int = 0
    calls: int = 0
    usd: float = 0.0
    notes: tuple[str, ...] = Field(
        default=(), description="What the run has given up by then for want of money."
    )
    unverified: int = Field(
        default=0, description="Verifications that were due and left out for want of money."
    )
    parked: str | None = Field(
        default=None, description="Why documents of this shard were left for later, if any were."
    )


class Cost(BaseModel):
    """The money of a run, in US dollars.

    Attributes:
        usd: Spent by this run.
        unconfirmed_usd: The part of `usd` that is the worst case of calls whose bill nobody knows:
            broken off, timed out, or in flight at a kill. Null in runs of before there was this.
        records_usd: What the answers behind this run's records cost, whenever they were paid.
        baseline_usd: The same documents, one call each, on the one strong model; null if unpriced.
        baseline_plain_usd: The same, should that model answer without thinking.
        projected_usd: The calls behind the records at the prices of the catalog's models for the
            roles; null unless the run was offline.
        saving: `baseline_usd` over `records_usd` (offline: over `projected_usd`); null when either
            is unknown or nothing.
        saving_low: The same of `baseline_plain_usd`. What a strong model thinks over a document
            nobody measured: the truth lies between the two.
    """

    model_config = ConfigDict(frozen=True)

    usd: float = 0.0
    unconfirmed_usd: float | None = None
    records_usd: float = 0.0
    baseline_usd: float | None = None
    baseline_plain_usd: float | None = None
    projected_usd: float | None = None
    saving: float | None = None
    saving_low: float | None = None
    calls: int = 0


class Retry(BaseModel):
    """A replay of a run's dead letters that is under way, or was broken off.

    Answers that were stored before `since` and are of no use are asked for anew; `anew` asks for
    all answers anew.
    """

    model_config = ConfigDict(frozen=True)

    since: datetime
    anew: bool = False
    failure_class: str | None = Field(default=None, description="Only letters of this class.")
    stage: str | None = Field(default=None, description="Only letters of this stage.")


class Manifest(BaseModel):
    """Everything needed to understand, verify and repeat a run."""

    run_id: str
    status: RunStatus = RunStatus.RUNNING
    job: Job
    parent: str | None = Field(default=None, description="The backfill this run is a part of.")
    version: str = Field(description="Version of docmill.")
    versions: dict[str, str] = Field(default_factory=dict)
    started_at: datetime
    finished_at: datetime | None = None
    seconds: float | None = None
    pid: int | None = None
    host: str | None = None
    resolution: Resolution
    extraction_key: str = Field(description="Fingerprint of schemas, prompts, models, parameters.")
    calibrations: dict[str, Calibration] = Field(
        default_factory=dict,
        description="Per document type, the calibration that applies to this run.",
    )
    ingest: Books = Books()
    extract: Books = Books()
    shards: tuple[ShardResult, ...] = ()
    cost: Cost = Cost()
    counterfactual: Counterfactual | None = Field(
        default=None, description="What one strong model made of a share of the documents."
    )
    outputs: dict[str, str] = Field(
        default_factory=dict, description="SHA-256 of each file of the run, by its name."
    )
    notes: tuple[str, ...] = ()
    error: str | None = None
    retry: Retry | None = Field(default=None, description="A replay that has not come to its end.")


class RunSummary(BaseModel):
    """What `docmill run --json` prints."""

    run_id: str
    status: RunStatus
    documents: int
    extracted: int
    failed: int
    skipped: int
    reused: int
    usd: float
    unconfirmed_usd: float | None = Field(
        description="The part of `usd` that is the worst case of calls whose bill nobody knows."
    )
    records_usd: float
    baseline_usd: float | None
    baseline_plain_usd: float | None
    baseline_model: str | None = Field(
        description="Name of the one strong model that is compared with, with its effort."
    )
    projected_usd: float | None
    saving: float | None
    saving_low: float | None
    calls: int
    lake: str
    report: str
    manifest: str
    counterfactual: Counterfactual | None = Field(
        default=None, description="The same work measured on one strong model, with `shadow`."
    )
    plan: str | None = Field(default=None, description="The plan that the run followed, if any.")
    seconds: float
    message: str | None = None
    notes: tuple[str, ...] = Field(
        default=(), description="What a person should know of the run's models."
    )


class BackfillSummary(BaseModel):
    """What a backfill did, partition by partition, in the order they were to run."""

    backfill_id: str
    status: RunStatus
    documents: int
    extracted: int
    failed: int
    skipped: int
    reused: int
    usd: float
    calls: int
    runs: list[RunSummary]
    message: str | None = None
