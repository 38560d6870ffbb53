"""`docmill eval`: what tiers and verifier did, and two runs side by side."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.evaluate import Evaluated, run_evaluation
from flows.evaluate_view import evaluation_lines, verifier_words
from tasks.evaluation_tiers import VerifierRecord
from tasks.jobs import JobError
from tests.test_calibrate import gold_folder


@pytest.fixture(scope="module")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten labelled invoices, the last of them with a wrong label."""
    folder = gold_folder(tmp_path_factory.mktemp("bills") / "gold", 10)
    labels = folder / "labels.jsonl"
    labels.write_text(labels.read_text().replace('"109.50"', '"100.00"'))
    return folder


@pytest.fixture(scope="module")
def done(gold: Path) -> Evaluated:
    return run_evaluation(
        str(gold), out=str(gold.parent / "lake"), profile=None, models=["offline-careful"]
    )


def test_every_tier_is_scored_by_what_it_said(done: Evaluated) -> None:
    assert done.workings is not None
    first = done.workings.tiers[0]

    assert (first.tier, first.models, first.answers) == (0, ["offline-quick"], 20)
    assert first.right == first.sound - 1


def test_a_mistake_is_shown_with_the_place_of_what_was_said(done: Evaluated) -> None:
    assert done.workings is not None
    (worst,) = done.workings.worst
    (placed,) = worst.mistakes

    assert worst.file == "009.txt"
    assert placed.gold_at is None
    assert placed.predicted_at is not None
    assert placed.predicted_at.words == "EUR 109.50"


def test_the_verifiers_own_errors_are_counted(done: Evaluated) -> None:
    assert done.workings is not None
    record = done.workings.verifier

    # A tenth of ten records is checked: two fields.
    assert sum(record.model_dump().values()) == 2
    assert "of" in verifier_words(record)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"ok_right": 90, "bad_right": 10, "ok_wrong": 3, "bad_wrong": 9, "unsure": 4},
         "verifier: of 100 right values it found 10 bad (10.0% false alarms), of 12 wrong ones it "
         "confirmed 3 (25.0% missed); 4 it could not tell"),
        ({}, "verifier: it checked no labelled value"),
    ],
)  # fmt: skip
def test_they_are_said_in_words(counts: dict[str, int], words: str) -> None:
    assert verifier_words(VerifierRecord(**counts)) == words


def test_a_model_alone_is_compared_with_the_cascade(done: Evaluated) -> None:
    gaps = done.compared["offline-careful alone"]

    assert set(gaps) == {"number", "total", "micro"}
    assert gaps["total"].low <= gaps["total"].difference <= gaps["total"].high


def test_a_run_is_compared_by_its_id_or_by_its_lake(gold: Path, done: Evaluated) -> None:
    lake = str(gold.parent / "lake")
    by_id = run_evaluation(str(gold), out=lake, profile=None, compare=done.run.run_id)
    (name,) = by_id.compared

    assert name == f"run {done.run.run_id}"
    assert by_id.compared[name]["micro"].difference == 0
    elsewhere = run_evaluation(str(gold), out=None, profile=None, compare=lake)
    assert len(elsewhere.compared) == 1


def test_a_lake_without_a_finished_run_cannot_be_compared_with(gold: Path, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="has no run that ended well"):
        run_evaluation(str(gold), out=None, profile=None, compare=str(tmp_path))


def test_the_text_has_a_table_for_every_part(done: Evaluated) -> None:
    text = "\n".join(evaluation_lines(done, all_mistakes=False))

    for part in ("95 % of f1", "1: offline-quick", "verifier: ", "worst documents", "alone"):
        assert part in text


def test_the_object_keeps_its_keys_and_has_more(gold: Path) -> None:
    result = CliRunner().invoke(app, ["eval", str(gold), "--json"])

    assert result.exit_code == 0, result.output
    told = json.loads(result.output.splitlines()[-1])
    before = {"documents", "fields", "micro", "usd", "mistakes", "unanswered", "run_id", "status"}
    assert before | {"intervals", "tiers", "escalation", "verifier", "worst", "compared"} <= set(
        told
    )
    assert told["intervals"]["micro"]["f1"]["low"] <= told["micro"]["f1"]
