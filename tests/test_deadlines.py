"""Deadlines: from history, bounded, stretched by time-outs, and never holding anything."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.deadlines import (
    CEILING_S,
    FACTOR,
    FLEX_CEILING_S,
    FLOOR_S,
    MOST_STRETCH,
    NEEDED,
    SLOW_START_S,
    DeadlineError,
    Deadlines,
)
from schemas.providers import Lane

ASKED = ("alpha", "small", Lane.STANDARD)


def make_deadlines(latency_s: float, count: int = NEEDED, **bounds: float) -> Deadlines:
    """Deadlines that have seen so many answers of the stage `extract`."""
    deadlines = Deadlines(**bounds)
    for _ in range(count):
        deadlines.answered(ASKED, "extract", latency_s, 100)
    return deadlines


def test_a_model_of_which_nothing_is_known_gets_what_a_slow_one_would_take() -> None:
    short, long, endless = (
        Deadlines().deadline_s(ASKED, "extract", most) for most in (0, 1000, 10**6)
    )

    assert (short, endless) == (SLOW_START_S, CEILING_S)
    assert short < long < endless


def test_a_history_decides_with_a_factor() -> None:
    assert make_deadlines(12.0).deadline_s(ASKED, "extract", 2000) == 12.0 * FACTOR


def test_a_fast_model_is_not_given_up_below_the_floor_nor_a_slow_one_awaited_for_ever() -> None:
    assert make_deadlines(0.1).deadline_s(ASKED, "extract", 2000) == FLOOR_S
    assert make_deadlines(280.0).deadline_s(ASKED, "extract", 2000) == CEILING_S


def test_another_stage_goes_by_the_pace_of_the_model_and_the_length_of_the_call() -> None:
    deadlines = make_deadlines(10.0)  # a tenth of a second per token

    assert deadlines.deadline_s(ASKED, "escalate", 300) == pytest.approx(300 * 0.1 * FACTOR)


def test_another_model_or_lane_has_a_history_of_its_own() -> None:
    deadlines = make_deadlines(12.0)
    others = [("alpha", "big", Lane.STANDARD), ("beta", "small", Lane.STANDARD)]

    assert {deadlines.deadline_s(one, "extract", 0) for one in others} == {SLOW_START_S}
    flex = ("alpha", "small", Lane.FLEX)
    assert deadlines.deadline_s(flex, "extract", 0) == FLEX_CEILING_S


@given(
    latencies=st.lists(st.floats(0, 1000), min_size=0, max_size=300),
    most=st.integers(0, 200_000),
)
def test_whatever_was_seen_the_deadline_stays_between_floor_and_ceiling(
    latencies: list[float], most: int
) -> None:
    deadlines = Deadlines()
    for latency_s in latencies:
        deadlines.answered(ASKED, "extract", latency_s, 10)

    assert FLOOR_S <= deadlines.deadline_s(ASKED, "extract", most) <= CEILING_S


def test_only_the_last_answers_count() -> None:
    deadlines = make_deadlines(100.0, 300)
    rng = random.Random(1)
    for _ in range(200):
        deadlines.answered(ASKED, "extract", rng.uniform(8, 10), 100)

    assert 8 * FACTOR <= deadlines.deadline_s(ASKED, "extract", 0) <= 10 * FACTOR


async def _never() -> None:
    await asyncio.Event().wait()


def _times_out(deadlines: Deadlines, calls: int = 1) -> list[BaseException | None]:
    async def scenario() -> list[BaseException | None]:
        waits = [deadlines.within(_never(), ASKED, "extract", 0) for _ in range(calls)]
        return await asyncio.gather(*waits, return_exceptions=True)

    return asyncio.run(scenario())


def test_a_hung_call_ends_at_its_deadline() -> None:
    deadlines = make_deadlines(0.001, floor_s=0.01)

    (error,) = _times_out(deadlines)

    assert isinstance(error, DeadlineError)
    assert error.waited_s >= 0.01


def test_time_outs_stretch_the_deadline_until_the_model_answers_again() -> None:
    deadlines = make_deadlines(0.001, floor_s=0.01)
    _times_out(deadlines, calls=5)  # of one moment: they count once
    once = deadlines.deadline_s(ASKED, "extract", 0)
    for _ in range(4):
        _times_out(deadlines)
    often = deadlines.deadline_s(ASKED, "extract", 0)

    deadlines.answered(ASKED, "extract", 0.001, 100)

    assert once == pytest.approx(0.02)
    assert often == pytest.approx(0.01 * MOST_STRETCH)
    assert deadlines.deadline_s(ASKED, "extract", 0) == pytest.approx(0.01)


def test_a_call_that_went_out_without_a_history_ends_when_there_is_one() -> None:
    deadlines = Deadlines(floor_s=0.01)

    async def scenario() -> None:
        hung = asyncio.ensure_future(deadlines.within(_never(), ASKED, "extract", 0))
        await asyncio.sleep(0)
        for _ in range(NEEDED):
            deadlines.answered(ASKED, "extract", 0.001, 100)
        with pytest.raises(DeadlineError):
            await hung  # half a minute, were it not for the history

    asyncio.run(scenario())
