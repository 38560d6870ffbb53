"""How are questions put to the records of a run: SQL that can read these tables and nothing else.

Three locks, because one is not enough: DuckDB may touch no file, no network and no setting of its
own; only one SELECT is accepted; and it runs in a read-only transaction, since a SELECT can carry a
`WITH x AS (DELETE ...)`.
"""

import json
import tempfile
import threading
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, Self

import pyarrow as pa

if TYPE_CHECKING:
    # At run time it is imported where it is used: Prefect keeps flows, and so the globals of the
    # modules they reach, alive past the interpreter's end, and DuckDB then complains of each of
    # its objects that it finds there.
    import duckdb

Kind = Literal["number", "text", "date", "bool"]

MAX_ROWS = 500
"""Rows of one result that are kept; the rest is counted."""

_SIZES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_INTEGERS = frozenset([*_SIZES, *(f"U{size}" for size in _SIZES)])
_FETCH = 1000


class RecordSqlError(Exception):
    """A question to the records cannot be answered; the message is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a result: its name, what its cells are, and whether they are whole numbers."""

    name: str
    kind: Kind
    is_integer: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a question.

    Attributes:
        columns: The columns, in order.
        rows: At most the rows asked for; cells are exact text, null where the cell is null.
        total_rows: Rows of the whole result.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    total_rows: int


class RecordSql:
    """A DuckDB in memory that is filled, then locked, then asked.

    It runs on one thread, so that sums of floats and the order of unordered results come out alike
    every time. Not for use by several threads at once.
    """

    def __init__(self, *, memory_mb: int = 1024, timeout_s: float = 30) -> None:
        """Open an empty database; a query may use `memory_mb` MiB and `timeout_s` seconds."""
        self._timeout_s = timeout_s
        self._spill = tempfile.TemporaryDirectory(prefix="docmill-sql-")
        import duckdb

        self._db = duckdb.connect(":memory:", config={"threads": 1})
        for name, value in {
            "memory_limit": f"{memory_mb}MiB",
            "temp_directory": self._spill.name,
            "max_temp_directory_size": "8GiB",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "TimeZone": "UTC",
        }.items():
            self._db.execute(f"SET {name} = '{value}'")
        # Compressed, a million rows of models and statuses take a few MiB.
        self._db.execute("ATTACH ':memory:' AS run (COMPRESS)")
        self._db.execute("USE run")
        self._is_locked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory and the spill files."""
        self._db.close()
        self._spill.cleanup()

    def fill(self, statement: str, batch: pa.Table | None = None) -> None:
        """Run a statement of ours before the lock; it may read `batch` under that name."""
        if self._is_locked:
            raise RecordSqlError("the tables are locked and take no more rows")
        if batch is not None:
            self._db.register("batch", batch)
        try:
            self._db.execute(statement)
        finally:
            if batch is not None:
                self._db.unregister("batch")

    def lock(self) -> None:
        """From here on: SELECT only, no files, no network, no settings."""
        self._db.execute("FORCE CHECKPOINT run")
        self._db.execute("SET enable_external_access = false")
        self._db.execute("SET lock_configuration = true")
        self._is_locked = True

    def query(self, sql: str, *, max_rows: int = MAX_ROWS) -> Result:
        """Answer one SELECT.

        A result without an ORDER BY of its own is put in the order of its columns. Raises
        `RecordSqlError` when the SQL is not a single SELECT, fails, or exceeds memory or time.
        """
        import duckdb

        if not self._is_locked:
            raise RecordSqlError("the tables are still being filled; lock them before asking")
        ordered = self._ordered(self._single_select(sql))
        timer = threading.Timer(self._timeout_s, self._db.interrupt)
        timer.daemon = True
        timer.start()
        try:
            self._db.execute("BEGIN TRANSACTION READ ONLY")
            return self._fetch(self._db.execute(ordered), max_rows)
        except duckdb.InterruptException:
            raise RecordSqlError(
                f"took longer than {self._timeout_s:g} s and was stopped; "
                "ask for less or raise analysis.timeout_s"
            ) from None
        except duckdb.OutOfMemoryException:
            raise RecordSqlError(
                "needs more memory than it may use; ask for less or raise analysis.memory_mb"
            ) from None
        except duckdb.Error as error:
            raise RecordSqlError(_sentence(error)) from None
        finally:
            timer.cancel()
            self._rollback()

    def _rollback(self) -> None:
        import duckdb

        try:
            self._db.execute("ROLLBACK")
        except duckdb.TransactionException:
            # The failed statement was BEGIN itself, or DuckDB has ended the transaction.
            return

    def _single_select(self, sql: str) -> str:
        import duckdb

        try:
            statements = self._db.extract_statements(sql)
        except duckdb.Error as error:
            raise RecordSqlError(_sentence(error)) from None
        if len(statements) != 1:
            raise RecordSqlError(f"must be one SELECT, but holds {len(statements)} statements")
        if statements[0].type != duckdb.StatementType.SELECT:
            raise RecordSqlError(f"must be a SELECT, but is a {statements[0].type.name}")
        return str(statements[0].query).strip().rstrip(";")

    def _ordered(self, select: str) -> str:
        found = self._db.execute("SELECT json_serialize_sql(?)", [select]).fetchone()
        tree: dict[str, Any] = json.loads(found[0]) if found else {}
        nodes = [s["node"] for s in tree.get("statements", [])]
        modifiers = {m["type"] for node in nodes for m in node.get("modifiers", [])}
        if not nodes or "ORDER_MODIFIER" in modifiers:
            return select
        return f"SELECT * FROM (\n{select}\n) ORDER BY ALL"  # noqa: S608 - locked, see above

    def _fetch(self, cursor: "duckdb.DuckDBPyConnection", max_rows: int) -> Result:
        columns = tuple(_column(name, str(kind)) for name, kind, *_ in cursor.description or [])
        kept: list[tuple[str | None, ...]] = []
        total = 0
        while rows := cursor.fetchmany(_FETCH):
            total += len(rows)
            room = max(0, max_rows - len(kept))
            kept += [tuple(_text(cell) for cell in row) for row in rows[:room]]
        return Result(columns, tuple(kept), total)


def quoted(name: str) -> str:
    """`name` as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def _column(name: str, declared: str) -> Column:
    if declared in _INTEGERS:
        return Column(name, "number", is_integer=True)
    if declared.startswith("DECIMAL") and "[" not in declared:
        return Column(name, "number")
    if declared in ("DOUBLE", "FLOAT"):
        return Column(name, "number")
    if declared == "BOOLEAN":
        return Column(name, "bool")
    if declared == "DATE" or (declared.startswith("TIMESTAMP") and "[" not in declared):
        return Column(name, "date")
    return Column(name, "text")


def _text(cell: object) -> str | None:
    """A cell as exact text: decimals keep every digit, times are ISO 8601, lists are JSON."""
    match cell:
        case None:
            return None
        case bool():
            return "true" if cell else "false"
        case Decimal():
            return format(cell, "f")
        case float():
            return repr(cell)
        case datetime() | date() | time():
            return cell.isoformat()
        case list() | tuple() | dict():
            return json.dumps(cell, ensure_ascii=False, default=_text)
        case _:
            return str(cell)


def _sentence(error: Exception) -> str:
    """DuckDB's words without its drawing of the query, on one line."""
    words = str(error).split("\n\nLINE ")[0].split("\n\nPossible solutions")[0]
    return " ".join(words.split())
