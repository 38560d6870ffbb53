"""Which way does a signal point, and on which scale does it add up with others?

Signals are between 0 and 1. Those that are probabilities crowd close to 1, where 0.99 and 0.9999
differ by more than 0.5 and 0.6 do: they count as their logit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.calibration import Signal

Signals = Mapping[Signal, float]
"""What is known of an answer. A signal that is not there is absent, never a made-up number."""

PROBABILITIES = frozenset({Signal.MIN_TOKEN, Signal.MEAN_TOKEN, Signal.STATED})

_LARGEST_LOGIT = math.log(1e6)
"""A model that says 1.0 is taken to mean one error in a million; further out nothing is known."""


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled answer.

    Attributes:
        document: Key of its document: answers about one document stay together when examples are
            divided, for they are not independent.
        signals: What was known of it.
        is_right: Whether it was right, by the strong model or by a person.
    """

    document: str
    signals: Signals
    is_right: bool


@dataclass(frozen=True, slots=True)
class Direction:
    """Does a signal rise with being right?

    Attributes:
        auc: Chance that a right answer has more of it than a wrong one, ties counting half.
        z: How many standard deviations that is above one half, if the signal meant nothing.
    """

    auc: float
    z: float


def transformed(signal: Signal, value: float) -> float:
    """A signal on the scale on which it adds up with others.

    Raises:
        ValueError: The value is not between 0 and 1.
    """
    if not 0 <= value <= 1:
        raise ValueError(f"signal {signal.value!r} is {value}; signals lie between 0 and 1")
    if signal not in PROBABILITIES:
        return value
    if value in (0.0, 1.0):
        return _LARGEST_LOGIT if value else -_LARGEST_LOGIT
    logit = math.log(value) - math.log1p(-value)
    return max(-_LARGEST_LOGIT, min(_LARGEST_LOGIT, logit))


def direction(values: Sequence[float], is_right: Sequence[bool]) -> Direction | None:
    """Which way values point (the rank test of Mann and Whitney, 1947, corrected for ties).

    Returns:
        Null where all answers are right, or all wrong, or all values the same.
    """
    n, right = len(values), sum(is_right)
    wrong = n - right
    if not right or not wrong:
        return None
    ranks, ties = 0.0, 0
    order = sorted(range(n), key=values.__getitem__)
    start = 0
    while start < n:
        end = start
        while end < n and values[order[end]] == values[order[start]]:
            end += 1
        equal = end - start
        ties += equal**3 - equal
        # Every one of them gets the mean of the ranks start + 1 to end.
        ranks += (start + 1 + end) / 2 * sum(is_right[i] for i in order[start:end])
        start = end
    variance = right * wrong / 12 * (n + 1 - ties / (n * (n - 1)))
    if variance <= 0:
        return None
    above_half = ranks - right * (n + 1) / 2
    return Direction(auc=0.5 + above_half / (right * wrong), z=above_half / math.sqrt(variance))
