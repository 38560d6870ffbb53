"""What does a response say about limits? Its rate limit headers, as providers write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from llms.rates import WINDOW_S

KINDS = ("requests", "tokens", "input-tokens", "output-tokens")
"""What is limited, as header names spell it; the order of every tuple of amounts."""

_PATTERNS = ("x-ratelimit-{part}-{kind}", "anthropic-ratelimit-{kind}-{part}")

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")

_LONGEST_RESET_S = 1.5 * WINDOW_S
"""What takes longer than this to come back is a limit of an hour or a day, not of a minute."""


_SLIDING = 0.8
"""A reset that is so great a share of the longest possible window is the window itself."""


@dataclass(frozen=True, slots=True)
class Said:
    """What headers say of one kind.

    Attributes:
        limit: Amount per minute; null where it is not said.
        remaining: What may still go, by the provider's count; null where it is not said.
        reset_s: Seconds until all of the limit remains again; null where it is not said.
    """

    limit: int | None
    remaining: int | None
    reset_s: float | None

    @property
    def is_partly_used(self) -> bool:
        """Whether a good part of the limit is used, and a good part is not."""
        return bool(self.limit and self.remaining) and (
            0.4 * (self.limit or 0) <= (self.remaining or 0) <= 0.9 * (self.limit or 0)
        )

    @property
    def window_s(self) -> float | None:
        """Seconds over which the provider counts, or a little more; null where nothing tells.

        Only the headers of a request that was let in tell it. Where a limit is refilled all the
        time, what remains and what comes until the reset add up to all of it, which shows its size.
        Where it holds for the last so many seconds, the reset is that long after the request.
        """
        if not self.limit or self.remaining is None or self.reset_s is None:
            return None
        most_s = self.remaining * WINDOW_S / self.limit + self.reset_s
        return self.reset_s if self.reset_s >= _SLIDING * most_s else most_s


def read_limits(headers: Mapping[str, str]) -> dict[str, Said]:
    """What headers say, by kind; kinds of which they say nothing usable are left out."""
    found = {}
    for kind in KINDS:
        for pattern in _PATTERNS:
            limit = _whole(headers.get(pattern.format(part="limit", kind=kind)))
            remaining = _whole(headers.get(pattern.format(part="remaining", kind=kind)))
            if not limit and remaining is None:
                continue
            reset_s = _seconds(headers.get(pattern.format(part="reset", kind=kind)))
            if reset_s is None or reset_s <= _LONGEST_RESET_S:
                found[kind] = Said(limit or None, remaining, reset_s)
            break
    return found


def _whole(text: str | None) -> int | None:
    """A whole number that is not negative; null for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _seconds(text: str | None) -> float | None:
    """A time such as `6m0s`, `12ms` or, in seconds, `1.5`; null for anything else."""
    if not text:
        return None
    if _TIME.sub("", text):
        try:
            seconds = float(text)
        except ValueError:  # a time of day, for instance
            return None
        return seconds if 0 <= seconds < float("inf") else None
    return sum(float(number) * _UNITS_S[unit] for number, unit in _TIME.findall(text))
