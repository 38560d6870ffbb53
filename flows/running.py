"""How does a command run a job, show it, and leave with the exit code of how it ended?"""

from typing import TYPE_CHECKING

import typer

from flows.console import DONE, FAILED, PARKED, fail, interruptible, print_json, watching

if TYPE_CHECKING:
    from schemas.job import Job
    from schemas.manifest import BackfillSummary, Manifest, RunSummary
    from storage.store import Lake


def run_job(job: "Job", *, direct: bool, quiet: bool, run_id: str | None = None) -> "RunSummary":
    """Run a job here, as a Prefect flow unless `direct`; leaves with a sentence if it cannot."""
    import os
    from datetime import UTC, datetime

    from flows.wiring import Direct, new_run_id, run_pipeline, start_run
    from tasks.user_errors import USER_ERRORS

    run_id = run_id or new_run_id(datetime.now(UTC))
    try:
        with interruptible(is_command=True), watching(run_id, quiet=quiet):
            if direct:
                return run_pipeline(start_run(job, env=os.environ, run_id=run_id), Direct())
            return _run_flow(job, run_id)
    except USER_ERRORS as error:
        fail(error)


def _run_flow(job: "Job", run_id: str) -> "RunSummary":
    import os

    from flows import prefect_settings
    from flows.wiring import check_job

    # What is wrong with the job need not wait for Prefect to start.
    check_job(job, os.environ, run_id)

    prefect_settings.apply_defaults(quiet=True)

    from flows.pipeline import run_flow_in_terminal
    from tasks.interruption import INTERRUPTION

    if INTERRUPTION.is_asked:  # while Prefect was imported, which takes seconds
        fail("the run was told to stop before it had begun; nothing was done", PARKED)
    return run_flow_in_terminal(job, run_id)


def finish(done: "RunSummary", *, as_json: bool) -> None:
    """Print a run's summary and leave with the exit code of its status."""
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        from flows.views import summary_lines

        print("\n".join(summary_lines(done)))
    raise typer.Exit(exit_code(done))


def exit_code(done: "RunSummary | BackfillSummary") -> int:
    """The exit code of how a run ended."""
    return {"done": DONE, "parked": PARKED}.get(done.status.value, FAILED)


def lake_of(url: str) -> "Lake":
    """The lake at a URL; leaves with a sentence where there is none."""
    from storage.store import Lake, LakeError

    try:
        lake = Lake(url)
        lake.check_place()
    except LakeError as error:
        fail(error)
    return lake


def runs_of(lake: str) -> "list[Manifest]":
    """The runs of a lake, oldest first; leaves with a sentence where it cannot be read."""
    from storage.manifests import list_runs
    from storage.store import LakeError

    try:
        return list_runs(lake_of(lake))
    except LakeError as error:
        fail(error)


def manifest_of(lake: str, run_id: str) -> "Manifest":
    """The manifest of a run, by its id, or of the newest by `last`.

    Leaves with a sentence where there is none.
    """
    from storage.manifests import read_manifest
    from storage.store import LakeError

    if run_id == "last":
        manifests = runs_of(lake)
        if not manifests:
            fail(f"the lake {lake} has no runs yet; start one with `docmill run PATH --out {lake}`")
        return manifests[-1]
    try:
        return read_manifest(lake_of(lake), run_id)
    except LakeError as error:
        fail(error)
