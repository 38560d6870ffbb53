"""What does `docmill models roles` show, and what does it do with bad input?"""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from flows.models_cli import app
from schemas.roles import Role
from schemas.tables import ATTEMPTS
from storage.store import Lake
from tests.ledger import make_attempt


def roles(*words: str) -> Result:
    return CliRunner().invoke(app, ["roles", *words])


def roles_json(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(roles("--json", *words).stdout)
    return found


@pytest.fixture(autouse=True)
def _no_keys_and_no_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCMILL_CATALOG", str(tmp_path / "catalog"))
    for name in ("OPENAI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def write_job(folder: Path, text: str) -> str:
    (folder / "docs").mkdir()
    path = folder / "docmill.yaml"
    path.write_text(f"name: post\nprofile: openrouter\nsource: {{path: docs}}\n{text}\n")
    return str(path)


@pytest.mark.parametrize("words", [[], ["--explain"], ["--profile", "openai"]], ids=str)
def test_no_line_is_wider_than_a_terminal(words: list[str]) -> None:
    result = roles(*words)

    assert result.exit_code == 0
    assert max(len(line) for line in result.stdout.splitlines()) <= 120


def test_every_role_shows_its_models_and_who_checks_them() -> None:
    found = roles_json("--profile", "openrouter")["used"]

    assert set(found["roles"]) == {role.value for role in Role}
    assert found["verifiers"][0] != found["roles"]["extraction_worker"][0]
    assert found["baseline"] == found["roles"]["orchestrator"][0]


def test_a_job_decides_by_which_calls_models_are_ranked_and_which_are_allowed(
    tmp_path: Path,
) -> None:
    job = write_job(tmp_path, "types: [invoice]\nallow: {creators: [OpenAI, Google]}")

    found = roles_json("--job", job, "--explain")["roles"]["extraction_worker"]

    assert found["longest_context"] > 48_000
    assert found["stable_tokens"] > 0
    assert "creator DeepSeek not allowed" in {e["reason"] for e in found["left_out"]}


def test_the_ledger_of_a_jobs_lake_is_learned_from(tmp_path: Path) -> None:
    job = write_job(tmp_path, "types: [invoice]\nlake: books")
    lake = Lake("books")
    calls = [make_attempt(model="deepseek-v4-flash", outcome=o) for o in ("ok", "refused")]
    lake.write_rows(lake.attempts("r", "s"), calls, ATTEMPTS)

    ranked = roles_json("--job", job)["roles"]["extraction_worker"]["ranked"]

    known = next(entry for entry in ranked if entry["slug"] == "deepseek-v4-flash")
    assert (known["thinking_from"], known["own_calls"]) == ("own", 2)
    assert "own (1)" in roles("--job", job).stdout


def test_a_model_by_flag_that_misses_a_threshold_works_with_a_warning() -> None:
    result = roles("--profile", "openrouter", "--model", "extraction_worker=gpt-oss-20b")

    assert result.exit_code == 0
    assert "was asked for although intelligence 14.9 below 30" in result.stdout


def test_where_no_run_could_start_the_rankings_are_shown_with_the_reason(tmp_path: Path) -> None:
    job = write_job(tmp_path, "allow: {creators: [Amazon]}")

    result = roles("--job", job, "--explain")

    assert result.exit_code == 1
    assert "no run could start: profile openrouter has no model" in result.stdout
    assert "creator OpenAI not allowed" in result.stdout


def test_the_batch_lane_is_priced_as_such(tmp_path: Path) -> None:
    assert roles_json("--lane", "batch")["lane"] == "batch"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "extraction=x"], "is not role=name with a role among orchestrator"),
        (["--model", "tool_worker="], "is not role=name"),
        (["--model", "tool_worker=a", "--model", "tool_worker=b"], "twice: a and b"),
        (["--job", "nowhere"], "nowhere does not exist"),
        (["--lane", "express"], "not standard, flex or batch"),
    ],
)
def test_bad_input_is_a_sentence(words: list[str], said: str) -> None:
    result = roles(*words)

    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output
