"""A backfill: a run per span of days, in order, within one budget, resumable."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flows.partition_runs import BackfillSummary, run_backfill, run_directly
from schemas.job import Backfill, Job
from schemas.manifest import RunStatus, RunSummary
from storage.manifests import list_runs, read_manifest
from storage.store import Lake
from tasks.ledger_rows import spent_usd
from tasks.verification import verify_run
from tests.small_runs import PaidProvider, invoice, make_job, records, run, write_folder


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two invoices in each month from January to April."""
    return write_folder(
        tmp_path / "docs",
        {
            f"2026/{month:02}/{day:02}/a.txt": invoice(month * 100 + day)
            for month in range(1, 5)
            for day in (3, 17)
        },
    )


def make_backfill(job: Job, **changes: Any) -> Backfill:
    usual = {"job": job, "since": date(2026, 1, 1), "until": date(2026, 5, 1)}
    return Backfill.model_validate({**usual, **changes})


class Partitions:
    """Runs partitions directly and notes their ids; `stop_at` ends in what a test wants."""

    def __init__(self, **endings: BaseException) -> None:
        self.ran: list[str] = []
        self._endings = endings

    def __call__(self, job: Job, parent: str, run_id: str) -> RunSummary:
        self.ran.append(run_id)
        if ending := self._endings.pop(run_id.replace("-", "_"), None):
            raise ending
        return run_directly(job, parent, run_id)


def test_each_month_is_a_run_of_its_own_under_one_parent(archive: Path) -> None:
    job = make_job(archive)

    done = run_backfill(make_backfill(job), run_directly, "winter")

    assert (done.status, done.documents, done.extracted) == (RunStatus.DONE, 8, 8)
    assert [one.documents for one in done.runs] == [2, 2, 2, 2]
    manifests = list_runs(Lake(job.lake))
    assert {m.parent for m in manifests} == {"winter"}
    assert all(verify_run(Lake(job.lake), m.run_id).ok for m in manifests)


@pytest.mark.parametrize("parallel", [1, 3])
def test_what_a_night_has_done_a_backfill_skips(
    archive: Path, paid: PaidProvider, parallel: int
) -> None:
    job = make_job(archive, profile="openai", analysis={"max_insights": 0})
    night = run(job, paid.ENV)

    done = run_backfill(make_backfill(job, parallel=parallel), run_directly, "b")

    assert (done.reused, done.calls, done.usd) == (8, 0, 0.0)
    assert sum(one.records_usd for one in done.runs) == pytest.approx(night.records_usd)


def test_an_interrupted_backfill_goes_on_with_the_partition_it_was_in(archive: Path) -> None:
    plan = make_backfill(make_job(archive))
    first = Partitions(b_20260301=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run_backfill(plan, first, "b")

    second = Partitions()
    done = run_backfill(plan, second, "b")

    assert second.ran[0] == "b-20260301"
    assert not {"b-20260101", "b-20260201"} & set(second.ran)
    assert (done.status, done.documents, len(done.runs)) == (RunStatus.DONE, 8, 4)


def test_a_parked_partition_halts_those_after_it(archive: Path, paid: PaidProvider) -> None:
    job = make_job(archive, profile="openai")
    plan = make_backfill(job, budget_usd=0.01)

    parked = run_backfill(plan, run_directly, "b")
    done = run_backfill(plan.model_copy(update={"budget_usd": 5.0}), run_directly, "b")

    assert parked.status is RunStatus.PARKED
    assert "partitions not begun" in str(parked.message)
    assert parked.usd <= 0.01
    assert (done.status, done.documents, paid.paid_twice()) == (RunStatus.DONE, 8, 0)


@pytest.mark.parametrize(("parallel", "budget"), [(1, 0.03), (2, 0.06), (4, 0.12)])
def test_partitions_together_never_overrun_the_budget_however_often_it_is_resumed(
    archive: Path, paid: PaidProvider, parallel: int, budget: float
) -> None:
    job = make_job(archive, profile="openai", analysis={"max_insights": 0})
    plan = make_backfill(job, budget_usd=budget, parallel=parallel)
    done: BackfillSummary | None = None

    for _ in range(3):
        done = run_backfill(plan, run_directly, "b")

    lake = Lake(job.lake)
    spent = spent_usd(lake, [m.run_id for m in list_runs(lake)])
    assert done is not None
    assert 0 < sum(spent.values()) <= budget
    assert done.usd == pytest.approx(sum(spent.values()))


def test_a_partition_resumed_after_a_kill_counts_what_it_had_paid(
    archive: Path, paid: PaidProvider
) -> None:
    job = make_job(archive, profile="openai", analysis={"max_insights": 0})
    plan = make_backfill(job, budget_usd=1.0)
    lake = Lake(job.lake)
    whole = run_backfill(plan, run_directly, "b")
    # As a kill leaves it: the answers are stored and paid, ledger and outcomes are not written.
    for path in [*lake.find("attempts/b-20260401"), *lake.find("records/post/_outcomes")]:
        Path(lake.full(path)).unlink()
    manifest = read_manifest(lake, "b-20260401")
    Path(lake.full(lake.run("b-20260401", "manifest.json"))).write_text(
        manifest.model_copy(update={"status": RunStatus.RUNNING}).model_dump_json()
    )

    again = run_backfill(plan, run_directly, "b")

    assert again.usd == pytest.approx(whole.usd)
    assert (again.status, again.extracted, paid.paid_twice()) == (RunStatus.DONE, 8, 0)


def test_a_document_without_a_date_belongs_to_no_partition(archive: Path) -> None:
    write_folder(archive, {"undated.txt": invoice(1)})

    done = run_backfill(make_backfill(make_job(archive)), run_directly, "b")

    assert done.documents == 8


def test_partitions_at_once_share_shards_without_losing_records(archive: Path) -> None:
    job = make_job(archive)
    lake = Lake(job.lake)
    # Ingested beforehand, as by the nightly run: all partitions meet in the same shard.
    start = run(job.model_copy(update={"description": "other", "seed": 1}))

    done = run_backfill(make_backfill(job, parallel=4), run_directly, "b")

    assert done.extracted == start.extracted
    assert len(records(lake)) == 2 * start.extracted
    assert all(verify_run(lake, one.run_id).ok for one in done.runs)
