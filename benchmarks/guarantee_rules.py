"""How do others choose a threshold? The rules that docmill's are measured against.

* naive: the longest prefix that looks right on the sample;
* Hoeffding: a bound that knows nothing but that errors are 0 or 1 ("Probability inequalities for
  sums of bounded random variables", 1963);
* BARGAIN: thresholds from strict to lenient, each with a target of its own (what the strong model
  answers cannot be wrong), sampled until a bet on or against it is won (Zeighami, Shankar,
  Parameswaran, "Cut Costs, Not Accuracy", 2025, with the bets of Waudby-Smith and Ramdas, 2024).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import NamedTuple

from llms.calibration.hypergeometric import STEPS, before_error
from llms.calibration.tails import errors_within

Judge = Callable[[int], bool]

_MOST_DRAWN = 20_000
"""Values that a bet may be on: more than any data set here has."""


def naive_errors(labelled: int, target: float) -> int:
    """The naive rule: as many errors as the labelled answers may hold themselves."""
    return errors_within(target, labelled)


def hoeffding_errors(labelled: int, target: float, delta: float) -> int | None:
    """Errors that Hoeffding's bound allows among labelled answers; null where not even none."""
    margin = math.sqrt(math.log(1 / delta) / (2 * labelled))
    allowed = math.floor(labelled * (1 - target - margin))
    return allowed if allowed >= 0 else None


def naive_prefix(judged: Sequence[bool | None], target: float) -> int:
    """The naive rule on a sampled batch: how many answers it accepts."""
    sampled = sum(wrong is not None for wrong in judged)
    return before_error(judged, naive_errors(sampled, target))


def hoeffding_prefix(judged: Sequence[bool | None], target: float, delta: float) -> int:
    """Prefixes tested as by `fixed_sequence`, each with Hoeffding's bound on its errors."""
    harmless = errors_within(target, len(judged))
    accepted = seen = errors = 0
    for step in range(1, STEPS + 1):
        end = step * len(judged) // STEPS
        fresh = [wrong for wrong in judged[accepted:end] if wrong is not None]
        seen, errors = seen + len(fresh), errors + sum(fresh)
        if end > harmless:
            margin = math.sqrt(math.log(1 / delta) / (2 * seen)) if seen else 1.0
            if (errors / max(1, seen) + margin) * end > harmless:
                break
        accepted = end
    return accepted


class Verdict(NamedTuple):
    """How a bet on a mean being above a target ended.

    Attributes:
        is_won: Whether it is above; null while neither that nor the opposite was won.
        drawn: Values that were drawn until then.
        ones: Ones among them.
    """

    is_won: bool | None
    drawn: int
    ones: int


def bet(
    values: Iterable[bool], target: float, delta: float, population: int | None = None
) -> Verdict:
    """Bet on the mean of values being above `target`, and on its being below, until one is won.

    Args:
        values: Drawn at random.
        target: The mean that is bet against, strictly between 0 and 1.
        delta: Chance that either bet is won although it is wrong.
        population: How many values there are to draw from without replacement; null: with.
    """
    above = below = 1.0
    drawn = ones = 0
    limit, mean, stakes = 1 / delta, target, _stakes(delta)
    for value in values:
        if population is not None:
            # What the values that are left must have on average, if the target were the mean.
            mean = (population * target - ones) / (population - drawn)
            if mean <= 0 or mean >= 1:
                return Verdict(mean <= 0, drawn + 1, ones + value)
        # Less is staked the more the values so far vary, and the longer the bet goes on.
        middle = (0.5 + ones) / (drawn + 1)
        squares = 0.25 + ones * (1 - middle) ** 2 + (drawn - ones) * middle**2
        stake = stakes[drawn] / math.sqrt(squares)
        drawn += 1
        ones += value
        above *= 1 + min(stake, 0.75 / mean) * (value - mean)
        below *= 1 - min(stake, 0.75 / (1 - mean)) * (value - mean)
        if above >= limit or below >= limit:
            return Verdict(above >= limit, drawn, ones)
    return Verdict(None, drawn, ones)


@cache
def _stakes(delta: float) -> tuple[float, ...]:
    """The stake on each value in turn, times the root of the squares of the values before it."""
    win = math.log(2 / delta)
    return tuple(math.sqrt(2 * win / math.log(i + 1)) for i in range(1, _MOST_DRAWN + 1))


def bargain_batch(
    shuffled: Sequence[int], disagrees: Judge, target: float, delta: float, most_per_prefix: int
) -> tuple[int, set[int]]:
    """BARGAIN on a batch: the accepted prefix, and the positions the strong model has judged.

    Args:
        shuffled: The positions of the batch in random order; labels are taken in that order.
        disagrees: Whether the strong model disagrees with the answer at a position, surest first.
        target: Share of the batch that has to agree.
        delta: Probability with which that may fail.
        most_per_prefix: Labels after which a bet that nobody has won counts as lost. Without an
            end, a prefix that is just good enough is labelled to its last answer.
    """
    n = len(shuffled)
    accepted, asked = 0, set[int]()
    for end in _ends(n):
        own_target = 1 - errors_within(target, n) / end
        if own_target > 0:
            drawn = list(islice(_first(shuffled, end), most_per_prefix))
            agrees = (not disagrees(position) for position in drawn)
            verdict = bet(agrees, own_target, delta, population=end)
            asked.update(drawn[: verdict.drawn])
            # All of a prefix drawn: then its mean is known.
            is_known = verdict.drawn == end
            if not (verdict.is_won or (is_known and verdict.ones >= own_target * end)):
                break
        accepted = end
    return accepted, asked


def bargain_prefix(shuffled: Sequence[int], disagrees: Judge, target: float, delta: float) -> int:
    """BARGAIN on labelled answers, for documents to come: how many of the surest it accepts."""
    n = len(shuffled)
    accepted = 0
    for end in _ends(n):
        own_target = 1 - (1 - target) * n / end
        if own_target > 0:
            agrees = (not disagrees(position) for position in _first(shuffled, end))
            if not bet(agrees, own_target, delta).is_won:
                break
        accepted = end
    return accepted


def _ends(n: int) -> Iterable[int]:
    return dict.fromkeys(step * n // STEPS for step in range(1, STEPS + 1) if step * n >= STEPS)


def _first(shuffled: Sequence[int], end: int) -> Iterator[int]:
    return (position for position in shuffled if position < end)
