"""Documents to come: from which confidence on may an answer be accepted, by labelled records?

Labelled documents must be like those to come (drawn from the same source), and must not have been
used to fit the confidence. Then, with probability 1 - delta over the choice of the documents:

* `certify_all`: at most a share 1 - target of *all* answers is accepted and wrong. That share only
  grows as the threshold falls, so no test is repeated: the threshold stays above the (c + 1)st
  surest error, c being the largest number that is improbable (exact binomial) at the rate
  1 - target. With `next_answers` the promise is about that many next answers themselves and not
  about a rate in the long run: labelled and next ones are then a random split of one pile
  (hypergeometric, as in a batch).
* `certify_accepted`: at most a share 1 - target of the *accepted* answers is wrong. That share may
  rise and fall; thresholds fixed beforehand are tested from strict to lenient up to the first
  failure (learn-then-test: Angelopoulos, Bates, Candès, Jordan, Lei, 2021), each with an exact
  binomial test, which is the bound of Clopper and Pearson read the other way round.

A record is an answer too: it is wrong from the confidence on at which its surest wrong field is
accepted (`record_of`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from llms.calibration.hypergeometric import allowed_errors as allowed_in_pile
from llms.calibration.hypergeometric import before_error
from llms.calibration.tails import (
    binomial_tail,
    check_promise,
    errors_within,
    is_proven,
)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled answer: its confidence, 0 to 1, and whether it is wrong."""

    confidence: float
    is_wrong: bool


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which confidence on answers are accepted, and what that rests on.

    Attributes:
        confidence: Accept at this confidence and above; null where nothing could be certified.
        labelled: Labelled answers in all.
        accepted: Labelled answers that it accepts.
        errors: Wrong ones among those.
    """

    confidence: float | None
    labelled: int
    accepted: int
    errors: int


_SMALLEST_GAP = 1e-3
"""Nearer than this to the rate to be certified, hundreds of thousands of labels would be needed."""


def smallest_n(target: float, delta: float, *, error_rate: float = 0.0, chance: float = 0.8) -> int:
    """How many labelled answers it takes to certify a target, to be told before they are paid for.

    Args:
        target: Share of right answers to be promised.
        delta: Probability with which the promise may fail.
        error_rate: Rate of errors that one expects at the threshold hoped for. With 0, the number
            below which no outcome whatever can certify.
        chance: Probability with which such answers should then pass.

    Raises:
        ValueError: The expected rate is not below 1 - target: no number would do.
    """
    check_promise(target, delta)
    # Too close to the target counts as equal to it: 1 - 0.95 is a little more than 0.05.
    if not 0 <= error_rate <= 1 - target - _SMALLEST_GAP:
        raise ValueError(
            f"an expected error rate of {error_rate:g} cannot be certified as {1 - target:g} at "
            "most, however many answers are labelled; expect fewer errors or lower the target"
        )
    low, high = 0, math.ceil(math.log(delta) / math.log(target))
    while not _can(high, target, delta, error_rate, chance):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        enough = _can(middle, target, delta, error_rate, chance)
        low, high = (low, middle) if enough else (middle, high)
    # Errors come in whole numbers, so that the chance rises like a saw: this many are enough, while
    # a few more may miss the chance asked for by a hair.
    return high


@lru_cache(maxsize=1024)
def allowed_errors(labelled: int, target: float, delta: float) -> int | None:
    """How many errors the accepted answers may show among so many labelled ones.

    Returns:
        The largest number that is improbable where a share 1 - target or more is accepted and
        wrong; null where not even zero is: there are too few labels.
    """
    check_promise(target, delta)
    low, high = -1, labelled
    while high - low > 1:
        middle = (low + high) // 2
        proven = is_proven(binomial_tail(labelled, 1 - target, middle), delta)
        low, high = (middle, high) if proven else (low, middle)
    return low if low >= 0 else None


def certify_all(
    labelled: Iterable[Labelled],
    target: float,
    delta: float,
    next_answers: int | None = None,
) -> Threshold:
    """The lowest threshold with which, of all answers, few enough are accepted and wrong.

    Args:
        labelled: Answers not used to fit their confidence.
        target: Share of all answers not to be accepted and wrong, in the long run.
        delta: Probability with which that may fail.
        next_answers: Promise it of exactly that many next answers instead of in the long run.
    """
    check_promise(target, delta)
    ordered = _surest_first(labelled)
    n = len(ordered)
    if next_answers is None:
        allowed = allowed_errors(n, target, delta)
    else:
        harmless = errors_within(target, next_answers)
        allowed = allowed_in_pile(n + next_answers, n, harmless, delta)
    end = before_error([one.is_wrong for one in ordered], allowed)
    if allowed is None:
        confidence = None
    elif end == n:
        confidence = 0.0
    else:
        # Just above the first error too many, so that answers as sure as that one go up as well.
        confidence = math.nextafter(ordered[end].confidence, 2.0)
    return threshold_at(ordered, confidence)


def thresholds(confidences: Sequence[float], target: float, delta: float) -> tuple[float, ...]:
    """Thresholds to test with `certify_accepted`, strict to lenient.

    Twentieths of the confidences, from the first one on that leaves at least twice the smallest
    number that can certify.

    Args:
        confidences: Of other answers than those to be tested on: of those that the confidence was
            fitted to. Thresholds that depend on the tested ones would void the promise.
        target: As it will be certified.
        delta: As it will be certified.
    """
    ordered = sorted(confidences, reverse=True)
    enough = 2 * smallest_n(target, delta)
    ends = (step * len(ordered) // 20 for step in range(1, 21))
    return tuple(dict.fromkeys(ordered[end - 1] for end in ends if end >= enough))


def certify_accepted(
    labelled: Iterable[Labelled], levels: Sequence[float], target: float, delta: float
) -> Threshold:
    """The last of some thresholds up to which few enough of the accepted answers are wrong.

    Args:
        labelled: Answers not used to fit their confidence.
        levels: Thresholds, strict to lenient, chosen without looking at the labelled answers.
        target: Share of the accepted answers that has to be right.
        delta: Probability with which that may fail.

    Raises:
        ValueError: The thresholds do not descend.
    """
    check_promise(target, delta)
    if any(later >= earlier for earlier, later in pairwise(levels)):
        raise ValueError("thresholds must descend strictly, from strict to lenient")
    ordered = _surest_first(labelled)
    certified: float | None = None
    for level in levels:
        above = [one.is_wrong for one in ordered if one.confidence >= level]
        if not is_proven(binomial_tail(len(above), 1 - target, sum(above)), delta):
            break
        certified = level
    return threshold_at(ordered, certified)


def record_of(fields: Iterable[Labelled]) -> Labelled:
    """A record as one answer: with a common threshold, when does its first wrong field get in?

    Returns:
        The confidence of its surest wrong field. A record without a wrong field is right at any
        threshold; its confidence is that of its least sure field.
    """
    given = list(fields)
    wrong = [one.confidence for one in given if one.is_wrong]
    if wrong:
        return Labelled(max(wrong), is_wrong=True)
    return Labelled(min((one.confidence for one in given), default=0.0), is_wrong=False)


def threshold_at(labelled: Sequence[Labelled], confidence: float | None) -> Threshold:
    """A threshold with what it accepts of the labelled answers; null accepts nothing."""
    kept = [o.is_wrong for o in labelled if confidence is not None and o.confidence >= confidence]
    return Threshold(confidence, labelled=len(labelled), accepted=len(kept), errors=sum(kept))


def _surest_first(labelled: Iterable[Labelled]) -> list[Labelled]:
    ordered = sorted(labelled, key=lambda one: -one.confidence)
    outside = [one.confidence for one in ordered if not 0 <= one.confidence <= 1]
    if outside:
        raise ValueError(f"a confidence of {outside[0]} does not lie between 0 and 1")
    return ordered


def _can(n: int, target: float, delta: float, error_rate: float, chance: float) -> bool:
    allowed = allowed_errors(n, target, delta)
    return allowed is not None and binomial_tail(n, error_rate, allowed) >= chance
