"""How does a process come by its part of a limit that several share? The words both sides use."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Amounts = dict[str, int]
"""What a call uses, by kind."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a process asks of a limit that it shares with others.

    Attributes:
        job: Whom it is for; jobs share alike, in proportion to `weight`.
        weight: See `job`.
        limits: Per minute, by kind.
        least: What the next call needs, by kind.
        wanted: What all that wait need, by kind.
        in_flight: Requests of this process in flight.
        wanted_in_flight: How many it would have in flight now.
        allowed_in_flight: How many there may be over all processes; null where nothing bounds it.
    """

    job: str
    weight: float
    limits: Mapping[str, float]
    least: Amounts
    wanted: Amounts
    in_flight: int
    wanted_in_flight: int
    allowed_in_flight: int | None


class Share(Protocol):
    """One process's part of a limit that several share. All but `draw` is called under a lock."""

    def covers(self, need: Amounts, in_flight: int | None) -> bool:
        """Whether a call may go out with what is in hand, as one more than `in_flight`."""
        ...

    def spend(self, amounts: Amounts) -> float:
        """Take a call's part of what is in hand; returns when that was granted."""
        ...

    def correct(self, granted_at: float, differences: Amounts) -> None:
        """Say that a call used more, or less, than it had taken."""
        ...

    async def draw(self, need: Need) -> float:
        """Ask for more; returns after how many seconds to look again, 0 for at once."""
        ...

    def rest(self) -> None:
        """Say that nothing is in flight and nobody waits."""
        ...
