"""Is a merged catalog good enough to take the place of the last good one?"""

from collections.abc import Sequence
from statistics import median

from llms.catalog import CatalogModel

MOST_LOST = 1 / 3
"""Share of the models, prices or scores that may be lost from one catalog to the next. Day by day
over 72 days of Artificial Analysis's list no more than 0.4 % of the models and 1.3 % of the
prices went; the rest of the room is for months between two refreshes."""

_MOST_RATIO = 5.0
"""Median ratio of new to old prices from which on the unit must have changed."""

_FEWEST_PRICES = 5


def objection(old: Sequence[CatalogModel], new: Sequence[CatalogModel]) -> str | None:
    """The reason, in a clause, why `new` must not replace `old`; null if there is none.

    Coding scores are not looked at: when their index was re-based on 2026-06-19, four in five
    were taken back for good.
    """
    now = {model.slug: model for model in new}
    lost = sum(model.slug not in now for model in old)
    if lost > MOST_LOST * len(old):
        return f"{lost} of {len(old)} models would be gone"
    for what, column in (("prices", "output_price"), ("intelligence scores", "intelligence")):
        # Zero counts as unknown here: that a third of all models became free is no news.
        known = [model.slug for model in old if getattr(model, column)]
        unknown = sum(slug in now and not getattr(now[slug], column) for slug in known)
        if unknown > MOST_LOST * len(known):
            return f"{unknown} of {len(known)} {what} would be unknown"
    return _price_objection(old, now)


def _price_objection(old: Sequence[CatalogModel], now: dict[str, CatalogModel]) -> str | None:
    ratios = [
        new / model.output_price
        for model in old
        if model.output_price and model.slug in now and (new := now[model.slug].output_price)
    ]
    if len(ratios) < _FEWEST_PRICES:
        return None
    typical = median(ratios)
    if 1 / _MOST_RATIO <= typical <= _MOST_RATIO:
        return None
    return f"output prices would be {typical:g} times what they were, which is a mistake in a unit"
