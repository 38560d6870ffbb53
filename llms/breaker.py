"""Is this provider worth asking at all? A breaker that opens after failures in a row."""

import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from llms.failures import RULES, FailureClass

_FAILURES = 8
"""Failures in a row, of any call, after which a provider counts as down."""

_FAILURES_AT_FIRST = 5
"""The same of a provider that has answered nothing yet."""

_FAILURES_UNREACHABLE = 3
"""The same where not even a connection can be had: no single request is to blame for that."""

_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 15.0


class Breaker:
    """The health of one provider, shared by everything that calls it; thread-safe.

    Closed, it lets every call through. After some failures in a row it opens: for a pause nobody
    sends, then one call may try; its failure makes the pause longer, any success closes it.

    Args:
        clock: Seconds that only ever grow.
        now: The time of day, for people.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._now = now
        self._failures = 0
        self._unreachable = 0
        self._pause_s = _FIRST_PAUSE_S
        self._began_at = 0.0
        self._since = now()
        self._is_open = False
        self._next_try_at = 0.0
        self._is_trying = False
        self._is_confirmed = False
        self._answered_at = -math.inf
        self._last = FailureClass.OVERLOADED
        self._words = ""
        self._lock = threading.Lock()

    @property
    def last_failure(self) -> FailureClass:
        """The class of the failure that came last."""
        return self._last

    @property
    def is_open(self) -> bool:
        """Whether the provider counts as down."""
        return self._is_open

    @property
    def answered_at(self) -> float:
        """When the provider answered last, on the clock; minus infinity if it never has."""
        return self._answered_at

    @property
    def down_s(self) -> float:
        """For how long the provider has been down, in seconds; 0 when it is not.

        It counts from when the first request was sent that had no answer.
        """
        return self._clock() - self._began_at if self._is_open else 0.0

    @property
    def is_surely_down(self) -> bool:
        """Whether no request can be to blame: there is no connection, or no answer to a probe."""
        is_unreachable = self._last is FailureClass.UNREACHABLE
        return self._is_open and (self._is_confirmed or is_unreachable)

    @property
    def is_given_up(self) -> bool:
        """Whether the provider has been down for longer than anybody waits for it."""
        return self.down_s > RULES[self._last].longest_s

    @property
    def story(self) -> str:
        """Since when the provider has failed, how often, and with which words."""
        times = f"{self._failures} failures" if self._failures > 1 else "a failure"
        return f"down since {self._since:%Y-%m-%d %H:%M:%S} UTC, {times} in a row: {self._words}"

    def wait_s(self) -> float:
        """Seconds to wait before asking again; 0 gives leave to send now.

        While the breaker is open, leave is given to one caller per pause.
        """
        with self._lock:
            if not self._is_open:
                return 0.0
            now = self._clock()
            if now < self._next_try_at:
                return self._next_try_at - now
            self._next_try_at = now + self._pause_s
            self._is_trying = True
            return 0.0

    def failed(
        self,
        failure_class: FailureClass,
        words: str = "",
        waited_s: float = 0.0,
        *,
        is_probe: bool = False,
    ) -> None:
        """Count a call that the provider did not answer.

        Args:
            failure_class: One of `llms.failures.OUTAGES`.
            words: What it said, or what is known otherwise.
            waited_s: How long the call had been waited for.
            is_probe: It only asked whether the provider answers.
        """
        with self._lock:
            self._is_confirmed |= is_probe
            now = self._clock()
            if not self._failures:
                self._began_at = now - waited_s
                self._since = self._now() - timedelta(seconds=waited_s)
            self._last, self._words = failure_class, words
            self._failures += 1
            self._unreachable += failure_class is FailureClass.UNREACHABLE
            if self._is_open:
                # Calls that were in flight when it opened fail late and say nothing new.
                if self._is_trying:
                    self._is_trying = False
                    self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
                    self._next_try_at = now + self._pause_s
            elif self._is_enough():
                self._is_open = True
                self._next_try_at = now + self._pause_s

    def succeeded(self) -> None:
        """Count a call that the provider answered, whatever it answered."""
        with self._lock:
            self._answered_at = self._clock()
            self._failures = self._unreachable = 0
            self._pause_s = _FIRST_PAUSE_S
            self._is_open = self._is_trying = self._is_confirmed = False

    def _is_enough(self) -> bool:
        has_answered = self._answered_at > -math.inf
        most = _FAILURES if has_answered else _FAILURES_AT_FIRST
        return self._failures >= most or self._unreachable >= _FAILURES_UNREACHABLE


class Breakers:
    """The breakers of all providers, by their base URL; thread-safe.

    Args:
        clock: Seconds that only ever grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def of(self, base_url: str) -> Breaker:
        """The breaker of the provider at a URL, whatever it is called in which run."""
        with self._lock:
            if base_url not in self._breakers:
                self._breakers[base_url] = Breaker(clock=self._clock)
            return self._breakers[base_url]


class _Shared:
    """The breakers of this process and how many use them."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.breakers = Breakers()


_shared = _Shared()


def join_breakers() -> Breakers:
    """The breakers of this process; to be left again."""
    with _shared.lock:
        _shared.users += 1
        return _shared.breakers


def leave_breakers() -> None:
    """Use them no more; the last one leaves nothing behind for those who come later."""
    with _shared.lock:
        _shared.users -= 1
        if not _shared.users:
            _shared.breakers = Breakers()
