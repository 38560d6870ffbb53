"""The call path: what is sent, what is stored, what is shared, and what comes back."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from llms.budget import Budget
from llms.calls import Reply
from llms.failures import RULES, FailureClass, StoreError
from llms.offline.app import QUICK
from schemas.answers import ROUTE, route_schema
from schemas.providers import Provider
from schemas.roles import Role
from tests.call_bench import (
    USD,
    MakeBench,
    benches,
    make_call,
    make_completion,
    make_error,
    make_model,
)

make_bench = pytest.fixture(benches)


def test_an_answer_is_validated_priced_booked_and_stored(make_bench: MakeBench) -> None:
    bench = make_bench(cap_usd=1.0)
    bench.script(make_completion())

    [reply] = bench.ask(make_call())

    assert reply == Reply(
        {"document_type": "invoice", "confidence": 0.9}, "small", USD, False, 1, None
    )
    [row] = bench.clients[0].attempts
    assert (row.input_tokens, row.cached_tokens, row.output_tokens, row.reasoning_tokens) == (
        1000,
        400,
        50,
        20,
    )
    assert (row.usd, row.usd_is_upper_bound, row.outcome, row.status) == (USD, False, "ok", 200)
    assert (row.input_price, row.cached_input_price, row.output_price) == (1.0, 0.1, 4.0)
    assert (row.role, row.stage, row.doc_id, row.number) == ("extraction_worker", "route", "d1", 1)
    assert bench.store.spent("run-1") == pytest.approx(USD)
    assert bench.budget.spent_usd == pytest.approx(USD)


def test_the_request_is_what_the_design_asks_for(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())
    bench.ask(make_call())

    assert bench.requests == [
        {
            "model": "small",
            "messages": [
                {"role": "system", "content": "You sort documents."},
                {"role": "user", "content": "What is it?"},
            ],
            "max_completion_tokens": 100,
            "temperature": 0,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": ROUTE,
                    "strict": True,
                    "schema": route_schema(["invoice", "other"]),
                },
            },
        }
    ]


@pytest.mark.parametrize(
    ("effort", "factor", "expected"),
    [
        ("high", 3.0, {"reasoning_effort": "high", "max_completion_tokens": 300}),
        ("none", 1.0, {"reasoning_effort": "none", "temperature": 0}),
        ("default", 2.0, {"max_completion_tokens": 200}),
    ],
)
def test_a_thinking_model_is_given_effort_and_room_and_no_temperature(
    make_bench: MakeBench, effort: str, factor: float, expected: dict[str, Any]
) -> None:
    bench = make_bench(make_model(effort=effort, thinking_factor=factor))
    bench.script(make_completion())
    bench.ask(make_call())

    names = {"reasoning_effort", "temperature", "max_completion_tokens"}
    sent = {name: value for name, value in bench.requests[0].items() if name in names}
    assert sent == {"max_completion_tokens": 100, **expected}


def test_the_same_request_is_free_in_a_later_run(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())
    bench.ask(make_call())

    [reply] = bench.ask(make_call(doc_id="d2"), client=bench.make_client(run_id="run-2"))

    assert (reply.usd, reply.from_store, reply.attempts) == (USD, True, 0)
    [row] = bench.clients[1].attempts
    assert (row.from_store, row.usd, row.stored_usd, row.input_tokens) == (True, 0, USD, 1000)
    assert (row.doc_id, row.run_id, row.number) == ("d2", "run-2", 0)
    assert bench.store.spent("run-2") == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "And this?"},
        {"system": "You sort letters."},
        {"max_output_tokens": 101},
        {"schema": route_schema(["invoice", "letter"])},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_question_is_asked_anew(make_bench: MakeBench, changes: Mapping[str, Any]) -> None:
    bench = make_bench()
    bench.script(make_completion(), make_completion())

    bench.ask(make_call())
    bench.ask(make_call(**changes))

    assert len(bench.requests) == 2


def test_identical_questions_at_once_are_sent_once(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())

    replies = bench.ask(*(make_call(doc_id=f"d{at}") for at in range(5)))

    assert [reply.from_store for reply in replies] == [False, True, True, True, True]
    assert {reply.usd for reply in replies} == {USD}
    assert sum(row.usd for row in bench.clients[0].attempts) == pytest.approx(USD)
    assert sorted(row.doc_id or "" for row in bench.clients[0].attempts) == [
        "d0",
        "d1",
        "d2",
        "d3",
        "d4",
    ]


def test_identical_questions_at_once_share_the_failure(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_error(400, "nonsense"))

    async def scenario() -> list[Any]:
        client = bench.make_client()
        calls = [client(make_call()) for _ in range(3)]
        return await asyncio.gather(*calls, return_exceptions=True)

    errors = asyncio.run(scenario())

    assert [error.failure_class for error in errors] == [FailureClass.BAD_REQUEST] * 3


def test_who_waits_for_a_cancelled_question_asks_it(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())

    async def scenario() -> Reply:
        client = bench.make_client()
        gate = asyncio.Event()

        async def held(seconds: float) -> None:
            await gate.wait()

        # The first question hangs before it is sent: its limiter has nothing to give.
        limiter = client._sender.limiter(bench.resolution.model(Role.EXTRACTION_WORKER))
        limiter.learn({"x-ratelimit-limit-requests": "1"})
        limiter._alarm._sleep = held
        limiter.settle(await limiter.acquire(0), 0)
        first = asyncio.create_task(client(make_call()))
        second = asyncio.create_task(client(make_call()))
        for _ in range(5):
            await asyncio.sleep(0)
        bench.time.now += 62
        limiter.learn({"x-ratelimit-limit-requests": "1000000"})
        first.cancel()
        return await second

    assert asyncio.run(scenario()).attempts == 1


def test_a_stored_answer_is_had_without_any_budget(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())
    bench.ask(make_call())

    nothing = Budget(bench.store, "run-1", cap_usd=0)
    [reply] = bench.ask(make_call(), client=bench.make_client(budget=nothing))

    assert reply.from_store


def test_the_offline_engines_are_reached_like_any_provider(make_bench: MakeBench) -> None:
    model = make_model(QUICK, provider="offline", kind="rules", input_price=0, output_price=0)
    bench = make_bench(model)
    provider = Provider(name="offline", base_url="http://offline/v1", in_process=True)
    client = bench.make_client(providers={"offline": provider}, transports=None, env={})

    [reply] = bench.ask(make_call(), client=client)

    assert (reply.model, reply.usd, reply.attempts) == (QUICK, 0, 1)


def test_an_answer_by_failover_is_found_again(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[make_error(503)] * RULES[FailureClass.OVERLOADED].tries)
    bench.script(make_completion(), at="beta")
    bench.ask(make_call())

    [reply] = bench.ask(make_call())

    assert (reply.model, reply.from_store) == ("other", True)


def test_a_store_that_fails_stops_before_money_is_spent(make_bench: MakeBench) -> None:
    bench = make_bench()
    client = bench.make_client()
    bench.store.close()

    with pytest.raises(StoreError, match="closed"):
        bench.ask(make_call(), client=client)

    assert bench.requests == []


def test_logprobs_are_passed_on_and_kept(make_bench: MakeBench) -> None:
    body = json.loads(make_completion().content)
    body["choices"][0]["logprobs"] = {"content": [{"token": "{", "logprob": -0.25}]}
    bench = make_bench()
    bench.script(httpx2.Response(200, json=body))

    [first] = bench.ask(make_call())
    [again] = bench.ask(make_call())

    assert first.logprobs == again.logprobs == (("{", -0.25),)


def test_half_a_surrogate_pair_in_a_document_can_be_sent(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion())

    bench.ask(make_call("broken \ud83d text"))

    assert bench.requests[0]["messages"][1]["content"] == "broken ? text"
