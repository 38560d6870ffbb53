"""Is it worth asking the next model? Learned, for every set of models that were already asked.

After each answer there is a choice: stop with the answer that is most likely right, or ask one of
the dearer models. What asking brings is learned backwards, from the last model to the first, as
the value of going on is in optimal stopping by regression (Longstaff and Schwartz, "Valuing
American options by simulation", 2001): the gain that the already learned rest of the way really
brought, on the confidences seen so far. Every model answered every recorded query, so every way
can be tried on every query.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import mul
from typing import Self

from llms.policies.fixed import say_the_same
from llms.policies.frontier import Frontier, single_points
from llms.policies.least_squares import System, dot
from llms.policies.plays import Play
from llms.policies.recorded import Recorded

MOST_MODELS = 4
"""More would need more records per set of models than people have."""

RATES = 16
_MOST_ROWS = 3000
_BINS = 12
_PRIOR_ROWS = 8.0

State = tuple[str, ...]
"""The models that were asked, in order."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How right a model is at a confidence, per bin of equal shares, drawn to its mean.

    Not forced to rise: where high confidence means little, this says so.
    """

    cuts: tuple[float, ...]
    values: tuple[float, ...]
    mean: float

    @classmethod
    def of(cls, confidence: Sequence[float | None], correct: Sequence[float]) -> Self:
        """Learn it from answers; an unknown confidence says what the mean says."""
        mean = math.fsum(correct) / len(correct)
        known = sorted(value for value in confidence if value is not None)
        steps = (round(k * (len(known) - 1) / _BINS) for k in range(1, _BINS))
        cuts = sorted({known[step] for step in steps}) if known else []
        rights, counts = [mean * _PRIOR_ROWS] * (len(cuts) + 1), [_PRIOR_ROWS] * (len(cuts) + 1)
        for value, right in zip(confidence, correct, strict=True):
            if value is not None:
                place = bisect_right(cuts, value)
                rights[place] += right
                counts[place] += 1
        return cls(tuple(cuts), tuple(map(float.__truediv__, rights, counts)), mean)

    def at(self, confidence: float | None) -> float:
        """How right the model is expected to be."""
        if confidence is None:
            return self.mean
        return self.values[bisect_right(self.cuts, confidence)]


class Signals:
    """What is known of each query once some models have answered."""

    def __init__(self, recorded: Recorded, reliability: Mapping[str, Reliability]) -> None:
        """Read off the confidences and who agrees with whom."""
        self._sure = {
            model: [scale.at(value) for value in recorded.confidence[model]]
            for model, scale in reliability.items()
        }
        self._same = {
            pair: [
                float(say_the_same(one, other))
                for one, other in zip(*(recorded.answer[model] for model in pair), strict=True)
            ]
            for pair in combinations(reliability, 2)
            if all(any(recorded.answer.get(model, ())) for model in pair)
        }
        self._count = len(recorded)

    def rows(self, state: State) -> list[list[float]]:
        """Features per query after `state`: a constant, confidences, their products, agreements."""
        sure = [self._sure[model] for model in state if model in self._sure]
        columns = [[1.0] * self._count, *sure]
        columns += [list(map(mul, one, other)) for one, other in combinations(sure, 2)]
        columns += [self._same[pair] for pair in combinations(state, 2) if pair in self._same]
        return [list(row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class Step:
    """What was learned for one set of asked models: weights on its features.

    Attributes:
        right: Per asked model, how right its answer is.
        worth: Per model that could come next, what going on brings: quality less weighed cost.
    """

    right: Mapping[str, Sequence[float]]
    worth: Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks model after model for as long as that is expected to be worth its cost.

    Attributes:
        models: Cheapest first; they are asked in this order, any of them may be left out.
        rate: How much quality a US dollar must bring.
        first: The model that is asked first.
        reliability: Per model with confidences.
        steps: Per set of asked models that does not end with the last one.
    """

    models: tuple[str, ...]
    rate: float
    first: str
    reliability: Mapping[str, Reliability]
    steps: Mapping[State, Step]

    @property
    def name(self) -> str:
        """That it is learned, and how it weighs money."""
        return f"learned cascade, {self.rate:.3g} per $"

    def play(self, recorded: Recorded) -> list[Play]:
        """Calls until stopping is expected to be best."""
        signals = Signals(recorded, self.reliability)
        plays: list[Play | None] = [None] * len(recorded)
        waiting: dict[State, list[int]] = {(self.first,): list(range(len(recorded)))}
        while waiting:
            state, queries = waiting.popitem()
            if state not in self.steps:
                for i in queries:
                    plays[i] = Play(state, len(state) - 1, state[-1])
                continue
            rows, step = signals.rows(state), self.steps[state]
            for i in queries:
                answer_by, following = decide(step, rows[i])
                if following is None:
                    plays[i] = Play(state, len(state), answer_by)
                else:
                    waiting.setdefault((*state, following), []).append(i)
        return [play for play in plays if play is not None]


