"""What do the rules decide of a field that was left open? Whom the readers' values speak for."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas.decisions import ABSENT, UNDECIDABLE, VALUE

_LEAST, _LEAD = 0.6, 0.1
"""Weight that the first value needs, and how far it must be ahead of the second."""

_AGREED, _DOUBTED = 0.25, 0.2
"""Added to a value that two readers name, taken off for something wrong with it."""


def decisions_answer(disputes: Any, text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The `docmill_decisions` answer.

    Of the values that the readers named and that stand in the text, the one with the most weight:
    the surest reader's confidence, more where two name it, less where something is wrong with it.
    Where no reader named one, the document has none, unless the field is required.

    Args:
        disputes: Objects as `llms.orchestration` lists them.
        text: The document or its excerpts.
        schema: The JSON schema of the answer, with the fields that are asked for.
    """
    by_field = {d["field"]: d for d in disputes or () if isinstance(d, dict) and "field" in d}
    return {
        name: _decision(by_field.get(name, {}), text, part)
        for name, part in schema.get("properties", {}).items()
    }


def _decision(dispute: Mapping[str, Any], text: str, part: Mapping[str, Any]) -> dict[str, Any]:
    answer = part["properties"]["answer"]
    is_list = answer.get("type") == "array"
    said: Sequence[Mapping[str, Any]] = dispute.get("said", ())
    weights: dict[tuple[str, ...], float] = {}
    quotes: dict[tuple[str, ...], Sequence[str]] = {}
    for one in said:
        values = tuple(one["values"])
        if not values or not all(quote in text for quote in one["quotes"]):
            continue
        weight = float(one["confidence"] or 0.0) - (_DOUBTED if one["problem"] else 0.0)
        if values in weights:
            weight = max(weight, weights[values]) + _AGREED
        weights[values], quotes[values] = weight, one["quotes"]
    ranked = sorted(weights, key=lambda values: -weights[values])
    if ranked:
        second = weights[ranked[1]] if len(ranked) > 1 else 0.0
        best = weights[ranked[0]]
        if best >= _LEAST and best - second >= _LEAD:
            kind = answer["items"] if is_list else answer
            return {
                "reason": "the readers' values speak for it most",
                "decision": VALUE,
                "answer": _answer(ranked[0], quotes[ranked[0]], min(0.99, best), kind, is_list),
            }
        return _nothing(UNDECIDABLE, "no value is clearly ahead of the others", is_list)
    if said and not dispute.get("required"):
        return _nothing(ABSENT, "no reader found a value", is_list)
    return _nothing(UNDECIDABLE, "no reader found a value that stands in the text", is_list)


def _answer(
    values: Sequence[str],
    quotes: Sequence[str],
    confidence: float,
    kind: Mapping[str, Any],
    is_list: bool,
) -> Any:
    shown = [
        {
            "value": _typed(value, kind["properties"]["value"]),
            "quote": quotes[number] if len(quotes) == len(values) else None,
            "confidence": round(confidence, 2),
        }
        for number, value in enumerate(values)
    ]
    return shown if is_list else shown[0]


def _typed(value: str, schema: Mapping[str, Any]) -> Any:
    declared = schema.get("type", "string")
    if "integer" in declared:
        return int(float(value))
    return value == "true" if "boolean" in declared else value


def _nothing(decision: str, reason: str, is_list: bool) -> dict[str, Any]:
    empty = {"value": None, "quote": None, "confidence": 0.5}
    return {"reason": reason, "decision": decision, "answer": [] if is_list else empty}
