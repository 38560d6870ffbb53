"""`docmill retry`: dead letters alone, bad answers anew, each paid once; other runs stay true."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from llms.client import Client
from llms.simulator.app import Simulator
from schemas.job import Job
from schemas.manifest import RunStatus, RunSummary
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.verification import verify_run
from tests.simulated import make_scenario
from tests.small_runs import SECRET, invoice, invoices, make_job, run, write_folder

ENV = {"OPENAI_API_KEY": SECRET}


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """A provider in this process, in place of the network of the profile `openai`."""
    app = Simulator(make_scenario())
    client = partial(Client, transports={"openai": httpx2.ASGITransport(app=app)})
    monkeypatch.setattr("tasks.runtime.Client", client)
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return app


def about(number: int, fault: str) -> dict[str, Any]:
    """Requests about one invoice meet a fault."""
    return {"script": [{"marker": f"INV-{number:04}", "fault": fault}]}


def job_of(source: Path) -> Job:
    more: dict[str, Any] = {"verify": {"share": 0}, "analysis": {"max_insights": 0}}
    note = {"name": "note", "description": "An invoice.", "fields": [NUMBER]}
    return make_job(source, profile="openai", types=[note], processes=1, **more)


NUMBER = {"name": "title", "description": "The first line of the invoice.", "required": True}


NOTHING = {"value": None, "quote": None, "confidence": 0.9}


def command(*words: str) -> Result:
    return CliRunner().invoke(app, ["retry", *words])


def retried(done: RunSummary, *words: str, code: int = 0) -> RunSummary:
    """The summary of a retry of a run."""
    result = command(done.run_id, "--lake", done.lake, "--direct", "--json", *words)
    assert result.exit_code == code, result.output
    return RunSummary.model_validate_json(result.stdout.splitlines()[-1])


def letters(done: RunSummary) -> dict[str, str]:
    lake = Lake(done.lake)
    tables = [lake.read_table(path) for path in lake.find(f"failures/{done.run_id}", ".parquet")]
    return {row["uri"]: row["class"] for table in tables for row in table.to_pylist()}


@pytest.mark.parametrize(
    ("fault", "name"),
    [("refusal", "refused"), ("malformed", "invalid_answer"), ("content_filter", "content_filter")],
)
def test_a_bad_answer_that_is_stored_is_asked_for_anew_and_paid_once(
    tmp_path: Path, simulator: Simulator, fault: str, name: str
) -> None:
    simulator.play(make_scenario(**about(2, fault)))
    done = run(job_of(invoices(tmp_path / "docs", 5)), ENV)
    assert letters(done) == {"002.txt": name}
    simulator.play(make_scenario())

    again = retried(done, "--class", name)
    once_more = retried(done)

    assert (again.status, again.extracted, again.failed) == (RunStatus.DONE, 5, 0)
    assert simulator.stats().requests == 1  # nobody else was asked, and nobody twice
    assert again.run_id == done.run_id
    assert again.usd > done.usd
    assert again.calls == done.calls + 1
    assert letters(again) == {}
    assert verify_run(Lake(done.lake), done.run_id).differences == ()
    assert once_more.message == f"run {done.run_id} has no dead letters: nothing was tried again"


def test_other_runs_stay_true_and_later_ones_find_what_a_retry_has_found(
    tmp_path: Path, simulator: Simulator
) -> None:
    source = invoices(tmp_path / "docs", 4)
    simulator.play(make_scenario(**about(1, "refusal")))
    first, second = run(job_of(source), ENV), run(job_of(source), ENV)
    simulator.play(make_scenario())

    retried(second)
    third = run(job_of(source), ENV)

    lake = Lake(first.lake)
    assert (first.failed, second.failed, third.failed, third.calls) == (1, 1, 0, 0)
    for done in (first, second, third):
        assert verify_run(lake, done.run_id).differences == ()
    assert letters(first) == {"001.txt": "refused"}


def test_only_what_is_meant_is_tried_and_what_fails_again_stays_a_dead_letter(
    tmp_path: Path, simulator: Simulator
) -> None:
    script = about(0, "refusal")["script"] + about(1, "content_filter")["script"]
    simulator.play(make_scenario(script=script))
    done = run(job_of(invoices(tmp_path / "docs", 3)), ENV)
    simulator.play(make_scenario(script=script))

    again = retried(done, "--class", "refused", "--stage", "extract")

    asked = simulator.stats()
    assert (again.extracted, again.failed) == (1, 2)
    assert letters(again) == {"000.txt": "refused", "001.txt": "content_filter"}
    assert set(asked.outcomes) == {"refusal"}
    assert verify_run(Lake(done.lake), done.run_id).differences == ()


def test_what_could_not_be_read_is_read_anew(tmp_path: Path, simulator: Simulator) -> None:
    source = invoices(tmp_path / "docs", 2)
    write_folder(
        source,
        {"late.txt": "", "copy.txt": invoice(0, "100.50"), "junk.bin": bytes(range(256)) * 8},
    )
    done = run(job_of(source), ENV)
    write_folder(source, {"late.txt": invoice(7), "new.txt": invoice(8)})

    again = retried(done, "--stage", "ingest")

    assert (done.documents, done.extracted, done.failed, done.skipped) == (5, 2, 2, 1)
    # The document that was not there before is none of this run.
    assert (again.documents, again.extracted, again.failed, again.skipped) == (5, 3, 1, 1)
    assert verify_run(Lake(done.lake), done.run_id).differences == ()


def test_a_cap_holds_and_what_it_leaves_is_as_it_was(tmp_path: Path, simulator: Simulator) -> None:
    simulator.play(make_scenario(**about(1, "refusal")))
    done = run(job_of(invoices(tmp_path / "docs", 3)), ENV)
    simulator.play(make_scenario())

    parked = retried(done, "--budget", str(done.usd), code=3)
    left, ok = letters(done), verify_run(Lake(done.lake), done.run_id).differences
    again = retried(done, "--budget", "9")

    assert (parked.status, left) == (RunStatus.PARKED, {"001.txt": "refused"})
    assert "1 dead letter stays as it was" in str(parked.message)
    assert ok == ()
    assert (again.status, again.failed) == (RunStatus.DONE, 0)


def test_anew_asks_for_usable_answers_too(tmp_path: Path, simulator: Simulator) -> None:
    simulator.play(make_scenario(canned={"*": {"title": NOTHING}}, answers="canned"))
    done = run(job_of(invoices(tmp_path / "docs", 2)), ENV)
    simulator.play(make_scenario())

    same = retried(done)
    asked = simulator.stats().requests
    anew = retried(done, "--anew")

    assert set(letters(done).values()) <= {"missing_required"}
    assert (same.failed, asked) == (2, 0)
    assert (anew.failed, anew.extracted) == (0, 2)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["--class", "time_out"],
            "no dead letter has the class 'time_out'; did you mean 'timeout'",
        ),
        (["--stage", "report"], "no dead letter has the stage 'report'; there are ingest, extract"),
    ],
)
def test_what_there_is_not_is_said_in_one_sentence(
    tmp_path: Path, simulator: Simulator, words: list[str], said: str
) -> None:
    done = run(job_of(invoices(tmp_path / "docs", 1)), ENV)

    result = command(done.run_id, "--lake", done.lake, *words)
    unknown = command("nosuchrun", "--lake", done.lake)

    assert (result.exit_code, unknown.exit_code) == (2, 2)
    assert said in result.stderr
    assert "'nosuchrun' is not in the lake" in unknown.stderr


def test_a_run_that_is_not_done_is_to_be_resumed(tmp_path: Path, simulator: Simulator) -> None:
    simulator.play(make_scenario(faults={"quota": 1}))
    parked = run(job_of(invoices(tmp_path / "docs", 1)), ENV)

    result = command(parked.run_id, "--lake", parked.lake)

    assert result.exit_code == 2
    assert f"`docmill resume {parked.run_id}` first" in result.stderr


def test_a_retry_that_was_killed_asks_nothing_twice(tmp_path: Path, simulator: Simulator) -> None:
    simulator.play(make_scenario(**about(1, "refusal")))
    done = run(job_of(invoices(tmp_path / "docs", 3)), ENV)
    simulator.play(make_scenario())
    lake = Lake(done.lake)
    before = lake.read_bytes(lake.run(done.run_id, "manifest.json"))
    retried(done)
    # As killed after the answer was stored and before anything else was written.
    note = json.loads(before)
    note["retry"] = {"since": read_manifest(lake, done.run_id).started_at.isoformat()}
    lake.write_bytes(lake.run(done.run_id, "manifest.json"), json.dumps(note).encode())

    retried(done)

    assert simulator.stats().requests == 1
