"""The same seed gives the same request the same fate, whatever else is asked and when."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.simulator.fates import Fates, chances, request_key
from llms.simulator.faults import Fault
from llms.simulator.scenario import Scenario

FAULTS = {"server_error": 0.2, "reset": 0.2, "malformed": 0.2}


def fates_in_order(order: list[int], seed: int = 1) -> dict[tuple[int, int], Fault | None]:
    """The fates of requests (by number) and attempts, asked in an order."""
    scenario = Scenario.of({"seed": seed, "faults": FAULTS})
    fates, seen = Fates(scenario), dict[int, int]()
    found = {}
    for at, number in enumerate(order, 1):
        body = b"request %d" % number
        seen[number] = seen.get(number, 0) + 1
        fate = fates.decide(request_key(seed, body), body, "sim", scenario, at, float(at))
        found[number, seen[number]] = fate.fault
    return found


@given(st.lists(st.integers(0, 20), max_size=80), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_no_fate(order: list[int], chance: random.Random) -> None:
    shuffled = list(order)
    chance.shuffle(shuffled)

    assert fates_in_order(order) == fates_in_order(shuffled)


def test_another_seed_is_another_world() -> None:
    order = list(range(100))

    assert fates_in_order(order, seed=1) != fates_in_order(order, seed=2)


def test_faults_come_as_often_as_asked_for_and_a_second_attempt_draws_anew() -> None:
    found = fates_in_order([*range(3000), *range(3000)])

    for attempt in (1, 2):
        drawn = [fault for (_, at), fault in found.items() if at == attempt]
        for fault in (Fault.SERVER_ERROR, Fault.RESET, Fault.MALFORMED, None):
            share = drawn.count(fault) / len(drawn)
            assert share == pytest.approx(0.4 if fault is None else 0.2, abs=0.03)
    assert any(found[n, 1] != found[n, 2] for n in range(3000))


@given(st.binary(min_size=16, max_size=16), st.integers(1, 1000))
def test_chances_lie_between_0_and_1_exclusive(key: bytes, attempt: int) -> None:
    assert all(0 < chance < 1 for chance in chances(key, attempt))


def struck(rule: dict[str, Any], bodies: list[bytes], **more: Any) -> list[int]:
    """Which of the bodies, from 1, a rule strikes when they arrive a second apart."""
    scenario = Scenario.of({"script": [{"fault": "hang", **rule}], **more})
    fates = Fates(scenario)
    return [
        at
        for at, body in enumerate(bodies, 1)
        if fates.decide(request_key(0, body), body, "sim", scenario, at, at - 1.0).fault
        is Fault.HANG
    ]


NUMBERED = [b"%d" % n for n in range(10)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param({"nth": [2, 5]}, [2, 5], id="nth"),
        pytest.param({"every": 4}, [4, 8], id="every"),
        pytest.param({"first": 9}, [9, 10], id="first"),
        pytest.param({"last": 2}, [1, 2], id="last"),
        pytest.param({"from_s": 3, "until_s": 5}, [4, 5], id="an outage"),
        pytest.param({"marker": "7"}, [8], id="marker"),
        pytest.param({"model": "other*"}, [], id="model"),
        pytest.param({"probability": 0}, [], id="probability"),
    ],
)
def test_a_rule_strikes_what_it_is_about(rule: dict[str, Any], expected: list[int]) -> None:
    assert struck(rule, NUMBERED) == expected


def test_a_rule_takes_its_share_of_what_the_rules_before_it_have_left() -> None:
    script = [{"fault": "refusal", "probability": 0.5}, {"fault": "hang", "probability": 0.2}]
    bodies = [b"%d" % n for n in range(3000)]

    assert len(struck({}, bodies, script=script)) / 3000 == pytest.approx(0.5 * 0.2, abs=0.02)


def test_a_rule_can_end_with_the_first_attempts() -> None:
    assert struck({"attempts": 2}, [b"same"] * 4) == [1, 2]


def test_a_marker_is_found_in_either_spelling_of_json() -> None:
    assert struck({"marker": "Zürich"}, ["Zürich".encode(), b"Z\\u00fcrich", b"Zurich"]) == [1, 2]


def test_a_rule_without_a_fault_exempts() -> None:
    exempting = [{"fault": None, "marker": "3"}, {"fault": "hang"}]

    assert struck({}, NUMBERED, script=exempting) == [1, 2, 3, 5, 6, 7, 8, 9, 10]
