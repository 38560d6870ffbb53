"""How does memory grow with the documents, and how long does a night with nothing new take?

    python benchmarks/memory.py [--counts 1000 10000 100000] [--processes 2] [--folder DIR]
                                [--json]

For every count: so many small texts are written (not timed), `docmill run --direct` reads,
extracts, analyses and reports them into a new lake, and runs again with nothing new. A simulated
provider in a process of its own answers out of the texts; calls have prices, so that books, ledger
and budget are kept as for a real one. Printed per run:

* main: largest resident memory of the main process, as the kernel saw it;
* tree: largest sum over the main process, its parsers and its workers, pages that they share
  counted once (PSS), looked at four times a second;
* seconds, documents/s, CPU seconds and calls.

Every count runs with the same number of processes, so that their ratio shows what documents take.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measured import docmill, measured
from llms.simulator.scenario import Scenario
from llms.simulator.server import serve

KEY = "not-a-key"
PER_FOLDER = 1000

JOB = {
    "name": "notes",
    "profile": "openai",
    "verify": {"share": 0.02},
    "types": [
        {
            "name": "delivery_note",
            "description": "A note that comes with goods.",
            "match": ["**/*.txt"],
            "fields": [
                {"name": "sender", "description": "Who sends the goods.", "required": True},
                {"name": "sent_on", "type": "date", "description": "When they were sent."},
                {"name": "weight_kg", "type": "decimal", "description": "Weight in kilograms."},
            ],
        }
    ],
}


def note(number: int) -> str:
    """The text of a delivery note; no two are alike."""
    return (
        f"Weidmann Feinmechanik GmbH\nDelivery note {number:07}\n"
        f"Date 2026-{number % 12 + 1:02}-{number % 28 + 1:02}\n"
        f"{number % 97 + 1} boxes of bearing rings, hardened steel\n"
        f"Weight {number % 900 + 10}.5 kg\nReceived by the gate, lane {number % 40}\n"
    )


def write_notes(folder: Path, count: int) -> None:
    """Write so many notes, a thousand per folder."""
    for number in range(count):
        place = folder / f"{number // PER_FOLDER:04}"
        if number % PER_FOLDER == 0:
            place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:07}.txt").write_text(note(number))


def run(count: int, processes: int, folder: Path, url: str) -> dict[str, Any]:
    """Write the notes, run the job over them and run it again."""
    source = folder / f"notes-{count}"
    write_notes(source, count)
    job = folder / f"job-{count}.yaml"
    job.write_text(yaml.safe_dump({**JOB, "source": {"path": str(source)}, "processes": processes}))
    command = docmill("run", str(job), "--out", str(folder / f"lake-{count}"), "--direct", "--json")
    env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": url}
    found = {}
    for name in ("first", "again"):
        taken = measured(command, env, with_tree=True)
        said = json.loads(taken.last_line)
        found[name] = {
            **{key: value for key, value in asdict(taken).items() if key != "last_line"},
            **{key: said[key] for key in ("documents", "extracted", "calls", "usd")},
        }
    return found


def told(name: str, one: dict[str, Any]) -> str:
    """One run in a line."""
    return (
        f"{name}: {one['documents']:>7} documents  main {one['main_mb']:5.0f} MB  tree "
        f"{one['tree_mb']:5.0f} MB  {one['seconds']:7.1f} s "
        f"({one['documents'] / one['seconds']:.0f} documents/s)  CPU {one['cpu_s']:.1f} s  "
        f"{one['calls']} calls"
    )


def compare(args: argparse.Namespace, folder: Path, tell: Callable[[str], None]) -> dict[int, Any]:
    """Every count, the smallest first."""
    results = {}
    with serve(Scenario.of({"answers": "lifted"}), own_process=True) as provider:
        for count in sorted(args.counts):
            results[count] = run(count, args.processes, folder, provider.url)
            for name, one in results[count].items():
                tell(told(name, one))
            provider.reset()
    return results


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Read the command line, measure every count and compare the ends."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where texts and lakes stay; else removed")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.folder or Path(temporary)).resolve()
        results = compare(args, folder, (lambda line: None) if args.json else _say)
    least, most = min(results), max(results)
    ratios = {
        name: round(results[most]["first"][name] / results[least]["first"][name], 2)
        for name in ("main_mb", "tree_mb")
    }
    if args.json:
        print(json.dumps({"runs": results, "ratios": ratios}))
    elif most > least:
        print(
            f"{most} documents against {least}: {ratios['main_mb']} times the memory of the main "
            f"process, {ratios['tree_mb']} times that of all"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
