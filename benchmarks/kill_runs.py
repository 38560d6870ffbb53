"""Kill runs at random moments until they end, and compare them with runs that nobody killed.

    python benchmarks/kill_runs.py [--kills 50] [--source sample_docs] [--seed 1] [--json]

A simulated provider in a process of its own counts what it is asked and what it bills, at the
prices that the run books. In each lane and with each kind of response store, a run is killed with
SIGKILL at a random moment and resumed, again and again; one that comes to its end is followed by
another one, until the kills are used up. Of every run that was killed it must hold:

* its records and its books are those of a run that nobody killed,
* a request was billed twice only if it was in flight when the run was killed,
* its ledger and the durable book agree,
* the provider billed no more than is booked, and no more is booked than the cap allows.

It prints a table and leaves with 1 if a promise is broken. Without PostgreSQL on the machine, the
runs with SQLite alone are made, and that is said.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.make_tables import markdown_table
from flows.job_options import job_of
from flows.wiring import resolve_models
from llms.responses import ResponseStore
from llms.service_lanes import LanePlan
from llms.simulator.scenario import Scenario
from llms.simulator.server import Listening, serve
from schemas.job import Job
from tasks.lanes import documents_at_once
from tests.databases import NoPostgresError, PostgresServer, running_postgres

HERE = Path(__file__).resolve().parent
CONCURRENCY = 4
"""Requests at the provider at once."""

IN_FLIGHT = documents_at_once(Job(concurrency=CONCURRENCY), LanePlan())
"""Documents in work: each may have an answer under way, from the provider or into the store."""

CAP_FACTOR = 10
"""The cap, as a multiple of what the run costs: a kill books the worst case of what it hits."""

EARLY_SHARE = 0.2
"""Share of the kills that come before the first request: while documents are read."""

BATCHES = {"validation_s": 0.2, "turnaround": 2.0, "finalizing_s": 0.2, "cancelling_s": 0.5}
LANES = ("standard", "batch")
STORES = ("sqlite", "postgresql")
ROUNDING_USD = 1e-9
KEYS = {"OPENAI_API_KEY": "not-a-key"}


@dataclass
class Row:
    """What came of the runs in one lane with one kind of store; the sums are over these runs."""

    lane: str
    store: str
    runs: int = 0
    kills: int = 0
    documents: int = 0
    calls: int = 0
    same_records: bool = True
    same_books: bool = True
    ledger_agrees: bool = True
    paid_twice: int = 0
    paid_twice_at_most: int = 0
    billed_usd: float = 0.0
    booked_usd: float = 0.0
    cap_usd: float = 0.0
    under_cap: bool = True

    @property
    def is_kept(self) -> bool:
        """Whether every promise was kept."""
        return (
            self.same_records
            and self.same_books
            and self.ledger_agrees
            and self.under_cap
            and self.paid_twice <= self.paid_twice_at_most
        )


@dataclass(frozen=True)
class Ground:
    """A job in one lane, the provider it asks, and where its answers are kept."""

    source: Path
    lane: str
    provider: Listening
    scenario: Scenario
    postgres: PostgresServer | None

    def store_url(self, lake: Path) -> str:
        """The response store of a new lake."""
        if self.postgres is None:
            return f"sqlite:///{lake / 'responses.db'}"
        return self.postgres.url(self.postgres.new_database())


class Life:
    """One run from its first start to its end, however often it is killed between.

    Args:
        ground: What is run.
        lake: An empty folder for it.
        cap_usd: Its budget.
    """

    def __init__(self, ground: Ground, lake: Path, cap_usd: float) -> None:
        lake.mkdir()
        ground.provider.play(ground.scenario)
        self.ground = ground
        self.lake = lake
        self.cap_usd = cap_usd
        self.url = ground.store_url(lake)

    def start(self) -> subprocess.Popen[bytes]:
        """Start the run, or resume it if it has begun."""
        words = ["resume", self.manifest()["run_id"], "--lake", str(self.lake)]
        if not self.has_begun:
            words = ["run", str(self.ground.source), "--out", str(self.lake), "--profile", "openai"]
            words += ["--lane", self.ground.lane]
        words += ["--budget", str(self.cap_usd), "--direct", "--json"]
        environment = {
            **os.environ,
            **KEYS,
            "OPENAI_BASE_URL": self.ground.provider.url,
            "DOCMILL_RESPONSES_URL": self.url,
            "PYTHONPATH": str(HERE.parent),
        }
        command = [sys.executable, "-m", "flows.cli", *words]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def finish(self) -> None:
        """Go on with the run and let it end by itself."""
        process = self.start()
        _, err = process.communicate(timeout=600)
        if process.returncode != 0:
            raise RuntimeError(f"the run ended with {process.returncode}: {err.decode()[-2000:]}")

    def kill_after(self, seconds: float) -> bool:
        """Go on with the run and kill it after some time; false if it ended before."""
        process = self.start()
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            return True
        if process.returncode != 0:
            raise RuntimeError(f"the run ended with {process.returncode} before it was killed")
        return False

    @property
    def has_begun(self) -> bool:
        """Whether there is a run to resume."""
        return bool(self.manifest()["run_id"])

    @property
    def has_ended(self) -> bool:
        """Whether it is done, with its report."""
        manifest = self.manifest()
        return manifest.get("status") == "done" and bool(manifest.get("outputs"))

    def manifest(self) -> dict[str, Any]:
        """The run's manifest; an empty id where there is none yet."""
        for path in sorted((self.lake / "runs").glob("*/manifest.json")):
            return dict(json.loads(path.read_text()))
        return {"run_id": ""}

    def books(self) -> list[Any]:
        """What went into each stage and where it went."""
        manifest = self.manifest()
        return [manifest["ingest"], manifest["extract"]]

    def records(self) -> dict[str, pa.Table]:
        """Every record, per type, sorted by document."""
        found: dict[str, pa.Table] = {}
        for folder in sorted((self.lake / "records").glob("*/*")):
            parts = [pq.read_table(path) for path in sorted(folder.glob("*.parquet"))]
            found[folder.name] = pa.concat_tables(parts).sort_by("doc_id")
        return found

    def ledger_usd(self) -> float:
        """What the ledger of the run adds up to."""
        paths = sorted((self.lake / "attempts").glob("*/*.parquet"))
        return sum(pc.sum(pq.read_table(path)["usd"]).as_py() or 0.0 for path in paths)

    def booked_usd(self) -> float:
        """What the durable book says that the run has spent."""
        with ResponseStore(self.url) as store:
            return store.spent(self.manifest()["run_id"])


