"""Several processes on one run: the same records and books as one, whatever becomes of them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from flows.wiring import start_run
from llms.responses import ResponseStore
from llms.simulator.scenario import Scenario
from llms.simulator.server import Listening, serve
from schemas.job import Job
from schemas.manifest import RunStatus, RunSummary
from storage.store import Lake
from tasks import key_ring, worker_link, worker_processes
from tasks.progress import Progress, progress_of
from tasks.runtime import responses_url
from tasks.stages import ingest_run
from tasks.worker_processes import WORTH_IT, processes_for, start_workers
from tests import small_runs
from tests.small_runs import SECRET, invoices, make_job, records

DOCUMENTS = 36
IN_FLIGHT = 8
PRICES = {"input": 1.0, "output": 10.0}


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    """A provider that costs money and knows one key, which stands in the environment."""
    with serve(Scenario.of({"answers": "lifted", "keys": [SECRET], "prices": PRICES})) as started:
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        monkeypatch.setenv("OPENAI_BASE_URL", started.url)
        yield started


def a_job(folder: Path, processes: int, **changes: object) -> Job:
    """A job over some invoices in shards of six."""
    return make_job(
        invoices(folder / "docs", DOCUMENTS),
        profile="openai",
        processes=processes,
        shard_size=6,
        concurrency=IN_FLIGHT,
        **changes,
    )


def run(job: Job) -> RunSummary:
    """Run a job with the keys that stand in the environment and in the key ring."""
    return small_runs.run(job, env=key_ring.keys())


def counts(done: RunSummary) -> tuple[object, ...]:
    """What must not depend on the number of processes."""
    return done.status, done.documents, done.extracted, done.failed, done.skipped


def ledger_usd(lake: Lake, run_id: str) -> float:
    """What the ledger of a run adds up to."""
    tables = [
        lake.read_table(path, ["usd"]) for path in lake.find(f"attempts/{run_id}", ".parquet")
    ]
    return float(pc.sum(pa.concat_tables(tables).column("usd")).as_py())


def children() -> set[int]:
    """The worker processes of this one."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if b"tasks.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.add(child)
    return found


def kill_one(provider: Listening, paid: int, killed: list[int], over: threading.Event) -> None:
    """Kill a worker once so many requests were paid for and another one is in flight."""
    while not over.wait(0.005):
        stats = provider.stats()
        if stats.paid.requests >= paid and stats.in_flight:
            victim = min(children())
            os.kill(victim, signal.SIGKILL)
            killed.append(victim)
            return


def test_two_processes_make_the_records_and_books_of_one(
    tmp_path: Path, provider: Listening
) -> None:
    one = run(a_job(tmp_path / "one", 1))
    paid_by_one = provider.stats().paid.requests
    provider.reset()
    two = run(a_job(tmp_path / "two", 2))

    assert counts(two) == counts(one) == (RunStatus.DONE, DOCUMENTS, DOCUMENTS, 0, 0)
    assert records(Lake(two.lake)) == records(Lake(one.lake))
    assert provider.stats().paid.requests == two.calls == one.calls == paid_by_one
    assert provider.stats().repeats.paid == 0
    assert provider.stats().most_in_flight <= IN_FLIGHT
    assert (
        two.usd == pytest.approx(one.usd) == pytest.approx(ledger_usd(Lake(two.lake), two.run_id))
    )
    assert [(name, done) for name, done, _ in progress_of(two.run_id).closed][1:3] == [
        ("ingest", DOCUMENTS),
        ("extract", DOCUMENTS),
    ]
    assert children() == set()


@pytest.mark.skipif(not Path("/proc").exists(), reason="workers are found through /proc")
def test_what_workers_spend_is_told_as_it_is_and_not_with_what_they_have_set_aside(
    tmp_path: Path, provider: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, float] = {}

    class Watched(Progress):
        def enter(self, stage: str, total: int | None = None) -> None:
            told[stage] = self.usd
            super().enter(stage, total)

    monkeypatch.setattr("tasks.progress.Progress", Watched)
    done = run(a_job(tmp_path, 2))

    ledger = pa.concat_tables(
        Lake(done.lake).read_table(path, ["stage", "usd"])
        for path in Lake(done.lake).find(f"attempts/{done.run_id}", ".parquet")
    )
    extraction = ledger.filter(pc.not_equal(ledger["stage"], "insights"))
    assert told["analyze"] == pytest.approx(pc.sum(extraction["usd"]).as_py())


