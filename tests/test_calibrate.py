"""From labelled documents to a certified cascade, and what a run makes of it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.calibrate import Calibrated, calibrate
from flows.calibration_runs import (
    CalibrationParkedError,
    CalibrationRefusedError,
    CalibrationRuns,
)
from flows.cli import app
from schemas.job import Job
from schemas.manifest import RunStatus
from storage.manifests import list_runs, read_manifest
from storage.store import Lake
from tasks.jobs import load_job
from tests.small_runs import PaidProvider, invoice, invoices, make_job, run, write_folder

FIELDS = {
    "set": "bills",
    "fields": [
        {"name": "number", "type": "string", "match": "exact", "labels": ["Invoice No"],
         "description": "The number of the invoice."},
        {"name": "total", "type": "decimal", "match": "numeric", "labels": ["Total"],
         "description": "The total."},
    ],
}  # fmt: skip


def gold_folder(folder: Path, count: int) -> Path:
    """So many labelled invoices, all alike but for number, day and total."""
    files = {f"documents/{n:03}.txt": invoice(n, f"{n + 100}.50") for n in range(count)}
    labels = [
        {"file": f"{n:03}.txt", "fields": {"number": f"INV-{n:04}", "total": f"{n + 100}.50"}}
        for n in range(count)
    ]
    lines = "".join(json.dumps(label) + "\n" for label in labels)
    return write_folder(folder, {**files, "labels.jsonl": lines, "fields.json": json.dumps(FIELDS)})


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return gold_folder(tmp_path_factory.mktemp("bills") / "gold", 100)


@pytest.fixture(scope="module")
def done(gold: Path) -> Calibrated:
    return calibrate(str(gold), out=str(gold.parent / "lake"), env={})


def job_of(gold: Path, **changes: object) -> Job:
    return load_job(str(gold), {"lake": str(gold.parent / "lake"), **changes})


def test_easy_fields_are_certified_on_labels_that_fitted_nothing(done: Calibrated) -> None:
    (bills,) = done.types
    promise = bills.calibration.guarantees["total"]

    assert (promise.rule, promise.against, promise.errors) == ("long_run", "truth", 0)
    assert 45 <= promise.labelled < 100 > promise.accepted > 45
    assert promise.threshold is not None


def test_the_next_run_is_calibrated_and_asks_nothing_that_was_answered(
    gold: Path, done: Calibrated
) -> None:
    summary = run(job_of(gold))

    manifest = read_manifest(Lake(summary.lake), summary.run_id)
    assert summary.status is RunStatus.DONE
    assert manifest.calibrations == {t.name: t.calibration for t in done.types}
    # The verifier may look at other records than in the rehearsal; the figures are new.
    ledger = Lake(summary.lake).find(f"attempts/{summary.run_id}", ".parquet")
    paid = [
        row["stage"]
        for path in ledger
        for row in Lake(summary.lake).read_table(path, ["stage", "from_store"]).to_pylist()
        if not row["from_store"]
    ]
    assert set(paid) <= {"verify", "retry", "insights"}


def test_its_runs_are_not_those_of_the_job(gold: Path, done: Calibrated) -> None:
    names = {m.job.name for m in list_runs(Lake(done.lake)) if m.run_id in
             {r.run_id for r in done.runs}}  # fmt: skip

    assert names == {f"{job_of(gold).name}.calibration"}


def test_the_curve_is_drawn_and_kept_beside_the_calibration(done: Calibrated) -> None:
    (bills,) = done.types

    assert bills.picture is not None
    assert Lake(done.lake).read_bytes(bills.picture).startswith(b"<svg")
    assert [p.escalated for p in bills.points] == sorted(p.escalated for p in bills.points)


def test_with_too_few_labels_it_refuses_before_anything_is_asked(tmp_path: Path) -> None:
    few = gold_folder(tmp_path / "gold", 20)

    with pytest.raises(CalibrationRefusedError, match="20 labelled documents are too few") as told:
        calibrate(str(few), out=str(tmp_path / "lake"), env={})

    assert "takes 45" in str(told.value)
    assert not (tmp_path / "lake" / "runs").exists()


def test_with_few_labels_it_promises_an_average_and_says_so(tmp_path: Path) -> None:
    some = gold_folder(tmp_path / "gold", 48)
    said: list[str] = []

    done = calibrate(str(some), out=str(tmp_path / "lake"), env={}, say=said.append)

    assert "only on average over sets of labels" in said[0]
    promises = done.types[0].calibration.guarantees.values()
    assert {p.rule for p in promises if p.labelled < 45} == {"expected"}


def test_whole_records_can_be_promised_with_one_threshold(gold: Path) -> None:
    done = calibrate(str(gold), out=str(gold.parent / "lake2"), env={}, unit="record")

    (promise,) = done.types[0].calibration.guarantees.values()
    assert (promise.unit, promise.errors) == ("record", 0)
    assert done.types[0].calibration.accept_from("total") == promise.threshold


def test_the_command_prints_one_object(gold: Path, done: Calibrated) -> None:
    result = CliRunner().invoke(
        app, ["calibrate", str(gold), "--out", done.lake, "--target", "0.9", "--json"]
    )

    assert result.exit_code == 0, result.output
    told = json.loads(result.output.splitlines()[-1])
    assert told["target"] == 0.9
    assert told["types"]["bills"]["guarantees"]["total"]["words"].startswith("with probability 0.9")


def test_the_command_shows_how_far_each_of_its_runs_is(gold: Path, done: Calibrated) -> None:
    result = CliRunner().invoke(app, ["calibrate", str(gold), "--out", done.lake])

    told = [line for line in result.stderr.splitlines() if line.startswith("extract: ")]
    assert len(told) == 2
    assert told[0].startswith("extract: 100 documents, 0 failed")


def test_all_runs_of_a_calibration_share_one_budget(tmp_path: Path, paid: PaidProvider) -> None:
    job, other = (
        make_job(invoices(tmp_path / name / "docs", count), profile="openai")
        for name, count in (("a", 3), ("b", 40))
    )
    before = CalibrationRuns(paid.ENV)
    before.run(job)
    cap = before.usd + 0.2  # the worst case of a call is 14 cents
    runs = CalibrationRuns(paid.ENV, cap)
    runs.run(job.model_copy(update={"lake": str(tmp_path / "anew")}))

    with pytest.raises(CalibrationParkedError, match="the same command goes on from there"):
        runs.run(other)

    assert [run.status for run in runs.done] == [RunStatus.DONE, RunStatus.PARKED]
    assert before.usd < runs.usd <= cap


def test_a_budget_that_is_used_up_parks_the_command(
    gold: Path, tmp_path: Path, paid: PaidProvider
) -> None:
    command = ["calibrate", str(gold), "--out", str(tmp_path / "lake"), "--profile", "openai"]

    result = CliRunner().invoke(app, [*command, "--budget", "0.02"])

    (run,) = list_runs(Lake(str(tmp_path / "lake")))
    assert result.exit_code == 3
    assert "the budget of $0.02 does not allow" in result.stderr
    assert run.cost.usd <= 0.02


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--target", "1.5"], "--target is 1.5"),
        (["--unit", "page"], "neither field nor record"),
        (["--promise", "most"], "neither accepted nor all"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused(gold: Path, flags: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["calibrate", str(gold), *flags])

    assert result.exit_code == 2
    assert words in result.output
