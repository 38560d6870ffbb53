"""What do the ledgers of a lake say of models in roles: failures, invalid answers, thinking?"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from llms.attempt import OK
from llms.experience import Experience, Ledger
from llms.failures import FailureClass
from llms.providers import OFFLINE
from schemas.roles import Role
from storage.manifests import newest_first
from storage.store import Lake

NEWEST_RUNS = 20
"""Runs looked at, the newest first: models behind one name change, and old figures with them."""

MOST_FILES = 400
"""Ledger files read at most, which keeps a lake of many shards to about a second."""

_FAILED = [
    FailureClass.OVERLOADED.value,
    FailureClass.UNREACHABLE.value,
    FailureClass.TIMEOUT.value,
    FailureClass.CONNECTION.value,
    FailureClass.TRUNCATED.value,
    FailureClass.REFUSED.value,
    FailureClass.CONTENT_FILTER.value,
]
"""What tells against a model or who serves it. Limits, budgets and keys tell of us."""

_COLUMNS = [
    "role",
    "model",
    "provider",
    "outcome",
    "output_tokens",
    "reasoning_tokens",
    "latency_ms",
    "from_store",
]
_JUDGED = [OK, FailureClass.INVALID_ANSWER.value, *_FAILED]


def experience_of(lake: Lake, *, newest: int = NEWEST_RUNS, most_files: int = MOST_FILES) -> Ledger:
    """What the newest runs of a lake teach about each model in each role.

    Answers of the response store were counted when they were paid for; the offline engines are no
    models.

    Args:
        lake: The lake; one without a ledger teaches nothing.
        newest: Runs looked at.
        most_files: Files read at most, those of the newest runs first.

    Raises:
        LakeError: A ledger cannot be read.
    """
    tables = [
        lake.read_table(path, _COLUMNS) for path in islice(_ledgers(lake, newest), most_files)
    ]
    if not tables:
        return {}
    rows = pa.concat_tables(tables)
    rows = rows.filter(
        pc.and_(
            pc.invert(rows["from_store"]),
            pc.and_(
                pc.not_equal(rows["provider"], OFFLINE),
                pc.is_in(rows["outcome"], value_set=pa.array(_JUDGED)),
            ),
        )
    )
    return {
        (Role(row["role"]), row["model"]): Experience(
            calls=row["calls_sum"],
            failed=row["failed_sum"],
            invalid=row["invalid_sum"],
            output_tokens=row["output_tokens_sum"],
            reasoning_tokens=row["reasoning_tokens_sum"],
            latency_s=row["answered_s_mean"],
        )
        for row in _summed(rows)
    }


def _ledgers(lake: Lake, newest: int) -> Iterator[str]:
    for run_id in newest_first(lake.folders("attempts"))[:newest]:
        yield from lake.find(f"attempts/{run_id}", ".parquet")


def _summed(rows: pa.Table) -> list[dict[str, Any]]:
    """One row per role and model; tokens and latency are those of answers only."""
    outcome = rows["outcome"]
    failed = pc.is_in(outcome, value_set=pa.array(_FAILED))
    answered = pc.invert(failed)
    counted = {
        "calls": pa.array([1] * len(rows), pa.int64()),
        "failed": pc.cast(failed, pa.int64()),
        "invalid": pc.cast(pc.equal(outcome, FailureClass.INVALID_ANSWER.value), pa.int64()),
        "output_tokens": pc.if_else(answered, rows["output_tokens"], 0),
        "reasoning_tokens": pc.if_else(answered, rows["reasoning_tokens"], 0),
        "answered_s": pc.if_else(answered, pc.divide(rows["latency_ms"], 1000.0), None),
    }
    table = pa.table({"role": rows["role"], "model": rows["model"], **counted})
    sums = [(name, "sum") for name in counted if name != "answered_s"]
    grouped = table.group_by(["role", "model"]).aggregate([*sums, ("answered_s", "mean")])
    found: list[dict[str, Any]] = grouped.to_pylist()
    return found
