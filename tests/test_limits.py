"""The limiter: never over a limit in any window, in order, and close to the limit all the same."""

import asyncio
import random
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.limiter import Limiter
from llms.limits import WINDOW_S, Limiters
from schemas.providers import Provider as Declared
from tests.rationed import Provider, make_limiter, run, work


async def admit_all(
    limiter: Limiter, calls: list[tuple[int, int, float]], *, in_flight: int = 10_000
) -> list[tuple[float, int]]:
    """Send calls of (reserved, used tokens, seconds); when each went out and what it used."""
    admitted: list[tuple[float, int]] = []
    gate = asyncio.Semaphore(in_flight)

    async def one(reserved: int, used: int, duration: float) -> None:
        async with gate:
            permit = await limiter.acquire(reserved)
            admitted.append((permit.at, used))
            await asyncio.sleep(duration)
            limiter.settle(permit, used)

    await asyncio.gather(*(one(*call) for call in calls))
    return admitted


def fullest_window(admitted: list[tuple[float, int]]) -> tuple[int, int]:
    """The most requests and the most tokens in any window that begins with an admission."""
    windows = [
        [tokens for at, tokens in admitted if start <= at < start + WINDOW_S - 1e-6]
        for start, _ in admitted
    ]
    return max(map(len, windows)), max(map(sum, windows))


CALLS = st.lists(
    st.tuples(st.integers(0, 400), st.floats(0, 1), st.floats(0, 40)), min_size=1, max_size=60
).map(lambda calls: [(reserved, int(reserved * share), s) for reserved, share, s in calls])


@settings(max_examples=60)
@given(calls=CALLS, requests=st.integers(1, 30), tokens=st.integers(400, 2000))
def test_no_window_holds_more_than_the_limits(
    calls: list[tuple[int, int, float]], requests: int, tokens: int
) -> None:
    async def scenario() -> list[tuple[float, int]]:
        limiter = make_limiter(requests_per_minute=requests, tokens_per_minute=tokens)
        return await admit_all(limiter, calls)

    admitted = run(scenario())

    most_requests, most_tokens = fullest_window(admitted)
    assert len(admitted) == len(calls)
    assert most_requests <= requests
    assert most_tokens <= tokens


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    requests=st.integers(20, 300),
    tokens=st.integers(20_000, 300_000),
    jitter_s=st.floats(0, 0.4),
    longest_s=st.floats(0.1, 15),
    counted=st.sampled_from(["used", "reserved"]),
)
def test_no_request_is_refused_by_a_provider_whose_limits_are_configured(
    seed: int, requests: int, tokens: int, jitter_s: float, longest_s: float, counted: str
) -> None:
    limits = {"requests_per_minute": requests, "tokens_per_minute": tokens}

    async def scenario() -> Provider:
        provider = Provider(
            {**limits, "count_tokens": counted},
            random.Random(seed),
            latency_s=(0.1, longest_s),
            jitter_s=jitter_s,
        )
        limiter = make_limiter(**limits)
        # An answer always has as many tokens as it may have: then both ways of counting agree.
        await work(provider, limiter, workers=20, until_s=150, most_output=100)
        return provider

    seen = run(scenario()).seen

    assert seen.refused == []
    assert seen.fullest()[0] <= requests


UTILISED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "requests, configured": ({"requests_per_minute": 600}, {"requests_per_minute": 600}),
    "requests, by headers": ({"requests_per_minute": 600}, {}),
    "requests, a bucket": ({"requests_per_minute": 600, "window": "bucket"}, {}),
    "requests, 5-second windows": ({"requests_per_minute": 1200, "window_s": 5}, {}),
    "tokens, configured": ({"tokens_per_minute": 300_000}, {"tokens_per_minute": 300_000}),
    "tokens, by headers": ({"tokens_per_minute": 300_000}, {}),
    "tokens, a bucket": ({"tokens_per_minute": 300_000, "window": "bucket"}, {}),
    "tokens, 10-second windows": ({"tokens_per_minute": 900_000, "window_s": 10}, {}),
}


