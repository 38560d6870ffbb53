"""Requests that a provider turns away at random, whatever the pace, beside limits and without."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.shedding import Shedding
from tests.rationed import Provider, Seen, make_limiter, run, work

SECOND = (1.0, 1.0)
SEEDS = [1, 2, 3]


def seen_by(
    limits: Mapping[str, Any],
    shed: Callable[[float], float],
    *,
    seed: int,
    until_s: float,
    latency_s: tuple[float, float] = SECOND,
) -> Seen:
    """What a provider saw that 64 workers called through one limiter."""

    async def scenario() -> Provider:
        provider = Provider(limits, random.Random(seed), latency_s=latency_s, shed=shed)
        await work(provider, make_limiter(), until_s=until_s)
        return provider

    return run(scenario()).seen


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("share", "part"), [(0.02, 0.8), (0.1, 0.85), (0.3, 0.3)])
def test_refusals_at_random_do_not_slow_the_run_down(share: float, part: float, seed: int) -> None:
    seen = seen_by({"headers": False}, lambda now: share, seed=seed, until_s=240)

    # 64 at once of one second each are 3,840 a minute, of which some are refused and sent again.
    assert seen.between(120, 240)[0] >= part * 3840


def test_they_do_not_either_where_headers_state_a_limit_that_is_far_away() -> None:
    seen = seen_by({"requests_per_minute": 6000}, lambda now: 0.1, seed=1, until_s=240)

    assert seen.between(120, 240)[0] >= 0.85 * 3840


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("window", ["sliding", "bucket"])
def test_a_limit_beside_them_is_found_and_kept(window: str, seed: int) -> None:
    limits = {"requests_per_minute": 600, "headers": False, "window": window}

    seen = seen_by(limits, lambda now: 0.05, seed=seed, until_s=900, latency_s=(0.5, 2.0))

    assert seen.between(300, 900)[0] >= 0.8 * 600
    assert seen.refusals() < 0.13


def test_once_they_have_stopped_a_limit_is_kept_as_before() -> None:
    limits = {"requests_per_minute": 600, "headers": False}

    def until_then(now: float) -> float:
        return 0.2 if now < 300 else 0.0

    seen = seen_by(limits, until_then, seed=1, until_s=1500, latency_s=(0.5, 2.0))

    late = sum(at >= 600 for at in seen.refused)
    assert seen.between(600, 1500)[0] >= 0.9 * 600
    assert late < 0.01 * 15 * 600


@given(st.lists(st.booleans(), max_size=400))
def test_where_nothing_has_been_tried_every_refusal_counts(taken: list[bool]) -> None:
    shedding = Shedding()

    for now, is_taken in enumerate(taken):
        if is_taken:
            assert shedding.answered(now) is None
        else:
            assert shedding.refused(now)
        assert shedding.wait_s(now) == 0


@given(st.integers(1, 5), st.lists(st.booleans(), min_size=1, max_size=50))
def test_a_provider_that_takes_nothing_of_twice_as_much_does_not_shed(
    times: int, before: list[bool]
) -> None:
    shedding, now = Shedding(), 0.0

    for _ in range(times):
        for is_taken in before:
            now += 1
            if is_taken:
                shedding.answered(now)
        now = doubted(shedding, now)
        shedding.begin_trial(now)
        while shedding.is_trial:
            now += 1
            shedding.sent(now)
            if shedding.refused(now):
                assert shedding.reacted()

    assert shedding.share == 0


def test_one_that_turns_away_as_many_of_twice_as_much_sheds() -> None:
    shedding = Shedding()
    now = doubted(shedding, 0.0)
    shedding.begin_trial(now)

    results = []
    while shedding.is_trial:
        now += 1
        shedding.sent(now)
        if now % 5 == 0:
            assert not shedding.refused(now)
        else:
            results.append(shedding.answered(now))

    assert results[-1] is True
    assert shedding.share == pytest.approx(0.2, abs=0.15)


def test_a_check_goes_at_half_of_what_was_taken_and_at_a_quarter_after_a_rush() -> None:
    def gap_s(minute: float, recent: float) -> float:
        shedding = Shedding()
        shedding.begin_trial(doubted(shedding, 0.0))
        shedding.begin_check(10, minute, recent)
        shedding.sent(10)
        return shedding.wait_s(10)

    assert gap_s(minute=600, recent=600) == pytest.approx(0.2)
    assert gap_s(minute=100, recent=600) == pytest.approx(0.4)


def doubted(shedding: Shedding, now: float) -> float:
    """Every fifth request is turned away, though less and less is sent; the time after that."""
    while not shedding.wants_trial:
        now += 1
        if now % 5 == 0:
            shedding.refused(now)
            shedding.doubt(is_explained=False)
        else:
            shedding.answered(now)
    return now
