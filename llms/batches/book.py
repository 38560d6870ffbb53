"""Which batches are there, and which requests lie in them? The book that outlives every process.

A batch is written down before its file is uploaded, together with the requests in it and the money
held for them; every id the provider gives is added at once. So whatever a kill interrupts, whoever
comes next finds out what has been handed in, and nothing is handed in twice.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import TypeVar

import sqlalchemy as sa

from llms import holds, spend
from llms.holds import HOLDS, Hold, Settlement
from llms.response_tables import METADATA, RESPONSES
from llms.responses import DEAD_AFTER_S, ResponseStore
from llms.spend import Draw, Grant

BATCHES = sa.Table(
    "batches",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("tokens", sa.BigInteger, nullable=False),
    sa.Column("planned_at", sa.Float, nullable=False),
    sa.Column("file_id", sa.String, nullable=True),
    sa.Column("batch_id", sa.String, nullable=True),
    sa.Column("ended_at", sa.Float, nullable=True),
    sa.Column("end", sa.String, nullable=True),
)
"""Batches under our own id, which their metadata carry; `batch_id` is the provider's."""

ITEMS = sa.Table(
    "batch_items",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("batch", sa.String, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
)
"""The requests of each batch, by their keys."""

_MOST_KEYS = 1000
_RECENT_BATCHES = 20

T = TypeVar("T")


class ItemState(StrEnum):
    """What is known of a request in a batch."""

    OPEN = "open"
    ANSWERED = "answered"
    FAILED = "failed"
    RETURNED = "returned"


_LYING = (ItemState.OPEN, ItemState.ANSWERED)
"""States of a request that may have an answer, so that it must not be sent again."""


@dataclass(slots=True)
class Batch:
    """A batch as the book knows it.

    Attributes:
        id: Our own id.
        provider: Name of the provider.
        model: Name of the model in its requests.
        run_id: The run that handed it in.
        requests: How many requests it has.
        tokens: Their prompt tokens, as we estimate them.
        planned_at: When it was written down, in seconds since the epoch.
        file_id: The provider's id of the input file, once that is uploaded.
        batch_id: The provider's id of the batch, once that is made.
    """

    id: str
    provider: str
    model: str
    run_id: str
    requests: int
    tokens: int
    planned_at: float = 0.0
    file_id: str | None = None
    batch_id: str | None = None


class BatchBook:
    """The batches of every run that uses a store.

    Args:
        store: The response store, in whose database the book lies.
    """

    def __init__(self, store: ResponseStore) -> None:
        self._store = store

    async def plan(
        self, batch: Batch, keys: Sequence[str], draw: Draw, wanted: Sequence[Hold]
    ) -> tuple[list[Hold], Grant]:
        """Write a batch down with its requests and hold their money, before anything is sent.

        Requests whose money cannot be held are left out of it; a batch of none is not written down.

        Returns:
            What `llms.spend.hold` returns.
        """

        def write(connection: sa.Connection, now: float) -> tuple[list[Hold], Grant]:
            batch.planned_at = now
            booked, grant = spend.hold(connection, draw, wanted, now=now, dead_after_s=DEAD_AFTER_S)
            refused = {hold.key for hold in wanted} - {hold.key for hold in booked}
            planned = [key for key in keys if key not in refused]
            batch.requests = len(planned)
            if not planned:
                return booked, grant
            row = {
                "id": batch.id,
                "provider": batch.provider,
                "model": batch.model,
                "run_id": batch.run_id,
                "requests": batch.requests,
                "tokens": batch.tokens,
                "planned_at": now,
            }
            connection.execute(sa.insert(BATCHES), row)
            items = [{"key": key, "batch": batch.id, "state": ItemState.OPEN} for key in planned]
            connection.execute(sa.insert(ITEMS), items)
            return booked, grant

        return await self._change(write)

    async def note(self, batch: Batch) -> None:
        """Write down the ids that the provider has given."""
        given = {"file_id": batch.file_id, "batch_id": batch.batch_id}
        update = sa.update(BATCHES).where(BATCHES.c.id == batch.id).values(**given)
        await self._change(lambda connection, now: connection.execute(update))

    async def end(self, batch: Batch, end: str, states: Mapping[str, ItemState]) -> None:
        """Write down how a batch ended and what became of each of its requests.

        Requests that `states` does not name keep theirs.
        """

        def write(connection: sa.Connection, now: float) -> None:
            ended = sa.update(BATCHES).where(BATCHES.c.id == batch.id)
            connection.execute(ended.values(ended_at=now, end=end))
            for state in ItemState:
                keys = [key for key, found in states.items() if found is state]
                for some in _in_parts(keys):
                    mine = sa.and_(ITEMS.c.batch == batch.id, ITEMS.c.key.in_(some))
                    connection.execute(sa.update(ITEMS).where(mine).values(state=state))

        await self._change(write)

    async def lying(self, keys: Collection[str], provider: str) -> dict[str, Batch]:
        """Those of `keys` that have been handed in and may have an answer, with their batches."""

        def look(connection: sa.Connection) -> dict[str, Batch]:
            found: dict[str, Batch] = {}
            batches: dict[str, Batch] = {}
            for some in _in_parts(sorted(keys)):
                for row in connection.execute(_lying(provider).where(ITEMS.c.key.in_(some))):
                    found[row.key] = batches.setdefault(row.id, _batch(row))
            return found

        return await asyncio.to_thread(self._store.read, look)

    def lying_unanswered(self, providers: Collection[str]) -> set[str]:
        """Requests that have been handed in and whose answers are not in the store."""

        def look(connection: sa.Connection) -> set[str]:
            answered = sa.exists().where(RESPONSES.c.key == ITEMS.c.key)
            rows = (connection.execute(_lying(provider).where(~answered)) for provider in providers)
            return {row.key for some in rows for row in some}

        return self._store.read(look)

    def tidy(self) -> None:
        """Forget requests of which nothing can come any more, or whose answers are stored.

        A kill, or another run that was faster, may have left money held for them. What failed may
        have been billed and stays spent; what was answered has cost what the answer says.
        """
        answered = sa.exists().where(RESPONSES.c.key == ITEMS.c.key)
        is_over = sa.or_(
            ITEMS.c.state.in_((ItemState.FAILED, ItemState.RETURNED)),
            sa.and_(ITEMS.c.state == ItemState.ANSWERED, answered),
        )
        any_item = sa.select(ITEMS.c.key).limit(1)
        is_open = _is_item(ItemState.OPEN)
        failed = sa.select(HOLDS.c.key).where(_is_item(ItemState.FAILED), ~is_open)
        paid = sa.select(HOLDS.c.key, HOLDS.c.run_account, RESPONSES.c.usd).where(
            _is_item(ItemState.ANSWERED), ~is_open, RESPONSES.c.key == HOLDS.c.key
        )

        def tidy(connection: sa.Connection, now: float) -> None:
            holds.spend_up(connection, set(connection.execute(failed).scalars()))
            holds.settle(
                connection,
                [
                    Settlement(row.key, row.run_account, spend.units_of(row.usd), None)
                    for row in connection.execute(paid)
                ],
            )
            connection.execute(sa.delete(ITEMS).where(is_over))

        if self._store.read(lambda connection: connection.execute(any_item).first()) is not None:
            self._store.change(tidy)

    async def members(self, batch: Batch) -> list[str]:
        """The keys of a batch's requests."""
        keys = sa.select(ITEMS.c.key).where(ITEMS.c.batch == batch.id)

        def look(connection: sa.Connection) -> list[str]:
            return list(connection.execute(keys).scalars())

        return await asyncio.to_thread(self._store.read, look)

    def usual_seconds(self, providers: Collection[str]) -> float | None:
        """The median time that the latest completed batches took, from the plan to the results.

        Null where there has been none.
        """
        rows = (
            sa.select(BATCHES.c.planned_at, BATCHES.c.ended_at)
            .where(BATCHES.c.provider.in_(sorted(providers)), BATCHES.c.end == "completed")
            .order_by(BATCHES.c.ended_at.desc())
            .limit(_RECENT_BATCHES)
        )

        def look(connection: sa.Connection) -> list[float]:
            return [row.ended_at - row.planned_at for row in connection.execute(rows)]

        seconds = self._store.read(look)
        return median(seconds) if seconds else None

    async def _change(self, change: Callable[[sa.Connection, float], T]) -> T:
        # The event loop goes on meanwhile: a batch has thousands of rows.
        return await asyncio.to_thread(self._store.change, change)


def _is_item(state: ItemState) -> sa.ColumnElement[bool]:
    return sa.exists().where(ITEMS.c.key == HOLDS.c.key, ITEMS.c.state == state)


def _lying(provider: str) -> sa.Select[tuple[object, ...]]:
    # Newest last, so that of two batches with the same request the newer one is kept.
    return (
        sa.select(ITEMS.c.key, *BATCHES.c)
        .join(BATCHES, BATCHES.c.id == ITEMS.c.batch)
        .where(BATCHES.c.provider == provider, ITEMS.c.state.in_(_LYING))
        .order_by(BATCHES.c.planned_at)
    )


def _batch(row: sa.Row[tuple[object, ...]]) -> Batch:
    fields = row._mapping
    return Batch(**{name: fields[name] for name in Batch.__dataclass_fields__})


def _in_parts(keys: Sequence[str]) -> Iterable[Sequence[str]]:
    return (keys[start : start + _MOST_KEYS] for start in range(0, len(keys), _MOST_KEYS))
