"""What do cascades and routers bring on recorded answers of real models?

    python benchmarks/replay_policies.py --data FOLDER            # print the tables
    python benchmarks/replay_policies.py --data FOLDER --json     # print every split
    python benchmarks/replay_policies.py --data FOLDER --write    # make docs anew

Policies are tuned on one half of the queries and measured on the other, split after split, against
single models mixed at random to the same cost. No model is called. Takes some minutes.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.policy_charts import spec_curves
from benchmarks.policy_contests import FAMILIES, held
from benchmarks.policy_extraction import agreeing, validity
from benchmarks.policy_extraction_cascade import beside_strong
from benchmarks.policy_page import Findings, blocks
from benchmarks.policy_routers import PAIRS, SEES, routed
from benchmarks.policy_sets import DATA, check_sets, read_set
from benchmarks.replay_output import add_inputs, add_outputs, put_out
from llms.policies.recorded import ReplayError

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "policies.md"

QUERIES, MOST_SPLITS, EXTRACTION_SPLITS = 8_000, 4, 20
"""Small data sets need several splits, large ones are measured well enough by one: so many queries
in all per data set, and no more splits than this."""


def find_out(folder: Path, workers: int) -> Findings:
    """Replay everything; the same data gives the same findings."""
    check_sets(folder)
    splits = {name: _splits(len(read_set(folder, name))) for name in (*FAMILIES, *PAIRS)}
    contests = [
        partial(held, folder, dataset, seed)
        for dataset in FAMILIES
        for seed in range(splits[dataset])
    ]
    routers = [
        partial(routed, folder, dataset, sees, seed)
        for dataset in PAIRS
        for sees in SEES
        for seed in range(splits[dataset])
    ]
    # Spawned: a forked process would inherit the locks of polars' threads, and hang on them.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        # The routers first: they take longest.
        routes = [pool.submit(one) for one in routers]
        held_ones = [pool.submit(one) for one in contests]
        return Findings(
            routers=[one for route in routes if (one := route.result()) is not None],
            contests=[one.result() for one in held_ones],
            validity=validity(folder),
            agreeing=agreeing(folder),
            beside=beside_strong(folder, EXTRACTION_SPLITS),
        )


def _splits(queries: int) -> int:
    return max(1, min(MOST_SPLITS, QUERIES // queries))


def main(arguments: Sequence[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    """Replay recorded answers; 0 when it worked, 2 when there are none."""
    parser = argparse.ArgumentParser(description="Replay policies on recorded answers.")
    add_inputs(parser, DATA)
    add_outputs(parser, "split")
    options = parser.parse_args(arguments)
    try:
        findings = find_out(options.data, options.workers)
    except ReplayError as error:
        print(error, file=sys.stderr)
        return 2
    put_out(
        options,
        PAGE,
        data=lambda: asdict(findings),
        blocks=lambda: blocks(findings),
        pictures=lambda: {"policy-curves": spec_curves(findings.contests)},
        write=write,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
