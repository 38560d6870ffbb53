"""The call path and trouble: waiting, trying again, other models, providers that are down."""

import asyncio

import httpx2
import pytest

from llms.failures import RULES, CallError, FailureClass
from tests.call_bench import (
    USD,
    MakeBench,
    benches,
    make_call,
    make_completion,
    make_error,
    make_model,
)

TRIES = RULES[FailureClass.OVERLOADED].tries

make_bench = pytest.fixture(benches)


def test_a_rate_limit_is_waited_out_with_the_same_model(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other"))
    bench.script(
        make_error(429, headers={"retry-after": "7"}),
        make_error(429, headers={"retry-after-ms": "300"}),
        make_completion(),
    )

    [reply] = bench.ask(make_call())

    assert (reply.model, reply.attempts, reply.usd) == ("small", 3, USD)
    assert [row.usd for row in bench.clients[0].attempts] == [0, 0, USD]
    assert 7 <= bench.time.slept[0] <= 7.8
    assert 0.3 <= bench.time.slept[1] <= 0.4


def test_an_exhausted_quota_goes_to_the_next_provider_without_a_pause(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(make_model(), make_model("sibling"), make_model("other", provider="beta"))
    bench.script(make_error(429, code="insufficient_quota"))
    bench.script(make_completion(), at="beta")

    [reply] = bench.ask(make_call())

    assert (reply.model, bench.time.slept) == ("other", [])
    assert bench.rows == [("small", "quota_exhausted", 429), ("other", "ok", 200)]


def test_an_exhausted_quota_without_another_provider_is_raised(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("sibling"))
    bench.script(make_error(429, "You exceeded your current quota", code="insufficient_quota"))

    error = bench.fail()

    assert error.failure_class is FailureClass.QUOTA_EXHAUSTED
    assert "exceeded your current quota" in str(error)


def test_an_exhausted_quota_is_asked_for_by_a_few_and_once_a_minute_by_one(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    client = bench.make_client()
    refusals = [make_error(429, code="insufficient_quota") for _ in range(4)]
    bench.script(*refusals, make_completion())
    bench.script(*(make_completion() for _ in range(7)), at="beta")

    async def scenario() -> list[str]:
        asked = []
        for number in range(8):
            if number in (5, 7):  # a minute later
                await bench.time.sleep(61)
            asked.append((await client(make_call(f"question {number}"))).model)
        await client.aclose()
        return asked

    asked = asyncio.run(scenario())

    assert asked == [*["other"] * 7, "small"]
    assert [row[0] for row in bench.rows].count("small") == 5


def test_trouble_is_repeated_with_pauses_then_failed_over_then_raised(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[make_error(503)] * TRIES)
    bench.script(*[make_error(503)] * TRIES, at="beta")

    error = bench.fail()

    assert error.failure_class is FailureClass.OVERLOADED
    assert len(bench.time.slept) == 2 * (TRIES - 1)
    assert bench.budget.spent_usd == 0


def test_a_provider_that_cannot_be_reached_is_given_up_within_seconds(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.scripts["alpha"] = [httpx2.ConnectError("refused")] * 20

    error = bench.fail()

    assert error.failure_class is FailureClass.UNREACHABLE
    assert error.unanswered.is_down
    assert "http://alpha/v1" in str(error)
    assert "down since 20" in str(error)
    assert "in a row: no connection to http://alpha/v1 (ConnectError: refused)" in str(error)
    assert bench.time.now - 1000 < 30
    bench.scripts.clear()


def test_after_a_failover_the_answer_names_who_gave_it(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[make_error(503)] * TRIES)
    bench.script(make_completion(), at="beta")

    [reply] = bench.ask(make_call())

    assert (reply.model, reply.attempts) == ("other", TRIES + 1)


def test_two_timeouts_are_enough(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(httpx2.ReadTimeout("hung"), httpx2.ReadTimeout("hung"))

    assert bench.fail().failure_class is FailureClass.TIMEOUT


@pytest.mark.parametrize("content", [b"<html>Bad gateway</html>", b"", b"[]", b'{"choices": []}'])
def test_a_body_that_is_no_completion_may_have_cost(make_bench: MakeBench, content: bytes) -> None:
    bench = make_bench()
    bench.script(httpx2.Response(200, content=content), make_completion())

    bench.ask(make_call())

    assert bench.rows[0] == ("small", "connection", 200)
    assert bench.clients[0].attempts[0].usd_is_upper_bound


def test_a_model_that_is_gone_is_replaced_by_the_next(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(), make_model("other"))
    bench.script(
        make_error(404, "The model `small` does not exist", code="model_not_found"),
        make_completion(),
    )

    [reply] = bench.ask(make_call())

    assert reply.model == "other"


def test_a_dead_provider_is_left_alone_and_asked_first_again_once_it_is_back(
    make_bench: MakeBench,
) -> None:
    bench = make_bench(make_model(), make_model("other", provider="beta"))
    bench.script(*[make_error(503)] * TRIES, make_completion())
    bench.script(*[make_completion() for _ in range(3)], at="beta")
    client = bench.make_client()

    async def scenario() -> list[str]:
        answered = [(await client(make_call(f"document {at}"))).model for at in range(3)]
        bench.time.now += 60
        answered.append((await client(make_call("later"))).model)
        await client.aclose()
        return answered

    assert asyncio.run(scenario()) == ["other", "other", "other", "small"]


def test_a_dead_provider_without_another_one_fails_calls_in_bounded_time(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.scripts["alpha"] = [make_error(503) for _ in range(100)]

    for at in range(6):
        assert bench.fail(make_call(f"document {at}")).failure_class is FailureClass.OVERLOADED

    assert bench.time.now - 1000 < 6 * 200
    assert len(bench.requests) < 6 * TRIES
    bench.scripts.clear()


def test_a_provider_that_recovers_is_used_again(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(*[make_error(503)] * (TRIES + 1), make_completion())

    bench.fail(make_call("first"))
    [reply] = bench.ask(make_call("second"))

    assert reply.model == "small"


def test_a_hanging_call_is_given_up_after_its_timeout(make_bench: MakeBench) -> None:
    bench = make_bench()

    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client_settings = {"transports": {"alpha": httpx2.MockTransport(hang)}, "timeout_s": 0.01}

    async def scenario() -> CallError:
        with pytest.raises(CallError) as caught:
            await bench.make_client(**client_settings)(make_call())
        return caught.value

    assert asyncio.run(scenario()).failure_class is FailureClass.TIMEOUT
