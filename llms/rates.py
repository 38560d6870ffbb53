"""How much of one kind may go out now? A limit per minute, kept in every window, used evenly."""

import math

WINDOW_S = 60.0

PACE = 0.985
"""Share of a known limit that is used; the rest absorbs clocks and networks that are not exact."""

BURST_S = 1.0
"""Time lost, because a loop woke up late, that may be made up for. It is no part of what keeps a
window, so it may be more than `PACE` leaves."""

_FOUND_BURST_S = 0.1
"""The same where nobody has said what the limit is, and nothing keeps its windows."""

_BURST_SHARE = 0.1
"""The same where windows are shorter, as a share of them."""

_SLACK = 0.008
_LEAST_SLACK_S = 0.02
"""By how much a window is counted longer than it is, as a share: half a second of a minute. So much
further apart, or less, two requests may arrive at the provider than they left here."""

_MADE_SHARE = 0.003
"""Of a limit, at most, what answers under way may have come to already at the provider: it counts
an answer when it has made it, and here it is known of a little later."""

_MORE_SLACK = 0.005
_MOST_SLACK = 0.04
"""By how much more, and at most, where refusals show that this is not enough."""

_STEPS = 240
"""A window is counted in so many steps: a quarter of a second of a minute."""

_LEAST_BURST_S = 0.01


