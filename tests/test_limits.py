"""The limiter: never over a limit in any window, and close to the limit all the same."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
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
@example(seed=0, requests=34, tokens=34_000, jitter_s=0.25, longest_s=9.0, counted="used")
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
