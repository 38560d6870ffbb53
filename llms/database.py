"""How is the shared database reached? SQLite or PostgreSQL, and one sentence for what fails."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from llms.failures import StoreError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

HINT = "sqlite:///path/to/responses.db or postgresql://user:password@host/database"

_BUSY_S = 30.0
_OPEN_TRIES = 20
_OPEN_PAUSE_S = 0.1
_CONNECT_S = 10.0

_ONE_WRITER = sa.text(
    "SELECT pg_advisory_xact_lock(7236832946), extract(epoch FROM clock_timestamp())"
)
"""One writer at a time, as in SQLite, so that what is proved of one holds for both; the number is
arbitrary, but the same for every docmill. The clock is the server's: those of machines differ."""

_SQLITE_SIGNS = (
    ("readonly", "is read-only", "make it writable or choose another lake"),
    ("not a database", "is not a SQLite database", "move it away or choose another lake"),
    ("malformed", "is damaged", "restore or move it away; its answers are asked again"),
    ("full", "is full", "free space on its disk and resume the run"),
    ("locked", "is locked by another process", "end that process and resume the run"),
    ("unable to open", "cannot be opened", "check its folder and your rights to it"),
    ("disk I/O", "cannot be read or written", "check its disk and resume the run"),
)

_POSTGRES_CODES = (
    ("25006", "is read-only", "let the user write to it"),
    ("42501", "may not be used so", "give the user the right to make and write tables in it"),
    ("28", "rejects the user", "check user and password in the URL"),
    ("3D", "does not exist", "make it with `createdb` or correct the URL"),
    ("53100", "is full", "free space on the server's disk and resume the run"),
    ("53300", "has too many connections", "raise max_connections or run fewer processes"),
    ("55P03", "is locked by another process", "end that process and resume the run"),
    ("57", "was stopped or cut the connection", "start it and resume the run"),
    ("08", "cannot be reached", "check that it runs, and host and port in its URL"),
    ("XX", "is damaged", "restore it; what is lost is asked again"),
)
"""Beginnings of SQLSTATE codes."""

T = TypeVar("T")


