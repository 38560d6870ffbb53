"""A run that is killed, and killed again, ends with the same records and pays for nothing twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.small_runs import invoices, write_folder

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_kill_9_loses_nothing_and_pays_twice_only_what_was_in_flight(tmp_path: Path) -> None:
    source = write_folder(
        tmp_path,
        {
            "docmill.yaml": "name: post\ntypes: [invoice]\nsource: {path: documents}\n"
            "shard_size: 4\nverify: {share: 0.5}\n"
        },
    )
    invoices(source / "documents", 12)

    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "kill_runs.py"),
            *("--source", str(source), "--kills", "2", "--seed", "2", "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode in (0, 1), done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["documents"] == 12
    assert told["kills"], "the run ended before it was killed: nothing was tested"
    assert told["same_records"]
    assert told["same_books"]
    assert told["paid_twice"] <= told["in_flight_at_most"]
    assert told["records_usd_killed"] == pytest.approx(told["usd_unkilled"])
    assert done.returncode == 0
