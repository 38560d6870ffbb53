"""The Prefect flow of the backfill: one document-pipeline flow run per partition of an archive."""

from typing import Any, cast

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Failed

from flows.console import interruptible
from flows.partition_runs import new_backfill_id, run_backfill
from flows.pipeline import (
    final_state,
    left_by,
    let_interrupts_through,
    run_flow,
    without_interrupts_for_children,
)
from schemas.counted import counted
from schemas.job import Backfill
from schemas.manifest import BackfillSummary
from tasks.user_errors import USER_ERRORS


@flow(name="backfill", persist_result=False)
def backfill(plan: Backfill, backfill_id: str | None = None) -> Any:
    """Run a job over a span of time in an archive, one run per partition.

    Args:
        plan: The job, the span of time, and how it is cut.
        backfill_id: Go on with this backfill instead of starting a new one; leave it empty.
    """
    let_interrupts_through()
    try:
        with interruptible():
            done = run_backfill(plan, run_flow, backfill_id or new_backfill_id())
    except USER_ERRORS as error:
        return Failed(message=str(error), data=error)
    columns = {"run_id", "status", "documents", "extracted", "failed", "skipped", "reused", "usd"}
    rows = [one.model_dump(mode="json", include=columns) for one in done.runs]
    create_table_artifact(table=rows, key="backfill", description=f"Runs of {done.backfill_id}")
    get_run_logger().info(
        "%s: %d runs, %d documents, $%.4f", done.status, len(done.runs), done.documents, done.usd
    )
    return final_state(done, f"{counted(len(done.runs), 'partition')} done")


def run_backfill_flow(plan: Backfill, backfill_id: str) -> BackfillSummary:
    """Run the flow as a command does and return its summary, whichever state it ends in.

    Raises:
        USER_ERRORS: A partition could not be started.
    """
    with without_interrupts_for_children():
        state = cast("State[Any]", backfill(plan, backfill_id, return_state=True))
    return BackfillSummary.model_validate(left_by(state))
