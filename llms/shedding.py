"""Does a provider turn requests away whatever the pace? Then going slower helps nobody."""

import math

_DOUBTS = 4.0
_MOST_DOUBTS = 64.0
_EXPLAINED = 0.25
_FORGOTTEN = 1 / 400
"""A trial is made after so many refusals that no rise of the pace explains; one that it may explain
counts for a quarter, and every outcome takes so much away. A limit that has been found brings one
in some thousand outcomes. A trial that finds nothing doubles the number."""

_TRIAL_PACE = 1 / 2
_CAREFUL_TRIAL_PACE = 1 / 4
_STEADY = 1.5
_LONG = 120
"""What part of the pace until now a trial is made at; a smaller one after a rush, which tells
little of what is taken in the long run. A first trial that is long would cost too much at that."""

_EXPECTED = 8
_SHORTEST_TRIAL = 20
_LEAST_REFUSALS = 2
"""A trial goes on until so many refusals are to be expected at the share they had before, and twice
as long after a single one. Fewer than two say that the pace does matter."""

_SHUT = 8
"""Refusals in a row that say that the provider takes nothing at all for a while."""

_MOST_SHARE = 0.6
_FIRST_CHECK = 5
_LAST_CHECK = 40
_SOONEST_CHECK = 400
"""What a trial has found is tried again after so many times its outcomes, and less often while it
stands; never sooner than after so many outcomes."""

_MEMORY = 400
"""Outcomes of trials that the share is measured over."""

_LEAST_EXCESS = 0.15
_EVIDENCE = 6.0
"""A limit is met as well when refusals are more than usual by half, or by this share of all, with
a likelihood ratio of e to this power: about five refusals in a row where few are usual."""


