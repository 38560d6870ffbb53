"""How much more does a choice by price per token pay than one by price per task?"""

from dataclasses import dataclass

from benchmarks.replay_days import Day
from schemas.roles import Role

TOKEN_PRICED = (
    Role.REASONING_WORKER,
    Role.TOOL_WORKER,
    Role.EXTRACTION_WORKER,
    Role.FORMATTING_WORKER,
)
"""Roles whose models the guide's queries order by the blended price per token."""


@dataclass(frozen=True, slots=True)
class Overpayment:
    """A choice by price per token against one by price per task.

    Attributes:
        by_token: Slug of the model with the lowest blended price.
        by_task: Slug of the model with the lowest expected cost of a call.
        share: What the first costs per call over the second, less one: 0.5 is half as much again.
    """

    by_token: str
    by_task: str
    share: float


def overpayment(day: Day, role: Role, *, only_measured: bool = False) -> Overpayment | None:
    """How much a choice by blended price per token overpays; null without a candidate.

    Args:
        day: The day.
        role: The role.
        only_measured: Leave out models whose talkativeness nobody measured.
    """
    candidates = [
        c
        for c in day.roles[role].carried.candidates
        if not only_measured or c.factor_from == "catalog"
    ]
    if not candidates:
        return None
    by_token = min(candidates, key=lambda c: (c.model.price or 0.0, c.model.slug))
    by_task = min(candidates, key=lambda c: (c.call_usd, c.model.slug))
    return Overpayment(
        by_token.model.slug, by_task.model.slug, by_token.call_usd / by_task.call_usd - 1
    )
