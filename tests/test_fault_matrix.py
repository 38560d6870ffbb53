"""A run under faults keeps its promises: a small matrix of the benchmark, and what it would see."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_no_promise_is_broken_by_faults_alone_and_mixed() -> None:
    faults = "server_error,reset_late,truncated,quota,mixed"

    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "benchmarks" / "fault_matrix.py")),
            *("--documents", "40", "--faults", faults),
        ],
        capture_output=True,
        text=True,
        timeout=400,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    lines = [line.split("|") for line in done.stdout.splitlines() if line.startswith("| `")]
    rows = {cells[1].strip(" `"): [cell.strip() for cell in cells[2:-1]] for cells in lines}
    assert list(rows) == ["none", *faults.split(",")]
    assert {cells[-1] for cells in rows.values()} == {"yes"}
    # The faults struck: a matrix without any would keep every promise.
    assert rows["quota"][:2] == ["parked", "done"]
    assert int(rows["server_error"][5]) > int(rows["none"][5]) == 0


def test_an_unknown_fault_is_said() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "fault_matrix.py"), "--faults", "earthquake"],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.returncode == 2
    assert "unknown fault 'earthquake'; there are server_error" in done.stderr
