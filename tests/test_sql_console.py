"""The console answers SELECTs over the catalog and nothing else."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.catalog import load_catalog
from llms.sql_console import MAX_ROWS, Console, QueryError

SECRET = "not for the console"


@pytest.fixture(scope="module")
def console() -> Iterator[Console]:
    with Console.over(load_catalog()) as opened:
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
    with Console.over(load_catalog(), timeout_s=0.05) as console:
        with pytest.raises(QueryError, match=r"stopped after 0\.05 s"):
            console.query("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b")

        assert console.query("SELECT 1").rows == ((1,),)


def test_a_query_that_needs_too_much_memory_is_stopped(console: Console) -> None:
    with pytest.raises(QueryError, match="too much memory"):
        console.query("SELECT list(range) FROM range(100000000)")


def test_a_result_without_end_is_cut_and_says_so(console: Console) -> None:
    answer = console.query("SELECT * FROM range(20000)")

    assert (len(answer.rows), answer.is_cut) == (MAX_ROWS, True)


def test_columns_of_one_name_are_told_apart(console: Console) -> None:
    assert console.query("SELECT 1 AS a, 2 AS a, 3 AS b").columns == ("a", "a_2", "b")
