"""Is this call worth another attempt, and when? The bounds of `llms.failures.RULES`, kept."""

import random
from collections import Counter
from collections.abc import Callable

from llms.classification import Failure
from llms.failures import OUTAGES, RULES, FailureClass

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_RATE_PAUSE_S = 2.0

_MOST_TRIES = max(RULES[name].tries for name in OUTAGES)
"""Attempts at one model that end in any outage: several kinds do not make for more."""


class Patience:
    """What one call may still put up with; `next_model` begins the counts anew, not the times."""

    def __init__(self, *, clock: Callable[[], float], rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._tries: Counter[FailureClass] = Counter()
        self._lost_worst_cases = 0
        self._trouble_since: float | None = None
        self._rate_waited_s = 0.0

    def next_model(self) -> None:
        """Begin with another model."""
        self._tries.clear()
        self._lost_worst_cases = 0

    def after(self, failure: Failure) -> float | None:
        """Seconds to pause before the same model is asked again; None to give up on it."""
        rule = RULES[failure.failure_class]
        is_rate = failure.failure_class is FailureClass.RATE_LIMITED
        if failure.failure_class not in OUTAGES and not is_rate:
            return None
        self._tries[failure.failure_class] += 1
        if self._tries[failure.failure_class] >= rule.tries:
            return None
        if is_rate:
            return self._after_rate_limit(failure.retry_after_s, rule.longest_s)
        tried = sum(self._tries[name] for name in OUTAGES)
        self._lost_worst_cases += failure.may_have_cost
        is_too_dear = failure.may_have_cost and self._lost_worst_cases >= rule.worst_cases
        if tried >= _MOST_TRIES or is_too_dear:
            return None
        # Full jitter: calls that failed together must not come back together.
        ceiling = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**tried)
        pause = max(self._rng.uniform(0, ceiling), failure.retry_after_s or 0.0)
        now = self._clock()
        if self._trouble_since is None:
            self._trouble_since = now
        return pause if now + pause - self._trouble_since <= rule.longest_s else None

    def _after_rate_limit(self, told_s: float | None, longest_s: float) -> float | None:
        if told_s is None:
            doublings = min(self._tries[FailureClass.RATE_LIMITED], 8)
            ceiling = min(_LONGEST_PAUSE_S, _RATE_PAUSE_S * 2**doublings)
            pause = self._rng.uniform(_FIRST_PAUSE_S, ceiling)
        else:
            # A little more than told, and not the same for all that were told at once.
            pause = told_s * self._rng.uniform(1.0, 1.1) + self._rng.uniform(0.0, 0.05)
        if self._rate_waited_s + pause > longest_s:
            return None
        self._rate_waited_s += pause
        return pause