def timed(life: Life) -> tuple[float, float]:
    """Let a run end undisturbed; seconds to its first request, and from there to its end."""
    began = time.monotonic()
    life.finish()
    whole_s = time.monotonic() - began
    stats = life.ground.provider.stats()
    working_s = min(stats.seconds, whole_s) if stats.requests else whole_s / 2
    return whole_s - working_s, working_s


def kill_until_done(
    life: Life, kills: int, moments: tuple[float, float], chance: random.Random
) -> int:
    """Kill and resume a run until it ends or the kills are used up, then let it end.

    Returns:
        How often it was killed.
    """
    startup_s, working_s = moments
    for killed in range(kills):
        is_early = chance.random() < EARLY_SHARE
        wait_s = (
            startup_s * chance.random() if is_early else startup_s + working_s * chance.random()
        )
        if not life.kill_after(wait_s):
            return killed
        if life.has_ended:  # killed between its report and its exit
            return killed + 1
    life.finish()
    return kills


def compare(ground: Ground, work: Path, kills: int, chance: random.Random) -> Row:
    """Run once undisturbed, then kill runs until the kills are used up."""
    row = Row(ground.lane, "postgresql" if ground.postgres else "sqlite")
    calm = Life(ground, work / "calm", 1000.0)
    moments = timed(calm)
    records, books, cost_usd = calm.records(), calm.books(), calm.booked_usd()
    row.calls = ground.provider.stats().paid.requests
    row.documents = calm.manifest()["ingest"]["inputs"]
    row.cap_usd = CAP_FACTOR * cost_usd
    while row.kills < kills:
        life = Life(ground, work / f"killed-{row.runs}", row.cap_usd)
        killed = kill_until_done(life, kills - row.kills, moments, chance)
        row.runs, row.kills = row.runs + 1, row.kills + killed
        stats, booked_usd = ground.provider.stats(), life.booked_usd()
        row.same_records &= life.records() == records
        row.same_books &= life.books() == books
        row.ledger_agrees &= abs(life.ledger_usd() - booked_usd) < ROUNDING_USD
        row.paid_twice += stats.repeats.paid
        row.paid_twice_at_most += IN_FLIGHT * killed
        row.billed_usd += stats.paid.usd
        row.booked_usd += booked_usd
        row.under_cap &= stats.paid.usd - ROUNDING_USD <= booked_usd <= row.cap_usd + ROUNDING_USD
    return row


