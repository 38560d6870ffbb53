"""How do ledger rows reach the lake, so that no later pass over a run loses what was paid?"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from llms.responses import ResponseStore
from schemas.ledger import Attempt
from schemas.tables import ATTEMPTS
from storage.store import Lake
from tasks.runtime import responses_url

LOST = "lost"
"""Stage, outcome and file of what a killed process paid and could not write down."""

_UNKNOWN = "unknown"
_NOTHING_USD = 1e-9


def add_attempts(lake: Lake, path: str, attempts: Sequence[Attempt]) -> None:
    """Add rows to a file of the ledger; a run that is resumed comes to the same file again."""
    table = pa.Table.from_pylist([asdict(attempt) for attempt in attempts], schema=ATTEMPTS)
    if lake.exists(path):
        table = pa.concat_tables([lake.read_table(path), table])
    lake.write_table(path, table)


def requests_of(lake: Lake, run_id: str, stage: str) -> set[str]:
    """The requests that the ledger of a run has rows of, in one stage."""
    found: set[str] = set()
    for path in lake.find(f"attempts/{run_id}", ".parquet"):
        table = lake.read_table(path, ["stage", "request_key"])
        mine = table.filter(pc.equal(table.column("stage"), stage))
        found.update(mine.column("request_key").to_pylist())
    return found


def spent_usd(lake: Lake, run_ids: Collection[str]) -> dict[str, float]:
    """What each run has spent, by the response store's durable book."""
    store = ResponseStore(responses_url(lake))
    try:
        return {run_id: store.spent(run_id) for run_id in run_ids}
    finally:
        store.close()


def book_lost(lake: Lake, run_id: str) -> float:
    """Write down what a killed process of this run spent, in one row; returns the amount.

    The rows of its ledger were in its memory, the money is in the durable book: the difference
    keeps both in agreement. Call it before a run goes on, not while it is under way.
    """
    written = 0.0
    for path in lake.find(f"attempts/{run_id}", ".parquet"):
        written += pc.sum(lake.read_table(path, ["usd"]).column("usd")).as_py() or 0.0
    with ResponseStore(responses_url(lake)) as store:
        # Whoever gets the answers of requests that lie in a batch will book what they cost.
        lost = store.spent(run_id) - store.held(run_id) - written
    if lost <= _NOTHING_USD:
        return 0.0
    row = Attempt(
        attempt_id=uuid.uuid4().hex,
        run_id=run_id,
        stage=LOST,
        role=_UNKNOWN,
        model=_UNKNOWN,
        provider=_UNKNOWN,
        lane="standard",
        doc_id=None,
        request_key="",
        number=1,
        outcome=LOST,
        status=None,
        input_tokens=0,
        cached_tokens=0,
        output_tokens=0,
        reasoning_tokens=0,
        input_price=0.0,
        cached_input_price=0.0,
        output_price=0.0,
        usd=lost,
        usd_is_upper_bound=True,
        stored_usd=0.0,
        from_store=False,
        latency_ms=0.0,
        started_at=datetime.now(UTC),
        message="paid by a process that was killed before it wrote its ledger; calls not counted",
    )
    add_attempts(lake, lake.attempts(run_id, LOST), [row])
    return lost
