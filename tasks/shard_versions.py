"""Which version of a shard's outcomes counts? A replay of dead letters makes a new one of its own.

The records and outcomes of a shard are shared by all runs of a job that ask the same questions.
What a replay changes must not change under the runs that tell of it: it goes into a new version of
the shard, and only runs that begin later find that one.
"""

from collections.abc import Iterable
from itertools import count
from typing import Any

from storage.store import Lake


def newest_key(lake: Lake, job: str, shard: str, key: str) -> str:
    """The extraction key, with the number of the newest version if there are more than one."""
    newest = key
    for name in _versions(key):
        if not lake.exists(lake.outcomes(job, shard, name)):
            return newest
        newest = name
    raise AssertionError("there is no last number")


def next_key(lake: Lake, job: str, shard: str, key: str) -> str:
    """The key of a version that does not exist yet."""
    return next(n for n in _versions(key) if not lake.exists(lake.outcomes(job, shard, n)))


def copy_records(
    lake: Lake, job: str, shard: str, key: str, new_key: str, outcomes: Iterable[dict[str, Any]]
) -> None:
    """Take the records of a version over into another, which has no outcomes yet."""
    for name in {row["document_type"] for row in outcomes if row["status"] == "extracted"}:
        table = lake.read_table(lake.records(job, name, shard, key))
        lake.write_table(lake.records(job, name, shard, new_key), table)


def _versions(key: str) -> Iterable[str]:
    return (f"{key}.{number}" for number in count(2))
