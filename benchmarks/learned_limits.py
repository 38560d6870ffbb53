"""What does a caller make of limits that nobody states, and of refusals that have no limit?

    python benchmarks/learned_limits.py [--minutes 9] [--seeds 3]

Sixty-four workers ask a simulated provider without headers through one limiter, in virtual time:
the same seed gives the same table on any machine. Every answer takes 0.5 to 2 seconds; a request
has 900 tokens of input and 100 of output. Prints one Markdown table: the lowest and the highest
figure of the seeds, answers a minute without the first third of the time.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from docs.make_tables import markdown_table
from tests.rationed import Provider, make_limiter, run, work

SLIDING = {"requests_per_minute": 600}
BUCKET = {**SLIDING, "window": "bucket"}

PROVIDERS: Sequence[tuple[str, dict[str, Any], float]] = [
    ("takes everything", {}, 0.0),
    ("turns away 1 % at random", {}, 0.01),
    ("turns away 10 % at random", {}, 0.1),
    ("turns away 30 % at random", {}, 0.3),
    ("600 requests in any minute", SLIDING, 0.0),
    ("600 requests in any minute, 5 % at random", SLIDING, 0.05),
    ("600 requests, a bucket", BUCKET, 0.0),
    ("600 requests, a bucket, 5 % at random", BUCKET, 0.05),
    ("300,000 tokens in any minute", {"tokens_per_minute": 300_000}, 0.0),
    ("8 requests at once", {"in_flight": 8}, 0.0),
]


def measure(limits: dict[str, Any], shed: float, seed: int, minutes: float) -> tuple[float, float]:
    """Answers a minute after the first third of the time, and the share of refusals in all."""

    async def scenario() -> Provider:
        rng = random.Random(seed)
        provider = Provider({**limits, "headers": False}, rng, shed=lambda now: shed)
        await work(provider, make_limiter(), until_s=60 * minutes)
        return provider

    seen = run(scenario()).seen
    return seen.between(20 * minutes, 60 * minutes)[0], seen.refusals()


def as_range(values: Sequence[float], form: str) -> str:
    """The lowest and the highest, or one where they read the same."""
    lowest, highest = format(min(values), form), format(max(values), form)
    return lowest if lowest == highest else f"{lowest} to {highest}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every provider with every seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args(argv)
    rows = []
    for name, limits, shed in PROVIDERS:
        measured = [measure(limits, shed, seed, args.minutes) for seed in range(args.seeds)]
        answers, refusals = zip(*measured, strict=True)
        rows.append(
            {
                "the provider": name,
                "answers a minute": as_range(answers, ",.0f"),
                "429s": as_range(refusals, ".1%"),
            }
        )
        print(name, "...", file=sys.stderr)
    print(markdown_table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