class Window:
    """Amounts of the last `span_s` seconds, added up. Not thread-safe; times are the caller's.

    A step counts until its last moment has left the window, so `total` is never too low.
    """

    __slots__ = ("_step_s", "_steps", "span_s", "total")

    def __init__(self, span_s: float) -> None:
        self.span_s = span_s
        self.total = 0
        self._step_s = span_s / _STEPS
        self._steps: dict[int, int] = {}

    def add(self, amount: int, now: float) -> None:
        """Count an amount."""
        step = int(now // self._step_s)
        if step in self._steps:
            self._steps[step] += amount
        else:
            # Here, so that a window that nobody looks at does not grow.
            self.forget(now)
            self._steps[step] = amount
        self.total += amount

    def correct(self, at: float, difference: int) -> None:
        """Say that what was added at a time was more, or less; it may have left the window."""
        step = int(at // self._step_s)
        if step in self._steps:
            self._steps[step] += difference
            self.total += difference

    def wait_s(self, amount: float, limit: float, now: float) -> float:
        """Seconds until an amount fits under a limit; one above the whole limit goes alone."""
        self.forget(now)
        excess = self.total + min(amount, limit) - limit
        if excess <= 0:
            return 0.0
        for step, gone in self._steps.items():
            excess -= gone
            if excess <= 0:
                return (step + 1) * self._step_s + self.span_s - now
        return self.span_s

    def since(self, start: float) -> int:
        """What was added after a time, to the accuracy of a step."""
        first = start // self._step_s
        total = 0
        for step in reversed(self._steps):
            if step <= first:
                break
            total += self._steps[step]
        return total

    def forget(self, now: float) -> None:
        """Leave out what is no longer in the window."""
        last = (now - self.span_s) // self._step_s - 1
        while self._steps and (first := next(iter(self._steps))) <= last:
            self.total -= self._steps.pop(first)

    def cut(self, span_s: float) -> "Window":
        """The same amounts in a window of another length."""
        window = Window(span_s)
        for step, amount in self._steps.items():
            window.add(amount, (step + 0.5) * self._step_s)
        return window

    def state(self) -> list[tuple[int, int]]:
        """The steps, oldest first; `restored` makes the same window of them."""
        return list(self._steps.items())

    @classmethod
    def restored(cls, span_s: float, state: list[tuple[int, int]]) -> "Window":
        """A window as it was when its `state` was taken."""
        window = cls(span_s)
        window._steps = {int(step): int(amount) for step, amount in sorted(state)}
        window.total = sum(window._steps.values())
        return window


class Rate:
    """Amounts of one kind (requests, tokens) that have gone out, and when more may.

    In no window goes out more than `limit` allows, counted at what was taken and after `correct` at
    what was used; a single amount above the whole limit goes alone. Below that amounts are paced:
    in `w` seconds go at most `per_second * (w + burst_s)` and one call. Without a limit everything
    may go, and is counted. Not thread-safe; times are the caller's.

    With `lands` amounts are tokens, which some providers count on arrival, as far as they are
    known, and the rest when the answer has been made; windows hold in either way of counting.

    Attributes:
        limit: What the provider allows in a minute; null where nobody has said.
        ceiling: What it was found to allow in a minute; infinite where nothing was found.
        share: The part of the limit that is this process's at the moment.
        burst_s: Seconds of pace that may be made up for.
        window_s: Seconds over which the provider counts.
        began: When the first amount went out.
    """

    __slots__ = (
        "_due",
        "_landed",
        "_sent",
        "_under_way",
        "began",
        "burst_s",
        "ceiling",
        "limit",
        "per_second",
        "share",
        "window_s",
    )

    def __init__(self, limit: float | None = None, *, lands: bool = False) -> None:
        self.limit = limit
        self.ceiling = math.inf
        self.share = 1.0
        self.burst_s = BURST_S
        self.window_s = WINDOW_S
        self.per_second = math.inf
        self._due = -math.inf
        self.began = math.inf
        self._sent = Window(_with_slack(WINDOW_S))
        # Providers that count an answer's tokens when it has been made see other sums than those
        # who count on arrival; no window of either kind may be passed.
        self._landed = Window(_with_slack(WINDOW_S)) if lands else None
        self._under_way = 0
        self._set_pace(0.0)

    @property
    def is_limited(self) -> bool:
        """Whether anybody may ever have to wait."""
        return self.per_second < math.inf

    def gone(self, now: float) -> int:
        """What went out in the last window."""
        self._sent.forget(now)
        return self._sent.total

    def allow(
        self,
        now: float,
        *,
        limit: float | None,
        ceiling: float = math.inf,
        share: float = 1.0,
    ) -> None:
        """Go by other bounds from now on."""
        if (limit, ceiling, share) != (self.limit, self.ceiling, self.share):
            self.limit, self.ceiling, self.share = limit, ceiling, share
            self._set_pace(now)

    def count_in(self, window_s: float) -> None:
        """The provider counts in shorter windows than it was taken to."""
        self.window_s = window_s
        self._sent = self._sent.cut(_with_slack(window_s))
        if self._landed is not None:
            self._landed = self._landed.cut(_with_slack(window_s))
        self.burst_s = _BURST_SHARE * window_s

    def count_as(self, window: Window) -> None:
        """The provider counts what has gone out, and counts it otherwise: as in a window."""
        self._sent = window.cut(self._sent.span_s)

    def widen(self) -> bool:
        """Count windows a little longer: requests arrive further apart than was thought.

        Returns:
            Whether that is still believed.
        """
        most_s = self.window_s * (1 + _MOST_SLACK)
        if self._sent.span_s >= most_s:
            return False
        span_s = min(most_s, self._sent.span_s + _MORE_SLACK * self.window_s)
        self._sent = self._sent.cut(span_s)
        if self._landed is not None:
            self._landed = self._landed.cut(span_s)
        return True

    def tighten(self) -> None:
        """Make up for less lost time: the provider seems to count in shorter windows."""
        self.burst_s = max(_LEAST_BURST_S, self.burst_s / 2)

    def wait_s(self, amount: int, on_arrival: int, now: float) -> float:
        """Seconds until an amount may go, `on_arrival` of which counts before the answer is made.

        Not positive: now.
        """
        wait_s = self._due - now
        if self.limit is not None:
            allowed = self.limit * self.window_s / WINDOW_S
            wait_s = max(wait_s, self._sent.wait_s(amount, allowed, now))
            if self._landed is not None:
                landing = on_arrival + min(self._under_way, _MADE_SHARE * allowed)
                wait_s = max(wait_s, self._landed.wait_s(landing, allowed, now))
        return wait_s

    def take(self, amount: int, on_arrival: int, now: float) -> None:
        """Count an amount that goes out."""
        self.began = min(self.began, now)
        self._sent.add(amount, now)
        self._under_way += amount - on_arrival
        if self._landed is not None:
            self._landed.add(on_arrival, now)
        if self.is_limited:
            late_s = self.burst_s if self.limit is not None else _FOUND_BURST_S
            self._due = max(self._due, now - late_s) + amount / self.per_second

    def settle(self, at: float, taken: int, on_arrival: int, used: int, now: float) -> None:
        """Say what an amount has come to that was `taken` at a time."""
        self._under_way -= taken - on_arrival
        if self._landed is not None:
            if used >= on_arrival:
                self._landed.add(used - on_arrival, now)
            else:
                self._landed.correct(at, used - on_arrival)
        if used != taken:
            self._sent.correct(at, used - taken)
            if self.is_limited:
                self._due += (used - taken) / self.per_second

    def pause(self, until: float) -> None:
        """Let nothing go before a time, and make up for none of it afterwards."""
        if self.is_limited:
            self._due = max(self._due, until)

    def measured(self, now: float) -> tuple[float, float]:
        """What went out in a minute: in the last one, and at the pace of the last 5 seconds, which
        may have been spent waiting: no less than half of what is usual.
        """
        self._sent.forget(now)
        minute = self._sent.total * WINDOW_S / self.window_s
        span_s = min(max(1.0, min(now - self.began, 5.0)), self._sent.span_s)
        usual = self._sent.total * WINDOW_S / min(max(1.0, now - self.began), self.window_s)
        return minute, max(self._sent.since(now - span_s) * WINDOW_S / span_s, usual / 2)

    def _set_pace(self, now: float) -> None:
        limit = math.inf if self.limit is None else self.limit * PACE * self.share
        before, self.per_second = self.per_second, min(limit, self.ceiling) / WINDOW_S
        if before < math.inf and self._due > now:
            # What is owed was counted in seconds of the other pace.
            self._due = now + (self._due - now) * (before / self.per_second)


def _with_slack(window_s: float) -> float:
    return window_s + max(_SLACK * window_s, _LEAST_SLACK_S)
