"""Which models are worth their money, and what does mixing them at random bring?"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

from llms.policies.recorded import Recorded


class Point(NamedTuple):
    """Something at a mean cost per query (US dollars) with a mean quality."""

    price: float
    quality: float
    name: str


def undominated(points: Sequence[Point]) -> list[Point]:
    """The points that no other one matches in quality for the same money or less.

    Cheapest first, so their quality rises.
    """
    kept: list[Point] = []
    for point in sorted(points, key=lambda one: (one.price, -one.quality, one.name)):
        if not kept or point.quality > kept[-1].quality:
            kept.append(point)
    return kept


def worthwhile(recorded: Recorded) -> tuple[str, ...]:
    """The models that no other one dominates, cheapest first."""
    return tuple(point.name for point in undominated(single_points(recorded)))


def single_points(recorded: Recorded) -> list[Point]:
    """Every model asked alone; models of unknown cost are left out."""
    return [
        Point(price, recorded.quality(model), model)
        for model in recorded.models
        if (price := recorded.price(model)) is not None
    ]


@dataclass(frozen=True, slots=True)
class Frontier:
    """What a cost buys at best from single models, mixed at random.

    Sending a random share of the queries to one model and the rest to another reaches every point
    between the two, so the frontier is the upper concave hull of the models.

    Attributes:
        points: The corners, cheapest first.
    """

    points: tuple[Point, ...]

    @classmethod
    def of(cls, points: Sequence[Point]) -> Self:
        """The frontier of some points, at least one."""
        hull: list[Point] = []
        for point in undominated(points):
            while len(hull) > 1 and _slope(hull[-2], hull[-1]) <= _slope(hull[-2], point):
                hull.pop()
            hull.append(point)
        return cls(tuple(hull))

    def shares(self, price: float) -> tuple[tuple[str, float], ...]:
        """Which models, at which shares of the queries, cost `price` on average.

        The nearest end of the frontier where it does not go so far.
        """
        place = bisect_right([point.price for point in self.points], price)
        if place == 0:
            return ((self.points[0].name, 1.0),)
        if place == len(self.points):
            return ((self.points[-1].name, 1.0),)
        low, high = self.points[place - 1], self.points[place]
        share = (price - low.price) / (high.price - low.price)
        return ((low.name, 1 - share), (high.name, share))

    def price_of(self, quality: float) -> float | None:
        """The least mean cost that brings a quality, None where nothing does."""
        reached = [place for place, point in enumerate(self.points) if point.quality >= quality]
        if not reached:
            return None
        high = self.points[reached[0]]
        if reached[0] == 0:
            return high.price
        low = self.points[reached[0] - 1]
        share = (quality - low.quality) / (high.quality - low.quality)
        return low.price + share * (high.price - low.price)


def _slope(low: Point, high: Point) -> float:
    # Undominated points have different costs.
    return (high.quality - low.quality) / (high.price - low.price)


def area(points: Sequence[Point], start: float, end: float) -> float:
    """Mean quality over a range of costs of what mixing neighbours reaches.

    Points are joined by lines in order of cost; before the first and after the last the quality
    stays. A line runs between points as they are: none is left out for being below another.
    """
    ordered = sorted(points)
    inside = [start, *(p.price for p in ordered if start < p.price < end), end]
    if end <= start:
        return height(ordered, start)
    total = sum(
        (right - left) * (height(ordered, left) + height(ordered, right)) / 2
        for left, right in pairwise(inside)
    )
    return total / (end - start)


def height(ordered: Sequence[Point], price: float) -> float:
    """Quality at a cost on the lines between points, which are ordered by cost."""
    place = bisect_right([point.price for point in ordered], price)
    if place == 0:
        return ordered[0].quality
    if place == len(ordered):
        return ordered[-1].quality
    low, high = ordered[place - 1], ordered[place]
    return low.quality + (high.quality - low.quality) * (price - low.price) / (
        high.price - low.price
    )
