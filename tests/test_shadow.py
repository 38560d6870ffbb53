"""The measured counterfactual: asked of a random share, paid within the cap, recomputable."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.job import Job
from schemas.manifest import Manifest, RunSummary
from schemas.shadow import Counterfactual
from storage.manifests import read_manifest, write_manifest
from storage.store import Lake
from tasks.bootstrap import FEWEST, estimate, share
from tasks.counterfactual import counterfactual
from tasks.counterfactual_figures import counterfactual_words, measured_words
from tasks.forecast_job import forecast_job
from tasks.jobs import expand, load_job
from tasks.shadow import SHADOW_FILE, is_drawn
from tasks.verification import verify_run
from tests.lake_runs import rewrite, write_run
from tests.small_runs import PaidProvider, invoice, invoices, make_job, run, write_folder

COUNT = 12


def lake_of(done: RunSummary) -> Lake:
    return Lake(done.lake)


def ledger(done: RunSummary, stage: str | None = None) -> list[dict[str, Any]]:
    lake = lake_of(done)
    paths = lake.find(f"attempts/{done.run_id}", ".parquet")
    rows = [row for path in paths for row in lake.read_table(path).to_pylist()]
    return [row for row in rows if stage in (None, row["stage"])]


def report(done: RunSummary) -> dict[str, Any]:
    return dict(json.loads(Path(done.report).with_name("report.json").read_text("utf-8")))


def measured(done: RunSummary) -> Counterfactual:
    assert done.counterfactual is not None
    return done.counterfactual


def test_off_by_default_it_leaves_no_trace(tmp_path: Path) -> None:
    done = run(make_job(invoices(tmp_path / "docs", 2)))

    assert done.counterfactual is None
    assert not lake_of(done).exists(lake_of(done).run(done.run_id, SHADOW_FILE))
    assert ledger(done, "shadow") == []
    assert "counterfactual" not in report(done)
    assert not any("counterfactual" in name for name in report(done)["figures"])


@pytest.mark.parametrize("written", ["0.25", "{share: 0.25}"])
def test_a_share_may_be_written_alone(tmp_path: Path, written: str) -> None:
    file = tmp_path / "docmill.yaml"
    file.write_text(f"shadow: {written}\n", encoding="utf-8")

    assert load_job(str(file)).shadow.share == 0.25


def test_chance_draws_the_share_and_the_seed_another_one(tmp_path: Path) -> None:
    manifest = write_run(tmp_path).manifest

    def drawn(seed: int) -> set[int]:
        changed = manifest.job.model_copy(update={"seed": seed, "shadow": Job(shadow=0.1).shadow})
        seeded = manifest.model_copy(update={"job": changed})
        return {n for n in range(5000) if is_drawn(seeded, f"{n:020}")}

    assert len(drawn(0)) == pytest.approx(500, abs=80)
    assert drawn(0) == drawn(0)
    assert len(drawn(0) & drawn(1)) < 100


class TestPaid:
    @pytest.fixture
    def done(self, tmp_path: Path, paid: PaidProvider) -> RunSummary:
        source = invoices(tmp_path / "docs", COUNT)
        return run(make_job(source, profile="openai", shadow=1.0), dict(paid.ENV))

    def test_every_drawn_document_is_read_whole_by_the_strong_model(self, done: RunSummary) -> None:
        rows = ledger(done, "shadow")

        manifest = read_manifest(lake_of(done), done.run_id)
        strong = manifest.resolution.roles["orchestrator"][0]
        assert len({row["doc_id"] for row in rows}) == COUNT
        assert {(row["role"], row["model"]) for row in rows} == {("orchestrator", strong.slug)}
        found = measured(done)
        assert (found.documents, found.answered, found.basis) == (COUNT, COUNT, "booked")
        assert (found.model, found.model_name) == (strong.slug, strong.shown_name)

    def test_its_money_is_the_runs_but_not_the_records(self, done: RunSummary) -> None:
        found, rows = measured(done), ledger(done)

        spent = dict.fromkeys(("shadow", "insights"), 0.0)
        for row in rows:
            if row["stage"] in spent:
                spent[row["stage"]] += row["usd"]
        assert found.strong_usd == pytest.approx(spent["shadow"])
        assert done.usd == pytest.approx(sum(row["usd"] for row in rows))
        assert done.records_usd == pytest.approx(done.usd - spent["shadow"])
        assert found.records_usd == pytest.approx(done.records_usd - spent["insights"])
        assert found.cost_ratio is not None
        assert found.cost_ratio.value == pytest.approx(found.strong_usd / found.records_usd)
        assert found.cost_ratio.low is not None
        assert found.cost_ratio.low <= found.cost_ratio.value

    def test_the_report_says_what_was_measured_and_verify_computes_it_again(
        self, done: RunSummary
    ) -> None:
        content, found = report(done), measured(done)

        assert f"{COUNT} documents of this run" in content["counterfactual"]["about"]
        assert found.model_name in content["counterfactual"]["about"]
        page = Path(done.report).read_text("utf-8")
        assert "Measured against one strong model" in page
        assert verify_run(lake_of(done), done.run_id).ok
        path = lake_of(done).run(done.run_id, SHADOW_FILE)

        def forge(rows: list[dict[str, Any]]) -> None:
            rows[0]["usd"] *= 2

        rewrite(lake_of(done), path, forge)
        told = verify_run(lake_of(done), done.run_id).differences
        assert any("counterfactual.strong_usd should be" in one for one in told)
        assert any("run.counterfactual.cost_ratio should be" in one for one in told)

    def test_a_forged_manifest_is_found(self, done: RunSummary) -> None:
        manifest: Manifest = read_manifest(lake_of(done), done.run_id)
        forged = measured(done).model_copy(update={"agreeing": 1})
        write_manifest(lake_of(done), manifest.model_copy(update={"counterfactual": forged}))

        (told,) = verify_run(lake_of(done), done.run_id).differences
        assert told.startswith("manifest.json: counterfactual.agreeing should be ")

    def test_a_second_run_measures_the_same_for_nothing(
        self, done: RunSummary, tmp_path: Path, paid: PaidProvider
    ) -> None:
        asked = len(paid.asked)

        again = run(make_job(tmp_path / "docs", profile="openai", shadow=1.0), dict(paid.ENV))

        assert measured(again) == measured(done)
        assert (len(paid.asked), again.usd) == (asked, 0)
        assert verify_run(lake_of(again), again.run_id).ok


def test_what_the_strong_model_will_not_answer_is_counted_and_not_compared(
    tmp_path: Path, paid: PaidProvider
) -> None:
    source = invoices(tmp_path / "docs", 3)
    probe = run(make_job(source, profile="openai"), dict(paid.ENV))
    resolution = read_manifest(lake_of(probe), probe.run_id).resolution
    strong = resolution.roles["orchestrator"][0].api_id
    error = {"code": "content_filter", "message": "filtered"}
    paid.refusal = lambda body: (
        (400, error) if body["model"] == strong and "INV-0001" in str(body["messages"]) else None
    )

    done = run(make_job(source, profile="openai", shadow=1.0), dict(paid.ENV))

    found = measured(done)
    assert (done.status.value, found.documents, found.answered) == ("done", 3, 2)
    rows = lake_of(done).read_table(lake_of(done).run(done.run_id, SHADOW_FILE)).to_pylist()
    assert sorted(row["failure"] or "" for row in rows) == ["", "", "content_filter"]
    assert found.cost_ratio is not None
    assert found.cost_ratio.low is None  # too few for an interval
    assert verify_run(lake_of(done), done.run_id).ok


def test_when_the_money_is_used_up_the_run_goes_on_without(
    tmp_path: Path, paid: PaidProvider
) -> None:
    source = invoices(tmp_path / "docs", 4)
    plain = run(make_job(source, profile="openai"), dict(paid.ENV))

    job = make_job(source, profile="openai", shadow=1.0, budget_usd=plain.usd / 100)
    done = run(job, dict(paid.ENV))

    assert (done.status.value, done.extracted) == ("done", 4)
    assert (measured(done).answered, measured(done).agreement) == (0, None)
    assert done.usd <= plain.usd / 100
    assert verify_run(lake_of(done), done.run_id).ok


def test_labels_beside_the_documents_make_a_quality_gap(tmp_path: Path) -> None:
    gold = tmp_path / "gold"
    write_folder(gold / "documents", {f"{n:03}.txt": invoice(n) for n in range(COUNT)})
    labels = [
        {"file": f"{n:03}.txt", "fields": {"invoice_number": f"INV-{n:04}", "grand_total": total}}
        for n, total in ((n, "119.00" if n else "7.00") for n in range(COUNT))
    ]
    lines = "\n".join(json.dumps(label) for label in labels)
    fields = [
        {"name": "invoice_number", "type": "string", "match": "exact"},
        {"name": "grand_total", "type": "decimal", "match": "numeric"},
    ]
    write_folder(gold, {"labels.jsonl": lines, "fields.json": json.dumps({"fields": fields})})

    done = run(make_job(gold / "documents", shadow=1.0))

    found = measured(done)
    assert (found.labelled, found.basis) == (COUNT, "projected")
    assert found.record_accuracy is not None
    assert found.record_accuracy.value == pytest.approx(1 - 1 / (2 * COUNT))
    assert found.gap is not None
    assert found.gap.value == 0
    assert "quality gap on labels 0.0 points" in measured_words(found)


def test_the_forecast_prices_the_stage(tmp_path: Path) -> None:
    job = expand(make_job(invoices(tmp_path / "docs", 20), shadow=0.5))

    (stage,) = [stage for stage in forecast_job(job, {}).stages if stage.stage == "shadow"]

    assert stage.calls.expected == pytest.approx(10, rel=0.2)


class TestEstimate:
    def test_it_is_seeded_and_holds_its_value(self) -> None:
        sums = [(float(n % 3), 3.0) for n in range(30)]

        found = estimate(sums, share, seed="a")

        assert found == estimate(sums, share, seed="a") != estimate(sums, share, seed="b")
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high

    def test_documents_that_do_not_differ_leave_no_doubt_about_their_ratio(self) -> None:
        found = estimate([(4.0, 2.0)] * FEWEST, share, seed="a")

        assert found is not None
        assert (found.low, found.value, found.high) == (2, 2, 2)

    @pytest.mark.parametrize("sums", [[], [(1.0, 0.0)]], ids=["nobody", "nothing below"])
    def test_what_is_not_defined_is_not_estimated(self, sums: list[tuple[float, ...]]) -> None:
        assert estimate(sums, share, seed="a") is None

    def test_agreement_without_a_difference_is_not_certainty(self, tmp_path: Path) -> None:
        done = run(make_job(invoices(tmp_path / "docs", COUNT), shadow=1.0))
        found = counterfactual(read_manifest(lake_of(done), done.run_id), lake_of(done))

        assert found == done.counterfactual
        assert found is not None
        assert found.agreement is not None
        if found.agreement.value == 1:
            assert found.agreement.low == pytest.approx(0.025 ** (1 / COUNT))
        assert "resampling whole documents" in counterfactual_words(found)["about"]
