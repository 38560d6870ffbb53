"""Which part of a limit may a process use next? The book of all processes that share it.

A process does not ask for every call. It asks for a *slice*: so many requests and tokens for the
next fraction of a second, taken out of the limit when the slice is granted. What it does not use it
gives back; what a killed process had is lost with the second it was for, and nothing needs to find
out about that.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from llms.fairness import Turns
from llms.limit_share import Amounts, Need
from llms.rates import WINDOW_S, Rate

HORIZON_S = 0.5
"""Slices are granted this far ahead, in turns, so that nobody's turn passes while it asks."""

GRACE_S = 0.2
"""A slice may still be used for so long after its time."""

FRESH_S = 1.5
"""Who has not asked for so long wants nothing at the moment, or is dead."""

_LATE_S = 0.15
_BOOK_WINDOW_S = WINDOW_S + HORIZON_S + GRACE_S
"""What a slice held counts from when it was granted, and may have gone out that much later."""

_SLACK_S = 0.02
_LOOK_AGAIN_S = 0.1
_LONGEST_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Slice:
    """What was granted.

    Attributes:
        at: When, on the clock of the book.
        amounts: By kind; empty where nothing was granted.
        starts_s: Seconds from now after which it may be used.
        ends_s: Seconds from now after which it may not.
        slots: Requests the process may have in flight; null where nothing bounds them.
        wait_s: Where nothing was granted, after how many seconds to ask again.
    """

    at: float
    amounts: Amounts = field(default_factory=dict)
    starts_s: float = 0.0
    ends_s: float = 0.0
    slots: int | None = None
    wait_s: float = 0.0


@dataclass(slots=True)
class _Member:
    """A process as the book knows it."""

    job: str
    weight: float = 1.0
    asked_at: float = 0.0
    is_hungry: bool = False
    slots: int = 0
    got_slot_at: float = 0.0


