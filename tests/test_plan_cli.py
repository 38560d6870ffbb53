"""`docmill plan` and `docmill run --goal`: from a goal to a job that runs, paid and booked."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from storage.store import Lake
from tasks.ledger_rows import spent_usd
from tests.commands import as_json, invoked
from tests.small_runs import PaidProvider, invoices

GOAL = "what do we spend, with whom"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with six invoices in `docs`, and no key."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    invoices(tmp_path / "docs", 6)
    return tmp_path


def ledger(run_id: str, name: str = "*") -> list[dict[str, Any]]:
    lake = Lake("lake")
    paths = lake.find(f"attempts/{run_id}", ".parquet")
    return [row for path in paths for row in lake.read_table(path).to_pylist()]


def test_a_planned_job_runs_and_its_report_holds(folder: Path) -> None:
    plan = as_json(invoked("plan", "docs", "--goal", GOAL, "--json"))
    run = as_json(invoked("run", "docmill.yaml", "--direct", "--json"))

    assert (plan["file"], plan["types"], plan["sampled"]) == ("docmill.yaml", ["invoice"], 6)
    assert (run["status"], run["extracted"]) == ("done", 6)
    report = json.loads(Path(run["report"]).with_name("report.json").read_text("utf-8"))
    asked = {table["id"]: table for table in report["metrics"]}
    assert asked["invoice_amount_by_seller_name"]["error"] is None
    assert asked["invoice_amount_by_seller_name"]["total_rows"] == 1
    assert invoked("verify", "last").exit_code == 0


def test_a_file_that_is_there_is_not_replaced_unless_told_to(folder: Path) -> None:
    (folder / "docmill.yaml").write_text("mine: true", encoding="utf-8")

    refused = invoked("plan", "docs", "--goal", GOAL)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("docmill: docmill.yaml exists already; ")
    assert (folder / "docmill.yaml").read_text("utf-8") == "mine: true"

    assert invoked("plan", "docs", "--goal", GOAL, "--force").exit_code == 0
    assert "types" in yaml.safe_load((folder / "docmill.yaml").read_text("utf-8"))


def test_a_plan_says_that_rules_made_it_and_what_it_cost(folder: Path) -> None:
    done = invoked("plan", "docs", "--goal", GOAL)

    assert "planned by docmill rules, careful, rules (offline engine), not a" in done.stdout
    assert "spent $0 on 1 call" in done.stdout
    assert done.stdout.endswith("docmill run docmill.yaml\n")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("plan", "nowhere", "--goal", GOAL), "nowhere does not exist"),
        (("plan", "docs", "--goal", " "), "--goal is empty"),
        (("plan", "docs", "--goal", GOAL, "--profile", "openai"), "OPENAI_API_KEY"),
        (("run", "docs", "--goal", ""), "--goal is empty"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(
    folder: Path, words: tuple[str, ...], problem: str
) -> None:
    done = invoked(*words)

    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert problem in done.stderr
    assert not (folder / "docmill.yaml").exists()


class TestPaid:
    def test_a_plan_is_booked_paid_once_and_within_its_budget(
        self, folder: Path, paid: PaidProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", paid.ENV["OPENAI_API_KEY"])
        refused = invoked("plan", "docs", "--goal", GOAL, "--budget", "0")
        first = as_json(invoked("plan", "docs", "--goal", GOAL, "--json"))
        again = as_json(invoked("plan", "docs", "--goal", GOAL, "--force", "--json"))

        assert refused.exit_code == 2
        assert "budget" in refused.stderr
        (row,) = ledger(first["plan_id"])
        assert (row["stage"], row["role"], row["doc_id"]) == ("plan", "orchestrator", None)
        assert row["usd"] == pytest.approx(first["usd"])
        assert first["usd"] > 0
        assert spent_usd(Lake("lake"), [first["plan_id"]]) == {
            first["plan_id"]: pytest.approx(first["usd"])
        }
        assert (again["calls"], again["from_store"], again["usd"]) == (0, 1, 0)
        assert len(paid.asked) == 1

    def test_a_run_with_a_goal_pays_for_its_plan_and_keeps_it(
        self, folder: Path, paid: PaidProvider, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", paid.ENV["OPENAI_API_KEY"])
        run = as_json(invoked("run", "docs", "--goal", GOAL, "--budget", "9", "--direct", "--json"))

        rows = ledger(run["run_id"])
        planned = [row for row in rows if row["stage"] == "plan"]
        assert len(planned) == 1
        assert len(rows) > 1
        assert run["usd"] == pytest.approx(sum(row["usd"] for row in rows))
        kept = yaml.safe_load(Path(run["plan"]).read_text("utf-8"))
        assert [entry["use"] for entry in kept["types"]] == ["invoice"]
        assert "plan     lake/runs/" in invoked("show", run["run_id"]).stdout
        assert invoked("verify", run["run_id"]).exit_code == 0
