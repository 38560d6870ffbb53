"""What does one fast look say? The first fitting value beside a label, else a guess by position."""

from collections.abc import Iterator

from llms.offline.addresses import blocks
from llms.offline.lexicon import USUAL_DATES, Kind
from llms.offline.page import Hit, Page
from llms.offline.parties import companies, head_names
from llms.offline.plans import FieldPlan, Plan
from llms.offline.readers import Found, as_found, choose, read, squeezed
from llms.offline.vocabulary import JURISDICTION, NOT_A_PLACE
from llms.offline.voice import Answer, Said

_LAST_WINS = frozenset({"total", "amount_due"})
_LEAST_STRENGTH = {Kind.PLACE: 0.85, Kind.PARTY: 0.75, Kind.TEXT: 0.75, Kind.SUMMARY: 0.75}
"""A value without a shape of its own needs a label that surely is one."""
_ISSUERS = frozenset({"merchant", "seller"})


def quick_answer(plan: Plan, page: Page, rejected: dict[str, frozenset[str]]) -> dict[str, Answer]:
    """Answer every field of a plan.

    Args:
        plan: The fields.
        page: The document, scanned for the labels of the plan.
        rejected: Values, per field, that must not come again.
    """
    return {
        field.name: _answer(field, page, rejected.get(field.name, frozenset()))
        for field in plan.fields
    }


def _answer(field: FieldPlan, page: Page, rejected: frozenset[str]) -> Answer:
    said = [s for s in _labelled(field, page) if s.found.value not in rejected]
    if field.multi:
        return Answer.listed(said or _all_of(field, page, rejected))
    if not said:
        guess = next((s for s in _guesses(field, page) if s.found.value not in rejected), None)
        return Answer.best(guess) if guess else Answer.absent(_absence(field, page))
    best = said[0]
    if field.kind is Kind.AMOUNT and field.concept in _LAST_WINS:
        rivals = [s for s in said if s.confidence >= best.confidence - 0.1]
        best = max(rivals, key=lambda s: _number(s.found.value))
    differing = {s.found.value for s in said if s.confidence >= best.confidence - 0.05}
    if len(differing) > 1:
        best = Said(best.found, min(best.confidence, 0.7))
    return Answer.best(best)


def _labelled(field: FieldPlan, page: Page) -> list[Said]:
    said: list[Said] = []
    if field.concept == "jurisdiction":
        # A sentence says it more surely than a heading does.
        said += [Said(found, 0.85) for found in _governing(page)]
    least = _LEAST_STRENGTH.get(field.kind, 0.5) if field.concept != "parties" else 1.0
    for hit in page.by_field.get(field.index, ()):
        if hit.strength < least:
            continue
        for zone in page.zones(hit):
            values = read(field, page, zone)
            if not values:
                continue
            chosen = values if field.multi else values[:1]
            trust = _trust(field, hit) - (0.05 if zone.below else 0.0)
            said.extend(Said(found, round(trust * found.sure, 3)) for found in chosen)
            break
    if field.multi:
        return said
    return sorted(said, key=lambda s: -s.confidence)


def _trust(field: FieldPlan, hit: Hit) -> float:
    weight = hit.label.fields[field.index]
    trust = 0.97 if weight >= 1.0 else 0.9 if weight >= 0.9 else 0.7
    if hit.strength < 0.75:
        trust -= 0.2
    if hit.label.weak and hit.strength < 1.0 and field.kind is Kind.AMOUNT:
        # "Amount" without a colon more often heads a column than announces the sum.
        trust -= 0.2
    return trust


def _number(value: str) -> float:
    digits = "".join(c for c in value if c.isdigit() or c in ".-")
    try:
        return float(digits)
    except ValueError:
        return 0.0


def _all_of(field: FieldPlan, page: Page, rejected: frozenset[str]) -> list[Said]:
    """Values of a repeatable field that no label announces."""
    if field.kind in (Kind.DATE, Kind.DATETIME, Kind.AMOUNT, Kind.DURATION):
        found = [as_found(field, page, m) for m in page.mentions(field.kind)[:40]]
    elif field.kind is Kind.PARTY:
        found = companies(page, 0, 3000)[:4]
    else:
        return []
    trust = 0.8 if field.kind in (Kind.DATE, Kind.AMOUNT) else 0.5
    return [Said(f, round(trust * f.sure, 3)) for f in found if f.value not in rejected]


def _guesses(field: FieldPlan, page: Page) -> Iterator[Said]:
    lost = 0.15 if page.is_excerpt else 0.0
    for found, confidence in _positional(field, page):
        yield Said(found, round(max(0.05, confidence - lost) * found.sure, 3))


def _positional(field: FieldPlan, page: Page) -> Iterator[tuple[Found, float]]:
    match field.kind:
        case Kind.DATE | Kind.DATETIME if field.concept in USUAL_DATES:
            mentions = page.mentions(field.kind)
            days = {m.value for m in mentions}
            for mention in mentions[:3]:
                yield as_found(field, page, mention), 0.72 if len(days) == 1 else 0.5
        case Kind.AMOUNT if field.concept in _LAST_WINS:
            for mention in sorted(page.mentions(Kind.AMOUNT), key=lambda m: -_number(m.value))[:3]:
                yield as_found(field, page, mention), 0.5
        case Kind.PARTY if field.concept in _ISSUERS:
            for name in head_names(page):
                yield name.found, 0.6 if name.score > 1.4 else 0.45
        case Kind.ADDRESS:
            for block in blocks(page, among=12):
                words = squeezed(page.text[block.start : block.end])
                yield Found(words, block.start, block.end), 0.55
        case Kind.EMAIL:
            for mention in page.mentions(Kind.EMAIL)[:1]:
                yield as_found(field, page, mention), 0.45
        case Kind.DURATION:
            for mention in page.mentions(Kind.DURATION)[:1]:
                yield as_found(field, page, mention), 0.4
        case Kind.CATEGORY:
            for found in choose(field, page, 0, min(len(page.text), 4000))[:1]:
                yield found, 0.5
        case Kind.CURRENCY:
            units = [m for m in page.mentions(Kind.AMOUNT) if m.unit]
            for mention in units[:1]:
                same = len({m.unit for m in units}) == 1
                found = Found(str(mention.unit), mention.start, mention.end)
                yield found, 0.88 if same else 0.6
        case Kind.TEXT | Kind.SUMMARY if field.concept in ("title", "summary", "subject"):
            yield from _first_line(page)
        case _:
            return


def _governing(page: Page) -> list[Found]:
    return [
        Found(squeezed(m["place"]), m.start("place"), m.end("place"))
        for m in JURISDICTION.finditer(page.text)
        if m["place"].split()[0].lower() not in NOT_A_PLACE
    ]


def _first_line(page: Page) -> Iterator[tuple[Found, float]]:
    for line in page.filled_lines[:4]:
        words = page.line_text(line).strip("#* =")
        if len(words) >= 4 and any(c.isalpha() for c in words):
            at = page.text.index(words, page.line_span(line)[0])
            yield Found(squeezed(words)[:300], at, at + len(words)), 0.5
            return


def _absence(field: FieldPlan, page: Page) -> float:
    """How sure it is that the document has no value, when none was found."""
    if field.unprinted:
        return 0.5
    if field.kind in (Kind.DATE, Kind.DATETIME, Kind.AMOUNT, Kind.DURATION, Kind.EMAIL):
        return 0.92 if not page.mentions(field.kind) else 0.7
    return 0.65 if page.by_field.get(field.index) else 0.72
