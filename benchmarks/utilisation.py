"""How much of a provider's limit is used, and what is refused, beside other ways to call it?

    python benchmarks/utilisation.py [--seconds 40] [--window-s 10] [--tools-python PATH]
                                     [--only NAME ...] [--callers NAME ...] [--json]

A simulated provider in a process of its own has limits per minute that it counts in windows of ten
seconds; most providers' are longer: `--window-s 60 --seconds 360`. Each caller in turn
(`limited_callers.py`, a process of its own, 64 requests at once) sends requests of some 860 tokens,
each another one:

* docmill: docmill's client, store and book included, that is told nothing of the limits;
* bare: a loop over `AsyncOpenAI` with its default retries, that is told nothing either;
* litellm, langchain: with `--tools-python`, the interpreter of an environment that has `litellm`
  and `langchain-openai`: LiteLLM's router and LangChain's limiter in memory. Both are told the
  limits that hold at the start.

Counted is what the provider saw after the first window: the share of the limit that was
used, the share of its answers that were refusals (429), and the requests that the caller gave up.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from docs.make_tables import markdown_table
from llms.simulator.scenario import Scenario
from llms.simulator.server import InProcess, InThread, serve

HERE = Path(__file__).resolve().parent
WARM_S = 10.0
WINDOW_S = 10
WORKERS = 64
REQUEST_TOKENS = 860
CANNED = {"*": {"document_type": "invoice", "confidence": 0.9}}
LATENCY = {"seconds": 0.3, "high_s": 1.5}


@dataclass(frozen=True, slots=True)
class Case:
    """Limits: what holds from which second on, by name of a rate, and what the headers say."""

    name: str
    rate: str
    phases: tuple[tuple[float, int], ...]
    headers: bool = True
    window: str = "sliding"

    def scenario(self, seconds: float, window_s: int = WINDOW_S) -> Scenario:
        """The provider, for a run of so many seconds; phases begin at shares of it."""
        limits: dict[str, Any] = {
            self.rate: self.phases[0][1],
            "window_s": window_s,
            "window": self.window,
            "headers": self.headers,
            "schedule": [
                {"at_s": share * seconds, self.rate: limit} for share, limit in self.phases[1:]
            ],
        }
        return Scenario.of(
            {"answers": "canned", "canned": CANNED, "latency": LATENCY, "limits": limits}
        )

    def allowed(self, start: float, end: float, seconds: float) -> float:
        """What the limits allow between two times."""
        times = [share * seconds for share, _ in self.phases] + [end]
        total = 0.0
        for (_, limit), begin, until in zip(self.phases, times, times[1:], strict=False):
            total += limit / 60 * max(0.0, min(until, end) - max(begin, start))
        return total


CASES = (
    Case("requests", "requests_per_minute", ((0.0, 1200),)),
    Case("tokens", "tokens_per_minute", ((0.0, 900_000),)),
    Case("changing", "requests_per_minute", ((0.0, 1200), (0.4, 600), (0.7, 1800))),
    Case("no headers", "requests_per_minute", ((0.0, 1200),), headers=False),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What one caller made of one case."""

    case: str
    caller: str
    used: float
    refused: float
    given_up: int
    answered: int
    version: str


def measure(case: Case, caller: str, python: str, seconds: float, window_s: int) -> Result:
    """Let one caller call for so long."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(case.scenario(seconds, window_s), own_process=True) as provider,
    ):
        spec = {
            "url": provider.url,
            "workers": WORKERS,
            "seconds": seconds,
            "store": f"sqlite:///{folder}/responses.db",
            "rpm": case.phases[0][1] if case.rate == "requests_per_minute" else None,
            "tpm": case.phases[0][1] if case.rate == "tokens_per_minute" else None,
            "tokens": REQUEST_TOKENS,
        }
        command = [python, str(HERE / "limited_callers.py"), caller, json.dumps(spec)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            if process.stdout is None or process.stdout.readline().strip() != "begun":
                raise SystemExit(f"{caller} did not begin; try: {' '.join(command[:3])}")
            began = time.monotonic()
            seen = []
            for at in (max(WARM_S, window_s), seconds):
                time.sleep(max(0.0, began + at - time.monotonic()))
                seen.append((time.monotonic() - began, counted(provider, case.rate)))
            said = json.loads(process.stdout.readline())
    (start, before), (end, after) = seen
    used, refused, requests = (late - early for early, late in zip(before, after, strict=True))
    return Result(
        case.name,
        caller,
        used / case.allowed(start, end, seconds),
        refused / max(1, requests),
        said["given_up"],
        said["answered"],
        said.get("version", ""),
    )


def counted(provider: InProcess | InThread, rate: str) -> tuple[int, int, int]:
    """What the provider has billed of a rate, refused, and received."""
    stats = provider.stats()
    paid = stats.paid.prompt_tokens + stats.paid.completion_tokens
    if rate == "requests_per_minute":
        paid = stats.paid.requests
    return paid, sum(stats.refused.values()), stats.requests


def table(results: list[Result]) -> str:
    """The figures as Markdown."""
    return markdown_table(
        [
            {
                "limit": one.case,
                "caller": f"{one.caller} ({one.version})" if one.version else one.caller,
                "share of the limit used": f"{one.used:.1%}",
                "share of 429s": f"{one.refused:.2%}",
                "given up": one.given_up,
            }
            for one in results
        ]
    )


def main() -> int:
    """Read the command line and measure every caller in every case."""
    parser = argparse.ArgumentParser(description="Measure the use that is made of limits.")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--tools-python", help="interpreter that has litellm and langchain-openai")
    parser.add_argument("--window-s", type=int, default=WINDOW_S)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--callers", nargs="+", help="names; all by default")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    callers = [("docmill", sys.executable), ("bare", sys.executable)]
    if args.tools_python:
        callers += [(name, args.tools_python) for name in ("litellm", "langchain")]
    else:
        print("without --tools-python: docmill and the bare loop only", file=sys.stderr)
    results = []
    for case in CASES:
        if args.only and case.name not in args.only:
            continue
        for caller, python in callers:
            if args.callers and caller not in args.callers:
                continue
            results.append(measure(case, caller, python, args.seconds, args.window_s))
            print(table(results[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    print(json.dumps([asdict(one) for one in results]) if args.json else table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
