"""What does a provider take that does not say so? A bound learned from what it turned away."""

import math

MARGIN = 0.02
"""After a refusal, the share of the measured throughput that is left out. It doubles with every
refusal that comes before the calm of the last one is over: a bucket that was full hid its rate."""

_LARGEST_MARGIN = 0.16

CALM_ANSWERS = 300
"""Answers without a refusal after which a little more is tried: what trying costs stays near one
refusal in 300 answers."""

EAGER_S = 60.0
EAGER_ANSWERS = 10
EAGER_PAUSE_S = 2.0
"""More is tried already so soon for a minute after the first refusal, when little is known, and
while less is sent than has gone through in a minute before."""

_NEARLY = 0.95

_FIRST_STEP = 0.02
_FIRST_EAGER_STEP = 0.25
_LARGEST_STEP = 0.5

_MOST = 1e9
"""Nobody sends so many tokens a minute: a ceiling that has been doubled beyond is none."""

_FAR = 0.1
_MOST_PATIENCE = 8
"""So many times longer it takes until more is tried, where trying was refused time and again."""

_MINUTE_S = 60.0
_LONG_S = 5.0
"""A provider that takes nothing for so long counts in windows longer than the measured seconds."""


class Ceiling:
    """The most of one kind that may go in a minute, or be in flight, as far as refusals have shown.

    A refusal brings it down to what was measured to have been taken, less a margin, so that the
    way back up is short. Then it rises in steps that double, the first after `CALM_ANSWERS` answers
    without a refusal: close below a limit that stands it hardly moves, and a limit that was
    lifted is found in a dozen steps. Refusals without an answer between them are one event: a
    provider that takes nothing for a while is waited for, not read as one that takes little.
    """

    __slots__ = (
        "_began",
        "_calm",
        "_eager_until",
        "_is_free",
        "_is_waited_for",
        "_lowered_to",
        "_margin",
        "_minute",
        "_patience",
        "_proven",
        "_step",
        "_stepped_at",
        "_untried",
        "value",
        "was_passed",
    )

    def __init__(self) -> None:
        self.value = math.inf
        self._began = -math.inf
        self._calm = 0
        self._is_free = False
        self._is_waited_for = False
        self._eager_until = math.inf
        self._margin = MARGIN
        self._minute = math.inf
        self._patience = 1
        self._proven = 0.0
        self._step = 0.0
        self._stepped_at = -math.inf
        self._lowered_to = -math.inf
        self._untried = math.inf
        self.was_passed = False

    def refused(
        self, minute: float, recent: float, now: float, *, trouble_s: float, began: float
    ) -> None:
        """Something was turned away.

        Args:
            minute: What was taken in the last minute.
            recent: What would be taken in a minute at the pace of the last seconds.
            now: The time.
            trouble_s: For how long nothing has been taken, or 0.
            began: When the first was sent.
        """
        self._began = began
        if not trouble_s:
            self._minute = minute
            most_known = max(self._lowered_to, _NEARLY * minute)
            self.was_passed = min(self.value, recent) > most_known
            self._proven = max(minute, self._proven / 2)
            self._lower(recent, now)
        elif trouble_s < _LONG_S:
            # Others that were refused together with the first one have been taken off by now.
            self._minute = min(self._minute, minute)
        else:
            # What the last seconds took was a burst; the minute before is what it takes.
            taken = min(self._minute, max(minute, self._proven))
            self.value = min(self.value, max(taken * (1 - MARGIN), 1.0))
            self._is_waited_for = True

    def answered(self, sent_at: float, now: float) -> None:
        """Something was taken that had been sent at a time."""
        if self._is_free and sent_at <= self._stepped_at:
            return  # it says nothing of the pace that was doubled since
        self._calm += 1
        if self._is_waited_for:
            # All of this run was in one window, which has just ended, and may be short.
            self._is_waited_for = False
            self.value *= max(1.0, _MINUTE_S / (now - self._began))
        is_new = now < self._eager_until
        is_eager = is_new or self.value < _NEARLY * self._proven
        if self._calm < (EAGER_ANSWERS if is_eager else CALM_ANSWERS * self._patience):
            return
        if is_eager and not self._is_free and now - self._stepped_at < EAGER_PAUSE_S:
            return
        if self._is_free:
            self.value *= 2
        elif is_new:
            self.value *= 1 + max(self._step, _FIRST_EAGER_STEP)
        elif is_eager:
            # What has gone through in a minute may go again, and more only in small steps.
            risen = self.value * (1 + max(self._step, _FIRST_EAGER_STEP))
            self.value = min(risen, self._proven * (1 - MARGIN))
        else:
            self.value *= 1 + self._step
        if self.value > _MOST:
            self.lift()
        self._calm, self._stepped_at, self._margin = 0, now, MARGIN
        if not is_eager:
            self._step = min(2 * self._step, _LARGEST_STEP)
            if self._step > _FAR:
                self._patience = 1

    def try_more(self) -> None:
        """Double it for a trial."""
        self._untried = self.value
        self.value *= 2

    def tried(self, *, is_shed: bool) -> None:
        """The trial is over.

        Args:
            is_shed: What had brought it down proved nothing: it doubles soon and often from now
                on, until something is turned away. If not, it is what it was before.
        """
        if is_shed:
            self._is_free = True
            self._eager_until = math.inf
            self._margin, self._patience = MARGIN, 1
        else:
            self.value = min(self.value, self._untried)
        self._untried = math.inf

    def lift(self) -> None:
        """Forget it: something better is known."""
        self.value = math.inf

    def _lower(self, measured: float, now: float) -> None:
        self._eager_until = min(self._eager_until, now + EAGER_S)
        self.value = max(min(self.value, measured) * (1 - self._margin), 1.0)
        self._margin = min(2 * self._margin, _LARGEST_MARGIN)
        if now >= self._eager_until:
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
        self._step = _FIRST_STEP
        self._calm, self._stepped_at = 0, now
        self._is_free = False
        self._lowered_to = self.value
