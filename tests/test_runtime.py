"""The runtime of a run: one loop, one client, one budget, and a ledger that nobody forgets."""

import asyncio
import gc
import threading
from pathlib import Path

import pytest

from flows.wiring import start_run
from llms.failures import ProviderError, StoreError
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.runtime import RESPONSES_URL, Runtime, close_runtime, responses_url, runtime_of
from tests.small_runs import PaidProvider, invoices, make_job


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with a started run `night`."""
    monkeypatch.delenv(RESPONSES_URL, raising=False)
    job = make_job(invoices(tmp_path / "docs", 1))
    start_run(job, env={}, run_id="night")
    return Lake(job.lake)


def test_every_caller_in_a_process_shares_one_runtime_until_it_is_closed(lake: Lake) -> None:
    first = runtime_of(lake.url, "night")

    assert runtime_of(lake.url, "night") is first
    assert close_runtime(lake.url, "night") == []
    assert close_runtime(lake.url, "night") == []
    second = runtime_of(lake.url, "night")
    close_runtime(lake.url, "night")
    assert second is not first


def test_coroutines_of_all_threads_run_on_one_loop(lake: Lake) -> None:
    runtime = runtime_of(lake.url, "night")
    seen: list[tuple[int, str]] = []

    async def where() -> None:
        seen.append((id(asyncio.get_running_loop()), threading.current_thread().name))

    threads = [threading.Thread(target=lambda: runtime.run(where())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_runtime(lake.url, "night")

    assert len(seen) == 4
    assert set(seen) == {(seen[0][0], "docmill-night")}


def test_closing_leaves_no_thread_behind(lake: Lake) -> None:
    before = threading.active_count()

    runtime_of(lake.url, "night")
    close_runtime(lake.url, "night")

    assert threading.active_count() == before


def test_closing_ends_a_claim_that_nobody_waits_for_any_more(
    lake: Lake, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_of(lake.url, "night")
    loop_is_gone = threading.Event()
    monkeypatch.setattr(runtime.limiters, "close", loop_is_gone.set)
    store = runtime.store
    # The writer is busy until then, so that the claim is under way while the loop ends.
    busy = threading.Thread(target=store.alone, args=(lambda _: loop_is_gone.wait(),))
    busy.start()

    async def break_off_a_claim() -> None:
        claim = asyncio.ensure_future(store.claim("k1"))
        await asyncio.sleep(0)
        claim.cancel()
        await asyncio.wait([claim])

    runtime.run(break_off_a_claim())
    del runtime
    close_runtime(lake.url, "night")
    busy.join()
    gc.collect()

    # "Task was destroyed but it is pending!"
    assert caplog.messages == []


def test_documents_in_work_keep_to_the_places_of_this_process_and_grow_with_them(
    lake: Lake,
) -> None:
    concurrency = read_manifest(lake, "night").job.concurrency
    runtime = runtime_of(lake.url, "night", sharers=2, places=concurrency // 2)

    async def fill() -> int:
        found = 0
        while not runtime.documents_in_flight.locked():
            await runtime.documents_in_flight.acquire()
            found += 1
        return found

    assert concurrency // 2 < runtime.run(fill()) < concurrency
    runtime.widen(3)
    assert runtime.run(fill()) == 3
    close_runtime(lake.url, "night")


def test_an_error_in_a_coroutine_reaches_the_caller(lake: Lake) -> None:
    runtime = runtime_of(lake.url, "night")

    async def fail() -> None:
        raise ValueError("so it is")

    with pytest.raises(ValueError, match="so it is"):
        runtime.run(fail())
    close_runtime(lake.url, "night")


def test_what_a_run_spent_before_counts_against_its_budget(
    tmp_path: Path, paid: PaidProvider
) -> None:
    job = make_job(invoices(tmp_path / "docs", 1), profile="openai", budget_usd=1.0)
    manifest = start_run(job, env=paid.ENV, run_id="night")
    runtime = runtime_of(job.lake, "night")
    runtime.run(runtime.budget.acquire(0.25, "s1"))
    close_runtime(job.lake, "night")

    again = Runtime(manifest, Lake(job.lake))

    # Money is taken in leases a little larger than a call: a killed one counts whole.
    assert again.budget.spent_usd >= 0.25
    again.close()


def test_a_key_that_is_gone_is_said(
    tmp_path: Path, paid: PaidProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(invoices(tmp_path / "docs", 1), profile="openai")
    manifest = start_run(job, env=paid.ENV)
    monkeypatch.delenv("OPENAI_API_KEY")

    with pytest.raises(ProviderError, match="set OPENAI_API_KEY"):
        Runtime(manifest, Lake(job.lake))


class TestResponsesUrl:
    def test_a_local_lake_keeps_its_answers_inside(self, lake: Lake) -> None:
        assert responses_url(lake) == f"sqlite:///{lake.root}/responses.db"

    def test_an_object_store_keeps_them_in_the_users_state_one_file_per_lake(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(RESPONSES_URL, raising=False)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

        one, other = (responses_url(Lake(f"memory://bucket/{name}")) for name in ("a", "b"))

        assert one.startswith(f"sqlite:///{tmp_path}/docmill/")
        assert one != other

    def test_the_environment_wins(self, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(RESPONSES_URL, "sqlite:////elsewhere/answers.db")

        assert responses_url(lake) == "sqlite:////elsewhere/answers.db"

    def test_a_database_that_is_not_supported_is_said(
        self, lake: Lake, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(RESPONSES_URL, "mysql://user:hunter2@db/answers")

        with pytest.raises(StoreError, match="SQLite or PostgreSQL") as caught:
            runtime_of(lake.url, "night")

        assert "hunter2" not in str(caught.value)
