"""What may be asked of a document: one field, and the document type that groups fields."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

FIELD_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,62}$"

RESERVED = ("doc_id", "uri", "record_key")
"""Columns that every record has beside its fields."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class FieldType(StrEnum):
    """What a value is once it has been read.

    The canonical notation of a value, everywhere between an answer and a table, is a string:
    ISO 8601 for `date` (2026-07-10) and `datetime` (with offset where the source has one), plain
    digits with a point for `integer` and `decimal` (1234.50), `true` or `false` for `boolean`,
    `<number> <unit>` for `duration` (2 years), one of the choices for `category`.
    """

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    DURATION = "duration"
    CATEGORY = "category"


class FieldSource(StrEnum):
    """Where the value of a field may come from."""

    TEXT = "text"
    INFERRED = "inferred"


class FieldSpec(BaseModel):
    """One field to extract: its meaning, its type and the rules its values must obey."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=FIELD_NAME, description="Column name of the field.")
    type: FieldType = Field(default=FieldType.STRING, description="What a value is.")
    description: str = Field(
        default="", description="What the field means; the model reads this sentence."
    )
    labels: tuple[str, ...] = Field(
        default=(), description="Words that documents print beside the value, in any language."
    )
    required: bool = Field(
        default=False,
        description="Without a value the document goes to the dead letters; otherwise it is null.",
    )
    multi: bool = Field(default=False, description="The field holds a list of values.")
    source: FieldSource = Field(
        default=FieldSource.TEXT,
        description="`text`: the value stands in the document; `inferred`: it may be concluded.",
    )
    as_printed: bool = Field(
        default=False,
        description="Keep the notation of the document (a date or an amount stays a string).",
    )
    choices: tuple[str, ...] = Field(default=(), description="The values of a category.")
    pattern: str | None = Field(
        default=None, description="Regular expression that a whole value must match."
    )
    minimum: float | None = Field(default=None, description="Smallest number accepted.")
    maximum: float | None = Field(default=None, description="Largest number accepted.")
    max_length: int = Field(default=2000, ge=1, description="Longest value, in characters.")
    sum_of: tuple[str, ...] = Field(
        default=(), description="Fields of this type whose values must add up to this one."
    )
    not_before: str | None = Field(
        default=None, description="Date field of this type that this one must not precede."
    )

    @model_validator(mode="after")
    def _pattern_compiles(self) -> Self:
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise ValueError(
                f"field {self.name!r}: pattern {self.pattern!r} is no regular expression: {error}"
            ) from None
        return self

    @model_validator(mode="after")
    def _some_number_is_accepted(self) -> Self:
        if self.minimum is None or self.maximum is None:
            return self
        if self.minimum > self.maximum:
            raise ValueError(
                f"field {self.name!r}: its minimum {self.minimum:g} is over its maximum "
                f"{self.maximum:g}"
            )
        return self

    @model_validator(mode="after")
    def _category_has_choices(self) -> Self:
        if self.type is FieldType.CATEGORY and not self.choices:
            raise ValueError(f"field {self.name!r} is a category and needs `choices`")
        if self.choices and self.type is not FieldType.CATEGORY:
            raise ValueError(
                f"field {self.name!r} has `choices` but is a {self.type.value}; make it a category"
            )
        return self


class DocumentType(BaseModel):
    """A kind of document: how to recognise it and what to extract from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=FIELD_NAME, description="Name of the type and of its table.")
    description: str = Field(
        default="", description="What such a document is; the router reads it."
    )
    fields: tuple[FieldSpec, ...] = Field(min_length=1, description="What to extract.")
    match: tuple[str, ...] = Field(
        default=(), description="Globs over the path: a document that matches is of this type."
    )
    signals: tuple[str, ...] = Field(
        default=(),
        description="Words and phrases that such documents carry, in any language; they vote.",
    )

    @model_validator(mode="after")
    def _names_are_consistent(self) -> Self:
        names = [spec.name for spec in self.fields]
        # SQL does not tell names apart by case, and every field becomes a column.
        folded = [name.casefold() for name in names]
        for name in names:
            if folded.count(name.casefold()) > 1:
                raise ValueError(f"type {self.name!r} names field {name!r} twice (case aside)")
            if name.casefold() in RESERVED:
                raise ValueError(
                    f"type {self.name!r} has a field called {name!r}; {', '.join(RESERVED)} are "
                    "columns of every record, choose another name"
                )
        for spec in self.fields:
            unknown = sorted({*spec.sum_of, *filter(None, [spec.not_before])} - set(names))
            if unknown:
                raise ValueError(
                    f"field {spec.name!r} of type {self.name!r} refers to unknown field "
                    f"{unknown[0]!r}"
                )
        return self

    def field(self, name: str) -> FieldSpec:
        """Return the field called `name`; `KeyError` when there is none."""
        for spec in self.fields:
            if spec.name == name:
                return spec
        raise KeyError(name)

    def subset(self, names: set[str]) -> Self:
        """The same type with only the fields in `names`, in their order, cross-references cut."""
        return type(self)(
            name=self.name,
            description=self.description,
            fields=tuple(self._detached(names)),
            match=self.match,
            signals=self.signals,
        )

    def _detached(self, names: set[str]) -> Iterator[FieldSpec]:
        for spec in self.fields:
            if spec.name in names:
                keep_sum = set(spec.sum_of) <= names
                keep_order = spec.not_before is None or spec.not_before in names
                yield spec.model_copy(
                    update={
                        "sum_of": spec.sum_of if keep_sum else (),
                        "not_before": spec.not_before if keep_order else None,
                    }
                )
