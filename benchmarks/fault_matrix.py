"""Every fault of the simulated provider, alone and mixed: which promises of a run does it break?

    python benchmarks/fault_matrix.py [--documents 2000] [--faults reset,mixed] [--share 0.1]

A folder of generated documents is read by direct runs against a simulated provider in a process of
its own, which meets a share of the requests with one fault, or with all of them at once. A run
that a fault parks or stops is resumed once it is mended. Checked for each row:

* the books balance, and `docmill verify` finds no difference;
* every document has one record or one dead letter, never both, none is lost or there twice;
  documents that only a faultless run extracts have a dead letter of a failure class;
* the ledger is the spend book to the cent, is no less than what the provider billed, and no more
  than the cap;
* every request that arrived stands in the ledger, and every one that came more than once does so
  because its attempts before ended in a class whose rule allows another.

Prints one Markdown table, and what is broken below it; exits 1 if anything is.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.make_tables import markdown_table
from flows.wiring import Direct, run_pipeline, start_run
from llms.attempt import CANCELLED
from llms.budget import Reservation
from llms.classification import Failure
from llms.failures import OUTAGES, FailureClass
from llms.sdk import Endpoint, RawResponse
from llms.simulator.fates import request_key
from llms.simulator.faults import Fault
from llms.simulator.scenario import Scenario
from llms.simulator.server import Listening, serve
from schemas.job import Job
from schemas.manifest import Manifest, RunStatus, RunSummary
from schemas.roles import Role
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.books import BooksError, check_books
from tasks.jobs import load_job
from tasks.ledger_rows import spent_usd
from tasks.verification import verify_run

HERE = Path(__file__).resolve().parent

NONE, MIXED = "none", "mixed"
CAP_USD = 1000.0
IN_FLIGHT = 256

NOT_MIXED = frozenset({Fault.AUTH, Fault.QUOTA, Fault.RESOURCE_UNAVAILABLE})
"""What ends a run at once would leave nothing of the others to see; flex has its own lane."""

MIXED_SHARE = 0.015
"""Of each fault in the mix; 24 of them make 36 %. All at 10 % would be more than every request."""

REPEATING = {str(name) for name in OUTAGES} | {str(FailureClass.RATE_LIMITED), CANCELLED}
"""Outcomes of an attempt after which the same request may come again."""

PRICES = {"mini": (0.25, 2.0), "big": (1.25, 10.0)}
"""US$ per million tokens of input and output, the same in the catalog and at the provider."""

_SENT: list[tuple[str, str]] = []
"""Of every body that was sent: the key of its request, and what the provider knows it by."""


@dataclass(slots=True)
class Row:
    """What a fault did, and which promises it broke."""

    fault: str
    status: str = ""
    extracted: int = 0
    letters: Counter[str] = field(default_factory=Counter)
    resumed: str = "-"
    requests: int = 0
    repeats: int = 0
    paid_repeats: int = 0
    unexplained: int = 0
    ledger_usd: float = 0.0
    billed_usd: float = 0.0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


def scenario(faults: dict[str, float]) -> Scenario:
    """A provider that answers at once, out of the text."""
    prices = {name: {"input": p[0], "output": p[1]} for name, p in PRICES.items()}
    return Scenario.of(
        {
            "answers": "lifted",
            "models": {f"{name}*": {"prices": one} for name, one in prices.items()},
            "faults": faults,
            "retry_after_s": 0.05,
            "slow_body_s": 0.4,
        }
    )


def faults_of(name: str, share: float) -> dict[str, float]:
    """The faults of a row and their shares."""
    if name == NONE:
        return {}
    if name == MIXED:
        return {str(fault): MIXED_SHARE for fault in Fault if fault not in NOT_MIXED}
    return {name: share}


def job_of(source: Path, lake: Path, url: str) -> Job:
    """The job of the generated folder at two providers, which serve the same two models."""
    roles = {
        "mini": [Role.EXTRACTION_WORKER, Role.FORMATTING_WORKER],
        "big": [Role.REASONING_WORKER, Role.TOOL_WORKER, Role.ORCHESTRATOR],
    }
    models = {
        name: {"input_price": p[0], "output_price": p[1], "roles": roles[name]}
        for name, p in PRICES.items()
    }
    # Other names at the second one, so that a failover is another request to the simulator.
    others = {name: {**one, "name": f"{name}-south"} for name, one in models.items()}
    return Job.model_validate(
        {
            **load_job(source / "docmill.yaml").model_dump(mode="json"),
            "lake": str(lake),
            "profile": "two",
            "profiles": {"two": ["north", "south"]},
            "providers": {
                "north": {"base_url": url, "models": models},
                "south": {"base_url": url, "models": others},
            },
            "budget_usd": CAP_USD,
            "concurrency": IN_FLIGHT,
            "processes": 1,
            "analysis": {"max_insights": 0, "automatic": False},
        }
    )


@contextmanager
def bodies_noted() -> Iterator[None]:
    """Note every body that is sent, under the key by which the provider counts it."""
    post = Endpoint.post

    async def noted(
        self: Endpoint, body: bytes, api_id: str, reservation: Reservation | None = None
    ) -> RawResponse | Failure:
        if reservation is not None:
            _SENT.append((reservation.key, request_key(0, body).hex()))
        return await post(self, body, api_id, reservation)

    Endpoint.post = noted
    try:
        yield
    finally:
        Endpoint.post = post


def ledger(lake: Lake, run_id: str) -> list[dict[str, Any]]:
    """The rows of a run's ledger that were sent, in order."""
    rows = [
        row
        for path in lake.find(f"attempts/{run_id}", ".parquet")
        for row in lake.read_table(path).to_pylist()
        if not row["from_store"]
    ]
    return sorted(rows, key=lambda row: row["started_at"])


