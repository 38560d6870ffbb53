"""What became of an index's points when it was re-based: the map from old to new, and how sure."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Index = Literal["intelligence", "coding"]


class ScaleChange(BaseModel):
    """A re-basing of one index: the same models, scored on another scale from a day on.

    The map from old to new points is monotone and piecewise linear through `knots`; beyond the
    first and the last knot it goes on with the slope of the whole.
    """

    model_config = ConfigDict(frozen=True)

    index: Index
    old_version: str = Field(description="Index version that the old points belong to.")
    new_version: str = Field(description="Index version that the new points belong to.")
    found_on: date = Field(description="Day of the first snapshot on the new scale.")
    knots: tuple[tuple[float, float], ...] = Field(
        min_length=2, description="Old and new points, ascending in both."
    )
    shared: int = Field(ge=1, description="Models that both snapshots score.")
    spread: float = Field(
        ge=0,
        description="Half the width, in new points, that holds 90 % of the shared models around "
        "the map.",
    )
