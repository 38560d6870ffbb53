"""Which stages go into batches: a pure function of the time left and of what each stage takes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.lane_choice import CANCELLING_S, StageNeed, choose_lanes
from schemas.providers import Lane

HOUR_S = 3600.0
OFFERED = {Lane.STANDARD: 0.0, Lane.FLEX: 0.5, Lane.BATCH: 0.5}


def make_stages(**changes: Any) -> list[StageNeed]:
    """A route, an extraction that costs the most, an escalation and a verification."""
    usd = {"route": 1.0, "extract": 10.0, "escalate": 5.0, "verify": 2.0}
    usual = {"online_s": 300.0, "saves": OFFERED}
    return [StageNeed(name, cost, **{**usual, **changes}) for name, cost in usd.items()]


def batched(lanes: dict[str, Lane]) -> set[str]:
    """The stages that are in the batch lane."""
    return {stage for stage, lane in lanes.items() if lane is Lane.BATCH}


def test_without_a_time_to_be_ready_the_job_decides() -> None:
    choice = choose_lanes(
        make_stages(), wanted={"extract": Lane.BATCH}, left_s=None, batch_s=HOUR_S
    )

    assert batched(choice.lanes) == {"extract"}
    assert choice.reserve_s is None


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (8, {"route", "extract", "escalate", "verify"}),
        (3, {"extract", "escalate"}),
        (2, {"extract"}),
        (1, set()),
    ],
)
def test_what_saves_the_most_goes_into_the_batches_there_is_time_for(
    hours: float, expected: set[str]
) -> None:
    choice = choose_lanes(make_stages(), wanted={}, left_s=hours * HOUR_S, batch_s=HOUR_S)

    assert batched(choice.lanes) == expected


def test_there_is_time_left_to_ask_everything_online_after_all() -> None:
    choice = choose_lanes(make_stages(), wanted={}, left_s=8 * HOUR_S, batch_s=HOUR_S)

    assert choice.reserve_s == CANCELLING_S + 1.5 * 4 * 300


def test_a_provider_without_batches_is_asked_in_the_flex_lane_if_that_is_fast_enough() -> None:
    stages = make_stages(saves={Lane.FLEX: 0.5})

    slow = choose_lanes(stages, wanted={}, left_s=2 * HOUR_S, batch_s=HOUR_S)
    fast = choose_lanes(stages, wanted={}, left_s=HOUR_S, batch_s=HOUR_S)

    assert set(slow.lanes.values()) == {Lane.FLEX}
    assert set(fast.lanes.values()) == {Lane.STANDARD}


def test_what_saves_nothing_stays_where_it_is_answered_at_once() -> None:
    stages = make_stages(saves={Lane.BATCH: 0.0})

    choice = choose_lanes(stages, wanted={}, left_s=24 * HOUR_S, batch_s=HOUR_S)

    assert set(choice.lanes.values()) == {Lane.STANDARD}


def test_a_lane_that_is_wanted_is_taken_whatever_the_time() -> None:
    wanted = {"extract": Lane.STANDARD, "verify": Lane.BATCH}

    choice = choose_lanes(make_stages(), wanted=wanted, left_s=60.0, batch_s=HOUR_S)

    assert choice.lanes == {**dict.fromkeys(("route", "escalate"), Lane.STANDARD), **wanted}


@given(
    st.floats(0, 48 * HOUR_S),
    st.floats(60, 24 * HOUR_S),
    st.lists(st.floats(0, 100), min_size=1, max_size=5),
)
def test_batches_one_after_the_other_never_take_the_time_that_is_reserved(
    left_s: float, batch_s: float, costs: list[float]
) -> None:
    stages = [StageNeed(f"s{n}", cost, 600.0, OFFERED) for n, cost in enumerate(costs)]

    choice = choose_lanes(stages, wanted={}, left_s=left_s, batch_s=batch_s)

    assert choice.reserve_s is not None
    rounds = len(batched(choice.lanes))
    assert rounds == 0 or rounds * batch_s + choice.reserve_s <= left_s + 1e-6
