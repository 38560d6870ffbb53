"""What does a response say about limits? The `x-ratelimit-*` headers, as providers write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from llms.rates import WINDOW_S

KINDS = ("requests", "tokens", "input-tokens", "output-tokens")
"""What is limited, as header names end; the order of every tuple of amounts."""

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")

_NOT_A_MINUTE = 1.5
"""How much faster than a minute's limit refills what is used may be gone, for rounded numbers."""


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
    def used(self) -> int | None:
        """What the provider has counted in the last minute; null where that cannot be told."""
        used = self._counted
        return None if used is None or self._is_short(used) else used

    @property
    def window_s(self) -> float | None:
        """Seconds of the window it counts in, at least, where that is shorter than a minute.

        Such a provider states the limit of a minute and the remainder of its window: more seems to
        be used than the time of reset could make good.
        """
        used = self._counted
        return self.reset_s if used is not None and self._is_short(used) else None

    @property
    def _counted(self) -> int | None:
        if not self.limit or self.remaining is None or self.remaining > self.limit:
            return None
        is_minute = self.reset_s is not None and 0 < self.reset_s <= 1.1 * WINDOW_S
        return self.limit - self.remaining if is_minute else None

    def _is_short(self, used: int) -> bool:
        refilled = (self.limit or 0) * (self.reset_s or 0.0) / WINDOW_S
        return used > _NOT_A_MINUTE * refilled + 1


def read_limits(headers: Mapping[str, str]) -> dict[str, Said]:
    """What headers say, by kind; kinds of which they say nothing usable are left out."""
    found = {}
    for kind in KINDS:
        limit = _whole(headers.get(f"x-ratelimit-limit-{kind}"))
        remaining = _whole(headers.get(f"x-ratelimit-remaining-{kind}"))
        if limit or remaining is not None:
            reset_s = _seconds(headers.get(f"x-ratelimit-reset-{kind}"))
            found[kind] = Said(limit or None, remaining, reset_s)
    return found


def _whole(text: str | None) -> int | None:
    """A whole number that is not negative; null for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _seconds(text: str | None) -> float | None:
    """A time such as `6m0s`, `12ms` or, in seconds, `1.5`; null for anything else."""
    if not text:
        return None
    if not (parts := _PART.findall(text)):
        try:
            return max(0.0, float(text))
        except ValueError:
            return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)