def outcomes(lake: Lake, manifest: Manifest) -> tuple[list[str], dict[str, str]]:
    """Documents with a record, each as often as it has one, and the class of each dead letter."""
    recorded = [
        doc_id
        for shard in manifest.shards
        for path in shard.records.values()
        for doc_id in lake.read_table(path, ["doc_id"]).column("doc_id").to_pylist()
    ]
    dead = {
        row["doc_id"]: row["class"]
        for path in lake.find(f"failures/{manifest.run_id}", ".parquet")
        for row in lake.read_table(path).to_pylist()
        if row["stage"] != "ingest"
    }
    return recorded, dead


def session(row: Row, provider: Listening, lake: Lake, run_id: str, seen: set[str]) -> None:
    """Compare what the provider was asked since it began with what the ledger says of it."""
    told, new = provider.stats(), []
    for attempt in ledger(lake, run_id):
        if attempt["attempt_id"] not in seen:
            seen.add(attempt["attempt_id"])
            new.append(attempt)
    row.requests += told.requests
    row.billed_usd += told.paid.usd
    row.repeats += told.repeats.requests
    row.paid_repeats += told.repeats.paid
    # What was broken off may or may not have been on its way.
    cut = sum(attempt["outcome"] == CANCELLED for attempt in new)
    if not len(new) - cut <= told.requests <= len(new):
        row.broken.append(f"{told.requests} requests arrived, {len(new)} are in the ledger")
    bodies: dict[str, list[str]] = defaultdict(list)
    for key, body in _SENT:
        bodies[key].append(body)
    _SENT.clear()
    ends: dict[str, list[str]] = defaultdict(list)
    for attempt in new:
        queue = bodies[attempt["request_key"]]
        ends[queue.pop(0) if queue else "unknown"].append(attempt["outcome"])
    for repeated in provider.repeats():
        found = ends.get(repeated.key, [])
        if len(found) != repeated.asked or not set(found[:-1]) <= REPEATING:
            row.unexplained += 1
            row.broken.append(
                f"a request came {repeated.asked} times ({', '.join(repeated.outcomes)}), "
                f"the ledger has {', '.join(found) or 'nothing'}"
            )


def check(row: Row, done: RunSummary, lake: Lake, calm: set[str], everybody: set[str]) -> None:
    """Hold a finished run against its promises."""
    manifest = read_manifest(lake, done.run_id)
    row.extracted = done.extracted
    row.ledger_usd = sum(attempt["usd"] for attempt in ledger(lake, done.run_id))
    if done.status is not RunStatus.DONE:
        row.broken.append(f"the run ended {done.status}: {done.message}")
        return
    try:
        check_books(manifest.ingest, manifest.extract)
    except BooksError as error:
        row.broken.append(str(error))
    row.broken += verify_run(lake, done.run_id).differences[:3]
    recorded, dead = outcomes(lake, manifest)
    row.letters = Counter(dead.values())
    if len(recorded) != len(set(recorded)):
        row.broken.append(f"{len(recorded) - len(set(recorded))} records are there twice")
    if lost := everybody - set(recorded) - set(dead):
        row.broken.append(f"{len(lost)} documents are lost")
    if both := set(recorded) & set(dead):
        row.broken.append(f"{len(both)} documents have a record and a dead letter")
    if odd := calm - set(recorded) - set(dead):
        row.broken.append(f"{len(odd)} records are missing without a dead letter")
    spent = spent_usd(lake, [done.run_id])[done.run_id]
    if abs(spent - row.ledger_usd) > 1e-6:
        row.broken.append(f"the spend book has ${spent:.6f}, the ledger ${row.ledger_usd:.6f}")
    if row.ledger_usd > CAP_USD:
        row.broken.append("the cap was passed")
    if row.ledger_usd < row.billed_usd - 1e-6:
        row.broken.append(f"billed ${row.billed_usd:.6f}, booked ${row.ledger_usd:.6f}")


