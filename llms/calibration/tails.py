"""How probable are so few errors, if there really are that many?

Sums of at most a few hundred terms with logarithms of factorials, accurate to eleven digits. A test
that compares with delta allows for that (`SLACK`), so that rounding never certifies anything.
"""

import math
from fractions import Fraction

SLACK = 1e-9
"""Relative margin that a probability must stay below delta by."""


def hypergeometric_tail(population: int, bad: int, drawn: int, at_most: int) -> float:
    """Probability of drawing at most so many bad ones, without replacement.

    Args:
        population: How many there are.
        bad: How many of them are bad.
        drawn: How many are drawn, each set of them as likely as any other.
        at_most: The number of bad ones among those drawn; below zero the answer is 0.
    """
    if not 0 <= bad <= population or not 0 <= drawn <= population:
        raise ValueError(f"cannot draw {drawn}, nor have {bad} bad ones, of {population}")
    fewest, most = max(0, drawn + bad - population), min(bad, drawn)
    if at_most >= most:
        return 1.0
    whole = _log_choose(population, drawn)
    terms = (
        math.exp(_log_choose(bad, x) + _log_choose(population - bad, drawn - x) - whole)
        for x in range(fewest, at_most + 1)
    )
    return min(1.0, math.fsum(terms))


def binomial_tail(drawn: int, rate: float, at_most: int) -> float:
    """Probability of at most so many bad ones among `drawn`, each bad at `rate`, 0 to 1."""
    if not 0 <= rate <= 1:
        raise ValueError(f"{rate} is no probability")
    if at_most >= drawn:
        return 1.0
    if rate in (0.0, 1.0):
        return 1.0 - rate if at_most >= 0 else 0.0
    yes, no = math.log(rate), math.log1p(-rate)
    terms = (
        math.exp(_log_choose(drawn, x) + x * yes + (drawn - x) * no) for x in range(at_most + 1)
    )
    return min(1.0, math.fsum(terms))


def upper_bound(drawn: int, bad: int, delta: float) -> float:
    """The rate that is exceeded with probability `delta` at most, after `bad` of `drawn` were bad.

    The one-sided bound of Clopper and Pearson ("The use of confidence or fiducial limits
    illustrated in the case of the binomial", 1934), rounded up in the twelfth digit. Without a
    draw it is 1.
    """
    if bad >= drawn:
        return 1.0
    low, high = bad / drawn, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if binomial_tail(drawn, middle, bad) > delta:
            low = middle
        else:
            high = middle
    return high


def is_proven(probability: float, delta: float) -> bool:
    """Whether a probability is `delta` at most, beyond doubt of rounding."""
    return probability <= delta * (1 - SLACK)


def errors_within(target: float, answers: int) -> int:
    """How many of so many answers may be wrong, if a share `target` has to be right.

    Computed from the target as written: of 100 answers at 0.9, ten may be wrong, and not nine as
    `floor((1 - 0.9) * 100)` says in binary.
    """
    return math.floor((1 - Fraction(repr(target))) * answers)


def check_promise(target: float, delta: float) -> None:
    """Refuse a target or a delta that promises nothing or everything.

    Raises:
        ValueError: One of them is not strictly between 0 and 1.
    """
    for name, value in (("target", target), ("delta", delta)):
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value}; it must lie between 0 and 1, without either")


def _log_choose(among: int, some: int) -> float:
    return math.lgamma(among + 1) - math.lgamma(some + 1) - math.lgamma(among - some + 1)
