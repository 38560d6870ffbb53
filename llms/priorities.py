"""In which order do models stand that are all good enough for a role? One rule per priority."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from llms.catalog import CatalogModel
from llms.experience import NOTHING_KNOWN, Experience
from llms.roles import Priority

COMFORTABLE_MARGIN = 5.0
"""Index points above every threshold at which a model counts as reliable. Chosen, not measured: so
much room that a small correction of an index does not put the model below a threshold."""

TOLERATED_TROUBLE = 0.05
"""Share of own calls, failed or invalid, up to which a model counts as reliable; chosen. What is
expected of a model without own calls lies below it."""

RULES: dict[Priority, str] = {
    Priority.CAPABILITY: "the most intelligent first, the cheaper call where two are equal",
    Priority.BALANCE: (
        "models that no other one beats in both cost per call and intelligence first, and among "
        "them the knee: where the share of the intelligence range gained exceeds the share of the "
        "range of cost (logarithmic) spent by most"
    ),
    Priority.RELIABILITY: (
        f"models at least {COMFORTABLE_MARGIN:g} points above every threshold first, then the "
        f"widest margin; among equals those that failed or answered invalidly in at most "
        f"{TOLERATED_TROUBLE:.0%} of own calls first, then the fewest; then the cheapest call"
    ),
    Priority.COST: "the cheapest call first, the more intelligent where two are equal",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that can play a role.

    Attributes:
        model: The catalog row.
        thinking_factor: Output tokens that a call should bill per answer token.
        factor_from: Where that comes from: `own` calls, the `catalog`'s measurement of this model,
            or `assumed` from others of its kind.
        call_usd: Expected cost of one call of the role's usual size.
        margin: Points above the threshold it is closest to.
        experience: What own calls in this role say of it.
        standing: Where it stands among the others, where figures do not say it.
        reason: Why it stands where it stands: the standing and the figures that decide.
    """

    model: CatalogModel
    thinking_factor: float
    factor_from: str
    call_usd: float
    margin: float
    experience: Experience = NOTHING_KNOWN
    standing: str = ""
    reason: str = ""

    @property
    def intelligence(self) -> float:
        """Points on the intelligence index."""
        return self.model.intelligence or 0.0

    @property
    def trouble(self) -> float:
        """Share of calls that should fail or be answered invalidly."""
        return self.experience.failure_rate + self.experience.invalid_rate


def ordered(priority: Priority, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Candidates in the order of a priority, each with the reason why it stands where it stands.

    The order is total: slugs break what is still equal. It does not depend on that of the input.
    """
    return tuple(_ORDERS[priority](candidates))


def _cost(candidate: Candidate) -> str:
    guess = ", talkativeness assumed" if candidate.factor_from == "assumed" else ""
    return f"{per_thousand(candidate.call_usd)}{guess}"


def per_thousand(call_usd: float) -> str:
    """The price of a call as people can compare it."""
    thousand = 1000 * call_usd
    return f"${thousand:,.{2 if thousand < 100 else 0}f} per 1,000 calls"


def _trouble(candidate: Candidate) -> str:
    calls = candidate.experience.calls
    if not calls:
        return ""
    return f"; trouble in {candidate.trouble:.1%} of calls ({calls:,} own)"


def _standing(candidate: Candidate, standing: str, *figures: str) -> Candidate:
    reason = "; ".join((standing, *figures, _cost(candidate)))
    return replace(candidate, standing=standing, reason=reason)


def _by_cost(candidates: Sequence[Candidate]) -> list[Candidate]:
    ranked = sorted(candidates, key=lambda c: (c.call_usd, -c.intelligence, c.model.slug))
    return [replace(c, reason=_cost(c)) for c in ranked]


def _by_capability(candidates: Sequence[Candidate]) -> list[Candidate]:
    ranked = sorted(candidates, key=lambda c: (-c.intelligence, c.call_usd, c.model.slug))
    return [replace(c, reason=f"intelligence {c.intelligence:g}; {_cost(c)}") for c in ranked]


def _by_reliability(candidates: Sequence[Candidate]) -> list[Candidate]:
    def key(c: Candidate) -> tuple[bool, float, float, float, str]:
        is_narrow = c.margin < COMFORTABLE_MARGIN
        trouble = c.trouble if c.trouble > TOLERATED_TROUBLE else 0.0
        return is_narrow, -c.margin if is_narrow else 0.0, trouble, c.call_usd, c.model.slug

    ranked = sorted(candidates, key=key)
    return [
        _standing(c, f"{c.margin:.1f} points above its thresholds{_trouble(c)}") for c in ranked
    ]


def _by_balance(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Front by front (Pareto), and on each front the farthest above the chord of the first."""
    ranked: list[Candidate] = []
    left = sorted(candidates, key=lambda c: (c.call_usd, -c.intelligence, c.model.slug))
    height = _above_chord(pareto_front(left))
    number = 0
    while left:
        number += 1
        front = pareto_front(left)
        front.sort(key=lambda c: (-height(c), c.call_usd, c.model.slug))
        place = "on the front" if number == 1 else f"beaten, front {number}"
        for c in front:
            is_knee = not ranked
            where = "the knee of the front" if is_knee else place
            ranked.append(_standing(c, where, f"intelligence {c.intelligence:g}"))
        on_front = {c.model.slug for c in front}
        left = [c for c in left if c.model.slug not in on_front]
    return ranked


def pareto_front(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates that no other one beats: none is as cheap and as intelligent, and better in
    one of the two. Cheapest first; of equals in both, all."""
    ranked = sorted(candidates, key=lambda c: (c.call_usd, -c.intelligence, c.model.slug))
    front: list[Candidate] = []
    for c in ranked:
        last = front[-1] if front else None
        is_equal = last is not None and (
            (last.call_usd, last.intelligence) == (c.call_usd, c.intelligence)
        )
        if last is None or c.intelligence > last.intelligence or is_equal:
            front.append(c)
    return front


def _above_chord(front: Sequence[Candidate]) -> Callable[[Candidate], float]:
    """How far a candidate stands above the line from a front's cheap end to its clever end.

    Cost is logarithmic: the step from one cent to two weighs as much as that from one dollar to
    two. Both axes run from 0 to 1 over the front.
    """
    if not front:
        return lambda _: 0.0
    costs = [_log_cost(c) for c in front]
    points = [c.intelligence for c in front]
    cost_range = max(costs) - min(costs) or 1.0
    point_range = max(points) - min(points) or 1.0

    def height(c: Candidate) -> float:
        gained = (c.intelligence - min(points)) / point_range
        spent = (_log_cost(c) - min(costs)) / cost_range
        return round(gained - spent, 9)

    return height


def _log_cost(candidate: Candidate) -> float:
    # Free calls exist (a model of one's own); a logarithm needs a floor, far below any real price.
    return math.log(max(candidate.call_usd, 1e-9))


_ORDERS: dict[Priority, Callable[[Sequence[Candidate]], list[Candidate]]] = {
    Priority.CAPABILITY: _by_capability,
    Priority.BALANCE: _by_balance,
    Priority.RELIABILITY: _by_reliability,
    Priority.COST: _by_cost,
}
