"""Which policy promises most for this budget or this quality?

Tuning is cross-fitted. What a family of policies brings at a budget is seen on each fold of the
queries by a policy that was learned from the other folds. By that a family and a budget are
chosen; the policy itself is then learned from all the queries.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from llms.policies.families import Candidates, Family, build
from llms.policies.fixed import Single
from llms.policies.frontier import Frontier, single_points
from llms.policies.plays import Mixed, Outcome, Policy, outcome, pooled
from llms.policies.recorded import Recorded

_FOLDS = 4
_FOLDS_OF_MANY = 2
_MANY = 1000
"""Queries from which on half of them is enough to learn from."""

_BUDGETS = 16
_NOISE = 0.5
"""A policy is preferred to mixing single models only if it leads by this many standard errors."""

_ROUNDING = 1e-9


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
class Promise:
    """A policy, and what others learned like it brought on queries they had not seen.

    Attributes:
        family: Its family; `single` for a mix of single models too.
        policy: Learned from all the queries.
        outcome: What came of the others.
        lead: Their quality less that of single models mixed at random to the same cost.
        lead_error: The standard error of that.
    """

    family: Family
    policy: Policy | Mixed
    outcome: Outcome
    lead: float
    lead_error: float

    @property
    def is_clear(self) -> bool:
        """Whether its lead is more than noise; a single model needs none."""
        return self.family is Family.SINGLE or self.lead > _NOISE * self.lead_error


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was learned from some queries.

    Attributes:
        queries: The queries.
        frontier: Of the single models on them.
        candidates: What was learned from all of them.
        promises: Every single model, and every family at every budget that it has a policy for.
    """

    queries: Recorded
    frontier: Frontier
    candidates: Candidates
    promises: tuple[Promise, ...]

    def pick(self, goal: Goal, families: Iterable[Family] = tuple(Family)) -> Promise | None:
        """The cheapest policy of a quality, or the best one for a cost; None where there is none.

        With the single models come their mixes at random.
        """
        wanted = set(families)
        able = [one for one in self.promises if one.is_clear and one.family in wanted]
        if Family.SINGLE in wanted:
            able += self._mix(goal)
        if goal.quality is not None:
            good = [one for one in able if one.outcome.quality >= goal.quality - _ROUNDING]
            return min(good, key=_price_first, default=None)
        most = (goal.price or 0.0) * (1 + _ROUNDING)
        cheap = [one for one in able if one.outcome.price <= most]
        return min(cheap, key=_quality_first, default=None)

    def nearest(self) -> Promise:
        """The best policy at any cost."""
        return min((one for one in self.promises if one.is_clear), key=_quality_first)

    def along(self) -> list[Promise]:
        """What is chosen for budgets from the cheapest to the best model, each policy once.

        The corners of the frontier are among them; mixes are not, since what they mix is.
        """
        corners = {point.name for point in self.frontier.points}
        # Another single model lies below the line between two corners, and is worth no detour.
        able = [
            one
            for one in self.promises
            if one.outcome.name in corners or (one.family is not Family.SINGLE and one.is_clear)
        ]
        found = [one for one in able if one.outcome.name in corners]
        for budget in budgets(self.frontier):
            cheap = [one for one in able if one.outcome.price <= budget * (1 + _ROUNDING)]
            found += sorted(cheap, key=_quality_first)[:1]
        return list({one.outcome.name: one for one in found}.values())

    def _mix(self, goal: Goal) -> list[Promise]:
        """The mix of single models that just reaches the goal, if one does."""
        price = goal.price if goal.quality is None else self.frontier.price_of(goal.quality)
        if price is None or price < self.frontier.points[0].price:
            return []
        shares = self.frontier.shares(price)
        # One model alone is among the promises already.
        if max(share for _, share in shares) == 1:
            return []
        mix = Mixed(shares)
        found = outcome(mix, self.queries)
        return [_promise(Family.SINGLE, mix, found, self.queries, self.frontier)]


def _price_first(promise: Promise) -> tuple[float, float]:
    return promise.outcome.price, -promise.outcome.quality


def _quality_first(promise: Promise) -> tuple[float, float]:
    return -promise.outcome.quality, promise.outcome.price


def tune(recorded: Recorded, families: Iterable[Family], *, seed: int) -> Tuned:
    """Learn the policies of some families, and see what they promise.

    Raises:
        ReplayError: A model's cost is unknown.
    """
    candidates = build(recorded, families)
    frontier = Frontier.of(single_points(recorded))
    folds = _FOLDS if len(recorded) < _MANY else _FOLDS_OF_MANY
    parts = recorded.split(*[1 / folds] * folds, seed=seed)
    seen: dict[tuple[Family, float], list[Outcome]] = {}
    for part in parts:
        rest = recorded.without(part)
        for family, policies in _learned(build(rest, candidates.policies)):
            for budget, policy in _menu(policies, rest, frontier).items():
                seen.setdefault((family, budget), []).append(outcome(policy, part))
    # In the order in which they were played.
    places = {name: place for place, name in enumerate(recorded.query_ids)}
    queries = recorded.only([places[name] for part in parts for name in part.query_ids])
    promises = [
        _promise(Family.SINGLE, Single(model), outcome(Single(model), queries), queries, frontier)
        for model in recorded.models
    ]
    for family, policies in _learned(candidates):
        for budget, policy in _menu(policies, recorded, frontier).items():
            outcomes = seen.get((family, budget), [])
            if len(outcomes) == folds:
                found = pooled(policy.name, outcomes)
                promises.append(_promise(family, policy, found, queries, frontier))
    return Tuned(queries, frontier, candidates, tuple(promises))


def _learned(candidates: Candidates) -> list[tuple[Family, list[Policy]]]:
    """All families but the single models, which need no learning and are what they are."""
    return [item for item in candidates.policies.items() if item[0] is not Family.SINGLE]


def budgets(frontier: Frontier) -> list[float]:
    """Costs from the cheapest to the best model: in equal steps, and in equal ratios.

    Ratios, since prices of models differ by factors; steps, since savings are counted from the top.
    """
    low, high = frontier.points[0].price, frontier.points[-1].price
    shares = [step / _BUDGETS for step in range(_BUDGETS + 1)]
    found = {low + share * (high - low) for share in shares}
    if low > 0:
        found |= {low ** (1 - share) * high**share for share in shares}
    return sorted(found)


def _menu(
    policies: Sequence[Policy], recorded: Recorded, frontier: Frontier
) -> dict[float, Policy]:
    """Per budget the policy that was best within it on the queries it was learned from."""
    played = [(outcome(policy, recorded), policy) for policy in policies]
    found = {}
    for budget in budgets(frontier):
        able = [one for one in played if one[0].price <= budget * (1 + _ROUNDING)]
        if able:
            found[budget] = max(able, key=lambda one: (one[0].quality, -one[0].price))[1]
    return found


def leads(found: Outcome, recorded: Recorded, frontier: Frontier) -> list[float]:
    """Per query, how much better than single models mixed at random to the same mean cost."""
    mixed = Mixed(frontier.shares(found.price)).expected(recorded)
    return [right - other for right, other in zip(found.correct, mixed.correct, strict=True)]


def _promise(
    family: Family,
    policy: Policy | Mixed,
    found: Outcome,
    recorded: Recorded,
    frontier: Frontier,
) -> Promise:
    over = leads(found, recorded, frontier)
    return Promise(family, policy, found, fmean(over), stdev(over) / math.sqrt(len(over)))
