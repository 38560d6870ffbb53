"""How does a process come by its part of a limit that several share? The words both sides use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from llms.failures import StoreError
from llms.model_rates import NOTHING, Amounts


@dataclass(frozen=True, slots=True)
class Need:
    """What a process asks of a limit that it shares with others.

    Attributes:
        limits: Per minute, in the order of `llms.limit_headers.KINDS`; null where there is none.
        least: What the next call takes.
        wanted: What all that wait take.
        uncounted: What has gone out lately while the limit was not known, and so from no slice.
        in_flight: Requests of this process in flight.
        wanted_in_flight: How many it would have in flight now.
        allowed_in_flight: How many there may be over all processes; null where nothing bounds it.
    """

    limits: tuple[float | None, ...]
    least: Amounts
    wanted: Amounts
    uncounted: Amounts = NOTHING
    in_flight: int = 0
    wanted_in_flight: int = 0
    allowed_in_flight: int | None = None


@dataclass(slots=True, eq=False)
class Slice:
    """A part of a limit that is one process's for a moment.

    Attributes:
        at: When it was granted, on the clock of the book.
        left: What of it has not been used.
        ends_at: When it may no longer be used, on the clock of the process.
    """

    at: float
    left: Amounts
    ends_at: float


class Share(Protocol):
    """One process's part of the limits of a model. Called under the limiter's lock.

    Attributes:
        fraction: The part of the pace that is this process's.
        slots: Requests that it may have in flight; null where nothing bounds them.
    """

    fraction: float
    slots: int | None

    def covers(self, amounts: Amounts, now: float) -> bool:
        """Whether a call may go out with what is in hand."""
        ...

    def is_low(self, now: float) -> bool:
        """Whether it is time to ask for more, though there is something in hand."""
        ...

    def spend(self, amounts: Amounts, now: float) -> Slice | None:
        """Take a call's part of what is in hand; returns what it was taken from."""
        ...

    def settle(self, taken_from: Slice, taken: Amounts, used: Amounts) -> None:
        """Say what a call has come to."""
        ...

    def ask(
        self,
        need: Callable[[], Need],
        done: Callable[[StoreError | None], None],
        now: float,
    ) -> float | None:
        """Ask for more, unless that is under way.

        Args:
            need: Says what is needed; called only if the question is put.
            done: Called when the answer is there, on any thread, perhaps before `ask` returns;
                with the error where there is none.
            now: The time.

        Returns:
            Null while the answer is awaited; else after how many seconds to ask.
        """
        ...

    def rest(self) -> None:
        """Say that nothing is in flight and nobody waits."""
        ...
