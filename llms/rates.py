"""How much of one kind may go out now? A limit per minute, held in every window, used evenly."""

import math
from collections.abc import Mapping
from typing import Any

WINDOW_S = 60.0

PACE = 0.985
"""Share of a stated limit that is used; the rest absorbs clocks and networks that are not exact."""

BURST_S = 0.5
"""Time lost, because a loop woke up late or nobody wanted to send, that may be made up for. With
`PACE` it leaves 60 seconds 0.4 seconds' worth below the limit."""

LEAST_BURST_S = 0.01

_BIN_S = 0.25
_RECENT_S = 5.0
_SHORTEST_S = 1.0


class Rate:
    """Amounts of one kind (requests, tokens) that have gone out, and when more may.

    In no window of 60 seconds does more than `limit` go out, counted at what was taken, and after
    `correct` at what was used; a single amount larger than the whole limit goes alone. Below that
    amounts are paced: in any `w` seconds go at most `per_second * (w + burst_s)` and one call.
    Without a limit everything may go, and is counted. Not thread-safe.

    Attributes:
        limit: What the provider allows in a minute; null where nobody has said.
        ceiling: What it was found to allow in a minute; infinite where nothing was found.
        burst_s: Seconds of pace that may be made up for.
        total: What went out in the last window.
    """

    __slots__ = (
        "_began",
        "_bins",
        "_ceiling",
        "_due",
        "_limit",
        "_window_s",
        "burst_s",
        "per_second",
        "total",
    )

    def __init__(
        self,
        limit: float | None = None,
        *,
        window_s: float = WINDOW_S,
        burst_s: float = BURST_S,
    ) -> None:
        self.burst_s = burst_s
        self.total = 0
        self.per_second = math.inf
        self._limit = limit
        self._ceiling = math.inf
        self._window_s = window_s
        self._due = -math.inf
        self._began = math.inf
        # What went out, by quarter of a second, oldest first.
        self._bins: dict[int, int] = {}
        self._set_pace(0.0)

    @property
    def limit(self) -> float | None:
        return self._limit

    @property
    def ceiling(self) -> float:
        return self._ceiling

    @property
    def is_limited(self) -> bool:
        """Whether anybody may ever have to wait."""
        return self.per_second < math.inf

    def allow(self, limit: float | None, now: float, *, ceiling: float = math.inf) -> None:
        """Go by another limit and ceiling from now on."""
        if (limit, ceiling) != (self._limit, self._ceiling):
            self._limit, self._ceiling = limit, ceiling
            self._set_pace(now)

    def ahead_s(self, now: float) -> float:
        """Seconds until the pace lets the next amount go; negative when it is late."""
        return self._due - now

    def room_s(self, amount: float, now: float) -> float:
        """Seconds until an amount fits into the window, whatever the pace says."""
        self._forget(now)
        limit = self._limit
        if limit is None or (excess := self.total + min(amount, limit) - limit) <= 0:
            return 0.0
        for bin_, gone in self._bins.items():
            excess -= gone
            if excess <= 0:
                return (bin_ + 1) * _BIN_S + self._window_s - now
        return self._window_s

    def room(self, now: float) -> float:
        """What fits into the window."""
        self._forget(now)
        return math.inf if self._limit is None else self._limit - self.total

    def take(self, amount: int, now: float) -> None:
        """Count an amount that goes out."""
        self._began = min(self._began, now)
        bin_ = math.floor(now / _BIN_S)
        self._bins[bin_] = self._bins.get(bin_, 0) + amount
        self.total += amount
        if self.is_limited:
            self._due = max(self._due, now - self.burst_s) + amount / self.per_second

    def pause(self, until: float) -> None:
        """Let nothing go before a time, and make up for none of it afterwards."""
        if self.is_limited:
            self._due = max(self._due, until)

    def correct(self, at: float, difference: int) -> None:
        """Say that what went out at a time was more, or less, by a difference."""
        bin_ = math.floor(at / _BIN_S)
        if bin_ in self._bins:
            self._bins[bin_] += difference
            self.total += difference
        if self.is_limited:
            self._due += difference / self.per_second

    def measured(self, now: float) -> tuple[float, float]:
        """What went out in the last minute, and what would at the pace of the last 5 seconds."""
        self._forget(now)
        span_s = max(_SHORTEST_S, min(now - self._began, _RECENT_S))
        first = math.floor((now - span_s) / _BIN_S) + 1
        recent = sum(gone for bin_, gone in self._bins.items() if bin_ >= first)
        return self.total, recent * WINDOW_S / span_s

    def tighten(self, window_s: float | None = None) -> None:
        """Make up for less lost time: the provider counts in shorter windows than a minute.

        Args:
            window_s: How short they are, in seconds; null where that is not known.
        """
        burst_s = self.burst_s / 2 if window_s is None else (1 - PACE) * window_s
        self.burst_s = min(self.burst_s, max(burst_s, LEAST_BURST_S))

    def state(self) -> dict[str, Any]:
        """What `restored` needs, as JSON can hold it; limits are not part of it."""
        due = self._due if math.isfinite(self._due) else None
        return {"due": due, "bins": list(self._bins.items())}

    @classmethod
    def restored(
        cls, state: Mapping[str, Any], limit: float | None, *, window_s: float, burst_s: float
    ) -> "Rate":
        """A rate as it was when `state` was taken; of an empty state, a new one."""
        rate = cls(limit, window_s=window_s, burst_s=burst_s)
        rate._due = -math.inf if state.get("due") is None else state["due"]
        rate._bins = dict(state.get("bins", ()))
        rate.total = sum(rate._bins.values())
        return rate

    def _set_pace(self, now: float) -> None:
        limit = math.inf if self._limit is None else self._limit * PACE
        before, self.per_second = self.per_second, min(limit, self._ceiling) / WINDOW_S
        if before < math.inf and self._due > now:
            # What is owed was counted in seconds of the other pace.
            self._due = now + (self._due - now) * (before / self.per_second)

    def _forget(self, now: float) -> None:
        # A quarter of a second counts until its last moment has left the window.
        last = math.floor((now - self._window_s) / _BIN_S) - 1
        while self._bins and (first := next(iter(self._bins))) <= last:
            self.total -= self._bins.pop(first)
