"""What runs in the process of an SQL console: DuckDB, locked, and bounded by the system.

DuckDB's own limits are not enough: texts and lists inside an expression escape its limit of
memory, and one call of a function such as `lpad` or `levenshtein` cannot be interrupted. So a
console has a process of its own, which the system refuses memory and which its parent can end.

Hardly anything of ours is imported here: the process is to be ready by the time its tables are.
"""

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

import duckdb

from llms.sql_messages import encoded, receive, send

RESERVE = 512 << 20
"""Address space beyond DuckDB's limit of memory, in bytes: stacks, arenas, rows on their way."""

_ALARM_S = 3.0
"""Time after the limit at which the system ends a process that no parent has ended."""

_KIND = re.compile(r"^[A-Z]\w*(?: \w+){0,3} Error: ")
"""DuckDB's name for the kind of an error, which says nothing that the sentence does not."""

_CLOSED = "files, network and extensions are closed here; query the tables of aa tables"
_TOO_BIG = "the query needs too much memory; narrow it down"


class _QueryFailed(Exception):
    """A query has no answer; one sentence says why."""


def serve() -> None:
    """Build the tables that come on standard input, then answer queries until it is closed."""
    queries, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # Whatever prints, prints elsewhere than among the answers.
    os.dup2(2, 1)
    task = receive(queries)
    try:
        database = _opened(task["tables"], task["memory_mb"])
    except duckdb.Error as error:
        send(answers, {"failed": _sentence(error)})
        return
    _limit_memory(task["memory_mb"] << 20)
    send(answers, {"ready": True})
    while True:
        try:
            query = receive(queries)
        except EOFError:
            return
        is_sound = _answer(database, query, answers)
        if not is_sound:
            return


def _answer(database: Any, query: dict[str, Any], answers: IO[bytes]) -> bool:
    """Send the answer to a query; false if the database can no longer be relied on."""
    timeout_s = query["timeout_s"]
    if hasattr(signal, "setitimer"):
        # A parent that was killed cannot end us: the system does, since SIGALRM has no handler.
        signal.setitimer(signal.ITIMER_REAL, timeout_s + _ALARM_S)
    timer = threading.Timer(timeout_s, database.interrupt)
    timer.daemon = True
    timer.start()
    try:
        send(answers, _found(database, query["sql"], query["max_rows"]))
    except duckdb.InterruptException:
        send(answers, {"failed": f"stopped after {timeout_s:g} s; narrow the query down"})
    except (duckdb.OutOfMemoryException, MemoryError):
        send(answers, {"failed": _TOO_BIG, "is_over": True})
        return False
    except (duckdb.FatalException, duckdb.InternalException) as error:
        send(answers, {"failed": _sentence(error), "is_over": True})
        return False
    except Exception as error:
        # Also what is not DuckDB's: a value that Python has no type for is the query's fault.
        send(answers, {"failed": _sentence(error)})
    finally:
        timer.cancel()
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
    return True


def _opened(tables: Sequence[dict[str, Any]], memory_mb: int) -> Any:
    database = duckdb.connect(
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
        _create(database, table)
    # Python variables must not be reachable as tables.
    database.execute("SET python_enable_replacements = false")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def _create(database: Any, table: dict[str, Any]) -> None:
    name = f'"{table["name"]}"'
    columns = dict(table["columns"])
    described = ", ".join(f'"{column}" {kind}' for column, kind in columns.items())
    database.execute(f"CREATE TABLE {name} ({described})")
    if table["source"]:
        database.execute(f"INSERT INTO {name} BY NAME {table['source']}")
    if table["rows"]:
        # As one JSON text: a parameter per cell takes twenty times as long.
        rows = json.dumps([dict(zip(columns, row, strict=True)) for row in table["rows"]])
        shape = json.dumps([columns])
        database.execute(
            f"INSERT INTO {name} SELECT unnest(from_json(?, ?), recursive := true)", [rows, shape]
        )


def _found(database: Any, sql: str, max_rows: int) -> dict[str, Any]:
    statement = _single_select(database, sql)
    database.execute("BEGIN TRANSACTION READ ONLY")
    try:
        result = database.execute(statement)
        columns = _unique([str(entry[0]) for entry in result.description or ()])
        rows = result.fetchmany(max_rows + 1)
    finally:
        database.execute("ROLLBACK")
    return {
        "columns": columns,
        "rows": [[encoded(cell) for cell in row] for row in rows[:max_rows]],
        "is_cut": len(rows) > max_rows,
    }


def _single_select(database: Any, sql: str) -> Any:
    statements = database.extract_statements(sql)
    if not statements:
        raise _QueryFailed("the query is empty; try SELECT * FROM llms LIMIT 5")
    if len(statements) > 1:
        raise _QueryFailed(f"found {len(statements)} statements; give one SELECT")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = statements[0].type.name
        raise _QueryFailed(f"only SELECT is allowed here, found {kind}; nothing was run")
    return statements[0]


def _unique(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        number, candidate = 1, name
        while candidate in found:
            number += 1
            candidate = f"{name}_{number}"
        found.append(candidate)
    return found


def _sentence(error: Exception) -> str:
    """DuckDB's message on one line, with its hint, without the excerpt of the query below it."""
    text = str(error).split("\nLINE ")[0]
    if "file system operations are disabled" in text or "exists in the" in text:
        return _CLOSED
    if "read-only mode" in text:
        return "the tables are read only; give a SELECT without INSERT, UPDATE or DELETE"
    # Candidate functions come as a list that fills a screen.
    words = text.split("\n\tCandidate functions")[0].split()
    return _KIND.sub("", " ".join(words))


def _limit_memory(allowed: int) -> None:
    """Cap the address space, counted from what is mapped before any query."""
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    limit = mapped + RESERVE + allowed
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
