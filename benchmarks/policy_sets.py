"""Which recorded answers can policies be tried on, and what kind is each query?"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from llms.policies.recorded import Recorded, ReplayError
from tasks.replay import read_recorded

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cascade"

CASCADE_SETS = tuple(f"zc_{name}" for name in ("mmlu", "triviaqa", "truthfulqa", "gsm8k"))
CASCADE_SETS += tuple(f"frugalml_{name}" for name in ("yelp", "imdb", "waimai"))
CASCADE_SETS += tuple(f"frugalml_{name}" for name in ("ferplus", "rafdb", "command"))

ROUTER_SETS = ("routellm_mmlu", "routellm_gsm8k", "llmrouter_mix", "mmlu_pro")

EXTRACTION_SETS = tuple(
    f"sob_{name}" for name in ("rotowire", "wikibio", "top", "apibank", "gsm8k", "lastletter")
)

_KINDS: dict[str, Callable[[str], str]] = {
    # The subject, the task or the category, as the id of a query names it.
    "routellm_mmlu": lambda query: query.rpartition("-")[0],
    "llmrouter_mix": lambda query: query.rpartition("-")[0],
    "mmlu_pro": lambda query: query.partition("-")[2],
}


def read_set(folder: Path, dataset: str) -> Recorded:
    """A data set of the folder, its queries with their kind where their ids name one.

    Raises:
        ReplayError: The folder does not hold it.
    """
    recorded = read_recorded(folder / f"{dataset}.parquet")
    kind_of = _KINDS.get(dataset)
    if kind_of is None:
        return recorded
    return replace(recorded, kind=tuple(map(kind_of, recorded.query_ids)))


def check_sets(folder: Path) -> None:
    """Say what is missing before minutes are spent.

    Raises:
        ReplayError: The folder lacks a data set.
    """
    for dataset in (*CASCADE_SETS, *ROUTER_SETS, *EXTRACTION_SETS):
        if not (folder / f"{dataset}.parquet").is_file():
            raise ReplayError(
                f"no {dataset}.parquet in {folder}; give the folder of recorded answers with --data"
            )
