"""The commands `docmill models show`, `compare`, `history`, `diff` and `import`."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flows import models_cli
from llms.catalog import load_catalog
from tasks.catalogs import save_snapshot

ARCHIVE = """\
date,slug,name,creator,intelligence,input_price,output_price,index_cost_output
2026-05-01,old-model,Old Model (high),Acme,40.0,1.0,4.0,20.0
2026-05-02,old-model,Old Model (high),Acme,40.1,1.0,4.0,20.0
2026-05-03,old-model,Old Model (high),Acme,40.1,0.5,4.0,20.0
2026-05-03,free-model,Free Model,Acme,30.0,0,0,
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of snapshots."""
    path = tmp_path / "catalog"
    monkeypatch.setenv("DOCMILL_CATALOG", str(path))
    return path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(models_cli.app, list(arguments))


def call_json(*arguments: str) -> Any:
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def keep(folder: Path, day: date, **changed: Any) -> None:
    models = load_catalog().models
    rows = (replace(models[0], **changed), *models[1:])
    save_snapshot(rows, (), (), as_of=day, folder=folder)


def imported(tmp_path: Path) -> Any:
    path = tmp_path / "archive.csv"
    path.write_text(ARCHIVE)
    return call_json("import", str(path))


def test_a_model_is_shown_with_figures_sources_places_and_history() -> None:
    (found,) = call_json("show", "gpt-oss-20b")["models"]

    assert found["roles"]["extraction_worker"] == "intelligence 14.9 below 30"
    assert found["price"] == 0.0875
    assert found["provenance"]["input_price"] == {
        "source": "embedded",
        "as_of": "2026-07-10",
        "note": None,
    }
    assert [moment["snapshot"] for moment in found["history"]] == ["embedded"]
    text = call("show", "gpt-oss-20b").stdout
    for part in ("gpt-oss-20b (high)", "embedded  2026-07-10", "intelligence 14.9 below 30"):
        assert part in text


def test_an_api_id_shows_every_effort_of_a_model() -> None:
    assert len(call_json("show", "openai/gpt-5.6-luna")["models"]) == 6


@pytest.mark.parametrize("command", [["show"], ["compare", "gpt-5-5"], ["history"]])
def test_an_unknown_model_is_answered_with_a_guess(command: list[str]) -> None:
    result = call(*command, "deepseek-v4-flsh")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "did you mean 'deepseek-v4-flash'" in result.stderr


def test_models_are_compared_by_what_a_call_of_each_role_costs() -> None:
    names = ("gpt-5-5", "DeepSeek V4 Flash (Reasoning, Max Effort)")
    first, second = call_json("compare", *names)["models"]

    assert (first["slug"], second["slug"]) == ("gpt-5-5", "deepseek-v4-flash")
    # 3,000 prompt tokens and 500 tokens of answer with their thinking, at $0.14 and $0.28.
    usd = (3000 * 0.14 + 500 * second["thinking_factor"] * 0.28) / 1e6
    assert second["roles"]["extraction_worker"]["call_usd"] == pytest.approx(usd, abs=1e-8)
    # Also for a role that a model is not good enough for.
    assert second["roles"]["orchestrator"]["call_usd"] > 0
    assert second["roles"]["orchestrator"]["place"] == "intelligence 40.3 below 55"
    lines = call("compare", "gpt-5-5", "deepseek-v4-flash").stdout.splitlines()
    assert lines[0].split() == ["gpt-5-5", "deepseek-v4-flash"]
    assert any(line.startswith("extraction_worker, $/1,000 calls") for line in lines)


def test_one_model_is_not_compared_with_itself() -> None:
    result = call("compare", "gpt-5-5", "GPT-5.5 (xhigh)")

    assert result.exit_code == 2
    assert "that is one model; name another" in result.stderr


def test_the_days_of_an_archive_become_history_that_nothing_is_selected_from(
    tmp_path: Path, folder: Path
) -> None:
    found = imported(tmp_path)
    again = imported(tmp_path)

    assert (found["days"], found["kept"], found["rows"]) == (3, 3, 4)
    assert (again["days"], again["kept"]) == (3, 0)
    assert call_json("history")["in_force"] == "embedded"
    assert [s["name"] for s in call_json("history")["snapshots"]] == [
        *("embedded", "2026-05-01", "2026-05-02", "2026-05-03"),
    ]
    assert "in force: embedded" in call("history").stdout


def test_the_history_of_a_model_shows_the_days_on_which_a_lasting_figure_changed(
    tmp_path: Path,
) -> None:
    imported(tmp_path)

    changed = call_json("history", "Old Model (high)")["models"]["old-model"]
    every = call_json("history", "old-model", "--all")["models"]["old-model"]

    # A tenth of a point is rounding; 20 US$ at 4 US$ per million tokens are 5 million.
    assert [(m["snapshot"], m["input_price"]) for m in changed] == [
        *(("2026-05-01", 1.0), ("2026-05-03", 0.5)),
    ]
    assert [m["snapshot"] for m in every] == ["2026-05-01", "2026-05-02", "2026-05-03"]
    assert {m["index_output_mtok"] for m in every} == {5.0}
    assert "1 with nothing but other speeds left out" in call("history", "old-model").stdout


def test_a_price_of_zero_in_an_archive_is_unknown(tmp_path: Path) -> None:
    imported(tmp_path)

    (moment,) = call_json("history", "free-model")["models"]["free-model"]

    assert (moment["input_price"], moment["output_price"]) == (None, None)


def test_a_diff_names_what_changed_and_what_becomes_of_each_role(folder: Path) -> None:
    keep(folder, date(2026, 8, 1), input_price=20.0, context_window=2000)

    found = call_json("diff", "embedded", "2026-08-01")

    slug = load_catalog().models[0].slug
    assert found["changed"] == [
        {"slug": slug, "figure": "input_price", "before": 10.0, "after": 20.0},
        {"slug": slug, "figure": "context_window", "before": 1_000_000, "after": 2000},
    ]
    assert (found["added"], found["removed"], found["rebased"]) == ([], [], [])
    role = found["roles"]["orchestrator"]
    assert (role["before"]["first"], role["after"]["first"]) == (slug, "gpt-5-6-sol")
    assert (role["before"]["candidates"], role["after"]["candidates"]) == (6, 5)
    assert role["why"] == f"{slug}: context window 2,000 below 7,500 tokens"
    text = call("diff", "embedded", "latest").stdout
    for part in ("2 figures of 1 model changed", "+100 %", f"{slug} -> gpt-5-6-sol", "6 -> 5"):
        assert part in text


def test_a_diff_of_a_snapshot_with_itself_says_that_nothing_changed() -> None:
    text = call("diff", "embedded", "latest").stdout

    assert "no model and no lasting figure changed" in text
    assert "->" not in text.split("\n", 1)[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["diff", "2020-01-01", "latest"], "there is no snapshot '2020-01-01'"),
        (["diff", "nowhere.parquet", "latest"], "there is no file nowhere.parquet"),
        (["import", "nowhere.csv"], "nowhere.csv"),
        (["import", "."], "is a folder"),
    ],
)
def test_bad_input_is_a_sentence(arguments: list[str], said: str) -> None:
    result = call(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,slug,name\n2026-05-01,a,A\n", "lacks the column 'creator'"),
        ("date,slug,name,creator\n", "holds no row"),
        ("date,slug,name,creator\nMay,a,A,Acme\n", "row 1 of .*: Invalid isoformat string"),
        ("date,slug,name,creator\n2026-05-01,,A,Acme\n", "row 1 of .* has no slug"),
        ("date,slug,name,creator,tps\n2026-05-01,a,A,Acme,-1\n", "row 1 of .*: tps is -1"),
        ("date,slug,name,creator\n" + 2 * "2026-05-01,a,A,Acme\n", "lists a slug twice"),
    ],
)
def test_an_archive_that_cannot_be_read_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "archive.csv"
    path.write_text(text)

    result = call("import", str(path))

    assert result.exit_code == 2
    assert re.search(said, result.stderr)
    assert call_json("history")["snapshots"][1:] == []
