"""The command `docmill retry`: dead letters are tried again, nothing else is asked."""

from typing import Annotated

import typer

from flows.console import fail, print_json
from flows.job_options import DirectOption, JsonOption, LakeOption, NewBudgetOption
from flows.running import exit_code, finish, manifest_of, run_job


def retry(
    run_id: Annotated[str, typer.Argument(help="A run that is done, or `last`.")],
    failure_class: Annotated[
        str | None, typer.Option("--class", help="Only dead letters of this class.")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="Only those of this stage: ingest or extract.")
    ] = None,
    anew: Annotated[
        bool,
        typer.Option(
            "--anew",
            help="Ask everything about them anew; otherwise only what had no usable answer.",
        ),
    ] = False,
    lake: LakeOption = "lake",
    budget: NewBudgetOption = None,
    direct: DirectOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try the dead letters of a run again, and make its report anew."""
    from flows.replaying import begin_replay
    from flows.wiring import summary
    from schemas.manifest import RunStatus
    from storage.manifests import read_manifest
    from storage.store import Lake
    from tasks.user_errors import USER_ERRORS

    run_id = manifest_of(lake, run_id).run_id
    where = Lake(lake)
    try:
        count = begin_replay(where, run_id, failure_class=failure_class, stage=stage, anew=anew)
        manifest = read_manifest(where, run_id)
    except USER_ERRORS as error:
        fail(error)
    if not count:
        which = "".join(
            f" of {name} {value}"
            for name, value in (("class", failure_class), ("stage", stage))
            if value is not None
        )
        message = f"run {run_id} has no dead letters{which}: nothing was tried again"
        done = summary(manifest, where).model_copy(update={"message": message})
        print_json(done.model_dump(mode="json")) if as_json else print(message)
        raise typer.Exit(exit_code(done))
    job = manifest.job.model_copy(update={"lake": lake})
    if budget is not None:
        job = job.model_copy(update={"budget_usd": budget})
    done = run_job(job, direct=direct, quiet=as_json, run_id=run_id)
    if done.status is RunStatus.DONE and done.message:
        # Its report is made, and yet something waits.
        done = done.model_copy(update={"status": RunStatus.PARKED})
    finish(done, as_json=as_json)
