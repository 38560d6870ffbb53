"""How often does the range of a forecast hold, with and without learning from own runs?

    python benchmarks/forecast_coverage.py [--worlds 12] [--runs 5] [--seed 1] [--json]

A world is a job of its own (some of the shipped types), a lake of its own and a provider whose
habits nobody knows beforehand: how dense its tokens are, how long its answers, how much each of
its models thinks, how often an answer is malformed and paid for in vain. In every world a few runs
follow each other over new documents. Before each run it is forecast twice, from the priors alone
and with what the earlier runs of the world taught; afterwards both are held against the ledger.

The answers are those of the offline engines (rules, no language model), reached in process; the
usage they report is what the world makes of it, the dollars are the catalog's prices of OpenAI
models on that usage. Habits are drawn from wider ranges than the priors assume (`Habits.draw`),
so the share without learning also says how the priors fare where they are wrong.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Any
from unittest.mock import patch

import httpx2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from flows.wiring import Direct, run_pipeline, start_run
from llms.client import Client
from llms.offline.app import CAREFUL, QUICK, create_app
from schemas.job import Job
from schemas.manifest import RunSummary
from storage.store import Lake
from tasks.forecast import forecast
from tasks.forecast_check import CheckedRun, Coverage, coverage
from tasks.forecast_history import learned, recent_runs
from tasks.forecast_result import Range
from tasks.jobs import expand
from tasks.model_choice import models_for
from tasks.record_rows import extraction_key
from tasks.source_survey import survey

HERE = Path(__file__).resolve().parent

PROBABILITY = 0.9

ENV = {"OPENAI_API_KEY": "sk-none-needed"}

TYPES = ("invoice", "receipt", "contract", "support_ticket", "email")
JOBS: tuple[tuple[str, ...], ...] = (
    TYPES, ("invoice", "receipt"), ("email",), ("contract",), ("support_ticket", "email"),
    ("invoice",),
)  # fmt: skip

_CHEAP = ("nano", "mini", "luna", "flash")


@dataclass(slots=True)
class Habits:
    """What a provider is like, unknown to a forecast."""

    density: float
    verbosity: float
    malformed: float
    thinking: dict[tuple[str, str], float] = field(default_factory=dict)

    @classmethod
    def draw(cls, rng: Random) -> "Habits":
        """Habits of a new world."""
        return cls(
            density=_log_uniform(rng, 0.75, 1.5),
            verbosity=_log_uniform(rng, 0.5, 2.0),
            malformed=rng.choice((0.0, 0.01, 0.05)),
        )

    def extra(self, model: tuple[str, str], factor: float, rng: Random) -> float:
        """Tokens of thinking per token of answer: a habit of a model at an effort.

        A tenth to three times of what the catalog measured (`factor`, the answer included).
        """
        share = self.thinking.setdefault(model, _log_uniform(rng, 0.1, 3.0))
        return share * (factor - 1)


def _log_uniform(rng: Random, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


class Provider:
    """The offline engines with the habits of a world, as an application in this process."""

    def __init__(self, habits: Habits, rng: Random) -> None:
        """Serve answers whose usage is what `habits` make of it."""
        self.habits = habits
        self.factors: dict[tuple[str, str], float] = {}
        self.drift = 1.0
        self._rng = rng
        self._app = create_app()

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Any],
        send: Callable[[MutableMapping[str, Any]], Any],
    ) -> None:
        """Answer one request."""
        raw, more = b"", True
        while more:
            message = await receive()
            raw += message.get("body", b"")
            more = message.get("more_body", False)
        body = json.loads(raw)
        model = body["model"]
        engine = QUICK if any(part in model for part in _CHEAP) else CAREFUL
        rewritten = json.dumps({**body, "model": engine}).encode()
        answered: list[MutableMapping[str, Any]] = []

        async def replay() -> dict[str, Any]:
            return {"type": "http.request", "body": rewritten, "more_body": False}

        async def keep(message: MutableMapping[str, Any]) -> None:
            answered.append(message)

        await self._app(scope, replay, keep)
        start, content = answered[0], b"".join(m.get("body", b"") for m in answered[1:])
        if start["status"] == 200:
            at = (model, body.get("reasoning_effort") or "")
            content = json.dumps(self._billed(json.loads(content), at)).encode()
        headers = [(b"content-type", b"application/json")]
        await send({"type": start["type"], "status": start["status"], "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _billed(self, answer: dict[str, Any], model: tuple[str, str]) -> dict[str, Any]:
        """An answer with the usage of this world; now and then it is malformed."""
        habits, noise = self.habits, math.exp(self._rng.gauss(0, 0.3))
        usage = answer["usage"]
        bare = max(1, round(usage["completion_tokens"] * habits.verbosity * noise * self.drift))
        extra = habits.extra(model, self.factors[model], self._rng) * self.drift
        reasoning = round(bare * extra * math.exp(self._rng.gauss(0, 0.6)))
        prompt = max(1, round(usage["prompt_tokens"] * habits.density))
        answer["usage"] = {
            "prompt_tokens": prompt,
            "completion_tokens": bare + reasoning,
            "total_tokens": prompt + bare + reasoning,
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
        if self._rng.random() < habits.malformed:
            answer["choices"][0]["message"]["content"] = "I would rather not say it in JSON."
        return answer


@dataclass(frozen=True, slots=True)
class Tried:
    """One run beside its two forecasts."""

    world: int
    number: int
    without: CheckedRun
    taught: CheckedRun


def world_runs(
    number: int, runs: int, seed: int, folder: Path, selection: str = "pin"
) -> Iterator[Tried]:
    """The runs of one world, each forecast before it starts."""
    rng = Random(f"{seed}/{number}")
    provider = Provider(Habits.draw(rng), rng)
    transport = httpx2.ASGITransport(app=provider)
    client = partial(Client, transports={"openai": transport})
    types = JOBS[number % len(JOBS)]
    lake = Lake(str(folder / f"lake-{number}"))
    for at in range(runs):
        provider.drift = math.exp(rng.gauss(0, 0.1))
        source = _documents(folder / f"documents-{number}-{at}", types, rng)
        job = expand(
            Job.model_validate(
                {
                    "name": f"world-{number}",
                    "lake": lake.url,
                    "profile": "openai",
                    "models": selection,
                    "types": types,
                    "source": {"path": str(source)},
                    "verify": {"share": 0.2},
                    "seed": seed,
                }
            )
        )
        resolution = models_for(job, lake, ENV)
        for model in resolution.everybody:
            provider.factors[model.api_id, model.effort or ""] = model.thinking_factor
        found = survey(job, lake, extraction_key(job, resolution), sample=10)
        beliefs = learned(recent_runs(lake, job, resolution), resolution)
        plain = forecast(job, found, resolution, probability=PROBABILITY)
        taught = forecast(job, found, resolution, beliefs=beliefs, probability=PROBABILITY)
        with patch("tasks.runtime.Client", client):
            done = run_pipeline(start_run(job, env=ENV), Direct())
        if done.status != "done":
            raise SystemExit(f"world {number}, run {at + 1} {done.status}: {done.message}")
        yield Tried(number, at, beside(done, plain.usd, 0), beside(done, taught.usd, beliefs.runs))


def beside(done: RunSummary, said: Range, teachers: int) -> CheckedRun:
    """A run held against what was said before it."""
    return CheckedRun(
        run_id=done.run_id,
        documents=done.documents,
        learned_from=teachers,
        usd=said,
        actual_usd=done.usd,
        held=said.holds(done.usd),
    )


def _documents(folder: Path, types: Sequence[str], rng: Random) -> Path:
    """New documents of some types, as text, mail and web pages."""
    wanted = rng.randrange(20, 60)
    made = folder / "all"
    script = [sys.executable, str(HERE / "make_documents.py"), str(made), "--text-only"]
    count = wanted * len(TYPES) // len(types)
    options = ["--count", str(count), "--seed", str(rng.randrange(10**9))]
    subprocess.run(script + options, stdout=subprocess.DEVNULL, check=True)
    chosen = folder / "chosen"
    chosen.mkdir()
    for line in (made / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        label = json.loads(line)
        if label["type"] in types:
            file = made / "documents" / label["file"]
            file.rename(chosen / file.name)
    return chosen


def told(name: str, found: Coverage) -> str:
    """A coverage in a line."""
    width = median(run.usd.high / run.usd.low for run in found.runs)
    off = median(abs(math.log(run.actual_usd / run.usd.expected)) for run in found.runs)
    return (
        f"{name:<34} {found.held:>3} of {found.checked:<3} {found.held / found.checked:>5.0%} "
        f"({found.low:.0%} to {found.high:.0%})   {width:>6.1f}x   {math.exp(off):>5.2f}x"
    )


def summaries(tried: Sequence[Tried]) -> dict[str, Coverage]:
    """Coverage of all runs from the priors, of the first runs, and of the taught ones."""
    later = [one for one in tried if one.taught.learned_from]
    groups: Mapping[str, list[CheckedRun]] = {
        "priors alone, all runs": [one.without for one in tried],
        "priors alone, from the second run": [one.without for one in later],
        "after 1 own run": [one.taught for one in later if one.taught.learned_from == 1],
        "after 2 and more own runs": [one.taught for one in later if one.taught.learned_from > 1],
        "with learning, from the second run": [one.taught for one in later],
        "with learning, all runs": [one.taught for one in tried],
    }
    return {name: coverage(name, PROBABILITY, runs) for name, runs in groups.items() if runs}


def main() -> int:
    """Read the command line, run the worlds and print how often the ranges held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--runs", type=int, default=5, help="runs in each world")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--follow", action="store_true", help="let each run choose its models anew; else pinned"
    )
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    tried: list[Tried] = []
    with tempfile.TemporaryDirectory() as folder:
        # No user's own providers and snapshots of catalogs: everybody gets the same figures.
        os.environ.update({**ENV, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder})
        for number in range(args.worlds):
            selection = "follow" if args.follow else "pin"
            for one in world_runs(number, args.runs, args.seed, Path(folder), selection):
                tried.append(one)
                if not args.json:
                    print(_line(one), flush=True)
    found = summaries(tried)
    if args.json:
        print(json.dumps({name: c.model_dump(mode="json") for name, c in found.items()}))
        return 0
    print(f"\nstated probability {PROBABILITY:.0%}; interval: Wilson, 95 %; width: high over low,")
    print("median; off: actual over expected or the reverse, median\n")
    print(f"{'forecasts':<34} {'held':<36} {'width':<9} off")
    for name, one_coverage in found.items():
        print(told(name, one_coverage))
    return 0


def _line(one: Tried) -> str:
    def said(run: CheckedRun) -> str:
        mark = " " if run.held else "!"
        return f"{run.usd.expected:.4f} ({run.usd.low:.4f} to {run.usd.high:.4f}){mark}"

    types = len(JOBS[one.world % len(JOBS)])
    return (
        f"world {one.world + 1:>2} ({types} types) run {one.number + 1}: "
        f"{one.taught.documents:>3} documents, ${one.taught.actual_usd:.4f}; "
        f"priors {said(one.without)}; learned {said(one.taught)}"
    )


if __name__ == "__main__":
    sys.exit(main())