def decide(step: Step, row: Sequence[float]) -> tuple[str, str | None]:
    """Whose answer is likeliest right, and which model to ask next; None to stop."""
    right = {model: dot(weights, row) for model, weights in step.right.items()}
    best = max(right, key=right.__getitem__)
    worth = {model: dot(weights, row) for model, weights in step.worth.items()}
    following = max(worth, key=worth.__getitem__)
    return best, following if worth[following] > right[best] else None


def fit_asking(recorded: Recorded, models: Sequence[str]) -> Iterator[Asking]:
    """Learn a policy for each of a range of rates, from free to unaffordable models.

    Args:
        recorded: Answers to learn from, with confidences for all models but the last.
        models: Two to `MOST_MODELS` models, cheapest first, every call of known cost.
    """
    stride = -(-len(recorded) // _MOST_ROWS)
    recorded = recorded.only(range(0, len(recorded), stride))
    reliability = {
        model: Reliability.of(recorded.confidence[model], recorded.correct[model])
        for model in models
        if recorded.has_confidence(model)
    }
    signals = Signals(recorded, reliability)
    last = models[-1]
    states = [
        state for size in range(len(models) - 1, 0, -1) for state in combinations(models[:-1], size)
    ]
    rows = {state: signals.rows(state) for state in states}
    systems = {state: System(rows[state]) for state in states}
    answers = {
        state: {model: systems[state].solve(recorded.correct[model]) for model in state}
        for state in states
    }
    for rate in _rates(recorded, models):
        steps: dict[State, Step] = {}
        values: dict[State, list[float]] = {}
        for state in states:
            later = models[models.index(state[-1]) + 1 :]
            onward = {
                model: _onward(recorded, (*state, model), model == last, values, rate)
                for model in later
            }
            worth = {model: systems[state].solve(gains) for model, gains in onward.items()}
            step = steps[state] = Step(answers[state], worth)
            values[state] = _realised(recorded, step, rows[state], onward)
        yield Asking(
            tuple(models), rate, _first(recorded, models, values, rate), reliability, steps
        )


def _rates(recorded: Recorded, models: Sequence[str]) -> list[float]:
    """Rates around what the dearest model's quality costs over the cheapest one's."""
    ends = [point for point in single_points(recorded) if point.name in (models[0], models[-1])]
    low, high = min(ends), max(ends)
    usual = max(high.quality - low.quality, 0.01) / max(high.price - low.price, 1e-12)
    return [usual * 10 ** (-2 + 3.5 * k / (RATES - 1)) for k in range(RATES)]


def _onward(
    recorded: Recorded,
    state: State,
    is_last: bool,
    values: Mapping[State, Sequence[float]],
    rate: float,
) -> list[float]:
    """What asking the last model of `state` brought per query, less its weighed cost."""
    model = state[-1]
    paid = recorded.answer_cost[model] if is_last else recorded.cost[model]
    brought = recorded.correct[model] if is_last else values[state]
    return [value - rate * (usd or 0.0) for value, usd in zip(brought, paid, strict=True)]


def _realised(
    recorded: Recorded,
    step: Step,
    rows: Sequence[Sequence[float]],
    onward: Mapping[str, Sequence[float]],
) -> list[float]:
    """What following the learned steps really brought per query from here on."""
    brought = []
    for i, row in enumerate(rows):
        answer_by, following = decide(step, row)
        brought.append(
            recorded.correct[answer_by][i] if following is None else onward[following][i]
        )
    return brought


def _first(
    recorded: Recorded,
    models: Sequence[str],
    values: Mapping[State, Sequence[float]],
    rate: float,
) -> str:
    """The model to begin with, on average over the queries."""

    def brings(model: str) -> float:
        return math.fsum(_onward(recorded, (model,), model == models[-1], values, rate))

    return max(models, key=brings)


def narrowed(recorded: Recorded, models: Sequence[str]) -> tuple[str, ...]:
    """At most `MOST_MODELS` of `models`: the corners of their frontier that lift it most."""
    points = [point for point in single_points(recorded) if point.name in models]
    corners = list(Frontier.of(points).points)
    while len(corners) > MOST_MODELS:
        inner = range(1, len(corners) - 1)
        corners.pop(
            min(inner, key=lambda place: corners[place].quality - corners[place - 1].quality)
        )
    return tuple(point.name for point in corners)
