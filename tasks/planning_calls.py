"""How is a model asked outside of a run? The ordinary call path, with a ledger of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from llms.budget import Budget
from llms.calls import Ask
from llms.client import Client
from llms.limits import Limiters
from llms.providers import providers_of
from llms.responses import ResponseStore
from schemas.job import Job
from schemas.roles import Model
from storage.store import Lake
from tasks.ledger_rows import add_attempts
from tasks.model_choice import models_for
from tasks.runtime import responses_url

LEDGER = "plan"
"""File of the ledger that holds the calls of a plan."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls cost: requests sent, answers from the store, US dollars now."""

    calls: int = 0
    from_store: int = 0
    usd: float = 0.0


class PlanCalls:
    """The calls of one plan.

    Args:
        job: Whose lake, budget and providers are used.
        lake: Where answers are stored and the ledger is kept.
        run_id: Who pays; a run of this id shares the budget and the ledger.
        env: Keys and base URLs.

    Raises:
        JobError, ProviderError, CatalogError: No model can be had; nothing was sent.
    """

    def __init__(self, job: Job, lake: Lake, *, run_id: str, env: Mapping[str, str]) -> None:
        self._job, self._lake, self._run_id, self._env = job, lake, run_id, env
        self.resolution = models_for(job, lake, env)
        self.spent = Spent()

    def model(self, slug: str) -> Model:
        """A model of the resolution by its slug."""
        return next(model for model in self.resolution.everybody if model.slug == slug)

    def run(self, work: Callable[[Ask], Awaitable[T]]) -> T:
        """Do work that asks models; the ledger is written whatever comes of it."""
        return asyncio.run(self._run(work))

    async def _run(self, work: Callable[[Ask], Awaitable[T]]) -> T:
        job = self._job
        with ResponseStore(responses_url(self._lake)) as store:
            store.open_run(self._run_id, job.name, self._lake.url)
            client = Client(
                run_id=self._run_id,
                resolution=self.resolution,
                store=store,
                budget=Budget(
                    store,
                    self._run_id,
                    job=job.name,
                    cap_usd=job.budget_usd,
                    monthly_cap_usd=job.monthly_budget_usd,
                ),
                limiters=Limiters(),
                providers=providers_of(self.resolution, self._env, job.providers),
                env=self._env,
            )
            try:
                return await work(client)
            finally:
                await client.aclose()
                self._book(client)
                store.end_run(self._run_id)

    def _book(self, client: Client) -> None:
        rows = client.attempts
        sent = [row for row in rows if not row.from_store]
        self.spent = Spent(len(sent), len(rows) - len(sent), sum(row.usd for row in rows))
        if rows:
            add_attempts(self._lake, self._lake.attempts(self._run_id, LEDGER), rows)
