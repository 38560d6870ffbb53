"""Which dead letters does a run have, and which of them are meant?"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from llms.cascade import MISSING_REQUIRED
from llms.failures import FailureClass
from llms.router import UNRECOGNISED
from schemas.manifest import Retry
from storage.store import Lake, LakeError
from tasks.parse_errors import Reason

INGEST, EXTRACT = "ingest", "extract"
STAGES = (INGEST, EXTRACT)

CLASSES = frozenset(map(str, (*FailureClass, *Reason, UNRECOGNISED, MISSING_REQUIRED)))
"""The classes that a dead letter may have."""


def dead_letters(lake: Lake, run_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The dead letters of a run, each with its shard; `ingest` for what could not be read."""
    for path in lake.find(f"failures/{run_id}", ".parquet"):
        shard = path.rsplit("/", 1)[-1].removesuffix(".parquet")
        for row in lake.read_table(path).to_pylist():
            yield shard, row


def meant(
    letters: Iterable[tuple[str, dict[str, Any]]], retry: Retry
) -> list[tuple[str, dict[str, Any]]]:
    """The dead letters that a replay is about."""
    return [
        (shard, row)
        for shard, row in letters
        if retry.stage in (None, row["stage"]) and retry.failure_class in (None, row["class"])
    ]


def check_choice(failure_class: str | None, stage: str | None) -> None:
    """Make sure that there is such a class and such a stage.

    Raises:
        LakeError: There is not.
    """
    for what, name, known in (
        ("class", failure_class, sorted(CLASSES)),
        ("stage", stage, list(STAGES)),
    ):
        if name is not None and name not in known:
            guess = get_close_matches(name, known, n=1)
            hint = f"did you mean {guess[0]!r}?" if guess else f"there are {', '.join(known)}"
            raise LakeError(f"no dead letter has the {what} {name!r}; {hint}")
