"""How much of a run's time is neither asking nor waiting for answers, with Prefect and without?

    python benchmarks/orchestration.py [--count 10000] [--latency 1.0] [--concurrency 64] [--json]

A simulated provider takes `latency` seconds for every answer; every document is asked about once.
With so many in flight the answers alone take count * latency / concurrency seconds. Printed for
`docmill run --direct` and for `docmill run` against a Prefect server that runs already (with a
database of its own and docmill's settings):

* asking: from the first request to the last answer, and how much longer that is than the ideal:
  gaps between shards, Prefect's tasks, the writing of records and ledgers; beside it the ideal,
  had answers taken as long as they seemed to: a busy machine is late to see them;
* whole: the whole command, with imports, reading of the documents, analysis and report.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measured import asking_seconds, docmill, measured
from benchmarks.memory import JOB, KEY, write_notes
from flows.prefect_settings import DEFAULTS
from llms.simulator.scenario import Scenario
from llms.simulator.server import serve


@dataclass(frozen=True, slots=True)
class Result:
    """What a run took, in seconds.

    Attributes:
        name: With Prefect, or without.
        documents: Documents of the run.
        calls: Requests of the run.
        ideal_s: What answers take with every place in flight filled all the time.
        asking_s: From the first request to the last answer.
        share: How much longer that is than the ideal, as a share of it.
        waited_s: The ideal, had answers taken as long as they seemed to: a busy machine is late to
            see them.
        whole_s: The whole command.
        cpu_s: CPU of it and of all that it started.
    """

    name: str
    documents: int
    calls: int
    ideal_s: float
    asking_s: float
    share: float
    waited_s: float
    whole_s: float
    cpu_s: float


@contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """A Prefect server with an empty database; yields the URL of its API."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    command = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, **DEFAULTS, "PREFECT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if server.poll() is not None:
                    raise SystemExit("the Prefect server ended before it answered") from None
                time.sleep(0.5)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=60)


def compare(args: argparse.Namespace, folder: Path) -> list[Result]:
    """The same job without Prefect and with it."""
    source = folder / "notes"
    write_notes(source, args.count)
    job = folder / "job.yaml"
    changes = {
        "source": {"path": str(source)},
        "concurrency": args.concurrency,
        "verify": {"share": 0},
        "processes": args.processes,
    }
    job.write_text(yaml.safe_dump({**JOB, **changes}))
    ideal_s = args.count * args.latency / args.concurrency
    scenario = Scenario.of({"answers": "lifted", "latency": args.latency})
    found = []
    with serve(scenario, own_process=True) as provider, prefect_server(folder / "home") as api:
        env = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": provider.url,
            "PREFECT_API_URL": api,
            "PREFECT_HOME": str(folder / "home"),
        }
        for name, options in (("direct", ["--direct"]), ("prefect", [])):
            lake = folder / f"lake-{name}"
            taken = measured(docmill("run", str(job), "--out", str(lake), "--json", *options), env)
            said = json.loads(taken.last_line)
            asking_s, waited_s = asking_seconds(lake)
            found.append(
                Result(
                    name,
                    said["documents"],
                    said["calls"],
                    ideal_s,
                    round(asking_s, 2),
                    round(asking_s / ideal_s - 1, 4),
                    round(waited_s / args.concurrency, 2),
                    round(taken.seconds, 2),
                    round(taken.cpu_s, 2),
                )
            )
    return found


def main() -> int:
    """Read the command line, run both ways and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--processes", type=int, help="worker processes; as docmill chooses")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = compare(args, Path(temporary))
    if args.json:
        print(json.dumps([asdict(result) for result in results]))
        return 0
    for one in results:
        print(
            f"{one.name:<8} {one.documents} documents, {one.calls} calls: asking {one.asking_s} s, "
            f"{one.share:.1%} more than the ideal {one.ideal_s:.1f} s ({one.waited_s} s with "
            f"answers as late as they were seen); whole {one.whole_s} s, CPU {one.cpu_s} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
