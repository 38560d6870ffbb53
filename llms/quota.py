"""Is this account used up? So its provider says, to a few calls; the others need not ask."""

from collections.abc import Callable

from llms.classification import Failure
from llms.failures import FailureClass

_REFUSED = 3
"""Calls in a row that must have been turned away: some gateways turn away what is large alone."""

_PAUSE_S = 60.0
"""How often one call tries after that, should the account have been topped up."""


class Quota:
    """The quota of the account at one provider; made for one event loop.

    Args:
        clock: Seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refused = 0
        self._last: Failure | None = None
        self._next_try_at = 0.0

    def used_up(self) -> Failure | None:
        """What a call is to be given up with, unsent; null gives leave to send it."""
        if self._refused < _REFUSED:
            return None
        now = self._clock()
        if now < self._next_try_at:
            return self._last
        self._next_try_at = now + _PAUSE_S
        return None

    def answered(self) -> None:
        """Note that a call was answered, and so paid for."""
        self._refused = 0

    def failed(self, failure: Failure) -> None:
        """Note why a call was not answered; only the quota counts."""
        if failure.failure_class is FailureClass.QUOTA_EXHAUSTED:
            self._refused += 1
            self._last = failure
            self._next_try_at = self._clock() + _PAUSE_S