class SharedWindow:
    """The book of one limit; kept as JSON between two questions. Times are those of the caller.

    In no window of 60 seconds are slices for more than the limit used, whichever processes are
    killed when. Jobs that want more than there is take turns in proportion to their weights,
    whatever number of processes each has.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        state = state or {}
        self._rates: dict[str, Any] = dict(state.get("rates", {}))
        self._members = {
            name: _Member(*values) for name, values in state.get("members", {}).items()
        }
        self._turns = Turns(dict(state.get("had", {})), state.get("level", 0.0))

    def state(self) -> dict[str, Any]:
        """What makes the same book again, as JSON can hold it."""
        members = {
            name: [m.job, m.weight, m.asked_at, m.is_hungry, m.slots, m.got_slot_at]
            for name, m in self._members.items()
        }
        return {
            "rates": self._rates,
            "members": members,
            "had": self._turns.had,
            "level": self._turns.level,
        }

    def grant(
        self,
        name: str,
        need: Need,
        now: float,
        *,
        used: Sequence[tuple[float, Amounts]] = (),
        living: Collection[str] = (),
    ) -> Slice:
        """Give a process a slice, or say when to ask again.

        Args:
            name: Of the process.
            need: What it wants, and the limits as it knows them.
            now: The time.
            used: By how much more or less than granted was used of earlier slices: when each was
                granted, and the differences.
            living: Processes that are known to be alive though they may not have asked lately.
        """
        self._forget({*living, name}, now)
        if name not in self._members:
            self._members[name] = _Member(need.job)
        me = self._members[name]
        if now - me.asked_at > FRESH_S or not me.is_hungry:
            self._turns.join(need.job)
        me.job, me.weight, me.asked_at, me.is_hungry = need.job, need.weight, now, True
        rates = {kind: self._rate(kind, limit) for kind, limit in need.limits.items()}
        for at, differences in used:
            for kind, difference in differences.items():
                if kind in rates:
                    rates[kind].correct(at, difference)
        rivals = [m for m in self._members.values() if m is not me and self._is_hungry(m, now)]
        granted = self._slice(me, need, rates, rivals, now)
        self._rates.update({kind: rate.state() for kind, rate in rates.items()})
        is_short = any(granted.amounts.get(kind, 0) < n for kind, n in need.wanted.items())
        is_narrow = granted.slots is not None and granted.slots < need.wanted_in_flight
        me.is_hungry = granted.wait_s > 0 or is_short or is_narrow
        return granted

    def leave(self, name: str, used: Sequence[tuple[float, Amounts]] = ()) -> None:
        """A process wants nothing for now and has nothing in flight."""
        self._members.pop(name, None)
        for at, differences in used:
            for kind, difference in differences.items():
                if kind in self._rates:
                    rate = self._rate(kind, None)
                    rate.correct(at, difference)
                    self._rates[kind] = rate.state()

    def _slice(
        self,
        me: _Member,
        need: Need,
        rates: Mapping[str, Rate],
        rivals: Sequence[_Member],
        now: float,
    ) -> Slice:
        slots = self._slots(me, need, rivals, now)
        if slots is not None and slots <= need.in_flight:
            return Slice(now, wait_s=_LOOK_AGAIN_S, slots=slots)
        length_s = HORIZON_S / (1 + len(rivals))
        others = {m.job for m in rivals} - {me.job}
        if others:
            least = min(self._turns.had.get(job, self._turns.level) for job in others)
            if self._turns.had[me.job] > least + length_s:
                return Slice(now, wait_s=_LOOK_AGAIN_S, slots=slots)
        ahead_s = max([0.0, *(rate.ahead_s(now) for rate in rates.values())])
        wait_s = ahead_s - (HORIZON_S - length_s) - _SLACK_S
        for kind, rate in rates.items():
            wait_s = max(wait_s, rate.room_s(need.least.get(kind, 0), now))
        if wait_s > 0:
            return Slice(now, wait_s=min(wait_s, _LONGEST_WAIT_S), slots=slots)
        amounts: Amounts = {}
        cost_s = 0.0
        for kind, rate in rates.items():
            least = need.least.get(kind, 0)
            most = min(need.wanted.get(kind, 0), length_s * rate.per_second, rate.room(now))
            amounts[kind] = max(least, int(most))
            rate.take(amounts[kind], now)
            cost_s = max(cost_s, amounts[kind] / rate.per_second)
        self._turns.served(me.job, cost_s, me.weight)
        ends_s = min(ahead_s + length_s, HORIZON_S) + GRACE_S
        return Slice(now, amounts, ahead_s, ends_s, slots)

    def _slots(self, me: _Member, need: Need, rivals: Sequence[_Member], now: float) -> int | None:
        """How many requests a process may have in flight."""
        allowed = need.allowed_in_flight
        if allowed is None:
            return None
        left = allowed - sum(m.slots for m in self._members.values() if m is not me)
        slots = min(need.wanted_in_flight, left)
        if rivals:
            fair = allowed * _fair_share(me, rivals)
            # Fewer than processes: they take turns.
            has_turn = all(m.slots or m.got_slot_at >= me.got_slot_at for m in rivals)
            most = int(fair) if fair >= 1 else int(has_turn)
            slots = min(slots, max(most, need.in_flight))
        # What is in flight cannot be called back.
        slots = max(slots, need.in_flight)
        if slots > need.in_flight:
            me.got_slot_at = now
        me.slots = slots
        return slots

    def _rate(self, kind: str, limit: float | None) -> Rate:
        return Rate.restored(
            self._rates.get(kind, {}), limit, window_s=_BOOK_WINDOW_S, burst_s=_LATE_S
        )

    def _is_hungry(self, member: _Member, now: float) -> bool:
        return member.is_hungry and now - member.asked_at <= FRESH_S

    def _forget(self, living: Collection[str], now: float) -> None:
        for name, member in list(self._members.items()):
            if name not in living and now - member.asked_at > WINDOW_S:
                del self._members[name]
        jobs = {member.job for member in self._members.values()}
        self._turns.had = {job: had for job, had in self._turns.had.items() if job in jobs}


def _fair_share(me: _Member, rivals: Sequence[_Member]) -> float:
    """The share of one process: jobs by weight, and the processes of a job alike."""
    weights = {member.job: member.weight for member in (*rivals, me)}
    return me.weight / sum(weights.values()) / (1 + sum(m.job == me.job for m in rivals))
