"""Does a provider turn requests away whatever the pace? Then going slower helps nobody."""

import math
from collections import deque

_DOUBTS = 4.0
_MOST_DOUBTS = 64.0
_EXPLAINED = 0.25
_FORGOTTEN = 1 / 400
"""A trial is made after so many refusals that no rise of the pace explains; one that it may explain
counts for a quarter, and every outcome takes so much away. A limit that has been found brings one
in some thousand outcomes. A trial that finds nothing doubles the number."""

_EXPECTED = 8
_SHORTEST_TRIAL = 20
_LEAST_REFUSALS = 2
"""A trial goes on until so many refusals are to be expected at the share they had before, and twice
as long if fewer than two came. If there still are fewer, nothing is turned away at random."""

_CHECK_PACE = 1 / 2
_RUSH_CHECK_PACE = 1 / 4
_RUSH = 1.5
"""What part of the pace until now a check is made at, and a smaller one after a rush, which tells
little of what is taken in the long run."""

_FIRST_CHECK = 5
_LAST_CHECK = 40
_SOONEST_CHECK = 400
"""A check is made after so many times the outcomes of the last trial, and less often while it
stands; never sooner than after so many outcomes."""

_SHUT = 8
"""Refusals in a row that say that the provider takes nothing at all for a while."""

_MOST_SHARE = 0.6
_MEMORY = 400
"""The largest share of refusals that is not taken for a limit, and the outcomes it is measured
over."""

_LEAST_EXCESS = 0.15
_EVIDENCE = 9.0
"""A limit is met when refusals are more than usual by half, or by this share of all, with a
likelihood ratio of e to this power: about seven refusals in a row where few are usual."""


