"""What became of an index's points when it was re-based: the map from old to new, and how sure."""

from datetime import date
from itertools import pairwise
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Index = Literal["intelligence", "coding"]

INDICES: tuple[Index, ...] = ("intelligence", "coding")


class Knot(BaseModel):
    """One point of the map from an old scale to a new one, and how sure it is."""

    model_config = ConfigDict(frozen=True)

    old: float = Field(description="Points on the old scale.")
    new: float = Field(description="What they are on the new scale.")
    low: float = Field(description="Lower end of the 90 % interval of `new`.")
    high: float = Field(description="Upper end of the 90 % interval of `new`.")

    @model_validator(mode="after")
    def _is_ordered(self) -> Self:
        if not self.low <= self.new <= self.high:
            raise ValueError(f"{self.new:g} lies outside its interval {self.low:g}-{self.high:g}")
        return self


class ScaleChange(BaseModel):
    """A re-basing of one index: the same models, scored on another scale from a day on.

    The map from old to new points is monotone and piecewise linear through `knots`, which reach
    from the lowest to the highest model scored on both scales; beyond them it goes on with the
    slope of the whole, as an extrapolation.
    """

    model_config = ConfigDict(frozen=True)

    index: Index
    old_version: str = Field(description="Index version that the old points belong to.")
    new_version: str = Field(description="Index version that the new points belong to.")
    found_on: date = Field(description="Day of the first snapshot on the new scale.")
    knots: tuple[Knot, ...] = Field(
        min_length=2, description="Ascending in old points, never descending in new ones."
    )
    shared: int = Field(ge=1, description="Models that both snapshots score.")
    moved: int = Field(ge=1, description="Those of them whose score moved: the map rests on them.")
    spread: float = Field(
        ge=0,
        description="Half the width, in new points, that holds 90 % of the moved models around "
        "the map.",
    )

    @model_validator(mode="after")
    def _is_monotone(self) -> Self:
        for before, after in pairwise(self.knots):
            if after.old <= before.old or after.new < before.new:
                raise ValueError(
                    f"the map of {self.index} descends or stands still at {after.old:g} points"
                )
        return self
