"""What was asked of whom in a run, and what did it cost? The ledger, summed."""

from decimal import Decimal

import pyarrow as pa

from storage.store import Lake
from tasks.insights import STAGE

ASKED = ("stage", "role", "model", "provider")
"""What tells one kind of call from another in the report."""

_LEDGER = [
    *ASKED,
    "outcome",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "reasoning_tokens",
    "usd",
    "stored_usd",
    "from_store",
]


def read_ledger(lake: Lake, run_id: str) -> pa.Table:
    """The ledger of a run summed per stage, role, model, provider, outcome and store, file by file.

    Money is summed as decimals: the order of the files must not show in the last digit.
    """
    keys = [*ASKED, "outcome", "from_store"]
    parts = []
    for path in lake.find(f"attempts/{run_id}", ".parquet"):
        table = lake.read_table(path, _LEDGER)
        for name in ("usd", "stored_usd"):
            index = table.schema.get_field_index(name)
            exact = table.column(name).cast(pa.decimal128(38, 9), safe=False)
            table = table.set_column(index, name, exact)
        parts.append(_summed(table.append_column("calls", pa.array([1] * len(table))), keys))
    if not parts:
        return pa.table({name: [] for name in [*_LEDGER, "calls"]})
    return _summed(pa.concat_tables(parts), keys)


def _summed(table: pa.Table, keys: list[str]) -> pa.Table:
    numbers = [name for name in table.column_names if name not in keys]
    grouped = table.group_by(keys).aggregate([(name, "sum") for name in numbers])
    renamed = grouped.rename_columns([n.removesuffix("_sum") for n in grouped.column_names])
    wide = [
        pa.field(f.name, pa.decimal128(38, 9)) if pa.types.is_decimal(f.type) else f
        for f in renamed.schema
    ]
    return renamed.cast(pa.schema(wide)).select(table.column_names)


def insights_usd(ledger: pa.Table) -> Decimal:
    """What the answers about the figures cost, whenever they were paid."""
    rows = [row for row in ledger.to_pylist() if row["stage"] == STAGE]
    return sum((max(row["usd"], row["stored_usd"]) for row in rows), Decimal(0))
