"""The breaker: closed, open, one try at a time, closed again."""

from llms.breaker import _FAILURES, _FIRST_PAUSE_S, Breaker
from llms.failures import FailureClass


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_open_breaker() -> tuple[Breaker, Clock]:
    """A breaker that has just opened, and its clock."""
    clock = Clock()
    breaker = Breaker(clock=clock)
    for _ in range(_FAILURES):
        breaker.failed(FailureClass.TIMEOUT)
    return breaker, clock


def test_a_few_failures_do_not_open_it() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(_FAILURES - 1):
        breaker.failed(FailureClass.OVERLOADED)

    assert (breaker.wait_s(), breaker.open_s) == (0, 0)


def test_a_success_between_failures_starts_the_count_again() -> None:
    breaker = Breaker(clock=Clock())
    for _ in range(_FAILURES * 3):
        breaker.failed(FailureClass.OVERLOADED)
        breaker.succeeded()

    assert breaker.wait_s() == 0


def test_open_it_makes_everybody_wait_and_says_why() -> None:
    breaker, clock = make_open_breaker()
    clock.now += 1

    assert breaker.wait_s() == _FIRST_PAUSE_S - 1
    assert (breaker.open_s, breaker.last_failure) == (1, FailureClass.TIMEOUT)


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
