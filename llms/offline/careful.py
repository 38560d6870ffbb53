"""What does weighing everything say? All candidates, how they fit together, and the margin."""

import math
from collections.abc import Mapping

from llms.offline.consistency import consistent
from llms.offline.counting import counted
from llms.offline.evidence import candidates
from llms.offline.lexicon import Kind
from llms.offline.page import Page
from llms.offline.parties import Scored
from llms.offline.plans import FieldPlan, Plan
from llms.offline.voice import Answer, Said

_ACCEPT = 0.55
"""Least score of a value that is answered at all."""

_ACCEPT_BY_KIND = {Kind.DURATION: 0.75, Kind.PLACE: 0.8, Kind.PARTY: 0.65, Kind.DATE: 0.5}
_LISTED = 1.15
"""Least score of a value in a list."""


def careful_answer(
    plan: Plan, page: Page, rejected: Mapping[str, frozenset[str]]
) -> dict[str, Answer]:
    """Answer every field of a plan.

    Args:
        plan: The fields.
        page: The document, scanned for the labels of the plan.
        rejected: Values, per field, that must not come again.
    """
    found: dict[str, list[Scored]] = {}
    for field in plan.fields:
        refused = rejected.get(field.name, frozenset())
        pool = counted(field, page) if field.kind is Kind.COUNT else candidates(field, page)
        found[field.name] = [one for one in pool if one.found.value not in refused]
    found = consistent(plan, page, found)
    return {
        field.name: _listed(field, page, found[field.name])
        if field.multi
        else _single(field, page, found[field.name])
        for field in plan.fields
    }


def _single(field: FieldPlan, page: Page, scored: list[Scored]) -> Answer:
    best = scored[0].score if scored else 0.0
    if field.unprinted or best < _ACCEPT_BY_KIND.get(field.kind, _ACCEPT):
        return Answer.absent(_absence(field, page, best))
    second = next((s.score for s in scored[1:] if s.found.value != scored[0].found.value), 0.0)
    return Answer.best(Said(scored[0].found, confidence_of(best, second)))


def confidence_of(best: float, second: float) -> float:
    """The probability that the best candidate is right, from its score and its lead.

    The curve was set so that scores of labelled values without a rival come out above 0.9 and a
    tie comes out near one half; it is not calibrated on any set.
    """
    own = 1 / (1 + math.exp(-2.3 * (best - 1.0)))
    lead = 1 - 0.5 * math.exp(-2.4 * max(0.0, best - second))
    return round(own * lead, 3)


def _listed(field: FieldPlan, page: Page, scored: list[Scored]) -> Answer:
    kept = [s for s in scored if s.score >= _LISTED]
    if not kept and scored and scored[0].score >= _ACCEPT and field.kind is Kind.PARTY:
        kept = _distinct([s for s in scored if s.score >= scored[0].score - 0.2])[:2]
    if field.kind is Kind.PARTY:
        kept = _distinct(kept)
    kept.sort(key=lambda s: s.found.start)
    return Answer.listed(Said(s.found, confidence_of(s.score, 0.0)) for s in kept)


def _distinct(names: list[Scored]) -> list[Scored]:
    """The names without those that are another one in other letters, or a part of it."""
    kept: list[tuple[str, Scored]] = []
    for name in names:
        letters = "".join(c for c in name.found.value.casefold() if c.isalnum())
        if not any(letters in other for other, _ in kept):
            kept.append((letters, name))
    return [name for _, name in kept]


def _absence(field: FieldPlan, page: Page, best: float) -> float:
    """How sure it is that the document has no value: fewer candidates, surer."""
    if field.unprinted:
        return 0.6
    if field.kind in (Kind.DATE, Kind.DATETIME, Kind.AMOUNT, Kind.DURATION, Kind.EMAIL):
        if not page.mentions(field.kind):
            return 0.95
        return round(max(0.5, 0.84 - 0.3 * max(0.0, best)), 2)
    # A text, a name or a number may stand anywhere and in any words; silence proves little.
    return 0.74 if best <= 0.0 else 0.6
