"""The command `docmill models ping`: do keys, names, answer format and limits hold?

Its output is made here; the questions are asked by `tasks.pings`, imported when the command runs.
"""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.console import FAILED, fail, money, print_json
from flows.job_options import JsonOption, ModelOption, job_of
from flows.query_output import plain_text
from schemas.counted import counted

if TYPE_CHECKING:
    from llms.ping import Ping
    from schemas.job import Job


def ping(
    json: JsonOption = False,
    job: Annotated[
        str | None, typer.Option("--job", help="Ask the models and providers of this job.")
    ] = None,
    model: ModelOption = None,
    profile: Annotated[
        str | None, typer.Option(help="Set of providers; else the one whose key is set.")
    ] = None,
) -> None:
    """Ask each model in use one cheap question, to see that it works.

    Told are key, name, answer format, limits and latency.

    What the calls can cost at most is said before, what they did cost after. Exit code 1 when
    something would keep a run from using a model.
    """
    asked = job_of(job, profile=profile, models=model)
    from tasks.key_ring import keys
    from tasks.pings import plan_pings, run_pings
    from tasks.user_errors import USER_ERRORS

    try:
        _fetch_keys(asked)
        env = keys()
        plan = plan_pings(asked, env)
    except USER_ERRORS as error:
        fail(error)
    typer.echo(
        f"{counted(len(plan.asked), 'call')}, at most {money(plan.worst_usd)} together",
        err=True,
    )
    pings = run_pings(plan, env)
    if json:
        print_json(_as_object(pings))
    else:
        typer.echo(_as_text(pings))
    if any(one.trouble for one in pings):
        raise typer.Exit(FAILED)


def _fetch_keys(job: "Job") -> None:
    """Read Secret blocks, but only where a provider names one: Prefect takes seconds to import."""
    from llms.providers import has_key, provider_of, providers_listed

    providers = [
        provider_of(n, os.environ, job.providers) for n in providers_listed(job, os.environ)
    ]
    if any(p.key_block and not has_key(p, os.environ) for p in providers):
        from flows.provider_keys import fetch_keys

        fetch_keys(job)


def _as_object(pings: "Sequence[Ping]") -> dict[str, Any]:
    return {
        "ok": not any(one.trouble for one in pings),
        "worst_usd": sum(one.worst_usd for one in pings),
        "usd": sum(one.usd for one in pings),
        "pings": [asdict(one) for one in pings],
    }


def _as_text(pings: "Sequence[Ping]") -> str:
    columns = ("provider", "model", "state", "schema", "left out", "rpm", "tpm", "ms", "cost")
    rows = [
        (
            one.provider,
            one.api_id,
            one.trouble or "fine",
            {True: "held", False: "in prose", None: None}[one.is_structured],
            ", ".join(one.left_out) or None,
            one.requests_per_minute,
            one.tokens_per_minute,
            None if one.latency_ms is None else round(one.latency_ms),
            money(one.usd),
        )
        for one in pings
    ]
    # Once per provider: a dead one says the same of each of its models.
    troubles = dict.fromkeys(
        f"{one.provider}: {one.trouble}: {one.message}" for one in pings if one.trouble
    )
    cost = f"cost {money(sum(one.usd for one in pings))}"
    return "\n".join([plain_text(columns, rows), *troubles, cost])
