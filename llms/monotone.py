"""Which rising line leads from one set of points to another, and how sure is it?

The line takes the medians of neighbours and pools neighbours that descend (pool adjacent violators:
Barlow, Bartholomew, Bremner, Brunk, "Statistical Inference under Order Restrictions", 1972; with
medians: Cryer, Robertson, Wright, Casady, "Monotone median regression", 1972). Medians, because
some pairs do not belong to the line at all. Its interval is a percentile bootstrap over the pairs
(Efron, 1979) with a fixed seed: the same pairs give the same interval.
"""

import random
from bisect import bisect_left
from collections.abc import Sequence
from statistics import median

Pairs = Sequence[tuple[float, float]]
"""Points before and after, ascending in the points before."""

TAIL = 0.05
"""Probability that the truth lies below the interval, and that it lies above."""

_GROUPS = 8
_FEWEST_IN_GROUP = 3
_MOST_IN_GROUP = 9
"""Outliers have to hold five of nine neighbours before they turn a median."""

_RESAMPLES = 200
_SEED = 1979


def agreement(pairs: Pairs) -> float:
    """Kendall's rank correlation of the points before and after, -1 to 1; ties count as nothing.

    Args:
        pairs: Two pairs at least.
    """
    balance = sum(
        (later[0] > earlier[0]) * ((later[1] > earlier[1]) - (later[1] < earlier[1]))
        for n, earlier in enumerate(pairs)
        for later in pairs[n + 1 :]
    )
    return 2 * balance / (len(pairs) * (len(pairs) - 1))


def fit(pairs: Pairs) -> list[tuple[float, float, float, float]]:
    """The line as its corners: before, after, low and high end of the 90 % interval.

    The corners ascend and reach from the first pair to the last one; the two ends, where no median
    lies, are extrapolated with the slope of the whole.
    """
    centres = _centres(pairs)
    first, last = pairs[0][0], pairs[-1][0]
    places = [first, *(before for before, _ in centres if first < before < last), last]
    dice = random.Random(_SEED)  # noqa: S311 - resampling, no secret
    resampled = [_centres(sorted(dice.choices(pairs, k=len(pairs)))) for _ in range(_RESAMPLES)]
    cut = round(TAIL * _RESAMPLES)
    corners: list[tuple[float, float, float, float]] = []
    for before in places:
        after = along(centres, before)
        tried = sorted(along(sample, before) for sample in resampled)
        corners.append((before, after, min(after, tried[cut]), max(after, tried[-1 - cut])))
    return corners


def along(line: Pairs, before: float) -> float:
    """Follow a line of straight pieces; beyond its ends, with the slope of the whole.

    Args:
        line: The corners of the line, ascending in the points before.
        before: Where to look.
    """
    (first, lowest), (last, highest) = line[0], line[-1]
    if first < before < last:
        place = bisect_left(line, before, key=lambda corner: corner[0])
        (left, low), (right, high) = line[place - 1], line[place]
        return low + (high - low) * (before - left) / (right - left)
    slope = (highest - lowest) / (last - first) if last > first else 0.0
    end, value = (first, lowest) if before <= first else (last, highest)
    return value + slope * (before - end)


def _centres(pairs: Pairs) -> list[tuple[float, float]]:
    """Medians of groups of neighbours, pooled until they ascend in both coordinates.

    Groups are full at the upper end; what is left over is at the lower one.
    """
    size = min(max(len(pairs) // _GROUPS, _FEWEST_IN_GROUP), _MOST_IN_GROUP)
    groups = [list(pairs[max(0, end - size) : end]) for end in range(len(pairs), 0, -size)]
    pools: list[list[tuple[float, float]]] = []
    centres: list[tuple[float, float]] = []
    for pool in reversed(groups):
        centre = _centre(pool)
        while centres and (centres[-1][0] >= centre[0] or centres[-1][1] >= centre[1]):
            centres.pop()
            pool = pools.pop() + pool
            centre = _centre(pool)
        pools.append(pool)
        centres.append(centre)
    return centres


def _centre(pairs: Pairs) -> tuple[float, float]:
    return median(before for before, _ in pairs), median(after for _, after in pairs)
