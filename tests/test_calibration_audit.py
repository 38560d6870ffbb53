"""The standing audit: what the wealth of an auditor may do, and when the alarm comes."""

import random
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.calibration.martingale import begin, is_audited, observe, observe_all
from schemas.calibration import AuditState

rates = st.sampled_from([0.02, 0.05, 0.1, 0.3])


def stream(rate: float, length: int, dice: random.Random) -> list[bool]:
    """Outcomes of audits whose errors come at a rate."""
    return [dice.random() < rate for _ in range(length)]


@given(st.lists(st.booleans(), max_size=60), rates)
def test_at_the_tolerated_rate_the_wealth_stays_the_same_on_average(
    past: list[bool], tolerated: float
) -> None:
    now = observe_all(begin(tolerated, 0.1), past)
    wrong, right = observe(now, is_wrong=True), observe(now, is_wrong=False)

    expected = tolerated * wrong.wealth + (1 - tolerated) * right.wealth
    assert expected == pytest.approx(now.wealth, rel=1e-9)
    # Below the tolerated rate it shrinks: errors are what the stakes are on.
    assert wrong.wealth > right.wealth


def test_over_all_streams_the_alarm_is_at_most_as_probable_as_promised() -> None:
    tolerated, delta = 0.3, 0.5
    alarms = 0.0
    for outcomes in product([False, True], repeat=12):
        if observe_all(begin(tolerated, delta), outcomes).alarm_at is not None:
            wrong = sum(outcomes)
            alarms += tolerated**wrong * (1 - tolerated) ** (12 - wrong)

    assert 0 < alarms <= delta


def test_in_simulation_false_alarms_stay_under_delta_at_the_worst_rate_allowed() -> None:
    alarms = sum(
        observe_all(begin(0.1, 0.1), stream(0.1, 800, random.Random(seed))).alarm_at is not None
        for seed in range(150)
    )

    assert alarms / 150 <= 0.1 + 4 * (0.09 / 150) ** 0.5


def test_a_drift_after_a_long_calm_is_noticed() -> None:
    dice = random.Random(8)
    calm = observe_all(begin(0.05, 0.1), stream(0.02, 1_000, dice))
    drifted = observe_all(calm, stream(0.25, 200, dice))

    assert calm.alarm_at is None
    assert drifted.alarm_at is not None
    assert drifted.alarm_at < 1_100


def test_the_alarm_stays_even_if_the_stream_gets_better() -> None:
    raised = observe_all(begin(0.05, 0.1), [True] * 10)
    later = observe_all(raised, [False] * 300)

    assert raised.alarm_at is not None
    assert later.alarm_at == raised.alarm_at
    assert later.wealth < 10


def test_an_audit_taken_up_from_its_file_goes_on_as_if_never_stopped() -> None:
    outcomes = stream(0.2, 40, random.Random(1))
    halfway = observe_all(begin(0.1, 0.05), outcomes[:20])
    reread = AuditState.model_validate_json(halfway.model_dump_json())

    assert observe_all(reread, outcomes[20:]) == observe_all(begin(0.1, 0.05), outcomes)


def test_the_audited_share_is_drawn_by_key_alone() -> None:
    keys = [f"document {i}" for i in range(4_000)]
    drawn = [key for key in keys if is_audited(key, 0.05, "run 7")]

    assert drawn == [key for key in keys if is_audited(key, 0.05, "run 7")]
    assert 150 < len(drawn) < 250
    assert drawn != [key for key in keys if is_audited(key, 0.05, "run 8")]
    assert not any(is_audited(key, 0.0, "run 7") for key in keys)
    assert all(is_audited(key, 1.0, "run 7") for key in keys)
