"""What a planner answers: a job proposed from a goal and some documents, a reason for each choice.

The answer is smaller than a job: what a plan has no business deciding (models, money, lanes) it
cannot say.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.fields import FieldSource, FieldType
from schemas.job import Metric

PLAN = "docmill_plan"
"""Name of the answer's JSON schema."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PlannedField(_Answer):
    """A field to extract, as `schemas.fields.FieldSpec` describes it."""

    name: str
    type: FieldType
    description: str
    labels: list[str]
    source: FieldSource
    required: bool
    multi: bool
    choices: list[str] = Field(description="The values of a category; else empty.")
    pattern: str | None
    minimum: float | None
    maximum: float | None
    reason: str


class KeptField(_Answer):
    """A field of a shipped type that is wanted."""

    name: str
    reason: str


class PlannedType(_Answer):
    """A document type: a shipped one (`use`) with the fields that are wanted of it, or an own one.

    Of a shipped type, `fields` come beside those that are kept, and `description` and `signals`
    stay as they ship.
    """

    name: str = Field(description="Name of the type; of a shipped one, its own name.")
    use: str | None = Field(description="The shipped type that it is; null for an own one.")
    description: str = Field(description="What such a document is.")
    signals: list[str] = Field(description="Words and phrases that such documents carry.")
    match: list[str] = Field(description="Globs over the path, where the path tells the type.")
    keep: list[KeptField] = Field(description="Fields of the shipped type that are wanted.")
    fields: list[PlannedField] = Field(description="Own fields.")
    reason: str


class PlannedMetric(_Answer):
    """A question to the records, as `schemas.job.Metric` describes it."""

    id: str
    title: str
    sql: str
    unit: str
    chart: Literal["auto", "bar", "line", "none"]
    reason: str

    @property
    def metric(self) -> Metric:
        """The metric of a job; raises `pydantic.ValidationError` when it is none."""
        return Metric.model_validate(self.model_dump(exclude={"reason"}))


class PlannedReport(_Answer):
    """How the report is presented."""

    title: str
    reason: str


class JobPlan(_Answer):
    """A planner's answer."""

    description: str = Field(description="What the documents are and what is wanted of them.")
    types: list[PlannedType]
    fallback_type: str | None = Field(
        description="Type of a document that is none of the others; null: a dead letter."
    )
    fallback_reason: str
    metrics: list[PlannedMetric]
    report: PlannedReport


def plan_schema() -> dict[str, Any]:
    """The strict JSON schema of a `JobPlan`: every property required, no other ones."""
    schema = JobPlan.model_json_schema()
    parts: dict[str, Any] = schema.pop("$defs")
    plain: dict[str, Any] = _inlined(schema, parts)
    return plain


def _inlined(node: Any, parts: dict[str, Any]) -> Any:
    """A schema without references and titles, with unions as lists of types."""
    if isinstance(node, list):
        return [_inlined(item, parts) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        named = _inlined(parts[node["$ref"].rsplit("/", 1)[1]], parts)
        return {**named, **{k: v for k, v in node.items() if k != "$ref"}}
    if "anyOf" in node:
        union = [option["type"] for option in node["anyOf"]]
        return {"type": union, **{k: v for k, v in node.items() if k in ("description",)}}
    kept = {k: _inlined(v, parts) for k, v in node.items() if k not in ("title", "properties")}
    if "properties" in node:
        # A property may be called title, which elsewhere is a word about the schema.
        properties = {k: _inlined(v, parts) for k, v in node["properties"].items()}
        kept |= {"properties": properties, "required": list(properties)}
        # The classes' docstrings are for us.
        kept.pop("description", None)
    return kept
