"""What the orchestrator answers about the fields that all tiers left open."""

from typing import Any

from schemas.answers import field_description, value_schema
from schemas.fields import DocumentType, FieldSpec

DECISIONS = "docmill_decisions"
"""Name of the answer's JSON schema."""

VALUE, ABSENT, UNDECIDABLE = "value", "absent", "undecidable"
"""What may be decided: a value, that the document has none, or that the text does not tell."""


def decisions_schema(document_type: DocumentType) -> dict[str, Any]:
    """The strict JSON schema of an answer: per field of the type a decision, values and a reason.

    `answer` has the shape of an extraction's answer for the field; it counts only where the
    decision is a value.
    """
    return _object({spec.name: _decision(spec) for spec in document_type.fields})


def _decision(spec: FieldSpec) -> dict[str, Any]:
    found = _object(
        {
            "value": value_schema(spec),
            "quote": {"type": ["string", "null"]},
            "confidence": {"type": "number"},
        }
    )
    return _object(
        {
            "reason": {"type": "string"},
            "decision": {"type": "string", "enum": [VALUE, ABSENT, UNDECIDABLE]},
            "answer": {"type": "array", "items": found} if spec.multi else found,
        },
        field_description(spec),
    )


def _object(properties: dict[str, Any], description: str | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    if description:
        schema["description"] = description
    return schema
