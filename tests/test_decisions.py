"""Decisions in a run: a bounded share, money of their own, and books that know the stage."""

import json
from pathlib import Path
from typing import Any

import pytest

from llms.cascade import Extraction, FieldResult
from schemas.documents import shipped_type
from schemas.manifest import Manifest
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.decisions import Case, cap_usd, due_cases
from tasks.forecast_job import forecast_job
from tasks.jobs import expand
from tasks.verification import verify_run
from tests.lake_runs import write_run
from tests.small_runs import PaidProvider, invoice, make_job, run, write_folder

DOUBTFUL = (
    "Weidmann Feinmechanik GmbH\nInvoice No: INV-{n:04}\nInvoice date: 2026-03-02\n"
    "Please pay soon.\n"
)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_run(tmp_path_factory.mktemp("lake")).manifest


def case(doc_id: str, *, is_open: bool = True, is_dead: bool = False) -> Case:
    kind = shipped_type("invoice")
    fields = {spec.name: FieldResult(values=("1",), status="accepted") for spec in kind.fields}
    if is_open:
        name = "grand_total" if is_dead else "invoice_number"
        fields[name] = FieldResult(reason="found bad and not mended: it is a page number")
    failure = ("missing_required", "no total") if is_dead else None
    return Case(doc_id, kind, Extraction(fields, failure, None, 0, ()))


def with_share(manifest: Manifest, share: float) -> Manifest:
    job = manifest.job.model_copy(
        update={"orchestrator": manifest.job.orchestrator.model_copy(update={"share": share})}
    )
    return manifest.model_copy(update={"job": job})


class TestDue:
    def test_dead_letters_come_first_and_settled_documents_never(self, manifest: Manifest) -> None:
        cases = [case("c"), case("a", is_open=False), case("b", is_dead=True)]

        due = due_cases(cases, 3, "s", with_share(manifest, 1.0))

        assert [one.doc_id for one in due] == ["b", "c"]

    @pytest.mark.parametrize("share", [0.0, 0.02, 0.3])
    def test_the_share_holds_over_many_shards(self, manifest: Manifest, share: float) -> None:
        cases = [case(f"{n:02}") for n in range(16)]
        set_share = with_share(manifest, share)

        due = sum(len(due_cases(cases, 16, f"shard {n}", set_share)) for n in range(400))

        assert due / (400 * 16) == pytest.approx(share, abs=0.01)

    def test_without_an_orchestrator_nothing_is_due(self, manifest: Manifest) -> None:
        nobody = manifest.model_copy(
            update={"resolution": manifest.resolution.model_copy(update={"roles": {}})}
        )

        assert due_cases([case("a")], 1, "s", with_share(nobody, 1.0)) == []


def test_the_money_for_decisions_is_a_tenth_of_the_budget_unless_said_otherwise() -> None:
    def cap(**changes: Any) -> float | None:
        return cap_usd(make_job(Path("docs"), **changes))

    assert cap() is None
    assert cap(budget_usd=5) == 0.5
    assert cap(budget_usd=5, orchestrator={"budget_usd": 2}) == 2


def doubtful(folder: Path, count: int) -> Path:
    sound = {f"sound/{n}.txt": invoice(n) for n in range(2)}
    open_ones = {f"open/{n}.txt": DOUBTFUL.format(n=n) for n in range(count)}
    return write_folder(folder / "docs", sound | open_ones)


def ledger(lake: Lake, run_id: str) -> list[dict[str, Any]]:
    paths = lake.find(f"attempts/{run_id}", ".parquet")
    return [row for path in paths for row in lake.read_table(path).to_pylist()]


def test_a_run_books_its_decisions_and_its_report_holds(tmp_path: Path, paid: PaidProvider) -> None:
    source = doubtful(tmp_path, 3)
    job = make_job(source, profile="openai", orchestrator={"share": 1.0})

    done = run(job, dict(paid.ENV))

    lake = Lake(job.lake)
    rows = ledger(lake, done.run_id)
    asked = [row for row in rows if row["stage"] == "decide"]
    assert {row["role"] for row in asked} == {"orchestrator"}
    assert len(asked) == 3
    assert done.usd == pytest.approx(sum(row["usd"] for row in rows))
    outcomes = lake.read_table(read_manifest(lake, done.run_id).shards[0].outcomes).to_pylist()
    # What a document cost includes its decision.
    assert sum(row["usd"] for row in outcomes) == pytest.approx(
        sum(row["usd"] for row in rows if row["doc_id"])
    )
    report = json.loads(Path(done.report).with_name("report.json").read_text("utf-8"))
    assert report["run"]["decided"]["error"] is None
    assert verify_run(lake, done.run_id).ok


def test_decisions_end_where_their_money_does_and_the_run_goes_on(
    tmp_path: Path, paid: PaidProvider
) -> None:
    source = doubtful(tmp_path, 3)
    orchestrator = {"share": 1.0, "budget_usd": 0.0}

    done = run(make_job(source, profile="openai", orchestrator=orchestrator), dict(paid.ENV))

    assert done.status.value == "done"
    rows = ledger(Lake(str(tmp_path / "lake")), done.run_id)
    assert not any(row["stage"] == "decide" for row in rows)


def test_a_run_that_cannot_afford_a_decision_is_not_parked_for_it(
    tmp_path: Path, paid: PaidProvider
) -> None:
    source = doubtful(tmp_path, 2)
    plain = run(make_job(source, profile="openai", orchestrator={"share": 0.0}), dict(paid.ENV))

    # The store has every other answer by now: only the decisions would cost.
    job = make_job(source, profile="openai", orchestrator={"share": 1.0}, budget_usd=plain.usd / 99)
    done = run(job, dict(paid.ENV))

    assert (done.status.value, done.extracted, done.usd) == ("done", plain.extracted, 0)
    lake = Lake(job.lake)
    outcomes = lake.read_table(read_manifest(lake, done.run_id).shards[0].outcomes).to_pylist()
    failed = [row for row in outcomes if row["status"] == "failed"]
    assert {row["failure_class"] for row in failed} == {"missing_required"}


def test_another_share_is_another_question_and_no_share_asks_nobody(tmp_path: Path) -> None:
    source = doubtful(tmp_path, 2)

    first = run(make_job(source, orchestrator={"share": 0.0}))
    second = run(make_job(source, orchestrator={"share": 1.0}))

    lake = Lake(first.lake)
    keys = {read_manifest(lake, one.run_id).extraction_key for one in (first, second)}
    assert len(keys) == 2
    assert {row["stage"] for row in ledger(lake, first.run_id)} == {
        "extract", "escalate", "insights",
    }  # fmt: skip
    assert "decide" in {row["stage"] for row in ledger(lake, second.run_id)}


def test_a_forecast_lists_the_stage_and_never_more_than_the_share(tmp_path: Path) -> None:
    source = doubtful(tmp_path, 6)

    said = forecast_job(expand(make_job(source, orchestrator={"share": 0.01})), {})
    without = forecast_job(expand(make_job(source, orchestrator={"share": 0.0})), {})

    (stage,) = [stage for stage in said.stages if stage.stage == "decide"]
    assert 0 < stage.calls.high <= 0.02 * said.documents
    assert "decide" not in {stage.stage for stage in without.stages}
