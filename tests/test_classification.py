"""Failure classes: from statuses, words of providers, broken connections and answers."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.classification import (
    Failure,
    classify_answer,
    classify_exception,
    classify_response,
    redact,
    retry_after,
)
from llms.completion import Answer
from llms.failures import FailureClass


def make_failure(
    status: int, error: Any = None, headers: dict[str, str] | None = None, content: bytes = b""
) -> Failure:
    """The failure of a response whose body is `{"error": error}`."""
    body = content if error is None else json.dumps({"error": error}).encode()
    return classify_response(status, headers or {}, body, secrets=("hunter2-secret",))


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (429, {"message": "Rate limit reached for requests"}, FailureClass.RATE_LIMITED),
        (429, {"message": "slow down", "type": "tokens"}, FailureClass.RATE_LIMITED),
        (429, None, FailureClass.RATE_LIMITED),
        (
            429,
            {"message": "You exceeded your current quota", "code": "insufficient_quota"},
            FailureClass.QUOTA_EXHAUSTED,
        ),
        (402, {"message": "Insufficient credits"}, FailureClass.QUOTA_EXHAUSTED),
        (500, {"message": "The server had an error"}, FailureClass.OVERLOADED),
        (502, None, FailureClass.OVERLOADED),
        (503, {"message": "overloaded"}, FailureClass.OVERLOADED),
        (529, {"message": "overloaded", "type": "overloaded_error"}, FailureClass.OVERLOADED),
        (504, None, FailureClass.TIMEOUT),
        (408, None, FailureClass.TIMEOUT),
        (
            400,
            {
                "message": "This model's maximum context length is 8192 tokens.",
                "code": "context_length_exceeded",
            },
            FailureClass.CONTEXT_TOO_LONG,
        ),
        (
            400,
            {"message": "the request exceeds the available context size", "code": 400},
            FailureClass.CONTEXT_TOO_LONG,
        ),
        (413, {"message": "Request too large"}, FailureClass.CONTEXT_TOO_LONG),
        (
            400,
            {"message": "The response was filtered", "code": "content_filter"},
            FailureClass.CONTENT_FILTER,
        ),
        (403, {"message": "Your input was flagged"}, FailureClass.CONTENT_FILTER),
        (401, {"message": "Incorrect API key provided"}, FailureClass.AUTH),
        (403, {"message": "Country not supported"}, FailureClass.AUTH),
        (400, {"message": "Invalid value for messages"}, FailureClass.BAD_REQUEST),
        (404, {"message": "Not found"}, FailureClass.BAD_REQUEST),
        (422, {"message": "messages: field required"}, FailureClass.BAD_REQUEST),
        (418, None, FailureClass.BAD_REQUEST),
    ],
)
def test_a_status_and_its_words_have_a_class(
    status: int, error: Any, expected: FailureClass
) -> None:
    failure = make_failure(status, error)

    assert (failure.failure_class, failure.status) == (expected, status)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"message": "You exceeded your current quota"}, FailureClass.RATE_LIMITED),
        ({"message": "Pay up", "code": "insufficient_quota"}, FailureClass.QUOTA_EXHAUSTED),
    ],
)
def test_a_quota_that_comes_back_in_a_moment_is_a_rate_limit(
    error: Any, expected: FailureClass
) -> None:
    assert make_failure(429, error, {"retry-after": "20"}).failure_class is expected


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Rate limit reached for gpt-x on tokens per min. Please try again in 120ms.", 0.12),
        ("Limit 30000, Used 29000. Please try again in 1m2.5s.", 62.5),
        ("Rate limit reached. Please try again in 6h0m7s", 21607),
        ("You exceeded your current quota, see the docs. Please retry in 34.07s.", 34.07),
        ("Requests have exceeded the call rate limit. Please retry after 12 seconds.", 12),
        ("Too many requests, try again in a moment", None),
    ],
)
def test_a_refusal_that_says_in_words_when_to_come_back_is_believed(
    words: str, seconds: float | None
) -> None:
    failure = make_failure(429, {"message": words})

    assert failure.failure_class is FailureClass.RATE_LIMITED
    assert failure.retry_after_s == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("error", "parameter"),
    [
        (
            {"message": "Invalid parameter", "param": "response_format", "code": "invalid"},
            "response_format",
        ),
        (
            {"message": "'response_format' of type 'json_schema' is not supported"},
            "response_format",
        ),
        ({"message": "Structured outputs are unsupported by this model"}, "response_format"),
        (
            {"message": "Unable to generate parser for this template. JSON schema error at #/a"},
            "response_format",
        ),
        (
            {"message": "Unsupported value: 'temperature' does not support 0"},
            "temperature",
        ),
        ({"message": "Unrecognized request argument: reasoning_effort"}, "reasoning_effort"),
        ({"message": "bad", "param": "reasoning_effort"}, "reasoning_effort"),
        (
            {"message": "Unsupported parameter: 'max_completion_tokens'. Use 'max_tokens'."},
            "max_completion_tokens",
        ),
        ({"message": "messages must not be empty"}, None),
    ],
)
def test_a_rejected_parameter_is_recognised(error: Any, parameter: str | None) -> None:
    failure = make_failure(400, error)

    assert (failure.failure_class, failure.rejected) == (FailureClass.BAD_REQUEST, parameter)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "The model `gpt-9` does not exist", "code": "model_not_found"},
        {"message": "No endpoints found for vendor/model"},
        {"message": 'model "tiny" not found, try pulling it first'},
    ],
)
def test_a_model_that_is_gone_is_recognised(error: Any) -> None:
    assert make_failure(404, error).failure_class is FailureClass.MODEL_GONE


def test_an_error_inside_a_successful_response_counts_by_its_code() -> None:
    failure = make_failure(200, {"message": "Upstream is overloaded", "code": 503})

    assert failure.failure_class is FailureClass.OVERLOADED


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250", "retry-after": "2"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_the_pause_a_provider_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


@pytest.mark.parametrize(
    ("error", "expected", "may_have_cost"),
    [
        (httpx2.ConnectError("refused"), FailureClass.UNREACHABLE, False),
        (httpx2.ConnectTimeout("slow"), FailureClass.UNREACHABLE, False),
        (httpx2.PoolTimeout("full"), FailureClass.TIMEOUT, False),
        (httpx2.ReadTimeout("hung"), FailureClass.TIMEOUT, True),
        (httpx2.ReadError("reset"), FailureClass.CONNECTION, True),
        (httpx2.RemoteProtocolError("cut off"), FailureClass.CONNECTION, True),
        (TimeoutError(), FailureClass.TIMEOUT, True),
        (RuntimeError("anything"), FailureClass.CONNECTION, True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_broken_connection_has_a_class_and_may_have_cost_once_something_was_sent(
    error: Exception, expected: FailureClass, may_have_cost: bool
) -> None:
    wrapped = RuntimeError("Connection error.")
    wrapped.__cause__ = error

    for seen in (error, wrapped):
        failure = classify_exception(seen)
        assert (failure.failure_class, failure.may_have_cost) == (expected, may_have_cost)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer("", "stop", refusal="I cannot help with that"), FailureClass.REFUSED),
        (Answer("{", "content_filter"), FailureClass.CONTENT_FILTER),
        (Answer("{}", "stop"), None),
        (Answer("{}", "length"), None),
    ],
)
def test_an_answer_may_be_unusable_by_itself(answer: Answer, expected: FailureClass | None) -> None:
    failure = classify_answer(answer)

    assert (failure and failure.failure_class) == expected


@pytest.mark.parametrize(
    "words",
    [
        "Incorrect API key provided: sk-proj-abcDEF123456. Find yours at",
        "Authorization: Bearer eyJhbGciOi.something-long refused",
        "api_key=abcdef0123456789 is wrong",
        "the key hunter2-secret is wrong",
        "Incorrect key: sk-proj-****************6789",
        'headers: {"x-api-key": "abcdef0123456789"}',
        "Google's AIzaSyAbcdef0123456789 is not allowed",
        "Subscription-Key: abcdef0123456789",
    ],
)
def test_keys_never_reach_a_message(words: str) -> None:
    message = make_failure(401, {"message": words}).message

    assert "[key]" in message
    for secret in ("abcDEF123456", "eyJhbGciOi", "abcdef0123456789", "hunter2-secret", "6789"):
        assert secret not in message


@pytest.mark.parametrize(
    "words",
    [
        "Incorrect API key provided: none. See key-value stores",
        "Bearer token missing; use Bearer authentication",
        "invalid key_points in the sk-learn example",
        "the api key header is missing",
    ],
)
def test_words_about_keys_are_left_standing(words: str) -> None:
    assert redact(words) == words


@given(st.text(max_size=50), st.text(max_size=50), st.text(min_size=4, max_size=30))
def test_a_known_secret_is_always_taken_out(before: str, after: str, secret: str) -> None:
    if secret not in "[key]" and not any(secret in part for part in (before, after)):
        assert secret not in redact(f"{before}{secret}{after}", (secret,)) or secret in (
            f"{before}[key]{after}"
        )


@given(st.integers(200, 599), st.binary(max_size=200))
def test_any_response_at_all_has_a_class_and_one_line(status: int, content: bytes) -> None:
    failure = classify_response(status, {}, content)

    assert failure.failure_class in FailureClass
    assert "\n" not in failure.message
    assert 0 < len(failure.message) <= 400


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["error", "message", "code", "param", "detail"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_any_json_body_has_a_class(body: Any) -> None:
    assert classify_response(400, {}, json.dumps(body).encode()).failure_class in FailureClass
