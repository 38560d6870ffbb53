"""How do ledger rows reach the lake, so that no later pass over a run loses what was paid?"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from llms.responses import ResponseStore
from llms.spend import at_least, month_account, run_account, units_at_most
from schemas.job import Job
from schemas.ledger import Attempt
from schemas.tables import ATTEMPTS
from storage.manifests import list_runs
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
    """What each run has spent, by the response store's durable book and by its ledger."""
    with ResponseStore(responses_url(lake)) as store:
        return {run_id: max(store.spent(run_id), _written_usd(lake, run_id)) for run_id in run_ids}


def mend_book(lake: Lake, job: Job, run_id: str | None, now: datetime) -> None:
    """Have the book know what the ledger knows, where the response store was replaced by a new one.

    Moved away because it was damaged, or never there on this machine, it would grant a cap a second
    time. Call it before a run begins or goes on.

    Args:
        lake: The lake, whose ledger counts.
        job: The job; its month is looked at if that has a cap and the book knows nothing of it.
        run_id: The run that goes on; null for one that begins.
        now: The time of day.
    """
    if run_id is None and job.monthly_budget_usd is None:
        return
    with ResponseStore(responses_url(lake)) as store:
        amounts: dict[str, int] = {}
        if run_id is not None:
            amounts[run_account(run_id)] = units_at_most(_written_usd(lake, run_id))
        month = month_account(job.name, f"{now:%Y-%m}")
        if job.monthly_budget_usd is not None and not store.taken(month):
            amounts[month] = units_at_most(_month_usd(lake, job.name, now))
        if any(amounts.values()):
            store.change(lambda connection, _: at_least(connection, amounts))


def _month_usd(lake: Lake, job: str, now: datetime) -> float:
    """What all runs of a job have spent in the month of `now`, by the ledger of the lake."""
    begun = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    runs = [
        manifest.run_id
        for manifest in list_runs(lake)
        if manifest.job.name == job
        and (manifest.finished_at is None or manifest.finished_at >= begun)
    ]
    return sum(_written_usd(lake, run_id, since=begun) for run_id in runs)


def _written_usd(lake: Lake, run_id: str, since: datetime | None = None) -> float:
    """What the ledger of a run says it has spent, from some time on."""
    written = 0.0
    for path in lake.find(f"attempts/{run_id}", ".parquet"):
        table = lake.read_table(path, ["usd", "started_at"])
        if since is not None:
            table = table.filter(pc.greater_equal(table.column("started_at"), since))
        written += pc.sum(table.column("usd")).as_py() or 0.0
    return written


def book_lost(lake: Lake, run_id: str) -> float:
    """Write down what a killed process of this run spent, in one row; returns the amount.

    The rows of its ledger were in its memory, the money is in the durable book: the difference
    keeps both in agreement. Call it before a run goes on, not while it is under way.
    """
    written = _written_usd(lake, run_id)
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
