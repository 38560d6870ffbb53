"""Is this provider worth asking at all? A breaker that opens after failures in a row."""

import threading
import time
from collections.abc import Callable

from llms.failures import FailureClass

_FAILURES = 8
"""Failures in a row, of any call, after which a provider counts as down."""

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 60.0


class Breaker:
    """The health of one provider, shared by everything that calls it; thread-safe.

    Closed, it lets every call through. After `_FAILURES` failures in a row it opens: for a pause
    nobody sends, then one call may try; its failure doubles the pause, any success closes it.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause_s = _FIRST_PAUSE_S
        self._opened_at: float | None = None
        self._next_try_at = 0.0
        self._is_trying = False
        self._last = FailureClass.OVERLOADED
        self._lock = threading.Lock()

    @property
    def last_failure(self) -> FailureClass:
        """The class of the failure that came last."""
        return self._last

    @property
    def open_s(self) -> float:
        """For how long the provider has been down, in seconds; 0 when it is not."""
        opened_at = self._opened_at
        return 0.0 if opened_at is None else self._clock() - opened_at

    def wait_s(self) -> float:
        """Seconds to wait before asking again; 0 gives leave to send now.

        While the breaker is open, leave is given to one caller per pause.
        """
        with self._lock:
            if self._opened_at is None:
                return 0.0
            now = self._clock()
            if now < self._next_try_at:
                return self._next_try_at - now
            self._next_try_at = now + self._pause_s
            self._is_trying = True
            return 0.0

    def failed(self, failure_class: FailureClass) -> None:
        """Count a call that the provider did not answer."""
        with self._lock:
            self._last = failure_class
            self._failures += 1
            now = self._clock()
            if self._opened_at is not None:
                # Calls that were in flight when it opened fail late and say nothing new.
                if self._is_trying:
                    self._is_trying = False
                    self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
                    self._next_try_at = now + self._pause_s
            elif self._failures >= _FAILURES:
                self._opened_at = now
                self._next_try_at = now + self._pause_s

    def succeeded(self) -> None:
        """Count a call that the provider answered, whatever it answered."""
        with self._lock:
            self._failures = 0
            self._pause_s = _FIRST_PAUSE_S
            self._opened_at = None
            self._is_trying = False
