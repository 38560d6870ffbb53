"""How does the selection of models behave while the catalog changes under it, day after day?

    python benchmarks/catalog_replay.py                # print the tables
    python benchmarks/catalog_replay.py --json         # print every day
    python benchmarks/catalog_replay.py --write        # put tables and pictures into docs/

Replays daily snapshots of a catalog through the code that selects models for a run: re-basings are
found, thresholds carried over, models ranked per role, and the scenario of 10,000 documents is
priced, all with what was known on the day. Takes a few seconds, calls nobody.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.catalog_history import HistoryError, read_history
from benchmarks.replay_charts import spec_candidates, spec_overpayment, spec_savings
from benchmarks.replay_days import Day, replay
from benchmarks.replay_output import add_outputs, put_out
from benchmarks.replay_overpayment import overpayment
from benchmarks.replay_page import blocks
from benchmarks.replay_scenario import compare
from llms.scales import WRITTEN_FOR
from schemas.roles import Role

ROOT = Path(__file__).resolve().parents[1]
HISTORY = ROOT.parent / "shared" / "data" / "catalog" / "aa_llms_history.parquet"
PAGE = ROOT / "docs" / "catalog-replay.md"


def as_json(days: Sequence[Day]) -> dict[str, Any]:
    """The replay as plain values: every re-basing, and every day with its choices and costs."""
    return {
        "rebasings": [change.model_dump(mode="json") for day in days for change in day.found],
        "days": [_day(day) for day in days],
    }


def _day(day: Day) -> dict[str, Any]:
    priced = compare(day)
    return {
        "day": day.day.isoformat(),
        "roles": {role.value: _role(day, role) for role in Role},
        "usd": priced and round(priced.usd, 4),
        "strong_model": priced and priced.strong_slug,
        "strong_usd": priced and round(priced.strong_usd, 2),
        "saving": priced and round(priced.saving, 2),
    }


def _role(day: Day, role: Role) -> dict[str, Any]:
    found = day.roles[role]
    by_token = overpayment(day, role)
    return {
        "model": found.first and found.first.model.slug,
        "candidates": found.count,
        "candidates_as_written": found.fixed,
        "candidates_as_published": found.published,
        "call_usd": found.first and found.first.call_usd,
        "overpaid_by_token_price": by_token and round(by_token.share, 4),
    }


def main(arguments: Sequence[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    """Replay a history; 0 when it worked, 2 when the file cannot be read."""
    parser = argparse.ArgumentParser(description="Replay daily snapshots of a model catalog.")
    parser.add_argument(
        "--history", type=Path, default=HISTORY, help="Parquet file with a row per model and day"
    )
    add_outputs(parser, "day")
    options = parser.parse_args(arguments)
    try:
        days = replay(read_history(options.history, version=WRITTEN_FOR))
    except HistoryError as error:
        print(error, file=sys.stderr)
        return 2
    put_out(
        options,
        PAGE,
        data=lambda: as_json(days),
        blocks=lambda: blocks(days),
        pictures=lambda: {
            "catalog-candidates": spec_candidates(days),
            "catalog-overpayment": spec_overpayment(days),
            "catalog-savings": spec_savings(days),
        },
        write=write,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
