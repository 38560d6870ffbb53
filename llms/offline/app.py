"""How are the rules reached like any provider? An ASGI application that speaks Chat Completions."""

import hashlib
import json
import math
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from llms.offline.engine import CAREFUL, QUICK, RULES_VERSION, answer
from llms.offline.questions import MalformedQuestionError

__all__ = ["CAREFUL", "CHAT", "PROCESSING_MS", "QUICK", "create_app", "respond"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

CHAT = "/v1/chat/completions"
PROCESSING_MS = "openai-processing-ms"
"""Header of every answer: the CPU time that making it took, in milliseconds."""

_MODELS = (QUICK, CAREFUL)
_CHARS_PER_TOKEN = 4
_PLAIN = "These are rules, not a language model; they answer questions with a docmill JSON schema."
_MAX_BODY = 64 << 20


class _RequestError(Exception):
    """A request that gets an error answer: its HTTP status and OpenAI's error object."""

    status: int
    body: dict[str, Any]

    @classmethod
    def of(
        cls, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> "_RequestError":
        error = cls(message)
        error.status = status
        error.body = {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": param,
                "code": code,
            }
        }
        return error


def _too_large() -> _RequestError:
    return _RequestError.of(413, f"The body is larger than {_MAX_BODY >> 20} MiB.")


def create_app(*, clock: Callable[[], float] = time.time) -> AsgiApp:
    """An ASGI application with `POST /v1/chat/completions` and `GET /v1/models`.

    It needs no key and keeps no state: the same request gets the same answer, `created` aside.
    Errors come in OpenAI's shape: 400 for a malformed request, 404 for an unknown model or path.

    Args:
        clock: Seconds since the epoch, for `created`.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        try:
            raw = await _read(receive)
            started = time.thread_time()
            status, payload = respond(scope["method"], scope["path"], raw, int(clock()))
            took_s = time.thread_time() - started
        except _RequestError as error:
            status, payload, took_s = error.status, _written(error.body), 0.0
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(payload)).encode()),
            (PROCESSING_MS.encode(), b"%.3f" % (took_s * 1000)),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": payload})

    return app


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def respond(method: str, path: str, raw: bytes, created: int) -> tuple[int, bytes]:
    """The status and the body of the answer to a request.

    Args:
        method: Of the HTTP request.
        path: Of the HTTP request, `/v1` included.
        raw: Its body.
        created: Seconds since the epoch, for the answer.
    """
    try:
        return 200, _written(_answered(method, path.rstrip("/"), raw, created))
    except _RequestError as error:
        return error.status, _written(error.body)


def _written(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _answered(method: str, path: str, raw: bytes, created: int) -> dict[str, Any]:
    if path == "/v1/models" and method == "GET":
        return {"object": "list", "data": [_model(name) for name in _MODELS]}
    if path.startswith("/v1/models/") and method == "GET":
        return _model(_known_model(path.rsplit("/", 1)[1]))
    if path != CHAT:
        raise _RequestError.of(404, f"Unknown request URL: {method} {path}.", code="unknown_url")
    if method != "POST":
        raise _RequestError.of(405, f"{method} is not allowed here; use POST.")
    if len(raw) > _MAX_BODY:
        raise _too_large()
    try:
        request = json.loads(raw)
    except ValueError as error:
        raise _RequestError.of(400, f"The body is not JSON: {error}.") from error
    return _completion(request, hashlib.sha256(raw).hexdigest(), created)


async def _read(receive: Receive) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _RequestError.of(400, "The request ended before its body did.")
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > _MAX_BODY:
            raise _too_large()
        if not message.get("more_body"):
            return b"".join(chunks)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "docmill"}


def _known_model(name: Any) -> str:
    if name not in _MODELS:
        raise _RequestError.of(
            404,
            f"The model {name!r} does not exist; there are {QUICK} and {CAREFUL}.",
            param="model",
            code="model_not_found",
        )
    return str(name)


def _completion(request: Any, digest: str, created: int) -> dict[str, Any]:
    if not isinstance(request, dict):
        raise _RequestError.of(400, "The body is not a JSON object.")
    if not isinstance(request.get("model"), str):
        raise _RequestError.of(400, "You must provide a model parameter.", param="model")
    model = _known_model(request["model"])
    messages = _messages(request.get("messages"))
    if request.get("stream"):
        raise _RequestError.of(400, "Streaming is not supported.", param="stream")
    named = _json_schema(request.get("response_format"))
    schema_text = ""
    if named is None:
        content = _PLAIN
    else:
        name, schema = named
        schema_text = json.dumps(schema)
        try:
            answered = answer(model, messages, name, schema)
        except MalformedQuestionError as error:
            raise _RequestError.of(400, str(error), param="messages") from error
        content = json.dumps(answered, ensure_ascii=False)
    asked = sum(len(str(message["content"])) for message in messages) + len(schema_text)
    prompt_tokens = math.ceil(asked / _CHARS_PER_TOKEN)
    completion_tokens = math.ceil(len(content) / _CHARS_PER_TOKEN)
    return {
        "id": f"chatcmpl-{digest[:24]}",
        "object": "chat.completion",
        "created": created,
        "model": model,
        "system_fingerprint": f"docmill-rules-{RULES_VERSION}",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def _messages(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not given:
        raise _RequestError.of(400, "messages must be a list of messages.", param="messages")
    for index, message in enumerate(given):
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, (str, list)):
            raise _RequestError.of(
                400,
                f"messages[{index}] must be an object with a role and a content.",
                param="messages",
            )
    return given


def _json_schema(given: Any) -> tuple[str, dict[str, Any]] | None:
    if given is None or (isinstance(given, dict) and given.get("type") == "text"):
        return None
    named = given.get("json_schema") if isinstance(given, Mapping) else None
    if given is not None and isinstance(given, Mapping) and given.get("type") == "json_object":
        return None
    if (
        not isinstance(named, dict)
        or not isinstance(named.get("name"), str)
        or not isinstance(named.get("schema"), dict)
    ):
        raise _RequestError.of(
            400,
            "response_format must be text or a json_schema with a name and a schema.",
            param="response_format",
        )
    return named["name"], named["schema"]
