"""How much may the orchestrator decide of what all tiers left open, and what does it answer?"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schemas.answers import field_description, object_schema, value_schema
from schemas.fields import DocumentType, FieldSpec


class Orchestrator(BaseModel):
    """How much of what all tiers left open the strongest model may decide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Share of a run's documents that may go to the orchestrator because a required "
        "field stayed empty, values contradict each other, or a bad one could not be mended.",
    )
    budget_usd: float | None = Field(
        default=None,
        ge=0,
        description="Put no more documents to it once its decisions in a run have cost this, in US "
        "dollars; null: a tenth of the run's own budget, if that has one.",
    )


DECISIONS = "docmill_decisions"
"""Name of the answer's JSON schema."""

VALUE, ABSENT, UNDECIDABLE = "value", "absent", "undecidable"
"""What may be decided: a value, that the document has none, or that the text does not tell."""


def decisions_schema(document_type: DocumentType) -> dict[str, Any]:
    """The strict JSON schema of an answer: per field of the type a decision, values and a reason.

    `answer` has the shape of an extraction's answer for the field; it counts only where the
    decision is a value.
    """
    return object_schema({spec.name: _decision(spec) for spec in document_type.fields})


def _decision(spec: FieldSpec) -> dict[str, Any]:
    found = object_schema(
        {
            "value": value_schema(spec),
            "quote": {"type": ["string", "null"]},
            "confidence": {"type": "number"},
        }
    )
    return object_schema(
        {
            "reason": {"type": "string"},
            "decision": {"type": "string", "enum": [VALUE, ABSENT, UNDECIDABLE]},
            "answer": {"type": "array", "items": found} if spec.multi else found,
        },
        field_description(spec),
    )
