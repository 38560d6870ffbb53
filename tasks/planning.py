"""Which job answers a goal? A sample is read, the orchestrator proposes, code checks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from llms.calls import Ask
from llms.planning import plan_call
from schemas.counted import counted
from schemas.job import Job, Metric, Source
from schemas.plans import JobPlan
from schemas.roles import Model
from schemas.setting_errors import first_problem
from storage.store import Lake
from tasks.jobs import JobError, job_of_text
from tasks.planning_calls import PlanCalls, Spent
from tasks.planning_sample import PlanSample, sample_documents
from tasks.planning_yaml import job_yaml
from tasks.record_sql import RecordSql, RecordSqlError
from tasks.record_tables import empty_records

SAMPLE = 24
"""Documents that a plan looks at unless told otherwise."""

PLAN_FILE = "plan.yaml"
"""Name of the plan beside the run that it was made for."""


class PlanError(JobError):
    """No usable plan came of asking; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A job that was planned.

    Attributes:
        text: The job file.
        job: The job that it describes, its types spelled out.
        answer: What the orchestrator said.
        sample: What it was shown.
        model: Who said it.
        asked: How often it was asked: twice where the first plan could not be used.
        spent: What the calls cost.
    """

    text: str
    job: Job
    answer: JobPlan
    sample: PlanSample
    model: Model
    asked: int
    spent: Spent


def plan_job(
    job: Job,
    goal: str,
    file: Path,
    *,
    run_id: str,
    env: Mapping[str, str],
    size: int = SAMPLE,
    settings: Mapping[str, Any] | None = None,
) -> Plan:
    """Plan a job for the source of `job` and check that it could run.

    A plan that could not is sent back once with what is wrong with it. The calls go down the
    ordinary path: answers are stored in the job's lake, money counts towards its budget, the ledger
    of `run_id` gets their rows.

    Args:
        job: Where the documents are, who may be asked, what may be spent.
        goal: What somebody wants to know.
        file: Where the job file will stand; nothing is written there.
        run_id: Who pays.
        env: The environment: keys, base URLs, where catalogs are.
        size: Documents to look at.
        settings: Settings of the planned job beside those of the plan.

    Raises:
        PlanError: Neither plan could be used, or no document of the sample could be read.
        SourceError, SandboxError, LakeError: The source, the parser or the lake is at fault.
        LlmError: A model, a key or the budget is; what was answered is kept.
    """
    lake = Lake(job.lake)
    sample = sample_documents(job, lake, size)
    if not sample.documents:
        raise PlanError(
            f"none of the {sample.unreadable} sampled documents of {job.source.path} could be "
            "read, so there is nothing to plan from"
        )
    calls = PlanCalls(job, lake, run_id=run_id, env=env)
    made = calls.run(lambda ask: propose(ask, job, goal, sample, file, settings or {}))
    model = calls.model(made.model)
    return Plan(made.text, made.job, made.answer, sample, model, made.asked, calls.spent)


def with_plan(job: Job, plan: Plan) -> Job:
    """A job with what a plan decides; everything else stays as it is."""
    decided = ("description", "types", "fallback_type", "analysis", "report")
    return job.model_copy(update={name: getattr(plan.job, name) for name in decided})


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan that was checked: the job file, the job, the answer, who gave it, how often asked."""

    text: str
    job: Job
    answer: JobPlan
    model: str
    asked: int


async def propose(
    ask: Ask,
    job: Job,
    goal: str,
    sample: PlanSample,
    file: Path,
    settings: Mapping[str, Any],
) -> Proposal:
    """Ask for a plan and check it; one that could not run is sent back once, with the reason.

    Raises:
        PlanError: The second plan could not run either.
        CallError: As the call path raises it.
    """
    documents = [{"name": uri, "text": text} for uri, text in sample.documents]
    rejected: dict[str, str] | None = None
    for asked in (1, 2):
        reply = await ask(plan_call(goal, documents, rejected))
        try:
            answer = JobPlan.model_validate(reply.data)
            text = _written(answer, job, goal, sample, file, settings, reply.model)
            return Proposal(text, checked_job(text, file), answer, reply.model, asked)
        except ValidationError as error:
            problem = first_problem(error, JobPlan)
        except JobError as error:
            problem = str(error).removeprefix(f"{file}: ")
        rejected = {"plan": json.dumps(reply.data, ensure_ascii=False), "problem": problem}
    raise PlanError(
        f"{reply.model} proposed a job that cannot run, and so again when told why: {problem}; "
        "state the goal in other words, or name another model with --model orchestrator=NAME"
    )


def _written(
    plan: JobPlan,
    job: Job,
    goal: str,
    sample: PlanSample,
    file: Path,
    settings: Mapping[str, Any],
    model: str,
) -> str:
    return job_yaml(
        plan,
        name=job.name,
        source=_source(job.source, file),
        preface=[
            f"Planned by {model} for the goal: {goal}",
            f"It saw {len(sample.documents)} of {counted(sample.found, 'document')}. Edit what "
            "you know better; docs/job.md lists every option.",
        ],
        more=settings,
    )


def _source(source: Source, file: Path) -> dict[str, Any]:
    """The source as a job file at `file` names it: relative where it lies below the file."""
    said = source.model_dump(mode="json", exclude_defaults=True)
    folder, path = file.expanduser().resolve().parent, Path(source.path).resolve()
    said["path"] = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    return said


def checked_job(text: str, file: Path) -> Job:
    """The job that a job file describes, once everything in it has been tried that can be.

    Types must exist and their fields be consistent, globs must compile, and every metric must be
    a query over the tables that these types make.

    Raises:
        JobError: What is wrong, in one sentence.
    """
    job = job_of_text(text, file)
    ids = [metric.id for metric in job.analysis.metrics]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise JobError(f"the metric id {twice[0]!r} is used twice")
    try:
        with empty_records(job) as tables:
            for metric in job.analysis.metrics:
                _try(tables, metric)
    except RecordSqlError as error:
        raise JobError(str(error)) from None
    return job


def _try(tables: RecordSql, metric: Metric) -> None:
    try:
        tables.query(metric.sql)
    except RecordSqlError as error:
        raise JobError(f"metric {metric.id!r}: {error}") from None
