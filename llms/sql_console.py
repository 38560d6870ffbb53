"""What does a SELECT over in-memory tables answer? DuckDB, locked: no files, network or writes."""

import contextlib
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Self, cast

from llms.child_processes import start_child
from llms.failures import CatalogError
from llms.sql_messages import decoded, receive, send

if TYPE_CHECKING:
    # Not at run time: the process is to start before anything else is imported.
    from llms.catalog import Column

TIMEOUT_S = 10.0
MEMORY_MB = 256
MAX_ROWS = 10_000
"""Rows that are handed out at most; a table that long is a mistake, not an answer."""

MAX_SQL_CHARS = 1_000_000
_START_S = 60.0
_GRACE_S = 1.0
"""What an interrupted query may take until its process is ended."""

# What a library needs to be found and to work; keys and tokens stay outside.
_ENVIRONMENT = ("PATH", "TZ", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PYTHONHOME")


class QueryError(CatalogError):
    """A query is not a single SELECT, is wrong, or took too long; one sentence says which."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows a query found.

    Attributes:
        columns: Names, made unique by a number where the query repeats one.
        rows: Tuples of Python values, in the order of the query; null is `None`.
        is_cut: There were more than `MAX_ROWS` rows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table to put into a console.

    Attributes:
        name: Its name in SQL.
        columns: Names and DuckDB types.
        rows: Tuples in the order of the columns; of texts, numbers, claims, days and nulls.
        source: A SELECT that finds further rows, by name of column, run before the database is
            locked: ours, never a user's.
    """

    name: str
    columns: "tuple[Column, ...]"
    rows: Sequence[tuple[Any, ...]] = ()
    source: str = ""


class Console:
    """A DuckDB database in memory that answers SELECTs and nothing else.

    It lives in a process of its own. Files, network, extensions and settings are locked by DuckDB
    itself, each query runs in a read-only transaction, and one that is still running after
    `timeout_s` is interrupted; where that does not help, or where the system refuses it memory,
    the process ends and the next query gets a new one. One query at a time; close it, or use it in
    a `with` statement.
    """

    def __init__(
        self,
        tables: Callable[[], Sequence[Table]],
        *,
        timeout_s: float = TIMEOUT_S,
        memory_mb: int = MEMORY_MB,
    ) -> None:
        """Start the process; `tables` is called once, while it starts.

        Raises:
            QueryError: The process cannot be started, or a table not be filled.
        """
        self._timeout_s, self._memory_mb = timeout_s, memory_mb
        self._process = _started()
        try:
            self._tables = [_message(table) for table in tables()]
            self._fill()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not sent yet need not be
                    pipe.close()

    def query(self, sql: str) -> Answer:
        """Run one SELECT (also WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE).

        Raises:
            QueryError: The text is not one such statement, DuckDB does not accept it, or it ran
                into the limit of time or memory.
        """
        if len(sql) > MAX_SQL_CHARS:
            raise QueryError(f"SQL: {len(sql):,} characters are too many; give a shorter query")
        try:
            sql.encode()
        except UnicodeEncodeError:
            raise QueryError("SQL: the query is not text in UTF-8") from None
        if self._process.poll() is not None:
            self.close()
            self._process = _started()
            self._fill()
        query = {"sql": sql, "timeout_s": self._timeout_s, "max_rows": MAX_ROWS}
        answer = self._asked(query, self._timeout_s + _GRACE_S)
        if answer is None:
            raise QueryError("SQL: the query needs too much memory; narrow it down")
        if "failed" in answer:
            raise QueryError(f"SQL: {answer['failed']}")
        rows = tuple(tuple(decoded(cell) for cell in row) for row in answer["rows"])
        return Answer(tuple(answer["columns"]), rows, is_cut=answer["is_cut"])

    def _fill(self) -> None:
        answer = self._asked({"tables": self._tables, "memory_mb": self._memory_mb}, _START_S)
        if answer is None or "failed" in answer:
            why = "its process ended" if answer is None else answer["failed"]
            raise QueryError(f"SQL: the tables cannot be made: {why}")

    def _asked(self, message: object, patience_s: float) -> dict[str, Any] | None:
        """The process's answer; null if it ended, or was ended for taking too long."""
        process = self._process
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(patience_s, end)
        timer.daemon = True
        timer.start()
        try:
            send(cast(IO[bytes], process.stdin), message)
            answer: dict[str, Any] = receive(cast(IO[bytes], process.stdout))
        except (EOFError, OSError, ValueError):
            process.kill()
            process.wait()
            if late.is_set():
                return {"failed": f"stopped after {self._timeout_s:g} s; narrow the query down"}
            return None
        finally:
            timer.cancel()
        if answer.get("is_over"):
            process.kill()
            process.wait()
        return answer


def _started() -> "subprocess.Popen[bytes]":
    """A worker process, not yet ready."""
    try:
        return start_child(
            "llms.sql_worker",
            pipes=subprocess.PIPE,
            errors=subprocess.DEVNULL,
            keeping=_ENVIRONMENT,
            settings={"MALLOC_ARENA_MAX": "2"},
        )
    except OSError as error:
        raise QueryError(f"SQL: the console's process cannot be started: {error}") from None


def _message(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "columns": [[column.name, column.type] for column in table.columns],
        "rows": [
            [None if v is None else v if isinstance(v, _JSON) else str(v) for v in row]
            for row in table.rows
        ],
        "source": table.source,
    }


_JSON = (bool, int, float, str)
