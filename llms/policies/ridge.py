"""How is a number predicted from many sparse features? Ridge regression, in plain Python.

The dual problem is solved coordinate by coordinate, Gauss-Seidel on `(K + penalty I) a = y`, as in
Shalev-Shwartz and Zhang, "Stochastic dual coordinate ascent methods for regularized loss
minimization" (2013). A sweep looks once at every feature of every row, and the same rows always
give the same weights.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

_SWEEPS = 3
"""Per penalty; enough, since each begins where the one before ended."""

_LEAST_ROWS = 2
"""A feature that fewer rows have says nothing about other rows."""

_KIND_WEIGHT = 0.7
"""How much the kind counts beside the features, which count 1 together."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one example.

    Attributes:
        features: Hashes of what it has; the rarer one is, the more it counts, and all of them
            together count 1.
        dense: Numbers that every example has, counted as they are.
        kind: What kind of example it is, None where that is not known.
    """

    features: Sequence[int]
    dense: Sequence[float]
    kind: str | None = None


class Encoded(NamedTuple):
    """A row in the places of a design; `kind` is -1 for one that the design has not seen."""

    places: Sequence[int]
    scale: float
    dense: Sequence[float]
    kind: int


class Design:
    """Examples to learn from, ready for any number of targets."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Weigh each feature by its rarity among `rows`."""
        seen = Counter(feature for row in rows for feature in row.features)
        kept = [feature for feature, count in seen.items() if count >= _LEAST_ROWS]
        self._places = {feature: place for place, feature in enumerate(kept)}
        self._squares = [math.log((1 + len(rows)) / seen[feature]) ** 2 for feature in kept]
        kinds = sorted({row.kind for row in rows if row.kind is not None})
        self._kinds = {kind: place for place, kind in enumerate(kinds)}
        self.rows = [self.encode(row) for row in rows]
        self._norms = [
            bool(row.scale)
            + _KIND_WEIGHT * (row.kind >= 0)
            + math.fsum(value * value for value in row.dense)
            for row in self.rows
        ]

    def encode(self, row: Row) -> Encoded:
        """A row in the places of this design; features it has not seen are left out."""
        places = [self._places[feature] for feature in row.features if feature in self._places]
        square = math.fsum(self._squares[place] for place in places)
        scale = 1 / math.sqrt(square) if square else 0.0
        kind = -1 if row.kind is None else self._kinds.get(row.kind, -1)
        return Encoded(places, scale, row.dense, kind)

    def constant(self, mean: float) -> "Ridge":
        """A target that no feature says anything about."""
        dense = [0.0] * len(self.rows[0].dense)
        # One place more: an unknown kind is place -1 and weighs nothing.
        return Ridge(mean, [0.0] * len(self._places), dense, [0.0] * (len(self._kinds) + 1))

    def path(
        self, targets: Sequence[float], penalties: Sequence[float], among: Sequence[int]
    ) -> Iterator["Ridge"]:
        """Learn one target from the rows `among`, once per penalty, each from where the last ended.

        Args:
            targets: What to predict, per row of the design.
            penalties: Greater than 0, largest first; a large one draws predictions to the mean.
            among: The rows to learn from, at least one.
        """
        ridge = self.constant(math.fsum(targets[i] for i in among) / len(among))
        duals = dict.fromkeys(among, 0.0)
        for penalty in penalties:
            for _ in range(_SWEEPS):
                self._sweep(ridge, targets, penalty, duals)
            yield ridge.copy()

    def _sweep(
        self, ridge: "Ridge", targets: Sequence[float], penalty: float, duals: dict[int, float]
    ) -> None:
        weights, dense_weights, squares = ridge.weights, ridge.dense, self._squares
        for i, dual in duals.items():
            row = self.rows[i]
            step = (targets[i] - ridge.predict(row) - penalty * dual) / (self._norms[i] + penalty)
            duals[i] = dual + step
            # A weight is kept times the rarity of its feature, so a prediction only adds up.
            scaled = step * row.scale
            for place in row.places:
                weights[place] += scaled * squares[place]
            for place, value in enumerate(row.dense):
                dense_weights[place] += step * value
            if row.kind >= 0:
                ridge.kinds[row.kind] += step * _KIND_WEIGHT


@dataclass(frozen=True, slots=True)
class Ridge:
    """A learned target: its mean and the weights of the places of its design."""

    mean: float
    weights: list[float]
    dense: list[float]
    kinds: list[float]

    def copy(self) -> Self:
        """The same, of its own."""
        return replace(self, weights=[*self.weights], dense=[*self.dense], kinds=[*self.kinds])

    def predict(self, row: Encoded) -> float:
        """The expected target of a row, encoded by the design."""
        return (
            self.mean
            + row.scale * sum(map(self.weights.__getitem__, row.places))
            + sum(map(float.__mul__, self.dense, row.dense))
            + self.kinds[row.kind]
        )
