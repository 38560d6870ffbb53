"""Is another model so much better that a job should change to it, or only by a hair's breadth?"""

from collections.abc import Sequence
from dataclasses import dataclass

from llms.priorities import Candidate, per_thousand
from llms.roles import Priority

TOLERATED_COST = 0.10
"""By how much of its own expected cost a call of the first candidate may be cheaper before a job
changes to it. Chosen: list prices and learned talkativeness move by less from day to day, and a
change has all documents asked anew."""

TOLERATED_POINTS = 1.0
"""Index points by which the first candidate may be ahead where a role is not ranked by cost alone.
Chosen: about what an index is corrected by without a model having changed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A former choice that stays, and why in a clause."""

    candidate: Candidate
    why: str


def kept(priority: Priority, ranked: Sequence[Candidate], former: str | None) -> Kept | None:
    """The former choice, when it still qualifies and the first candidate is hardly better.

    Args:
        priority: What the role is ranked by.
        ranked: Everybody who qualifies, best first.
        former: Slug of the model that played the role in the job's last run.

    Returns:
        Null when it is first anyway, does not qualify any more, or is beaten clearly.
    """
    old = next((candidate for candidate in ranked if candidate.model.slug == former), None)
    if old is None or old is ranked[0]:
        return None
    first = ranked[0]
    if first.call_usd < old.call_usd * (1 - TOLERATED_COST):
        return None
    ahead = first.intelligence - old.intelligence
    if priority is not Priority.COST and ahead > TOLERATED_POINTS:
        return None
    why = (
        f"{first.model.slug} now ranks first by {priority.value}, but not by "
        f"{TOLERATED_COST:.0%} of expected cost ({per_thousand(first.call_usd)}, against "
        f"{per_thousand(old.call_usd)})"
    )
    if priority is not Priority.COST:
        why += f" nor by {TOLERATED_POINTS:g} point of intelligence ({ahead:+.1f})"
    return Kept(old, why)
