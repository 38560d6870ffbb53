"""One batch, a strong model as judge: how many of the cheap answers may stay?

A random sample of the batch is asked of the strong model as well. Its answers replace the cheap
ones, so the sample is not lost. The cheap answers are ordered by confidence, surest first; a prefix
of the order keeps its cheap answers, all others go to the strong model. Promised is: with
probability 1 - delta over the draw of the sample, at least a share `target` of the batch is as the
strong model would have it. Nothing is assumed about documents, models or confidences.

Two rules keep the promise.

`fixed_sequence` tests prefixes of N/20, 2N/20, ... answers from strict to lenient and stops at the
first failure (fixed-sequence testing: Maurer, Hothorn, Lehmacher, 1995). The prefix of k answers
passes while so few disagreements among its n_k sampled ones would be improbable if it held
floor((1 - target) N) + 1.

`counted` uses two more facts. Sampled disagreements are mended, so only unsampled ones hurt; and
whether a set of answers that was fixed beforehand escaped the sample does not depend on where
the walk stops. Go down the order and stop before the (c + 1)st sampled disagreement. More than
M = floor((1 - target) N) unsampled ones are let through only if, of the first M + 1 + c
disagreements in the order, c at most were drawn: a hypergeometric event, whatever the order. So c
is the largest number for which that is improbable enough. No grid, no second test, and delta is
used up to the last bit that whole numbers leave.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from llms.calibration.tails import (
    check_promise,
    errors_within,
    hypergeometric_tail,
    is_proven,
)

STEPS = 20
"""Prefixes that `fixed_sequence` tests."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The cheap answers that may stay.

    Attributes:
        accepted: Length of the prefix; 0 where nothing could be certified.
        sampled: Answers of the whole batch that the strong model has judged.
        kept: Cheap answers that stay: the prefix but for its sampled ones.
        errors: Disagreements among the sampled ones of the prefix, all of them mended.
    """

    accepted: int
    sampled: int
    kept: int
    errors: int


def sample_size(answers: int, target: float, delta: float) -> int:
    """How many of a batch go to the strong model as well: a tenth, but 100 to 400.

    Of a batch under 300 a third is enough, as long as that can certify anything: every answer that
    the strong model gives is one that it was to be spared.
    """
    usual = max(100, min(400, answers // 10))
    return min(answers, usual, max(answers // 3, smallest_sample(answers, target, delta)))


def smallest_sample(answers: int, target: float, delta: float) -> int:
    """The smallest sample that can certify a prefix of a batch, if it finds no disagreement.

    Below it nothing can be promised about prefixes that may hold more than the errors allowed.
    """
    check_promise(target, delta)
    return smallest_count(answers, errors_within(target, answers), delta)


def smallest_count(answers: int, harmless: int, delta: float) -> int:
    """The smallest sample that meets one of `harmless` + 1 among `answers` but with `delta`."""
    if harmless >= answers:
        return 0
    low, high = 0, answers
    while low < high:
        middle = (low + high) // 2
        if is_proven(hypergeometric_tail(answers, harmless + 1, middle, 0), delta):
            high = middle
        else:
            low = middle + 1
    return low


def draw_sample(answers: int, size: int, dice: random.Random) -> frozenset[int]:
    """Positions of a random sample, each set as likely as any other."""
    return frozenset(dice.sample(range(answers), size))


def fixed_sequence(
    judged: Sequence[bool | None], target: float, delta: float, steps: int = STEPS
) -> Prefix:
    """The longest prefix that passes the test, all shorter ones having passed it too.

    Args:
        judged: Per answer of the batch, surest first: null where it was not sampled, else whether
            the strong model disagrees. The order of equal confidences must not depend on that.
        target: Share of the batch that has to be as the strong model would have it.
        delta: Probability with which that may fail.
        steps: Number of prefixes.
    """
    check_promise(target, delta)
    harmless = errors_within(target, len(judged))
    accepted = seen = errors = 0
    for step in range(1, steps + 1):
        end = step * len(judged) // steps
        fresh = [wrong for wrong in judged[accepted:end] if wrong is not None]
        seen, errors = seen + len(fresh), errors + sum(fresh)
        if end > harmless and not _passes(end, harmless + 1, seen, errors, delta):
            break
        accepted = end
    return _prefix(judged, accepted)


def counted(judged: Sequence[bool | None], target: float, delta: float) -> Prefix:
    """The prefix before the first sampled disagreement too many; arguments as `fixed_sequence`."""
    check_promise(target, delta)
    sampled = sum(wrong is not None for wrong in judged)
    allowed = allowed_errors(len(judged), sampled, errors_within(target, len(judged)), delta)
    return _prefix(judged, before_error(judged, allowed))


@lru_cache(maxsize=1024)
def allowed_errors(population: int, sampled: int, harmless: int, delta: float) -> int | None:
    """How many sampled errors a walk may pass, so that it lets through `harmless` others at most.

    Args:
        population: Answers in all, sampled and not.
        sampled: How many of them were drawn at random and judged.
        harmless: Unsampled errors that may be let through.
        delta: Probability with which there may be more.

    Returns:
        The largest such number; null where the sample is too small even for none.
    """
    if harmless >= population - sampled:
        return sampled
    # The tail grows with the number, and with `sampled` errors allowed it is 1.
    low, high = -1, sampled
    while high - low > 1:
        middle = (low + high) // 2
        tail = hypergeometric_tail(population, harmless + 1 + middle, sampled, middle)
        low, high = (middle, high) if is_proven(tail, delta) else (low, middle)
    return low if low >= 0 else None


def before_error(judged: Sequence[bool | None], allowed: int | None) -> int:
    """How many answers stand before the first error that is not `allowed` any more."""
    if allowed is None:
        return 0
    passed = 0
    for position, wrong in enumerate(judged):
        if wrong:
            if passed == allowed:
                return position
            passed += 1
    return len(judged)


def _passes(answers: int, bad: int, drawn: int, errors: int, delta: float) -> bool:
    return is_proven(hypergeometric_tail(answers, bad, drawn, errors), delta)


def _prefix(judged: Sequence[bool | None], accepted: int) -> Prefix:
    labelled = [wrong for wrong in judged[:accepted] if wrong is not None]
    return Prefix(
        accepted=accepted,
        sampled=sum(wrong is not None for wrong in judged),
        kept=accepted - len(labelled),
        errors=sum(labelled),
    )
