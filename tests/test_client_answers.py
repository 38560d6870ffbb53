"""The call path and answers that cannot be used, and requests that are rejected."""

from typing import Any

import httpx2
import pytest

from llms.failures import CallError, FailureClass
from llms.limits import Limiters
from schemas.providers import Provider
from tests.call_bench import (
    GOOD,
    KEY,
    USD,
    MakeBench,
    benches,
    make_call,
    make_completion,
    make_error,
    make_model,
)

make_bench = pytest.fixture(benches)


def test_an_engine_that_fails_on_a_document_is_not_asked_again(make_bench: MakeBench) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError("a bug")

    bench = make_bench(make_model(input_price=0, output_price=0))
    client = bench.make_client(
        providers={"alpha": Provider(name="alpha", base_url="http://a/v1", in_process=True)},
        transports={"alpha": httpx2.ASGITransport(app=app)},
    )

    with pytest.raises(CallError, match=r"ZeroDivisionError: a bug") as caught:
        bench.ask(make_call(), client=client)

    assert caught.value.failure_class is FailureClass.INVALID_ANSWER
    assert bench.time.slept == []


def test_a_truncated_answer_is_never_asked_for_again(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(make_completion(GOOD[:-9], finish_reason="length"))

    first, second = bench.fail(), bench.fail()

    assert (first.failure_class, first.raw_answer) == (FailureClass.TRUNCATED, GOOD[:-9])
    assert second.failure_class is FailureClass.TRUNCATED
    assert bench.budget.spent_usd == pytest.approx(USD)
    assert bench.rows == [("small", "truncated", None)]


def test_a_complete_answer_is_used_although_blanks_ran_into_the_limit(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(make_completion(GOOD + "\n" * 50, finish_reason="length"))

    [reply] = bench.ask(make_call())

    assert reply.data["document_type"] == "invoice"


def test_a_fenced_answer_is_repaired_for_free(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion(f"Sure:\n```json\n{GOOD}\n```"))

    [reply] = bench.ask(make_call())

    assert (reply.attempts, reply.data["confidence"]) == (1, 0.9)


def test_an_invalid_answer_is_asked_for_once_more_with_the_error(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion('{"document_type":"poem"}'), make_completion())

    [reply] = bench.ask(make_call())

    assert reply.attempts == 2
    assert reply.usd == pytest.approx(2 * USD)
    assert bench.rows == [("small", "invalid_answer", 200), ("small", "ok", 200)]
    messages = bench.requests[1]["messages"]
    assert messages[:2] == bench.requests[0]["messages"]
    assert messages[2] == {"role": "assistant", "content": '{"document_type":"poem"}'}
    assert "document_type: Input should be 'invoice' or 'other'" in messages[3]["content"]


def test_two_invalid_answers_are_enough_and_both_are_kept(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(make_completion("no"), make_completion("never"))

    first, second = bench.fail(), bench.fail()

    for error in (first, second):
        assert (error.failure_class, error.raw_answer) == (FailureClass.INVALID_ANSWER, "never")
    assert bench.budget.spent_usd == pytest.approx(2 * USD)


def test_a_refusal_is_raised_with_its_words(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion("", refusal="I would rather not."))

    error = bench.fail()

    assert (error.failure_class, error.raw_answer) == (
        FailureClass.REFUSED,
        "I would rather not.",
    )
    assert bench.budget.spent_usd == pytest.approx(USD)


@pytest.mark.parametrize(
    ("answer", "failure_class"),
    [
        (make_completion("{", finish_reason="content_filter"), FailureClass.CONTENT_FILTER),
        (make_error(400, code="content_filter"), FailureClass.CONTENT_FILTER),
        (make_error(400, code="context_length_exceeded"), FailureClass.CONTEXT_TOO_LONG),
        (make_error(400, "messages: wrong"), FailureClass.BAD_REQUEST),
        (make_error(401, f"Incorrect API key provided: {KEY}"), FailureClass.AUTH),
    ],
)
def test_what_cannot_be_helped_is_raised_at_once(
    make_bench: MakeBench, answer: httpx2.Response, failure_class: FailureClass
) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(answer)

    error = bench.fail()

    assert error.failure_class is failure_class
    assert bench.time.slept == []
    chain: BaseException | None = error
    while chain is not None:
        assert KEY not in f"{chain} {chain!r}"
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)


def test_a_rejected_response_format_is_remembered_and_replaced_by_words(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(
        make_error(400, "response_format is not supported", param="response_format"),
        make_completion(),
        make_completion(),
    )

    bench.ask(make_call())
    bench.ask(make_call("another"))

    assert ["response_format" in request for request in bench.requests] == [True, False, False]
    system = bench.requests[1]["messages"][0]["content"]
    assert system.startswith("You sort documents.")
    assert '"enum":["invoice","other"]' in system


def test_the_key_of_a_request_does_not_depend_on_the_response_format(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(make_error(400, param="response_format"), make_completion())
    bench.ask(make_call())

    [reply] = bench.ask(make_call(), client=bench.make_client(limiters=Limiters()))

    assert reply.from_store


def test_a_rejected_output_limit_is_sent_under_its_old_name(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(
        make_error(400, "Unsupported parameter: 'max_completion_tokens'"), make_completion()
    )

    bench.ask(make_call())

    assert bench.requests[1]["max_tokens"] == 100
    assert "max_completion_tokens" not in bench.requests[1]


def test_a_parameter_that_is_rejected_although_it_was_left_out_stops_the_call(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(*[make_error(400, param="response_format")] * 2)

    assert bench.fail().failure_class is FailureClass.BAD_REQUEST