class Shedding:
    """Refusals at random: whether a provider sheds load, and which share of requests it turns away.

    A refusal for a rate comes more often the more is sent; one at random does not. So where
    refusals go on although the pace has been lowered again and again, a trial at twice the pace
    shows which they are. If they are at random they are left aside, and only clearly more of them
    lower the pace: a cumulative sum of log likelihood ratios (E. S. Page, Continuous inspection
    schemes, Biometrika 1954) tells that there is a limit as well. From time to time it is checked
    that as many are turned away where less is sent. Not thread-safe; times are the caller's.

    Refusals come sooner than answers: each is counted when a request is answered that was sent no
    earlier.

    Attributes:
        share: The share of requests that is turned away at random; 0 where none is known to be.
        is_trial: A trial or a check is going on.
    """

    __slots__ = (
        "_check_after",
        "_check_at",
        "_doubted_at",
        "_doubts",
        "_evidence",
        "_first",
        "_gap_s",
        "_in_row",
        "_is_longer",
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
        "_uncounted",
        "_until",
        "_usual",
        "is_trial",
        "share",
    )

    def __init__(self) -> None:
        self.share = 0.0
        self.is_trial = False
        self._outcomes = self._refused = self._in_row = 0
        self._uncounted: deque[float] = deque(maxlen=1000)
        self._doubts = 0.0
        self._doubted_at = 0
        self._first = (0, 0)
        self._needed = _DOUBTS
        self._usual = self._evidence = 0.0
        self._since = self._next_at = -math.inf
        self._until = math.inf
        self._is_longer = False
        self._gap_s = 0.0
        self._length = self._sent = self._trial_outcomes = self._trial_refused = 0
        self._check_after = _FIRST_CHECK
        self._check_at = 0
        self._known_outcomes = self._known_refused = 0.0

    @property
    def wants_trial(self) -> bool:
        """Whether it is to be tried now if the pace matters."""
        return not self.share and not self.is_trial and self._doubts >= self._needed

    @property
    def wants_check(self) -> bool:
        """Whether it is to be checked now that as many are turned away where less is sent."""
        return self.share > 0 and not self.is_trial and self._outcomes >= self._check_at

    def begin_trial(self, now: float) -> None:
        """From now on twice as much is sent."""
        outcomes, refused = self._first
        self._usual = _at_most(self._refused - refused, self._outcomes - outcomes)
        self._begin(now, gap_s=0.0)

    def begin_check(self, now: float, minute: float, recent: float) -> None:
        """From now on less is sent; see `wait_s`.

        Args:
            now: The time.
            minute: Requests of the last minute.
            recent: Requests of a minute at the pace of the last seconds.
        """
        part = _RUSH_CHECK_PACE if recent > _RUSH * minute else _CHECK_PACE
        self._begin(now, gap_s=60.0 / (max(minute, recent, 1.0) * part))

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

    def answered(self, sent_at: float) -> bool | None:
        """A request was taken.

        Returns:
            Where that ends a trial that has shown something new, whether requests are turned away
            at random; else null.
        """
        self._in_row = 0
        self._outcomes += 1
        while self._uncounted and self._uncounted[0] <= sent_at:
            self._count(self._uncounted.popleft(), is_refused=True)
        self._count(sent_at, is_refused=False)
        if not self.is_trial:
            return None
        has_met_limit = not self.share and self._evidence >= _EVIDENCE
        # An answer has the last word: a window that was used up would refuse to the end.
        if not has_met_limit and sent_at <= self._until:
            return None
        if not has_met_limit and self._trial_refused < _LEAST_REFUSALS and not self._is_longer:
            self._is_longer = True
            self._length *= 2
            self._until = math.inf
            return None
        was_known = self.share > 0
        self._end_trial(has_met_limit=has_met_limit)
        return None if was_known and self.share else self.share > 0

    def refused(self, sent_at: float) -> bool:
        """A request was turned away; returns whether that says anything about the pace."""
        self._in_row += 1
        self._outcomes += 1
        self._refused += 1
        self._uncounted.append(sent_at)
        is_shut = self._in_row >= _SHUT
        if self.is_trial:
            return is_shut
        return is_shut or not self.share or self._evidence >= _EVIDENCE

    def reacted(self) -> bool:
        """Something was done about a refusal: what led to it counts no more.

        Returns:
            Whether that ends a trial, which has shown nothing.
        """
        was_trial = self.is_trial
        if was_trial:
            self._end_trial(has_met_limit=True)
        self._evidence = 0.0
        self._uncounted.clear()
        return was_trial

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

    def _begin(self, now: float, *, gap_s: float) -> None:
        self._length = max(_SHORTEST_TRIAL, math.ceil(_EXPECTED / self._usual))
        self._sent = self._trial_outcomes = self._trial_refused = self._in_row = 0
        self._since = self._next_at = now
        self._until = math.inf
        self._is_longer = False
        self._gap_s = gap_s
        self._evidence = 0.0
        self.is_trial = True

    def _end_trial(self, *, has_met_limit: bool) -> None:
        refused, outcomes = self._trial_refused, self._trial_outcomes
        self.is_trial = False
        self._doubts = self._evidence = 0.0
        # A limit in the way says nothing of what is turned away below it.
        has_met_limit = has_met_limit or refused > _MOST_SHARE * outcomes
        if has_met_limit or refused < _LEAST_REFUSALS:
            self._needed = min(2 * self._needed, _MOST_DOUBTS)
            self._check_after = _FIRST_CHECK
            if has_met_limit:
                self._set_check()
            else:
                self._known_outcomes = self._known_refused = self.share = 0.0
            return
        kept = max(0.0, min(1.0, (_MEMORY - outcomes) / max(1.0, self._known_outcomes)))
        self._known_outcomes = kept * self._known_outcomes + outcomes
        self._known_refused = kept * self._known_refused + refused
        self.share = self._usual = _at_most(self._known_refused, self._known_outcomes)
        self._set_check()
        self._check_after = min(2 * self._check_after, _LAST_CHECK)

    def _set_check(self) -> None:
        after = max(self._check_after * self._length, _SOONEST_CHECK)
        self._check_at = self._outcomes + after

    def _count(self, sent_at: float, *, is_refused: bool) -> None:
        if self.is_trial:
            if not self._since < sent_at <= self._until:
                return
            self._trial_outcomes += 1
            self._trial_refused += is_refused
        elif not self.share:
            return
        excess = max(_LEAST_EXCESS, self._usual / 2)
        # Twice as much is sent in a trial: under a limit half of what was taken would be refused.
        more = (1 + self._usual) / 2 if self.is_trial else min(self._usual + excess, 0.95)
        ratio = more / self._usual if is_refused else (1 - more) / (1 - self._usual)
        self._evidence = max(0.0, self._evidence + math.log(ratio))


def _at_most(refused: float, outcomes: float) -> float:
    """A share that is not too small, but for chance: one standard error above what was seen."""
    share = min(refused / outcomes, 0.9)
    return share + math.sqrt(share * (1 - share) / outcomes)
