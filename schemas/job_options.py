"""What can be set about a job's documents, its models and its stages?"""

from datetime import date
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.roles import Role

_MEBIBYTE = 1 << 20


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
        default=50 * _MEBIBYTE, gt=0, description="Refuse documents larger than this, in bytes."
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
