"""A run that is killed, and killed again, ends with the same records and pays for nothing twice."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.small_runs import invoices, write_folder

ROOT = Path(__file__).resolve().parent.parent

_JOB = """
name: post
types: [invoice]
source: {path: documents}
shard_size: 4
verify: {share: 0.25}
"""


def killed(source: Path, lane: str, store: str) -> dict[str, Any]:
    """What came of runs that were killed twice."""
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "kill_runs.py"),
            *("--source", str(source), "--kills", "2", "--seed", "3", "--json"),
            *("--lanes", lane, "--stores", store),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (0, 1), done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    if not rows:
        pytest.skip(done.stderr.strip())
    return rows[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lane", "store"), [("standard", "sqlite"), ("batch", "postgresql")], ids=str
)
def test_kill_9_loses_nothing_and_pays_twice_only_what_was_in_flight(
    tmp_path: Path, lane: str, store: str
) -> None:
    source = write_folder(tmp_path, {"docmill.yaml": _JOB})
    invoices(source / "documents", 8)

    row = killed(source, lane, store)

    assert (row["documents"], row["kills"]) == (8, 2)
    assert (row["same_records"], row["same_books"], row["ledger_agrees"]) == (True, True, True)
    assert row["paid_twice"] <= (row["paid_twice_at_most"] if lane == "standard" else 0)
    assert row["billed_usd"] <= row["booked_usd"] + 1e-9
    assert row["is_kept"]
