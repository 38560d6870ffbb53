"""What did the provider answer? Reading the body of a chat completion."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json


@dataclass(frozen=True, slots=True)
class Answer:
    """What docmill uses of a chat completion.

    Token counts are those the provider billed: `input_tokens` includes `cached_tokens`, and
    `output_tokens` includes `reasoning_tokens`. Without a usage block that can be believed they are
    all 0 and `has_usage` is false; `usage_problem` says why, where there was a block.
    """

    text: str
    finish_reason: str
    refusal: str | None = None
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    has_usage: bool = True
    logprobs: tuple[tuple[str, float], ...] | None = None
    usage_problem: str | None = None


MOST_TOKENS = 10**9
"""No call has that many: a usage beyond it is a fault of the provider's, not a bill."""

_NEEDED = ("prompt_tokens", "completion_tokens")


class MalformedBodyError(ValueError):
    """The body of a successful response is not a chat completion."""


def read_json(content: bytes) -> dict[str, Any] | None:
    """The JSON object in a response body, or None when there is none."""
    try:
        body = from_json(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def read_completion(body: dict[str, Any] | None) -> Answer:
    """Read the first choice and the usage of a chat completion; raises `MalformedBodyError`."""
    choices = body.get("choices") if body else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if body is None or choice is None or not isinstance(message, dict):
        raise MalformedBodyError("the response is not a chat completion")
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    problem = _usage_problem(usage)
    has_usage = problem is None and all(usage.get(name) is not None for name in _NEEDED)
    usage = usage if has_usage else {}
    refusal = message.get("refusal")
    return Answer(
        text=_text(message.get("content")),
        finish_reason=str(choice.get("finish_reason") or ""),
        refusal=refusal if isinstance(refusal, str) and refusal else None,
        input_tokens=_count(usage, "prompt_tokens"),
        cached_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        has_usage=has_usage,
        logprobs=_logprobs(choice.get("logprobs")),
        usage_problem=problem,
    )


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        # Some providers answer in parts, as requests may.
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def _usage_problem(usage: dict[str, Any]) -> str | None:
    wrong = [name for name in _NEEDED if usage.get(name) is not None and not _is_count(usage[name])]
    if not wrong:
        return None
    return f"the provider's usage cannot be believed: {' and '.join(wrong)} is no count of tokens"


def _is_count(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (isinstance(value, int) or value.is_integer()) and 0 <= value <= MOST_TOKENS


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return int(value) if value is not None and _is_count(value) else 0


def _logprobs(given: object) -> tuple[tuple[str, float], ...] | None:
    content = given.get("content") if isinstance(given, dict) else None
    if not isinstance(content, list):
        return None
    return tuple(
        (entry["token"], float(entry["logprob"]))
        for entry in content
        if isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
    )
