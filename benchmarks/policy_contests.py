"""What do tuned cascades and routers bring over single models, split after split?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.policy_sets import CASCADE_SETS, read_set
from llms.policies.contest import GIVEN_UP, frontier_on, measure_policy
from llms.policies.families import Family
from llms.policies.fixed import Single
from llms.policies.frontier import Point, area
from llms.policies.plays import outcome
from llms.policies.tuning import Goal, tune

FAMILIES: Mapping[str, tuple[Family, ...]] = {
    **dict.fromkeys(CASCADE_SETS, (Family.CASCADE, Family.LEARNED)),
    **dict.fromkeys(("llmrouter_mix", "mmlu_pro"), (Family.ROUTER,)),
}
"""What is tried per data set: its queries have confidences, or texts and kinds."""


@dataclass(frozen=True)
class Chosen:
    """The policy chosen for a goal, beside the best single model of the tuning half.

    Attributes:
        family: Its kind.
        saving: Share of the best model's cost that it saves; negative where it costs more.
        quality: Its quality less the best model's.
    """

    family: str
    saving: float
    quality: float


@dataclass(frozen=True)
class Held:
    """One split of one data set: tuned on one half of the queries, measured on the other.

    Attributes:
        queries: In both halves.
        best: The best single model of the tuning half.
        same: Chosen for that model's quality.
        nearly: Chosen for `GIVEN_UP` less.
        area: Mean quality over costs along the policies.
        area_singles: The same along single models mixed at random.
        leads: Per learned policy of the curve, its lead over the mix of single models.
        below: How many of those lie below the mix by their whole 95 % interval.
        curve: Cost in US dollars per query and quality along the policies, as measured.
        singles: The same of the single models worth mixing.
    """

    dataset: str
    seed: int
    queries: int
    best: str
    same: Chosen
    nearly: Chosen
    area: float
    area_singles: float
    leads: Sequence[float]
    below: int
    curve: Sequence[tuple[float, float]]
    singles: Sequence[tuple[float, float]]


def held(folder: Path, dataset: str, seed: int) -> Held:
    """Tune and measure once."""
    recorded = read_set(folder, dataset)
    half, other = recorded.split(0.5, 0.5, seed=seed)
    tuned = tune(half, FAMILIES[dataset], seed=seed)
    frontier = frontier_on(other, tuned)
    best = tuned.frontier.points[-1]
    alone = outcome(Single(best.name), other)

    def chosen(quality: float) -> Chosen:
        promise = tuned.pick(Goal(quality=quality)) or tuned.nearest()
        found = outcome(promise.policy, other)
        saving = 1 - found.price / alone.price
        return Chosen(promise.family.value, saving, found.quality - alone.quality)

    curve = [
        measure_policy(one.policy, one.family, other, frontier, seed=seed) for one in tuned.along()
    ]
    learned = [one for one in curve if one.family is not Family.SINGLE]
    points = [Point(one.outcome.price, one.outcome.quality, one.outcome.name) for one in curve]
    ends = (frontier.points[0].price, frontier.points[-1].price)
    return Held(
        dataset, seed, len(recorded), best.name,
        same=chosen(best.quality),
        nearly=chosen(best.quality - GIVEN_UP),
        area=area(points, *ends),
        area_singles=area(frontier.points, *ends),
        leads=[one.lead for one in learned],
        below=sum(one.lead_range[1] < 0 for one in learned),
        curve=sorted((point.price, point.quality) for point in points),
        singles=sorted((point.price, point.quality) for point in frontier.points),
    )  # fmt: skip
