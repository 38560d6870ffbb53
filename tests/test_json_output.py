"""`--json` of every command: one object, on one line, the last of stdout."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from flows.cli import app
from tests.small_runs import invoices, make_job, run

ARCHIVE = """\
date,slug,name,creator,intelligence,input_price,output_price
2026-05-01,old-model,Old Model (high),Acme,40.0,1.0,4.0
"""

COMMANDS = {
    "run": "docs --direct",
    "plan": "docs --goal totals --out plan.yaml",
    "forecast": "docs",
    "backfill": "docs --since 2026-01-01 --until 2026-02-01 --by mtime --direct",
    "runs": "",
    "show": "last",
    "verify": "last",
    "retry": "last",
    "replay": "answers.parquet",
    "simulate": "--show",
    "models ping": "",
    "models roles": "--explain",
    "models show": "gpt-oss-20b",
    "models compare": "gpt-5-5 gpt-oss-20b",
    "models history": "",
    "models diff": "embedded latest",
    "models import": "archive.csv",
    "models query": "'SELECT slug FROM llms LIMIT 3'",
    "models refresh": "--source archive.csv",
    "cache stats": "",
    "cache prune": "--older-than 0 --dry-run",
}
"""Every command, with arguments that suit the folder below."""

ELSEWHERE = {"resume", "eval", "calibrate"}
"""Commands that need more than a small folder; their own tests read their last line."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some invoices, a lake with a run over them, an archive of models and recorded answers."""
    place = tmp_path_factory.mktemp("json")
    run(make_job(invoices(place / "docs", 2)))
    (place / "archive.csv").write_text(ARCHIVE)
    pq.write_table(answers(), place / "answers.parquet")
    return place


def answers() -> pa.Table:
    """A dear model that is always right, and a cheap one that is every other time."""
    rows = [
        {"query_id": f"q{n}", "model": model, "correct": correct, "cost_usd": usd}
        for n in range(40)
        for model, correct, usd in (("small", n % 2 == 0, 0.001), ("large", True, 0.01))
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_one_object_on_the_last_line(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DOCMILL_CATALOG", str(folder / "catalog"))
    for name in ("OPENAI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)

    done = CliRunner().invoke(app, f"{command} {COMMANDS[command]} --json")

    assert done.exit_code in (0, 1, 3), done.output
    *before, last = done.stdout.splitlines()
    assert before == []
    assert isinstance(json.loads(last), dict)


def test_no_command_is_forgotten() -> None:
    def names_of(command: object, name: str) -> list[str]:
        below = getattr(command, "commands", None)
        if below is None:
            return [name]
        return [leaf for sub in below for leaf in names_of(below[sub], f"{name} {sub}".strip())]

    assert set(names_of(get_command(app), "")) == COMMANDS.keys() | ELSEWHERE
