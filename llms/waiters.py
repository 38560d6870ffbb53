"""Who has leave to send a request, and who waits for it: in which order, on which event loops?"""

import asyncio
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from llms.limit_share import Slice
from llms.model_rates import Amounts
from llms.turns import Turns


@dataclass(slots=True, eq=False)
class Permit:
    """Leave to send one request, given at `at` (seconds of the limiter's clock).

    Attributes:
        at: When it was given.
        amounts: What it sets aside.
        is_final: What it sets aside is what it counts, whatever it will have used.
        beside: Requests in flight when it was given, without this one.
        taken_from: The slice of a shared limit that it was taken from.
        is_open: It has not been settled.
        is_refused: The provider has turned the request away.
    """

    at: float
    amounts: Amounts
    is_final: bool = False
    beside: int = 0
    taken_from: Slice | None = None
    is_open: bool = True
    is_refused: bool = False


class Waiter:
    """One call that waits, made on the event loop of its task.

    Attributes:
        amounts: What it wants.
        most_output: Tokens that its answer may have.
        permit: What it was given; null as long as it waits.
        granted: Is done when it may go on.
    """

    __slots__ = ("amounts", "granted", "loop", "most_output", "permit", "thread")

    def __init__(self, amounts: Amounts, most_output: int) -> None:
        self.amounts = amounts
        self.most_output = most_output
        self.loop = asyncio.get_running_loop()
        self.thread = threading.get_ident()
        self.granted: asyncio.Future[None] = self.loop.create_future()
        self.permit: Permit | None = None


class Waiters:
    """All that wait, served in turns by stage. Not thread-safe.

    Attributes:
        loops: The event loops of those who wait. None of them ends before whoever waits there has
            been woken or cancelled.
    """

    def __init__(self) -> None:
        self._turns: Turns[Waiter] = Turns()
        self._counts: Counter[asyncio.AbstractEventLoop] = Counter()

    def __bool__(self) -> bool:
        return bool(self._turns)

    def __iter__(self) -> Iterator[Waiter]:
        return iter(self._turns)

    @property
    def loops(self) -> Collection[asyncio.AbstractEventLoop]:
        """See the class."""
        return self._counts.keys()

    def join(self, stage: str, waiter: Waiter) -> None:
        """Wait, behind all others of a stage."""
        self._turns.join(stage, waiter)
        self._counts[waiter.loop] += 1

    def first(self) -> Waiter | None:
        """Who is next; null when nobody waits."""
        return self._turns.first()

    def pop(self) -> Waiter:
        """Take out who is next; the turn passes to the next stage."""
        waiter = self._turns.pop()
        self._forget(waiter)
        return waiter

    def leave(self, stage: str, waiter: Waiter) -> None:
        """Wait no longer; nothing happens to those who do not wait."""
        if self._turns.leave(stage, waiter):
            self._forget(waiter)

    def _forget(self, waiter: Waiter) -> None:
        self._counts[waiter.loop] -= 1
        if not self._counts[waiter.loop]:
            del self._counts[waiter.loop]
