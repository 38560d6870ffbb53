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
from dataclasses import dataclass

from llms.calibration.hypergeometric import STEPS, before_error
from llms.calibration.tails import errors_within

Judge = Callable[[int], bool]


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


@dataclass(slots=True)
class Bet:
    """Money on a mean being above `target`, or below it: 0 and 1 come in, drawn at random.

    Attributes:
        target: The mean that is bet against.
        delta: Chance that either bet is won although it is wrong.
        population: How many values there are to draw from without replacement; null: with.
        above: What 1 has become that was bet on a mean above the target.
        below: The same, of a mean below.
    """

    target: float
    delta: float
    population: int | None = None
    above: float = 1.0
    below: float = 1.0
    drawn: int = 0
    ones: int = 0

    def add(self, value: bool) -> None:
        """Settle the bets on one more value."""
        mean = self.target
        if self.population is not None:
            # What the values that are left must have on average, if the target were the mean.
            left = self.population - self.drawn
            mean = (self.population * self.target - self.ones) / left
        stake = self._stake()
        self.drawn += 1
        self.ones += value
        if mean <= 0:
            self.above = math.inf
        elif mean >= 1:
            self.below = math.inf
        else:
            self.above *= 1 + min(stake, 0.75 / mean) * (value - mean)
            self.below *= 1 - min(stake, 0.75 / (1 - mean)) * (value - mean)

    def _stake(self) -> float:
        """Less the more the values so far vary, and the longer the bet goes on."""
        i, ones = self.drawn + 1, self.ones
        middle = (0.5 + ones) / i
        spread = 0.25 + ones * (1 - middle) ** 2 + (self.drawn - ones) * middle**2
        return math.sqrt(2 * math.log(2 / self.delta) / (i * math.log(i + 1) * spread / i))

    @property
    def is_won(self) -> bool | None:
        """Whether the mean is above the target; null while neither bet is won."""
        if self.above >= 1 / self.delta:
            return True
        return False if self.below >= 1 / self.delta else None


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
            bet = Bet(own_target, delta, population=end)
            for position in _first(shuffled, end):
                asked.add(position)
                bet.add(not disagrees(position))
                if bet.is_won is not None or bet.drawn == most_per_prefix:
                    break
            # All of a prefix drawn: then its mean is known.
            is_met = bet.is_won or (bet.drawn == end and bet.ones >= own_target * end)
            if not is_met:
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
            bet = Bet(own_target, delta)
            for position in _first(shuffled, end):
                bet.add(not disagrees(position))
                if bet.is_won is not None:
                    break
            if not bet.is_won:
                break
        accepted = end
    return accepted


def _ends(n: int) -> Iterable[int]:
    return dict.fromkeys(step * n // STEPS for step in range(1, STEPS + 1) if step * n >= STEPS)


def _first(shuffled: Sequence[int], end: int) -> Iterator[int]:
    return (position for position in shuffled if position < end)
