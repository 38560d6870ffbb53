"""What follows a refusal at once? A moment in which nothing is sent, and then careful tries."""

import math

_LONGEST_FIRST_HOLD_S = 0.1
_SHORTEST_FIRST_HOLD_S = 0.01
_LONGEST_HOLD_S = 30.0


class Refusals:
    """The trouble of the moment: from a refusal until a request sent after it is answered.

    A refusal holds everything up for the time of two requests at the pace of then. While the
    trouble lasts requests go one by one, that far apart, and each further refusal doubles the time,
    up to what the provider asks to wait. So a provider that takes nothing for a minute turns away
    ten requests, not one of every worker.

    Attributes:
        reacted_at: When something was done about a refusal last.
        since: When the trouble began; null when there is none.
        held_until: Nothing goes before.
    """

    __slots__ = ("_hold_s", "held_until", "reacted_at", "since")

    def __init__(self) -> None:
        self.reacted_at = -math.inf
        self.since: float | None = None
        self.held_until = -math.inf
        self._hold_s = 0.0

    def refused(self, now: float, told_s: float | None, per_second: float) -> float:
        """React to a refusal; returns for how long the trouble lasts, 0 where it begins.

        Args:
            now: The time.
            told_s: How long the provider asks to wait, or null.
            per_second: The pace of requests until now.
        """
        if self.since is None:
            self.since = now
            hold_s = max(2 / per_second, _SHORTEST_FIRST_HOLD_S)
            self._hold_s = min(hold_s, _LONGEST_FIRST_HOLD_S)
        else:
            self._hold_s = min(2 * self._hold_s, _LONGEST_HOLD_S)
        self.reacted_at = now
        self.held_until = now + min(self._hold_s, math.inf if told_s is None else told_s)
        return now - self.since

    def admitted(self, now: float) -> None:
        """A request goes out."""
        if self.since is not None:
            self.held_until = max(self.held_until, now + self._hold_s)

    def answered(self, sent_at: float) -> bool:
        """A request was taken; returns whether that says anything about the time since."""
        if self.since is not None:
            if sent_at <= self.since:
                return False
            self.since = None
        return True