def documents_of(lake: Lake, job: str) -> set[str]:
    """Every document that was read."""
    paths = lake.find(f"documents/{job}", ".parquet")
    return {i for p in paths for i in lake.read_table(p, ["doc_id"]).column("doc_id").to_pylist()}


def measure(
    name: str, share: float, provider: Listening, source: Path, work: Path, base: Path | None
) -> tuple[Row, RunSummary, Lake]:
    """Run a row to its end; `base` holds documents that have been read already."""
    folder = work / name
    if base is not None:
        shutil.copytree(base / "documents", folder / "documents")
    job = job_of(source, folder, provider.url)
    lake, row, seen = Lake(str(folder)), Row(name), set[str]()
    _SENT.clear()
    provider.play(scenario(faults_of(name, share)))
    began = time.monotonic()
    done = run_pipeline(start_run(job, env=os.environ), Direct())
    row.status = str(done.status)
    session(row, provider, lake, done.run_id, seen)
    if done.status is not RunStatus.DONE:
        provider.play(scenario({}))
        done = run_pipeline(start_run(job, env=os.environ, run_id=done.run_id), Direct())
        row.resumed = str(done.status)
        session(row, provider, lake, done.run_id, seen)
    row.seconds = time.monotonic() - began
    return row, done, lake


def matrix(names: Sequence[str], documents: int, share: float, work: Path) -> list[Row]:
    """Every row, the faultless one first."""
    source = work / "source"
    subprocess.run(
        [
            *(sys.executable, str(HERE / "make_documents.py"), str(source)),
            *("--count", str(documents), "--seed", "1", "--formats", "txt,eml"),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    rows: list[Row] = []
    with bodies_noted(), serve(scenario({}), own_process=True) as provider:
        row, done, lake = measure(NONE, share, provider, source, work, None)
        everybody = documents_of(lake, read_manifest(lake, done.run_id).job.name)
        calm = set(outcomes(lake, read_manifest(lake, done.run_id))[0])
        check(row, done, lake, calm, everybody)
        rows.append(row)
        for name in names:
            print(f"{name} ...", file=sys.stderr)
            row, done, other = measure(name, share, provider, source, work, Path(lake.root))
            check(row, done, other, calm, everybody)
            rows.append(row)
            shutil.rmtree(other.root)
    return rows


def markdown(rows: Sequence[Row]) -> Iterator[str]:
    """The table, a row per fault, and then what is broken."""
    yield markdown_table([_cells(row) for row in rows])
    for row in rows:
        for sentence in row.broken[:5]:
            yield f"\nbroken by {row.fault}: {sentence}"
        if len(row.broken) > 5:
            yield f"\nbroken by {row.fault}: … and {len(row.broken) - 5} more"


def _cells(row: Row) -> dict[str, str]:
    letters = ", ".join(f"{count} {name}" for name, count in row.letters.most_common())
    return {
        "fault": f"`{row.fault}`",
        "ended": row.status,
        "resumed": row.resumed,
        "extracted": f"{row.extracted:,}",
        "dead letters": letters or "-",
        "requests": f"{row.requests:,}",
        "repeats": f"{row.repeats:,}",
        "billed again": f"{row.paid_repeats:,}",
        "unexplained": str(row.unexplained),
        "ledger $": f"{row.ledger_usd:.4f}",
        "billed $": f"{row.billed_usd:.4f}",
        "s": f"{row.seconds:.0f}",
        "kept": "no" if row.broken else "yes",
    }


def main() -> int:
    """Run the matrix and print it; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--share", type=float, default=0.1, help="of the requests per fault")
    parser.add_argument("--faults", help=f"names, separated by commas; {MIXED} is all of them")
    args = parser.parse_args()
    every = [*(str(f) for f in Fault if f is not Fault.RESOURCE_UNAVAILABLE), MIXED]
    names = args.faults.split(",") if args.faults else every
    if unknown := [name for name in names if name not in every]:
        parser.error(f"unknown fault {unknown[0]!r}; there are {', '.join(every)}")
    work = Path(tempfile.mkdtemp(prefix="docmill-faults-"))
    try:
        rows = matrix(names, args.documents, args.share, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print("\n".join(markdown(rows)))
    return 1 if any(row.broken for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
