"""Runs that were broken off or ran out of money: parked, resumed, and nothing paid twice."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from flows.wiring import Direct, run_pipeline, start_run
from llms.failures import ProviderError
from schemas.manifest import RunStatus, ShardResult
from storage.manifests import list_runs, read_manifest, write_manifest
from storage.store import Lake
from tasks.extract import extract_shard
from tasks.ingest import ShardRef
from tasks.interruption import INTERRUPTION
from tasks.jobs import JobError
from tasks.ledger_rows import spent_usd
from tasks.progress import progress_of
from tasks.verification import verify_run
from tests.small_runs import (
    SECRET,
    PaidProvider,
    as_killed,
    figures,
    invoices,
    make_job,
    manifest_of,
    records,
    run,
)


class Interrupted(Direct):
    """A backend that dies, as of Ctrl-C, when it has finished so many shards."""

    def __init__(self, after: int) -> None:
        self._after = after

    def extract(
        self, refs: Sequence[ShardRef], lake_url: str, run_id: str
    ) -> Iterator[ShardResult]:
        yield from super().extract(refs[: self._after], lake_url, run_id)
        raise KeyboardInterrupt


class Stopped(Direct):
    """A backend that is told to stop once its first shard is done; the others are begun after."""

    def extract(
        self, refs: Sequence[ShardRef], lake_url: str, run_id: str
    ) -> Iterator[ShardResult]:
        for ref in refs:
            yield extract_shard(ref, lake_url, run_id)
            INTERRUPTION.ask()


class TestResume:
    def test_shards_that_were_not_begun_when_it_was_told_to_stop_wait_and_the_others_count(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        job = make_job(invoices(tmp_path / "docs", 6), shard_size=2, profile="openai")
        try:
            parked = run_pipeline(start_run(job, env=paid.ENV, run_id="night"), Stopped())
        finally:
            INTERRUPTION.clear()
        done = run(job, paid.ENV, run_id="night")

        assert (parked.status, parked.extracted, parked.skipped) == (RunStatus.PARKED, 2, 4)
        assert str(parked.message).startswith("4 documents wait: the run was told to stop")
        assert 0 < parked.usd == parked.records_usd
        assert (done.status, done.extracted, paid.paid_twice()) == (RunStatus.DONE, 6, 0)
        assert verify_run(Lake(done.lake), "night").ok

    def test_a_lake_that_was_moved_is_gone_on_with_where_it_is(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        job = make_job(
            invoices(tmp_path / "docs", 6), shard_size=2, profile="openai", budget_usd=0.02
        )
        parked = run(job, paid.ENV, run_id="night")
        moved = Path(job.lake).rename(tmp_path / "elsewhere")

        more = job.model_copy(update={"lake": str(moved), "budget_usd": 5.0})
        done = run(more, paid.ENV, run_id="night")

        assert (parked.status, done.status) == (RunStatus.PARKED, RunStatus.DONE)
        assert (done.extracted, paid.paid_twice()) == (6, 0)
        assert (done.lake, Path(job.lake).exists()) == (str(moved), False)
        assert verify_run(Lake(str(moved)), "night").ok

    def test_lost_outcomes_are_filled_from_the_response_store(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        job = make_job(
            invoices(tmp_path / "docs", 6), shard_size=2, profile="openai", verify={"share": 0.5}
        )
        first = run(job, paid.ENV)
        before, asked = records(Lake(first.lake)), len(paid.asked)
        for shard in manifest_of(first).shards[::2]:
            Path(first.lake, shard.outcomes).unlink()

        second = run(job, paid.ENV)

        assert (second.calls, second.reused, len(paid.asked)) == (0, 2, asked)
        assert second.records_usd == pytest.approx(first.records_usd)
        assert records(Lake(first.lake)).equals(before)
        assert figures(first) == figures(second)
        assert verify_run(Lake(second.lake), second.run_id).ok

    def test_an_interrupted_run_goes_on_where_it_was(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        job = make_job(invoices(tmp_path / "docs", 6), shard_size=2, profile="openai")
        started = start_run(job, env=paid.ENV, run_id="night")
        with pytest.raises(KeyboardInterrupt):
            run_pipeline(started, Interrupted(after=2))
        lake = Lake(job.lake)
        assert read_manifest(lake, "night").status is RunStatus.FAILED

        done = run(job, paid.ENV, run_id="night")

        assert (done.status, done.extracted, done.reused) == (RunStatus.DONE, 6, 4)
        assert paid.paid_twice() == 0
        assert [m.run_id for m in list_runs(lake)] == ["night"]
        assert verify_run(lake, "night").ok

    def test_what_a_run_paid_before_it_was_interrupted_stays_in_its_cost(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        job = make_job(invoices(tmp_path / "docs", 4), shard_size=2, profile="openai")
        calm = run(job.model_copy(update={"lake": str(tmp_path / "calm")}), paid.ENV)

        class DiesLate(Direct):
            def report(self, lake_url: str, run_id: str) -> dict[str, str]:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run_pipeline(start_run(job, env=paid.ENV, run_id="night"), DiesLate())

        done = run(job, paid.ENV, run_id="night")

        assert done.usd == pytest.approx(calm.usd)
        assert done.calls == calm.calls
        assert verify_run(Lake(done.lake), done.run_id).ok

    def test_a_run_that_is_done_is_not_run_again(self, tmp_path: Path) -> None:
        job = make_job(invoices(tmp_path / "docs", 2))
        run(job, run_id="night")

        with pytest.raises(JobError, match="nothing to resume"):
            start_run(job, env={}, run_id="night")

    def test_a_run_that_another_process_is_at_is_left_alone(self, tmp_path: Path) -> None:
        job = make_job(invoices(tmp_path / "docs", 2))
        run(job, run_id="night")
        lake = Lake(job.lake)
        sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            write_manifest(lake, as_killed(lake, "night").model_copy(update={"pid": sleeper.pid}))
            with pytest.raises(JobError, match="still under way"):
                start_run(job, env={}, run_id="night")
        finally:
            sleeper.kill()
            sleeper.communicate()

    def test_records_that_were_lost_are_made_again_without_a_call(self, tmp_path: Path) -> None:
        job = make_job(invoices(tmp_path / "docs", 3))
        first = run(job)
        lake = Lake(job.lake)
        for path in lake.find("records/post/invoice"):
            Path(lake.full(path)).unlink()

        again = run(job)

        assert (again.extracted, again.calls) == (first.extracted, 0)
        assert len(records(lake)) == 3

    def test_prices_and_models_stay_as_they_were_pinned(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        job = make_job(invoices(tmp_path / "docs", 2), profile="openai")
        pinned = start_run(job, env=paid.ENV, run_id="night")

        again = start_run(
            job.model_copy(update={"profile": "offline", "budget_usd": 3.0}),
            env=paid.ENV,
            run_id="night",
        )

        assert again.resolution == pinned.resolution
        assert again.job == pinned.job.model_copy(update={"budget_usd": 3.0})


class TestMoney:
    def test_a_budget_parks_the_run_and_a_higher_one_finishes_it_without_paying_twice(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        from tasks.runtime import runtime_of

        job = make_job(
            invoices(tmp_path / "docs", 8), shard_size=2, profile="openai", budget_usd=0.02
        )
        left_usd: list[float] = []

        def watch(_: dict[str, Any]) -> None:
            left = runtime_of(job.lake, "night").budget.remaining_usd
            assert left is not None
            left_usd.append(left)

        paid.refusal = watch

        parked = run(job, paid.ENV, run_id="night")
        more = job.model_copy(update={"budget_usd": 5.0})
        done = run(more, paid.ENV, run_id="night")

        assert (parked.status, parked.report) == (RunStatus.PARKED, "")
        assert parked.usd <= 0.02
        assert parked.documents == parked.extracted + parked.failed + parked.skipped == 8
        assert str(parked.message).endswith("; resume the run with a higher `--budget`")
        assert (done.status, done.extracted, paid.paid_twice()) == (RunStatus.DONE, 8, 0)
        assert min(left_usd) >= -1e-9
        assert done.usd == pytest.approx(done.records_usd)
        assert verify_run(Lake(done.lake), "night").ok

    @pytest.mark.parametrize("cap", ["budget_usd", "monthly_budget_usd"])
    def test_a_store_that_was_moved_away_grants_no_cap_a_second_time(
        self, tmp_path: Path, paid: PaidProvider, cap: str
    ) -> None:
        job = make_job(invoices(tmp_path / "docs", 8), shard_size=2, profile="openai")
        job = job.model_copy(update={cap: 0.02})
        parked = run(job, paid.ENV, run_id="night")
        asked = len(paid.asked)
        for file in Path(job.lake).glob("responses.db*"):
            file.unlink()

        again = run(job, paid.ENV, run_id="night")
        other = run(job, paid.ENV, run_id="next")

        assert 0 < parked.usd <= 0.02
        assert (again.status, again.usd) == (RunStatus.PARKED, pytest.approx(parked.usd))
        spent = spent_usd(Lake(job.lake), ["night"])["night"]
        assert spent == pytest.approx(parked.usd)
        if cap == "monthly_budget_usd":
            assert (other.status, len(paid.asked)) == (RunStatus.PARKED, asked)

    def test_what_is_spent_shows_while_a_shard_is_under_way(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        job = make_job(
            invoices(tmp_path / "docs", 6), shard_size=6, profile="openai", concurrency=1
        )
        shown: list[float] = []
        paid.refusal = lambda _: shown.append(progress_of("shown").usd)

        done = run(job, paid.ENV, run_id="shown")

        assert shown == sorted(shown)
        assert shown[0] == 0.0 < shown[-1] <= done.usd

    def test_a_budget_of_nothing_sends_nothing(self, tmp_path: Path, paid: PaidProvider) -> None:
        job = make_job(invoices(tmp_path / "docs", 2), profile="openai", budget_usd=0)

        done = run(job, paid.ENV)

        assert (done.status, done.usd, paid.asked) == (RunStatus.PARKED, 0.0, [])

    def test_an_exhausted_quota_parks_the_run(self, tmp_path: Path, paid: PaidProvider) -> None:
        job = make_job(invoices(tmp_path / "docs", 2), profile="openai")
        error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
        paid.refusal = lambda _: (429, error)

        parked = run(job, paid.ENV, run_id="night")
        paid.refusal = lambda _: None
        done = run(job, paid.ENV, run_id="night")

        assert parked.status is RunStatus.PARKED
        assert "You exceeded your current quota" in str(parked.message)
        assert (done.status, done.extracted) == (RunStatus.DONE, 2)

    def test_a_wrong_key_stops_the_run_with_the_providers_words_and_without_the_key(
        self, tmp_path: Path, paid: PaidProvider
    ) -> None:
        seen: list[str] = []

        def refuse(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            seen.append(body["model"])
            return 401, {"message": f"Incorrect API key provided: {SECRET}.", "code": "invalid"}

        paid.refusal = refuse
        job = make_job(
            invoices(tmp_path / "docs", 40), shard_size=4, concurrency=2, profile="openai"
        )

        done = run(job, paid.ENV)

        assert (done.status, done.report, done.usd) == (RunStatus.FAILED, "", 0.0)
        assert "Incorrect API key" in str(done.message)
        assert len(seen) <= 8
        files = [path for path in Path(done.lake).rglob("*") if path.is_file()]
        assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
        assert SECRET not in str(done.message)

    def test_a_missing_key_is_said_before_any_document_is_read(self, tmp_path: Path) -> None:
        job = make_job(invoices(tmp_path / "docs", 2), profile="openai")

        with pytest.raises(ProviderError, match="set OPENAI_API_KEY"):
            start_run(job, env={})

        assert not Path(job.lake).exists()
