"""What to run: the job, be it a `docmill.yaml`, a Prefect flow parameter or a pydantic model."""

from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.decisions import Orchestrator
from schemas.fields import DocumentType, FieldSpec, Name
from schemas.providers import Lane, Profiles, Providers
from schemas.roles import Role
from schemas.shadow import Shadow

MEBIBYTE = 1 << 20


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DateSource(StrEnum):
    """Where the date of a document comes from when documents are selected by date."""

    PATH = "path"
    NAME = "name"
    HEADER = "header"
    MTIME = "mtime"


class Source(_Frozen):
    """Where the documents are and which of them count."""

    path: str = Field(
        default="documents",
        description="A folder, a file, an archive (zip, tar, tar.gz) or a mailbox (mbox). "
        "In a docmill.yaml, relative to the file.",
    )
    include: tuple[str, ...] = Field(
        default=("**/*",), description="Globs over the path of a document; one must match."
    )
    exclude: tuple[str, ...] = Field(
        default=(), description="Globs over the path of a document; none may match."
    )
    max_bytes: int = Field(
        default=50 * MEBIBYTE, gt=0, description="Refuse documents larger than this, in bytes."
    )
    since: date | None = Field(
        default=None, description="Only documents of this day or later (dated as `by` says)."
    )
    until: date | None = Field(default=None, description="Only documents before this day.")
    by: DateSource = Field(
        default=DateSource.MTIME,
        description="What dates a document: a date in its path, in its name, its Date header "
        "(messages), or its modification time.",
    )
    limit: int | None = Field(
        default=None, ge=1, description="Stop after this many documents; null takes them all."
    )


class Parsing(_Frozen):
    """Limits for reading one document; what exceeds them becomes a dead letter."""

    timeout_s: float = Field(default=60, gt=0, description="Seconds that one document may take.")
    memory_mb: int = Field(
        default=2048, ge=256, description="Memory that a parser process may use, in MiB."
    )
    workers: int | None = Field(
        default=None, ge=1, description="Parser processes; null means one per core."
    )
    max_chars: int = Field(
        default=2_000_000, ge=1000, description="Keep at most this many characters of a text."
    )


class TypeRef(_Frozen):
    """A shipped document type, with changes."""

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


class Cascade(_Frozen):
    """When an answer is good enough and when the next tier is asked."""

    min_confidence: float = Field(
        default=0.75, ge=0, le=1, description="Accept a field only at this confidence or above."
    )
    min_confidence_last: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Confidence that is enough in the last tier, after which nobody is asked.",
    )
    context_chars: int = Field(
        default=1200,
        ge=100,
        description="Characters of text around a doubtful value that the next tier is shown.",
    )
    max_input_chars: int = Field(
        default=48_000, ge=2000, description="Longest piece of a document in one call."
    )
    long_document_chars: int = Field(
        default=120_000, ge=2000, description="Documents longer than this start a tier higher."
    )
    calibrated: bool = Field(
        default=True,
        description="Use the calibration that the lake holds for this job, where it applies; "
        "false: the thresholds above, always.",
    )
    agreement: bool = Field(
        default=False,
        description="Ask a second model of the first tier as well: where the two disagree, the "
        "next tier is asked. Doubles the calls of the first tier.",
    )
    token_probabilities: bool = Field(
        default=False,
        description="Ask models that can for the probabilities of their tokens, a signal for "
        "`docmill calibrate`; a calibration that uses them asks for them by itself.",
    )
    every_tier: bool = Field(
        default=False,
        description="Ask every tier about every field, as `docmill calibrate` does to compare "
        "them; for measuring, since it costs all that a cascade saves.",
    )


class Verify(_Frozen):
    """How much of what was accepted a second model checks."""

    share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of the accepted records that is checked, the low-margin part first.",
    )


class Audit(_Frozen):
    """How a calibration is watched while documents keep coming."""

    share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the accepted fields of calibrated types, drawn at random, that the "
        "strong model (orchestrator) answers too; disagreements beyond what was promised raise an "
        "alarm, after which everything goes to the next tier. 0: no audit.",
    )


