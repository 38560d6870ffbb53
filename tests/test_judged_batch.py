"""A batch that a strong model vouches for: what stays, what is sampled, what the run keeps."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows.calibrate_batch import judge_batch
from flows.calibration_runs import CalibrationRefusedError
from flows.cli import app
from llms.calibration.tails import errors_within
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.calibration_batch import CheapAnswer, certify_batch, sample_of
from tests.small_runs import invoices, make_job


def answer(number: int, sure: float) -> CheapAnswer:
    return CheapAnswer(f"d{number:04}", "total", "small", (f"{number}",), sure)


def promised(
    answers: list[CheapAnswer], wrong: set[str], *, seed: str = "s", target: float = 0.9
) -> tuple[float | None, int]:
    """The threshold for a batch, and how many answers are wrong in the end."""
    sample = sample_of(answers, target, 0.1, seed)
    strong = {
        (a.document, a.field): ("other",) if a.document in wrong else a.values for a in answers
    }
    level = certify_batch(answers, strong, sample, target, 0.1)["total"].threshold
    kept = [
        a
        for a in answers
        if level is not None and a.sure >= level and a.document not in sample.drawn
    ]
    return level, sum(a.document in wrong for a in kept)


def test_where_nothing_disagrees_every_sound_answer_stays() -> None:
    answers = [answer(n, 0.5 + n / 1000) for n in range(400)] + [answer(400, -1.0)]

    assert promised(answers, set()) == (0.5, 0)


def test_doubtful_answers_that_disagree_go_to_the_strong_model() -> None:
    answers = [answer(n, n / 400) for n in range(400)]
    wrong = {answers[n].document for n in range(120)}

    level, errors = promised(answers, wrong)

    assert level is not None
    assert 0.1 < level < 0.5
    assert errors <= errors_within(0.9, 400)


def test_answers_of_one_confidence_stay_together_or_not_at_all() -> None:
    answers = [answer(n, 0.9) for n in range(400)]

    level, _ = promised(answers, {a.document for a in answers[::3]})

    assert level is None


def test_the_promise_is_broken_no_more_often_than_it_says() -> None:
    broken = 0
    for seed in range(150):
        dice = random.Random(seed)
        answers = [answer(n, dice.random()) for n in range(300)]
        wrong = {a.document for a in answers if dice.random() < 0.3 * (1 - a.sure)}
        _, errors = promised(answers, wrong, seed=str(seed))
        broken += errors > errors_within(0.9, 300)

    # 15 are expected at most; 28 or more would come once in two thousand times.
    assert broken < 28


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from([-1.0, 0.2, 0.5, 0.9]), st.booleans()), min_size=1))
def test_no_answer_that_broke_a_rule_ever_stays(rows: list[tuple[float, bool]]) -> None:
    answers = [answer(n, sure) for n, (sure, _) in enumerate(rows)]
    wrong = {a.document for a, (_, is_wrong) in zip(answers, rows, strict=True) if is_wrong}

    level, _ = promised(answers, wrong)

    assert level is None or level > 0


def test_the_output_keeps_the_strong_answers_and_says_what_is_promised(tmp_path: Path) -> None:
    job = make_job(invoices(tmp_path / "docs", 120))

    done = judge_batch(job, "orchestrator", target=0.8, env={})

    lake = Lake(job.lake)
    manifest = read_manifest(lake, done.runs[-1].run_id)
    sample = done.samples["invoice"]
    rows = [
        row
        for shard in manifest.shards
        for path in shard.records.values()
        for row in lake.read_table(path).to_pylist()
    ]
    by_strong = {r["doc_id"] for r in rows if r["invoice_number__model"] == "offline-careful"}
    assert manifest.job.name == job.name
    assert len(rows) == 120
    assert sample.drawn <= by_strong < set(sample.documents)
    assert any(
        "at least 0.8 of the 120 fields of this batch are as the" in n for n in done.runs[-1].notes
    )
    # The judge was asked about the sample once: the output has its answers from the store.
    spent = [
        row
        for path in lake.find(f"attempts/{manifest.run_id}", ".parquet")
        for row in lake.read_table(path, ["doc_id", "model", "from_store"]).to_pylist()
        if row["doc_id"] in sample.drawn and not row["from_store"]
    ]
    assert spent == []


def test_a_batch_too_small_to_spare_anything_is_refused(tmp_path: Path) -> None:
    job = make_job(invoices(tmp_path / "docs", 5))

    with pytest.raises(CalibrationRefusedError, match="nothing would be spared"):
        judge_batch(job, "orchestrator", env={})


def test_nobody_judges_himself(tmp_path: Path) -> None:
    job = make_job(invoices(tmp_path / "docs", 5))

    with pytest.raises(CalibrationRefusedError, match="would judge itself"):
        judge_batch(job, "offline-quick", env={})


def test_the_command_runs_a_batch(tmp_path: Path) -> None:
    folder = invoices(tmp_path / "docs", 60)
    flags = ["--judge", "offline-careful", "--target", "0.7", "--out", str(tmp_path / "lake")]

    result = CliRunner().invoke(app, ["calibrate", str(folder), *flags, "--json"])

    assert result.exit_code == 0, result.output
    told = json.loads(result.output.splitlines()[-1])
    assert told["judge"] == "docmill rules, careful"
    assert told["types"]["generic"]["documents"] == 60
