"""What has been answered and paid for already? The response store and the durable spend book."""

import asyncio
import queue
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import sqlalchemy as sa

from llms.failures import StoreError
from llms.response_tables import (
    ABOUT,
    GET,
    METADATA,
    PUT,
    RESERVE,
    SETTLE,
    VERSION,
    StoredResponse,
    from_row,
    set_about,
    spent_by,
    to_row,
)

__all__ = ["ResponseStore", "StoredResponse"]

_BUSY_S = 30.0
_OPEN_TRIES = 20
_OPEN_PAUSE_S = 0.1
_LARGEST_GROUP = 1000

_Kind = Literal["reserve", "put", "settle"]
_Row = tuple[_Kind, dict[str, Any] | tuple[StoredResponse, float]]
_ORDER: tuple[tuple[_Kind, Any], ...] = (("reserve", RESERVE), ("put", PUT), ("settle", SETTLE))


@dataclass(slots=True, eq=False)
class _Write:
    rows: tuple[_Row, ...]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class ResponseStore:
    """Answers by request, and what every run has spent; durable once a write has returned.

    Shared by all threads and event loops of a process, and through its file by several processes.
    One thread writes: whatever has queued up while it committed the last group becomes the next
    one, so that hundreds of answers share a commit. Reads are point look-ups of some tens of
    microseconds and happen where they are asked for.

    SQLite runs in WAL mode, so that readers never wait, with `synchronous=FULL`: an answer that was
    paid for survives not only `kill -9` but also a power cut, and the group shares the cost of the
    one fsync.

    Args:
        url: `sqlite:////absolute/responses.db` or `sqlite:///relative.db`; the folder is made.
        now: Seconds since the epoch, for the time columns.

    Raises:
        StoreError: The store cannot be opened, read or written; here or in any method.
    """

    def __init__(self, url: str, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise StoreError(
                "the URL of the response store is not one; write sqlite:///path/to/responses.db"
            ) from None
        self.name = parsed.database or parsed.render_as_string(hide_password=True)
        if parsed.get_backend_name() != "sqlite" or not parsed.database:
            raise StoreError(
                f"the response store cannot be a {parsed.get_backend_name()} database at "
                f"{parsed.render_as_string(hide_password=True)}; use sqlite:///path/to/responses.db"
            )
        self._engine = self._open(parsed)
        self._reader = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._reading = threading.Lock()
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._is_closed = False
        # A daemon, so that a process that forgets `close` still ends; what was acknowledged is
        # on disk by then.
        self._writer = threading.Thread(target=self._write_groups, name="responses", daemon=True)
        self._writer.start()

    async def get(self, key: str) -> StoredResponse | None:
        """The answer to the request `key`, if it has been paid for."""
        if self._is_closed:
            raise self._closed()
        try:
            with self._reading:
                row = self._reader.execute(GET, {"wanted": key}).first()
        except sa.exc.SQLAlchemyError as error:
            raise self._error(error) from None
        if row is None:
            return None
        try:
            return from_row(row)
        except (zlib.error, ValueError, TypeError, KeyError):
            raise StoreError(
                f"an answer in the response store {self.name} is damaged (key {key}); restore the "
                "file or move it away: its answers are asked again"
            ) from None

    async def put(self, response: StoredResponse, *, spend_id: str | None = None) -> None:
        """Store an answer and settle its reservation `spend_id`, in one transaction.

        An answer to the same request that another process stored meanwhile stays.
        """
        rows: list[_Row] = [("put", (response, self._now()))]
        if spend_id is not None:
            rows.append(("settle", {"spend_id": spend_id, "actual_usd": response.usd}))
        await self._write(*rows)

    async def reserve(self, spend_id: str, run_id: str, worst_usd: float) -> None:
        """Book the worst case of a call before it is sent."""
        row = {"id": spend_id, "run_id": run_id, "usd": worst_usd, "is_settled": False}
        await self._write(("reserve", {**row, "booked_at": self._now()}))

    async def settle(self, spend_id: str, actual_usd: float) -> None:
        """Replace a booked worst case by what the call has cost."""
        await self._write(("settle", {"spend_id": spend_id, "actual_usd": actual_usd}))

    def spent(self, run_id: str) -> float:
        """What a run has spent in US dollars, with the worst case of calls nobody settled."""
        try:
            with self._reading:
                return float(self._reader.execute(spent_by(run_id)).scalar_one())
        except sa.exc.SQLAlchemyError as error:
            raise self._error(error) from None

    def close(self) -> None:
        """Write what is queued and let go of the file; calling it again does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self._queue.put(None)
        self._writer.join()
        self._reader.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def _write(self, *rows: _Row) -> None:
        if self._is_closed:
            raise self._closed()
        loop = asyncio.get_running_loop()
        write = _Write(rows, loop, loop.create_future())
        self._queue.put(write)
        await write.done

    def _write_groups(self) -> None:
        connection = self._engine.connect()
        try:
            while (first := self._queue.get()) is not None:
                group = [first]
                is_last = False
                while len(group) < _LARGEST_GROUP and not self._queue.empty():
                    following = self._queue.get()
                    if following is None:
                        is_last = True
                        break
                    group.append(following)
                _acknowledge(group, self._commit(connection, group))
                if is_last:
                    return
        finally:
            connection.close()

    def _commit(self, connection: sa.Connection, group: list[_Write]) -> StoreError | None:
        # Reservations come first and settlements last: nobody settles in the group that reserves.
        rows: dict[_Kind, list[dict[str, Any]]] = {kind: [] for kind, _ in _ORDER}
        try:
            for write in group:
                for kind, row in write.rows:
                    # Packed here, beside the event loop and before the file is locked.
                    rows[kind].append(to_row(*row) if isinstance(row, tuple) else row)
            with connection.begin():
                for kind, statement in _ORDER:
                    if rows[kind]:
                        connection.execute(statement, rows[kind])
        except sa.exc.SQLAlchemyError as error:
            return self._error(error)
        except Exception as error:  # a bug of ours must not leave every caller waiting for ever
            return StoreError(f"the response store {self.name} could not be written: {error!r}")
        return None

    def _open(self, url: sa.URL) -> sa.Engine:
        if url.database and ":" not in url.database.split("/")[0]:
            try:
                Path(url.database).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"the folder of the response store {url.database} cannot be made: "
                    f"{error.strerror}; choose another lake"
                ) from None
        engine = sa.create_engine(url, connect_args={"timeout": _BUSY_S})
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
        for attempt in range(_OPEN_TRIES):
            try:
                self._make_tables(engine)
                return engine
            except sa.exc.SQLAlchemyError as error:
                # Switching a new file to WAL does not wait for other processes that do the same.
                if "locked" in str(error) and attempt < _OPEN_TRIES - 1:
                    time.sleep(_OPEN_PAUSE_S)
                    continue
                engine.dispose()
                raise self._error(error) from None
            except StoreError:
                engine.dispose()
                raise
        raise AssertionError("unreachable")

    def _make_tables(self, engine: sa.Engine) -> None:
        """Make what is missing, and prove by a write that the store can be written."""
        with engine.begin() as connection:
            METADATA.create_all(connection)
            found = connection.execute(
                sa.select(ABOUT.c.value).where(ABOUT.c.name == "version")
            ).scalar()
            if found is not None and found != str(VERSION):
                raise StoreError(
                    f"the response store {self.name} has version {found} and this docmill reads "
                    f"version {VERSION}; choose another lake or another docmill"
                )
            for name, value in (("version", str(VERSION)), ("opened_at", str(self._now()))):
                connection.execute(set_about(name, value))

    def _closed(self) -> StoreError:
        return StoreError(f"the response store {self.name} has been closed")

    def _error(self, error: sa.exc.SQLAlchemyError) -> StoreError:
        words = str(getattr(error, "orig", None) or error)
        for sign, what, remedy in (
            ("readonly", "is read-only", "make it writable or choose another lake"),
            ("not a database", "is not a SQLite database", "move it away or choose another lake"),
            ("malformed", "is damaged", "restore or move it away; its answers are asked again"),
            ("full", "is full", "free space on its disk and resume the run"),
            ("locked", "is locked by another process", "end that process and resume the run"),
            ("unable to open", "cannot be opened", "check its folder and your rights to it"),
        ):
            if sign in words:
                return StoreError(f"the response store {self.name} {what} ({words}); {remedy}")
        return StoreError(f"the response store {self.name} failed: {words}")


def _prepare(connection: Any, _record: object) -> None:
    # Transactions are ours to begin (see `_begin`); the driver would begin them too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        # IMMEDIATE waits for other writers at once; a deferred one can fail half-way instead.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _acknowledge(group: list[_Write], error: StoreError | None) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for write in group:
        by_loop.setdefault(write.loop, []).append(write.done)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, futures, error)
        except RuntimeError:  # the loop was closed meanwhile: nobody waits there
            continue


def _resolve(futures: list[asyncio.Future[None]], error: StoreError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(StoreError(*error.args))