class Shedding:
    """Refusals at random: whether a provider sheds load, and which share of requests it turns away.

    A refusal for a rate stops when less is sent; one at random does not. So where refusals go on
    although the pace has been lowered again and again, a trial at a part of it shows which they
    are. If they are at random they are left aside, and only clearly more of them
    lower the pace: a cumulative sum of log likelihood ratios (E. S. Page, Continuous inspection
    schemes, Biometrika 1954) tells that there is a limit as well. Not thread-safe; times are the
    caller's.

    Attributes:
        share: The share of requests that is turned away at random; 0 where none is known to be.
        is_trial: A trial is going on.
    """

    __slots__ = (
        "_check_after",
        "_check_at",
        "_doubted_at",
        "_doubts",
        "_ended_at",
        "_evidence",
        "_first",
        "_gap_s",
        "_in_row",
        "_is_longer",
        "_is_settled",
        "_known_outcomes",
        "_known_refused",
        "_length",
        "_needed",
        "_next_at",
        "_outcomes",
        "_refused",
        "_sent",
        "_since",
        "_trial_outcomes",
        "_trial_refused",
        "_until",
        "is_trial",
        "share",
    )

    def __init__(self) -> None:
        self.share = 0.0
        self.is_trial = False
        self._outcomes = self._refused = 0
        self._known_outcomes = self._known_refused = 0.0
        self._in_row = 0
        self._needed = _DOUBTS
        self._doubts = 0.0
        self._doubted_at = 0
        self._first = (0, 0)
        self._since = -math.inf
        self._until = math.inf
        self._sent = 0
        self._gap_s = 0.0
        self._next_at = -math.inf
        self._length = self._trial_outcomes = self._trial_refused = 0
        self._is_longer = False
        self._check_after = _FIRST_CHECK
        self._check_at = 0
        self._evidence = 0.0
        self._ended_at = -math.inf
        self._is_settled = True

    @property
    def wants_trial(self) -> bool:
        """Whether it is to be tried now if the pace matters."""
        if self.is_trial:
            return False
        if self.share:
            return self._outcomes >= self._check_at
        return self._doubts >= self._needed

    def begin_trial(self, now: float, minute: float, recent: float) -> None:
        """Try if the pace matters, at a part of the pace of what was taken until now.

        Args:
            now: The time.
            minute: Requests of the last minute.
            recent: Requests of a minute at the pace of the last seconds.
        """
        outcomes, refused = self._first
        share = self.share or (self._refused - refused) / (self._outcomes - outcomes)
        self._length = max(_SHORTEST_TRIAL, math.ceil(_EXPECTED / share))
        self._sent = self._trial_outcomes = self._trial_refused = self._in_row = 0
        self._is_longer = False
        self._since = self._next_at = now
        self._until = math.inf
        is_careful = recent > _STEADY * minute and (self.share or self._length <= _LONG)
        part = _CAREFUL_TRIAL_PACE if is_careful else _TRIAL_PACE
        self._gap_s = 60.0 / (max(minute, recent, 1.0) * part)
        self.is_trial = True

    def wait_s(self, now: float) -> float:
        """Seconds until a request may go; not positive for now."""
        return self._next_at - now if self.is_trial else 0.0

    def sent(self, now: float) -> None:
        """A request goes out."""
        if self.is_trial:
            self._next_at = max(self._next_at, now) + self._gap_s
            self._sent += 1
            if self._sent == self._length:
                self._until = now

    def answered(self, sent_at: float, now: float) -> bool | None:
        """A request was taken that had been sent at a time.

        Returns:
            Where that ends a trial that has shown something new, whether requests are turned away
            at random; else null.
        """
        self._in_row = 0
        self._is_settled = self._is_settled or sent_at > self._ended_at
        self._count(is_refused=False)
        if not self.is_trial or sent_at <= self._since:
            return None
        # Refusals come sooner than answers: only what is answered to a request sent later shows
        # that those of the trial have ended. A window that was used up would refuse that one.
        if sent_at <= self._until:
            self._trial_outcomes += 1
            return None
        if self._trial_refused == _LEAST_REFUSALS - 1 and not self._is_longer:
            self._length *= 2
            self._until = math.inf
            self._is_longer = True
            return None
        was_known = self.share > 0
        self._end_trial()
        self._ended_at, self._is_settled = now, False
        return None if was_known and self.share else self.share > 0

    def refused(self, sent_at: float) -> bool:
        """A request was turned away; returns whether that says anything about the pace."""
        self._in_row += 1
        self._count(is_refused=True)
        if not self.is_trial:
            return not self.share or self._evidence >= _EVIDENCE or self._in_row >= _SHUT
        if sent_at > self._since:
            if sent_at <= self._until:
                self._trial_outcomes += 1
                self._trial_refused += 1
            if self._in_row >= _SHUT:
                self._end_trial(has_met_limit=True)
        return not self.is_trial

    def reacted(self) -> None:
        """Something was done about a refusal: what led to it counts no more."""
        self._evidence = 0.0

    def doubt(self, *, is_explained: bool) -> None:
        """The pace was lowered because a request was turned away, the first after others had been
        taken: does that help?

        Args:
            is_explained: More had been sent than after the last time.
        """
        self._doubts -= _FORGOTTEN * (self._outcomes - self._doubted_at)
        self._doubted_at = self._outcomes
        if self._doubts <= 0:
            self._doubts = 0.0
            self._first = (self._outcomes - 1, self._refused - 1)
        self._doubts += _EXPLAINED if is_explained else 1.0

    def _end_trial(self, *, has_met_limit: bool = False) -> None:
        refused, outcomes = self._trial_refused, self._trial_outcomes
        self.is_trial = False
        self._doubts = self._evidence = 0.0
        if refused < _LEAST_REFUSALS:
            self._known_outcomes = self._known_refused = self.share = 0.0
            self._needed = min(2 * self._needed, _MOST_DOUBTS)
            self._check_after = _FIRST_CHECK
            return
        if has_met_limit or refused > _MOST_SHARE * outcomes:
            # A limit was in the way: that says nothing of what is turned away below it.
            self._needed = min(2 * self._needed, _MOST_DOUBTS)
            self._check_after = _FIRST_CHECK
            self._set_check()
            return
        kept = max(0.0, min(1.0, (_MEMORY - outcomes) / max(1.0, self._known_outcomes)))
        self._known_outcomes = kept * self._known_outcomes + outcomes
        self._known_refused = kept * self._known_refused + refused
        share = self._known_refused / self._known_outcomes
        # Not less than it is, but for chance: one standard error above what was seen.
        self.share = share + math.sqrt(share * (1 - share) / self._known_outcomes)
        self._set_check()
        self._check_after = min(2 * self._check_after, _LAST_CHECK)

    def _set_check(self) -> None:
        after = max(self._check_after * self._length, _SOONEST_CHECK)
        self._check_at = self._outcomes + after

    def _count(self, *, is_refused: bool) -> None:
        self._outcomes += 1
        self._refused += is_refused
        # When the pace has just risen, refusals come before the answers that belong beside them.
        if self.share and self._is_settled and not self.is_trial:
            more = min(self.share + max(_LEAST_EXCESS, self.share / 2), 0.95)
            ratio = more / self.share if is_refused else (1 - more) / (1 - self.share)
            self._evidence = max(0.0, self._evidence + math.log(ratio))
