"""What does a SELECT over in-memory tables answer? DuckDB, locked: no files, network or writes."""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from llms.catalog import COLUMNS, Catalog, Column
from llms.failures import CatalogError

if TYPE_CHECKING:
    import duckdb

TIMEOUT_S = 10.0
MEMORY_MB = 256
MAX_ROWS = 10_000
"""Rows that are handed out at most; a table that long is a mistake, not an answer."""


_KIND = re.compile(r"^(?:[A-Z]\w* ){1,3}Error: ")
"""DuckDB's name for the kind of an error, which says nothing that the sentence does not."""


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
    """A table to put into a console: its name, columns and rows (tuples in that order)."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Any, ...]]


class Console:
    """A DuckDB database in memory that answers SELECTs and nothing else.

    Files, network, extensions and settings are locked by DuckDB itself, each query runs in a
    read-only transaction, and one that is still running after `timeout_s` is interrupted.
    One query at a time; close it, or use it in a `with` statement.
    """

    def __init__(
        self, tables: Sequence[Table], *, timeout_s: float = TIMEOUT_S, memory_mb: int = MEMORY_MB
    ) -> None:
        """Create the tables, then lock the database."""
        # Imported here: it takes longer than all that is done without a query.
        import duckdb

        self._timeout_s = timeout_s
        self._database = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": f"{memory_mb}MiB",
                "threads": "1",
                "temp_directory": "",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "allow_community_extensions": "false",
            },
        )
        for table in tables:
            _create(self._database, table)
        # Python variables must not be reachable as tables.
        self._database.execute("SET python_enable_replacements = false")
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")

    @classmethod
    def over(cls, catalog: Catalog, *, timeout_s: float = TIMEOUT_S) -> Self:
        """A console over a catalog, as the table `llms`."""
        names = [column.name for column in COLUMNS]
        rows = [tuple(getattr(model, name) for name in names) for model in catalog.models]
        return cls([Table("llms", COLUMNS, rows)], timeout_s=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the database back."""
        self._database.close()

    def query(self, sql: str) -> Answer:
        """Run one SELECT (also WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE).

        Raises:
            QueryError: The text is not one such statement, DuckDB does not accept it, or it ran
                into the limit of time or memory.
        """
        import duckdb

        statement = self._single_select(sql)
        timer = threading.Timer(self._timeout_s, self._database.interrupt)
        timer.daemon = True
        self._database.execute("BEGIN TRANSACTION READ ONLY")
        timer.start()
        try:
            result = self._database.execute(statement)
            columns = _unique([str(entry[0]) for entry in result.description or ()])
            rows = result.fetchmany(MAX_ROWS + 1)
        except duckdb.InterruptException:
            raise QueryError(
                f"SQL: stopped after {self._timeout_s:g} s; narrow the query down"
            ) from None
        except duckdb.OutOfMemoryException:
            raise QueryError("SQL: the query needs too much memory; narrow it down") from None
        except duckdb.Error as error:
            raise QueryError(_sentence(error)) from None
        finally:
            timer.cancel()
            self._database.execute("ROLLBACK")
        return Answer(columns, tuple(rows[:MAX_ROWS]), is_cut=len(rows) > MAX_ROWS)

    def _single_select(self, sql: str) -> "duckdb.Statement":
        import duckdb

        try:
            statements = self._database.extract_statements(sql)
        except duckdb.Error as error:
            raise QueryError(_sentence(error)) from None
        if not statements:
            raise QueryError("SQL: the query is empty; try SELECT * FROM llms LIMIT 5")
        if len(statements) > 1:
            raise QueryError(f"SQL: found {len(statements)} statements; give one SELECT")
        if statements[0].type != duckdb.StatementType.SELECT:
            kind = statements[0].type.name
            raise QueryError(f"SQL: only SELECT is allowed here, found {kind}; nothing was run")
        return statements[0]


def _create(database: "duckdb.DuckDBPyConnection", table: Table) -> None:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
    database.execute(f'CREATE TABLE "{table.name}" ({columns})')
    if not table.rows:
        return
    # One statement for all rows: executemany takes a round trip per row.
    row = f"({', '.join('?' * len(table.columns))})"
    values = ", ".join([row] * len(table.rows))
    flat = [value for entry in table.rows for value in entry]
    database.execute(f'INSERT INTO "{table.name}" VALUES {values}', flat)  # noqa: S608 our names


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in found:
            number += 1
            candidate = f"{name}_{number}"
        found.append(candidate)
    return tuple(found)


def _sentence(error: Exception) -> str:
    """DuckDB's message on one line, with its hint, without the excerpt of the query below it."""
    text = str(error).split("\nLINE ")[0]
    if "file system operations are disabled" in text or "exists in the" in text:
        return "SQL: files, network and extensions are closed here; query the tables of aa tables"
    if "read-only mode" in text:
        return "SQL: the tables are read only; give a SELECT without INSERT, UPDATE or DELETE"
    # Candidate functions come as a list that fills a screen.
    words = text.split("\n\tCandidate functions")[0].split()
    return "SQL: " + _KIND.sub("", " ".join(words))
