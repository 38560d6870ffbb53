"""SIGINT and SIGTERM to real commands: they settle, end parked, and the run goes on later."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llms.simulator.scenario import Scenario
from llms.simulator.server import Listening, serve
from storage.store import Lake
from tasks.verification import verify_run
from tests.conftest import ROOT, PrefectServer
from tests.small_runs import invoices, records, write_folder

pytestmark = pytest.mark.slow

IN_FLIGHT = 4


@pytest.fixture
def provider() -> Iterator[Listening]:
    """A provider that takes a moment for every answer, and costs money."""
    with serve(Scenario.of({"latency": 0.3}), own_process=True) as listening:
        yield listening


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job of 24 documents, 4 at once."""
    text = (
        "name: post\ntypes: [invoice]\nsource: {path: documents}\nshard_size: 8\nconcurrency: 4\n"
    )
    folder = write_folder(tmp_path / "in", {"docmill.yaml": text})
    invoices(folder / "documents", 24)
    return folder


def start(*command: str, provider: Listening, **more: str) -> "subprocess.Popen[str]":
    """A docmill command in a process of its own."""
    environment = {
        **os.environ,
        "OPENAI_API_KEY": "not-a-key",
        "OPENAI_BASE_URL": provider.url,
        "PYTHONPATH": str(ROOT),
        **more,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *command, "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that a signal to the group reaches what a terminal would
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, dict[str, Any], str]:
    """The exit code, the summary and the messages of a command."""
    out, err = process.communicate(timeout=120)
    return process.returncode, dict(json.loads(out.splitlines()[-1])), err


def wait_for_requests(count: int, provider: Listening, process: "subprocess.Popen[str]") -> None:
    while provider.stats().requests < count:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def run_args(job: Path, lake: Path) -> list[str]:
    return ["run", str(job), "--out", str(lake), "--profile", "openai", "--budget", "9"]


@pytest.mark.parametrize(
    ("name", "processes"), [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2)]
)
def test_one_signal_settles_what_is_in_flight_and_the_run_goes_on_later(
    job: Path, tmp_path: Path, provider: Listening, name: signal.Signals, processes: int
) -> None:
    lake = tmp_path / "lake"
    with (job / "docmill.yaml").open("a") as file:
        file.write(f"processes: {processes}\n")
    process = start(*run_args(job, lake), "--direct", provider=provider)
    wait_for_requests(6, provider, process)
    os.killpg(process.pid, name)
    sent = provider.stats().requests

    code, parked, told = ended(process)
    stats = provider.stats()
    again = start("resume", parked["run_id"], "--lake", str(lake), "--direct", provider=provider)
    code_again, done, _ = ended(again)

    assert (code, parked["status"], code_again, done["status"]) == (3, "parked", 0, "done")
    assert "stopping: nothing more is sent" in told
    assert f"{parked['skipped']} documents wait: the run was told to stop" in parked["message"]
    # Nothing was broken off, hardly anything was sent after the signal.
    assert stats.outcomes == {"answered": stats.requests}
    assert stats.requests <= sent + IN_FLIGHT
    assert (done["documents"], done["extracted"]) == (24, 24)
    assert provider.stats().repeats.paid == 0
    assert verify_run(Lake(str(lake)), done["run_id"]).differences == ()


def test_a_second_interrupt_breaks_off_what_is_in_flight_and_no_further_one_changes_the_end(
    job: Path, tmp_path: Path, provider: Listening
) -> None:
    lake = tmp_path / "lake"
    process = start(*run_args(job, lake), "--direct", provider=provider)
    wait_for_requests(30, provider, process)  # a document takes two: some records are complete
    provider.play(Scenario.of({"latency": 60}))  # counts anew, from those in flight on
    wait_for_requests(IN_FLIGHT + 1, provider, process)

    os.killpg(process.pid, signal.SIGINT)
    assert process.stderr is not None
    next(line for line in process.stderr if "stopping" in line)  # it has been understood
    while process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.02)
    code, parked, told = ended(process)

    written = records(Lake(str(lake))).num_rows
    assert (code, parked["status"]) == (3, "parked")
    assert told.count("ending now") == 1
    assert parked["usd"] > 0  # nobody knows what the provider will bill: the worst case
    assert 0 < written == parked["extracted"]
    assert parked["documents"] == written + parked["skipped"] == 24


def test_ctrl_c_in_a_terminal_parks_a_run_of_prefect_too(
    job: Path, tmp_path: Path, provider: Listening, prefect_server: PrefectServer
) -> None:
    lake = tmp_path / "lake"
    process = start(*run_args(job, lake), provider=provider, **prefect_server.settings)
    wait_for_requests(6, provider, process)
    os.killpg(process.pid, signal.SIGINT)
    code, parked, told = ended(process)

    again = start("resume", parked["run_id"], "--lake", str(lake), "--direct", provider=provider)
    code_again, done, _ = ended(again)

    assert (code, parked["status"], code_again, done["extracted"]) == (3, "parked", 0, 24)
    assert provider.stats().repeats.paid == 0
    assert "Traceback" not in told


def test_ctrl_c_while_prefect_starts_parks_the_run_without_a_traceback(
    job: Path, tmp_path: Path, provider: Listening, prefect_server: PrefectServer
) -> None:
    lake = tmp_path / "lake"
    process = start(*run_args(job, lake), provider=provider, **prefect_server.settings)
    while not (lake / "responses.db").exists():  # what the job needs has been looked at
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, told = process.communicate(timeout=120)

    assert process.returncode == 3
    assert "Traceback" not in told
    assert "told to stop" in out + told
    assert provider.stats().requests == 0