Selection = Literal["follow", "pin"]


class Models(_Frozen):
    """Who plays the roles: chosen anew for every run or kept, and by name where you know better.

    A model is named by its slug, its name or its API id (`docmill models roles` lists them). One
    that misses a threshold works, with a warning.
    """

    selection: Selection = Field(
        default="follow",
        description="follow: every run chooses from the catalog of its day, and says what has "
        "changed. pin: models and prices stay those of the job's last run that ended well.",
    )
    orchestrator: str | None = Field(
        default=None, description="Plans a job; the strong model that costs are compared with."
    )
    reasoning_worker: str | None = Field(
        default=None, description="Second tier of extraction; turns figures into insights."
    )
    tool_worker: str | None = Field(
        default=None, description="Explores the records through tool calls."
    )
    extraction_worker: str | None = Field(default=None, description="Reads every document.")
    formatting_worker: str | None = Field(
        default=None, description="Says of which type a document is."
    )

    @property
    def named(self) -> dict[Role, str]:
        """The models that are named, by role."""
        found = {role: getattr(self, role.value) for role in Role}
        return {role: name for role, name in found.items() if name is not None}


def _spelled_out(models: object) -> object:
    return {"selection": models} if isinstance(models, str) else models


def _as_share(shadow: object) -> object:
    return {"share": shadow} if isinstance(shadow, int | float) else shadow


class Allow(_Frozen):
    """Which models may be used at all, whatever they are good for; what is unknown is refused."""

    creators: tuple[str, ...] = Field(
        default=(), description="Only models of these creators, as the catalog names them."
    )
    open_weights: bool | None = Field(
        default=None,
        description="true: only models whose weights are published; false: only the others.",
    )
    regions: tuple[str, ...] = Field(
        default=(), description="Only providers that declare one of these regions."
    )


class Metric(_Frozen):
    """One question to the records, in SQL."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Name of the metric.")
    title: str = Field(description="What the report writes over it.")
    sql: str = Field(
        description="A SELECT of DuckDB's dialect over `documents`, `failures` and one table "
        "per document type."
    )
    unit: str = Field(default="", description="Unit of the figures, for instance EUR.")
    chart: Literal["auto", "bar", "line", "none"] = Field(
        default="auto", description="How the report draws it."
    )


class Analysis(_Frozen):
    """What to compute from the records."""

    metrics: tuple[Metric, ...] = Field(
        default=(), description="Questions in SQL; none means that docmill chooses sensible ones."
    )
    automatic: bool = Field(
        default=True, description="Compute the automatic metrics beside the ones of the job."
    )
    timeout_s: float = Field(default=30, gt=0, description="Seconds that one query may take.")
    memory_mb: int = Field(default=1024, ge=64, description="Memory of the query engine, in MiB.")
    max_insights: int = Field(default=6, ge=0, description="Insights asked of the model.")


class ReportOptions(_Frozen):
    """How the report presents itself."""

    title: str | None = Field(default=None, description="Title; null takes the job's name.")
    max_rows: int = Field(default=30, ge=1, description="Longest table in the report.")


StageName = Literal[
    "route", "extract", "agree", "escalate", "verify", "retry", "audit", "decide", "shadow",
    "insights",
]  # fmt: skip
"""The stages that call models, as the ledger calls them."""


def _time_or_datetime(value: object) -> object:
    # YAML 1.1 reads 22:30 as 1350, a number to the base of 60; nobody means seconds.
    if isinstance(value, int) and 0 <= value < 24 * 60:
        return time(value // 60, value % 60)
    if not isinstance(value, str):
        return value
    for kind in (time, datetime):
        try:
            return kind.fromisoformat(value.strip().zfill(5))
        except ValueError:
            continue
    raise ValueError(f"{value!r} is no time such as 06:00 or 2026-07-11T06:00")


class Job(_Frozen):
    """What to run: source, document types, analysis, report and budget."""

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
        default_factory=dict, description="Lanes of single stages, which win over `lane`."
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


class Backfill(_Frozen):
    """A job over a span of time in the archive, one run per partition."""

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
