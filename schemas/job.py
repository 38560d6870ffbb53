"""What to run: the job, be it a `docmill.yaml`, a Prefect flow parameter or a pydantic model."""

from datetime import date, datetime, time
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.decisions import Orchestrator
from schemas.fields import DocumentType, FieldSpec, Name
from schemas.job_options import (
    Allow,
    Analysis,
    Audit,
    Cascade,
    DateSource,
    Metric,
    Models,
    Parsing,
    ReportOptions,
    Selection,
    Source,
    Verify,
)
from schemas.providers import Lane, Profiles, Providers
from schemas.shadow import Shadow

__all__ = [
    "Allow",
    "Analysis",
    "Audit",
    "Backfill",
    "Cascade",
    "DateSource",
    "Job",
    "Metric",
    "Models",
    "Parsing",
    "Partition",
    "ReportOptions",
    "Selection",
    "Source",
    "StageName",
    "TypeRef",
    "Verify",
]


class TypeRef(BaseModel):
    """A shipped document type, with changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    use: str = Field(description="Name of a type that docmill ships, for instance `invoice`.")
    match: tuple[str, ...] = Field(
        default=(), description="Globs over the path: a document that matches is of this type."
    )
    keep: tuple[str, ...] = Field(
        default=(), description="Only these fields of those that the type ships; none means all."
    )
    extra_fields: tuple[FieldSpec, ...] = Field(
        default=(), description="Fields beside those that the type ships."
    )


def _spelled_out(models: object) -> object:
    return {"selection": models} if isinstance(models, str) else models


def _as_share(shadow: object) -> object:
    return {"share": shadow} if isinstance(shadow, int | float) else shadow


StageName = Literal[
    "route", "extract", "agree", "escalate", "verify", "retry", "audit", "decide", "shadow",
    "insights",
]  # fmt: skip
"""The stages that call models, as the ledger calls them."""


def _time_or_datetime(value: object) -> object:
    # YAML 1.1 reads 22:30 as 1350, a number to the base of 60, and 22:30:00 as 81000.
    if isinstance(value, int) and 0 <= value < 24 * 60:
        return time(value // 60, value % 60)
    if isinstance(value, int) and 60 * 60 <= value < 24 * 60 * 60:
        return time(value // 3600, value // 60 % 60, value % 60)
    if not isinstance(value, str | int | float):
        return value
    for kind in (time, datetime):
        try:
            return kind.fromisoformat(str(value).strip().zfill(5))
        except ValueError:
            continue
    raise ValueError(f"{value!r} is no time such as 06:00 or 2026-07-11T06:00")


class Job(BaseModel):
    """What to run: source, document types, analysis, report and budget."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = Field(default="documents", description="Name of the job; its place in the lake.")
    description: str = Field(default="", description="What the documents are and what is wanted.")
    lake: str = Field(
        default="lake", description="Folder or fsspec URL that holds every table of every run."
    )
    source: Source = Field(default=Source(), description="Where the documents are.")
    types: tuple[DocumentType | TypeRef | str, ...] = Field(
        default=("generic",),
        min_length=1,
        description="Document types: names that docmill ships, or descriptions of one's own.",
    )
    fallback_type: str | None = Field(
        default=None,
        description="Type of a document that the router recognises as none of the types; "
        "null sends such a document to the dead letters.",
    )
    profile: str | None = Field(
        default=None,
        description="Set of providers: offline, openai, openrouter, local, or one of `profiles`; "
        "null takes the one whose key is set, else offline.",
    )
    providers: Providers = Field(
        default_factory=dict,
        description="Providers beside those that ship, and limits for those, by name.",
    )
    profiles: Profiles = Field(
        default_factory=dict,
        description="Names for lists of providers: the first that serves a model is asked first.",
    )
    models: Annotated[
        Models, BeforeValidator(_spelled_out, json_schema_input_type=Models | Selection)
    ] = Field(
        default=Models(),
        description="Who plays the roles: `follow` or `pin`, or a mapping that also names models.",
    )
    allow: Allow = Field(default=Allow(), description="Which models may be used at all.")
    budget_usd: float | None = Field(
        default=None, ge=0, description="Never spend more than this on a run, in US dollars."
    )
    monthly_budget_usd: float | None = Field(
        default=None,
        ge=0,
        description="Never spend more than this on all runs of the job in a calendar month (UTC), "
        "in US dollars.",
    )
    shard_size: int = Field(
        default=128, ge=1, le=4096, description="Documents per shard, the unit of retry."
    )
    concurrency: int = Field(
        default=64,
        ge=1,
        le=4096,
        description="Requests in flight outside of batches, in all processes of a run together. "
        "Half as many documents again are prepared or written meanwhile.",
    )
    processes: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="Processes that extract; null: one per core from 2,000 new documents on, else "
        "one. One in any case where nothing is new or requests may go into batches.",
    )
    parsing: Parsing = Field(default=Parsing(), description="Limits for reading documents.")
    cascade: Cascade = Field(default=Cascade(), description="When an answer is good enough.")
    verify: Verify = Field(default=Verify(), description="How much is checked twice.")
    audit: Audit = Field(default=Audit(), description="How a calibration is watched.")
    orchestrator: Orchestrator = Field(
        default=Orchestrator(), description="What the strongest model may decide."
    )
    shadow: Annotated[Shadow, BeforeValidator(_as_share, json_schema_input_type=Shadow | float)] = (
        Field(
            default=Shadow(),
            description="How much one strong model reads as well, so that cost and quality are "
            "measured against it: a share such as 0.02, or a mapping.",
        )
    )
    analysis: Analysis = Field(default=Analysis(), description="What is computed.")
    report: ReportOptions = Field(default=ReportOptions(), description="How it is presented.")
    lane: Lane | None = Field(
        default=None,
        description="Lane of every stage that works on documents: standard, flex (slower, cheaper) "
        "or batch (within a day, half the price); null lets `ready_by` choose.",
    )
    lanes: dict[StageName, Lane] = Field(
        default_factory=dict,
        description="Lanes of single stages (route, extract, agree, escalate, verify, retry, "
        "audit, decide, shadow, insights), which win over `lane`.",
    )
    ready_by: Annotated[time | datetime | None, BeforeValidator(_time_or_datetime)] = Field(
        default=None,
        description="When the run is to be ready, 06:00 or 2026-07-11T06:00 (local time): what "
        "fits goes into batches, the rest is asked online; null: no matter when.",
    )
    batch_documents: int = Field(
        default=10_000,
        ge=1,
        description="Documents that wait for batches at once per process; each takes up to 50 kB.",
    )
    seed: int = Field(default=0, description="Seed of every random choice of the run.")

    @property
    def wanted_lanes(self) -> dict[str, Lane]:
        """The lanes that somebody has decided on, by stage; a report is not worth a day's wait."""
        stages = [name for name in get_args(StageName) if name not in ("shadow", "insights")]
        bulk = dict.fromkeys(stages, self.lane) if self.lane else {}
        return {**bulk, **self.lanes}

    @model_validator(mode="after")
    def _type_names_are_unique(self) -> "Job":
        names = [
            t if isinstance(t, str) else (t.use if isinstance(t, TypeRef) else t.name)
            for t in self.types
        ]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"document type {twice[0]!r} is named twice")
        return self


Partition = Annotated[
    Literal["day", "week", "month", "year"],
    Field(description="Length of the spans that a backfill runs one by one."),
]


class Backfill(BaseModel):
    """A job over a span of time in the archive, one run per partition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job: Job = Field(description="What to run over each partition.")
    since: date = Field(description="First day.")
    until: date = Field(description="Day after the last one.")
    by: DateSource = Field(default=DateSource.PATH, description="What dates a document.")
    partition: Partition = "month"
    order: Literal["oldest", "newest"] = Field(
        default="oldest", description="Which partition runs first."
    )
    parallel: int = Field(default=1, ge=1, le=32, description="Partitions that run at once.")
    budget_usd: float | None = Field(
        default=None, ge=0, description="Never spend more than this on the whole backfill."
    )

    @model_validator(mode="after")
    def _the_span_is_not_empty(self) -> "Backfill":
        if self.until <= self.since:
            raise ValueError(f"`until` ({self.until}) must be after `since` ({self.since})")
        return self
