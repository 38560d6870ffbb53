"""The commands as a person or a cron job meets them: output, exit codes, one-sentence errors."""

import json
from pathlib import Path
from typing import Any

import pytest

from storage.manifests import list_runs
from storage.store import Lake
from tests.commands import Docmill, as_json, is_one_sentence
from tests.small_runs import PaidProvider, as_killed, invoice, invoices, write_folder

SUMMARY = {
    "run_id",
    "status",
    "documents",
    "extracted",
    "failed",
    "skipped",
    "usd",
    "baseline_usd",
    "saving",
    "calls",
    "lake",
    "report",
    "manifest",
    "seconds",
}
"""Keys that `docmill run --json` promises."""


@pytest.fixture
def finished(docmill: Docmill, tmp_path: Path) -> dict[str, Any]:
    """The summary of a run over two invoices into `lake`."""
    invoices(tmp_path / "docs", 2)
    return as_json(docmill("run", "docs", "--direct", "--json"))


class TestRun:
    def test_json_is_one_object_on_one_line_with_the_promised_keys(
        self, finished: dict[str, Any]
    ) -> None:
        assert finished.keys() >= SUMMARY
        assert (finished["status"], finished["documents"], finished["extracted"]) == ("done", 2, 2)
        assert Path(finished["report"]).is_file()
        assert Path(finished["manifest"]).is_file()

    def test_json_keeps_stderr_quiet_and_stdout_to_one_line(
        self, docmill: Docmill, tmp_path: Path
    ) -> None:
        invoices(tmp_path / "docs", 1)

        done = docmill("run", "docs", "--direct", "--json")

        assert (done.stdout.count("\n"), done.stderr) == (1, "")

    def test_the_summary_for_people_names_dead_letters_first_and_the_report(
        self, docmill: Docmill, tmp_path: Path
    ) -> None:
        write_folder(tmp_path / "docs", {"a.txt": invoice(1), "b.txt": ""})

        done = docmill("run", "docs", "--direct")

        first, second, *_ = done.stdout.splitlines()
        assert done.exit_code == 0
        assert first.startswith("1 dead letter: `docmill show ")
        assert second.startswith("2 documents = 1 extracted + 1 failed + 0 skipped, in ")
        assert "report    " in done.stdout

    def test_a_run_that_failed_exits_with_1(self, docmill: Docmill, tmp_path: Path) -> None:
        (tmp_path / "docs").mkdir()

        done = docmill("run", "docs", "--direct", "--json")

        summary = json.loads(done.stdout.splitlines()[-1])
        assert (done.exit_code, summary["status"], summary["report"]) == (1, "failed", "")
        assert "holds no documents" in summary["message"]

    def test_a_run_that_failed_says_how_to_go_on_once_that_is_mended(
        self, docmill: Docmill, tmp_path: Path
    ) -> None:
        (tmp_path / "docs").mkdir()

        failed = docmill("run", "docs", "--direct")
        invoices(tmp_path / "docs", 1)
        (hint,) = [line for line in failed.stdout.splitlines() if line.startswith("resume")]
        resumed = docmill(*hint.split()[2:], "--direct")

        assert (failed.exit_code, resumed.exit_code) == (1, 0)

    @pytest.mark.parametrize("direct", [["--direct"], []], ids=["direct", "flow"])
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("nonsense", "is not one; write sqlite:///path"),
            ("mysql://me:hunter2@db/answers", "it is SQLite or PostgreSQL"),
            ("postgresql://me:hunter2@127.0.0.1:1/answers", "cannot be reached"),
            ("postgresql://me:hun@ter2@127.0.0.1:1/answers", "write the one"),
            ("postgresql://me@127.0.0.1:1/answers?password=hunter2", "cannot be reached"),
            ("sqlite:///docs/000.txt", "is not a SQLite database"),
        ],
        ids=str,
    )
    def test_a_response_store_that_cannot_be_used_is_told_before_anything_is_done(
        self,
        docmill: Docmill,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        url: str,
        said: str,
        direct: list[str],
    ) -> None:
        invoices(tmp_path / "docs", 1)
        monkeypatch.setenv("DOCMILL_RESPONSES_URL", url)

        done = docmill("run", "docs", *direct)

        assert (done.exit_code, is_one_sentence(done)) == (2, True), done.output
        assert done.stderr.startswith("docmill: DOCMILL_RESPONSES_URL: the ")
        assert said in done.stderr
        assert "ter2" not in done.stderr
        assert not (tmp_path / "lake").exists()

    def test_a_run_that_is_parked_exits_with_3_and_resume_finishes_it(
        self, docmill: Docmill, tmp_path: Path, paid: PaidProvider
    ) -> None:
        invoices(tmp_path / "docs", 3)

        parked = docmill(
            "run", "docs", "--direct", "--json", "--profile", "openai", "--budget", "0.001"
        )
        run_id = json.loads(parked.stdout)["run_id"]
        resumed = as_json(docmill("resume", run_id, "--budget", "5", "--direct", "--json"))

        assert parked.exit_code == 3
        assert (resumed["run_id"], resumed["status"], resumed["extracted"]) == (run_id, "done", 3)
        assert paid.paid_twice() == 0

    def test_a_parked_run_says_how_to_go_on(
        self, docmill: Docmill, tmp_path: Path, paid: PaidProvider
    ) -> None:
        invoices(tmp_path / "docs", 1)

        done = docmill("run", "docs", "--direct", "--profile", "openai", "--budget", "0")

        assert done.exit_code == 3
        assert done.stdout.startswith("parked: ")
        assert "resume    docmill resume " in done.stdout
        early = docmill("verify")
        assert (early.exit_code, early.stdout) == (2, "")
        assert "is parked and has no report yet: `docmill resume " in early.stderr
        (manifest,) = list_runs(Lake("lake"))
        as_killed(Lake("lake"), manifest.run_id)
        assert "is running and has no report yet: wait for its end" in docmill("verify").stderr

    def test_the_command_line_overrides_the_job_file(
        self, docmill: Docmill, tmp_path: Path
    ) -> None:
        write_folder(
            tmp_path,
            {
                "docmill.yaml": "source: {path: docs, exclude: ['*.md']}\nlake: mine\n",
                "docs/a.txt": invoice(1),
                "docs/b.txt": invoice(2),
                "docs/c.md": "# Not wanted\n",
            },
        )

        done = as_json(docmill("run", ".", "--out", "other", "--limit", "1", "--direct", "--json"))

        assert done["documents"] == 1
        assert Path(done["lake"]).name == "other"
        assert not (tmp_path / "mine").exists()


