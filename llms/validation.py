"""Is this answer valid under the call's JSON schema? Compiled once, checked in one pass."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic_core import SchemaValidator, ValidationError, core_schema

from llms.repair import repair_json

_MOST_ERRORS = 6


class InvalidAnswerError(ValueError):
    """An answer that is not valid under its schema; the message lists what is wrong with it."""


def parse_answer(text: str, schema_text: str) -> tuple[dict[str, Any], bool]:
    """Parse and check an answer, repairing its notation if that suffices.

    Args:
        text: The answer as the model wrote it.
        schema_text: The JSON schema, as JSON.

    Returns:
        The answer, and whether it had to be repaired.

    Raises:
        InvalidAnswerError: It is not valid and free repair does not make it so.
    """
    validator = _validator(schema_text)
    try:
        return validator.validate_json(text), False
    except ValidationError as error:
        problem = _problem(error)
    repaired = repair_json(text)
    if repaired is None:
        raise InvalidAnswerError("the answer is not a JSON object" if text else "it is empty")
    try:
        return validator.validate_python(_fitted(repaired, json.loads(schema_text))), True
    except ValidationError as error:
        problem = _problem(error)
    raise InvalidAnswerError(problem)


@lru_cache(maxsize=512)
def _validator(schema_text: str) -> SchemaValidator:
    return SchemaValidator(_core(json.loads(schema_text)))


def _core(schema: Mapping[str, Any]) -> core_schema.CoreSchema:
    """The pydantic core schema of the JSON schemas docmill writes (see `schemas.answers`).

    Strict like the providers' own strict mode. `format` is not checked here: whether a date is
    one is judged per field, where only that field has to be asked again.
    """
    if "enum" in schema:
        return core_schema.literal_schema(list(schema["enum"]))
    if "anyOf" in schema:
        return _union(schema["anyOf"])
    kinds = schema.get("type")
    if isinstance(kinds, list):
        inner = _union([{**schema, "type": kind} for kind in kinds if kind != "null"])
        return core_schema.nullable_schema(inner) if "null" in kinds else inner
    match kinds:
        case "object":
            required = set(schema.get("required", ()))
            return core_schema.typed_dict_schema(
                {
                    name: core_schema.typed_dict_field(_core(inner), required=name in required)
                    for name, inner in schema.get("properties", {}).items()
                },
                extra_behavior="allow" if schema.get("additionalProperties", True) else "forbid",
            )
        case "array":
            return core_schema.list_schema(_core(schema.get("items", {})), strict=True)
        case "string":
            return core_schema.str_schema(strict=True)
        case "integer":
            return core_schema.int_schema(
                strict=True, ge=schema.get("minimum"), le=schema.get("maximum")
            )
        case "number":
            return core_schema.float_schema(
                strict=True,
                allow_inf_nan=False,
                ge=schema.get("minimum"),
                le=schema.get("maximum"),
            )
        case "boolean":
            return core_schema.bool_schema(strict=True)
        case "null":
            return core_schema.none_schema()
        case None:
            return core_schema.any_schema()
        case _:
            raise ValueError(f"the answer schema has the unknown type {kinds!r}")


def _union(options: Sequence[Mapping[str, Any]]) -> core_schema.CoreSchema:
    if len(options) == 1:
        return _core(options[0])
    return core_schema.union_schema([(_core(option), str(at)) for at, option in enumerate(options)])


def _fitted(value: Any, schema: Mapping[str, Any]) -> Any:
    """`value` with unknown properties left out and scalars in the notation the schema asks for.

    Only what says the same in another notation is changed: 12 for "12", "0.9" for 0.9.
    """
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, dict) and "object" in kinds:
        properties = schema.get("properties", {})
        return {
            name: _fitted(inner, properties[name])
            for name, inner in value.items()
            if name in properties
        }
    if isinstance(value, list) and "array" in kinds:
        return [_fitted(inner, schema.get("items", {})) for inner in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | Decimal) and "string" in kinds and not _is_number_allowed(kinds):
        return str(value)
    if isinstance(value, Decimal):
        is_whole = "integer" in kinds and value == value.to_integral_value()
        return int(value) if is_whole else float(value)
    if isinstance(value, str) and "string" not in kinds and _is_number_allowed(kinds):
        try:
            return int(value) if "integer" in kinds else float(value)
        except ValueError:
            return value
    return value


def _is_number_allowed(kinds: Any) -> bool:
    return "number" in kinds or "integer" in kinds


def _problem(error: ValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in entry['loc']) or 'the answer'}: {entry['msg']}"
        for entry in error.errors(include_url=False, include_input=False)
    ]
    more = len(problems) - _MOST_ERRORS
    shown = "; ".join(problems[:_MOST_ERRORS])
    return f"{shown}; and {more} more" if more > 0 else shown
