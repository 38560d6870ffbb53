"""Limits that nobody declared: learned from headers, refusals and answers, and followed."""

import asyncio
import random

import pytest

from llms.limiter import Limiter
from tests.rationed import Provider, make_limiter, run, work


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


def test_the_expected_tokens_are_learned_per_stage() -> None:
    limiter = Limiter()
    before = limiter.expected("extract", estimated=1000, most_output=2000)
    for tokens in range(1, 101):
        limiter.observe("extract", 1000, 800, tokens)

    assert before == (1000, 2000)
    assert limiter.expected("extract", estimated=500, most_output=2000) == (400, 96)
    assert limiter.expected("extract", estimated=500, most_output=50) == (400, 50)
    assert limiter.expected("route", estimated=500, most_output=2000) == (500, 2000)
