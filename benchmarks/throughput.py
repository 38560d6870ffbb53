"""How many documents a second does the whole pipeline do, beside a loop that only asks?

    python benchmarks/throughput.py [--count 3000] [--rounds 3] [--concurrency 64]
                                    [--processes 1 2] [--json]

A simulated provider in a process of its own answers at once, out of the texts. Documents are
generated (`make_documents.py`: text, HTML, mail, Word, PDF and more), and one run that is not
timed notes every request that docmill sends for them. Then, in turn:

* bare: one process, a plain `AsyncOpenAI` loop (`chat.completions.create`, no retries) that sends
  these same requests, read from a file before its clock starts, and drops the answers;
* docmill: `docmill run --direct` into a new lake: ingest, extraction, verification, budget, store,
  ledger, records, analysis and report; once per number of worker processes.

Per contender, of the rounds the best one by documents/s:

* documents/s (whole): over the whole command, from the start of the interpreter to its end;
* documents/s (asking): from the first request to the last answer;
* CPU ms per document: of the command and of every process it started, but not the provider's;
* provider: CPU ms per document of the simulated provider, which shares the machine's cores.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measured import Taken, asking_seconds, cpu_seconds, docmill, measured
from llms.simulator.scenario import Scenario
from llms.simulator.server import InProcess, serve

HERE = Path(__file__).resolve().parent
KEY = "not-a-key"


@dataclass(frozen=True, slots=True)
class Result:
    """What one contender reached."""

    name: str
    requests: int
    whole_per_s: float
    asking_per_s: float
    cpu_ms: float
    provider_ms: float


def record(source: str, lake: str, bodies: str) -> None:
    """Run the pipeline in this process and note the body of every request it sends."""
    from flows.wiring import Direct, run_pipeline, start_run
    from llms.sdk import Endpoint
    from tasks.jobs import load_job

    post = Endpoint.post
    job = load_job(source, {"lake": lake, "processes": 1})
    with Path(bodies).open("wb") as file:

        async def noted(self: Endpoint, body: bytes, *rest: Any) -> Any:
            file.write(body + b"\n")
            return await post(self, body, *rest)

        Endpoint.post = noted
        summary = run_pipeline(start_run(job, env=os.environ), Direct())
    if summary.status != "done":
        raise SystemExit(f"the run {summary.status}: {summary.message}")


async def ask(bodies: str, url: str, concurrency: int) -> dict[str, Any]:
    """Send every request of a file, so many at once, and drop what comes back."""
    from openai import AsyncOpenAI

    requests = [json.loads(line) for line in Path(bodies).read_bytes().splitlines()]
    waiting = iter(requests)
    async with AsyncOpenAI(api_key=KEY, base_url=url, max_retries=0) as client:

        async def work() -> None:
            for request in waiting:
                await client.chat.completions.create(**request)

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        seconds = time.perf_counter() - started
    return {"requests": len(requests), "asking_s": seconds}


def contend(name: str, taken: Taken, counts: tuple[int, int, float], provider_s: float) -> Result:
    """The figures of a contender; `counts`: documents, requests and seconds of asking."""
    documents, requests, asking_s = counts
    return Result(
        name,
        requests,
        documents / taken.seconds,
        documents / asking_s,
        taken.cpu_s * 1000 / documents,
        provider_s * 1000 / documents,
    )


def compare(args: argparse.Namespace, folder: Path) -> list[Result]:
    """Every contender in every round; the best round of each."""
    source = folder / "documents"
    script = [sys.executable, str(HERE / "make_documents.py"), str(source)]
    options = ["--count", str(args.count), "--seed", str(args.seed)]
    subprocess.run(script + options, stdout=subprocess.DEVNULL, check=True)
    found: dict[str, list[Result]] = {}
    with serve(Scenario.of({"answers": "lifted"}), own_process=True) as provider:
        if not isinstance(provider, InProcess):
            raise AssertionError("a provider of its own process was asked for")
        env = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": provider.url}
        bodies = str(folder / "bodies.jsonl")
        job = make_job(source, args, 1)
        me = [sys.executable, str(Path(__file__).resolve())]
        measured([*me, "--record", str(job), str(folder / "noted"), bodies], env)
        for number in range(args.rounds):
            before = cpu_seconds(provider.process_id)
            taken = measured([*me, "--ask", bodies, provider.url, str(args.concurrency)])
            said = json.loads(taken.last_line)
            counts = args.count, said["requests"], said["asking_s"]
            used = cpu_seconds(provider.process_id) - before
            found.setdefault("bare", []).append(contend("bare", taken, counts, used))
            for processes in args.processes:
                name = f"docmill, processes: {processes}"
                job, lake = make_job(source, args, processes), folder / f"lake-{processes}-{number}"
                before = cpu_seconds(provider.process_id)
                taken = measured(
                    docmill("run", str(job), "--out", str(lake), "--direct", "--json"), env
                )
                used = cpu_seconds(provider.process_id) - before
                said = json.loads(taken.last_line)
                counts = said["documents"], said["calls"], asking_seconds(lake)[0]
                found.setdefault(name, []).append(contend(name, taken, counts, used))
    return [max(rounds, key=lambda one: one.whole_per_s) for rounds in found.values()]


def make_job(source: Path, args: argparse.Namespace, processes: int) -> Path:
    """The job of the documents, with so many worker processes."""
    job = yaml.safe_load((source / "docmill.yaml").read_text())
    job["source"]["path"] = str(source / "documents")
    job |= {"profile": "openai", "concurrency": args.concurrency, "processes": processes}
    file = source.parent / f"job-{processes}.yaml"
    file.write_text(yaml.safe_dump(job, sort_keys=False))
    return file


def main() -> int:
    """Read the command line, let everybody run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--record", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--ask", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.record:
        record(*args.record)
        return 0
    if args.ask:
        bodies, url, concurrency = args.ask
        print(json.dumps(asyncio.run(ask(bodies, url, int(concurrency)))))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        results = compare(args, Path(temporary))
    if args.json:
        print(json.dumps([asdict(result) for result in results]))
        return 0
    bare = results[0]
    print(f"{args.count} documents, {args.concurrency} in flight, best of {args.rounds} rounds")
    for one in results:
        print(
            f"{one.name:<22} {one.requests:>6} requests  documents/s whole "
            f"{one.whole_per_s:6.1f} ({one.whole_per_s / bare.whole_per_s:.2f} of bare), asking "
            f"{one.asking_per_s:6.1f} ({one.asking_per_s / bare.asking_per_s:.2f})  CPU "
            f"{one.cpu_ms:.2f} ms/document, provider {one.provider_ms:.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
