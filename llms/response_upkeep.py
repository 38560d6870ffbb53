"""What does the response store hold, what has it saved, and which of its answers may go?"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from llms import keepers
from llms.batches.book import ITEMS, ItemState
from llms.response_tables import RESPONSES, RUNS
from llms.responses import DEAD_AFTER_S, ResponseStore

_DAY_S = 86_400.0
_AGES = (
    ("within a day", 1),
    ("within a week", 7),
    ("within a month", 30),
    ("within a year", 365),
)
_OLDER = "older"
_UNKNOWN = "unknown"
"""Job of answers that a run stored before runs were written down."""

_AT_A_TIME = 1000
"""Answers deleted in one transaction, so that runs under way hardly wait."""

_SIZE = sa.func.length(RESPONSES.c.answer)
_LAST_USE = sa.func.coalesce(RESPONSES.c.used_at, RESPONSES.c.stored_at)


@dataclass(frozen=True, slots=True)
class Kept:
    """Answers of a kind, together.

    Attributes:
        answers: How many.
        bytes: What they take, packed; indexes and free pages of the database not counted.
        usd: What they cost when they were paid for.
        uses: How often the store gave one of them again.
        saved_usd: What these would have cost.
        oldest_at: When the first of them was stored, in seconds since the epoch; null for none.
        newest_at: When the last one was.
    """

    answers: int = 0
    bytes: int = 0
    usd: float = 0.0
    uses: int = 0
    saved_usd: float = 0.0
    oldest_at: float | None = None
    newest_at: float | None = None


class _Found(NamedTuple):
    """An answer without what it says."""

    key: str
    bytes: int
    usd: float
    uses: int
    stored_at: float


@dataclass(frozen=True, slots=True)
class RunUse:
    """A run that uses the store, and the answers it has paid for that are still there."""

    run_id: str
    job: str
    lake: str
    started_at: float
    ended_at: float | None
    answers: int
    usd: float


@dataclass(frozen=True, slots=True)
class Selection:
    """Answers that meet every condition that is not null.

    Attributes:
        stored_before: Stored before this time, in seconds since the epoch.
        unused_since: Neither stored nor used since this time.
        model: Slug of the model that gave them.
        beyond_bytes: Those that are left over when the answers used last, together of at most so
            many bytes, are kept.
    """

    stored_before: float | None = None
    unused_since: float | None = None
    model: str | None = None
    beyond_bytes: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether there is no condition."""
        return self == Selection()

    def condition(self) -> sa.ColumnElement[bool]:
        """The conditions in SQL."""
        found: list[sa.ColumnElement[bool]] = [sa.true()]
        if self.stored_before is not None:
            found.append(RESPONSES.c.stored_at < self.stored_before)
        if self.unused_since is not None:
            found.append(self.unused_since > _LAST_USE)
        if self.model is not None:
            found.append(RESPONSES.c.model == self.model)
        if self.beyond_bytes is not None:
            running = sa.func.sum(_SIZE).over(order_by=(_LAST_USE.desc(), RESPONSES.c.key))
            ranked = sa.select(RESPONSES.c.key, running.label("running")).subquery()
            over = sa.select(ranked.c.key).where(ranked.c.running > self.beyond_bytes)
            found.append(RESPONSES.c.key.in_(over))
        return sa.and_(*found)


def kept(store: ResponseStore) -> Kept:
    """Everything in the store."""
    return _grouped(store, sa.literal("all")).get("all", Kept())


def kept_by_model(store: ResponseStore) -> dict[str, Kept]:
    """What the store holds of each model, the most bytes first."""
    return _grouped(store, RESPONSES.c.model)


def kept_by_job(store: ResponseStore) -> dict[str, Kept]:
    """What the runs of each job have paid for, the most bytes first."""
    job = sa.select(RUNS.c.job).where(RUNS.c.run_id == RESPONSES.c.run_id).scalar_subquery()
    return _grouped(store, sa.func.coalesce(job, _UNKNOWN))


def kept_by_age(store: ResponseStore, now: float) -> dict[str, Kept]:
    """What was stored within a day, between a day and a week ago, and so on, the newest first."""
    younger = [(RESPONSES.c.stored_at >= now - days * _DAY_S, name) for name, days in _AGES]
    found = _grouped(store, sa.case(*younger, else_=_OLDER))
    return {name: found[name] for name in (*dict(_AGES), _OLDER) if name in found}


def run_uses(store: ResponseStore) -> list[RunUse]:
    """The runs that use the store, the newest first."""
    paid = (
        sa.select(
            RESPONSES.c.run_id,
            sa.func.count().label("answers"),
            sa.func.sum(RESPONSES.c.usd).label("usd"),
        )
        .group_by(RESPONSES.c.run_id)
        .subquery()
    )
    rows = (
        sa.select(RUNS, paid.c.answers, paid.c.usd)
        .outerjoin(paid, paid.c.run_id == RUNS.c.run_id)
        .order_by(RUNS.c.started_at.desc(), RUNS.c.run_id.desc())
    )

    def look(connection: sa.Connection) -> list[RunUse]:
        return [
            RunUse(
                row.run_id,
                row.job,
                row.lake,
                row.started_at,
                row.ended_at,
                row.answers or 0,
                row.usd or 0.0,
            )
            for row in connection.execute(rows)
        ]

    return store.read(look)