@pytest.mark.parametrize(("limits", "configured"), UTILISED.values(), ids=UTILISED.keys())
def test_a_known_limit_is_used_to_97_percent_with_next_to_no_refusals(
    limits: dict[str, Any], configured: dict[str, Any]
) -> None:
    async def scenario() -> Provider:
        provider = Provider(limits, random.Random(1))
        limiter = make_limiter(**configured)
        await work(provider, limiter, until_s=300, size=of_many_sizes)
        return provider

    seen = run(scenario()).seen

    # By then it is known, and in which windows it is counted.
    requests, tokens = seen.between(30, 300)
    used = requests / limits.get("requests_per_minute", 1e9)
    used = max(used, tokens / limits.get("tokens_per_minute", 1e9))
    assert used >= 0.97
    assert seen.refusals() < 0.005


def of_many_sizes(rng: random.Random) -> tuple[int, int]:
    """Input and output tokens that differ from call to call."""
    return rng.randint(600, 1200), min(500, int(rng.lognormvariate(4.6, 0.6)))


def test_input_and_output_tokens_have_limits_of_their_own() -> None:
    limits = {"input_tokens_per_minute": 400_000, "output_tokens_per_minute": 30_000}

    async def scenario() -> Provider:
        provider = Provider(limits, random.Random(1))
        await work(provider, make_limiter(), until_s=300)
        return provider

    seen = run(scenario()).seen

    # 100 tokens each: 300 answers a minute, and 270,000 tokens of input.
    assert 0.97 * 300 <= seen.between(0, 300)[0] <= 300
    assert seen.refused == []


def test_changed_limits_are_followed_down_and_up() -> None:
    schedule = [
        {"at_s": 100, "requests_per_minute": 300},
        {"at_s": 250, "requests_per_minute": 900},
    ]

    async def scenario() -> Provider:
        provider = Provider({"requests_per_minute": 600, "schedule": schedule}, random.Random(1))
        await work(provider, make_limiter(), until_s=400)
        return provider

    seen = run(scenario()).seen

    assert seen.between(0, 100)[0] >= 0.97 * 600
    # What went out before counts for a minute under the new limit.
    assert seen.between(165, 250)[0] == pytest.approx(300, rel=0.03)
    assert seen.between(260, 400)[0] == pytest.approx(900, rel=0.03)
    assert seen.refusals() < 0.005


def test_a_provider_that_counts_the_output_limit_is_found_out_at_the_first_refusal() -> None:
    async def scenario() -> Provider:
        provider = Provider(
            {"tokens_per_minute": 300_000, "count_tokens": "reserved"}, random.Random(1)
        )
        await work(provider, make_limiter(), until_s=400)
        return provider

    seen = run(scenario()).seen

    # 900 tokens of input and 500 that the answer may have: 214 requests a minute.
    assert seen.between(120, 400)[0] >= 0.97 * 300_000 / 1400
    assert len(seen.refused) <= 3


@pytest.mark.parametrize("window", ["sliding", "bucket"])
def test_without_headers_the_limit_is_found(window: str) -> None:
    limits = {"requests_per_minute": 600, "headers": False, "window": window}

    async def scenario() -> Provider:
        provider = Provider(limits, random.Random(1))
        await work(provider, make_limiter(), until_s=900)
        return provider

    seen = run(scenario()).seen

    assert seen.between(300, 900)[0] >= 0.95 * 600
    assert seen.refusals() < 0.015


@pytest.mark.parametrize("has_rate", [True, False])
def test_how_many_may_be_in_flight_is_found(has_rate: bool) -> None:
    limits = {"in_flight": 8, **({"requests_per_minute": 6000} if has_rate else {})}

    async def scenario() -> Provider:
        provider = Provider(limits, random.Random(1), latency_s=(1.0, 1.0))
        await work(provider, make_limiter(), until_s=300)
        return provider

    seen = run(scenario()).seen

    assert seen.between(60, 300)[0] >= 0.85 * 8 * 60
    assert seen.refusals() < 0.04