def test_a_killed_worker_costs_at_most_what_it_had_in_flight(
    tmp_path: Path, provider: Listening
) -> None:
    calm = run(a_job(tmp_path / "calm", 1))
    provider.play(
        Scenario.of({"answers": "lifted", "keys": [SECRET], "prices": PRICES, "latency": 0.05})
    )
    killed: list[int] = []
    over = threading.Event()
    killer = threading.Thread(target=kill_one, args=(provider, 12, killed, over))
    killer.start()

    done = run(a_job(tmp_path / "killed", 2))

    over.set()
    killer.join()
    assert len(killed) == 1
    assert counts(done) == counts(calm)
    assert records(Lake(done.lake)) == records(Lake(calm.lake))
    assert provider.stats().repeats.paid <= IN_FLIGHT // 2
    lake = Lake(done.lake)
    with ResponseStore(responses_url(lake)) as store:
        assert ledger_usd(lake, done.run_id) == pytest.approx(store.spent(done.run_id))
    assert children() == set()


def test_a_key_out_of_a_secret_block_reaches_workers_and_no_command_line(
    tmp_path: Path, provider: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setattr(key_ring, "_fetched", {})
    key_ring.keep("the-key", SECRET)
    started: list[str] = []
    start = worker_link._started

    def noted(channel: int) -> object:
        process = start(channel)
        started.append(repr(process.args) + repr(sorted(os.environ.items())))
        return process

    monkeypatch.setattr(worker_link, "_started", noted)
    job = a_job(
        tmp_path, 2, providers={"openai": {"base_url": provider.url, "key_block": "the-key"}}
    )

    done = run(job)

    assert counts(done) == (RunStatus.DONE, DOCUMENTS, DOCUMENTS, 0, 0)
    assert len(started) == 2
    assert SECRET not in "".join(started)


def test_what_stops_a_worker_stops_the_run_in_one_sentence(
    tmp_path: Path, provider: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-0123456789abcdef")

    done = run(a_job(tmp_path, 2))

    assert done.status is RunStatus.FAILED
    assert "(auth, HTTP status 401)" in str(done.message)
    assert "\n" not in str(done.message)
    assert provider.stats().paid.requests == 0


def test_workers_that_keep_dying_end_the_run_in_one_sentence(
    tmp_path: Path, provider: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = [sys.executable, "-c", "import os; os._exit(9)"]
    monkeypatch.setattr(worker_link, "_started", lambda _: subprocess.Popen(dying))

    done = run(a_job(tmp_path, 2))

    assert done.status is RunStatus.FAILED
    assert "worker processes died while they extracted shard" in str(done.message)
    assert "processes: 1" in str(done.message)


def test_only_documents_without_an_outcome_count_as_new(tmp_path: Path) -> None:
    job = make_job(invoices(tmp_path / "docs", 8), shard_size=4)
    done = small_runs.run(job)
    invoices(tmp_path / "docs", 11)
    lake = Lake(done.lake)
    manifest = start_run(job, env={})

    refs = ingest_run(done.lake, manifest.run_id).shards

    assert len(refs) == 3
    assert worker_processes.new_documents(lake, manifest, refs) == 3


@pytest.mark.skipif(not Path("/proc").exists(), reason="workers are found through /proc")
def test_processes_that_nobody_needed_after_all_are_gone(tmp_path: Path) -> None:
    job = a_job(tmp_path, 2)
    manifest = start_run(job, env={"OPENAI_API_KEY": SECRET})

    ingest_run(manifest.job.lake, manifest.run_id)

    assert len(children()) == 2
    assert start_workers(manifest.job.lake, manifest.run_id, []) is None
    assert children() == set()


@pytest.mark.parametrize(
    ("changes", "documents", "expected"),
    [
        pytest.param({}, WORTH_IT - 1, 1, id="few-documents"),
        pytest.param({}, WORTH_IT, 4, id="many-documents"),
        pytest.param({"processes": 1}, WORTH_IT, 1, id="as-the-job-says"),
        pytest.param({"processes": 3}, 10, 3, id="as-the-job-says-of-few"),
        pytest.param({"processes": 3}, 0, 1, id="nothing-new"),
        pytest.param({"processes": 3, "lane": "batch"}, WORTH_IT, 1, id="batches"),
        pytest.param({"ready_by": "06:00"}, WORTH_IT, 1, id="perhaps-batches"),
    ],
)
def test_how_many_processes_a_run_gets(
    changes: dict[str, object], documents: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_processes, "usable_cores", lambda: 4)

    assert processes_for(Job.model_validate(changes), documents) == expected
