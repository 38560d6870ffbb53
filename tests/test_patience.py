"""The bounds of retrying: in count, in time and in money."""

import random

import pytest

from llms.classification import Failure
from llms.failures import OUTAGES, RULES, FailureClass
from llms.patience import Patience

RATE = RULES[FailureClass.RATE_LIMITED]


def make_patience(now: list[float] | None = None, seed: int = 0) -> Patience:
    """A patience on a clock that shows `now[0]`."""
    times = now or [0.0]
    return Patience(clock=lambda: times[0], rng=random.Random(seed))


@pytest.mark.parametrize("failure_class", sorted(OUTAGES))
def test_a_provider_in_trouble_is_tried_a_few_times_with_growing_random_pauses(
    failure_class: FailureClass,
) -> None:
    tries = RULES[failure_class].tries
    pauses = []
    for seed in range(200):
        patience = make_patience(seed=seed)
        pauses.append([patience.after(Failure(failure_class, "")) for _ in range(tries)])

    assert all(row[-1] is None and None not in row[:-1] for row in pauses)
    ceilings = [max(row[at] or 0 for row in pauses) for at in range(tries - 1)]
    assert ceilings == sorted(ceilings)
    assert all(min(row[at] or 0 for row in pauses) < ceilings[at] / 10 for at in range(tries - 1))


def test_outages_of_several_kinds_do_not_make_for_more_tries() -> None:
    kinds = sorted(OUTAGES) * 5
    patience = make_patience()

    given = [patience.after(Failure(kind, "")) for kind in kinds]

    most = max(RULES[kind].tries for kind in OUTAGES)
    assert len([pause for pause in given if pause is not None]) < most


def test_trouble_is_bounded_in_time_over_all_models() -> None:
    now = [0.0]
    patience = make_patience(now)
    assert patience.after(Failure(FailureClass.OVERLOADED, "")) is not None
    now[0] = RULES[FailureClass.OVERLOADED].longest_s

    patience.next_model()

    assert patience.after(Failure(FailureClass.OVERLOADED, "", retry_after_s=5)) is None


@pytest.mark.parametrize(
    "failure_class", sorted(name for name in OUTAGES if RULES[name].worst_cases)
)
def test_attempts_that_may_have_been_billed_are_bounded_in_money(
    failure_class: FailureClass,
) -> None:
    patience = make_patience()
    lost = Failure(failure_class, "", may_have_cost=True)
    most = RULES[failure_class].worst_cases

    pauses = [patience.after(lost) for _ in range(most)]

    assert [pause is None for pause in pauses] == [False] * (most - 1) + [True]


def test_an_overloaded_provider_is_waited_for_as_it_asks() -> None:
    assert make_patience().after(Failure(FailureClass.OVERLOADED, "", retry_after_s=17)) == 17


def test_a_rate_limit_is_waited_for_as_told_and_hardly_longer() -> None:
    pause = make_patience().after(Failure(FailureClass.RATE_LIMITED, "", retry_after_s=20))

    assert pause is not None
    assert 20 <= pause <= 22.1


def test_a_rate_limit_that_is_too_far_away_is_given_up_at_once() -> None:
    day = Failure(FailureClass.RATE_LIMITED, "", retry_after_s=86_400)

    assert make_patience().after(day) is None


def test_rate_limits_are_bounded_in_count_and_time() -> None:
    patience, waited, times = make_patience(), 0.0, 0
    while (pause := patience.after(Failure(FailureClass.RATE_LIMITED, ""))) is not None:
        waited += pause
        times += 1

    assert waited <= RATE.longest_s
    assert times <= RATE.tries


@pytest.mark.parametrize(
    "failure_class",
    sorted(set(FailureClass) - OUTAGES - {FailureClass.RATE_LIMITED}),
)
def test_nothing_else_is_repeated(failure_class: FailureClass) -> None:
    assert make_patience().after(Failure(failure_class, "")) is None