def test_a_refusal_holds_up_only_its_own_request() -> None:
    """Of many in flight one is refused: the others' successors go out within the second."""

    async def scenario() -> float:
        limiter = make_limiter(requests_per_minute=6000)
        clock = asyncio.get_running_loop().time
        permits = [await limiter.acquire(10) for _ in range(30)]
        limiter.throttled(permits[0], {"retry-after": "20"})
        for permit in permits[1:]:
            limiter.settle(permit, 10)
        limiter.settle(permits[0])
        before = clock()
        for _ in range(30):
            limiter.settle(await limiter.acquire(10), 10)
        return clock() - before

    assert run(scenario()) < 1.0


def test_requests_are_spread_over_the_minute() -> None:
    async def scenario() -> list[float]:
        limiter = make_limiter(requests_per_minute=60)
        return [at for at, _ in await admit_all(limiter, [(0, 0, 0.0)] * 60)]

    times = run(scenario())

    assert sum(at < 10 for at in times) <= 12


def test_a_call_larger_than_the_whole_limit_goes_alone() -> None:
    async def scenario() -> list[tuple[float, int]]:
        limiter = make_limiter(tokens_per_minute=100)
        return await admit_all(limiter, [(50, 50, 0), (500, 500, 0), (50, 50, 0)])

    times = [at for at, _ in run(scenario())]

    assert times[1] >= times[0] + WINDOW_S
    assert times[2] >= times[1] + WINDOW_S


def test_without_limits_nobody_waits() -> None:
    async def scenario() -> float:
        limiter = make_limiter()
        limiter.learn({})  # something has come back
        await admit_all(limiter, [(10**6, 10**6, 0.0)] * 500)
        return asyncio.get_running_loop().time()

    assert run(scenario()) == 0


def test_before_anything_is_known_of_a_provider_few_requests_are_out() -> None:
    async def scenario() -> int:
        limiter = make_limiter()
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(100)]
        await asyncio.sleep(1)
        out = limiter.in_flight
        for task in waiting:
            task.cancel()
        return out

    assert run(scenario()) == 16


def test_within_a_stage_who_comes_first_goes_first() -> None:
    async def scenario() -> list[int]:
        limiter = make_limiter(requests_per_minute=30)
        order: list[int] = []

        async def one(name: int) -> None:
            permit = await limiter.acquire(1)
            order.append(name)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one(name) for name in range(40)))
        return order

    assert run(scenario()) == list(range(40))


def test_a_stage_with_one_call_does_not_wait_for_all_of_another() -> None:
    async def scenario() -> int:
        limiter = make_limiter(requests_per_minute=60)
        order: list[str] = []

        async def one(stage: str) -> None:
            permit = await limiter.acquire(1, stage=stage)
            order.append(stage)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one(stage) for stage in ["extract"] * 50 + ["verify"]))
        return order.index("verify")

    assert run(scenario()) <= 2


@settings(max_examples=40)
@given(
    stages=st.lists(st.sampled_from("abc"), min_size=1, max_size=40),
    cancelled=st.sets(st.integers(0, 39)),
    requests=st.integers(1, 60),
)
def test_nobody_starves_whoever_is_cancelled(
    stages: list[str], cancelled: set[int], requests: int
) -> None:
    async def scenario() -> list[Any]:
        limiter = make_limiter(requests_per_minute=requests)

        async def one(stage: str) -> str:
            permit = await limiter.acquire(1, stage=stage)
            await asyncio.sleep(0.5)
            limiter.settle(permit, 1)
            return stage

        tasks = [asyncio.create_task(one(stage)) for stage in stages]
        for n in sorted(cancelled & set(range(len(stages)))):
            await asyncio.sleep(0.3)
            tasks[n].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.in_flight <= len(cancelled)
        return done

    done = run(scenario())

    kept = [n for n in range(len(stages)) if n not in cancelled]
    assert [done[n] for n in kept] == [stages[n] for n in kept]


def test_limits_are_learned_from_headers_and_a_stricter_setting_stays() -> None:
    async def scenario() -> tuple[int | None, int | None]:
        limiter = make_limiter(requests_per_minute=50)
        limiter.learn({"x-ratelimit-limit-requests": "500", "x-ratelimit-limit-tokens": "3000"})
        return limiter.requests_per_minute, limiter.tokens_per_minute

    assert run(scenario()) == (50, 3000)


