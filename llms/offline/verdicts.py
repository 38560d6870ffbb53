"""Is a claimed value right? Its type, whether it stands in the text, and what it stands beside."""

from collections.abc import Mapping
from typing import Any

from llms.offline.careful import careful_answer
from llms.offline.evidence import owners
from llms.offline.lexicon import CONCEPTS, Kind
from llms.offline.page import Hit, Page
from llms.offline.plans import FieldPlan, Plan, plan_for
from llms.offline.readers import squeezed
from llms.offline.vocabulary import CHOICE_WORDS
from llms.offline.words import words
from llms.recognition import Mention, find_number_words

_FORMATS = {"date": "date", "datetime": "date-time"}
_JSON_TYPES = {"integer": "integer", "boolean": "boolean"}
_MENTIONED = frozenset(
    {Kind.DATE, Kind.DATETIME, Kind.AMOUNT, Kind.DURATION, Kind.EMAIL, Kind.INTEGER}
)
_ANYWHERE = frozenset({Kind.TEXT, Kind.SUMMARY, Kind.CURRENCY, Kind.COUNT, Kind.PLACE})
"""Kinds whose values may stand beside any label."""

_CONTRADICTS = 0.85
"""Confidence with which the careful rules must name another value to call a claim wrong."""

Verdict = dict[str, str]


def verdicts_answer(claims: Any, *, careful: bool) -> dict[str, Any]:
    """The `docmill_verdicts` answer.

    Args:
        claims: Objects with `field`, `meaning`, `type`, `value` (null, a string or a list of
            strings) and `text`, the words around the value.
        careful: Read the value again and compare, beside checking type, presence and label.
    """
    listed = claims if isinstance(claims, list) else []
    return {
        "verdicts": [
            _verdict(claim, careful=careful) for claim in listed if isinstance(claim, dict)
        ]
    }


def _verdict(claim: Mapping[str, Any], *, careful: bool) -> Verdict:
    name = str(claim.get("field", ""))
    value, text = claim.get("value"), str(claim.get("text") or "")
    plan = plan_for(_schema(name, claim, is_list=isinstance(value, list)))
    field, page = plan.fields[0], Page(text, plan)
    if value is None or value == []:
        verdict, reason = _check_absence(plan, page, careful=careful)
    else:
        values = [str(v) for v in value] if isinstance(value, list) else [str(value)]
        checked = [_check(field, plan, page, one, claim, careful=careful) for one in values]
        order = {"bad": 0, "unsure": 1, "ok": 2}
        verdict, reason = min(checked, key=lambda pair: order[pair[0]])
    return {"field": name, "verdict": verdict, "reason": reason}


def _schema(name: str, claim: Mapping[str, Any], *, is_list: bool) -> dict[str, Any]:
    kind = str(claim.get("type", "string"))
    value: dict[str, Any] = {"type": _JSON_TYPES.get(kind, "string")}
    meaning = str(claim.get("meaning", ""))
    if kind in _FORMATS and "exactly as printed" not in meaning:
        value["format"] = _FORMATS[kind]
    found = {"type": "object", "properties": {"value": value}, "description": meaning}
    if is_list:
        found = {"type": "array", "items": found, "description": meaning}
    return {"properties": {name: found}}


def _check_absence(plan: Plan, page: Page, *, careful: bool) -> tuple[str, str]:
    if not page.text.strip():
        return "unsure", "there is no text to look at"
    if careful:
        answered = careful_answer(plan, page, {})[plan.fields[0].name]
        if answered.values and answered.values[0].confidence >= _CONTRADICTS:
            return "bad", f"the text shows {answered.values[0].found.value[:60]!r}"
    return "ok", "no value stands beside a label of the field"


