"""How long does the whole pipeline take offline, how much memory, and where does the time go?

    python benchmarks/pipeline.py [--counts 1000 10000] [--seed 1] [--folder DIR] [--json]

For every count: documents are generated (not timed), a process of its own runs ingest, extraction,
analysis and report into a new lake, as `docmill run --direct` does, and another one runs the same
job again, with nothing new to read. Extraction stays in that process (`processes: 1`), so that its
answers can be timed; `throughput.py` measures several. Printed per run:

* seconds: wall time from the start of the run to its last file, imports of the stages included;
* peak: largest resident memory of the main process (not of parsers and helpers) in MB;
* parsing: CPU seconds of the parser processes;
* answering: CPU seconds that the rules took for all answers, wherever they were made. Every answer
  carries its own in the header `openai-processing-ms`; nothing else is measured inside the run;
* outside: CPU seconds of all processes that were spent on neither, and their share of all CPU
  seconds. CPU and not wall time, because parsers and the helper of the rules work beside the main
  process: what overlaps cannot hide anything here, and a busy machine matters little.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def measure(source: str, lake: str) -> dict[str, Any]:
    """Run the pipeline in this process; what it took, per stage and in all."""
    started = time.perf_counter()
    sys.path.insert(0, str(HERE.parent))
    from flows.wiring import Direct, run_pipeline, start_run
    from llms.offline.app import PROCESSING_MS
    from llms.sdk import Endpoint, RawResponse
    from schemas.manifest import ShardResult
    from tasks.jobs import load_job
    from tasks.stages import AnalysisResult, IngestResult, ShardRef

    taken = {"parsing": 0.0, "answering": 0.0, "ingest": 0.0, "extract": 0.0, "rest": 0.0}
    post = Endpoint.post

    async def counted(self: Endpoint, *request: Any) -> Any:
        raw = await post(self, *request)
        if isinstance(raw, RawResponse):
            taken["answering"] += float(raw.headers.get(PROCESSING_MS, 0)) / 1000
        return raw

    Endpoint.post = counted

    class Timed(Direct):
        def ingest(self, lake_url: str, run_id: str) -> IngestResult:
            at = time.perf_counter()
            ingested = super().ingest(lake_url, run_id)
            taken["ingest"] = time.perf_counter() - at
            # No other process has ended yet but the parsers.
            taken["parsing"] = _cpu_s(resource.RUSAGE_CHILDREN)
            return ingested

        def extract(
            self, refs: Sequence[ShardRef], lake_url: str, run_id: str
        ) -> Iterator[ShardResult]:
            at = time.perf_counter()
            yield from super().extract(refs, lake_url, run_id)
            taken["extract"] = time.perf_counter() - at

        def analyze(self, lake_url: str, run_id: str) -> AnalysisResult:
            at = time.perf_counter()
            analysed = super().analyze(lake_url, run_id)
            taken["rest"] += time.perf_counter() - at
            return analysed

        def report(self, lake_url: str, run_id: str) -> dict[str, str]:
            at = time.perf_counter()
            reported = super().report(lake_url, run_id)
            taken["rest"] += time.perf_counter() - at
            return reported

    summary = run_pipeline(
        start_run(load_job(source, {"lake": lake, "processes": 1}), env={}), Timed()
    )
    seconds = time.perf_counter() - started
    if summary.status != "done":
        raise SystemExit(f"the run {summary.status}: {summary.message}")
    cpu = _cpu_s(resource.RUSAGE_SELF) + _cpu_s(resource.RUSAGE_CHILDREN)
    outside = cpu - taken["parsing"] - taken["answering"]
    return {
        "documents": summary.documents,
        "calls": summary.calls,
        "seconds": round(seconds, 2),
        "documents_per_s": round(summary.documents / seconds, 1),
        "peak_mb": round(_peak_mb()),
        "cpu_s": round(cpu, 2),
        "outside_s": round(outside, 2),
        "outside_share": round(outside / cpu, 3),
        **{f"{name}_s": round(value, 2) for name, value in taken.items()},
    }


def _cpu_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def _peak_mb() -> float:
    """Largest resident memory of this process so far."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not from `getrusage`: that remembers the memory of the process that forked this one.
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / (1 << 20)


def measured_apart(source: Path, lake: Path) -> dict[str, Any]:
    """What `measure` says in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", str(source), str(lake)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ})
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run(count: int, seed: int, folder: Path) -> dict[str, Any]:
    """Generate documents, run the job over them and run it again."""
    source, lake = folder / f"documents-{count}-{seed}", folder / f"lake-{count}-{seed}"
    script = [sys.executable, str(HERE / "make_documents.py"), str(source)]
    options = ["--count", str(count), "--seed", str(seed)]
    subprocess.run(script + options, stdout=subprocess.DEVNULL, check=True)
    return {"first": measured_apart(source, lake), "again": measured_apart(source, lake)}


def told(name: str, taken: dict[str, Any]) -> str:
    """One run in two lines."""
    return (
        f"{name}: {taken['documents']} documents in {taken['seconds']} s "
        f"({taken['documents_per_s']} documents/s), {taken['calls']} calls, "
        f"peak {taken['peak_mb']} MB\n"
        f"  CPU {taken['cpu_s']} s: parsing {taken['parsing_s']}, answering "
        f"{taken['answering_s']}, outside both {taken['outside_s']} "
        f"({taken['outside_share']:.0%}); wall: ingest {taken['ingest_s']}, extract "
        f"{taken['extract_s']}, analysis and report {taken['rest_s']}"
    )


def main() -> int:
    """Read the command line, measure every count and compare them."""
    parser = argparse.ArgumentParser(description="Measure the whole pipeline offline.")
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where documents and lakes stay; else removed")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--measure", nargs=2, metavar=("SOURCE", "LAKE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure(*args.measure)))
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = {}
        for count in args.counts:
            results[count] = run(count, args.seed, folder)
            if not args.json:
                print(told("first run", results[count]["first"]))
                print(told("run again", results[count]["again"]), flush=True)
    least, most = min(results), max(results)
    ratios = {
        name: round(results[most]["first"][key] / results[least]["first"][key], 2)
        for name, key in (("peak", "peak_mb"), ("seconds", "seconds"))
    }
    if args.json:
        print(json.dumps({"runs": results, "ratios": ratios}))
    elif most > least:
        print(
            f"{most} documents against {least}: {ratios['peak']} times the peak memory, "
            f"{ratios['seconds']} times the seconds"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