def test_an_answer_that_took_long_brings_older_news_than_a_later_one() -> None:
    async def scenario() -> int | None:
        limiter = make_limiter()
        early = await limiter.acquire(1)
        await asyncio.sleep(1)
        late = await limiter.acquire(1)
        limiter.learn({"x-ratelimit-limit-requests": "300"}, late)
        await asyncio.sleep(1)
        limiter.learn({"x-ratelimit-limit-requests": "600"}, early)
        return limiter.requests_per_minute

    assert run(scenario()) == 300


@pytest.mark.parametrize("value", ["", "many", "0", "-5", "1.5"])
def test_headers_that_make_no_sense_change_nothing(value: str) -> None:
    async def scenario() -> int | None:
        limiter = make_limiter()
        limiter.learn({"x-ratelimit-limit-requests": value})
        return limiter.requests_per_minute

    assert run(scenario()) is None


def test_a_declared_number_in_flight_is_kept_from_the_start_and_for_good() -> None:
    async def most_at_once() -> int:
        limiter, most = make_limiter(in_flight=3), 0

        async def one() -> None:
            nonlocal most
            permit = await limiter.acquire(1)
            most = max(most, limiter.in_flight)
            await asyncio.sleep(1)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one() for _ in range(50)))
        return most

    assert run(most_at_once()) == 3


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_cancelled_waiter_does_not_hold_up_the_others(victim: int) -> None:
    async def scenario() -> int:
        limiter = make_limiter(requests_per_minute=1)
        limiter.settle(await limiter.acquire(1), 1)
        tasks = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[victim].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(not isinstance(outcome, BaseException) for outcome in done)

    assert run(scenario()) == 2


def test_threads_with_event_loops_of_their_own_share_a_limiter() -> None:
    limiter = Limiter(requests_per_minute=60_000)
    admitted: list[float] = []

    async def work() -> None:
        for _ in range(100):
            permit = await limiter.acquire(1)
            admitted.append(permit.at)
            limiter.settle(permit, 1)

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(admitted) == 300
    assert limiter.in_flight == 0


def test_a_loop_that_ends_leaves_those_of_other_loops_their_turn() -> None:
    limiter = Limiter(requests_per_minute=600)
    admitted: list[str] = []
    has_begun = threading.Event()

    async def left_early() -> None:
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(50)]
        await asyncio.sleep(0)
        has_begun.set()
        await waiting[1]

    async def patient() -> None:
        for _ in range(5):
            limiter.settle(await limiter.acquire(1, stage="patient"), 1)
            admitted.append("patient")

    first = threading.Thread(target=lambda: asyncio.run(left_early()))
    first.start()
    has_begun.wait(timeout=10)
    second = threading.Thread(target=lambda: asyncio.run(patient()))
    second.start()
    first.join(timeout=30)
    second.join(timeout=30)

    assert admitted == ["patient"] * 5


def test_the_expected_tokens_are_learned_per_stage() -> None:
    limiter = Limiter()
    before = limiter.expected("extract", estimated=1000, most_output=2000)
    for tokens in range(1, 101):
        limiter.observe("extract", 1000, 800, tokens)

    assert before == (1000, 2000)
    assert limiter.expected("extract", estimated=500, most_output=2000) == (400, 96)
    assert limiter.expected("extract", estimated=500, most_output=50) == (400, 50)
    assert limiter.expected("route", estimated=500, most_output=2000) == (500, 2000)


def test_a_permit_is_settled_once() -> None:
    async def scenario() -> None:
        limiter = make_limiter()
        permit = await limiter.acquire(1)
        limiter.settle(permit, 1)
        with pytest.raises(ValueError, match="before"):
            limiter.settle(permit, 1)

    run(scenario())


def test_one_model_at_one_provider_has_one_limiter() -> None:
    limiters = Limiters()
    alpha, beta = (
        Declared(name=name, base_url=f"http://{name}/v1", requests_per_minute=5)
        for name in ("alpha", "beta")
    )

    first = limiters.limiter(alpha, "m")

    assert limiters.limiter(alpha, "m") is first
    assert first.requests_per_minute == 5
    assert limiters.limiter(beta, "m") is not first
