"""The commands `aa` and `docmill models`, as a person or a program calls them."""

import csv
import io
import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from flows import aa, models_cli
from flows.query_output import json_text, plain_text

GUIDE = {
    "orchestrator": (
        "SELECT name, creator, intelligence, coding, price \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 55 AND coding >= 45 \n"
        "                  ORDER BY intelligence DESC \n"
        "                  LIMIT 5",
        "Claude Fable 5 (Adaptive Reasoning, Max Effort, Opus 4.8 Fallback)",
    ),
    "reasoning worker": (
        "SELECT name, creator, intelligence, price \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 45 \n"
        "                  ORDER BY price \n"
        "                  LIMIT 5",
        "GLM-5.2 (max)",
    ),
    "tool worker": (
        "SELECT name, creator, intelligence, coding, price \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 40 AND coding >= 40 \n"
        "                  ORDER BY price \n"
        "                  LIMIT 5",
        "DeepSeek V4 Flash (Reasoning, Max Effort)",
    ),
    "formatting worker": (
        "SELECT name, creator, intelligence, price, tps \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 25 \n"
        "                  ORDER BY price \n"
        "                  LIMIT 5",
        "DeepSeek V4 Flash (Reasoning, Max Effort)",
    ),
}


def call(app: typer.Typer, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def call_json(app: typer.Typer, *arguments: str) -> Any:
    result = call(app, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(("sql", "first"), GUIDE.values(), ids=GUIDE)
def test_the_queries_of_the_guide_run_word_for_word(sql: str, first: str) -> None:
    rows = call_json(aa.app, "query", sql)

    assert len(rows) == 5
    assert rows[0]["name"] == first
    assert call(aa.app, "query", sql).stdout.splitlines()[2].startswith(first)


def test_a_table_is_plain_where_there_is_no_terminal() -> None:
    sql = "SELECT slug, context_window, tps FROM llms WHERE slug LIKE 'gpt-5-6-terra%' LIMIT 2"

    assert call(aa.app, "query", sql).stdout == (
        "slug                 context_window    tps\n"
        "-------------------  --------------  -----\n"
        "gpt-5-6-terra             1,000,000  144.1\n"
        "gpt-5-6-terra-xhigh       1,000,000  142.1\n"
    )


def test_csv_has_plain_numbers_and_empty_nulls() -> None:
    sql = "SELECT name, context_window, NULL AS nothing FROM llms WHERE slug = 'claude-opus-4-8'"

    rows = list(csv.reader(io.StringIO(call(aa.app, "query", sql, "--csv").stdout)))

    assert rows == [
        ["name", "context_window", "nothing"],
        ["Claude Opus 4.8 (Adaptive Reasoning, Max Effort)", "1000000", ""],
    ]


def test_markdown_keeps_pipes_and_lines_inside_their_cells() -> None:
    result = call(aa.app, "query", "SELECT 'a|b' || chr(10) || 'c' AS x, 1.5 AS y", "--markdown")

    assert result.stdout == "| x | y |\n| --- | ---: |\n| a\\|b c | 1.5 |\n"


def test_json_says_null_for_what_it_cannot_say() -> None:
    rows = call_json(
        aa.app, "query", "SELECT 1e400 AS big, NULL AS nothing, DATE '2026-07-10' AS d"
    )

    assert rows == [{"big": None, "nothing": None, "d": "2026-07-10"}]


def test_an_sql_error_is_one_sentence_on_stderr_and_exit_code_2() -> None:
    result = call(aa.app, "query", "SELECT nam FROM llms")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith('docmill: SQL: Referenced column "nam" not found')
    assert result.stderr.count("\n") == 1


def test_two_forms_at_once_are_a_usage_error() -> None:
    result = call(aa.app, "query", "SELECT 1", "--csv", "--json")

    assert result.exit_code == 2
    assert "choose one of --json and --csv" in result.stderr


def test_sql_can_come_from_stdin() -> None:
    assert call(aa.app, "query", "-", "--csv", stdin="SELECT 1 AS one").stdout == "one\n1\n"


def test_a_long_result_is_cut_and_says_so_on_stderr() -> None:
    result = call(aa.app, "query", "SELECT * FROM range(20000)", "--csv")

    assert len(result.stdout.splitlines()) == 10_001
    assert "only the first 10,000 rows" in result.stderr


def test_the_tables_are_described_and_their_source_named() -> None:
    result = call(aa.app, "tables")

    assert "index_output_mtok" in result.stdout
    assert "artificialanalysis.ai" in result.stdout
    assert {row["table"] for row in call_json(aa.app, "tables")} == {"llms"}


def test_each_role_is_shown_with_its_ranking_and_reasons() -> None:
    result = call(models_cli.app, "roles", "--profile", "openrouter")

    assert result.exit_code == 0
    for part in (
        "orchestrator: intelligence >= 55, coding >= 45; by capability",
        "extraction_worker: intelligence >= 30; by cost",
        "the knee of the front",
        "artificialanalysis.ai",
    ):
        assert part in result.stdout


def test_the_ranking_of_a_role_explains_itself_to_a_program() -> None:
    found = call_json(models_cli.app, "roles", "--explain", "--profile", "openrouter")

    role = found["roles"]["tool_worker"]
    assert role["priority"] == "reliability"
    assert [entry["place"] for entry in role["ranked"]] == list(range(1, 38))
    assert len(role["ranked"]) + len(role["left_out"]) == 89
    assert all(entry["reason"] for entry in role["left_out"])


def test_a_profile_without_models_of_the_catalog_shows_what_it_stands_in_for() -> None:
    offline = call(models_cli.app, "roles", "--profile", "offline").stdout

    assert "profile offline does not use this ranking" in offline


def test_an_unknown_profile_is_a_sentence() -> None:
    result = call(models_cli.app, "roles", "--profile", "opnai")

    assert result.exit_code == 2
    assert result.stderr == "docmill: there is no profile 'opnai'; did you mean 'openai'?\n"


def test_a_model_is_shown_with_its_place_in_each_role() -> None:
    (found,) = call_json(models_cli.app, "show", "gpt-oss-20b")

    assert found["roles"]["extraction_worker"] == "intelligence 14.9 below 30"
    assert found["price"] == 0.0875
    assert "gpt-oss-20b (high)" in call(models_cli.app, "show", "gpt-oss-20b").stdout


def test_an_api_id_shows_every_effort_of_a_model() -> None:
    assert len(call_json(models_cli.app, "show", "openai/gpt-5.6-luna")) == 6


def test_an_unknown_model_is_answered_with_a_guess() -> None:
    result = call(models_cli.app, "show", "grok-4-6")

    assert result.exit_code == 2
    assert "did you mean 'grok-4-5'" in result.stderr or "did you mean 'grok-4" in result.stderr


def test_models_query_is_the_same_as_aa_query() -> None:
    sql = GUIDE["tool worker"][0]

    assert call(models_cli.app, "query", sql).stdout == call(aa.app, "query", sql).stdout


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.dates(min_value=date(1, 1, 1)),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9)),
    st.lists(st.integers(), max_size=2),
    st.binary(max_size=4),
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_any_rows_can_be_printed(rows: list[tuple[object, object]]) -> None:
    assert len(plain_text(("a", "b"), rows).split("\n")) == len(rows) + 2
    json.loads(json_text([list(row) for row in rows]), parse_constant=pytest.fail)


def test_tiny_numbers_are_not_rounded_to_zero() -> None:
    assert plain_text(("x",), [(0.00001234,)]).splitlines()[-1] == "0.0000123"
    assert plain_text(("x",), [(Decimal("4.8125"),), (20.0,)]).splitlines()[2:] == [
        " 4.8125",
        "20.0000",
    ]
