"""When is the head of a queue looked at again? One alarm, on the event loop of one who waits."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection

_SHORTEST_SLEEP_S = 0.001

_Due = tuple[float, asyncio.AbstractEventLoop]
"""When the queue is to be looked at, and the loop that sees to it."""


class Alarm:
    """Rings once, at the earliest of the times it was set for.

    Args:
        ring: Looks at the queue; called with `lock` held. It is given the alarm's loop where that
            one may be about to close, else null.
        lock: Of the queue; whoever sets the alarm holds it.
        clock: Seconds that only ever grow.
        sleep: Waits some seconds.
    """

    def __init__(
        self,
        ring: Callable[[asyncio.AbstractEventLoop | None], None],
        lock: "threading.RLock",
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._ring = ring
        self._lock = lock
        self._clock = clock
        self._sleep = sleep
        self._due: _Due | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def set(
        self,
        loops: Collection[asyncio.AbstractEventLoop],
        wait_s: float,
        *,
        without: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """Ring in so many seconds, unless it rings before that anyway.

        Args:
            loops: Those of all who wait, which go on as long as they do. On any other loop it
                might never ring.
            wait_s: Seconds until then.
            without: One of them that may be about to close.
        """
        at = self._clock() + wait_s
        loop = next((one for one in loops if one is not without), without)
        if self._due is not None:
            set_for, on = self._due
            will_ring = on in loops and (on is not without or loop is without)
            if will_ring and set_for <= at + _SHORTEST_SLEEP_S:
                return  # it is looked at then what is next
        elif loop is without:
            return  # the alarm on it has just been cancelled, and so will be all who wait there
        if loop is None:
            return
        due = self._due = (at, loop)
        try:
            if loop is _running_loop():
                self._start(due, wait_s)
            else:
                loop.call_soon_threadsafe(self._start, due, wait_s)
        except RuntimeError:  # that loop has been closed, and whoever waited on it is gone
            self._due = None

    def _start(self, due: _Due, wait_s: float) -> None:
        task = asyncio.get_running_loop().create_task(self._wait(due, wait_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wait(self, due: _Due, wait_s: float) -> None:
        leaving: asyncio.AbstractEventLoop | None = due[1]
        try:
            await self._sleep(max(wait_s, _SHORTEST_SLEEP_S))
            leaving = None
        finally:
            with self._lock:
                if self._due is due:
                    self._due = None
                    self._ring(leaving)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
