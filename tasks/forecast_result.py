"""What does a forecast say? Ranges with a stated probability, per stage, lane and in all."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.roles import Role


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Range(_Frozen):
    """A figure: what comes of every assumption's middle, and the ends of its range.

    The figure lies between `low` and `high` with the probability of the forecast.
    """

    low: float
    expected: float
    high: float

    def holds(self, figure: float) -> bool:
        """Whether a figure lies in the range; the last digits of a sum do not count."""
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return self.low - slack <= figure <= self.high + slack


class StageForecast(_Frozen):
    """What one stage of the pipeline would cost; tokens are those of all its calls together."""

    stage: str
    role: Role
    model: str = Field(description="Slug of the model that would be asked.")
    input_price: float = Field(description="US dollars per million tokens.")
    output_price: float = Field(description="US dollars per million tokens.")
    calls: Range
    prompt_tokens: Range
    answer_tokens: Range = Field(description="Without thinking.")
    billed_tokens: Range = Field(description="Answers with thinking.")
    usd: Range


class LaneForecast(_Frozen):
    """What the whole run would cost and take in a lane, and the one strong model beside it."""

    lane: str
    usd: Range
    seconds: Range
    baseline_usd: Range | None = None
    note: str = ""


class SourceForecast(_Frozen):
    """What the forecast knows of the documents.

    Attributes:
        found: Documents in the source, within its limit.
        duplicates: Copies of others; read once.
        refused: Too large, or known to be unreadable; not asked about.
        done: In the lake already with everything a run would ask; free.
        asked: All others: the documents that the figures are about.
        measured: Those of `asked` whose text is known, from the lake or from the sample.
        sampled: Documents parsed for this forecast.
        unreadable: Those of `sampled` that could not be read.
    """

    found: int
    duplicates: int = 0
    refused: int = 0
    done: int = 0
    asked: int
    measured: int = 0
    sampled: int = 0
    unreadable: int = 0


class Forecast(_Frozen):
    """What a job would cost on its profile, on the catalog's models and on one strong model.

    Attributes:
        probability: That a run's figure lies in its range; each range on its own.
        runs: Own runs that the assumptions were learned from; without any, the probability is
            subjective: it follows from assumptions and was never put to a test on this job.
        documents: Documents the figures are about (`source.asked`).
        lane: The lane of `stages`, `usd`, `seconds` and of what they are compared with.
        stages: On the models that would be asked; on the catalog's models for the roles where
            the profile itself is free (then `is_projected`).
        usd: What the run would be billed: nothing on a free profile.
        projected_usd: On the catalog's models; null unless `is_projected`.
        baseline_usd: All documents, one call each that asks for everything, on `baseline_model`.
        saving: `baseline_usd` over `usd`, or over `projected_usd`; null when either is unknown
            or nothing.
        assumptions: What the figures rest on, in sentences.
    """

    job: str
    profile: str
    lane: str
    probability: float
    runs: int
    catalog_version: str
    documents: int
    source: SourceForecast
    document_tokens: Range
    stages: tuple[StageForecast, ...]
    is_projected: bool
    usd: Range
    projected_usd: Range | None = None
    seconds: Range
    baseline_model: str | None = None
    baseline_usd: Range | None = None
    saving: Range | None = None
    lanes: tuple[LaneForecast, ...] = ()
    assumptions: tuple[str, ...] = ()
