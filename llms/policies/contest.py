"""Which policy for this budget or this quality? Chosen on queries that nothing was learned from.

The queries are split at random in three: policies are learned from the first part, chosen on the
second and measured on the third, so that no figure was looked at twice.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from llms.policies.families import Family, build
from llms.policies.fixed import Single
from llms.policies.frontier import Frontier, Point, area, single_points
from llms.policies.plays import Mixed, Outcome, Policy, interval, outcome
from llms.policies.recorded import Recorded, ReplayError

SHARES = (0.3, 0.2, 0.5)
"""Of the queries: to learn from, to choose on, to measure on."""

LEAST_QUERIES = 40

_BUDGETS = 16
_ROUNDING = 1e-9
_NOISE = 1.0
"""A policy is preferred to mixing single models only if it leads by this many standard errors."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is wanted: a mean quality, or the best for a mean cost; exactly one of the two.

    Attributes:
        quality: Mean of `correct`, 0 to 1.
        price: US dollars per query.
    """

    quality: float | None = None
    price: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A policy on the queries that it was measured on.

    Attributes:
        family: Its family; `single` for a mix of single models too.
        outcome: What came of it.
        quality_range: 95 % interval of its quality.
        lead: Its quality less that of single models mixed at random to the same cost.
        lead_range: 95 % interval of that, from the same queries.
    """

    family: Family
    outcome: Outcome
    quality_range: tuple[float, float]
    lead: float
    lead_range: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Contest:
    """What came out.

    Attributes:
        dataset: Name of the data set.
        sizes: Queries to learn from, to choose on, to measure on.
        goal: What was asked for.
        pruned: Models that no cascade or router was built from.
        left_out: Why a family has no policy.
        singles: Every model alone, cheapest first.
        best: Per family, its policy for the goal; absent where no policy of it reaches the goal.
        chosen: The policy for the goal among all.
        reached: Whether any policy promised the goal; else the nearest one was chosen.
        curve: What is chosen for rising budgets, measured; each policy once.
        area: Mean quality over the costs between the cheapest and the best model, along the curve.
        area_singles: The same for single models mixed at random.
    """

    dataset: str
    sizes: tuple[int, int, int]
    goal: Goal
    pruned: tuple[str, ...]
    left_out: Mapping[Family, str]
    singles: tuple[Measured, ...]
    best: Mapping[Family, Measured]
    chosen: Measured
    reached: bool
    curve: tuple[Measured, ...]
    area: float
    area_singles: float


@dataclass(frozen=True, slots=True)
class _Tried:
    """A policy on the queries to choose on; `lead_error` is the standard error of its lead."""

    family: Family
    policy: Policy | Mixed
    outcome: Outcome
    lead: float
    lead_error: float

    @property
    def is_clear(self) -> bool:
        return self.family is Family.SINGLE or self.lead > _NOISE * self.lead_error


def hold(
    recorded: Recorded, families: Iterable[Family], *, goal: Goal | None = None, seed: int = 0
) -> Contest:
    """Learn, choose and measure.

    Args:
        recorded: Answers with costs, at least `LEAST_QUERIES` queries.
        families: The kinds of policies to try beside single models.
        goal: What is wanted; by default the quality of the best single model, for less.
        seed: Of the split and of the intervals.

    Raises:
        ReplayError: There are too few queries, or a cost is unknown.
    """
    if len(recorded) < LEAST_QUERIES:
        raise ReplayError(
            f"{recorded.dataset} has {len(recorded)} queries; at least {LEAST_QUERIES} are needed "
            "to learn from some, choose on others and measure on the rest"
        )
    learn, choose, measure = recorded.split(*SHARES, seed=seed)
    candidates = build(learn, families)
    frontier = Frontier.of(single_points(choose))
    tried = [
        _try(family, policy, choose, frontier)
        for family, policies in candidates.policies.items()
        for policy in policies
    ]
    goal = goal or Goal(quality=frontier.points[-1].quality)
    final = Frontier.of(
        [point for point in single_points(measure) if point.name in _names(frontier)]
    )

    def measured(one: _Tried) -> Measured:
        return measure_policy(one.policy, one.family, measure, final, seed=seed)

    best = {}
    for family in candidates.policies:
        found = _pick([one for one in tried if one.family is family], frontier, goal, choose)
        if found is not None:
            best[family] = measured(found)
    chosen = _pick(tried, frontier, goal, choose)
    reached = chosen is not None
    if chosen is None:
        chosen = max(tried, key=lambda one: (one.outcome.quality, -one.outcome.price))
    curve = [measured(one) for one in _along(tried, frontier)]
    ends = (final.points[0].price, final.points[-1].price)
    return Contest(
        recorded.dataset,
        (len(learn), len(choose), len(measure)),
        goal,
        candidates.pruned,
        candidates.left_out,
        tuple(
            measure_policy(Single(model), Family.SINGLE, measure, final, seed=seed)
            for model in recorded.models
        ),
        best,
        measured(chosen),
        reached,
        tuple(curve),
        area([_point(one.outcome) for one in curve], *ends),
        area(final.points, *ends),
    )


