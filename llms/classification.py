"""What went wrong with an attempt? From statuses, connections and answers to failure classes."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from llms.completion import Answer, read_json
from llms.failures import FailureClass

_LONGEST_MESSAGE = 400

_KEY_LIKE = r"(?=[^\s\"',;]*[\d*]|[^\s\"',;]{16})"
"""Ahead lies something with a digit, or long: words such as `key-value` are none."""

_SECRETS = re.compile(
    rf"(?i)\b(?:sk|pk|rk|key|gsk|xai|ghp|hf|nvapi)[-_]{_KEY_LIKE}[\w*.-]{{6,}}"
    r"|\bAIza[\w*-]{8,}"
    rf"|\b(?P<named>Bearer\s+|(?:api|subscription)[-_ ]?key[\"']?\s*[=:]?\s*[\"']?){_KEY_LIKE}"
    r"[^\s\"',;]{6,}"
)

_QUOTA = re.compile(
    r"insufficient_quota|insufficient[_ ]credits|insufficient[_ ]balance|billing_hard_limit"
    r"|exceeded your current quota|billing_not_active|more credits",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|context (?:size|window)"
    r"|string_above_max_length|prompt is too long|too many (?:input )?tokens|request_too_large",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content_filter|content_policy|content management policy|moderation|flagged|invalid_prompt",
    re.IGNORECASE,
)
_AGAIN_IN = re.compile(
    r"(?:try again|retry) (?:in|after) (?:(\d+)h ?)?(?:(\d+)m(?!s) ?)?"
    r"(?:(\d+(?:\.\d+)?) ?s(?:ec\w*)?\b)?(?:(\d+(?:\.\d+)?) ?ms\b)?",
    re.IGNORECASE,
)
"""OpenAI: "Please try again in 1m30.5s", Google: "Please retry in 34.07s", Azure: "Please retry
after 12 seconds". Hours, minutes, seconds, milliseconds."""

_UNITS_S = (3600.0, 60.0, 1.0, 0.001)
_NO_MODEL = re.compile(
    r"model_not_found|model_not_available|DeploymentNotFound|no endpoints found|no such model"
    r"|unknown model"
    r"|model\b.{0,80}\b(?:does not exist|not found|not available|decommissioned|deprecated)",
    re.IGNORECASE,
)
_REJECTS = re.compile(
    r"unsupported|not support|unknown|unrecognized|unrecognised|unexpected|invalid|not allowed"
    r"|not permitted|extra inputs|unavailable|not available|must be|unable|cannot|failed",
    re.IGNORECASE,
)

PARAMETERS: dict[str, re.Pattern[str]] = {
    "response_format": re.compile(
        r"response[_ ]format|json[_ ]schema|structured[_ ]output|guided[_ ]json|grammar", re.I
    ),
    "temperature": re.compile(r"temperature", re.I),
    "reasoning_effort": re.compile(r"reasoning[_. ]effort", re.I),
    "max_completion_tokens": re.compile(r"max_completion_tokens", re.I),
    "logprobs": re.compile(r"logprobs", re.I),
}
"""Request parameters docmill can do without, and how errors speak of them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt that brought no usable answer.

    Attributes:
        failure_class: Its class, which decides what follows.
        message: One sentence in the provider's words, without secrets.
        status: HTTP status, None when there was no response.
        retry_after_s: How long the provider asks to wait, in seconds.
        may_have_cost: The request may have been worked on and billed, and nobody can tell.
        rejected: A request parameter the model does not take; the request can go without it.
        is_unexecuted: The lane handed the request back without having worked on it.
    """

    failure_class: FailureClass
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    may_have_cost: bool = False
    rejected: str | None = None
    is_unexecuted: bool = False


