"""Which weights make the logistic function of a weighted sum a probability?

Newton's method on the log-likelihood less a quadratic penalty (iteratively reweighted least
squares), for the dozen columns that signals come in. Deterministic, without a library.
"""

import math
from collections.abc import Sequence
from operator import mul

PENALTY = 1.0
"""Half of this times the square of each weight is taken off the log-likelihood; the first column,
the constant, goes free. On columns of standard deviation 1 that is the weight of a few examples: it
keeps weights finite where a signal tells right from wrong without fail."""

_ROUNDS = 50
_CLOSE = 1e-9


def fit_weights(rows: Sequence[Sequence[float]], is_right: Sequence[bool]) -> list[float]:
    """The weights of the columns of `rows`, the first column being all 1.

    Args:
        rows: One per example, all of the same length.
        is_right: Per example; both outcomes must occur.
    """
    width = len(rows[0])
    weights = [0.0] * width
    value = _objective(rows, is_right, weights)
    for _ in range(_ROUNDS):
        gradient, curvature = _derivatives(rows, is_right, weights)
        step = _solved(curvature, gradient)
        size = 1.0
        # Newton may overshoot far from the solution; the objective is concave, so halving ends.
        while size > _CLOSE:
            tried = [w + size * s for w, s in zip(weights, step, strict=True)]
            reached = _objective(rows, is_right, tried)
            if reached >= value:
                break
            size /= 2
        else:
            return weights
        weights, gained, value = tried, reached - value, reached
        if gained < _CLOSE:
            break
    return weights


def dot(row: Sequence[float], weights: Sequence[float]) -> float:
    """The weighted sum of a row."""
    return sum(map(mul, row, weights), 0.0)


def logistic(score: float) -> float:
    """1 / (1 + exp(-score)), without overflow."""
    if score >= 0:
        return 1 / (1 + math.exp(-score))
    grown = math.exp(score)
    return grown / (1 + grown)


def log_loss(score: float, is_right: bool) -> float:
    """-log of the probability that the logistic function gives to what was the case."""
    signed = score if is_right else -score
    return math.log1p(math.exp(-signed)) if signed > 0 else math.log1p(math.exp(signed)) - signed


def _objective(
    rows: Sequence[Sequence[float]], is_right: Sequence[bool], weights: Sequence[float]
) -> float:
    loss = math.fsum(
        log_loss(dot(row, weights), right) for row, right in zip(rows, is_right, strict=True)
    )
    return -loss - PENALTY / 2 * math.fsum(w * w for w in weights[1:])


def _derivatives(
    rows: Sequence[Sequence[float]], is_right: Sequence[bool], weights: Sequence[float]
) -> tuple[list[float], list[list[float]]]:
    """Gradient of the objective, and its second derivatives with the sign turned."""
    width = len(weights)
    gradient = [0.0, *(-PENALTY * w for w in weights[1:])]
    curvature = [[PENALTY if i == j > 0 else 0.0 for j in range(width)] for i in range(width)]
    for row, right in zip(rows, is_right, strict=True):
        p = logistic(dot(row, weights))
        residual, spread = right - p, p * (1 - p)
        for i, x in enumerate(row):
            if x:
                gradient[i] += residual * x
                line, scaled = curvature[i], spread * x
                for j in range(i + 1):
                    line[j] += scaled * row[j]
    for i in range(width):
        for j in range(i):
            curvature[j][i] = curvature[i][j]
    # A constant that all examples already agree on has no curvature left to divide by.
    curvature[0][0] += _CLOSE
    return gradient, curvature


def _solved(matrix: list[list[float]], right_side: Sequence[float]) -> list[float]:
    """Solve a symmetric positive definite system by Cholesky's decomposition."""
    n = len(matrix)
    lower = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = matrix[i][j] - math.fsum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    forward: list[float] = []
    for i in range(n):
        known = math.fsum(lower[i][k] * forward[k] for k in range(i))
        forward.append((right_side[i] - known) / lower[i][i])
    solution = [0.0] * n
    for i in reversed(range(n)):
        known = math.fsum(lower[k][i] * solution[k] for k in range(i + 1, n))
        solution[i] = (forward[i] - known) / lower[i][i]
    return solution
