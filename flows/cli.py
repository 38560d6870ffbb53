"""The `docmill` command. A command imports what it needs when it runs, so that help is instant.

Help lists the commands in the order in which they are added here.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cache_cli import app as cache_app
from flows.calibrate_cli import calibrate
from flows.console import DONE, FAILED, fail, interruptible, print_json
from flows.evaluate_cli import evaluate
from flows.job_options import (
    DirectOption,
    JsonOption,
    LakeOption,
    LaneOption,
    ModelOption,
    NewBudgetOption,
    OutOption,
    ProfileOption,
    ReadyByOption,
    job_of,
)
from flows.models_cli import app as models_app
from flows.plan_cli import GoalOption, plan
from flows.replay_cli import replay
from flows.retry_cli import retry
from flows.running import exit_code, finish, manifest_of, run_job, runs_of
from flows.simulate_cli import simulate

if TYPE_CHECKING:
    from schemas.job import Backfill
    from schemas.manifest import BackfillSummary

app = typer.Typer(
    name="docmill",
    help="Turn archives of documents into reports you can check.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: rich would cost half of the time that `docmill --help` takes.
    rich_markup_mode=None,
)

PathArgument = Annotated[
    str,
    typer.Argument(help="A folder, a file, an archive, a mailbox, or a docmill.yaml."),
]


@app.command()
def run(
    path: PathArgument = ".",
    out: OutOption = None,
    profile: ProfileOption = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only this many documents.")] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Never spend more than this, in US dollars.")
    ] = None,
    model: ModelOption = None,
    lane: LaneOption = None,
    ready_by: ReadyByOption = None,
    goal: GoalOption = None,
    direct: DirectOption = False,
    as_json: JsonOption = False,
) -> None:
    """Turn documents into records and a report."""
    job = job_of(
        path,
        out=out,
        profile=profile,
        limit=limit,
        budget=budget,
        models=model,
        lane=lane,
        ready_by=ready_by,
    )
    run_id = None
    if goal is not None:
        from flows.plan_cli import planned_run

        job, run_id = planned_run(job, goal, quiet=as_json)
    finish(run_job(job, direct=direct, quiet=as_json, run_id=run_id), as_json=as_json)


app.command()(plan)


@app.command()
def forecast(
    path: PathArgument,
    profile: ProfileOption = None,
    model: ModelOption = None,
    lane: Annotated[
        str | None, typer.Option(help="standard, flex or batch; default: the job's own.")
    ] = None,
    probability: Annotated[
        float, typer.Option(min=0.5, max=0.99, help="How sure the range is to hold the run.")
    ] = 0.9,
    sample: Annotated[int, typer.Option(min=0, help="Documents to parse for it.")] = 40,
    out: Annotated[
        str | None,
        typer.Option("--out", "--lake", help="The lake to learn from; default: the job's own."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Say how often the range held on the job's past runs.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a run would cost, as a range; sends nothing.

    Beside it stands what one strong model would cost for the same work.
    """
    import os

    from flows.forecast_view import coverage_lines, forecast_lines
    from storage.store import Lake
    from tasks.call_times import LANES
    from tasks.forecast_check import check_forecasts
    from tasks.forecast_job import forecast_job
    from tasks.sandbox import SandboxError
    from tasks.user_errors import USER_ERRORS

    if lane is not None and lane not in LANES:
        fail(f"--lane: there is no lane {lane!r}; there are {', '.join(LANES)}")
    job = job_of(path, out=out, profile=profile, models=model)
    try:
        if check:
            held = check_forecasts(Lake(job.lake), job, probability=probability, sample=sample)
            said, lines = held.model_dump(mode="json"), coverage_lines(held)
        else:
            expected = forecast_job(
                job, os.environ, lane=lane, probability=probability, sample=sample
            )
            said, lines = expected.model_dump(mode="json"), forecast_lines(expected)
    except (*USER_ERRORS, SandboxError) as error:
        fail(error)
    if as_json:
        print_json(said)
    else:
        print("\n".join(lines))


