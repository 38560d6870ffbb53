"""Which candidates fit together? Sums that add up, days in order, names that differ."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from llms.offline.evidence import owners
from llms.offline.lexicon import Kind
from llms.offline.page import Page
from llms.offline.parties import Scored
from llms.offline.plans import FieldPlan, Plan

_CENT = Decimal("0.02")
_ADDS_UP = 0.7
_MISSES = 0.4
_LATEST_FIRST = (("date_issue", "date_due"), ("date_effective", "date_end"), ("date", "date_due"))

Pools = Mapping[str, list[Scored]]


def consistent(plan: Plan, page: Page, found: Pools) -> dict[str, list[Scored]]:
    """The candidates of every field, re-scored by how they fit those of other fields."""
    pools = {name: list(scored) for name, scored in found.items()}
    by_concept = {field.concept: field for field in plan.fields if field.concept}
    _sums(by_concept, page, pools)
    for earlier, later in _LATEST_FIRST:
        _order(by_concept.get(earlier), by_concept.get(later), pools)
    for one, other in (("seller", "buyer"), ("merchant", "buyer"), ("seller", "ship_to")):
        _differ(by_concept.get(one), by_concept.get(other), pools)
    return {name: sorted(pool, key=lambda s: -s.score) for name, pool in pools.items()}


def _decimal(value: str) -> Decimal | None:
    digits = "".join(c for c in value if c.isdigit() or c in ".,-")
    try:
        return Decimal(digits.replace(",", "")) if digits else None
    except InvalidOperation:
        return None


def _labelled_numbers(page: Page, concept: str) -> set[Decimal]:
    """The numbers that stand beside labels of a concept, asked for or not."""
    mentions = {m.start: m for m in page.mentions(Kind.AMOUNT)}
    return {
        Decimal(mentions[start].value)
        for start, hit in owners(page, Kind.AMOUNT).items()
        if concept in hit.label.concepts
    }


def _sums(by_concept: Mapping[str, FieldPlan], page: Page, pools: dict[str, list[Scored]]) -> None:
    money = {
        name: by_concept[name]
        for name in ("total", "net", "tax", "amount_due")
        if name in by_concept
    }
    if not money:
        return
    nets, taxes = _labelled_numbers(page, "net"), _labelled_numbers(page, "tax")
    totals = _labelled_numbers(page, "total") | _labelled_numbers(page, "amount_due")
    paid = {
        t - c
        for t in _labelled_numbers(page, "tendered")
        for c in _labelled_numbers(page, "change")
    }
    rounding = {r for r in _labelled_numbers(page, "rounding") if 0 < abs(r) < Decimal("0.1")}
    rounded = {total + step for total in totals for r in rounding for step in (r, -r)}
    sums = {net + tax for net in nets for tax in taxes if tax != 0}
    rests = {total - net for total in totals for net in nets if 0 < total - net < net}
    bases = {total - tax for total in totals for tax in taxes if 0 < tax < total - tax}
    if rounding:
        # Both the sum and the rounded sum are printed; paid is the one that cash could pay.
        paid |= {r for r in rounded if r % Decimal("0.05") == 0}
        sums = {s for s in sums if s % Decimal("0.05") == 0}
    expected = {"total": sums | paid, "amount_due": paid, "tax": rests, "net": bases}
    for concept, field in money.items():
        targets = expected[concept]
        pool = pools[field.name]
        adding_up = [s for s in pool if _is_among(s.found.value, targets)]
        # Where one candidate is the sum of others, those that are not are less likely.
        miss = _MISSES if adding_up and concept == "total" else 0.0
        pools[field.name] = [
            replace(s, score=s.score + (_ADDS_UP if s in adding_up else -miss)) for s in pool
        ]
    if "total" in money:
        pool = pools[money["total"].name]
        # With several printed totals, the one with tax is the largest.
        strong = [s for s in pool if s.score > 1.4]
        largest = max((_decimal(s.found.value) or Decimal(0) for s in strong), default=None)
        pools[money["total"].name] = [
            replace(s, score=s.score + 0.35)
            if s in strong and _decimal(s.found.value) == largest
            else s
            for s in pool
        ]


def _is_among(value: str, targets: Iterable[Decimal]) -> bool:
    number = _decimal(value)
    return number is not None and any(abs(number - target) <= _CENT for target in targets)


def _order(
    earlier: FieldPlan | None, later: FieldPlan | None, pools: dict[str, list[Scored]]
) -> None:
    if earlier is None or later is None or not pools[earlier.name]:
        return
    if earlier.as_printed or later.as_printed or earlier.multi or later.multi:
        return
    day = pools[earlier.name][0].found.value
    pools[later.name] = [
        replace(s, score=s.score - 0.8) if s.found.value < day else s for s in pools[later.name]
    ]


def _differ(one: FieldPlan | None, other: FieldPlan | None, pools: dict[str, list[Scored]]) -> None:
    """Two roles of a document are two names; the surer field keeps a name both want."""
    if one is None or other is None:
        return
    first, second = pools[one.name], pools[other.name]
    if not first or not second or first[0].found.value.lower() != second[0].found.value.lower():
        return
    loser = other if first[0].score >= second[0].score else one
    pools[loser.name] = [
        replace(s, score=s.score - 1.0)
        if s.found.value.lower() == first[0].found.value.lower()
        else s
        for s in pools[loser.name]
    ]
