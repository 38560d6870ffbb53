"""The call path and money: what is checked before, set aside, booked, and never overrun."""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llms.calls import Reply
from llms.failures import CallError, FailureClass, ProviderError
from llms.pricing import worst_case_usd
from schemas.providers import Provider
from tests.call_bench import (
    GOOD,
    KEY,
    USD,
    Bench,
    MakeBench,
    benches,
    make_call,
    make_completion,
    make_error,
    make_model,
)

make_bench = pytest.fixture(benches)


def test_a_call_over_the_budget_is_not_sent(make_bench: MakeBench) -> None:
    bench = make_bench(cap_usd=1e-6)

    error = bench.fail()

    assert error.failure_class is FailureClass.BUDGET
    assert bench.requests == []
    assert bench.clients[0].attempts == []
    assert bench.store.spent("run-1") == 0


def test_the_worst_case_is_in_the_spend_book_before_anything_is_sent(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    booked: list[float] = []

    def look(body: dict[str, Any]) -> httpx2.Response:
        booked.append(bench.store.spent("run-1"))
        return make_completion()

    bench.script(look)
    bench.ask(make_call())

    [before] = booked
    sent = len(json.dumps(bench.requests[0], separators=(",", ":")))
    worst_usd = worst_case_usd(make_model(), sent, 100)
    assert worst_usd <= before <= 1.26 * worst_usd  # a lease holds a little more than it needs
    assert bench.store.spent("run-1") == pytest.approx(USD)


def test_nothing_is_set_aside_for_a_call_that_waits_for_its_turn(make_bench: MakeBench) -> None:
    bench = make_bench()
    reserved: list[float] = []

    def look(body: dict[str, Any]) -> httpx2.Response:
        reserved.append(bench.budget.reserved_usd)
        return make_completion()

    bench.script(*[look] * 6)
    provider = Provider(name="alpha", base_url="http://alpha/v1", key_env="TEST_KEY", in_flight=1)
    client = bench.make_client(providers={"alpha": provider})

    bench.ask(*(make_call(f"question {n}") for n in range(6)), client=client)

    # A kill at any of these moments would cost one worst case, not six.
    assert max(reserved) < 1.5 * min(reserved)


def test_who_waits_for_money_keeps_no_place_from_who_has_it(make_bench: MakeBench) -> None:
    bench = make_bench(cap_usd=1.0)
    provider = Provider(name="alpha", base_url="http://alpha/v1", key_env="TEST_KEY", in_flight=1)
    client = bench.make_client(providers={"alpha": provider})
    others: list[asyncio.Task[None]] = []

    async def take_all_that_is_left_and_wait_for_a_place() -> None:
        left_usd = bench.budget.remaining_usd
        assert left_usd is not None
        reservation = await bench.budget.acquire(left_usd)
        limiter = bench.limiters.limiter(provider, "small", KEY)
        limiter.settle(await limiter.acquire(1))
        bench.store.settle_later(bench.budget.release(reservation))

    def look(body: dict[str, Any]) -> httpx2.Response:
        if not others:
            task = asyncio.get_running_loop().create_task(
                take_all_that_is_left_and_wait_for_a_place()
            )
            others.append(task)
        return make_completion()

    bench.script(look, look)

    async def scenario() -> None:
        async with asyncio.timeout(20):
            await asyncio.gather(client(make_call("one")), client(make_call("two")))
            await asyncio.gather(*others)
        await client.aclose()

    asyncio.run(scenario())

    assert bench.budget.spent_usd == pytest.approx(2 * USD)


def test_free_models_leave_no_trace_in_the_spend_book(make_bench: MakeBench) -> None:
    bench = make_bench(make_model(input_price=0, cached_input_price=0, output_price=0))
    bench.script(make_completion())

    [reply] = bench.ask(make_call())

    assert (reply.usd, bench.store.spent("run-1")) == (0, 0)


@pytest.mark.parametrize("name", ["input_price", "output_price"])
def test_an_unknown_price_stops_before_the_first_call(make_bench: MakeBench, name: str) -> None:
    bench = make_bench(make_model(), make_model("other", **{name: None}))

    with pytest.raises(ProviderError, match="price of model 'other' is not known"):
        bench.make_client()


def test_a_missing_key_stops_before_the_first_call(make_bench: MakeBench) -> None:
    with pytest.raises(ProviderError, match="TEST_KEY"):
        make_bench().make_client(env={})


def test_a_key_that_is_none_is_refused_without_being_shown(make_bench: MakeBench) -> None:
    with pytest.raises(ProviderError, match="holds characters") as caught:
        make_bench().make_client(env={"TEST_KEY": "sk-\u201csecret-key\u201d"})

    assert "secret-key" not in str(caught.value)


@pytest.mark.parametrize("base_url", ["http://host:port/v1", "host/v1", "https:///v1", ""])
def test_a_base_url_that_is_none_is_named(make_bench: MakeBench, base_url: str) -> None:
    bench = make_bench()
    provider = Provider(name="alpha", base_url=base_url, key_env="TEST_KEY")
    client = bench.make_client(providers={"alpha": provider})

    with pytest.raises(ProviderError, match=r"the base URL '.*' of provider alpha is not one"):
        bench.ask(make_call(), client=client)

    assert bench.store.spent("run-1") == 0


def test_a_timeout_counts_at_its_worst_case_and_is_repeated_once(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(httpx2.ReadTimeout("hung"), make_completion())

    [reply] = bench.ask(make_call())

    lost, answered = bench.clients[0].attempts
    assert (lost.outcome, lost.usd_is_upper_bound, lost.status) == ("timeout", True, None)
    assert lost.usd > 0
    assert reply.usd == pytest.approx(lost.usd + answered.usd)
    assert bench.store.spent("run-1") == pytest.approx(reply.usd)
    assert bench.budget.spent_usd == pytest.approx(reply.usd)


def test_what_a_timeout_may_have_cost_is_remembered_with_the_answer(
    make_bench: MakeBench,
) -> None:
    bench = make_bench()
    bench.script(httpx2.ReadError("reset"), make_completion())
    [first] = bench.ask(make_call())

    [again] = bench.ask(make_call())

    assert again.usd == pytest.approx(first.usd)


def test_an_answer_without_usage_counts_at_its_worst_case(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.script(make_completion(usage=None))

    bench.ask(make_call())

    [row] = bench.clients[0].attempts
    assert row.usd_is_upper_bound
    assert row.usd > USD / 2
    assert row.input_tokens > 0


def test_a_cancelled_call_counts_at_its_worst_case(make_bench: MakeBench) -> None:
    bench = make_bench()
    entered = asyncio.Event()

    async def hang(request: httpx2.Request) -> httpx2.Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> None:
        client = bench.make_client(transports={"alpha": httpx2.MockTransport(hang)})
        task = asyncio.create_task(client(make_call()))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()

    asyncio.run(scenario())

    [row] = bench.clients[0].attempts
    assert (row.outcome, row.usd_is_upper_bound) == ("cancelled", True)
    assert bench.budget.spent_usd == pytest.approx(row.usd)
    assert bench.store.spent("run-1") == pytest.approx(row.usd)


FAULTS: tuple[Callable[[], Any], ...] = (
    make_completion,
    lambda: make_completion("nonsense"),
    lambda: make_completion(GOOD[:-5], finish_reason="length"),
    lambda: make_completion("", refusal="no"),
    lambda: make_completion(usage=None),
    lambda: make_error(429, headers={"retry-after": "3"}),
    lambda: make_error(429, code="insufficient_quota"),
    lambda: make_error(503),
    lambda: make_error(400, code="context_length_exceeded"),
    lambda: httpx2.ReadTimeout("hung"),
    lambda: httpx2.ReadError("reset"),
    lambda: httpx2.ConnectError("refused"),
    lambda: httpx2.Response(200, content=b"junk"),
)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None
)
@given(
    faults=st.lists(st.integers(0, len(FAULTS) - 1), min_size=1, max_size=12),
    cap_usd=st.floats(0, 0.02),
    calls=st.integers(1, 12),
)
def test_under_any_mix_of_faults_the_cap_holds_and_the_books_agree(
    tmp_path: Path, faults: list[int], cap_usd: float, calls: int
) -> None:
    folder = tmp_path / random.Random().randbytes(8).hex()
    bench = Bench(folder, make_model(), make_model("other", provider="beta"), cap_usd=cap_usd)
    sequence = iter(faults * 1000)
    for name in bench.names:
        bench.scripts[name] = [lambda body: FAULTS[next(sequence)]()] * 2000
    try:

        async def scenario() -> list[Any]:
            client = bench.make_client()
            asked = [client(make_call(f"document {at}")) for at in range(calls)]
            try:
                return await asyncio.gather(*asked, return_exceptions=True)
            finally:
                await client.aclose()

        outcomes = asyncio.run(scenario())

        assert all(isinstance(outcome, Reply | CallError) for outcome in outcomes)
        ledger = sum(row.usd for row in bench.clients[0].attempts)
        assert ledger <= cap_usd + 1e-9
        assert bench.budget.spent_usd == pytest.approx(ledger)
        assert bench.store.spent("run-1") == pytest.approx(ledger)
        assert bench.budget.reserved_usd == 0
        assert len(bench.requests) == len(bench.clients[0].attempts)
    finally:
        bench.store.close()
