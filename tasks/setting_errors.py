"""What is wrong with a file of settings? The first complaint of pydantic as a person reads it."""

from typing import Any

from pydantic import BaseModel, ValidationError

from schemas.providers import guessed

_OTHER_WORDS = dict.fromkeys(
    ("api_key", "apikey", "key", "token"),
    "name the environment variable that holds it in key_env",
)
"""What people write whom no likeness of letters would lead to the right setting."""


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem as `place: what is wrong (and N more)`, without the value that is there.

    Args:
        error: What the validation of `model` raised.
        model: Knows the names that a misspelt one may have meant.
    """
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    classes = {part.get("title") for part in parts}
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not _is_branch(part, classes))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        names = sorted({name for part in parts for name in part.get("properties", {})})
        name = str(first["loc"][-1])
        hint = _OTHER_WORDS.get(name) or guessed(name, names)
        message = f"there is no such setting{'; ' + hint if hint else ''}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {message}{more}" if place else f"{message}{more}"


def _is_branch(part: int | str, classes: set[Any]) -> bool:
    """Whether a part of a place names the branch of a union rather than a setting."""
    return isinstance(part, str) and (part in classes or part == "str" or "[" in part)
