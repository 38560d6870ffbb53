"""What did a run cost, what did its records cost, and what would one strong model have cost?"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import Cost, Manifest, ShardResult
from storage.store import Lake

INSIGHTS_STAGE = "insights"
"""Stage of the calls that belong to no document."""

_OF_ATTEMPTS = ["stage", "usd", "usd_is_upper_bound", "stored_usd", "from_store"]
_SUMMED = ["usd", "baseline_usd", "baseline_plain_usd", "projected_usd"]


def run_cost(lake: Lake, manifest: Manifest, shards: Sequence[ShardResult]) -> Cost:
    """Add up the money of a run from its outcomes and its ledger.

    Sums go shard by shard in the order of the shards, so that they can be recomputed to the last
    digit. A baseline that is unknown for one document is unknown for all.
    """
    mine = _documents_of(lake, manifest.run_id)
    records = dict.fromkeys(_SUMMED, 0.0)
    unknown: set[str] = set()
    for shard in shards:
        table = lake.read_table(shard.outcomes, ["doc_id", *_SUMMED])
        table = table.filter(pc.is_in(table.column("doc_id"), value_set=mine))
        for column in _SUMMED:
            if table.column(column).null_count:
                unknown.add(column)
            records[column] += pc.sum(table.column(column)).as_py() or 0.0
    usd, unconfirmed, calls, insights = _spent(lake, manifest.run_id)
    baseline, plain = (
        None if name in unknown else records[name]
        for name in ("baseline_usd", "baseline_plain_usd")
    )
    is_projected = bool(manifest.resolution.projected) and "projected_usd" not in unknown
    projected = records["projected_usd"] if is_projected else None
    records_usd = records["usd"] + insights
    is_parked = any(shard.parked for shard in shards)
    # Of a run that left documents for later, the baseline covers the others only.
    paid = 0.0 if is_parked else projected if projected is not None else records_usd
    return Cost(
        usd=usd,
        unconfirmed_usd=unconfirmed,
        records_usd=records_usd,
        baseline_usd=baseline,
        baseline_plain_usd=plain,
        projected_usd=projected,
        saving=baseline / paid if baseline and paid else None,
        saving_low=plain / paid if plain and paid else None,
        calls=calls,
    )


def _documents_of(lake: Lake, run_id: str) -> pa.Array:
    table = lake.read_table(lake.run(run_id, "sources.parquet"), ["doc_id"])
    return table.column("doc_id").unique().drop_null()


def _spent(lake: Lake, run_id: str) -> tuple[float, float, int, float]:
    """Spent by this run, how much of it is an upper bound, requests it sent, and what the answers
    of the analysis once cost.
    """
    usd, unconfirmed, calls, insights = 0.0, 0.0, 0, 0.0
    for path in lake.find(f"attempts/{run_id}", ".parquet"):
        table = lake.read_table(path, _OF_ATTEMPTS)
        usd += _sum(table)
        unconfirmed += _sum(table.filter(table.column("usd_is_upper_bound")))
        calls += pc.sum(pc.invert(table.column("from_store"))).as_py() or 0
        mine = table.filter(pc.equal(table.column("stage"), INSIGHTS_STAGE))
        # A stored answer has usd 0 and the price once paid beside it; a new one the reverse.
        insights += pc.sum(pc.max_element_wise(mine["usd"], mine["stored_usd"])).as_py() or 0.0
    return usd, unconfirmed, calls, insights


def _sum(table: pa.Table) -> float:
    return pc.sum(table.column("usd")).as_py() or 0.0
