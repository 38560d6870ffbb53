"""Whose turn is it? Jobs that share a limit get shares of it in proportion to their weights."""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns:
    """What each job has had so far, over its weight; whoever has had least is next.

    A job that comes, or comes back, starts where the one served last stood: it neither makes up for
    the time it did not want anything, nor pays for it.
    """

    def __init__(self, had: dict[str, float] | None = None, level: float = 0.0) -> None:
        self.had = had or {}
        self.level = level

    def join(self, job: str) -> None:
        """A job wants something, after a time without."""
        self.had[job] = max(self.had.get(job, self.level), self.level)

    def next(self, jobs: Iterable[str]) -> str:
        """Which of some jobs, at least one, is next."""
        return min(jobs, key=lambda job: self.had.get(job, self.level))

    def served(self, job: str, cost: float, weight: float = 1.0) -> None:
        """A job has got something of a cost, in a unit that is the same for all."""
        had = self.had.get(job, self.level)
        self.level = max(self.level, had)
        self.had[job] = had + cost / weight

    def leave(self, job: str) -> None:
        """A job wants nothing more; what it had stays known while it is above the others."""
        if self.had.get(job, self.level) <= self.level:
            self.had.pop(job, None)


class FairQueue(Generic[T]):
    """Who waits, job by job; within a job first come, first served. Not thread-safe."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[T]] = {}
        self._turns = Turns()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def join(self, job: str, waiter: T) -> None:
        """Wait for a turn of a job."""
        if job not in self._waiting:
            self._waiting[job] = deque()
            self._turns.join(job)
        self._waiting[job].append(waiter)

    def first(self) -> T | None:
        """Who is next; null when nobody waits."""
        if not self._waiting:
            return None
        if len(self._waiting) == 1:
            return next(iter(self._waiting.values()))[0]
        return self._waiting[self._turns.next(self._waiting)][0]

    def leave(self, job: str, waiter: T) -> None:
        """Wait no longer; nothing happens to those who do not wait."""
        waiting = self._waiting.get(job)
        if waiting is None:
            return
        if waiting[0] is waiter:
            waiting.popleft()
        elif waiter in waiting:
            waiting.remove(waiter)
        if not waiting:
            del self._waiting[job]
            self._turns.leave(job)

    def served(self, job: str, cost: float, weight: float) -> None:
        """A job has got something."""
        self._turns.served(job, cost, weight)

    def waiting(self) -> Iterable[T]:
        """All who wait, job by job."""
        return (waiter for waiters in self._waiting.values() for waiter in waiters)
