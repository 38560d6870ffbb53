"""The measuring script of the whole pipeline: what it prints holds together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "pipeline.py"


@pytest.mark.slow
def test_a_measured_run_accounts_for_its_documents_and_its_time() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--counts", "12", "--json"],
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )

    first, again = (json.loads(done.stdout)["runs"]["12"][name] for name in ("first", "again"))
    assert (first["documents"], again["documents"]) == (12, 12)
    assert first["calls"] >= 12
    assert again["calls"] == 0
    assert again["parsing_s"] == again["answering_s"] == 0
    assert first["answering_s"] > 0
    parts = first["parsing_s"] + first["answering_s"] + first["outside_s"]
    assert parts == pytest.approx(first["cpu_s"], abs=0.02)