def measure_policy(
    policy: Policy | Mixed, family: Family, recorded: Recorded, frontier: Frontier, *, seed: int
) -> Measured:
    """Play a policy and compare it with single models mixed to the same cost."""
    found = outcome(policy, recorded)
    leads = _leads(found, recorded, frontier)
    return Measured(
        family,
        found,
        interval(found.correct, seed=seed),
        fmean(leads),
        interval(leads, seed=seed),
    )


def _leads(found: Outcome, recorded: Recorded, frontier: Frontier) -> list[float]:
    """Per query, how much better than the mix of single models of the same mean cost."""
    mixed = Mixed(frontier.shares(found.price)).expected(recorded)
    return [right - other for right, other in zip(found.correct, mixed.correct, strict=True)]


def _try(family: Family, policy: Policy | Mixed, recorded: Recorded, frontier: Frontier) -> _Tried:
    found = outcome(policy, recorded)
    leads = _leads(found, recorded, frontier)
    return _Tried(family, policy, found, fmean(leads), stdev(leads) / math.sqrt(len(leads)))


def _pick(
    tried: Sequence[_Tried], frontier: Frontier, goal: Goal, recorded: Recorded
) -> _Tried | None:
    """The cheapest policy of a quality, or the best one for a cost; None where there is none.

    Where single models are among them, so are their mixes at random.
    """
    able = [one for one in tried if one.is_clear]
    if any(one.family is Family.SINGLE for one in tried):
        able += _mixes(frontier, goal, recorded)
    if goal.quality is not None:
        good = [one for one in able if one.outcome.quality >= goal.quality - _ROUNDING]
        return min(good, key=lambda one: (one.outcome.price, -one.outcome.quality), default=None)
    most = (goal.price or 0.0) * (1 + _ROUNDING)
    cheap = [one for one in able if one.outcome.price <= most]
    return max(cheap, key=lambda one: (one.outcome.quality, -one.outcome.price), default=None)


def _mixes(frontier: Frontier, goal: Goal, recorded: Recorded) -> list[_Tried]:
    """The mix of single models that just reaches the goal, if one does."""
    price = goal.price if goal.quality is None else frontier.price_of(goal.quality)
    if price is None or price < frontier.points[0].price:
        return []
    shares = frontier.shares(price)
    # One model alone is among the policies already.
    if len(shares) == 1 or max(share for _, share in shares) == 1:
        return []
    return [_try(Family.SINGLE, Mixed(shares), recorded, frontier)]


def _along(tried: Sequence[_Tried], frontier: Frontier) -> list[_Tried]:
    """What is chosen for budgets from the cheapest to the best model, each policy once.

    The corners of the frontier are among them; mixes are not, since what is mixed is.
    """
    low, high = frontier.points[0].price, frontier.points[-1].price
    able = [one for one in tried if one.is_clear]
    found = [one for one in able if one.outcome.name in _names(frontier)]
    for step in range(_BUDGETS + 1):
        share = step / _BUDGETS
        # In equal ratios, since prices of models differ by factors; free models have no ratio.
        price = low ** (1 - share) * high**share if low > 0 else low + share * (high - low)
        cheap = [one for one in able if one.outcome.price <= price * (1 + _ROUNDING)]
        found += [max(cheap, key=lambda one: (one.outcome.quality, -one.outcome.price))]
    return list({one.outcome.name: one for one in found}.values())


def _names(frontier: Frontier) -> set[str]:
    return {point.name for point in frontier.points}


def _point(found: Outcome) -> Point:
    return Point(found.price, found.quality, found.name)
