"""The breaker: closed, open, one try at a time, closed again; what it knows of a provider."""

from datetime import UTC, datetime

import pytest

from llms.breaker import (
    _FAILURES,
    _FAILURES_AT_FIRST,
    _FIRST_PAUSE_S,
    Breaker,
    join_breakers,
    leave_breakers,
)
from llms.failures import RULES, FailureClass


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_breaker() -> tuple[Breaker, Clock]:
    """A breaker of a provider that has answered once, and its clock."""
    clock = Clock()
    breaker = Breaker(clock=clock, now=lambda: datetime(2026, 3, 1, 2, 15, tzinfo=UTC))
    breaker.succeeded()
    return breaker, clock


def make_open_breaker() -> tuple[Breaker, Clock]:
    """A breaker that has just opened, and its clock."""
    breaker, clock = make_breaker()
    for _ in range(_FAILURES):
        breaker.failed(FailureClass.TIMEOUT, "no answer")
    return breaker, clock


def test_a_few_failures_do_not_open_it() -> None:
    breaker, _ = make_breaker()
    for _ in range(_FAILURES - 1):
        breaker.failed(FailureClass.OVERLOADED)

    assert (breaker.wait_s(), breaker.is_open, breaker.down_s) == (0, False, 0)


def test_a_provider_that_never_answered_is_given_up_sooner() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(_FAILURES_AT_FIRST):
        breaker.failed(FailureClass.OVERLOADED)

    assert breaker.is_open


def test_a_provider_that_cannot_be_reached_is_known_to_be_down_at_once() -> None:
    breaker, _ = make_breaker()
    for _ in range(3):
        breaker.failed(FailureClass.UNREACHABLE)

    assert breaker.is_open


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker, _ = make_breaker()
    for _ in range(_FAILURES * 3):
        breaker.failed(FailureClass.OVERLOADED)
        breaker.succeeded()

    assert breaker.wait_s() == 0


def test_open_it_makes_everybody_wait_and_says_since_when_and_why() -> None:
    breaker, clock = make_open_breaker()
    clock.now += 1

    assert breaker.wait_s() == _FIRST_PAUSE_S - 1
    assert breaker.last_failure is FailureClass.TIMEOUT
    assert breaker.story == (
        f"down since 2026-03-01 02:15:00 UTC, {_FAILURES} failures in a row: no answer"
    )


@pytest.mark.parametrize("waited_s", [0.0, 20.0])
def test_it_is_down_since_the_first_request_was_sent_that_had_no_answer(waited_s: float) -> None:
    breaker, clock = make_breaker()
    for _ in range(_FAILURES):
        breaker.failed(FailureClass.TIMEOUT, waited_s=waited_s)
        clock.now += 1

    assert breaker.down_s == waited_s + _FAILURES


def test_nobody_waits_longer_than_the_rule_of_the_last_failure_says() -> None:
    breaker, clock = make_open_breaker()

    clock.now += RULES[FailureClass.TIMEOUT].longest_s
    before = breaker.is_given_up
    clock.now += 1

    assert (before, breaker.is_given_up) == (False, True)


def test_after_the_pause_one_call_may_try() -> None:
    breaker, clock = make_open_breaker()
    clock.now += _FIRST_PAUSE_S

    assert breaker.wait_s() == 0
    assert breaker.wait_s() > 0


def test_a_failed_try_doubles_the_pause_and_late_failures_do_not() -> None:
    breaker, clock = make_open_breaker()
    breaker.failed(FailureClass.TIMEOUT)
    assert breaker.wait_s() == _FIRST_PAUSE_S
    clock.now += _FIRST_PAUSE_S
    breaker.wait_s()

    breaker.failed(FailureClass.TIMEOUT)

    assert breaker.wait_s() == 2 * _FIRST_PAUSE_S


def test_a_successful_try_closes_it() -> None:
    breaker, clock = make_open_breaker()
    clock.now += _FIRST_PAUSE_S
    breaker.wait_s()

    breaker.succeeded()

    assert [breaker.wait_s() for _ in range(3)] == [0, 0, 0]
    assert breaker.answered_at == clock.now


def test_all_runs_of_a_process_share_the_breaker_of_a_url_and_leave_nothing_behind() -> None:
    one, other = join_breakers(), join_breakers()
    for _ in range(3):
        one.of("http://a/v1").failed(FailureClass.UNREACHABLE)
    is_open = (other.of("http://a/v1").is_open, other.of("http://b/v1").is_open)
    leave_breakers()
    leave_breakers()

    later = join_breakers()
    leave_breakers()

    assert is_open == (True, False)
    assert not later.of("http://a/v1").is_open
