"""The command `docmill plan`, and what `docmill run --goal` shares with it: a goal makes a job."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import fail, money, print_json
from flows.job_options import JsonOption, ModelOption, ProfileOption, job_of
from schemas.counted import counted

if TYPE_CHECKING:
    from schemas.job import Job
    from tasks.planning import Plan

GoalOption = Annotated[
    str | None,
    typer.Option(help="What you want to know; the orchestrator plans types, fields and metrics."),
]


def plan(
    path: Annotated[
        str,
        typer.Argument(help="A folder, a file, an archive, a mailbox, or a docmill.yaml."),
    ],
    goal: Annotated[str, typer.Option(help="What you want to know of the documents.")],
    out: Annotated[str, typer.Option(help="Where to write the job file.")] = "docmill.yaml",
    sample: Annotated[int, typer.Option(min=1, max=200, help="Documents to look at.")] = 24,
    profile: ProfileOption = None,
    model: ModelOption = None,
    budget: Annotated[
        float | None, typer.Option(min=0, help="Never spend more on the plan, in US dollars.")
    ] = None,
    lake: Annotated[
        str | None, typer.Option(help="Keeps answers and ledger; default: the job's own.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan a job from a goal and a sample; writes a docmill.yaml.

    Edit it and run it.
    """
    from datetime import UTC, datetime

    from flows.wiring import new_run_id
    from tasks.key_ring import keys
    from tasks.planning import plan_job
    from tasks.sandbox import SandboxError
    from tasks.user_errors import USER_ERRORS

    file = Path(out).expanduser()
    if file.exists() and not force:
        fail(f"{out} exists already; name another file with --out, or replace it with --force")
    _check_goal(goal)
    job = job_of(path, out=lake, profile=profile, budget=budget, models=model)
    run_id = f"plan-{new_run_id(datetime.now(UTC))}"
    try:
        made = plan_job(
            job,
            goal,
            file,
            run_id=run_id,
            env=keys(),
            size=sample,
            settings=settings_of(profile, model),
        )
    except (*USER_ERRORS, SandboxError) as error:
        fail(error)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made.text, encoding="utf-8")
    except OSError as error:
        fail(f"{out} cannot be written: {error.strerror or error}")
    if as_json:
        print_json(plan_object(made) | {"file": str(file), "plan_id": run_id})
    else:
        print("\n".join(plan_lines(made)))
        print(f"wrote {out}; look it over, then: docmill run {out}")


def settings_of(profile: str | None, models: list[str] | None) -> dict[str, Any]:
    """What flags of planning mean for the job that is planned: who is asked stays who is asked."""
    from tasks.jobs import models_named

    found: dict[str, Any] = {}
    if profile is not None:
        found["profile"] = profile
    if models:
        found["models"] = models_named(models)
    return found


def planned_run(job: "Job", goal: str, *, quiet: bool) -> "tuple[Job, str]":
    """Plan a run: `job` with the planned types, analysis and report, and the id of the run.

    The run pays for the plan, and the plan lies beside its manifest.
    """
    import sys
    from datetime import UTC, datetime

    from flows.wiring import new_run_id
    from storage.store import Lake
    from tasks.key_ring import keys
    from tasks.planning import PLAN_FILE, plan_job, with_plan
    from tasks.sandbox import SandboxError
    from tasks.user_errors import USER_ERRORS

    _check_goal(goal)
    run_id = new_run_id(datetime.now(UTC))
    lake = Lake(job.lake)
    kept = lake.run(run_id, PLAN_FILE)
    try:
        made = plan_job(job, goal, Path(lake.full(kept)), run_id=run_id, env=keys())
        lake.write_bytes(kept, made.text.encode())
    except (*USER_ERRORS, SandboxError) as error:
        fail(error)
    if not quiet:
        print("\n".join([*plan_lines(made), f"plan      {lake.shown(kept)}"]), file=sys.stderr)
    return with_plan(job, made), run_id


def _check_goal(goal: str) -> None:
    if not goal.strip():
        fail("--goal is empty; say in a sentence what you want to know of the documents")


def plan_lines(made: "Plan") -> Iterator[str]:
    """A plan for a person: what was seen, what was chosen and why, what it cost."""
    sample = made.sample
    unreadable = f", {sample.unreadable} more unreadable" if sample.unreadable else ""
    by = "rules (offline engine), not a language model" if made.model.kind == "rules" else ""
    yield (
        f"{made.job.name}: saw {len(sample.documents)} of "
        f"{counted(sample.found, 'document')}{unreadable}; "
        f"planned by {made.model.shown_name}{f', {by}' if by else ''}"
    )
    for kind in made.answer.types:
        fields = [*(field.name for field in kind.keep), *(field.name for field in kind.fields)]
        yield f"type {kind.name} ({kind.reason}): {', '.join(fields) or 'all its fields'}"
    if made.answer.fallback_type is not None:
        yield f"anything else: {made.answer.fallback_type} ({made.answer.fallback_reason})"
    for metric in made.answer.metrics:
        yield f"metric {metric.id}: {metric.title} ({metric.reason})"
    again = "; the first plan could not be used and was sent back" if made.asked > 1 else ""
    stored = f", {made.spent.from_store} answered by the store" if made.spent.from_store else ""
    yield f"spent {money(made.spent.usd)} on {counted(made.spent.calls, 'call')}{stored}{again}"


def plan_object(made: "Plan") -> dict[str, Any]:
    """A plan as one object."""
    return {
        "job": made.job.name,
        "documents": made.sample.found,
        "sampled": len(made.sample.documents),
        "unreadable": made.sample.unreadable,
        "model": made.model.slug,
        "asked": made.asked,
        "calls": made.spent.calls,
        "from_store": made.spent.from_store,
        "usd": made.spent.usd,
        "types": [kind.name for kind in made.answer.types],
        "fields": sum(len(kind.keep) + len(kind.fields) for kind in made.answer.types),
        "metrics": [metric.id for metric in made.answer.metrics],
        "fallback_type": made.answer.fallback_type,
        "text": made.text,
    }
