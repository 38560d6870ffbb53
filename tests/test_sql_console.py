"""The console answers SELECTs over the catalog and nothing else."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.catalog import Column, load_catalog
from llms.sql_console import MAX_ROWS, MAX_SQL_CHARS, Console, QueryError, Table
from llms.sql_messages import decoded, encoded
from tasks.catalog_sql import llms_table

SECRET = "not for the console"


def console_over_llms(timeout_s: float = 10.0) -> Console:
    return Console(lambda: [llms_table(load_catalog())], timeout_s=timeout_s)


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with console_over_llms() as opened:
        yield opened


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "secret.csv"
    path.write_text(SECRET)
    return path


def test_unknown_figures_are_null(console: Console) -> None:
    sql = "SELECT tps, coding FROM llms WHERE slug = 'claude-sonnet-5-non-reasoning'"

    assert console.query(sql).rows == ((None, 66.4),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "WITH best AS (SELECT max(intelligence) AS m FROM llms) SELECT m FROM best",
        "FROM llms SELECT count(*)",
        "VALUES (1)",
        "DESCRIBE llms",
        "SHOW TABLES",
        "SUMMARIZE llms",
        "SELECT 1; -- the end",
        "SELECT\n  name\nFROM llms\nLIMIT 1",
    ],
)
def test_any_single_select_is_answered(console: Console, sql: str) -> None:
    assert console.query(sql).rows


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM read_blob('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM read_parquet('https://example.com/a.parquet')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM sniff_csv('{file}')",
        "SELECT * FROM query('COPY llms TO ''{file}''')",
        "SELECT * FROM duckdb_secrets()",
        "COPY llms TO '{file}'",
        "COPY (SELECT 1) TO '{file}'",
        "ATTACH '{file}' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "RESET memory_limit",
        "CALL pragma_version()",
        "EXPORT DATABASE '{file}'",
        "IMPORT DATABASE '{file}'",
        "CREATE TABLE t (a INT)",
        "DROP TABLE llms",
        "INSERT INTO llms (slug) VALUES ('x')",
        "DELETE FROM llms",
        "UPDATE llms SET price = 0",
        "WITH w AS (DELETE FROM llms RETURNING *) SELECT * FROM w",
        "WITH w AS (INSERT INTO llms (slug) VALUES ('x') RETURNING *) SELECT * FROM w",
        "BEGIN",
        "COMMIT",
        "CHECKPOINT",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE llms",
        "COMMIT; DELETE FROM llms",
        "EXECUTE something",
        "PREPARE p AS SELECT 1",
        "VACUUM",
        "USE memory",
        "SELECT getenv('HOME')",
        "SELECT * FROM file",
        "SELECT * FROM query_table('{file}')",
        "SELECT content FROM read_text('/proc/self/environ')",
        "PIVOT llms ON creator USING count(*)",
        "SELECT 'lone surrogate: \udcff'",
        "",
        "-- nothing",
    ],
)
def test_whatever_is_more_than_a_select_is_refused_in_a_sentence(
    console: Console, file: Path, sql: str
) -> None:
    with pytest.raises(QueryError) as caught:
        console.query(sql.format(file=file))

    assert "\n" not in str(caught.value)
    assert file.read_text() == SECRET
    assert console.query("SELECT count(*), sum(price) > 0 FROM llms").rows == ((89, True),)


@given(st.text(max_size=60))
def test_no_text_breaks_the_console(console: Console, text: str) -> None:
    with contextlib.suppress(QueryError):
        console.query(text)

    assert console.query("SELECT count(*) FROM llms").rows == ((89,),)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT intelligance FROM llms", '"intelligence"'),
        ("SELECT * FROM lms", 'Did you mean "llms"?'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT sum(name) FROM llms", "No function matches"),
        ("DROP TABLE llms", "only SELECT is allowed here, found DROP; nothing was run"),
    ],
)
def test_an_error_says_what_is_wrong(console: Console, sql: str, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        console.query(sql)

    assert said in str(caught.value)
    assert "Error:" not in str(caught.value)


def test_a_query_that_takes_too_long_is_stopped_and_the_next_one_answered() -> None:
    with console_over_llms(timeout_s=0.05) as console:
        with pytest.raises(QueryError, match=r"stopped after 0\.05 s"):
            console.query("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")

        assert console.query("SELECT 1").rows == ((1,),)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT list(range) FROM range(100000000)",
        "SELECT length(repeat('x', 3000000000))",
        "SELECT printf('%2000000000d', 1)",
        "SELECT string_split(repeat('a,', 100000000), ',')",
        "SELECT list_resize([1], 2000000000)",
        "SELECT * FROM llms a, llms b, llms c, llms d ORDER BY a.price + b.price + d.price",
        "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT max(s) FROM t",
        "SELECT repeat('x', 100000) FROM range(9000)",
    ],
)
def test_a_query_that_needs_too_much_memory_is_stopped(console: Console, sql: str) -> None:
    with pytest.raises(QueryError, match="too much memory"):
        console.query(sql)

    assert console.query("SELECT count(*) FROM llms").rows == ((89,),)


@pytest.mark.parametrize(
    "sql",
    [
        # A call that DuckDB does not look up from until it is done, minutes later.
        "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))",
        "SELECT count(*) FROM generate_series(1, 1000000000000)",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
    ],
)
def test_a_query_that_cannot_be_interrupted_is_ended_with_its_process(sql: str) -> None:
    with console_over_llms(timeout_s=0.3) as console:
        with pytest.raises(QueryError, match=r"stopped after 0\.3 s"):
            console.query(sql)

        assert console.query("SELECT count(*) FROM llms").rows == ((89,),)


def test_the_process_of_a_console_sees_no_keys(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    popen = subprocess.Popen
    seen: list[dict[str, str]] = []

    def spy(*arguments: Any, **options: Any) -> Any:
        seen.append(options["env"])
        return popen(*arguments, **options)

    monkeypatch.setattr("llms.sql_console.subprocess.Popen", spy)
    console_over_llms().close()

    assert "OPENAI_API_KEY" not in seen[0]


def test_a_table_that_cannot_be_filled_is_a_sentence() -> None:
    table = Table("t", (Column("a", "BIGINT", ""),), source="SELECT 'no number' AS a")

    with pytest.raises(QueryError, match="SQL: the tables cannot be made: Could not convert"):
        Console(lambda: [table])


def test_a_table_takes_rows_and_the_rows_of_a_query() -> None:
    columns = (Column("a", "BIGINT", ""), Column("day", "DATE", ""), Column("text", "VARCHAR", ""))
    rows = [(1, date(2026, 7, 10), "it's"), (None, None, None)]
    source = "SELECT 'two' AS text, 2 AS a, DATE '2026-07-11' AS day"

    with Console(lambda: [Table("t", columns, rows, source)]) as console:
        assert console.query("FROM t ORDER BY a").rows == (
            (1, date(2026, 7, 10), "it's"),
            (2, date(2026, 7, 11), "two"),
            (None, None, None),
        )


def test_a_text_of_megabytes_is_no_query(console: Console) -> None:
    with pytest.raises(QueryError, match="characters are too many"):
        console.query("SELECT 1 --" + "x" * MAX_SQL_CHARS)


def test_cells_of_every_kind_reach_the_caller_as_python_has_them(console: Console) -> None:
    answer = console.query(
        "SELECT DATE '2026-07-10', TIMESTAMPTZ '2026-07-10 12:30:00+00', TIME '12:30:00', "
        "1.50::DECIMAL(4, 2), '\\xAA'::BLOB, INTERVAL 36 HOURS, {'a': [1, NULL]}, "
        "MAP {'k': DATE '2026-07-10'}, 1e400, 170141183460469231731687303715884105727, true, NULL"
    )

    assert answer.rows == (
        (
            *(date(2026, 7, 10), datetime(2026, 7, 10, 12, 30, tzinfo=UTC), time(12, 30)),
            Decimal("1.50"),
            *(b"\xaa", timedelta(hours=36), {"a": [1, None]}, {"k": date(2026, 7, 10)}),
            *(float("inf"), 2**127 - 1, True, None),
        ),
    )


CELLS = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.text(),
        st.binary(),
        st.dates(),
        st.datetimes(),
        st.times(),
        st.timedeltas(),
        st.decimals(allow_nan=False),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(CELLS)
def test_a_cell_survives_the_way_between_the_processes(cell: object) -> None:
    assert decoded(json.loads(json.dumps(encoded(cell)))) == cell


def test_a_result_without_end_is_cut_and_says_so(console: Console) -> None:
    answer = console.query("SELECT * FROM range(20000)")

    assert (len(answer.rows), answer.is_cut) == (MAX_ROWS, True)


def test_columns_of_one_name_are_told_apart(console: Console) -> None:
    assert console.query("SELECT 1 AS a, 2 AS a, 3 AS b").columns == ("a", "a_2", "b")
