"""What does a batch ask for? Its input file, checked line by line as the Batch API does."""

import re
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from llms.simulator.chat import BadRequestError, Chat

ENDPOINT = "/v1/chat/completions"
"""The one endpoint that batches may ask."""

_WINDOW = re.compile(r"(\d+)(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MOST_ERRORS = 100


class Line(NamedTuple):
    """A request of a batch: its custom id, its body in compact JSON, its model, prompt tokens."""

    custom_id: str
    raw: bytes
    model: str
    prompt_tokens: int


def window_seconds(window: object) -> int | None:
    """Seconds of a completion window such as `24h`; null for what is none."""
    found = _WINDOW.fullmatch(window) if isinstance(window, str) else None
    return int(found[1]) * _SECONDS[found[2]] if found else None


def read_lines(
    content: bytes, *, most_requests: int, most_bytes: int
) -> tuple[list[Line], list[dict[str, Any]]]:
    """The requests of an input file and what is wrong with it, in the API's error objects.

    Args:
        content: The file, one JSON object per line.
        most_requests: Requests a batch may hold.
        most_bytes: Bytes a file may have.
    """
    if len(content) > most_bytes:
        return [], [batch_error("invalid_file", f"The file is larger than {most_bytes} bytes.")]
    lines: list[Line] = []
    errors: list[dict[str, Any]] = []
    seen: set[str] = set()
    for number, text in enumerate(content.split(b"\n"), 1):
        if not text.strip():
            continue
        try:
            line = _read_line(text)
        except ValueError as error:
            errors.append(batch_error("invalid_json_line", str(error), number))
            continue
        if line.custom_id in seen:
            told = f"The custom_id {line.custom_id!r} is used twice."
            errors.append(batch_error("duplicate_custom_id", told, number, "custom_id"))
        if lines and line.model != lines[0].model:
            told = f"A batch asks one model; here are {lines[0].model} and {line.model}."
            errors.append(batch_error("mismatched_model", told, number, "body.model"))
        seen.add(line.custom_id)
        lines.append(line)
    if not lines and not errors:
        errors.append(batch_error("empty_file", "The file has no requests."))
    if len(lines) > most_requests:
        told = f"A batch holds at most {most_requests} requests; these are {len(lines)}."
        errors.append(batch_error("too_many_tasks", told))
    return lines, errors[:_MOST_ERRORS]


def batch_error(
    code: str, message: str, line: int | None = None, param: str | None = None
) -> dict[str, Any]:
    """An entry of a batch's `errors`."""
    return {"code": code, "message": message, "line": line, "param": param}


def _read_line(text: bytes) -> Line:
    """One line; raises `ValueError` with what is wrong."""
    given = from_json(text)
    if not isinstance(given, dict):
        raise ValueError("This line is not a JSON object.")
    custom_id = given.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        raise ValueError("This line has no custom_id.")
    if given.get("method") != "POST" or given.get("url") != ENDPOINT:
        raise ValueError(f"This line must have method POST and url {ENDPOINT}.")
    body = given.get("body")
    try:
        chat = Chat.of(body)
    except BadRequestError:
        # What is wrong with a body is told in its result; a line needs no more than a model.
        model = body.get("model") if isinstance(body, dict) else None
        if not isinstance(model, str):
            raise ValueError("This line's body has no model.") from None
        return Line(custom_id, to_json(body), model, 0)
    return Line(custom_id, to_json(body), chat.model, chat.prompt_tokens)
