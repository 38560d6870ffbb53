"""Is there room for a request within the provider's rates, and when will there be?"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from llms.simulator.scenario import Limits, Rates

RATES = ("requests", "tokens", "input_tokens", "output_tokens")


class Sliding:
    """Never more than `capacity` in any `window_s` seconds."""

    def __init__(self, window_s: float) -> None:
        self.capacity = 0.0
        self._window_s = window_s
        self._entries: deque[tuple[float, int]] = deque()
        self._used = 0

    def add(self, amount: int, now: float) -> None:
        """Count an amount."""
        if amount:
            self._entries.append((now, amount))
            self._used += amount

    def remaining(self, now: float) -> float:
        """What there is room for."""
        start = now - self._window_s
        while self._entries and self._entries[0][0] <= start:
            self._used -= self._entries.popleft()[1]
        return self.capacity - self._used

    def wait_s(self, amount: int, now: float) -> float:
        """Seconds until there is room for an amount; 0 for now, infinite for never."""
        if amount > self.capacity:
            return math.inf
        excess = amount - self.remaining(now)
        if excess <= 0:
            return 0.0
        for at, freed in self._entries:
            excess -= freed
            if excess <= 0:
                return at + self._window_s - now
        return self._window_s

    def reset_s(self, now: float) -> float:
        """Seconds until nothing is used."""
        self.remaining(now)
        return self._entries[-1][0] + self._window_s - now if self._entries else 0.0


class Bucket:
    """Full at the start, refilled by `capacity` in `window_s` seconds."""

    def __init__(self, window_s: float) -> None:
        self.capacity = 0.0
        self._window_s = window_s
        self._used = 0.0
        self._at = -math.inf

    def add(self, amount: int, now: float) -> None:
        """Count an amount."""
        self.remaining(now)
        self._used += amount

    def remaining(self, now: float) -> float:
        """What there is room for."""
        if self._used:
            refilled = (now - self._at) * self.capacity / self._window_s
            self._used = max(0.0, self._used - refilled)
        self._at = now
        return self.capacity - self._used

    def wait_s(self, amount: int, now: float) -> float:
        """Seconds until there is room for an amount; 0 for now, infinite for never."""
        if amount > self.capacity:
            return math.inf
        return max(0.0, amount - self.remaining(now)) * self._window_s / self.capacity

    def reset_s(self, now: float) -> float:
        """Seconds until nothing is used."""
        self.remaining(now)
        return self._used * self._window_s / self.capacity


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no room: the rate, its limit, and seconds until there is (infinite: never)."""

    rate: str
    limit: int
    wait_s: float


class Gate:
    """The rates of one model, or of an account. Times are seconds on a clock that only grows."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.in_flight = 0
        self._phases = sorted(limits.schedule, key=lambda change: change.at_s)
        self._rates: Rates = limits
        kind = Sliding if limits.window == "sliding" else Bucket
        self._windows = {
            rate: kind(limits.window_s)
            for rate in RATES
            if any(_limit(rates, rate) is not None for rates in (limits, *limits.schedule))
        }
        self._apply(limits)

    def admit(
        self, input_tokens: int, most_output: int, now: float, age_s: float
    ) -> Refusal | None:
        """Let a request in and count it, or say why not.

        Args:
            input_tokens: Tokens of its prompt.
            most_output: Its output limit in tokens.
            now: The time.
            age_s: Seconds since the first request, for the schedule.
        """
        while self._phases and age_s >= self._phases[0].at_s:
            self._apply(self._phases.pop(0))
        most = self._rates.in_flight
        if most is not None and self.in_flight >= most:
            return Refusal("in_flight", most, 0.0)
        if self._windows:
            amounts = self._amounts(input_tokens, most_output)
            refusals = [
                Refusal(rate, limit, wait_s)
                for rate, window in self._windows.items()
                if (limit := _limit(self._rates, rate)) is not None
                and (wait_s := window.wait_s(amounts[rate], now)) > 0
            ]
            if refusals and not self.limits.count_refused:
                return max(refusals, key=lambda refusal: refusal.wait_s)
            for rate, window in self._windows.items():
                window.add(amounts[rate], now)
            if refusals:
                return max(refusals, key=lambda refusal: refusal.wait_s)
        self.in_flight += 1
        return None

    def leave(self) -> None:
        """A request that was let in has ended."""
        self.in_flight -= 1

    def used(self, output_tokens: int, now: float) -> None:
        """Count the output of a request, unless its limit was counted on arrival."""
        if self.limits.count_tokens == "used":
            for rate in ("tokens", "output_tokens"):
                if rate in self._windows:
                    self._windows[rate].add(output_tokens, now)

    def headers(self, now: float) -> Iterable[tuple[bytes, bytes]]:
        """The `x-ratelimit-*` headers: limit per minute, what remains, when all of it will."""
        for rate, window in self._windows.items():
            limit = _limit(self._rates, rate)
            if limit is not None:
                name = rate.replace("_", "-").encode()
                remaining = max(0, int(window.remaining(now)))
                yield b"x-ratelimit-limit-" + name, b"%d" % limit
                yield b"x-ratelimit-remaining-" + name, b"%d" % remaining
                yield b"x-ratelimit-reset-" + name, duration(window.reset_s(now))

    def _amounts(self, input_tokens: int, most_output: int) -> dict[str, int]:
        output = most_output if self.limits.count_tokens == "reserved" else 0
        return {
            "requests": 1,
            "tokens": input_tokens + output,
            "input_tokens": input_tokens,
            "output_tokens": output,
        }

    def _apply(self, change: Rates) -> None:
        named = change.model_fields_set & set(Rates.model_fields)
        update = {name: getattr(change, name) for name in named}
        self._rates = self._rates.model_copy(update=update)
        for rate, window in self._windows.items():
            limit = _limit(self._rates, rate)
            window.capacity = limit * self.limits.window_s / 60 if limit is not None else math.inf


def _limit(rates: Rates, rate: str) -> int | None:
    limit: int | None = getattr(rates, f"{rate}_per_minute")
    return limit


def duration(seconds: float) -> bytes:
    """A time as rate limit headers write it: `12ms`, `1.5s`, `2m3.5s`."""
    if seconds < 1:
        return b"%dms" % math.ceil(seconds * 1000)
    minutes, rest = divmod(seconds, 60)
    return (
        (b"%dm" % minutes if minutes else b"")
        + f"{rest:.3f}".rstrip("0").rstrip(".").encode()
        + b"s"
    )
