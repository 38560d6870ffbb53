"""How does a run stop sending? What has not been sent is broken off, what has is waited for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from llms.failures import CallError, FailureClass


class Stop:
    """Whether a run is to send no more; made for one event loop and used on that one only."""

    def __init__(self) -> None:
        self._is_asked = False
        self._is_ending = False
        self._waiting: set[asyncio.Task[object]] = set()
        self._in_flight: set[asyncio.Task[object]] = set()
        self._broken_off: set[asyncio.Task[object]] = set()

    def ask(self) -> None:
        """Send nothing from now on; who waits for leave to send is told so at once."""
        self._is_asked = True
        self._cancel(self._waiting)

    def break_off(self) -> None:
        """Wait for nothing any more either: what is in flight ends at once, at its worst case."""
        self._is_ending = True
        self.ask()
        self._cancel(self._in_flight)

    def _cancel(self, tasks: set[asyncio.Task[object]]) -> None:
        # Once is enough, and each has to be taken back.
        for task in tasks - self._broken_off:
            self._broken_off.add(task)
            task.cancel()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What may be broken off: inside, a task waits, and nothing would be lost.

        Raises:
            CallError: Class `INTERRUPTED`: the run is to stop.
        """
        if self._is_asked:
            raise interrupted()
        with self._breakable(self._waiting):
            yield

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """What is waited for, unless it is to be broken off as well: inside, a task may send.

        Raises:
            CallError: Class `INTERRUPTED`: the run is to end now.
        """
        if self._is_ending:
            raise interrupted()
        with self._breakable(self._in_flight):
            yield

    @contextmanager
    def _breakable(self, members: set[asyncio.Task[object]]) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        members.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._broken_off:
                raise
            task.uncancel()
            raise interrupted() from None
        finally:
            members.discard(task)
            self._broken_off.discard(task)


def interrupted() -> CallError:
    """Why a call is not sent once the run was told to stop."""
    return CallError.of(FailureClass.INTERRUPTED, "the run was told to stop")
