"""The commands `aa` and `docmill models`, as a person or a program calls them."""

import csv
import io
import json
import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from flows import aa, models_cli
from flows.json_output import json_text
from flows.query_output import plain_text
from llms.catalog import load_catalog
from llms.catalog_sources.merge import Provenance
from tasks.catalogs import save_snapshot

GUIDE = {
    "orchestrator": (
        "SELECT name, creator, intelligence, coding, price \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 55 AND coding >= 45 \n"
        "                  ORDER BY intelligence DESC \n"
        "                  LIMIT 5",
        """\
name | creator | intelligence | coding | price
Claude Fable 5 (Adaptive Reasoning, Max Effort, Opus 4.8 Fallback) | Anthropic | 59.9 | 76.5 | 20.00
GPT-5.6 Sol (max) | OpenAI | 58.9 | 77.4 | 11.25
GPT-5.6 Sol (xhigh) | OpenAI | 57.7 | 78.3 | 11.25
GPT-5.6 Sol (high) | OpenAI | 55.9 | 77.2 | 11.25
Claude Opus 4.8 (Adaptive Reasoning, Max Effort) | Anthropic | 55.7 | 74.3 | 10.00
""",
    ),
    "reasoning worker": (
        "SELECT name, creator, intelligence, price \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 45 \n"
        "                  ORDER BY price \n"
        "                  LIMIT 5",
        """\
name | creator | intelligence | price
GLM-5.2 (max) | Z AI | 51.1 | 2.15
GPT-5.6 Luna (max) | OpenAI | 51.2 | 2.25
GPT-5.6 Luna (xhigh) | OpenAI | 49.1 | 2.25
GPT-5.6 Luna (high) | OpenAI | 46.1 | 2.25
Grok 4.5 (high) | SpaceXAI | 53.8 | 3.00
""",
    ),
    "tool worker": (
        "SELECT name, creator, intelligence, coding, price \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 40 AND coding >= 40 \n"
        "                  ORDER BY price \n"
        "                  LIMIT 5",
        """\
name | creator | intelligence | coding | price
DeepSeek V4 Flash (Reasoning, Max Effort) | DeepSeek | 40.3 | 56.2 | 0.1750
MiniMax-M3 | MiniMax | 44.4 | 58.6 | 0.5250
DeepSeek V4 Pro (Reasoning, Max Effort) | DeepSeek | 44.3 | 59.4 | 0.5437
MiMo-V2.5-Pro | Xiaomi | 42.2 | 60.2 | 0.5437
Nex-N2-Pro | Nex AGI | 41.0 | 59.1 | 1.0000
""",
    ),
    "formatting worker": (
        "SELECT name, creator, intelligence, price, tps \n"
        "                  FROM llms \n"
        "                  WHERE intelligence >= 25 \n"
        "                  ORDER BY price \n"
        "                  LIMIT 5",
        """\
name | creator | intelligence | price | tps
DeepSeek V4 Flash (Reasoning, Max Effort) | DeepSeek | 40.3 | 0.1750 | 101.9
Gemma 4 26B A4B (Reasoning) | Google | 25.7 | 0.1975 | -
NVIDIA Nemotron 3 Super 120B A12B (Reasoning) | NVIDIA | 25.4 | 0.3812 | 147.2
Step 3.7 Flash | StepFun | 30.3 | 0.4375 | 369.2
GPT-5.4 nano (xhigh) | OpenAI | 38.2 | 0.4625 | 166.9
""",
    ),
}
"""The guide's commands, line breaks and trailing blanks included, and what they print; bars tell
columns apart."""


def call(app: typer.Typer, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin)


