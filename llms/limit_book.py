"""Which part of a limit may a process use next? The book of all processes that share it.

A process does not ask for every call. It asks for a *slice*: so many requests and tokens for the
next fraction of a second, taken out of the limit when the slice is granted. What it does not use it
gives back; what a killed process had is used up with the moment it was for, and nothing has to find
out about that.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any, NamedTuple

from llms.limit_headers import KINDS
from llms.limit_share import Need
from llms.model_rates import Amounts
from llms.rates import WINDOW_S, Window

HORIZON_S = 0.5
"""Slices are granted so far ahead."""

GRACE_S = 0.2
"""A slice may be used for so long after the time it was meant for."""

_JITTER_S = 0.2
"""So far apart two requests may arrive at the provider that left together."""

_SPAN_S = WINDOW_S + HORIZON_S + GRACE_S + _JITTER_S

_LATE_S = 1.0
"""Time lost between two questions that may be made up for."""

_FRESH_S = 1.5
"""Who has not asked for so long wants nothing at the moment, or is dead."""

_SETBACK_S = 5.0
"""Further ahead than this nothing is booked: the clock has been set back."""

_SLOT_WAIT_S = 0.2
_LONGEST_WAIT_S = 1.0
_SHORTEST_WAIT_S = 0.01

_LEAST_FRACTION = 0.01
"""Of the pace, for whoever asks: a process that used nothing so far must be able to begin."""

_GROWTH = 1.05
"""Who has all it wants is left so much more than it uses, to show that it wants more."""

Correction = tuple[float, Amounts]
"""When a slice was granted, and by how much more or less of it was used than was granted."""


class Grant(NamedTuple):
    """What a question to the book brought.

    Attributes:
        at: When, on the clock of the book.
        amounts: What may go out; null where nothing was granted.
        fraction: The part of the pace that is this process's now.
        slots: Requests it may have in flight; null where nothing bounds them.
        wait_s: Where nothing was granted, after how many seconds to ask again.
    """

    at: float
    amounts: Amounts | None
    fraction: float
    slots: int | None
    wait_s: float = 0.0


@dataclass(slots=True)
class _Member:
    """A process as the book knows it.

    Attributes:
        job: Whom it works for.
        asked_at: When it asked last.
        is_hungry: It wanted more than it got.
        slots: Requests it may have in flight.
        until: Per kind, the time up to which it has been given its part of the pace.
        drawn: Per kind, what it has drawn since it asked last, less what it gave back.
        flow: Per kind, what it uses in a minute.
    """

    job: str
    asked_at: float = 0.0
    is_hungry: bool = True
    slots: int = 0
    until: list[float] = field(default_factory=lambda: [0.0] * len(KINDS))
    drawn: list[int] = field(default_factory=lambda: [0] * len(KINDS))
    flow: list[float] = field(default_factory=lambda: [0.0] * len(KINDS))


class LimitBook:
    """The book of one limit; kept as JSON between two questions. Times are those of the caller.

    In no window of 60 seconds are slices of more than the limit used, whichever processes are
    killed when. Jobs that want more than there is share alike, whatever number of processes each
    has, and so do the processes of a job; what somebody does not want, the others have.
    """

    def __init__(self, state: Mapping[str, Any] | None, now: float) -> None:
        state = state or {}
        members = state.get("members", {})
        if any(values[1] > now + _SETBACK_S for values in members.values()):
            state, members = {}, {}
        self._windows = [
            Window.restored(_SPAN_S, steps) for steps in state.get("windows", [()] * len(KINDS))
        ]
        self._members = {name: _Member(*values) for name, values in members.items()}

    def state(self) -> dict[str, Any]:
        """What makes the same book again, as JSON can hold it."""
        return {
            "windows": [window.state() for window in self._windows],
            "members": {name: astuple(member) for name, member in self._members.items()},
        }

    def grant(
        self,
        name: str,
        job: str,
        need: Need,
        now: float,
        *,
        corrections: Iterable[Correction] = (),
        living: Collection[str] = (),
    ) -> Grant:
        """Give a process a slice, or say when to ask again.

        Args:
            name: Of the process.
            job: Whom it works for.
            need: What it wants, and the limits as it knows them.
            now: The time.
            corrections: What has become of earlier slices.
            living: Processes that are known to be alive though they may not have asked lately.
        """
        self._forget(living, now)
        me = self._members.setdefault(name, _Member(job))
        me.job = job
        limits = {kind: limit for kind, limit in enumerate(need.limits) if limit is not None}
        self._meet(me, now)
        fraction = self._fraction(name, limits, now)
        self._correct(me, corrections, limits, fraction)
        for kind in limits:
            self._windows[kind].add(need.uncounted[kind], now)
        slots = self._slots(me, need, now)
        me.is_hungry = True
        if slots is not None and slots <= need.in_flight:
            return Grant(now, None, fraction, slots, _SLOT_WAIT_S)
        wait_s = self._wait_s(me, need, limits, now)
        if wait_s > 0:
            wait_s = min(max(wait_s, _SHORTEST_WAIT_S), _LONGEST_WAIT_S)
            return Grant(now, None, fraction, slots, wait_s)
        amounts = [0] * len(KINDS)
        me.is_hungry = slots is not None and slots < need.wanted_in_flight
        for kind, limit in limits.items():
            pace = fraction * limit / WINDOW_S
            until = max(me.until[kind], now - _LATE_S)
            # At least the next call, however large: what is ahead of the pace is waited for after.
            room = limit - self._windows[kind].total
            fair = min(pace * (now + HORIZON_S - until), room)
            amounts[kind] = max(int(min(need.wanted[kind], fair)), need.least[kind])
            me.is_hungry |= amounts[kind] < need.wanted[kind]
            me.until[kind] = until + amounts[kind] / pace
            me.drawn[kind] += amounts[kind]
            self._windows[kind].add(amounts[kind], now)
        return Grant(now, Amounts(*amounts), fraction, slots)

    def leave(self, name: str) -> None:
        """A process has nothing in flight and wants nothing for now."""
        self._members.pop(name, None)

    def _meet(self, me: _Member, now: float) -> None:
        """A process asks again: note how much it uses."""
        past_s = now - me.asked_at
        for kind, drawn in enumerate(me.drawn):
            if past_s > _FRESH_S:
                me.flow[kind], me.is_hungry = 0.0, True
            elif past_s > 0:
                used = max(drawn, 0) * WINDOW_S / past_s
                me.flow[kind] += (used - me.flow[kind]) * min(1.0, past_s)
        me.asked_at, me.drawn = now, [0] * len(KINDS)

    def _fraction(self, name: str, limits: Mapping[int, float], now: float) -> float:
        """The part of the pace that is a process's."""
        jobs: dict[str, dict[str, float]] = {}
        for other, member in self._members.items():
            if now - member.asked_at <= _FRESH_S:
                flows = [member.flow[kind] / limit for kind, limit in limits.items()]
                wanted = 1.0 if member.is_hungry else min(1.0, _GROWTH * max(flows, default=0.0))
                jobs.setdefault(member.job, {})[other] = wanted
        totals = {job: sum(members.values()) for job, members in jobs.items()}
        job = self._members[name].job
        share = _even(totals, 1.0)[job]
        own = _even(jobs[job], share)[name]
        left = 1.0 - sum(_even(totals, 1.0).values())
        return max(own + max(left, 0.0), _LEAST_FRACTION)

    def _correct(
        self,
        me: _Member,
        corrections: Iterable[Correction],
        limits: Mapping[int, float],
        fraction: float,
    ) -> None:
        for at, differences in corrections:
            for kind, limit in limits.items():
                difference = differences[kind]
                self._windows[kind].correct(at, difference)
                me.until[kind] += difference * WINDOW_S / (fraction * limit)
                me.drawn[kind] += difference

    def _wait_s(self, me: _Member, need: Need, limits: Mapping[int, float], now: float) -> float:
        """Seconds until a process may be given what its next call takes."""
        wait_s = 0.0
        for kind, limit in limits.items():
            ahead_s = me.until[kind] - now - HORIZON_S / 2
            room_s = self._windows[kind].wait_s(need.least[kind], limit, now)
            wait_s = max(wait_s, ahead_s, room_s)
        return wait_s

    def _slots(self, me: _Member, need: Need, now: float) -> int | None:
        """How many requests a process may have in flight."""
        allowed = need.allowed_in_flight
        if allowed is None:
            return None
        others = [member for member in self._members.values() if member is not me]
        rivals = [one for one in others if one.is_hungry and now - one.asked_at <= _FRESH_S]
        jobs = {one.job for one in rivals} | {me.job}
        fair = allowed // len(jobs) // (1 + sum(one.job == me.job for one in rivals))
        # Where there are fewer than processes, who has one leaves the next to who has none.
        is_turn = all(one.slots for one in rivals)
        most = (fair or int(is_turn)) if rivals else allowed
        left = allowed - sum(one.slots for one in others)
        # What is in flight cannot be called back.
        me.slots = max(need.in_flight, min(need.wanted_in_flight, most, left))
        return me.slots

    def _forget(self, living: Collection[str], now: float) -> None:
        for window in self._windows:
            window.forget(now)
        for name, member in list(self._members.items()):
            if now - member.asked_at > _FRESH_S and not (member.slots and name in living):
                # Its part of the pace has been passed on; what it has used is in the windows.
                del self._members[name]


def _even(wanted: Mapping[str, float], total: float) -> dict[str, float]:
    """Share something out: nobody has more than is wanted, and none has less for another's sake."""
    shares = {}
    for left, name in zip(
        range(len(wanted), 0, -1), sorted(wanted, key=wanted.__getitem__), strict=True
    ):
        shares[name] = min(wanted[name], total / left)
        total -= shares[name]
    return shares
