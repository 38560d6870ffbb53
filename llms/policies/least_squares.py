"""Which weights on a few features predict a number best? Least squares, factored once."""

import math
from collections.abc import Sequence

_PENALTY = 4.0


class System:
    """Least squares with a small penalty, factored once for any number of targets."""

    def __init__(self, rows: Sequence[Sequence[float]]) -> None:
        self._columns = list(zip(*rows, strict=True))
        gram = [[dot(one, other) for other in self._columns] for one in self._columns]
        for place in range(1, len(gram)):  # the constant goes unpunished
            gram[place][place] += _PENALTY
        self._factor = _cholesky(gram)

    def solve(self, targets: Sequence[float]) -> list[float]:
        """The weights whose predictions come nearest to the targets."""
        factor = self._factor
        weights: list[float] = []
        for i, column in enumerate(self._columns):
            rest = dot(column, targets) - dot(factor[i][:i], weights)
            weights.append(rest / factor[i][i])
        for i in reversed(range(len(weights))):
            below = sum(factor[j][i] * weights[j] for j in range(i + 1, len(weights)))
            weights[i] = (weights[i] - below) / factor[i][i]
        return weights


def _cholesky(matrix: Sequence[Sequence[float]]) -> list[list[float]]:
    factor: list[list[float]] = []
    for i, row in enumerate(matrix):
        new: list[float] = []
        for j in range(i):
            new.append((row[j] - dot(new, factor[j][:j])) / factor[j][j])
        new.append(math.sqrt(max(row[i] - dot(new, new), 1e-9)))
        factor.append(new)
    return factor


def dot(one: Sequence[float], other: Sequence[float]) -> float:
    """The sum of products, over the shorter of the two."""
    return sum(map(float.__mul__, one, other), 0.0)
