"""What does a policy do with each query, and what comes of it?"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple, Protocol

from llms.policies.recorded import Recorded, ReplayError

_BLOCKS = 200
"""Queries are resampled in this many blocks, drawn at random: as good as one by one, and fast."""

_RESAMPLES = 1000


class Play(NamedTuple):
    """What happened to one query.

    Attributes:
        asked: The models that were called, in order.
        checked: How many of them, from the first on, were also asked how sure they were.
        answer_by: The one among them whose answer was taken.
    """

    asked: tuple[str, ...]
    checked: int
    answer_by: str


class Policy(Protocol):
    """A rule that sends queries to models. It never sees whether an answer is right."""

    @property
    def name(self) -> str:
        """What it does, in a few words."""

    def play(self, recorded: Recorded) -> list[Play]:
        """What it does with each query, in their order."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a policy.

    Attributes:
        name: The policy.
        correct: How right the answer to each query was.
        cost: What each query cost, in US dollars.
        calls: Calls per model, per query on average; models that were never called are left out.
    """

    name: str
    correct: tuple[float, ...]
    cost: tuple[float, ...]
    calls: Mapping[str, float]

    @property
    def quality(self) -> float:
        """Mean of `correct`."""
        return fmean(self.correct)

    @property
    def price(self) -> float:
        """Mean cost of a query in US dollars."""
        return fmean(self.cost)


@dataclass(frozen=True, slots=True)
class Mixed:
    """A share of the queries, drawn at random, goes to each model: what policies have to beat.

    Attributes:
        shares: Model and its share of the queries, adding up to 1.
    """

    shares: tuple[tuple[str, float], ...]

    @property
    def name(self) -> str:
        """The models with their shares."""
        return " + ".join(f"{share:.0%} {model}" for model, share in self.shares)

    def expected(self, recorded: Recorded) -> Outcome:
        """What comes of it on average over the draws."""
        right, paid = [0.0] * len(recorded), [0.0] * len(recorded)
        for model, share in self.shares:
            for i, (correct, usd) in enumerate(
                zip(recorded.correct[model], recorded.answer_cost[model], strict=True)
            ):
                right[i] += share * correct
                paid[i] += share * _known(usd, recorded, model)
        return Outcome(self.name, tuple(right), tuple(paid), dict(self.shares))


def outcome(policy: Policy | Mixed, recorded: Recorded) -> Outcome:
    """Play a policy on recorded answers; a mix is taken on average and not drawn.

    Raises:
        ReplayError: There is no query, or a call that the policy makes has no cost.
    """
    if not len(recorded):
        raise ReplayError(f"{recorded.dataset} leaves no query to measure {policy.name} on")
    if isinstance(policy, Mixed):
        return policy.expected(recorded)
    plays = policy.play(recorded)
    correct = tuple(recorded.correct[play.answer_by][i] for i, play in enumerate(plays))
    cost = tuple(_cost(recorded, i, play) for i, play in enumerate(plays))
    counts = Counter(model for play in plays for model in play.asked)
    calls = {name: counts[name] / len(plays) for name in recorded.models if counts[name]}
    return Outcome(policy.name, correct, cost, calls)


def pooled(name: str, outcomes: Sequence[Outcome]) -> Outcome:
    """The outcomes on several sets of queries as one, in their order."""
    correct = tuple(right for one in outcomes for right in one.correct)
    cost = tuple(usd for one in outcomes for usd in one.cost)
    models = dict.fromkeys(model for one in outcomes for model in one.calls)
    calls = {
        model: sum(one.calls.get(model, 0.0) * len(one.cost) for one in outcomes) / len(cost)
        for model in models
    }
    return Outcome(name, correct, cost, calls)


def _cost(recorded: Recorded, i: int, play: Play) -> float:
    total = 0.0
    for place, model in enumerate(play.asked):
        paid = recorded.cost if place < play.checked else recorded.answer_cost
        total += _known(paid[model][i], recorded, model)
    return total


def _known(usd: float | None, recorded: Recorded, model: str) -> float:
    if usd is None:
        raise ReplayError(
            f"{recorded.dataset} records no cost of {model}; give one per call with "
            f"--price {model}=USD, or leave it out with --without {model}"
        )
    return usd


def interval(values: Sequence[float], *, seed: int, level: float = 0.95) -> tuple[float, float]:
    """Bootstrap interval of a mean (percentiles of the means of resampled queries)."""
    order = list(values)
    draw = random.Random(seed)  # noqa: S311 - resampling, no secret
    draw.shuffle(order)
    count = min(_BLOCKS, len(order))
    blocks = [order[place::count] for place in range(count)]
    parts = [(sum(block), len(block)) for block in blocks]
    means = []
    for _ in range(_RESAMPLES):
        sums, sizes = zip(*draw.choices(parts, k=count), strict=True)
        means.append(sum(sums) / sum(sizes))
    means.sort()
    tail = round((1 - level) / 2 * _RESAMPLES)
    return means[tail], means[_RESAMPLES - 1 - tail]
