"""How much of a run does one strong model read as well, and what does that show?"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Shadow(BaseModel):
    """How many documents the single strong model reads as well, to measure the difference."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the documents, drawn at random, that also go whole to the one strong "
        "model (the orchestrator's first choice); its answers are compared, not kept. 0: none.",
    )


class Estimate(BaseModel):
    """A figure of a sample with its interval at 95 %; no interval where the sample is too small."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float | None = None
    high: float | None = None


class Counterfactual(BaseModel):
    """What the single strong model made of a random share of a run's documents.

    Attributes:
        model: Slug of the strong model.
        model_name: Its name.
        documents: Documents that were drawn.
        answered: Those it answered for; everything below is about them.
        basis: `booked`: both sides as they were paid; `projected`: offline, both sides' tokens on
            the catalog's models.
        records_usd: What the run's answers for these documents cost.
        strong_usd: What the strong model's answers for them cost.
        cost_ratio: The second over the first; null where one is nothing or unknown.
        fields: Fields that both were asked for.
        agreeing: Fields for which both say the same, no value included.
        only_record: Fields that only the record has a value for.
        only_strong: Fields that only the strong model has a value for.
        different: Fields with two different values.
        agreement: `agreeing` over `fields`.
        labelled: Documents of these that have a gold label of the same type.
        record_accuracy: Share of their labelled fields that the record has right.
        strong_accuracy: The same of the strong model.
        gap: The second less the first.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    model_name: str
    documents: int
    answered: int
    basis: Literal["booked", "projected"]
    records_usd: float = 0.0
    strong_usd: float = 0.0
    cost_ratio: Estimate | None = None
    fields: int = 0
    agreeing: int = 0
    only_record: int = 0
    only_strong: int = 0
    different: int = 0
    agreement: Estimate | None = None
    labelled: int = 0
    record_accuracy: Estimate | None = None
    strong_accuracy: Estimate | None = None
    gap: Estimate | None = None
