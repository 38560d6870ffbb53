"""Is this call worth another attempt, and when? The bounds in count, time and money."""

import random
from collections.abc import Callable

from llms.classification import Failure
from llms.failures import FailureClass

MOST_TRIES = 5
"""Attempts at one model that end in an overloaded, silent or unreachable provider."""

MOST_TROUBLE_S = 180.0
"""Time a call may spend on such attempts and on the pauses between them, over all its models."""

MOST_LOST_WORST_CASES = 2.0
"""Unanswered attempts that may have been billed, in worst cases of one attempt."""

MOST_RATE_WAITS = 40
MOST_RATE_WAIT_S = 900.0
"""Time a call may wait for its rate limit; a limit that is further away is rather a quota."""

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_RATE_PAUSE_S = 2.0

TRANSIENT = frozenset({FailureClass.OVERLOADED, FailureClass.TIMEOUT, FailureClass.CONNECTION})
"""Classes after which the same request may succeed a little later."""


class Patience:
    """What one call may still put up with; `next_model` begins the count of tries anew."""

    def __init__(self, *, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._tries = 0
        self._lost_worst_cases = 0.0
        self._trouble_since: float | None = None
        self._rate_waits = 0
        self._rate_waited_s = 0.0

    def next_model(self) -> None:
        """Begin with another model."""
        self._tries = 0
        self._lost_worst_cases = 0.0
        self._rate_waits = 0

    def after(self, failure: Failure) -> float | None:
        """Seconds to pause before the same model is asked again; None to give up on it."""
        if failure.failure_class is FailureClass.RATE_LIMITED:
            return self._after_rate_limit(failure.retry_after_s)
        if failure.failure_class not in TRANSIENT:
            return None
        self._tries += 1
        self._lost_worst_cases += failure.may_have_cost
        if self._tries >= MOST_TRIES or self._lost_worst_cases >= MOST_LOST_WORST_CASES:
            return None
        # Full jitter: calls that failed together must not come back together.
        ceiling = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**self._tries)
        pause = self._rng.uniform(0, ceiling)
        return self.for_provider(max(pause, failure.retry_after_s or 0.0))

    def for_provider(self, pause_s: float) -> float | None:
        """`pause_s` if the call may wait that long for a provider in trouble, else None."""
        now = self._clock()
        if self._trouble_since is None:
            self._trouble_since = now
        return pause_s if now + pause_s - self._trouble_since <= MOST_TROUBLE_S else None

    def _after_rate_limit(self, told_s: float | None) -> float | None:
        self._rate_waits += 1
        if told_s is None:
            ceiling = min(_LONGEST_PAUSE_S, _RATE_PAUSE_S * 2 ** min(self._rate_waits, 8))
            pause = self._rng.uniform(_FIRST_PAUSE_S, ceiling)
        else:
            # A little more than told, and not the same for all that were told at once.
            pause = told_s * self._rng.uniform(1.0, 1.1) + self._rng.uniform(0.0, 0.05)
        if self._rate_waits > MOST_RATE_WAITS or self._rate_waited_s + pause > MOST_RATE_WAIT_S:
            return None
        self._rate_waited_s += pause
        return pause
