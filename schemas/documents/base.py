"""How a pydantic model becomes a document type: annotations give types, `extracted` the meaning."""

import types
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Literal, NewType, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from schemas.fields import DocumentType, FieldSource, FieldSpec, FieldType

Duration = NewType("Duration", str)
"""A span of time in the notation `<number> <unit>`, for instance `2 years`."""

_TYPES: dict[Any, FieldType] = {
    str: FieldType.STRING,
    int: FieldType.INTEGER,
    Decimal: FieldType.DECIMAL,
    bool: FieldType.BOOLEAN,
    date: FieldType.DATE,
    datetime: FieldType.DATETIME,
    Duration: FieldType.DURATION,
}


def extracted(description: str, **rules: Any) -> Any:
    """Declare a field of an extraction schema.

    Args:
        description: What the field means; the model reads it.
        rules: Any other attribute of `FieldSpec` but its name and type (`required`, `labels`,
            `source`, `pattern`, `sum_of`, ...).
    """
    return Field(default=None, description=description, json_schema_extra={"docmill": rules})


class DocumentSchema(BaseModel):
    """Base of the extraction schemas: one class per document type, one annotation per field.

    `X | None` is a single value, `list[X]` a repeatable one, `Literal` or a `StrEnum` a category.
    The class docstring describes the type to the router; `signals` are words that give it away.
    """

    model_config = ConfigDict(extra="forbid")

    signals: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def document_type(cls) -> DocumentType:
        """This schema as the value that travels through the pipeline."""
        return DocumentType(
            name=_snake_case(cls.__name__),
            description=" ".join((cls.__doc__ or "").split()),
            fields=tuple(_field_spec(name, info) for name, info in cls.model_fields.items()),
            signals=cls.signals,
        )


def _field_spec(name: str, info: FieldInfo) -> FieldSpec:
    inner, multi = _unwrap(info.annotation)
    field_type, choices = _field_type(inner)
    extra = info.json_schema_extra
    told = extra.get("docmill") if isinstance(extra, dict) else None
    rules: dict[str, Any] = dict(told) if isinstance(told, dict) else {}
    if field_type is FieldType.CATEGORY:
        rules = {"source": FieldSource.INFERRED, **rules, "choices": choices}
    return FieldSpec(
        name=name, type=field_type, multi=multi, description=info.description or "", **rules
    )


def _unwrap(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
    if get_origin(annotation) is list:
        return get_args(annotation)[0], True
    return annotation, False


def _field_type(annotation: Any) -> tuple[FieldType, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return FieldType.CATEGORY, tuple(str(value) for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return FieldType.CATEGORY, tuple(member.value for member in annotation)
    if annotation not in _TYPES:
        raise TypeError(f"no field type for annotation {annotation!r}")
    return _TYPES[annotation], ()


def _snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
