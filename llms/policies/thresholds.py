"""Which cascades of two or three stages are worth considering?

Every order of cheaper before dearer models is tried with thresholds at the quantiles of each
model's confidence. Sums per cell of a grid of confidences give quality and cost of all thresholds
of a chain at once.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, combinations

from llms.policies.fixed import Cascade
from llms.policies.frontier import Point, undominated
from llms.policies.recorded import Recorded

_CUTS = 24
"""Thresholds tried per stage, at most; they accept equal shares of the answers."""


def cascades(recorded: Recorded, models: Sequence[str]) -> list[Cascade]:
    """The cascades that no other one dominates on `recorded`, cheapest first.

    Args:
        recorded: Answers with confidences; models without take part as last stages only.
        models: The models to build from, cheapest first, every call of known cost.
    """
    grids = {model: _Grid(recorded, model) for model in models if recorded.has_confidence(model)}
    tried: dict[str, tuple[Cascade, Point]] = {}
    for size in (2, 3):
        for chain in combinations(models, size):
            if all(model in grids for model in chain[:-1]):
                scored = (
                    _two(recorded, grids, chain) if size == 2 else _three(recorded, grids, chain)
                )
                for cascade, price, quality in scored:
                    point = Point(price, quality, cascade.name)
                    tried[cascade.name] = (cascade, point)
    return [tried[point.name][0] for point in undominated([point for _, point in tried.values()])]


class _Grid:
    """The confidences of one model as cells between its thresholds."""

    def __init__(self, recorded: Recorded, model: str) -> None:
        values = [value for value in recorded.confidence[model] if value is not None]
        ordered = sorted(values)
        steps = (round(k * (len(ordered) - 1) / _CUTS) for k in range(1, _CUTS))
        # Below the first threshold nothing is accepted that the others refuse.
        self.thresholds = sorted({ordered[step] for step in steps})
        self.cells = [bisect_right(self.thresholds, value) for value in values]

    @property
    def size(self) -> int:
        return len(self.thresholds) + 1


def _sums(cells: Sequence[int], size: int, column: Sequence[float | None]) -> list[float]:
    """A column added up per cell."""
    found = [0.0] * size
    for cell, value in zip(cells, column, strict=True):
        found[cell] += value or 0.0
    return found


Scored = Iterator[tuple[Cascade, float, float]]


def _two(recorded: Recorded, grids: dict[str, _Grid], chain: tuple[str, ...]) -> Scored:
    """Every threshold of a chain of two: the cascade, its mean cost, its mean quality."""
    first, last = chain
    grid, count = grids[first], len(recorded)
    right = _sums(grid.cells, grid.size, recorded.correct[first])
    right_last = _sums(grid.cells, grid.size, recorded.correct[last])
    paid_last = _sums(grid.cells, grid.size, recorded.answer_cost[last])
    paid = math.fsum(value or 0.0 for value in recorded.cost[first])
    for cut, threshold in enumerate(grid.thresholds, start=1):
        quality = sum(right[cut:]) + sum(right_last[:cut])
        cost = paid + sum(paid_last[:cut])
        yield Cascade(chain, (threshold,)), cost / count, quality / count


def _three(recorded: Recorded, grids: dict[str, _Grid], chain: tuple[str, ...]) -> Scored:
    """Every pair of thresholds of a chain of three."""
    first, second, last = chain
    grid, next_grid, count = grids[first], grids[second], len(recorded)
    right = _sums(grid.cells, grid.size, recorded.correct[first])
    paid_second = _sums(grid.cells, grid.size, recorded.cost[second])
    paid = math.fsum(value or 0.0 for value in recorded.cost[first])
    # Row-major cells of both confidences.
    width = next_grid.size
    both = [i * width + j for i, j in zip(grid.cells, next_grid.cells, strict=True)]
    columns = (recorded.correct[second], recorded.correct[last], recorded.answer_cost[last])
    tables = [_sums(both, grid.size * width, column) for column in columns]
    refused = [[0.0] * width for _ in columns]
    for cut, threshold in enumerate(grid.thresholds, start=1):
        start = (cut - 1) * width
        refused = [
            [total + more for total, more in zip(row, table[start : start + width], strict=True)]
            for row, table in zip(refused, tables, strict=True)
        ]
        kept = sum(right[cut:])
        asked = paid + sum(paid_second[:cut])
        sums = [list(accumulate(row, initial=0.0)) for row in refused]
        for cell, second_threshold in enumerate(next_grid.thresholds, start=1):
            quality = kept + sums[0][-1] - sums[0][cell] + sums[1][cell]
            cost = asked + sums[2][cell]
            cascade = Cascade(chain, (threshold, second_threshold))
            yield cascade, cost / count, quality / count
