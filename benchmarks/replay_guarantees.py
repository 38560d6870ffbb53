"""Do the guarantees hold on recorded answers of real models, and what do they save?

    python benchmarks/replay_guarantees.py                # print the tables
    python benchmarks/replay_guarantees.py --json         # print every pair, way, target and rule
    python benchmarks/replay_guarantees.py --write        # put tables and pictures into docs/

Thresholds are chosen from a part of the answers and measured on the rest, 200 times per pair of
models, beside the naive rule, Hoeffding's bound and BARGAIN; streams are switched from one data set
to another until the audit raises its alarm. No model is called. Takes some minutes.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.guarantee_charts import spec_violations, spec_wealth
from benchmarks.guarantee_confidences import calibrated
from benchmarks.guarantee_drift import alarms_at_the_limit, drifts
from benchmarks.guarantee_page import Findings, blocks
from benchmarks.guarantee_pairs import DATA, available, pairs
from benchmarks.guarantee_replay import SEEDS, replay
from benchmarks.replay_output import add_inputs, add_outputs, at_least_one, put_out
from llms.policies.recorded import ReplayError

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guarantees.md"

STREAMS_PER_SEED, AUDITS = 5, 2000
"""Streams at the limit of what is tolerated, and their length."""


def find_out(folder: Path, seeds: int, workers: int) -> Findings:
    """Replay everything that the folder holds; the same seeds give the same findings."""
    datasets = available(folder)
    if not datasets:
        raise ReplayError(
            f"no recorded answers in {folder}; give a folder with zc_mmlu.parquet and others like "
            "it with --data"
        )
    # The largest first, so that no worker is left alone with one at the end.
    found = sorted((p for name in datasets for p in pairs(folder, name)), key=len, reverse=True)
    return Findings(
        outcomes=replay(found, seeds, workers),
        confidences=[one for name in datasets for one in calibrated(folder, name)],
        drifts=drifts(folder, seeds),
        alarms=alarms_at_the_limit(STREAMS_PER_SEED * seeds, AUDITS),
        streams=STREAMS_PER_SEED * seeds,
        seeds=seeds,
    )


def main(arguments: Sequence[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    """Replay recorded answers; 0 when it worked, 2 when there are none."""
    parser = argparse.ArgumentParser(description="Replay guarantees on recorded answers.")
    add_inputs(parser, DATA)
    parser.add_argument(
        "--seeds", type=at_least_one, default=SEEDS, help="splits and samples per pair"
    )
    add_outputs(parser, "outcome")
    options = parser.parse_args(arguments)
    try:
        findings = find_out(options.data, options.seeds, options.workers)
    except ReplayError as error:
        print(error, file=sys.stderr)
        return 2
    put_out(
        options,
        PAGE,
        data=lambda: asdict(findings),
        blocks=lambda: blocks(findings),
        pictures=lambda: {
            "guarantee-violations": spec_violations(findings.outcomes),
            "guarantee-audit": spec_wealth(),
        },
        write=write,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
