"""In which tier does a document start, by what its text looks like? The rule as it is stored."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Trait(StrEnum):
    """What can be seen of a text before any model is asked.

    Counted in `llms.calibration.traits`; one that is counted differently gets another name.
    """

    LENGTH = "length"
    """Logarithm of the number of characters."""
    WORD_LENGTH = "word_length"
    """Characters per word."""
    DIGITS = "digits"
    """Share of the characters, as the next three."""
    CAPITALS = "capitals"
    MARKS = "marks"
    """Neither letter nor digit nor white space."""
    REPLACED = "replaced"
    """Replacement and control characters: what a parser could not read."""
    SHORT_LINES = "short_lines"
    """Share of the lines with fewer than 20 characters."""
    TABLES = "tables"
    """Share of the lines with columns: a tab, a bar, or wide gaps."""
    MIXED_WORDS = "mixed_words"
    """Share of the words with letters and digits, as in a bad scan."""
    LONE_LETTERS = "lone_letters"
    """Share of the words that are one letter, as in s p a c e d print."""
    REPETITION = "repetition"
    """Share of the words that stood there before."""


class TraitWeight(BaseModel):
    """What one trait adds to the predicted gain: `weight * (value - centre) / spread`."""

    model_config = ConfigDict(frozen=True)

    trait: Trait
    centre: float = Field(description="Mean over the documents that were learned from.")
    spread: float = Field(gt=0, description="Their standard deviation.")
    weight: float


class StartRule(BaseModel):
    """Which documents of a type start in the second tier, and what that is expected to change."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["never", "always", "above"] = Field(
        description="`above`: documents whose predicted gain is greater than `cut`."
    )
    base: float = Field(default=0.0, description="Predicted gain of an average document.")
    weights: tuple[TraitWeight, ...] = ()
    cut: float | None = Field(default=None, description="Of `above` alone.")
    documents: int = Field(ge=0, description="Labelled documents that it was learned from.")
    gain: float = Field(
        default=0.0,
        description="Share of all fields right more than without the rule, expected from documents "
        "that the prediction was not fitted to.",
    )
    cost: float | None = Field(
        default=None,
        description="Cost more than without the rule as a share of it, likewise; null: unknown.",
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.kind == "above") != (self.cut is not None):
            raise ValueError("a cut belongs to the kind 'above', and to no other")
        return self