def bounded_job(source: Path, work: Path) -> Path:
    """The job of a folder with few documents in flight, so that a kill can hit few requests."""
    job = yaml.safe_load((source / "docmill.yaml").read_text())
    place = source / job.get("source", {}).get("path", "documents")
    job["source"] = {**job.get("source", {}), "path": str(place.resolve())}
    job["concurrency"] = CONCURRENCY
    file = work / "docmill.yaml"
    file.write_text(yaml.safe_dump(job, sort_keys=False))
    return file


def priced_scenario(job_file: Path, latency_s: float) -> Scenario:
    """A provider that bills every model of the job as the run will book it."""
    job = job_of(str(job_file), out=str(job_file.parent / "unused"), profile="openai")
    models = {}
    for model in resolve_models(job, KEYS).everybody:
        prices = {
            "input": model.input_price,
            "cached_input": model.cached_input_price,
            "output": model.output_price,
            "batch_factor": 1 - (model.batch_discount or 0.0),
        }
        models[model.api_id] = {"prices": prices}
    return Scenario.of({"latency": latency_s, "batches": BATCHES, "models": models})


@contextlib.contextmanager
def postgres_if_wanted(stores: Sequence[str]) -> Iterator[PostgresServer | None]:
    """A server, if it is wanted and there is one."""
    if "postgresql" not in stores:
        yield None
        return
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except NoPostgresError as error:
            print(f"without PostgreSQL: {error}", file=sys.stderr)
            yield None
            return
        yield server


def measure(args: argparse.Namespace) -> list[Row]:
    """All lanes with all stores that there are."""
    work = Path(tempfile.mkdtemp(prefix="docmill-kill-"))
    chance = random.Random(args.seed)
    rows: list[Row] = []
    try:
        source = bounded_job(args.source, work)
        scenario = priced_scenario(source, args.latency)
        with (
            postgres_if_wanted(args.stores) as server,
            serve(scenario, own_process=True) as provider,
        ):
            servers = [server if name == "postgresql" else None for name in args.stores]
            grounds = [
                Ground(source, lane, provider, scenario, one)
                for lane in args.lanes
                for name, one in zip(args.stores, servers, strict=True)
                if name == "sqlite" or one is not None
            ]
            for at, ground in enumerate(grounds):
                share = args.kills // len(grounds) + (at < args.kills % len(grounds))
                folder = work / f"ground-{at}"
                folder.mkdir()
                rows.append(compare(ground, folder, share, chance))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return rows


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown."""
    return markdown_table([_cells(row) for row in rows])


def _cells(row: Row) -> dict[str, object]:
    return {
        "lane": row.lane,
        "store": row.store,
        "runs": row.runs,
        "kills": row.kills,
        "same records": "yes" if row.same_records else "NO",
        "same books": "yes" if row.same_books else "NO",
        "ledger agrees": "yes" if row.ledger_agrees else "NO",
        "calls per run": row.calls,
        "paid twice": row.paid_twice,
        "in flight at kills, at most": row.paid_twice_at_most,
        "billed": f"${row.billed_usd:.4f}",
        "booked": f"${row.booked_usd:.4f}",
        "cap per run": f"${row.cap_usd:.4f}",
    }


def main() -> None:
    """Measure, print, and exit 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", type=Path, default=HERE.parent / "sample_docs")
    parser.add_argument("--kills", type=int, default=50, help="in all lanes and stores together")
    parser.add_argument("--lanes", nargs="+", choices=LANES, default=LANES)
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = measure(args)
    if args.json:
        print(json.dumps([{**asdict(row), "is_kept": row.is_kept} for row in rows]))
    else:
        print(table(rows))
    sys.exit(0 if all(row.is_kept for row in rows) else 1)


if __name__ == "__main__":
    main()