class Session(Protocol):
    """One connection; used by one thread only."""

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        """Do something with the connection, here and now."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class Database:
    """The database behind a URL. Nothing is opened before the first session.

    Args:
        url: An SQLAlchemy URL of SQLite or PostgreSQL.
        now: Seconds since the epoch, for SQLite; PostgreSQL has a clock of its own.

    Raises:
        StoreError: The URL is of neither.
    """

    def __init__(self, url: str, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        try:
            parsed = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):  # the latter of a port that is no number
            raise StoreError(f"the URL of the response store is not one; write {HINT}") from None
        if "@" in (parsed.host or ""):
            raise StoreError(
                "the URL of the response store has more than one @; write the one in a user name "
                "or password as %40"
            )
        # Options may hold secrets as well.
        self.shown = parsed.set(query={}).render_as_string(hide_password=True)
        self.backend = parsed.get_backend_name()
        if self.backend not in ("sqlite", "postgresql") or not parsed.database:
            raise StoreError(
                f"the response store cannot be at {self.shown}: it is SQLite or PostgreSQL, "
                f"written {HINT}"
            )
        self.is_sqlite = self.backend == "sqlite"
        self.name = parsed.database if self.is_sqlite else self.shown
        self._url = parsed.set(drivername="sqlite") if self.is_sqlite else _asyncpg_url(parsed)

    @property
    def folder(self) -> Path | None:
        """Where the file of a SQLite database lies; None for a server or a `file:` URI."""
        path = self._url.database or ""
        is_file = self.is_sqlite and ":" not in path.split("/")[0]
        return Path(path).parent if is_file else None

    def session(self, *, is_reader: bool = False) -> Session:
        """Connect, from the thread that will use the connection.

        Args:
            is_reader: Statements stand alone, outside of any transaction.

        Raises:
            StoreError: There is no connecting.
        """
        try:
            return (_SqliteSession if self.is_sqlite else _PostgresSession)(self._url, is_reader)
        except Exception as error:  # the driver raises what it likes where a server is not there
            raise self.error(error) from None

    @contextmanager
    def writing(self, connection: sa.Connection, *, is_durable: bool = True) -> Iterator[float]:
        """A transaction that no other writer shares; yields the time, in seconds.

        One that is not durable survives every kill, but a power cut may undo it. It does not wait
        for the disk.
        """
        if self.is_sqlite:
            _set_durable(connection, is_durable)
        with connection.begin():
            if self.is_sqlite:
                yield self._now()
            else:
                if not is_durable:
                    connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                yield float(connection.execute(_ONE_WRITER).one()[1])

    def error(self, error: Exception) -> StoreError:
        """What failed, in a sentence without the password."""
        if isinstance(error, StoreError):
            return error
        cause = getattr(error, "orig", None) or error
        words = " ".join(str(cause).split()) or type(cause).__name__
        if self.is_sqlite:
            found = [(what, mend) for sign, what, mend in _SQLITE_SIGNS if sign in words]
        else:
            code = _sqlstate(cause)
            found = [(what, mend) for sign, what, mend in _POSTGRES_CODES if code.startswith(sign)]
            words = words.rpartition(">: ")[2]
        if isinstance(cause, TypeError | ValueError) and not self.is_sqlite:
            found = [
                ("has options that cannot be used", "correct or leave out what follows ? in it")
            ]
        if found:
            what, remedy = found[0]
            return StoreError(f"the response store {self.name} {what} ({words}); {remedy}")
        return StoreError(f"the response store {self.name} failed: {words}")


def _asyncpg_url(url: sa.URL) -> sa.URL:
    """The URL as asyncpg reads it, which calls `ssl` what all others call `sslmode`."""
    options = {"ssl" if name == "sslmode" else name: value for name, value in url.query.items()}
    return url.set(drivername="postgresql+asyncpg", query=options)


class _SqliteSession:
    """SQLite in WAL mode, so that readers never wait, with `synchronous=FULL` wherever it counts:
    an answer that was paid for survives not only `kill -9` but also a power cut.
    """

    def __init__(self, url: sa.URL, is_reader: bool) -> None:
        self._engine = sa.create_engine(
            url,
            poolclass=NullPool,
            connect_args={"timeout": _BUSY_S, "check_same_thread": False},
        )
        sa.event.listen(self._engine, "connect", _prepare_sqlite)
        sa.event.listen(self._engine, "begin", _begin_sqlite)
        self._connection = self._connect()
        if is_reader:
            self._connection.execution_options(isolation_level="AUTOCOMMIT")

    def _connect(self) -> sa.Connection:
        for _ in range(_OPEN_TRIES - 1):
            try:
                return self._engine.connect()
            except sa.exc.OperationalError as error:
                # Switching a new file to WAL does not wait for other processes that do the same.
                if "locked" not in str(error):
                    raise
                time.sleep(_OPEN_PAUSE_S)
        return self._engine.connect()

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        return work(self._connection)

    def close(self) -> None:
        self._connection.close()
        self._engine.dispose()


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # Transactions are ours to begin (see `_begin_sqlite`); the driver would begin them too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _set_durable(connection: sa.Connection, is_durable: bool) -> None:
    # By the driver's own connection: a statement of SQLAlchemy's would begin a transaction.
    if connection.info.get("is_durable", True) is not is_durable:
        raw: Any = connection.connection.driver_connection
        raw.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")
        connection.info["is_durable"] = is_durable


def _begin_sqlite(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        # IMMEDIATE waits for other writers at once; a deferred one can fail half-way instead.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


class _PostgresSession:
    """PostgreSQL through asyncpg, which comes with Prefect, on an event loop of the thread's own:
    to its caller it is as synchronous as SQLite.
    """

    def __init__(self, url: sa.URL, is_reader: bool) -> None:
        # Imported here: every process pays for it, and few have PostgreSQL.
        from sqlalchemy.ext.asyncio import create_async_engine

        self._loop = asyncio.new_event_loop()
        settings = {
            "application_name": "docmill",
            "lock_timeout": f"{_BUSY_S:.0f}s",
            # A process that is stopped in the middle of a transaction must not hold up all others.
            "idle_in_transaction_session_timeout": f"{_BUSY_S:.0f}s",
        }
        self._engine: AsyncEngine = create_async_engine(
            url,
            poolclass=NullPool,
            connect_args={"timeout": _CONNECT_S, "server_settings": settings},
        )
        try:
            self._connection: AsyncConnection = self._loop.run_until_complete(self._connect())
            if is_reader:
                self._loop.run_until_complete(
                    self._connection.execution_options(isolation_level="AUTOCOMMIT")
                )
        except BaseException:
            self._loop.close()
            raise

    async def _connect(self) -> "AsyncConnection":
        return await self._engine.connect()

    def run(self, work: Callable[[sa.Connection], T]) -> T:
        return self._loop.run_until_complete(self._connection.run_sync(work))

    def close(self) -> None:
        try:
            self._loop.run_until_complete(self._connection.close())
            self._loop.run_until_complete(self._engine.dispose())
        finally:
            self._loop.close()


def _sqlstate(cause: BaseException) -> str:
    if isinstance(cause, OSError | TimeoutError):
        return "08000"
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")
