"""Which models would a run ask first, at which providers, and do they answer?"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

from llms.failures import ProviderError
from llms.ping import Ping, Trouble, most_usd, ping
from llms.providers import key, provider_of, providers_listed, providers_of
from schemas.job import Job
from schemas.providers import Provider
from schemas.roles import Model, Resolution
from storage.store import Lake
from tasks.model_choice import models_for


@dataclass(frozen=True, slots=True)
class PingPlan:
    """Whom to ask.

    Attributes:
        asked: The models in use, each with its provider; none twice.
        unasked: Providers that are not asked: for want of a usable key, or because they are rules
            inside this process, about which there is nothing to ask.
        worst_usd: What all calls together can cost at most, in US dollars.
    """

    asked: tuple[tuple[Model, Provider], ...]
    unasked: tuple[Ping, ...]
    worst_usd: float


def plan_pings(job: Job, env: Mapping[str, str]) -> PingPlan:
    """Find out whom a run of `job` would ask: per role and provider its first model there.

    Args:
        job: The job, with the user's providers.
        env: The environment and the keys that a flow has fetched.

    Raises:
        JobError, ProviderError, CatalogError: No run could start.
        LakeError: A ledger cannot be read.
    """
    resolution = models_for(job, Lake(job.lake), env)
    providers = {name: provider_of(name, env, job.providers) for name in providers_listed(job, env)}
    providers |= providers_of(resolution, env, job.providers)
    unasked = {}
    for name, provider in providers.items():
        try:
            key(provider, env)
        except ProviderError as error:
            message = str(error)
            unasked[name] = Ping(name, provider.shown_url, trouble=Trouble.KEY, message=message)
        if provider.in_process:
            unasked[name] = Ping(name, provider.shown_url)
    asked = tuple(
        (model, providers[model.provider])
        for model in _in_use(resolution)
        if model.provider not in unasked
    )
    worst_usd = sum(most_usd(model) for model, _ in asked)
    return PingPlan(asked, tuple(unasked.values()), worst_usd)


def run_pings(
    plan: PingPlan,
    env: Mapping[str, str],
    *,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> tuple[Ping, ...]:
    """Ask everybody of the plan at once; those who are not asked come last."""

    async def all_at_once() -> list[Ping]:
        calls = (ping(model, where, env, transport=transport) for model, where in plan.asked)
        return await asyncio.gather(*calls)

    return (*asyncio.run(all_at_once()), *plan.unasked)


def _in_use(resolution: Resolution) -> tuple[Model, ...]:
    """Per role and provider the first model, each once whatever its effort."""
    found: dict[tuple[str, str], Model] = {}
    for ranked in (*resolution.roles.values(), resolution.verifiers):
        first: dict[str, Model] = {}
        for model in ranked:
            first.setdefault(model.provider, model)
        for model in first.values():
            found.setdefault((model.provider, model.api_id), model)
    return tuple(found.values())