def _check(
    field: FieldPlan,
    plan: Plan,
    page: Page,
    value: str,
    claim: Mapping[str, Any],
    *,
    careful: bool,
) -> tuple[str, str]:
    if claim.get("type") == "category" or field.kind in (Kind.CATEGORY, Kind.BOOLEAN):
        return _check_choice(page, value)
    places = _places(field, page, value)
    if not places:
        if field.inferred or field.kind is Kind.COUNT:
            return "unsure", "the value may be concluded, but no words show it"
        return "bad", "the value does not stand in the text"
    foreign = [hit for place in places if (hit := _foreign_label(field, page, place))]
    if len(foreign) == len(places):
        label = squeezed(page.text[foreign[0].start : foreign[0].end]).strip(" :")
        return "bad", f"it stands beside {label!r}"
    if not careful:
        return "ok", "it stands in the text, beside no label of another field"
    answered = careful_answer(plan, page, {})[field.name]
    read_again = {said.found.value.casefold() for said in answered.values}
    if value.casefold() in read_again or field.multi:
        return "ok", "reading the text again gives the same value"
    best = answered.values[0] if answered.values else None
    own = any(_own_label(field, page, place) for place in places)
    if best is not None and best.confidence >= _CONTRADICTS and not own:
        return "bad", f"the text rather shows {best.found.value[:60]!r}"
    if own:
        return "ok", "it stands beside a label of the field"
    return "unsure", "no label tells whether the value belongs to this field"


def _check_choice(page: Page, value: str) -> tuple[str, str]:
    said = " ".join(token for token, _, _ in page.tokens)
    phrases = [value.replace("_", " "), *CHOICE_WORDS.get(value.lower(), "").split(";")]
    for phrase in phrases:
        spoken = " ".join(words(phrase))
        if spoken and f" {spoken} " in f" {said} ":
            return "ok", f"the text says {spoken!r}"
    return "unsure", "no word of the text decides"


def _places(field: FieldPlan, page: Page, value: str) -> list[tuple[int, int]]:
    """Where a value stands in the text, in any notation that means it."""
    if field.kind in _MENTIONED and not field.as_printed:
        found = [m for m in page.mentions(field.kind) if _means(m, value, field.kind)]
        if not found and field.kind is Kind.AMOUNT:
            found = [m for m in find_number_words(page.text) if _means(m, value, field.kind)]
        if not found and field.kind in (Kind.AMOUNT, Kind.INTEGER):
            found = [m for m in page.mentions(Kind.INTEGER) if _means(m, value, Kind.AMOUNT)]
        return [(m.start, m.end) for m in found]
    if field.kind is Kind.CURRENCY:
        # A sign beside an amount says it as well as the code.
        signs = [m for m in page.mentions(Kind.AMOUNT) if m.unit == value]
        if signs:
            return [(m.start, m.end) for m in signs]
    wanted = list(words(value))
    if not wanted:
        return []
    tokens = page.tokens
    size = len(wanted)
    return [
        (tokens[i][1], tokens[i + size - 1][2])
        for i in range(len(tokens) - size + 1)
        if tokens[i][0] == wanted[0] and [t[0] for t in tokens[i : i + size]] == wanted
    ]


def _means(mention: Mention, value: str, kind: Kind) -> bool:
    readings = (mention.value, *mention.alternatives)
    if kind is Kind.AMOUNT or kind is Kind.INTEGER:
        try:
            return any(abs(float(reading) - float(value)) < 0.005 for reading in readings)
        except ValueError:
            return False
    if kind is Kind.DATETIME:
        # The offset may have been put differently; the day and the minute may not.
        return any(reading[:10] == value[:10] for reading in readings)
    return any(reading.casefold() == value.casefold() for reading in readings)


def _labels_before(page: Page, place: tuple[int, int]) -> list[Hit]:
    """The labels whose nearest zone holds a place."""
    found = []
    for hit in page.hits:
        if hit.start >= place[0] or place[0] - hit.end > 200 or hit.strength < 0.75:
            continue
        if any(zone.start <= place[0] < zone.end for zone in page.zones(hit)[:1]):
            found.append(hit)
    return found


def _foreign_label(field: FieldPlan, page: Page, place: tuple[int, int]) -> Hit | None:
    """The label of another field or concept beside a place, where none of the own stands."""
    hits = _labels_before(page, place)
    if not hits or any(field.index in hit.label.fields for hit in hits):
        return None
    if field.kind in _ANYWHERE:
        return None
    if field.kind in _MENTIONED:
        owner = owners(page, field.kind).get(place[0])
        return owner if owner and field.index not in owner.label.fields else None
    rivals = [
        hit
        for hit in hits
        if any(CONCEPTS[concept].kind is field.kind for concept in hit.label.concepts)
        # "Name" and the like go with any party.
        and not (hit.label.weak and "customer" in hit.label.concepts)
    ]
    return rivals[-1] if rivals else None


def _own_label(field: FieldPlan, page: Page, place: tuple[int, int]) -> bool:
    return any(field.index in hit.label.fields for hit in _labels_before(page, place))
