"""How many requests may wait for an answer at once? What is allowed, and what was found out."""

import math

_BEFORE_ANY_ANSWER = 16
"""Requests that may be out before anything has come back from a provider whose limits are not
known: one of three requests a minute turns away 13 of them, not as many as there are documents."""

_SIGNS_NEEDED = 2
_PROOF_S = 60.0

_CALM_ROUNDS = 20
"""One more is tried after so many answers for each that may be in flight. The number doubles when
that was turned away."""

_MOST_ROUNDS = 320


class InFlight:
    """Requests in flight, and the most there may be.

    A refusal may be about a rate or about requests in flight. Where nothing says which, it can only
    be the latter if no request was answered lately that had been sent beside as many others; two
    such refusals in a row, and what is in flight comes down to what the provider has taken.

    Args:
        allowed: How many there may be, where that is configured.
        is_known: The provider's limits are known.

    Attributes:
        count: Requests that were admitted and have not ended.
        most: How many there may be; infinite where nothing has bounded it.
        allowed: The same as it was configured.
        slots: How many of them are this process's, where several share; null where they do not.
        has_response: Something has come back from the provider.
    """

    __slots__ = (
        "_calm",
        "_proven",
        "_proven_before",
        "_proven_since",
        "_rounds",
        "_signs",
        "_step",
        "_untried",
        "allowed",
        "count",
        "has_grown",
        "has_response",
        "most",
        "slots",
    )

    def __init__(self, allowed: int | None = None, *, is_known: bool = False) -> None:
        self.count = 0
        self.allowed: float = allowed or math.inf
        self.most = self.allowed
        self.slots: int | None = None
        self.has_response = is_known or allowed is not None
        self._proven = self._proven_before = -1
        self._proven_since = -math.inf
        self._signs = 0
        self._calm = 0
        self.has_grown = False
        self._rounds = _CALM_ROUNDS
        self._step = 1
        self._untried = math.inf

    @property
    def is_full(self) -> bool:
        """Whether one has to end before another may begin."""
        if self.count >= self.most or self.lacks_slots:
            return True
        return not self.has_response and self.count >= _BEFORE_ANY_ANSWER

    @property
    def lacks_slots(self) -> bool:
        """Whether other processes have what is missing."""
        return self.slots is not None and self.slots <= self.count < self.most

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
        if self.has_grown:
            self._rounds = min(2 * self._rounds, _MOST_ROUNDS)
        self._calm, self._step, self.has_grown = 0, 1, False

    def answered(self, beside: int, now: float) -> None:
        """One was answered that had been sent beside so many others."""
        if now - self._proven_since > _PROOF_S:
            self._proven_before, self._proven = self._proven, -1
            self._proven_since = now
        self._proven = max(self._proven, beside)
        if self.most < self.allowed:
            self._calm += 1
            if self._calm >= self._rounds * self.most:
                self.most = min(self.most + self._step, self.allowed)
                self._calm, self._step, self.has_grown = 0, 2 * self._step, True

    def try_more(self) -> None:
        """Allow twice as many for a trial."""
        self._untried = self.most
        self.most = min(2 * self.most, self.allowed)

    def tried(self, *, is_shed: bool) -> None:
        """The trial is over.

        Args:
            is_shed: What was turned away proved nothing: as many as in the beginning. If not, as
                many as before the trial.
        """
        if not is_shed:
            self.most = min(self.most, self._untried)
            return
        self.most = self.allowed
        self._rounds = _CALM_ROUNDS
        self._calm = self._signs = 0
        self._step, self.has_grown = 1, False
