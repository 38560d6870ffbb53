"""What does an error of the provider look like? OpenAI's error object, or a proxy's page."""

from dataclasses import dataclass
from typing import Self

from pydantic_core import to_json

from llms.simulator.faults import FAULTS, Fault

JSON = b"application/json"
_HTML = b"text/html"


@dataclass(frozen=True, slots=True)
class Problem:
    """An error response: status, content type, body, and seconds to wait if it asks for that."""

    status: int
    content_type: bytes
    body: bytes
    wait_s: float | None = None

    @classmethod
    def of(
        cls,
        status: int,
        message: str,
        *,
        kind: str | None = "invalid_request_error",
        param: str | None = None,
        code: str | int | None = None,
        wait_s: float | None = None,
    ) -> Self:
        """An error object as OpenAI puts it; `kind` is its `type`."""
        error = {"message": message, "type": kind, "param": param, "code": code}
        return cls(status, JSON, to_json({"error": error}), wait_s)


def _page(status: int, title: str) -> Problem:
    html = (
        f"<html><head><title>{status} {title}</title></head>"
        f"<body><center><h1>{status} {title}</h1></center></body></html>"
    )
    return Problem(status, _HTML, html.encode())


_UPSTREAM = Problem.of(200, "The upstream provider failed.", kind=None, code=502)
_OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def fault_problem(
    fault: Fault, model: str = "", key: str = "", *, wait_s: float = 0.0, tokens: int = 0
) -> Problem:
    """The error response of a fault of kind error.

    Args:
        fault: Which one.
        model: The model that was asked for.
        key: The key that came with the request; empty without one.
        wait_s: Seconds to wait, where the error asks for that.
        tokens: How long the request is, for an error that finds it too long.
    """
    match fault:
        case Fault.SERVER_ERROR:
            return Problem.of(500, "The server had an error on its side.", kind="server_error")
        case Fault.BAD_GATEWAY:
            return _page(502, "Bad Gateway")
        case Fault.GATEWAY_TIMEOUT:
            return _page(504, "Gateway Time-out")
        case Fault.UNAVAILABLE:
            return Problem.of(
                503, "The engine is overloaded; slow down.", kind="server_error", wait_s=wait_s
            )
        case Fault.OVERLOADED:
            return Problem(529, JSON, to_json(_OVERLOADED), wait_s)
        case Fault.ERROR_IN_200:
            return _UPSTREAM
        case Fault.RATE_LIMITED:
            return rate_limited(model, "requests", "too many of them arrived", wait_s)
        case Fault.QUOTA:
            return Problem.of(
                429,
                "You exceeded your current quota; check your plan and billing details.",
                kind="insufficient_quota",
                code="insufficient_quota",
            )
        case Fault.RESOURCE_UNAVAILABLE:
            return Problem.of(
                429,
                "The flex tier has no capacity at the moment; try again later.",
                kind="resource_unavailable",
                code="resource_unavailable",
                wait_s=wait_s,
            )
        case Fault.AUTH:
            return Problem.of(401, _bad_key(key), code="invalid_api_key")
        case Fault.MODEL_GONE:
            return Problem.of(
                404,
                f"The model `{model}` does not exist or you do not have access to it.",
                code="model_not_found",
            )
        case Fault.CONTEXT_TOO_LONG:
            return context_too_long(tokens // 2, tokens)
        case Fault.UNSUPPORTED:
            return unsupported("response_format")
        case Fault.PROMPT_BLOCKED:
            return Problem.of(
                400,
                "The prompt was filtered by the content management policy.",
                kind=None,
                param="prompt",
                code="content_filter",
            )
    raise ValueError(f"{fault} is no fault of kind {FAULTS[Fault.AUTH].kind}")


def rate_limited(model: str, what: str, detail: str, wait_s: float | None) -> Problem:
    """A 429 for the rate of `what`: requests, tokens, input_tokens, output_tokens, in_flight."""
    then = f" Try again in {wait_s:.3f}s." if wait_s is not None else ""
    return Problem.of(
        429,
        f"Rate limit reached for {model} on {what}: {detail}.{then}",
        kind="tokens" if "tokens" in what else "requests",
        code="rate_limit_exceeded",
        wait_s=wait_s,
    )


def context_too_long(most: int, given: int) -> Problem:
    """A 400 for a request of `given` tokens where `most` fit."""
    return Problem.of(
        400,
        f"This model's maximum context length is {most} tokens, but the request takes {given}; "
        "shorten the messages or the completion.",
        param="messages",
        code="context_length_exceeded",
    )


def unsupported(parameter: str) -> Problem:
    """A 400 for a parameter that the model does not take."""
    if parameter == "response_format":
        # Told in the message only: this is the error that names no `param` and no `code`.
        return Problem.of(
            400,
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with "
            "this model.",
        )
    return Problem.of(
        400,
        f"Unsupported parameter: '{parameter}' is not supported with this model.",
        param=parameter,
        code="unsupported_parameter",
    )


def _bad_key(key: str) -> str:
    if not key:
        return "You didn't provide an API key; send it in the Authorization header as a Bearer."
    masked = f"{key[:3]}{'*' * max(0, len(key) - 7)}{key[-4:]}" if len(key) > 8 else "****"
    return f"Incorrect API key provided: {masked}."
