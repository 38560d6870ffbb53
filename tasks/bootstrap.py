"""How sure is a figure of a sample? Resampled whole documents, seeded."""

import random
from collections.abc import Callable, Sequence

from schemas.shadow import Estimate

RESAMPLES = 2000
FEWEST = 10
"""Documents below which an interval would say more than the sample does."""

_TAIL = 0.025


def estimate(
    sums: Sequence[tuple[float, ...]],
    figure: Callable[[tuple[float, ...]], float | None],
    *,
    seed: str,
) -> Estimate | None:
    """A figure of a sample and its percentile interval at 95 %.

    Documents are drawn anew with replacement, whole: the fields of one document stand or fall
    together.

    Args:
        sums: Per document, the numbers that the figure is made of.
        figure: Computes it from their totals; null where it is not defined.
        seed: Of the draws.
    """
    if not sums:
        return None
    value = figure(_totals(sums))
    if value is None:
        return None
    if len(sums) < FEWEST:
        return Estimate(value=value)
    rng = random.Random(seed)  # noqa: S311 - a sample, not a secret
    drawn = (figure(_totals(rng.choices(sums, k=len(sums)))) for _ in range(RESAMPLES))
    found = sorted(one for one in drawn if one is not None)
    tail = round(_TAIL * (len(found) - 1))
    return Estimate(value=value, low=found[tail], high=found[len(found) - 1 - tail])


def _totals(sums: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(sum(column) for column in zip(*sums, strict=True))


def share(totals: tuple[float, ...]) -> float | None:
    """The first total over the second."""
    return totals[0] / totals[1] if totals[1] else None


def perfect_low(documents: int) -> float:
    """The exact lower bound of a share that no document contradicts; resampling would say 1."""
    return float(_TAIL ** (1 / documents))
