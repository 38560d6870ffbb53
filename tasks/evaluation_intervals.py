"""How far may precision, recall and F1 be off by the choice of the labelled documents?

The bootstrap over documents: as many as there are, drawn with replacement, again and again. Values
of one document are not independent, so documents are drawn and not values.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from tasks.evaluation import Score

Counts = Mapping[str, Mapping[str, tuple[int, int, int]]]
"""True positives, false positives and false negatives by document, by field."""

MICRO = "micro"
DRAWS = 500
COVERAGE = 0.95

_Triple = tuple[int, int, int]


class Interval(BaseModel):
    """Where a figure lies, with the probability `COVERAGE`; null where it has no value."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float


class Intervals(BaseModel):
    """The intervals of a field's three figures."""

    model_config = ConfigDict(frozen=True)

    precision: Interval | None
    recall: Interval | None
    f1: Interval | None


class Difference(BaseModel):
    """How much better one evaluation is than another on the same documents.

    Attributes:
        f1: F1 of this one.
        other: F1 of the other one.
        difference: `f1 - other`.
        low: Lower end of its interval.
        high: Upper end; where zero lies between the two, the labels do not tell them apart.
    """

    model_config = ConfigDict(frozen=True)

    f1: float
    other: float
    difference: float
    low: float
    high: float


def intervals(counts: Counts, seed: int = 0) -> dict[str, Intervals]:
    """The intervals per field, and of all fields together under `micro`; seeded."""
    draws = _draws(list(counts), seed)
    return {
        name: Intervals(
            precision=_interval(column, draws, lambda s: s.precision),
            recall=_interval(column, draws, lambda s: s.recall),
            f1=_interval(column, draws, lambda s: s.f1),
        )
        for name, column in _columns(counts).items()
    }


def differences(counts: Counts, others: Counts, seed: int = 0) -> dict[str, Difference]:
    """How far two evaluations differ in F1, per field and under `micro`.

    Both are scored on the same draws of documents, so that what is hard for both cancels out.

    Args:
        counts: One evaluation.
        others: The other one, of the same documents.
        seed: Of the draws.
    """
    draws = _draws(list(counts), seed)
    mine, theirs = _columns(counts), _columns(others)
    found: dict[str, Difference] = {}
    for name in mine:
        if name not in theirs:
            continue
        here, there = _f1(mine[name], None), _f1(theirs[name], None)
        if here is None or there is None:
            continue
        gaps = [
            a - b
            for draw in draws
            if (a := _f1(mine[name], draw)) is not None
            and (b := _f1(theirs[name], draw)) is not None
        ]
        low, high = _ends(gaps)
        found[name] = Difference(f1=here, other=there, difference=here - there, low=low, high=high)
    return found


def _draws(documents: Sequence[str], seed: int) -> list[Counter[str]]:
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    return [Counter(dice.choices(documents, k=len(documents))) for _ in range(DRAWS)]


def _columns(counts: Counts) -> dict[str, dict[str, _Triple]]:
    """The counts by field, by document."""
    columns: dict[str, dict[str, _Triple]] = {}
    for document, fields in counts.items():
        for name, triple in fields.items():
            columns.setdefault(name, {})[document] = triple
        if fields:
            tp, fp, fn = (sum(part) for part in zip(*fields.values(), strict=True))
            columns.setdefault(MICRO, {})[document] = (tp, fp, fn)
    return columns


def _score(column: Mapping[str, _Triple], draw: Counter[str] | None) -> Score:
    tp = fp = fn = 0
    for document, (found, wrong, missed) in column.items():
        times = 1 if draw is None else draw[document]
        tp, fp, fn = tp + times * found, fp + times * wrong, fn + times * missed
    return Score.of(tp, fp, fn)


def _f1(column: Mapping[str, _Triple], draw: Counter[str] | None) -> float | None:
    return _score(column, draw).f1


def _interval(
    column: Mapping[str, _Triple],
    draws: Sequence[Counter[str]],
    figure: Callable[[Score], float | None],
) -> Interval | None:
    values = [v for draw in draws if (v := figure(_score(column, draw))) is not None]
    if not values:
        return None
    low, high = _ends(values)
    return Interval(low=low, high=high)


def _ends(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    if not ordered:
        return 0.0, 0.0
    outside = int((1 - COVERAGE) / 2 * len(ordered))
    return ordered[outside], ordered[-1 - outside]
