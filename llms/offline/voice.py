"""How is an answer said: values with quotes and confidences, in the shape of the answer schema."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from llms.offline.plans import FieldPlan
from llms.offline.readers import Found
from llms.prompts import CUT


@dataclass(frozen=True, slots=True)
class Said:
    """A value and the probability that it is right."""

    found: Found
    confidence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered for one field: the values, or none with the confidence in that."""

    values: tuple[Said, ...]
    none: float = 0.0

    @classmethod
    def best(cls, said: Said) -> Self:
        """One value."""
        return cls((said,))

    @classmethod
    def absent(cls, confidence: float) -> Self:
        """The document has no value."""
        return cls((), confidence)

    @classmethod
    def listed(cls, said: Iterable[Said]) -> Self:
        """Every different value once, in order, as often surest."""
        kept: dict[str, Said] = {}
        for one in said:
            known = kept.get(one.found.value)
            if known is None or known.confidence < one.confidence:
                kept[one.found.value] = one
        return cls(tuple(kept.values()))

    def as_json(self, field: FieldPlan, text: str) -> Any:
        """The answer in the shape the schema asks for."""
        if field.multi:
            return [_object(field, said, text) for said in self.values]
        if not self.values:
            return {"value": None, "quote": None, "confidence": round(self.none, 2)}
        return _object(field, self.values[0], text)


def _object(field: FieldPlan, said: Said, text: str) -> dict[str, Any]:
    value: Any = said.found.value
    if field.as_integer:
        value = int(float(value))
    elif field.kind.value == "boolean":
        value = value == "true"
    quote: str | None = text[said.found.start : said.found.end]
    if not quote or CUT in quote:
        quote = None
    return {
        "value": value,
        "quote": quote,
        "confidence": round(min(0.99, max(0.01, said.confidence)), 2),
    }
