"""What is wrong with a file of settings? The first complaint of pydantic as a person reads it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.providers import guessed

_OTHER_WORDS = dict.fromkeys(
    ("api_key", "apikey", "key", "token"),
    "name the environment variable that holds it in key_env",
)
"""What people write whom no likeness of letters would lead to the right setting."""

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list such as [a, b]",
    "dict_type": "a mapping such as {name: value}",
    "model_type": "a mapping",
    "date_type": "a date such as 2026-07-31",
    "date_parsing": "a date such as 2026-07-31",
    "date_from_datetime_parsing": "a date such as 2026-07-31",
    "time_type": "a time such as 06:00",
    "datetime_type": "a date and time such as 2026-07-31T06:00",
}
"""What should stand where something of another kind does, by pydantic's type of the error."""

_BOUNDS = {
    "greater_than": "should be more than {gt}",
    "greater_than_equal": "should be at least {ge}",
    "less_than": "should be less than {lt}",
    "less_than_equal": "should be at most {le}",
    "too_short": "should hold at least {min_length}",
    "missing": "is missing",
}

_KEY = "[key]"
"""Pydantic's last part of the place of a name in a mapping."""

_MANY = 9
"""Names that are listed only where none is like what was written."""

_PLAIN_BRANCHES = {"str", "int", "float", "bool", "date", "time", "datetime"}
"""Kinds without a class of ours that stand in unions of settings."""


def first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem as `place: what is wrong (and N more)`, without the value that is there.

    Args:
        error: What the validation of `model` raised.
        model: Knows the names that a misspelt one may have meant.
    """
    schema = model.model_json_schema()
    parts = {schema.get("title"): schema, **schema.get("$defs", {})}
    problems = _of_meant_branches(_causes(error.errors()), set(parts), 0)
    first, place = problems[0], _place(problems[0]["loc"], set(parts))
    message = _message(first, parts)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {message}{more}" if place else f"{message}{more}"


def _causes(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """The errors without lists that are too short only because what stands in them is wrong."""
    longer = {error["loc"][:end] for error in errors for end in range(len(error["loc"]))}
    causes = [e for e in errors if e["type"] != "too_short" or e["loc"] not in longer]
    # What is missing beside a setting that does not exist has most likely been misspelt.
    misspelt = {e["loc"][:-1] for e in causes if e["type"] == "extra_forbidden"}
    return sorted(causes, key=lambda e: e["type"] == "missing" and e["loc"][:-1] in misspelt)


def _of_meant_branches(
    errors: Sequence[ErrorDetails], classes: set[Any], start: int
) -> list[ErrorDetails]:
    """The errors without those of branches of a union that nobody meant.

    Pydantic tells what is wrong under every branch. Meant is the one of the kind that is there, and
    of several the one with the fewest errors. Where none is of that kind, all their errors become
    one that names the kinds.
    """
    kept: list[ErrorDetails] = []
    unions: dict[tuple[int | str, ...], dict[int | str, list[ErrorDetails]]] = {}
    for error in errors:
        loc = error["loc"]
        branch = next((i for i in range(start, len(loc)) if _is_branch(loc[i], classes)), None)
        if branch is None:
            kept.append(error)
        else:
            unions.setdefault(loc[:branch], {}).setdefault(loc[branch], []).append(error)
    for place, branches in unions.items():
        below = len(place) + 1
        tried = [_of_meant_branches(found, classes, below) for found in branches.values()]
        meant = [found for found in tried if not _is_of_another_kind(found[0], below)]
        if meant:
            fewest = min(meant, key=len)
            kept += fewest
        else:
            kept.append({**tried[0][0], "ctx": {"kinds": [found[0] for found in tried]}})
    return kept


def _is_of_another_kind(error: ErrorDetails, depth: int) -> bool:
    return error["type"] in _KINDS and len(error["loc"]) == depth


def _place(loc: tuple[int | str, ...], classes: set[Any]) -> str:
    return ".".join(str(part) for part in loc if part != _KEY and not _is_branch(part, classes))


def _is_branch(part: int | str, classes: set[Any]) -> bool:
    """Whether a part of a place names the branch of a union rather than a setting."""
    if not isinstance(part, str):
        return False
    return part in classes or part in _PLAIN_BRANCHES or "[" in part


def _message(error: ErrorDetails, parts: Mapping[Any, Mapping[str, Any]]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(error["loc"][-1])
        known = {known for part in parts.values() for known in part.get("properties", {})}
        names = sorted(known - {name})  # it may be a setting, but of another place
        hint = _OTHER_WORDS.get(name) or guessed(name, names)
        return f"there is no such setting{'; ' + hint if hint else ''}"
    if kind in _KINDS:
        kinds = dict.fromkeys(_kind(one, parts) for one in context.get("kinds", [error]))
        return f"should be {' or '.join(kinds)}"
    if kind in ("enum", "literal_error"):
        choices = re.findall(r"'([^']*)'", context["expected"])
        guess = guessed(str(error["input"]), choices)
        # A list that fills the screen tells less than the one that was meant.
        if guess and (error["loc"][-1] == _KEY or len(choices) > _MANY):
            return f"there is no such choice; {guess}"
        return f"should be {context['expected']}"
    if kind == "invalid_key":
        return "there is no such setting"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**{name: _plain(value) for name, value in context.items()})
    return error["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")


def _plain(bound: object) -> object:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _kind(error: ErrorDetails, parts: Mapping[Any, Mapping[str, Any]]) -> str:
    part = parts.get(error.get("ctx", {}).get("class_name"), {})
    for name in part.get("properties", {}):
        return f"a mapping such as {{{name}: ...}}"
    return _KINDS[error["type"]]
