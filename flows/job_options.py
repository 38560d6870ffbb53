"""How do options of the commands become a job? Shared by every command that takes one."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import fail

if TYPE_CHECKING:
    from schemas.job import Job

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

LakeOption = Annotated[
    str, typer.Option("--lake", "--out", help="Folder or fsspec URL that holds every table.")
]

OutOption = Annotated[
    str | None,
    typer.Option("--out", "--lake", help="The lake; overrides the job's own (default: lake)."),
]

ProfileOption = Annotated[
    str | None, typer.Option(help="Providers: offline, openai, openrouter or local.")
]

DirectOption = Annotated[
    bool, typer.Option("--direct", help="Run the same stages without Prefect.")
]

NewBudgetOption = Annotated[
    float | None, typer.Option(min=0, help="A new cap for the whole run, in US dollars.")
]

LaneOption = Annotated[
    str | None,
    typer.Option(help="standard, flex (slower, cheaper) or batch (within a day, half the price)."),
]

ReadyByOption = Annotated[
    str | None,
    typer.Option(
        "--ready-by", help="When to be ready, 06:00 or 2026-07-11T06:00; batches where they fit."
    ),
]

ModelOption = Annotated[
    list[str] | None,
    typer.Option("--model", help="Model of a role, as role=name; repeatable."),
]


def job_of(
    path: str | None,
    *,
    out: str | None = None,
    profile: str | None = None,
    limit: int | None = None,
    budget: float | None = None,
    models: Sequence[str] | None = None,
    lane: str | None = None,
    ready_by: str | None = None,
) -> "Job":
    """The job that a person pointed at, with what the options say and the user's own providers.

    Args:
        path: What `tasks.jobs.load_job` takes; null stands for a job without any settings.
        out: The lake.
        profile: The set of providers.
        limit: Documents at most.
        budget: US dollars at most.
        models: Models of roles, each as `role=name`.
        lane: The lane of every stage that works on documents.
        ready_by: When the run is to be ready.
    """
    from llms.failures import ProviderError
    from schemas.job import Job
    from tasks.jobs import JobError, load_job, models_named
    from tasks.provider_config import with_user_config

    overrides: dict[str, Any] = {}
    if out is not None:
        overrides["lake"] = out
    if profile is not None:
        overrides["profile"] = profile
    if limit is not None:
        overrides["source"] = {"limit": limit}
    if budget is not None:
        overrides["budget_usd"] = budget
    if lane is not None:
        overrides["lane"] = lane
    if ready_by is not None:
        overrides["ready_by"] = ready_by
    try:
        if models:
            overrides["models"] = models_named(models)
        job = Job.model_validate(overrides) if path is None else load_job(path, overrides)
        return with_user_config(job, os.environ)
    except (JobError, ProviderError) as error:
        fail(error)