def forget_runs(store: ResponseStore, run_ids: Collection[str]) -> None:
    """Note that runs will not go on, so that their answers need not stay."""
    for run_id in run_ids:
        store.end_run(run_id)


def prunable(store: ResponseStore, selection: Selection, needed_since: float | None) -> Kept:
    """What `prune` would delete."""
    return _total(_found(store, selection, needed_since))


def prune(store: ResponseStore, selection: Selection, needed_since: float | None) -> Kept:
    """Delete answers; asked again, they are paid for again.

    Args:
        store: The store.
        selection: Which ones.
        needed_since: What was stored or used since then stays, for a run that may go on; in
            seconds since the epoch, null where there is no such run.

    Returns:
        What was deleted.
    """
    gone: list[_Found] = []
    found = _found(store, selection, needed_since)
    for start in range(0, len(found), _AT_A_TIME):
        some = {row.key: row for row in found[start : start + _AT_A_TIME]}
        deleted = store.change(lambda *at, some=some: _delete(at[0], list(some), needed_since))
        gone += [some[key] for key in deleted]
    return _total(gone)


def shrink(store: ResponseStore) -> bool:
    """Give the room of what was deleted back to the disk.

    Returns:
        Whether that was possible: other processes that are at the store prevent it, and so does a
        disk without room for a second copy. PostgreSQL does it by itself, in its own time.
    """
    if not store.database.is_sqlite:
        return True
    since = time.time() - DEAD_AFTER_S
    if store.read(lambda connection: keepers.living(connection, since)) - {store.keeper}:
        return False  # a run that pays would wait for it longer than it waits for a lock

    def vacuum(connection: sa.Connection) -> bool:
        # By the driver's own connection: inside of a transaction this is not allowed.
        raw: Any = connection.connection.driver_connection
        try:
            raw.execute("VACUUM")
        except raw.OperationalError as error:
            if any(word in str(error) for word in ("locked", "full")):
                return False
            raise
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return True

    return store.alone(vacuum)


def stored_bytes(store: ResponseStore) -> int:
    """What the whole store takes, free pages and indexes included."""

    def look(connection: sa.Connection) -> int:
        if not store.database.is_sqlite:
            size = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname = ANY"
            names = [table.name for table in RESPONSES.metadata.sorted_tables]
            found = connection.execute(sa.text(f"{size} (:names)"), {"names": names})
            return int(found.scalar_one() or 0)
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())

    return store.read(look)


def _grouped(store: ResponseStore, name: sa.ColumnElement[Any]) -> dict[str, Kept]:
    of = name.label("name")
    rows = sa.select(
        of,
        sa.func.count().label("answers"),
        sa.func.sum(_SIZE).label("bytes"),
        sa.func.sum(RESPONSES.c.usd).label("usd"),
        sa.func.sum(RESPONSES.c.uses).label("uses"),
        sa.func.sum(RESPONSES.c.uses * RESPONSES.c.usd).label("saved_usd"),
        sa.func.min(RESPONSES.c.stored_at).label("oldest_at"),
        sa.func.max(RESPONSES.c.stored_at).label("newest_at"),
    ).select_from(RESPONSES)

    def look(connection: sa.Connection) -> dict[str, Kept]:
        found = {}
        for row in connection.execute(rows.group_by(sa.text("1"))):
            found[str(row.name)] = Kept(
                answers=row.answers,
                bytes=int(row.bytes),
                usd=row.usd,
                uses=int(row.uses),
                saved_usd=row.saved_usd,
                oldest_at=row.oldest_at,
                newest_at=row.newest_at,
            )
        return dict(sorted(found.items(), key=lambda pair: (-pair[1].bytes, pair[0])))

    return store.read(look)


def _found(store: ResponseStore, selection: Selection, needed_since: float | None) -> list[_Found]:
    rows = sa.select(
        RESPONSES.c.key,
        _SIZE.label("bytes"),
        RESPONSES.c.usd,
        RESPONSES.c.uses,
        RESPONSES.c.stored_at,
    ).where(selection.condition(), _is_free(needed_since))
    return store.read(lambda connection: [_Found._make(row) for row in connection.execute(rows)])


def _is_free(needed_since: float | None) -> sa.ColumnElement[bool]:
    return sa.true() if needed_since is None else needed_since > _LAST_USE


def _delete(
    connection: sa.Connection, keys: Sequence[str], needed_since: float | None
) -> list[str]:
    """Delete answers that nobody has used meanwhile; returns the keys of those."""
    free = sa.select(RESPONSES.c.key).where(RESPONSES.c.key.in_(keys), _is_free(needed_since))
    going = list(connection.execute(free).scalars())
    connection.execute(sa.delete(RESPONSES).where(RESPONSES.c.key.in_(going)))
    # Else a batch would be looked for again that may be long gone at its provider.
    is_done = sa.and_(ITEMS.c.key.in_(going), ITEMS.c.state == ItemState.ANSWERED)
    connection.execute(sa.delete(ITEMS).where(is_done))
    return going


def _total(rows: Sequence[_Found]) -> Kept:
    stored = [row.stored_at for row in rows]
    return Kept(
        answers=len(rows),
        bytes=sum(row.bytes for row in rows),
        usd=sum(row.usd for row in rows),
        uses=sum(row.uses for row in rows),
        saved_usd=sum(row.uses * row.usd for row in rows),
        oldest_at=min(stored, default=None),
        newest_at=max(stored, default=None),
    )
