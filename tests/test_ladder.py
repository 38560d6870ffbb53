"""When money runs short: first a cheaper lane, then fewer verifications, then the run parks."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows.wiring import Direct, run_pipeline, start_run
from schemas.job import Job
from schemas.manifest import RunStatus, RunSummary
from schemas.providers import Lane
from schemas.roles import Resolution
from storage.manifests import write_manifest
from storage.store import Lake
from tasks.ladder import FEWEST_DOCUMENTS, Ladder
from tasks.lanes import Cheaper, cheaper_lane, plan_lanes
from tasks.progress import progress_of
from tasks.verification import verify_run
from tests.small_runs import PaidProvider, invoices, make_job
from tests.test_lanes import BATCHING, NOON, PLAIN, make_manifest
from tests.test_lanes import make_job as make_laned_job

FLEX = Cheaper(Lane.FLEX, frozenset({"extract"}), 0.5)


@dataclass
class Purse:
    """A cap of which tests take."""

    unspent_usd: float | None


@dataclass
class Stairs:
    """A ladder over so many documents, with what it did."""

    purse: Purse
    documents: int = 100
    share: float = 0.5
    cheaper: Cheaper | None = None
    asked: list[float] = field(default_factory=list)
    shifted: list[tuple[Collection[str], Lane]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ladder = Ladder(
            self.purse,
            self.documents,
            self.share,
            cheaper=self._cheaper,
            shift=lambda stages, lane: self.shifted.append((stages, lane)),
            tell=self.told.append,
        )

    def _cheaper(self, left: float) -> Cheaper | None:
        self.asked.append(left)
        return self.cheaper

    def work(self, documents: int, usd: float = 1.0) -> None:
        """Work on so many documents."""
        for _ in range(documents):
            self.ladder.worked(usd)
            if self.purse.unspent_usd is not None:
                self.purse.unspent_usd -= usd


def test_with_money_enough_nothing_is_given_up() -> None:
    stairs = Stairs(Purse(200.0), cheaper=FLEX)
    stairs.ladder.begin_shard(100, 100)

    stairs.work(100)

    assert stairs.ladder.share(100) == 0.5
    assert (stairs.shifted, stairs.told) == ([], [])


def test_without_a_cap_nobody_looks() -> None:
    stairs = Stairs(Purse(None), cheaper=FLEX)
    stairs.ladder.begin_shard(100, 100)

    stairs.work(50)

    assert not stairs.ladder.is_watching
    assert stairs.ladder.share(50) == 0.5
    assert stairs.asked == []


def test_a_cheaper_lane_is_taken_once_the_rest_costs_more_than_is_left() -> None:
    stairs = Stairs(Purse(60.0), cheaper=FLEX)
    stairs.ladder.begin_shard(100, 100)

    stairs.work(FEWEST_DOCUMENTS - 1)
    assert stairs.shifted == []
    stairs.work(20)

    assert stairs.shifted == [({"extract"}, Lane.FLEX)]
    assert stairs.told == stairs.ladder.notes
    assert stairs.told == [
        "$51 are left and the 90 documents to come should cost $90: the rest is sent in the flex "
        "lane"
    ]


def test_where_no_lane_is_cheaper_it_is_told_that_the_run_will_be_parked() -> None:
    stairs = Stairs(Purse(60.0))
    stairs.ladder.begin_shard(100, 100)

    stairs.work(30)

    assert stairs.shifted == []
    assert len(stairs.told) == 1
    assert stairs.told[0].endswith(
        "no lane that can be waited for is known to be cheaper, and the run may be parked"
    )


def test_verifications_get_what_the_rest_of_the_documents_leaves() -> None:
    # 60 documents to come cost $60; of the 50 verifications due $20 are left for 20.
    stairs = Stairs(Purse(120.0), cheaper=FLEX)
    stairs.ladder.begin_shard(40, 40)
    stairs.work(40)

    assert stairs.ladder.share(40) == pytest.approx(0.2)
    assert stairs.told[0].startswith("$80 are left and the 50 verifications to come")


def test_what_a_verification_has_cost_counts_once_one_was_seen() -> None:
    stairs = Stairs(Purse(120.0), cheaper=FLEX)
    stairs.ladder.begin_shard(40, 40)
    stairs.work(40)
    stairs.ladder.checked(0.4)

    assert stairs.ladder.share(40) == 0.5


def test_documents_that_the_lake_has_are_not_counted_as_to_come() -> None:
    stairs = Stairs(Purse(25.0), documents=1000, cheaper=FLEX)
    for _ in range(9):
        stairs.ladder.begin_shard(100, 0)
    stairs.ladder.begin_shard(100, 20)

    stairs.work(12)

    assert stairs.shifted == []


class TestCheaperLane:
    def found(
        self, tmp_path: Path, job: Job, *, left: float = 10, hours: float = 0.0, offers: Any = None
    ) -> Cheaper | None:
        from llms.responses import ResponseStore

        providers = BATCHING if offers is None else offers
        manifest = make_manifest(job)
        now = NOON.timestamp() + hours * 3600
        with ResponseStore(f"sqlite:///{tmp_path / 'responses.db'}") as store:
            plan, _ = plan_lanes(manifest, providers, store, now=now)
        return cheaper_lane(manifest, providers, plan, left, now=now)

    def test_a_batch_is_taken_where_a_day_is_enough(self, tmp_path: Path) -> None:
        found = self.found(tmp_path, make_laned_job())

        assert found is not None
        assert (found.lane, found.factor) == (Lane.BATCH, pytest.approx(0.5))
        assert "extract" in found.stages

    def test_so_many_documents_that_a_day_is_not_enough_stay_online(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, make_laned_job(), left=5000) is None

    def test_a_run_that_is_to_be_ready_soon_stays_online(self, tmp_path: Path) -> None:
        job = make_laned_job(ready_by="2026-07-10T13:00+00:00")

        assert self.found(tmp_path, job) is None

    def test_a_lane_that_the_job_names_is_kept(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, make_laned_job(lane="standard")) is None

    def test_a_provider_without_lanes_has_none(self, tmp_path: Path) -> None:
        assert self.found(tmp_path, make_laned_job(), offers=PLAIN) is None


class TestRun:
    """Forty invoices, two at a time, at a provider that costs."""

    def job(self, folder: Path, name: str, **changes: Any) -> Job:
        docs = folder / "docs"
        if not docs.exists():
            invoices(docs, 40)
        usual = {"profile": "openai", "shard_size": 20, "concurrency": 2, "verify": {"share": 0.0}}
        return make_job(docs, **{**usual, "lake": str(folder / name), **changes})

    def run(self, job: Job, paid: PaidProvider, *, discount: float = 0.0) -> RunSummary:
        """Run a job, with a discount on the lanes that are not standard."""
        manifest = start_run(job, env=paid.ENV, run_id="night")
        known = manifest.resolution.model_dump()
        for model in [one for ranked in known["roles"].values() for one in ranked]:
            model["batch_discount"] = discount
        resolution = Resolution.model_validate(known)
        manifest = manifest.model_copy(update={"resolution": resolution})
        write_manifest(Lake(manifest.job.lake), manifest)
        return run_pipeline(manifest, Direct())

    def ledger(self, done: RunSummary) -> pl.DataFrame:
        """The rows of a run."""
        return pl.read_parquet(f"{done.lake}/attempts/{done.run_id}/*.parquet")

    def test_the_rest_is_sent_in_the_flex_lane_and_the_report_says_so(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        whole = self.run(self.job(tmp_path, "free"), paid)
        done = self.run(self.job(tmp_path, "short", budget_usd=0.8 * whole.usd), paid, discount=0.5)

        assert (done.status, done.extracted) == (RunStatus.DONE, 40)
        assert done.usd < 0.8 * whole.usd
        lanes = Counter(self.ledger(done)["lane"].to_list())
        assert lanes["standard"] >= FEWEST_DOCUMENTS
        assert lanes["flex"] > 15
        (note,) = [note for note in done.notes if "flex lane" in note]
        assert note in progress_of("night").said
        assert note in (Path(done.lake) / "runs" / "night" / "report.md").read_text()
        assert verify_run(Lake(done.lake), "night").ok

    def test_verifications_give_way_to_documents(self, tmp_path: Path, paid: PaidProvider) -> None:
        work = self.run(self.job(tmp_path, "work"), paid)
        all_of_it = {"verify": {"share": 1.0}}
        whole = self.run(self.job(tmp_path, "whole", **all_of_it), paid)
        cap = work.usd + 0.9 * (whole.usd - work.usd)
        done = self.run(self.job(tmp_path, "short", budget_usd=cap, **all_of_it), paid)

        assert (done.status, done.extracted) == (RunStatus.DONE, 40)
        assert done.usd <= cap
        checks = self.ledger(done).filter(pl.col("stage") == "verify")["doc_id"].n_unique()
        assert 0 < checks < 40
        told = f"for want of money, {40 - checks} verifications that were due were left out"
        assert told in done.notes

    def test_a_run_that_parks_after_all_goes_on_with_more_and_pays_nothing_twice(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        whole = self.run(self.job(tmp_path, "free"), paid)
        paid.asked.clear()
        job = self.job(tmp_path, "short", budget_usd=0.7 * whole.usd)

        parked = self.run(job, paid)
        done = self.run(job.model_copy(update={"budget_usd": 10 * whole.usd}), paid)

        assert parked.status is RunStatus.PARKED
        assert 10 < parked.extracted < 40
        assert parked.usd <= 0.7 * whole.usd
        assert any("the run may be parked" in note for note in parked.notes)
        assert (done.status, done.extracted, paid.paid_twice()) == (RunStatus.DONE, 40, 0)
        assert done.usd == pytest.approx(whole.usd)
        assert not [note for note in done.notes if "are left and" in note]

    def test_with_more_money_only_what_is_still_true_is_told(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        all_of_it = {"verify": {"share": 1.0}}
        whole = self.run(self.job(tmp_path, "free", **all_of_it), paid)
        job = self.job(tmp_path, "short", budget_usd=0.6 * whole.usd, **all_of_it)

        parked = self.run(job, paid)
        done = self.run(job.model_copy(update={"budget_usd": 10 * whole.usd}), paid)

        assert (parked.status, done.status) == (RunStatus.PARKED, RunStatus.DONE)
        assert any("there are fewer of them" in note for note in parked.notes)
        checks = self.ledger(done).filter(pl.col("stage") == "verify")["doc_id"].n_unique()
        assert 0 < checks < 40
        told = f"for want of money, {40 - checks} verifications that were due were left out"
        assert [note for note in done.notes if note not in whole.notes] == [told]
