"""Kill a run at random moments until it ends, and compare it with one that nobody killed.

    python benchmarks/kill_runs.py [--source sample_docs] [--kills 10] [--seed 1] [--json]

A simulated provider (called through the openai profile, so that calls cost money in the books)
counts what it is asked and what it bills. A run is killed with SIGKILL when a random number of
requests has been billed, or while documents are still being read, then started again on the same
lake, until the kills are used up and one run ends by itself. It must hold the same records as the
unkilled run, and a question may have been billed twice only if it was in flight when a run was
killed.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from llms.simulator.scenario import Scenario  # noqa: E402 - the project stands beside this folder
from llms.simulator.server import Listening, serve  # noqa: E402

POLL_S = 0.005
IN_FLIGHT = 4


def start_run(source: Path, lake: Path, url: str) -> subprocess.Popen[bytes]:
    """Start a direct run of the job against the provider."""
    environment = {
        **os.environ,
        "OPENAI_API_KEY": "not-a-key",
        "OPENAI_BASE_URL": url,
        "PYTHONPATH": str(HERE.parent),
    }
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "run",
        str(source),
        "--out",
        str(lake),
        "--profile",
        "openai",
        "--budget",
        "1000",
        "--direct",
        "--json",
    ]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finished(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for a run to end by itself and return its summary."""
    out, err = process.communicate(timeout=600)
    if process.returncode != 0:
        raise RuntimeError(f"the run ended with {process.returncode}: {err.decode()[-2000:]}")
    return dict(json.loads(out.decode().splitlines()[-1]))


def records(lake: Path) -> dict[str, pa.Table]:
    """Every record of a lake, per type, sorted by document."""
    found: dict[str, pa.Table] = {}
    for folder in sorted((lake / "records").glob("*/*")):
        parts = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
        found[folder.name] = pa.concat_tables(parts).sort_by("doc_id")
    return found


def kill_until_done(
    source: Path,
    lake: Path,
    provider: Listening,
    kills: int,
    total: int,
    chance: random.Random,
) -> tuple[dict[str, Any], list[dict[str, int]]]:
    """Run and kill, run and kill, then let a run end; returns its summary and the kills."""
    told: list[dict[str, int]] = []
    while len(told) < kills:
        before = provider.stats().paid.requests
        # Some kills come while documents are read: before the first request of this run.
        share = chance.random()
        after = 0 if share < 0.2 else chance.randint(1, max(1, total // kills))
        process = start_run(source, lake, provider.url)
        wait = chance.random() * 2
        began = time.monotonic()
        while process.poll() is None:
            paid = provider.stats().paid.requests - before
            if (after and paid >= after) or (not after and time.monotonic() - began >= wait):
                break
            time.sleep(POLL_S)
        if process.poll() is not None:
            break
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        told.append({"paid_before_kill": provider.stats().paid.requests - before})
    return finished(start_run(source, lake, provider.url)), told


def bounded_job(source: Path, work: Path) -> Path:
    """The job of a folder with few documents in flight, so that a kill can lose few answers."""
    job = yaml.safe_load((source / "docmill.yaml").read_text())
    place = source / job.get("source", {}).get("path", "documents")
    job["source"] = {**job.get("source", {}), "path": str(place.resolve())}
    job["concurrency"] = IN_FLIGHT
    file = work / "docmill.yaml"
    file.write_text(yaml.safe_dump(job, sort_keys=False))
    return file


def compare(source: Path, kills: int, seed: int, latency_s: float) -> dict[str, Any]:
    """Run once undisturbed and once killed; returns what differs and what was paid twice."""
    work = Path(tempfile.mkdtemp(prefix="docmill-kill-"))
    try:
        source = bounded_job(source, work)
        scenario = Scenario.of({"latency": latency_s})
        with serve(scenario, own_process=True) as provider:
            calm = finished(start_run(source, work / "calm", provider.url))
            calls = provider.stats().paid.requests
        with serve(scenario, own_process=True) as provider:
            killed, told = kill_until_done(
                source, work / "killed", provider, kills, calls, random.Random(seed)
            )
        same = records(work / "calm") == records(work / "killed")
        return {
            "documents": calm["documents"],
            "calls_unkilled": calls,
            "kills": told,
            "same_records": same,
            "same_books": all(
                calm[k] == killed[k] for k in ("documents", "extracted", "failed", "skipped")
            ),
            "paid_twice": provider.stats().repeats.paid,
            "in_flight_at_most": IN_FLIGHT * len(told),
            "usd_unkilled": calm["usd"],
            "records_usd_killed": killed["records_usd"],
        }
    finally:
        shutil.rmtree(work, ignore_errors=True)


def main() -> None:
    """Compare, print, and exit 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=HERE.parent / "sample_docs")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = compare(args.source, args.kills, args.seed, args.latency)
    if args.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:<20} {value}")
    kept = result["same_records"] and result["same_books"]
    sys.exit(0 if kept and result["paid_twice"] <= result["in_flight_at_most"] else 1)


if __name__ == "__main__":
    main()
