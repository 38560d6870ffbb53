"""A store that fails stops a run with a sentence before more is paid; the run goes on later."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llms import database, keepers, responses
from llms.failures import StoreError
from llms.service_lanes import LanePlan
from schemas.job import Job
from schemas.manifest import RunStatus, RunSummary
from storage.store import Lake
from tasks.lanes import documents_at_once
from tasks.runtime import RESPONSES_URL
from tests.databases import NoPostgresError, PostgresServer, running_postgres
from tests.small_runs import PaidProvider, invoices, make_job, records, run

CONCURRENCY = 2
IN_FLIGHT = documents_at_once(Job(concurrency=CONCURRENCY), LanePlan())
"""Documents in work: each may have an answer under way, from the provider or into the store."""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Twelve invoices, two at a time."""
    return make_job(
        invoices(tmp_path / "docs", 12), profile="openai", shard_size=4, concurrency=CONCURRENCY
    )


def at_request(number: int, do: Callable[[], Any]) -> Callable[[dict[str, Any]], None]:
    """Do something when the nth request arrives at the provider; it is answered all the same."""
    arrived: list[Any] = []

    def watch(body: dict[str, Any]) -> None:
        arrived.append(body)
        if len(arrived) == number:
            do()

    return watch


def check_stopped(stopped: RunSummary, told: str) -> None:
    """One sentence about the store, and no report."""
    assert stopped.status is RunStatus.FAILED
    assert stopped.message is not None
    assert stopped.message.startswith("the response store ")
    assert told in stopped.message
    assert "\n" not in stopped.message
    assert "Traceback" not in stopped.message


def check_resumed(job: Job, paid: PaidProvider, *, repeats: int) -> None:
    """The run goes on to its end; paid twice is at most what was in flight at the failure."""
    with pytest.MonkeyPatch.context() as patch:
        # As in life, the process that was stopped is gone: nobody waits for what it had claimed.
        patch.setattr(keepers, "living", lambda *_: set())
        done = run(job, paid.ENV, run_id="night")

    assert (done.status, done.extracted) == (RunStatus.DONE, 12)
    assert records(Lake(done.lake)).num_rows == 12
    assert paid.paid_twice() <= repeats


def test_a_damaged_file_is_told_before_anything_is_done(job: Job, paid: PaidProvider) -> None:
    store = Path(job.lake) / "responses.db"
    store.parent.mkdir(parents=True)
    store.write_bytes(b"these are not the pages of a database" * 1000)

    with pytest.raises(StoreError, match="is not a SQLite database"):
        run(job, paid.ENV, run_id="night")

    assert paid.asked == []
    store.unlink()
    check_resumed(job, paid, repeats=0)


def test_a_read_only_store_is_told_before_anything_is_done(
    job: Job, paid: PaidProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    responses.ResponseStore(f"sqlite:///{tmp_path / 'shared.db'}").close()
    uri = f"sqlite:///file:{tmp_path / 'shared.db'}?mode=ro&uri=true"
    monkeypatch.setenv(RESPONSES_URL, uri)

    with pytest.raises(StoreError, match="is read-only"):
        run(job, paid.ENV, run_id="night")

    assert paid.asked == []
    monkeypatch.setenv(RESPONSES_URL, f"sqlite:///{tmp_path / 'shared.db'}")
    check_resumed(job, paid, repeats=0)


def test_a_store_that_another_process_keeps_locked_stops_the_run(
    job: Job, paid: PaidProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_S", 0.05)
    path = Path(job.lake) / "responses.db"
    path.parent.mkdir(parents=True)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    paid.refusal = at_request(5, lambda: other.execute("BEGIN IMMEDIATE"))

    stopped = run(job, paid.ENV, run_id="night")

    check_stopped(stopped, "is locked by another process")
    assert len(paid.asked) <= 5 + IN_FLIGHT
    other.close()
    check_resumed(job, paid, repeats=IN_FLIGHT)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    size = "size=48m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_stops_the_run_while_its_answers_still_find_room(
    job: Job, paid: PaidProvider, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RESPONSES_URL, f"sqlite:///{small_disk / 'responses.db'}")
    monkeypatch.setattr(responses, "_DISK_LOOK_S", 0.0)
    filler = small_disk / "filler"
    paid.refusal = at_request(5, lambda: filler.write_bytes(bytes(24 << 20)))

    stopped = run(job, paid.ENV, run_id="night")

    check_stopped(stopped, "is nearly full")
    assert len(paid.asked) <= 5 + IN_FLIGHT
    filler.unlink()
    check_resumed(job, paid, repeats=0)


def test_a_disk_without_a_byte_left_stops_the_run(
    job: Job, paid: PaidProvider, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RESPONSES_URL, f"sqlite:///{small_disk / 'responses.db'}")
    monkeypatch.setattr(responses, "LEAST_FREE_BYTES", 0)
    filler = small_disk / "filler"

    def fill() -> None:
        with filler.open("wb") as file:
            try:
                while True:
                    file.write(bytes(1 << 12))
                    file.flush()
            except OSError:
                pass

    paid.refusal = at_request(5, fill)

    stopped = run(job, paid.ENV, run_id="night")

    check_stopped(stopped, "is full")
    assert len(paid.asked) <= 5 + IN_FLIGHT
    filler.unlink(missing_ok=True)
    check_resumed(job, paid, repeats=IN_FLIGHT)


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that this test may stop."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def strict_server() -> Iterator[PostgresServer]:
    """A server with a user `guest` who has a password and no rights."""
    try:
        with running_postgres() as server:
            server.execute("CREATE USER guest PASSWORD 'right'")
            rules = server.folder / "data" / "pg_hba.conf"
            rules.write_text(f"host all guest 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
            server.control("reload")
            yield server
    except NoPostgresError as error:
        pytest.skip(str(error))


def test_a_postgres_that_goes_away_stops_the_run_and_comes_back_for_its_rest(
    job: Job, paid: PaidProvider, own_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = own_server.url(own_server.new_database())
    monkeypatch.setenv(RESPONSES_URL, url)
    paid.refusal = at_request(5, lambda: own_server.control("stop", "-m", "immediate"))

    stopped = run(job, paid.ENV, run_id="night")

    check_stopped(stopped, "127.0.0.1")
    assert len(paid.asked) <= 5 + IN_FLIGHT
    own_server.control("start")
    check_resumed(job, paid, repeats=IN_FLIGHT)
    with responses.ResponseStore(url) as store:
        assert store.spent("night") > 0


@pytest.mark.parametrize(
    ("user", "password", "database", "said"),
    [
        ("docmill", "", "missing", "does not exist"),
        ("guest", "hunter2", "", "rejects the user"),
        ("guest", "right", "", "may not be used so"),
        ("docmill", "hunter2", "?nonsense=1", "options that cannot be used"),
    ],
    ids=["no such database", "wrong password", "no rights", "wrong option"],
)
def test_what_a_postgres_refuses_is_told_before_anything_is_done(
    job: Job,
    paid: PaidProvider,
    strict_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    password: str,
    database: str,
    said: str,
) -> None:
    if not database.isalpha():
        database = strict_server.new_database() + database
    monkeypatch.setenv(RESPONSES_URL, strict_server.url(database, user, password))

    with pytest.raises(StoreError, match=said) as caught:
        run(job, paid.ENV, run_id="night")

    assert "hunter2" not in str(caught.value)
    assert not Path(job.lake).exists()
    assert paid.asked == []
