"""How do several processes keep one limit? Through a row per limit in the response store."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from llms.failures import StoreError
from llms.limit_share import Amounts, Need
from llms.response_tables import ALIVE, upsert
from llms.responses import DEAD_AFTER_S, ResponseStore
from llms.shared_windows import SharedWindow, Slice

_METADATA = sa.MetaData()

_LIMITS = sa.Table(
    "limits",
    _METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
)
"""What is known of each limit that processes share, see `SharedWindow`."""

_USUAL_S = 1.0
"""A slice is asked for what went out in the last second, so that a steady flow that stays below its
limit does not have to ask for each call."""


class SharedLimits:
    """The limits that a process shares with all others that use the same response store.

    Args:
        store: Where the book is.
        clock: Seconds that only ever grow.
    """

    def __init__(
        self, store: ResponseStore, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._has_table = False

    def share(self, name: str) -> "StoreShare":
        """This process's share of the limit `name`, which is the same in all processes."""
        return StoreShare(self, name, self._clock)

    def grant(self, name: str, need: Need, used: list[tuple[float, Amounts]]) -> Slice:
        """Ask the book for a slice, and wait for it.

        Raises:
            StoreError: The response store cannot be read or written.
        """

        def ask(book: SharedWindow, connection: sa.Connection, now: float) -> Slice:
            living = set(connection.execute(ALIVE, {"since": now - DEAD_AFTER_S}).scalars())
            return book.grant(self._store.keeper, need, now, used=used, living=living)

        granted: Slice = self._change(name, ask)
        return granted

    def leave(self, name: str, used: list[tuple[float, Amounts]]) -> None:
        """Tell the book that nothing is wanted for now; raises as `grant` does."""
        self._change(name, lambda book, *_: book.leave(self._store.keeper, used))

    def _change(self, name: str, change: Callable[..., Any]) -> Any:
        def work(connection: sa.Connection, now: float) -> Any:
            if not self._has_table:
                _METADATA.create_all(connection)
            row = sa.select(_LIMITS.c.state).where(_LIMITS.c.name == name)
            state = connection.execute(row).scalar_one_or_none()
            book = SharedWindow(json.loads(state) if state else None)
            outcome = change(book, connection, now)
            text = json.dumps(book.state(), separators=(",", ":"))
            connection.execute(
                upsert(_LIMITS, connection.dialect.name, "state"), [{"name": name, "state": text}]
            )
            return outcome

        outcome = self._store.change(work)
        self._has_table = True
        return outcome


class StoreShare:
    """This process's part of one limit: the slice in hand, and what is to be told of earlier ones.

    Args:
        limits: The book.
        name: Of the limit.
        clock: Seconds that only ever grow.
    """

    def __init__(self, limits: SharedLimits, name: str, clock: Callable[[], float]) -> None:
        self._limits = limits
        self._name = name
        self._clock = clock
        self._slice = Slice(0.0)
        self._left: Amounts = {}
        self._starts = 0.0
        self._ends = 0.0
        self._spent: Amounts = {}
        self._used: dict[float, Amounts] = {}
        self._lock = threading.Lock()
        # Held while the book is asked, so that answers come in the order of the questions.
        self._talking = threading.Lock()
        self._draws = 0

    def covers(self, need: Amounts, in_flight: int | None) -> bool:
        """Whether a call may go out with what is in hand, as one more than `in_flight`."""
        with self._lock:
            has_slot = in_flight is None or in_flight < (self._slice.slots or 0)
            return has_slot and self._starts <= self._clock() < self._ends and self._holds(need)

    def spend(self, amounts: Amounts) -> float:
        """Take a call's part of what is in hand; returns when that was granted."""
        with self._lock:
            for kind in self._left:
                amount = amounts.get(kind, 0)
                self._left[kind] -= amount
                self._spent[kind] = self._spent.get(kind, 0) + amount
            return self._slice.at

    def correct(self, granted_at: float, differences: Amounts) -> None:
        """Say that a call used more, or less, than it had taken."""
        with self._lock:
            self._add(granted_at, differences)

    async def draw(self, need: Need) -> float:
        """Ask for a slice; returns after how many seconds to look again, 0 for at once.

        Raises:
            StoreError: The response store cannot be read or written.
        """
        with self._lock:
            now = self._clock()
            if now < self._starts and self._holds(need.least):
                return self._starts - now
        # The slice is put in hand by the thread: should nobody wait for it any more, the next call
        # has the use of it.
        return await asyncio.to_thread(self._draw, need)

    def rest(self) -> None:
        """Say that nothing is in flight and nobody waits: others may have the slots."""
        if self._slice.slots is not None and self._draws:
            asyncio.get_running_loop().run_in_executor(None, self._leave, self._draws)

    def _draw(self, need: Need) -> float:
        with self._talking:
            with self._lock:
                self._draws += 1
                if self._clock() < self._ends + _USUAL_S:
                    wanted = {k: max(n, self._spent.get(k, 0)) for k, n in need.wanted.items()}
                    need = replace(need, wanted=wanted)
                self._spent = {}
                used = self._take_used()
            granted = self._limits.grant(self._name, need, used)
            with self._lock:
                now = self._clock()
                self._slice, self._left = granted, dict(granted.amounts)
                self._starts, self._ends = now + granted.starts_s, now + granted.ends_s
        return granted.wait_s or granted.starts_s

    def _leave(self, draws: int) -> None:
        with self._talking:
            with self._lock:
                if self._draws != draws:
                    return  # something is wanted again
                self._draws, self._slice = 0, Slice(0.0)
                used = self._take_used()
            with contextlib.suppress(StoreError):  # whoever needs the store next will be told
                self._limits.leave(self._name, used)

    def _holds(self, need: Amounts) -> bool:
        return all(self._left.get(kind, 0) >= amount for kind, amount in need.items())

    def _take_used(self) -> list[tuple[float, Amounts]]:
        """What is to be told, with what is left of the slice in hand, which is given back."""
        self._add(self._slice.at, {kind: -left for kind, left in self._left.items()})
        self._left = {}
        used, self._used = self._used, {}
        return list(used.items())

    def _add(self, at: float, differences: Amounts) -> None:
        total = self._used.setdefault(at, {})
        for kind, difference in differences.items():
            total[kind] = total.get(kind, 0) + difference
