"""How many requests may wait for an answer at once? What is allowed, and what was found out."""

import math

from llms.ceilings import CALM_ANSWERS

_BEFORE_ANY_ANSWER = 8
"""Requests that may be out before anything has come back: a provider of three requests a minute
turns away five of them, and not as many as there are documents."""

_SIGNS_NEEDED = 2
_PROOF_S = 60.0


class InFlight:
    """Requests in flight, and the most there may be.

    A refusal may be about a rate or about requests in flight. Where nothing says which, it can only
    be the latter if no request was answered lately that had been sent beside as many others; two
    such refusals in a row, and what is in flight comes down to what the provider has taken.

    Attributes:
        count: Requests that were admitted and have not ended.
        most: How many there may be; infinite where nothing has bounded it.
        allowed: The same as it was configured.
        has_response: Something has come back from the provider.
    """

    __slots__ = (
        "_calm",
        "_proven",
        "_proven_before",
        "_proven_since",
        "_signs",
        "_step",
        "allowed",
        "count",
        "has_response",
        "most",
    )

    def __init__(self, allowed: int | None = None) -> None:
        self.count = 0
        self.allowed: float = allowed or math.inf
        self.most = self.allowed
        self.has_response = False
        self._proven = self._proven_before = -1
        self._proven_since = -math.inf
        self._signs = 0
        self._calm = 0
        self._step = 1

    @property
    def is_full(self) -> bool:
        """Whether one has to end before another may begin."""
        if self.has_response:
            return self.count >= self.most
        return self.count >= min(self.most, _BEFORE_ANY_ANSWER)

    def refused(self, *, is_certain: bool, is_first: bool) -> None:
        """One of those in flight was turned away.

        Args:
            is_certain: The provider has shown that none of its rates is used up.
            is_first: It is the first refusal since something was done about the last one.
        """
        others = self.count - 1
        if not is_certain:
            if others <= max(self._proven, self._proven_before):
                self._signs = 0
                return
            self._signs += is_first
            if self._signs < _SIGNS_NEEDED:
                return
        # All that were refused together come by here: the last one leaves those that were taken.
        self.most = min(self.most, max(1, others))
        self._calm, self._step = 0, 1

    def answered(self, beside: int, now: float) -> None:
        """One was answered that had been sent beside so many others."""
        if now - self._proven_since > _PROOF_S:
            self._proven_before, self._proven = self._proven, -1
            self._proven_since = now
        self._proven = max(self._proven, beside)
        if self.most < self.allowed:
            self._calm += 1
            if self._calm >= CALM_ANSWERS:
                self.most = min(self.most + self._step, self.allowed)
                self._calm, self._step = 0, 2 * self._step
