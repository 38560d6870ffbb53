"""The Prefect flow of the backfill: one document-pipeline flow run per partition of an archive."""

from typing import Any, cast

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.partition_runs import new_backfill_id, run_backfill
from flows.pipeline import left_by, run_flow
from flows.wiring import USER_ERRORS
from schemas.job import Backfill
from schemas.manifest import BackfillSummary, RunStatus


@flow(name="backfill", persist_result=False)
def backfill(plan: Backfill, backfill_id: str | None = None) -> Any:
    """Run a job over a span of time in an archive, one run per partition.

    Args:
        plan: The job, the span of time, and how it is cut.
        backfill_id: Go on with this backfill instead of starting a new one; leave it empty.
    """
    try:
        done = run_backfill(plan, run_flow, backfill_id or new_backfill_id())
    except USER_ERRORS as error:
        return Failed(message=str(error), data=error)
    columns = {"run_id", "status", "documents", "extracted", "failed", "skipped", "reused", "usd"}
    rows = [one.model_dump(mode="json", include=columns) for one in done.runs]
    create_table_artifact(table=rows, key="backfill", description=f"Runs of {done.backfill_id}")
    get_run_logger().info(
        "%s: %d runs, %d documents, $%.4f", done.status, len(done.runs), done.documents, done.usd
    )
    data = done.model_dump(mode="json")
    if done.status is RunStatus.DONE:
        return Completed(message=f"{len(done.runs)} partitions done", data=data)
    name = "Parked" if done.status is RunStatus.PARKED else "Failed"
    return Failed(name=name, message=done.message or name, data=data)


def run_backfill_flow(plan: Backfill, backfill_id: str) -> BackfillSummary:
    """Run the flow here and return its summary, whichever state it ends in.

    Raises:
        USER_ERRORS: A partition could not be started.
    """
    state = cast("State[Any]", backfill(plan, backfill_id, return_state=True))
    return BackfillSummary.model_validate(left_by(state))