@app.command()
def backfill(
    path: PathArgument,
    since: Annotated[str, typer.Option(help="First day, YYYY-MM-DD.")],
    until: Annotated[str, typer.Option(help="Day after the last one, YYYY-MM-DD.")],
    by: Annotated[
        str, typer.Option(help="What dates a document: path, name, header or mtime.")
    ] = "path",
    partition: Annotated[str, typer.Option(help="day, week, month or year.")] = "month",
    order: Annotated[str, typer.Option(help="oldest or newest first.")] = "oldest",
    parallel: Annotated[int, typer.Option(min=1, help="Partitions that run at once.")] = 1,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Cap for the whole backfill, in US dollars.")
    ] = None,
    out: OutOption = None,
    profile: ProfileOption = None,
    backfill_id: Annotated[
        str | None, typer.Option("--id", help="Go on with this backfill.")
    ] = None,
    direct: DirectOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a job over an archive by date, one run per partition."""
    from pydantic import ValidationError

    from schemas.job import Backfill
    from schemas.setting_errors import first_problem

    job = job_of(path, out=out, profile=profile)
    try:
        plan = Backfill.model_validate(
            {
                "job": job,
                "since": since,
                "until": until,
                "by": by,
                "partition": partition,
                "order": order,
                "parallel": parallel,
                "budget_usd": budget,
            }
        )
    except ValidationError as error:
        problem = first_problem(error, Backfill)
        fail(f"--{problem}" if error.errors()[0]["loc"] else problem)
    done = _backfill(plan, backfill_id, direct=direct)
    if as_json:
        print_json(done.model_dump(mode="json"))
    else:
        from flows.views import backfill_lines

        print("\n".join(backfill_lines(done)))
    raise typer.Exit(exit_code(done))


def _backfill(plan: "Backfill", backfill_id: str | None, *, direct: bool) -> "BackfillSummary":
    import os

    from flows import prefect_settings
    from flows.partition_runs import new_backfill_id, run_backfill, run_directly
    from flows.wiring import check_job
    from tasks.user_errors import USER_ERRORS

    backfill_id = backfill_id or new_backfill_id()
    try:
        with interruptible(is_command=True):
            if direct:
                return run_backfill(plan, run_directly, backfill_id)
            check_job(plan.job, os.environ)
            prefect_settings.apply_defaults(quiet=True)

            from flows.backfill import run_backfill_flow

            return run_backfill_flow(plan, backfill_id)
    except USER_ERRORS as error:
        fail(error)


@app.command()
def runs(lake: LakeOption = "lake", as_json: JsonOption = False) -> None:
    """List the runs of a lake, oldest first."""
    from flows.views import runs_table
    from storage.store import Lake

    runs_table(runs_of(lake), Lake(lake), as_json=as_json)


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(help="Id of a run, or `last`.")] = "last",
    lake: LakeOption = "lake",
    as_json: JsonOption = False,
) -> None:
    """Show one run: books, money, models, dead letters."""
    from flows.views import show_run
    from storage.store import Lake

    show_run(manifest_of(lake, run_id), Lake(lake), as_json=as_json)


@app.command()
def verify(
    run_id: Annotated[str, typer.Argument(help="Id of a run, or `last`.")] = "last",
    lake: LakeOption = "lake",
    as_json: JsonOption = False,
) -> None:
    """Recompute every figure of a report; exit 1 on any difference."""
    from flows.views import verification_lines
    from storage.manifests import shown_status
    from storage.store import Lake, LakeError
    from tasks.verification import verify_run

    manifest = manifest_of(lake, run_id)
    if not manifest.outputs and manifest.status.value != "done":
        status = shown_status(Lake(lake), manifest)
        todo = "wait for its end" if status == "running" else f"`docmill resume {manifest.run_id}`"
        fail(f"run {manifest.run_id} is {status} and has no report yet: {todo} first")
    try:
        result = verify_run(Lake(lake), manifest.run_id)
    except LakeError as error:
        fail(error, FAILED)
    if as_json:
        print_json({**result.model_dump(mode="json"), "ok": result.ok})
    else:
        print("\n".join(verification_lines(result)))
    raise typer.Exit(DONE if result.ok else FAILED)


@app.command()
def resume(
    run_id: Annotated[
        str, typer.Argument(help="A run that was interrupted, parked or failed, or `last`.")
    ],
    lake: LakeOption = "lake",
    budget: NewBudgetOption = None,
    monthly_budget: Annotated[
        float | None,
        typer.Option(min=0, help="A new cap for the job's runs in this month, in US dollars."),
    ] = None,
    direct: DirectOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go on with a run; nothing that was answered is asked again."""
    manifest = manifest_of(lake, run_id)
    run_id = manifest.run_id
    if manifest.status.value == "done" and manifest.outputs:
        fail(f"run {run_id} is done; there is nothing to resume")
    wanted = {"budget_usd": budget, "monthly_budget_usd": monthly_budget}
    new = {name: usd for name, usd in wanted.items() if usd is not None}
    # The lake may have been named from another folder, or have moved.
    job = manifest.job.model_copy(update={"lake": lake, **new})
    finish(run_job(job, direct=direct, quiet=as_json, run_id=run_id), as_json=as_json)


app.command()(retry)
app.command("eval")(evaluate)
app.command()(calibrate)
app.command()(replay)
app.command()(simulate)
app.add_typer(models_app, name="models", help="Which models there are, and who plays which role.")
app.add_typer(cache_app, name="cache", help="The response store: what it holds and what may go.")


def main() -> None:
    """Run the `docmill` command."""
    app()


if __name__ == "__main__":
    main()