def classify_response(
    status: int, headers: Mapping[str, str], content: bytes, *, secrets: Collection[str] = ()
) -> Failure:
    """The failure that an error response, or an error in the body of another one, stands for."""
    body = read_json(content) or {}
    error = body.get("error", body)
    if isinstance(error, list) and error:
        error = error[0]
    details: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
    if 200 <= status < 300:
        # Gateways that had begun to answer report the upstream's status inside the body.
        status = details["code"] if isinstance(details.get("code"), int) else 502
    words = details.get("message") or details.get("detail") or content.decode("utf-8", "replace")
    signs = " ".join(str(details.get(name) or "") for name in ("code", "type", "param"))
    text = f"{signs} {words}"
    message = redact(str(words), secrets) or f"HTTP status {status}"

    def failure(failure_class: FailureClass, **more: Any) -> Failure:
        return Failure(failure_class, message, status, **more)

    told_s = retry_after(headers)
    if told_s is None and status == 429:
        told_s = _told_in_words(str(words))
    # Some speak of a quota where they mean this minute's, and then say when to come back.
    is_quota = bool(_QUOTA.search(signs) or (told_s is None and _QUOTA.search(text)))
    if status == 402 or (status in (403, 429) and is_quota):
        return failure(FailureClass.QUOTA_EXHAUSTED)
    if status == 429:
        return failure(FailureClass.RATE_LIMITED, retry_after_s=told_s)
    if status in (408, 504):
        return failure(FailureClass.TIMEOUT, may_have_cost=True)
    if status >= 500 or status in (409, 425):
        return failure(FailureClass.OVERLOADED, retry_after_s=told_s)
    if status == 413 or (status in (400, 422) and _TOO_LONG.search(text)):
        return failure(FailureClass.CONTEXT_TOO_LONG)
    if status in (400, 403, 422) and _FILTERED.search(text):
        return failure(FailureClass.CONTENT_FILTER)
    if status in (401, 403, 407):
        return failure(FailureClass.AUTH)
    if status in (400, 404, 422):
        rejected = _rejected_parameter(details.get("param"), text)
        if rejected is None and status in (400, 404) and _NO_MODEL.search(text):
            return failure(FailureClass.MODEL_GONE)
        return failure(FailureClass.BAD_REQUEST, rejected=rejected)
    return failure(FailureClass.BAD_REQUEST)


def classify_exception(
    error: BaseException, *, url: str = "the provider", secrets: Collection[str] = ()
) -> Failure:
    """The failure behind an exception of the HTTP layer, or of the SDK around one.

    Args:
        error: The exception.
        url: Who was called, as the message may show it.
        secrets: What the message must not show.
    """
    cause = error
    while not isinstance(cause, httpx2.HTTPError | TimeoutError | OSError) and cause.__cause__:
        cause = cause.__cause__
    words = redact(str(cause), secrets)
    told = f"({type(cause).__name__}{': ' + words if words else ''})"
    # Before a connection stands nothing has been sent, so nothing can be billed.
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol):
        return Failure(FailureClass.UNREACHABLE, f"no connection to {url} {told}")
    may_have_cost = not isinstance(cause, httpx2.PoolTimeout)
    if isinstance(cause, httpx2.TimeoutException | TimeoutError):
        return Failure(
            FailureClass.TIMEOUT,
            f"no answer in time from {url} {told}",
            may_have_cost=may_have_cost,
        )
    return Failure(
        FailureClass.CONNECTION, f"the connection to {url} failed {told}", may_have_cost=True
    )


def classify_answer(answer: Answer) -> Failure | None:
    """Why an answer cannot be used whatever its text says; None when the text decides.

    A truncated answer is only a failure if it does not hold, which the text decides first: some
    models fill up with blanks after a complete answer.
    """
    if answer.refusal is not None:
        return Failure(FailureClass.REFUSED, f"the model refused: {redact(answer.refusal)}")
    if answer.finish_reason == "content_filter":
        return Failure(FailureClass.CONTENT_FILTER, "the provider's content filter cut the answer")
    return None


def classify_unusable(finish_reason: str, problem: str) -> Failure:
    """Why an answer is of no use that is not valid under its schema."""
    if finish_reason == "length":
        return Failure(FailureClass.TRUNCATED, "the answer was cut off at its token limit")
    return Failure(FailureClass.INVALID_ANSWER, f"the answer is not valid: {problem}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, as `retry-after-ms` or `retry-after` ask for; None if they do not."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit_s
        except (KeyError, ValueError):  # absent, or an HTTP date: the client's own pause will do
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    return None


def _told_in_words(text: str) -> float | None:
    """Seconds to wait, as a refusal says them where no header does; None if it does not."""
    found = _AGAIN_IN.search(text)
    if found is None or not any(found.groups()):
        return None
    return sum(float(n) * unit_s for n, unit_s in zip(found.groups(), _UNITS_S, strict=True) if n)


def redact(text: str, secrets: Collection[str] = ()) -> str:
    """`text` on one line, cut to a readable length, without anything that looks like a key."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "[key]")
    text = " ".join(_SECRETS.sub(lambda found: f"{found['named'] or ''}[key]", text).split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


def _rejected_parameter(named: object, text: str) -> str | None:
    """The parameter of `PARAMETERS` an error is about."""
    if isinstance(named, str):
        for parameter in PARAMETERS:
            if named == parameter or named.startswith(f"{parameter}."):
                return parameter
    if not _REJECTS.search(text):
        return None
    return next((name for name, sign in PARAMETERS.items() if sign.search(text)), None)
