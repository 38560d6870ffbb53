"""Whose turn is it? Groups of waiters that are served one after the other, in order within one."""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Who waits, group by group: however many wait in one, the next turn is another's.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._groups: dict[str, deque[T]] = {}

    def __bool__(self) -> bool:
        return bool(self._groups)

    def __iter__(self) -> Iterator[T]:
        return (waiter for group in self._groups.values() for waiter in group)

    def join(self, group: str, waiter: T) -> None:
        """Wait, behind all others of a group."""
        self._groups.setdefault(group, deque()).append(waiter)

    def first(self) -> T | None:
        """Who is next; null when nobody waits."""
        return next(iter(self._groups.values()))[0] if self._groups else None

    def pop(self) -> T:
        """Take out who is next; the turn passes to the next group."""
        name = next(iter(self._groups))
        group = self._groups.pop(name)
        waiter = group.popleft()
        if group:
            self._groups[name] = group
        return waiter

    def leave(self, group: str, waiter: T) -> bool:
        """Wait no longer; returns whether it has waited."""
        waiting = self._groups.get(group)
        if waiting is None or waiter not in waiting:
            return False
        waiting.remove(waiter)
        if not waiting:
            del self._groups[group]
        return True
