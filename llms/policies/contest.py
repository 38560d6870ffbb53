"""What do tuned policies bring on queries that nothing was tuned on?

One half of the queries, drawn at random, is for tuning. The other half is for measuring, and is
looked at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from llms.policies.families import Family
from llms.policies.fixed import Single
from llms.policies.frontier import Frontier, Point, area, single_points
from llms.policies.plays import Mixed, Outcome, Policy, interval, outcome
from llms.policies.recorded import Recorded, ReplayError
from llms.policies.tuning import Goal, Tuned, leads, tune
from schemas.counted import counted

LEAST_QUERIES = 40
_TUNED_SHARE = 0.5

GIVEN_UP = 0.01
"""Quality whose price is told: near the best model's quality the last point costs most."""


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
        seed: Of the split.
        sizes: Queries to tune on and to measure on.
        goal: What was asked for.
        pruned: Models that another one matches for less; no cascade or router was built from them.
        left_out: Why a family has no policy.
        singles: Every model alone, cheapest first.
        frontier: The single models worth mixing by the tuning half, as measured on the other.
        best: Per family, its policy for the goal; absent where none of it promised the goal.
        short: Families with policies, none of which promised the goal.
        chosen: The policy for the goal among all.
        nearly: Chosen for `GIVEN_UP` less than the quality asked for; null where a cost was given,
            or where nothing promised that.
        reached: Whether any policy promised the goal; else the best one at any cost was chosen.
        given: Policies that were given and not learned.
        curve: What is chosen for rising budgets, cheapest first; each policy once.
        area: Mean quality over the costs between the cheapest and the best model, along the curve.
        area_singles: The same along the frontier.
    """

    dataset: str
    seed: int
    sizes: tuple[int, int]
    goal: Goal
    pruned: tuple[str, ...]
    left_out: Mapping[Family, str]
    singles: tuple[Measured, ...]
    frontier: Frontier
    best: Mapping[Family, Measured]
    short: tuple[Family, ...]
    chosen: Measured
    nearly: Measured | None
    reached: bool
    given: tuple[Measured, ...]
    curve: tuple[Measured, ...]
    area: float
    area_singles: float


def hold(
    recorded: Recorded,
    families: Iterable[Family],
    *,
    given: Iterable[tuple[Family, Policy]] = (),
    goal: Goal | None = None,
    seed: int = 0,
) -> Contest:
    """Tune on one half of the queries, measure on the other.

    Args:
        recorded: Answers with costs, at least `LEAST_QUERIES` queries.
        families: The kinds of policies to try beside single models.
        given: Policies to measure beside those that are learned.
        goal: What is wanted; by default the quality of the best single model, for less.
        seed: Of the split and of the intervals.

    Raises:
        ReplayError: There are too few queries, or a cost is unknown.
    """
    if len(recorded) < LEAST_QUERIES:
        raise ReplayError(
            f"{recorded.dataset} has {counted(len(recorded), 'query', 'queries')}; at least "
            f"{LEAST_QUERIES} are needed "
            "to tune on one half and measure on the other"
        )
    half, other = recorded.split(_TUNED_SHARE, 1 - _TUNED_SHARE, seed=seed)
    tuned = tune(half, families, seed=seed)
    frontier = frontier_on(other, tuned)

    def measured(family: Family, policy: Policy | Mixed) -> Measured:
        return measure_policy(policy, family, other, frontier, seed=seed)

    goal = goal or Goal(quality=tuned.frontier.points[-1].quality)
    picked = {family: tuned.pick(goal, [family]) for family in tuned.candidates.policies}
    chosen = tuned.pick(goal)
    final = chosen or tuned.nearest()
    nearly = None if goal.quality is None else tuned.pick(Goal(quality=goal.quality - GIVEN_UP))
    curve = [measured(promise.family, promise.policy) for promise in tuned.along()]
    ends = (frontier.points[0].price, frontier.points[-1].price)
    return Contest(
        dataset=recorded.dataset,
        seed=seed,
        sizes=(len(half), len(other)),
        goal=goal,
        pruned=tuned.candidates.pruned,
        left_out=tuned.candidates.left_out,
        singles=tuple(measured(Family.SINGLE, Single(model)) for model in recorded.models),
        frontier=frontier,
        best={family: measured(family, one.policy) for family, one in picked.items() if one},
        short=tuple(family for family, one in picked.items() if one is None),
        chosen=measured(final.family, final.policy),
        nearly=None if nearly is None else measured(nearly.family, nearly.policy),
        reached=chosen is not None,
        given=tuple(measured(family, policy) for family, policy in given),
        curve=tuple(sorted(curve, key=lambda one: (one.outcome.price, one.outcome.name))),
        area=area([_point(one.outcome) for one in curve], *ends),
        area_singles=area(frontier.points, *ends),
    )


def frontier_on(recorded: Recorded, tuned: Tuned) -> Frontier:
    """The single models worth mixing by the tuning half, whatever other queries think of them."""
    corners = {point.name for point in tuned.frontier.points}
    found = [point for point in single_points(recorded) if point.name in corners]
    return Frontier(tuple(sorted(found)))


def measure_policy(
    policy: Policy | Mixed, family: Family, recorded: Recorded, frontier: Frontier, *, seed: int
) -> Measured:
    """Play a policy and compare it with single models mixed to the same cost."""
    found = outcome(policy, recorded)
    over = leads(found, recorded, frontier)
    quality_range = interval(found.correct, seed=seed)
    return Measured(family, found, quality_range, fmean(over), interval(over, seed=seed))


def _point(found: Outcome) -> Point:
    return Point(found.price, found.quality, found.name)
