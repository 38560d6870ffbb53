"""How much may go out to one model? All its rates: configured, stated by headers, found out."""

import math
from collections.abc import Collection, Mapping

from llms.ceilings import Ceiling
from llms.limit_headers import KINDS, Said
from llms.limit_share import Amounts
from llms.rates import Rate

REQUESTS, TOKENS, INPUT_TOKENS, OUTPUT_TOKENS = KINDS

_FOREIGN_SHARE = 0.1
"""Share of a limit that the provider may count beyond our books before others are behind it."""

_LEAST_SHARE = 0.5
"""Share of a limit that is claimed whoever else uses it: two of us that cannot see each other each
come to have a half, instead of the first one keeping all."""

_NEARLY = 0.95
"""Share of a limit below which a refusal says that the provider counts in shorter windows."""


class ModelRates:
    """The rates of one model at one provider. Not thread-safe; times are those of the caller.

    Args:
        configured: Limits per minute, by kind; those that the provider states count beside them.

    Attributes:
        stated: The limits that are known, the stricter of what is configured and what was said.
    """

    def __init__(self, configured: Mapping[str, int]) -> None:
        self._configured = {kind: float(limit) for kind, limit in configured.items()}
        self.stated = dict(self._configured)
        # Requests and tokens are counted even without a limit: a refusal may show that there is
        # one, and then it must be known what has gone out.
        kinds = dict.fromkeys((REQUESTS, TOKENS, *configured))
        self._rates = {kind: Rate(self.stated.get(kind)) for kind in kinds}
        self._ceilings = {REQUESTS: Ceiling(), TOKENS: Ceiling()}

    @property
    def per_second(self) -> float:
        """The pace of requests; infinite where there is none."""
        return self._rates[REQUESTS].per_second

    def amounts(self, tokens: int, output: int) -> Amounts:
        """What a request of so many tokens, `output` of them output, uses by kind."""
        every = (1, tokens, tokens - output, output)
        return {kind: n for kind, n in zip(KINDS, every, strict=True) if kind in self._rates}

    def delay_s(self, amounts: Amounts, now: float) -> float:
        """Seconds until so much may go; 0 for now."""
        delay_s = 0.0
        for kind, amount in amounts.items():
            rate = self._rates[kind]
            if rate.is_limited:
                delay_s = max(delay_s, rate.ahead_s(now), rate.room_s(amount, now))
        return delay_s

    def take(self, amounts: Amounts, now: float) -> float:
        """Count what goes out; returns how many seconds of its scarcest rate that is."""
        seconds = 0.0
        for kind, amount in amounts.items():
            rate = self._rates[kind]
            rate.take(amount, now)
            seconds = max(seconds, amount / rate.per_second)
        return seconds

    def correct(self, at: float, differences: Amounts) -> None:
        """Say that what went out at a time was more, or less, by differences."""
        for kind, difference in differences.items():
            if difference:
                self._rates[kind].correct(at, difference)

    def pause(self, until: float) -> None:
        """Let nothing go before a time, and make up for none of it afterwards."""
        for rate in self._rates.values():
            rate.pause(until)

    def answered(self, now: float) -> None:
        """A request was taken by the provider."""
        for kind, ceiling in self._ceilings.items():
            if ceiling.value < math.inf:
                ceiling.answered(now)
                if ceiling.value >= self.stated.get(kind, math.inf):
                    ceiling.lift()
                rate = self._rates[kind]
                rate.allow(rate.limit, now, ceiling=ceiling.value)

    def exhausted(self, amounts: Amounts, said: Mapping[str, Said]) -> list[str]:
        """The kinds for which a request may have been turned away, by what the refusal says."""
        remains = {kind: one.remaining for kind, one in said.items() if one.remaining is not None}
        if not remains:
            return [REQUESTS, TOKENS]
        short = [kind for kind, left in remains.items() if left < amounts.get(kind, 1)]
        # Input and output tokens have no ceilings of their own: they go by that of both.
        return list(dict.fromkeys(kind if kind in self._ceilings else TOKENS for kind in short))

    def lower(
        self, kinds: Collection[str], refused: Amounts, now: float, *, trouble_s: float
    ) -> None:
        """Send less of some kinds, because a request was turned away.

        Args:
            kinds: What may be used up.
            refused: What the request would have used.
            now: The time.
            trouble_s: For how long nothing has been taken, or 0.
        """
        for kind in kinds:
            rate, ceiling = self._rates[kind], self._ceilings[kind]
            minute, recent = rate.measured(now)
            if rate.limit is not None and minute < _NEARLY * rate.limit:
                rate.tighten()
            taken = minute - refused.get(kind, 0)
            ceiling.refused(taken, recent, now, trouble_s=trouble_s)
            rate.allow(rate.limit, now, ceiling=ceiling.value)

    def follow(self, said: Mapping[str, Said], now: float, *, is_ours: bool) -> None:
        """Go by what a response says.

        Args:
            said: By kind.
            now: The time.
            is_ours: All that is known to use the limits is counted here, so that what the provider
                counts beyond that is somebody else's.
        """
        for kind, one in said.items():
            if one.limit:
                self._follow(kind, one, float(one.limit), now, is_ours=is_ours)

    def _follow(self, kind: str, said: Said, limit: float, now: float, *, is_ours: bool) -> None:
        limit = min(limit, self._configured.get(kind, math.inf))
        if kind not in self._rates:
            self._rates[kind] = Rate()
        rate, ceiling = self._rates[kind], self._ceilings.get(kind)
        if ceiling is not None and self.stated.get(kind) != limit:
            ceiling.lift()  # it was found under another limit
        self.stated[kind] = limit
        if said.window_s is not None:
            rate.tighten(said.window_s)
        if is_ours and said.used is not None:
            foreign = said.used - rate.total
            if foreign > _FOREIGN_SHARE * limit:
                limit = max(limit - foreign, _LEAST_SHARE * limit)
        rate.allow(limit, now, ceiling=ceiling.value if ceiling else math.inf)
