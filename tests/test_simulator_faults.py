"""Every fault, as the openai SDK meets it over a real socket with its retries off."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from llms.classification import classify_exception, classify_response
from llms.failures import FailureClass
from llms.simulator.faults import FAULTS, Fault, Kind
from llms.simulator.server import InThread, serve
from llms.simulator.stats import Stats
from llms.validation import InvalidAnswerError, parse_answer
from schemas.answers import extraction_schema
from schemas.documents import shipped_type
from tests.simulated import make_body, make_scenario

KEY = "sk-0123456789abcdef"
SCHEMA = json.dumps(extraction_schema(shipped_type("receipt")))

ERRORS: dict[Fault, tuple[type[openai.APIStatusError], FailureClass]] = {
    Fault.SERVER_ERROR: (openai.InternalServerError, FailureClass.OVERLOADED),
    Fault.BAD_GATEWAY: (openai.InternalServerError, FailureClass.OVERLOADED),
    Fault.UNAVAILABLE: (openai.InternalServerError, FailureClass.OVERLOADED),
    Fault.GATEWAY_TIMEOUT: (openai.InternalServerError, FailureClass.TIMEOUT),
    Fault.OVERLOADED: (openai.InternalServerError, FailureClass.OVERLOADED),
    Fault.RATE_LIMITED: (openai.RateLimitError, FailureClass.RATE_LIMITED),
    Fault.QUOTA: (openai.RateLimitError, FailureClass.QUOTA_EXHAUSTED),
    Fault.RESOURCE_UNAVAILABLE: (openai.RateLimitError, FailureClass.RATE_LIMITED),
    Fault.AUTH: (openai.AuthenticationError, FailureClass.AUTH),
    Fault.MODEL_GONE: (openai.NotFoundError, FailureClass.MODEL_GONE),
    Fault.CONTEXT_TOO_LONG: (openai.BadRequestError, FailureClass.CONTEXT_TOO_LONG),
    Fault.UNSUPPORTED: (openai.BadRequestError, FailureClass.BAD_REQUEST),
    Fault.PROMPT_BLOCKED: (openai.BadRequestError, FailureClass.CONTENT_FILTER),
}
BROKEN = [Fault.RESET, Fault.RESET_LATE, Fault.CUT]


@dataclass(frozen=True)
class Line:
    """A provider that does to a request what its text asks for, and a client of it."""

    server: InThread
    client: OpenAI

    def ask(self, fault: Fault | None, *, timeout_s: float = 10, **changes: Any) -> ChatCompletion:
        body = make_body(f"Corner Bakery Ltd\ndo {fault}.\nDate: 2026-03-14", **changes)
        completion: ChatCompletion = self.client.chat.completions.create(**body, timeout=timeout_s)
        return completion

    def stats(self) -> Stats:
        """The books, once nothing is in flight any more."""
        while (told := self.server.stats()).in_flight:
            pass
        return told


@pytest.fixture(scope="module")
def shared() -> Iterator[Line]:
    script = [{"fault": str(fault), "marker": f"do {fault}."} for fault in Fault]
    with (
        serve(make_scenario(script=script, slow_body_s=0.05, hang_s=30)) as server,
        OpenAI(base_url=server.url, api_key=KEY, max_retries=0) as client,
    ):
        assert isinstance(server, InThread)
        yield Line(server, client)


@pytest.fixture
def line(shared: Line) -> Line:
    """The same for all tests, with empty books: starting a client takes longer than any test."""
    shared.server.reset()
    return shared


def content(completion: ChatCompletion) -> str:
    return completion.choices[0].message.content or ""


def test_without_a_fault_the_answer_is_right_and_billed(line: Line) -> None:
    completion = line.ask(None)

    answered, was_repaired = parse_answer(content(completion), SCHEMA)
    assert (answered["purchase_date"]["value"], was_repaired) == ("2026-03-14", False)
    stats = line.stats()
    assert completion.usage is not None
    assert (stats.paid.prompt_tokens, stats.paid.completion_tokens) == (
        completion.usage.prompt_tokens,
        completion.usage.completion_tokens,
    )
    assert stats.outcomes == {"answered": 1}


@pytest.mark.parametrize("fault", ERRORS)
def test_an_error_has_the_status_and_the_body_that_name_its_class(line: Line, fault: Fault) -> None:
    exception, failure_class = ERRORS[fault]

    with pytest.raises(exception) as caught:
        line.ask(fault)

    response = caught.value.response
    failure = classify_response(response.status_code, response.headers, response.content)
    assert (response.status_code, failure.failure_class) == (FAULTS[fault].status, failure_class)
    assert line.stats().outcomes == {str(fault): 1}
    assert KEY not in response.text


def test_every_fault_of_kind_error_is_tried_above() -> None:
    errors = {fault for fault, info in FAULTS.items() if info.kind is Kind.ERROR}

    assert errors - set(ERRORS) == {Fault.ERROR_IN_200}


def test_an_error_object_can_come_with_status_200(line: Line) -> None:
    completion = line.ask(Fault.ERROR_IN_200)

    assert not completion.choices
    assert (completion.model_extra or {})["error"]["code"] == 502


def test_a_model_that_is_gone_and_a_parameter_that_is_rejected_are_told_as_such(
    line: Line,
) -> None:
    told = {}
    for fault in (Fault.MODEL_GONE, Fault.UNSUPPORTED):
        with pytest.raises(openai.APIStatusError) as caught:
            line.ask(fault)
        response = caught.value.response
        told[fault] = classify_response(response.status_code, response.headers, response.content)

    assert told[Fault.MODEL_GONE].failure_class is FailureClass.MODEL_GONE
    assert told[Fault.UNSUPPORTED].rejected == "response_format"


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.OVERLOADED])
def test_errors_that_ask_to_wait_say_how_long(line: Line, fault: Fault) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        line.ask(fault)

    headers = caught.value.response.headers
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("1", "1000")


@pytest.mark.parametrize("fault", BROKEN)
def test_a_connection_that_breaks_off_is_an_error_of_the_connection(
    line: Line, fault: Fault
) -> None:
    with pytest.raises(openai.APIConnectionError) as caught:
        line.ask(fault)

    assert classify_exception(caught.value).failure_class is FailureClass.CONNECTION
    assert line.stats().outcomes == {str(fault): 1}


def test_a_reset_comes_as_one_and_not_as_a_polite_end(line: Line) -> None:
    with pytest.raises(openai.APIConnectionError) as caught:
        line.ask(Fault.RESET)

    assert isinstance(caught.value.__cause__, httpx2.ReadError)


def test_a_hang_lasts_until_the_client_leaves_and_is_billed(line: Line) -> None:
    with pytest.raises(openai.APITimeoutError):
        line.ask(Fault.HANG, timeout_s=0.2)

    stats = line.stats()
    assert (stats.outcomes, stats.paid.requests, stats.unseen.requests) == ({"hang": 1}, 1, 1)


def test_a_slow_body_is_right_when_it_is_there(line: Line) -> None:
    assert parse_answer(content(line.ask(Fault.SLOW_BODY)), SCHEMA)


@pytest.mark.parametrize("fault", [Fault.EMPTY, Fault.MALFORMED, Fault.WRONG_SCHEMA])
def test_an_answer_that_is_wrong_cannot_be_repaired(line: Line, fault: Fault) -> None:
    completion = line.ask(fault)

    assert completion.choices[0].finish_reason == "stop"
    with pytest.raises(InvalidAnswerError):
        parse_answer(content(completion), SCHEMA)


def test_a_fence_can_be_taken_off(line: Line) -> None:
    _, was_repaired = parse_answer(content(line.ask(Fault.FENCED)), SCHEMA)

    assert was_repaired


def test_a_truncated_answer_has_used_up_its_limit(line: Line) -> None:
    completion = line.ask(Fault.TRUNCATED, max_completion_tokens=777)

    assert completion.choices[0].finish_reason == "length"
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 777
    with pytest.raises(InvalidAnswerError):
        parse_answer(content(completion), SCHEMA)


def test_a_refusal_has_no_content(line: Line) -> None:
    message = line.ask(Fault.REFUSAL).choices[0].message

    assert (message.content, bool(message.refusal)) == (None, True)


def test_a_content_filter_ends_the_answer(line: Line) -> None:
    assert line.ask(Fault.CONTENT_FILTER).choices[0].finish_reason == "content_filter"


def test_an_answer_without_usage_is_billed_all_the_same(line: Line) -> None:
    completion = line.ask(Fault.NO_USAGE)

    assert completion.usage is None
    assert line.stats().paid.requests == 1


@pytest.mark.parametrize("fault", [f for f in Fault if f is not Fault.HANG])
def test_a_fault_is_billed_as_the_table_says(line: Line, fault: Fault) -> None:
    with suppress(openai.APIError):
        line.ask(fault)

    stats = line.stats()
    assert (stats.paid.requests, stats.requests) == (int(FAULTS[fault].is_billed), 1)
    is_unseen = fault in {Fault.RESET_LATE, Fault.CUT, Fault.GATEWAY_TIMEOUT}
    assert stats.unseen.requests == int(is_unseen)
