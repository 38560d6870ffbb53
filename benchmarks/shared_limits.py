"""What do several processes make of one provider's limit, in total and each?

    python benchmarks/shared_limits.py [--seconds 30] [--postgresql URL] [--json]

A simulated provider in a process of its own takes 1,200 requests a minute, in windows of ten
seconds. Several processes of docmill's client (`limited_callers.py`, 64 requests at once each) call
it, told nothing of the limit, and share it through a response store: two of one job, then three of
one job beside one of another; and the two once more with a store each, which share nothing. With
`--postgresql` the same through an empty database of that server.

Counted is what the provider and the processes saw after the first ten seconds: the share of the
limit that was used, the share of answers that were refusals (429), and the part of each process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.utilisation import CASES, WARM_S, WORKERS, counted
from docs.make_tables import markdown_table
from llms.simulator.server import serve

HERE = Path(__file__).resolve().parent
CASE = CASES[0]


@dataclass(frozen=True, slots=True)
class Result:
    """What some processes made of the limit; `answered` by process, as `jobs` names them."""

    store: str
    jobs: tuple[str, ...]
    used: float
    refused: float
    answered: tuple[int, ...]


def measure(store: str, jobs: tuple[str, ...], urls: list[str], seconds: float) -> Result:
    """Let processes call for so long, each of a job and with the URL of its store."""
    with serve(CASE.scenario(seconds), own_process=True) as provider:
        processes = []
        for job, url in zip(jobs, urls, strict=True):
            spec = {
                "url": provider.url,
                "workers": WORKERS,
                "seconds": seconds,
                "counted_from_s": WARM_S,
                "store": url,
                "job": job,
            }
            command = [sys.executable, str(HERE / "limited_callers.py"), "docmill"]
            processes.append(
                subprocess.Popen([*command, json.dumps(spec)], stdout=subprocess.PIPE, text=True)
            )
        lines = [process.stdout.readline() for process in processes if process.stdout is not None]
        if any(line.strip() != "begun" for line in lines):
            raise SystemExit("a process did not begin; what it said stands above")
        began = time.monotonic()
        seen = []
        for at in (WARM_S, seconds - 1):
            time.sleep(max(0.0, began + at - time.monotonic()))
            seen.append((time.monotonic() - began, counted(provider, CASE.rate)))
        said = [json.loads(process.communicate()[0]) for process in processes]
    (start, before), (end, after) = seen
    used, refused, requests = (late - early for early, late in zip(before, after, strict=True))
    return Result(
        store,
        jobs,
        used / CASE.allowed(start, end, seconds),
        refused / max(1, requests),
        tuple(one["answered"] for one in said),
    )


def table(results: list[Result]) -> str:
    """The figures as Markdown."""
    return markdown_table(
        [
            {
                "shared through": one.store,
                "processes, by job": ", ".join(one.jobs),
                "share of the limit used": f"{one.used:.1%}",
                "share of 429s": f"{one.refused:.2%}",
                "split": " : ".join(
                    f"{answered / max(1, sum(one.answered)):.0%}" for answered in one.answered
                ),
            }
            for one in results
        ]
    )


def main() -> int:
    """Read the command line and measure every arrangement."""
    parser = argparse.ArgumentParser(description="Measure how processes share a limit.")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--postgresql", help="URL of an empty database")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as folder:

        def sqlite(name: str) -> str:
            return f"sqlite:///{folder}/{name}.db"

        jobs = ("a", "a"), ("a", "a", "a", "b")
        for number, some in enumerate(jobs):
            urls = [sqlite(f"shared{number}")] * len(some)
            results.append(measure("SQLite", some, urls, args.seconds))
        if args.postgresql:
            for some in jobs:
                urls = [args.postgresql] * len(some)
                results.append(measure("PostgreSQL", some, urls, args.seconds))
        alone = [sqlite("one"), sqlite("other")]
        results.append(measure("nothing", ("a", "b"), alone, args.seconds))
    print(json.dumps([asdict(one) for one in results]) if args.json else table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