def call_json(app: typer.Typer, *arguments: str) -> Any:
    result = call(app, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(("sql", "printed"), GUIDE.values(), ids=GUIDE)
def test_the_queries_of_the_guide_run_word_for_word(sql: str, printed: str) -> None:
    header, _, *rows = call(aa.app, "query", sql).stdout.splitlines()

    assert [re.sub(" {2,}", " | ", line) for line in (header, *rows)] == printed.splitlines()
    assert len(call_json(aa.app, "query", sql)) == 5


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
    assert "llms: 89 models. history: the embedded catalog and 0 snapshots" in result.stdout
    assert {row["table"] for row in call_json(aa.app, "tables")} == {
        *("llms", "history", "provenance"),
    }


def test_every_described_column_can_be_queried() -> None:
    described: dict[str, dict[str, str]] = {}
    for row in call_json(aa.app, "tables"):
        described.setdefault(row["table"], {})[row["column"]] = row["type"]

    for table, types in described.items():
        columns = ", ".join(f"typeof({column}) AS {column}" for column in types)
        assert call_json(aa.app, "query", f"SELECT {columns} FROM {table} LIMIT 1") == [types]


def keep(folder: Path, day: date, **changed: Any) -> None:
    models = load_catalog().models
    rows = (replace(models[0], **changed), *models[1:])
    provenance = [Provenance(models[0].slug, "input_price", "openrouter", day)]
    save_snapshot(rows, provenance, (), as_of=day, folder=folder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of snapshots that is in force."""
    path = tmp_path / "it's a catalog"
    monkeypatch.setenv("DOCMILL_CATALOG", str(path))
    return path


def test_the_snapshot_in_force_is_queried_and_all_of_them_are_history(folder: Path) -> None:
    keep(folder, date(2026, 8, 1), input_price=9.0)
    keep(folder, date(2026, 8, 1), input_price=8.0)
    sql = "SELECT {} FROM {} WHERE slug = 'claude-fable-5' ORDER BY ALL"

    now = call_json(aa.app, "query", sql.format("input_price, price", "llms"))
    over_time = call_json(
        aa.app, "query", sql.format("snapshot, snapshot_name, input_price", "history")
    )

    assert now == [{"input_price": 8.0, "price": 18.5}]
    assert [list(row.values()) for row in over_time] == [
        ["2026-07-10", "embedded", 10.0],
        ["2026-08-01", "2026-08-01.1", 9.0],
        ["2026-08-01", "2026-08-01.2", 8.0],
    ]


def test_history_is_found_however_a_query_reaches_it(folder: Path) -> None:
    keep(folder, date(2026, 8, 1))
    sql = "SELECT count(*) AS rows FROM query_table('hist' || 'ory')"

    assert call_json(aa.app, "query", "SELECT count(*) AS rows FROM HISTORY") == [{"rows": 178}]
    assert call_json(aa.app, "query", sql) == [{"rows": 178}]


def test_provenance_says_where_a_figure_comes_from(folder: Path) -> None:
    sql = "SELECT source, count(*) AS n FROM provenance GROUP BY source"
    embedded = call_json(aa.app, "query", sql)
    keep(folder, date(2026, 8, 1))

    assert [row["source"] for row in embedded] == ["embedded"]
    assert call_json(aa.app, "query", sql) == [{"source": "openrouter", "n": 1}]


def test_a_damaged_snapshot_is_told_and_the_others_are_queried(folder: Path) -> None:
    keep(folder, date(2026, 8, 1))
    (folder / "2026-08-02.parquet").write_bytes(b"PAR1 no more")

    result = call(aa.app, "query", "SELECT count(*) AS n FROM history", "--csv")

    assert (result.exit_code, result.stdout) == (0, "n\n178\n")
    assert result.stderr.count("\n") == 1
    assert "2026-08-02.parquet is not readable as Parquet" in result.stderr


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

    assert "what openrouter would use in their place" in offline


def test_an_unknown_profile_is_a_sentence() -> None:
    result = call(models_cli.app, "roles", "--profile", "opnai")

    assert result.exit_code == 2
    assert result.stderr == "docmill: there is no profile 'opnai'; did you mean 'openai'?\n"


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