class TestLooking:
    def test_runs_lists_what_the_lake_holds(
        self, docmill: Docmill, finished: dict[str, Any]
    ) -> None:
        listed = as_json(docmill("runs", "--json"))
        text = docmill("runs").stdout

        assert [r["run_id"] for r in listed["runs"]] == [finished["run_id"]]
        assert finished["run_id"] in text

    def test_runs_of_an_empty_lake_is_no_error(self, docmill: Docmill, tmp_path: Path) -> None:
        (tmp_path / "lake").mkdir()

        done = docmill("runs")

        assert (done.exit_code, done.stdout) == (0, "no runs in lake\n")

    def test_show_last_is_the_last_run(self, docmill: Docmill, finished: dict[str, Any]) -> None:
        last = as_json(docmill("show", "last", "--json"))
        text = docmill("show").stdout

        assert (last["run_id"], last["status"]) == (finished["run_id"], "done")
        assert text.startswith(f"run {finished['run_id']} of job docs: done")
        assert "rules" in text

    def test_verify_exits_with_0_and_after_tampering_with_1(
        self, docmill: Docmill, finished: dict[str, Any]
    ) -> None:
        before = docmill("verify")
        report = Path(finished["report"]).with_name("report.json")
        report.write_text(report.read_text().replace("2", "3"))

        after = docmill("verify", finished["run_id"])
        told = docmill("verify", "--json")

        assert before.exit_code == 0
        assert "every figure holds" in before.stdout
        assert (after.exit_code, told.exit_code) == (1, 1)
        assert "report.json was changed after the run" in after.stdout
        assert json.loads(told.stdout)["ok"] is False

    def test_forecast_writes_and_sends_nothing(
        self, docmill: Docmill, tmp_path: Path, paid: PaidProvider
    ) -> None:
        invoices(tmp_path / "docs", 3)
        before = sorted(tmp_path.rglob("*"))

        told = as_json(docmill("forecast", "docs", "--profile", "openai", "--json"))
        text = docmill("forecast", "docs", "--profile", "openai").stdout

        assert told["documents"] == 3
        assert "Nothing was sent." in text
        assert paid.asked == []
        assert sorted(tmp_path.rglob("*")) == before

    def test_models_roles_lists_every_role(self, docmill: Docmill) -> None:
        text = docmill("models", "roles").stdout

        assert all(role in text for role in ("orchestrator", "extraction_worker", "tool_worker"))


