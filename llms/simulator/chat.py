"""What does the body of a chat completion ask for? Read once, checked as a provider would."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from llms.pricing import estimate_tokens
from llms.simulator.errors import Problem

_FORMAT = b'"response_format":'
_SCHEMA_FOLLOWS = "JSON schema:"
_NAMES = {
    frozenset({"document_type", "confidence"}): "docmill_route",
    frozenset({"verdicts"}): "docmill_verdicts",
    frozenset({"insights"}): "docmill_insights",
}
"""What a question is called, by the properties of its answer, where a request cannot say it."""


class BadRequestError(ValueError):
    """A body that is no chat completion, with the error response it gets."""

    problem: Problem

    @classmethod
    def of(cls, message: str, *, param: str | None = None) -> "BadRequestError":
        error = cls(message)
        error.problem = Problem.of(400, message, param=param)
        return error


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat completion as it is asked.

    Attributes:
        model: Name of the model.
        messages: As they stand in the request.
        schema_name: Of the answer's schema; empty where none is asked for.
        schema: The answer's JSON schema, null where none is asked for.
        schema_text: The same as JSON; it stands in the prompt and is billed with it.
        prompt_tokens: An estimate from the length of messages and schema.
        most_output: Limit of the output in tokens; null where the request sets none.
        tier: The service tier asked for.
        parameters: Names of the request's fields.
    """

    model: str
    messages: list[Mapping[str, Any]]
    schema_name: str
    schema: Mapping[str, Any] | None
    schema_text: bytes
    prompt_tokens: int
    most_output: int | None
    tier: str
    parameters: frozenset[str]

    @classmethod
    def read(cls, raw: bytes) -> "Chat":
        """Read the body of a request; raises `BadRequestError`."""
        head, found, tail = raw.partition(_FORMAT)
        if found and (end := _read_end(tail)) is not None:
            front = head.rstrip()
            try:
                body = from_json(front.removesuffix(b",") + b"}")
            except ValueError:
                body = None  # it was not a field of the request itself
            if isinstance(body, dict) and front[-1:] in (b",", b"{"):
                return cls.of(body | end.fields, end.schema_text)
        try:
            body = from_json(raw)
        except ValueError as error:
            raise BadRequestError.of(f"The body is not JSON: {error}.") from error
        return cls.of(body)

    @classmethod
    def of(cls, body: Any, schema_text: bytes | None = None) -> "Chat":
        """The request that a parsed body stands for.

        Args:
            body: The body.
            schema_text: The schema in its `response_format` as JSON, if that is known.

        Raises:
            BadRequestError: It is no chat completion.
        """
        if not isinstance(body, dict):
            raise BadRequestError.of("The body is not a JSON object.")
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise BadRequestError.of("You must provide a model parameter.", param="model")
        if body.get("stream"):
            raise BadRequestError.of("Streaming is not simulated.", param="stream")
        if body.get("n", 1) not in (1, None):
            raise BadRequestError.of("Only one choice is simulated; n must be 1.", param="n")
        messages: Any = body.get("messages")
        chars = _length(messages)
        name, schema, in_prompt = _asked_schema(body.get("response_format"), messages)
        if schema_text is None:
            schema_text = to_json(schema) if schema is not None else b""
        billed = chars + (0 if in_prompt else len(schema_text))
        return cls(
            model=model,
            messages=messages,
            schema_name=name,
            schema=schema,
            schema_text=schema_text,
            prompt_tokens=estimate_tokens(billed),
            most_output=_output_limit(body),
            tier=str(body.get("service_tier") or "auto"),
            parameters=frozenset(body),
        )


class _End(NamedTuple):
    """The end of a body, from `response_format` on: its fields, and its schema as JSON."""

    fields: dict[str, Any]
    schema_text: bytes | None


# Half of a request is its answer's schema, the same in thousands of them: parsed once. In a JSON
# text `"response_format":` is never part of a string, where its quotes would be escaped.
@lru_cache(maxsize=256)
def _read_end(tail: bytes) -> _End | None:
    try:
        fields = from_json(b"{" + _FORMAT + tail)
    except ValueError:
        return None
    given = fields["response_format"]
    named = given.get("json_schema") if isinstance(given, dict) else None
    schema = named.get("schema") if isinstance(named, dict) else None
    return _End(fields, to_json(schema) if isinstance(schema, dict) else None)


def _length(messages: Any) -> int:
    """Characters of all messages, which are checked on the way."""
    if not isinstance(messages, list) or not messages:
        raise BadRequestError.of("messages must be a list of messages.", param="messages")
    chars = 0
    for index, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, str):
            chars += len(content)
        elif isinstance(content, list):
            chars += sum(len(str(part.get("text", ""))) for part in content if _is_part(part))
        elif not isinstance(message, dict) or "role" not in message:
            raise BadRequestError.of(
                f"messages[{index}] must be an object with a role and a content.",
                param="messages",
            )
    return chars


def _is_part(part: Any) -> bool:
    return isinstance(part, dict)


def _output_limit(body: Mapping[str, Any]) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        limit = body.get(name)
        if limit is None:
            continue
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise BadRequestError.of(f"{name} must be a whole number above 0.", param=name)
        return limit
    return None


def _asked_schema(
    response_format: Any, messages: list[Mapping[str, Any]]
) -> tuple[str, Mapping[str, Any] | None, bool]:
    """Name and schema of the answer, and whether the schema stands in the messages already."""
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if response_format is None or kind in ("text", "json_object"):
        schema = _schema_in_prompt(messages)
        if schema is None:
            return "", None, False
        properties = schema.get("properties")
        names = frozenset(properties if isinstance(properties, dict) else ())
        return _NAMES.get(names, "answer"), schema, True
    named = response_format.get("json_schema") if kind == "json_schema" else None
    if (
        not isinstance(named, dict)
        or not isinstance(named.get("name"), str)
        or not isinstance(named.get("schema"), dict)
    ):
        raise BadRequestError.of(
            "response_format must be text, json_object, or a json_schema with name and schema.",
            param="response_format",
        )
    return named["name"], named["schema"], False


def _schema_in_prompt(messages: list[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The schema at the end of the first message, where one is announced there."""
    content = messages[0].get("content")
    if not isinstance(content, str):
        return None
    _, announced, schema_text = content.rpartition(_SCHEMA_FOLLOWS)
    if not announced:
        return None
    try:
        schema = from_json(schema_text.strip())
    except ValueError:
        return None
    return schema if isinstance(schema, dict) else None
