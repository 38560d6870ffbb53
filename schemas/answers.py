"""What models are asked to answer: one strict JSON schema per kind of question.

The schemas keep to what the strict `json_schema` response format of Chat Completions allows: every
property required, no additional ones, optional values as a union with null.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.fields import DocumentType, FieldSpec, FieldType

EXTRACTION = "docmill_extraction"
ROUTE = "docmill_route"
VERDICTS = "docmill_verdicts"
INSIGHTS = "docmill_insights"

_JSON_TYPES = {FieldType.INTEGER: "integer", FieldType.BOOLEAN: "boolean"}
_FORMATS = {FieldType.DATE: "date", FieldType.DATETIME: "date-time"}


class RouteAnswer(BaseModel):
    """Which of the document types a document is."""

    model_config = ConfigDict(extra="forbid")

    document_type: str
    confidence: float = Field(ge=0, le=1)


class Verdict(BaseModel):
    """What the verifier thinks of one claimed value."""

    model_config = ConfigDict(extra="forbid")

    field: str
    verdict: Literal["ok", "bad", "unsure"]
    reason: str


class Verdicts(BaseModel):
    """The verifier's answer about one record."""

    model_config = ConfigDict(extra="forbid")

    verdicts: list[Verdict]


class Insight(BaseModel):
    """One finding; figures stand in `text` as `{{figure_id}}`, never as digits."""

    model_config = ConfigDict(extra="forbid")

    headline: str
    text: str
    figures: list[str]


class Insights(BaseModel):
    """The reasoning worker's answer about the figures of a run."""

    model_config = ConfigDict(extra="forbid")

    insights: list[Insight]


def object_schema(properties: dict[str, Any], description: str | None = None) -> dict[str, Any]:
    """The JSON schema of an object of exactly these properties."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    if description:
        schema["description"] = description
    return schema


def field_description(spec: FieldSpec) -> str:
    """Everything a model needs to know about a field, in sentences.

    Labels stand in double quotes after `Printed beside:`; the notation asked for comes last.
    """
    parts = [spec.description.rstrip(".") + "." if spec.description else ""]
    if spec.labels:
        parts.append("Printed beside: " + ", ".join(f'"{label}"' for label in spec.labels) + ".")
    if spec.source == "inferred":
        parts.append("May be inferred.")
    else:
        parts.append("Must stand in the document.")
    parts.append(_notation(spec))
    return " ".join(part for part in parts if part)


def _notation(spec: FieldSpec) -> str:
    if spec.as_printed:
        return "Copy it exactly as printed."
    match spec.type:
        case FieldType.DATE:
            return "Write it as YYYY-MM-DD."
        case FieldType.DATETIME:
            return "Write it in ISO 8601 with its offset."
        case FieldType.DECIMAL:
            return "Write plain digits with a decimal point, without thousands separators."
        case FieldType.DURATION:
            return "Write it as `<number> <unit>`, for instance `2 years`."
        case _:
            return ""


def value_schema(spec: FieldSpec) -> dict[str, Any]:
    """The JSON schema of one value: nullable for a single field, plain inside a list."""
    kind = _JSON_TYPES.get(spec.type, "string")
    if spec.as_printed:
        kind = "string"
    schema: dict[str, Any] = {"type": kind if spec.multi else [kind, "null"]}
    if spec.type in _FORMATS and not spec.as_printed:
        schema["format"] = _FORMATS[spec.type]
    if spec.choices:
        schema["enum"] = [*spec.choices] if spec.multi else [*spec.choices, None]
    return schema


def extraction_schema(document_type: DocumentType) -> dict[str, Any]:
    """The JSON schema of an extraction answer.

    A single field is an object `{value, quote, confidence}`, a repeatable one a list of such
    objects: `value` in the notation of the field, `quote` the words of the document that show it
    (null where it was inferred or is absent), `confidence` between 0 and 1. A null value with a
    high confidence says that the document has none.
    """
    properties: dict[str, Any] = {}
    for spec in document_type.fields:
        found = object_schema(
            {
                "value": value_schema(spec),
                "quote": {"type": ["string", "null"]},
                "confidence": {"type": "number"},
            },
            None if spec.multi else field_description(spec),
        )
        if spec.multi:
            found = {"type": "array", "items": found, "description": field_description(spec)}
        properties[spec.name] = found
    return object_schema(properties)


def route_schema(names: list[str]) -> dict[str, Any]:
    """The JSON schema of a `RouteAnswer` that may name only `names`."""
    return object_schema(
        {"document_type": {"type": "string", "enum": names}, "confidence": {"type": "number"}}
    )


def verdicts_schema(fields: list[str]) -> dict[str, Any]:
    """The JSON schema of `Verdicts` about `fields`."""
    verdict = object_schema(
        {
            "field": {"type": "string", "enum": fields},
            "verdict": {"type": "string", "enum": ["ok", "bad", "unsure"]},
            "reason": {"type": "string"},
        }
    )
    return object_schema({"verdicts": {"type": "array", "items": verdict}})


def insights_schema() -> dict[str, Any]:
    """The JSON schema of `Insights`."""
    insight = object_schema(
        {
            "headline": {"type": "string"},
            "text": {"type": "string"},
            "figures": {"type": "array", "items": {"type": "string"}},
        }
    )
    return object_schema({"insights": {"type": "array", "items": insight}})
