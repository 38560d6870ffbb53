"""Which rising line leads from a score to the share of right answers?

Neighbours in score whose shares descend are pooled (pool adjacent violators: Barlow, Bartholomew,
Bremner, Brunk, "Statistical Inference under Order Restrictions", 1972). The line goes straight from
the middle of one pool to the middle of the next (Oron and Flournoy, "Centered isotonic regression",
2017), so that it has no steps at which many answers share one confidence.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.calibration import Step

SMALLEST_POOL = 10
"""Fewer answers say little of a share; they are pooled with their neighbours."""


@dataclass(slots=True)
class _Pool:
    scores: float
    answers: int
    right: int

    @property
    def share(self) -> float:
        """Share of right answers, half an answer of each kind added: never 0 and never 1."""
        return (self.right + 0.5) / (self.answers + 1)


def fit_steps(scores: Sequence[float], is_right: Sequence[bool]) -> tuple[Step, ...]:
    """The corners of the rising line, ascending in score; a single one where nothing rises."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    pools: list[_Pool] = []
    start = 0
    while start < len(order):
        end = min(start + SMALLEST_POOL, len(order))
        # Equal scores cannot be told apart; a remainder too small for a pool joins this one.
        while end < len(order) and (
            scores[order[end]] == scores[order[end - 1]] or len(order) - end < SMALLEST_POOL
        ):
            end += 1
        rows = order[start:end]
        pools.append(_Pool(sum(scores[i] for i in rows), len(rows), sum(is_right[i] for i in rows)))
        while len(pools) > 1 and pools[-2].share >= pools[-1].share:
            last = pools.pop()
            before = pools[-1]
            pools[-1] = _Pool(
                before.scores + last.scores,
                before.answers + last.answers,
                before.right + last.right,
            )
        start = end
    return tuple(Step(score=p.scores / p.answers, confidence=p.share) for p in pools)


def along_steps(steps: Sequence[Step], score: float) -> float:
    """The confidence at a score: straight between two corners, level beyond the ends."""
    after = bisect_right(steps, score, key=lambda step: step.score)
    if after == 0:
        return steps[0].confidence
    if after == len(steps):
        return steps[-1].confidence
    left, right = steps[after - 1], steps[after]
    way = (score - left.score) / (right.score - left.score)
    return left.confidence + way * (right.confidence - left.confidence)
