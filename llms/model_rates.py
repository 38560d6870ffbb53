"""How much may go out to one model? All its rates: configured, stated by headers, found out."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from llms.ceilings import Ceiling
from llms.limit_headers import KINDS, Said
from llms.rates import PACE, WINDOW_S, Rate, Window

REQUESTS, TOKENS, INPUT_TOKENS, OUTPUT_TOKENS = range(len(KINDS))

_NEARLY = 0.95
"""Share of a limit below which a refusal says that the provider counts in shorter windows."""

_REFILLED = 1.05
"""A window that is half used is at least so much longer than it was said to be, if what counts is
the last minute; see `Said.window_s`."""

_LITTLE = 0.05
"""Share of a limit below which what remains of it may have been too little for a request."""

_MUCH = 0.3
"""Share of a limit by which two counts of what is used differ in kind and not in timing."""

_SHORT = 0.7
"""A window of less than this share of a minute is a short one, and not a minute misjudged."""

_SHORTER = 0.9
"""Windows that differ less than this are taken to be the same."""

_SHORTEST_S = 0.5


class Amounts(NamedTuple):
    """What a call takes of each kind, in the order of `KINDS`."""

    requests: int
    tokens: int
    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, input_tokens: int, output_tokens: int) -> "Amounts":
        """The amounts of one request."""
        return cls(1, input_tokens + output_tokens, input_tokens, output_tokens)


NOTHING = Amounts(0, 0, 0, 0)


class ModelRates:
    """The rates of one model at one provider. Not thread-safe; times are the caller's.

    Args:
        configured: Limits per minute in the order of `KINDS`, null where there is none; those that
            the provider states count beside them.

    Attributes:
        stated: The limits that are known, the stricter of what is configured and what was said.
        counts_most: The provider counts an answer at the most tokens it may have, as soon as the
            request arrives, and gives nothing back. Found out at a refusal.
    """

    def __init__(self, configured: Sequence[float | None]) -> None:
        self.stated: list[float | None] = list(configured)
        self._configured = tuple(math.inf if limit is None else limit for limit in configured)
        # Counted even without a limit: a refusal may show that there is one, and then it must be
        # known what has gone out.
        self._rates = [
            Rate(limit, lands=kind in (TOKENS, OUTPUT_TOKENS))
            for kind, limit in enumerate(configured)
        ]
        # Input and output tokens have no ceilings of their own: they go by that of both.
        self._ceilings = {REQUESTS: Ceiling(), TOKENS: Ceiling()}
        # What would have gone out, if answers counted at the most tokens that they may have.
        self._at_most = {kind: Window(WINDOW_S) for kind in (TOKENS, OUTPUT_TOKENS)}
        self.counts_most = False
        self._counts_used = False
        self._counts_most_since = -math.inf
        # Whether limits are refilled all the time, or hold for the last minute.
        self._refills = False
        self._share = 1.0
        self._choose()

    @property
    def is_stated(self) -> bool:
        """Whether any limit is known."""
        return any(limit is not None for limit in self.stated)

    @property
    def per_second(self) -> float:
        """The pace of requests; infinite where there is none."""
        return self._rates[REQUESTS].per_second

    def wait_s(self, amounts: Amounts, now: float) -> float:
        """Seconds until so much may go; not positive for now."""
        wait_s = 0.0
        for kind in self._limited:
            arriving = self._on_arrival(kind, amounts)
            wait_s = max(wait_s, self._rates[kind].wait_s(amounts[kind], arriving, now))
        return wait_s

    @staticmethod
    def at_most(amounts: Amounts, most_output: int) -> Amounts:
        """What a request takes where answers count at the most tokens that they may have."""
        return Amounts.of(amounts.input_tokens, max(amounts.output_tokens, most_output))

    def take(self, amounts: Amounts, most_output: int, now: float) -> None:
        """Count what goes out."""
        for kind, rate in enumerate(self._rates):
            rate.take(amounts[kind], self._on_arrival(kind, amounts), now)
        if not self.counts_most:
            for kind in self._at_most:
                self._at_most[kind].forget(now)
                self._at_most[kind].add(most_output + (kind == TOKENS) * amounts.input_tokens, now)

    def gone(self, kinds: Collection[int], now: float) -> Amounts:
        """What of some kinds went out in the last window."""
        return Amounts(
            *(rate.gone(now) if kind in kinds else 0 for kind, rate in enumerate(self._rates))
        )

    def settle(self, at: float, taken: Amounts, used: Amounts, now: float) -> None:
        """Say what a call has come to that went out at a time."""
        for kind, rate in enumerate(self._rates):
            rate.settle(at, taken[kind], self._on_arrival(kind, taken), used[kind], now)

    def pause(self, until: float) -> None:
        """Let nothing go before a time, and make up for none of it afterwards."""
        for rate in self._rates:
            rate.pause(until)

    def set_share(self, share: float, now: float) -> None:
        """Go by another part of the limits from now on."""
        if share != self._share:
            self._share = share
            for kind, rate in enumerate(self._rates):
                self._allow(kind, rate, now)

    def answered(self, sent_at: float, now: float) -> None:
        """A request was taken by the provider that had been sent at a time."""
        for kind, ceiling in self._ceilings.items():
            if ceiling.value < math.inf:
                ceiling.answered(sent_at, now)
                limit = self.stated[kind]
                if limit is not None and ceiling.value >= limit * PACE * self._share:
                    ceiling.lift()
                self._allow(kind, self._rates[kind], now)
                self._choose()

    def taken(self, now: float) -> tuple[float, float]:
        """Requests of a minute that were taken: in the last one, and at the pace of late."""
        return self._rates[REQUESTS].measured(now)

    @property
    def were_passed(self) -> bool:
        """Whether more went out before the last refusal than the one before it had left."""
        return any(ceiling.was_passed for ceiling in self._ceilings.values())

    def try_more(self, now: float) -> None:
        """Let twice as much go as refusals have left, to see whether more are turned away."""
        for kind, ceiling in self._ceilings.items():
            ceiling.try_more()
            self._allow(kind, self._rates[kind], now)

    def tried(self, now: float, *, is_shed: bool) -> None:
        """It has been seen whether requests are turned away whatever the pace."""
        for kind, ceiling in self._ceilings.items():
            ceiling.tried(is_shed=is_shed)
            self._allow(kind, self._rates[kind], now)

    def exhausted(self, amounts: Amounts, said: Mapping[str, Said]) -> list[int]:
        """The kinds for which a request may have been turned away, by what the refusal says."""
        short = []
        is_told = False
        for name, one in said.items():
            if one.remaining is not None:
                is_told = True
                kind = KINDS.index(name)
                # The provider may count more for the request than was set aside for it.
                if one.remaining < max(1, amounts[kind], _LITTLE * (one.limit or 0)):
                    short.append(kind)
        if not is_told:
            return [REQUESTS, TOKENS]
        return list(dict.fromkeys(kind if kind in self._ceilings else TOKENS for kind in short))

    def lower(
        self,
        kinds: Collection[int],
        refused: Amounts,
        now: float,
        *,
        trouble_s: float,
    ) -> None:
        """Send less of some kinds, because a request was turned away.

        Args:
            kinds: What may be used up.
            refused: What the request would have used.
            now: The time.
            trouble_s: For how long nothing has been taken, or 0.
        """
        for kind in kinds:
            rate = self._rates[kind]
            minute, recent = rate.measured(now)
            if rate.limit is not None:
                is_open = minute < _NEARLY * rate.limit
                if (is_open or self._refills) and self._would_be_full(kind):
                    self.counts_most, self._counts_most_since = True, now
                    if not self._refills:
                        rate.count_as(self._at_most[kind])
                    continue
                if is_open:
                    rate.tighten()
                elif self._share == 1.0 and rate.widen():
                    continue  # all that went out from here is known, and only its timing is not
            taken = minute - refused[kind]
            self._ceilings[kind].refused(taken, recent, now, trouble_s=trouble_s, began=rate.began)
            self._allow(kind, rate, now)
        self._choose()

    def follow(self, said: Mapping[str, Said], now: float, *, was_let_in: bool) -> None:
        """Go by what a response says.

        Args:
            said: By kind.
            now: The time.
            was_let_in: It is no refusal.
        """
        for name, one in said.items():
            if not one.limit:
                continue
            kind = KINDS.index(name)
            rate = self._rates[kind]
            limit = min(float(one.limit), self._configured[kind])
            if self.stated[kind] != limit:
                if (ceiling := self._ceilings.get(kind)) is not None:
                    ceiling.lift()  # it was found under another limit
                self.stated[kind] = limit
            if was_let_in and (window_s := one.window_s) is not None:
                if one.is_partly_used:
                    self._refills = window_s < _REFILLED * rate.window_s
                window_s = max(window_s, _SHORTEST_S)
                if window_s < _SHORT * WINDOW_S and window_s < _SHORTER * rate.window_s:
                    rate.count_in(window_s)
            if was_let_in and self.counts_most and self._is_far_from_full(kind, one, now):
                self.counts_most, self._counts_used = False, True
            self._allow(kind, rate, now)
        self._choose()

    def _would_be_full(self, kind: int) -> bool:
        """Whether a limit is used up if answers count at the most tokens that they may have.

        Where others use the limit as well, what went out from here says nothing about that.
        """
        limit, window = self.stated[kind], self._at_most.get(kind)
        is_full = limit is not None and window is not None and window.total >= _NEARLY * limit
        is_alone = self._share == 1.0 and self._rates[kind].window_s == WINDOW_S
        return is_full and is_alone and not (self.counts_most or self._counts_used)

    def _is_far_from_full(self, kind: int, said: Said, now: float) -> bool:
        """Whether, a while after `counts_most`, there is so much left that it cannot be true."""
        if said.limit is None or said.remaining is None or kind not in self._at_most:
            return False
        since_s = now - self._counts_most_since
        if self._refills:
            # What is refilled at the pace of the limit stays as empty as it was.
            return 2 * WINDOW_S < since_s < 3 * WINDOW_S and said.remaining > _MUCH * said.limit
        left = max(said.limit - self._rates[kind].gone(now), 0)
        return since_s > WINDOW_S and said.remaining - left > _MUCH / 2 * said.limit

    @staticmethod
    def _on_arrival(kind: int, amounts: Amounts) -> int:
        """What of a kind a provider can count before the answer is made."""
        if kind == TOKENS:
            return amounts.input_tokens
        return 0 if kind == OUTPUT_TOKENS else amounts[kind]

    def _allow(self, kind: int, rate: Rate, now: float) -> None:
        ceiling = self._ceilings.get(kind)
        rate.allow(
            now,
            limit=self.stated[kind],
            ceiling=ceiling.value if ceiling is not None else math.inf,
            share=self._share,
        )

    def _choose(self) -> None:
        """Note which kinds to look at for each call."""
        self._limited = [kind for kind, rate in enumerate(self._rates) if rate.is_limited]