class TestEval:
    @pytest.fixture
    def gold(self, tmp_path: Path) -> Path:
        """Three labelled invoices; the label of the last one is wrong."""
        field = {"type": "string", "multi": False, "match": "exact"}
        fields = {
            "fields": [
                {"name": "invoice_number", "description": "Number of the invoice.", **field},
                {"name": "seller", "description": "Who sells.", **field},
            ]
        }
        labels = [
            {"file": f"{n}.txt", "fields": {"invoice_number": number, "seller": None}}
            for n, number in enumerate(["INV-0000", "INV-0001", "X"])
        ]
        return write_folder(
            tmp_path / "gold",
            {
                **{f"documents/{n}.txt": f"Invoice number: INV-000{n}\n" for n in range(3)},
                "labels.jsonl": "".join(json.dumps(label) + "\n" for label in labels),
                "fields.json": json.dumps(fields),
            },
        )

    def test_a_gold_folder_is_scored_by_field(self, docmill: Docmill, gold: Path) -> None:
        told = as_json(docmill("eval", "gold", "--json"))

        assert told.keys() >= {"documents", "fields", "micro", "usd"}
        assert told["documents"] == 3
        score = told["fields"]["invoice_number"]
        assert (score["support"], round(score["precision"], 3)) == (3, 0.667)

    def test_the_table_lists_the_mistakes_and_says_who_answered(
        self, docmill: Docmill, gold: Path
    ) -> None:
        done = docmill("eval", "gold", "--out", "kept")

        assert done.exit_code == 0
        assert "rules, not a language model" in done.stdout
        assert "2.txt: invoice_number: said 'INV-0002', is 'X'" in done.stdout
        assert Path("kept").is_dir()


class TestBackfill:
    def backfill(self, docmill: Docmill, *more: str) -> dict[str, Any]:
        span = ["--since", "2026-01-01", "--until", "2026-04-01"]
        return as_json(docmill("backfill", "docs", *span, "--direct", "--json", *more))

    def test_a_second_one_of_the_same_id_does_nothing(
        self, docmill: Docmill, tmp_path: Path
    ) -> None:
        write_folder(tmp_path / "docs", {f"2026-0{m}-05/a.txt": invoice(m) for m in (1, 3)})

        first = self.backfill(docmill, "--id", "winter")
        manifests = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("manifest.json")}
        second = self.backfill(docmill, "--id", "winter")

        assert [r["documents"] for r in first["runs"]] == [1, 0, 1]
        assert second == first
        assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("manifest.json")} == manifests

    def test_newest_first_runs_the_last_month_first(self, docmill: Docmill, tmp_path: Path) -> None:
        write_folder(tmp_path / "docs", {f"2026-0{m}-05/a.txt": invoice(m) for m in (1, 2, 3)})

        done = self.backfill(docmill, "--order", "newest", "--id", "b")

        assert [r["run_id"] for r in done["runs"]] == [f"b-20260{m}01" for m in (3, 2, 1)]
        started = [r["run_id"] for r in as_json(docmill("runs", "--json"))["runs"]]
        assert started == [f"b-20260{m}01" for m in (3, 2, 1)]

    def test_it_tells_its_partitions_and_how_to_go_on(
        self, docmill: Docmill, tmp_path: Path
    ) -> None:
        write_folder(tmp_path / "docs", {"2026-01-05/a.txt": invoice(1)})

        done = docmill(
            "backfill", "docs", "--since", "2026-01-01", "--until", "2026-02-01", "--direct",
            "--id", "b",
        )  # fmt: skip

        assert done.exit_code == 0
        assert "1 document in 1 run = 1 extracted" in done.stdout
        assert done.stdout.splitlines()[-1] == "resume    --id b"
