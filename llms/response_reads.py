"""How are answers looked up? Where they are asked for, or in groups over the network."""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from llms.database import Database
from llms.failures import StoreError
from llms.lanes import Lane
from llms.response_tables import GET, RESPONSES

_IS_THERE = "SELECT 1 FROM responses WHERE key = ?"

T = TypeVar("T")


class Reads(Protocol):
    """A way to read the store; every method raises `StoreError` when that fails."""

    async def ask(self, item: str) -> Any:
        """The row of the answer to the request with this key, or None."""
        ...

    def call(self, work: Callable[[sa.Connection], T]) -> T:
        """Read something with the connection, and wait for it."""
        ...

    def close(self) -> None:
        """Let go of the connection."""
        ...


def open_reads(database: Database) -> Reads:
    """The right way for a database: a look-up in SQLite is done before a thread would wake up."""
    if database.is_sqlite:
        return _ReadsHere(database)
    return Lane(database, "responses-read", _rows, is_reader=True)


class _ReadsHere:
    """Reads in the thread that asks, one at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._session = database.session(is_reader=True)
        self._lock = threading.Lock()
        self._is_closed = False

    async def ask(self, item: str) -> Any:
        return self.call(lambda connection: _row(connection, item))

    def call(self, work: Callable[[sa.Connection], T]) -> T:
        with self._lock:
            if self._is_closed:
                raise StoreError(f"the response store {self._database.name} has been closed")
            try:
                return self._session.run(work)
            except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
                raise self._database.error(error) from None

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._session.close()


def _row(connection: sa.Connection, key: str) -> Any:
    # Most requests are new, to each of the models that may answer. The driver says so in a tenth
    # of the time that a statement of SQLAlchemy's takes.
    driver: Any = connection.connection.driver_connection
    if driver.execute(_IS_THERE, (key,)).fetchone() is None:
        return None
    return connection.execute(GET, {"wanted": key}).first()


def _rows(connection: sa.Connection, keys: Sequence[str]) -> list[Any]:
    rows = connection.execute(sa.select(RESPONSES).where(RESPONSES.c.key.in_(list(keys))))
    found = {row.key: row for row in rows}
    return [found.get(key) for key in keys]
