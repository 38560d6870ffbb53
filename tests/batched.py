"""Calls in the batch lane, against a simulated provider whose time passes at once."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import pytest

from llms.budget import Budget
from llms.calls import Call, Reply
from llms.client import Client
from llms.limits import Limiters
from llms.prompts import extraction_prompt
from llms.responses import ResponseStore
from llms.service_lanes import LanePlan, Lanes
from llms.simulator.app import Simulator
from llms.simulator.stats import Stats
from schemas.answers import EXTRACTION, extraction_schema
from schemas.documents import shipped_type
from schemas.providers import Lane, Provider
from schemas.roles import Model, Resolution, Role
from tests.simulated import Clock, make_scenario

EPOCH = 1e9
"""What a simulator's calendar is ahead of its clock."""

QUICK = {"turnaround": 100, "validation_s": 2, "finalizing_s": 2, "cancelling_s": 10}
ALL_BATCH = dict.fromkeys(("extract", "escalate", "verify"), Lane.BATCH)

_TRANSACTIONS = 4
"""A call waits for so many in a row: claim, money, batch, and one to spare."""

_T = TypeVar("_T")

Filter = Callable[[httpx2.Request], httpx2.Response | Exception | None]
"""Sees every request first; what it returns or raises takes the place of the provider's answer."""


def make_model(slug: str = "sim-mini", **changes: Any) -> Model:
    """A model of the simulated provider at its prices."""
    usual: dict[str, Any] = {
        "name": slug.title(),
        "creator": "Nobody",
        "provider": "sim",
        "api_id": slug,
        "input_price": 1.0,
        "output_price": 10.0,
        "batch_discount": 0.5,
    }
    return Model(slug=slug, **{**usual, **changes})


def make_call(number: int = 0, **changes: Any) -> Call:
    """A question for the fields of a receipt."""
    receipt = shipped_type("receipt")
    text = f"Corner Bakery {number}\nDate: 2026-03-14\nTotal: {number}.40\nCash\n"
    system, user = extraction_prompt(receipt, text)
    usual: dict[str, Any] = {
        "role": Role.EXTRACTION_WORKER,
        "stage": "extract",
        "system": system,
        "user": user,
        "schema_name": EXTRACTION,
        "schema": extraction_schema(receipt),
        "doc_id": f"doc-{number}",
        "max_output_tokens": 500,
    }
    return Call(**{**usual, **changes})


def make_calls(count: int) -> list[Call]:
    """So many different questions."""
    return [make_call(number) for number in range(count)]


class OrderedClock(Clock):
    """Time that passes at once, but never past somebody who wakes up earlier, nor past the work
    of other threads: however slow the machine, a transaction takes no time.

    `catch_up` waits for what has been handed to other threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.catch_up: Callable[[], None] = lambda: None
        self._wakes: list[float] = []

    async def sleep(self, seconds: float) -> None:
        wake = self.now + max(seconds, 0.0)
        self._wakes.append(wake)
        try:
            await asyncio.sleep(0)
            while self.now < wake:
                if min(self._wakes) == wake and await self._nothing_else_wakes(wake):
                    self.now = wake
                await asyncio.sleep(0)
        finally:
            self._wakes.remove(wake)

    async def _nothing_else_wakes(self, wake: float) -> bool:
        """Let everybody go on who waits for other threads, as often as one call does in a row."""
        for _ in range(_TRANSACTIONS):
            self.catch_up()
            await asyncio.sleep(0)
        return min(self._wakes) == wake


class Wire(httpx2.AsyncBaseTransport):
    """A connection to a simulator that a test may tamper with."""

    def __init__(self, simulator: Simulator, tamper: Filter | None) -> None:
        self._inner = httpx2.ASGITransport(app=simulator)
        self._tamper = tamper

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._tamper is not None:
            found = self._tamper(request)
            if isinstance(found, Exception):
                # The provider gets to see the request; its answer is lost.
                await self._inner.handle_async_request(request)
                raise found
            if found is not None:
                return found
        return await self._inner.handle_async_request(request)


@dataclass
class Bench:
    """A simulated provider, a store, and clients of one run that come and go like processes."""

    folder: Path
    scenario: Mapping[str, Any] = field(default_factory=dict)
    batches: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[Model] = (make_model(),)
    lanes: Mapping[str, Lane] = field(default_factory=lambda: dict(ALL_BATCH))
    offered: tuple[Lane, ...] = tuple(Lane)
    cap_usd: float | None = None
    run_id: str = "run-1"
    leave_at: float | None = None
    round_s: float = 0.0

    def __post_init__(self) -> None:
        self.clock = OrderedClock()
        self.simulator = Simulator(
            make_scenario(batches={**QUICK, **self.batches}, **self.scenario),
            sleep=self.clock.sleep,
            clock=self.clock,
            now=self.now,
        )
        self.rows: list[Any] = []
        self.told: list[str] = []

    def now(self) -> float:
        """The time of day, in seconds."""
        return self.clock.now + EPOCH

    @property
    def url(self) -> str:
        """Of the response store."""
        return f"sqlite:///{self.folder / 'responses.db'}"

    @property
    def stats(self) -> Stats:
        """The provider's books."""
        return self.simulator.stats()

    def ask(self, *calls: Call, tamper: Filter | None = None) -> list[Reply | BaseException]:
        """What became of calls that are asked at once, by a process of its own."""

        async def use(client: Client) -> list[Reply | BaseException]:
            asked = (client(call) for call in calls)
            return list(await asyncio.gather(*asked, return_exceptions=True))

        return self.process(use, tamper=tamper)

    def killed(self, *calls: Call, when: Filter) -> None:
        """Ask calls in a process that is killed when `when` returns a response or an exception."""
        dead = asyncio.Event()

        def tamper(request: httpx2.Request) -> httpx2.Response | Exception | None:
            found = when(request)
            if found is not None:
                dead.set()
            return found

        async def use(client: Client) -> None:
            asked = [asyncio.create_task(client(call)) for call in calls]
            await dead.wait()
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

        self.process(use, tamper=tamper)

    def process(
        self,
        use: Callable[[Client], Coroutine[Any, Any, _T]],
        *,
        tamper: Filter | None = None,
    ) -> _T:
        """Run something with a client of the run."""

        async def run() -> _T:
            with ResponseStore(self.url, now=self.now) as store:
                client, budget = self._client(store, tamper)
                # The writer does what it is asked in order: this comes after all that is queued.
                self.clock.catch_up = lambda: store.change(lambda connection, now: None)
                try:
                    return await use(client)
                finally:
                    self.clock.catch_up = lambda: None
                    self.rows += client.attempts
                    await client.aclose()
                    self.spent_usd = budget.spent_usd
                    self.booked_usd = store.spent(self.run_id)

        return asyncio.run(run())

    def _client(self, store: ResponseStore, tamper: Filter | None) -> tuple[Client, Budget]:
        provider = Provider(name="sim", base_url="http://sim/v1", lanes=self.offered)
        budget = Budget(store, self.run_id, cap_usd=self.cap_usd)
        plan = LanePlan(self.lanes, self.leave_at, self.round_s)
        lanes = Lanes(
            plan,
            {"sim": provider},
            store=store,
            run_id=self.run_id,
            budget=budget,
            now=self.now,
            sleep=self.clock.sleep,
            tell=self.told.append,
        )
        client = Client(
            run_id=self.run_id,
            resolution=Resolution(
                profile="test",
                roles={Role.EXTRACTION_WORKER: tuple(self.models)},
                baseline=None,
                catalog_version="1",
                catalog_sha256="0",
            ),
            store=store,
            budget=budget,
            limiters=Limiters(clock=self.clock, sleep=self.clock.sleep),
            providers={"sim": provider},
            env={},
            clock=self.clock,
            sleep=self.clock.sleep,
            transports={"sim": Wire(self.simulator, tamper)},
            lanes=lanes,
        )
        return client, budget


def check_books(bench: Bench) -> None:
    """Ledger, budget, durable book and the provider's own books say the same."""
    paid = bench.stats.paid.usd
    assert sum(row.usd for row in bench.rows) == pytest.approx(paid, abs=1e-9)
    assert bench.booked_usd == pytest.approx(paid, abs=1e-9)
    assert bench.spent_usd == pytest.approx(paid, abs=1e-9)
    assert bench.stats.repeats.paid == 0


def lanes(bench: Bench) -> dict[str, int]:
    """Answers that were paid for, by lane, as the provider has them."""
    return {lane: usage.requests for lane, usage in bench.stats.lanes.items()}


def losing(method: str, path: str, *, nth: int = 1) -> Filter:
    """Loses the answer to the nth request to a path, which the provider has seen."""
    seen: Counter[str] = Counter()

    def lose(request: httpx2.Request) -> Exception | None:
        if request.method != method or not request.url.path.endswith(path):
            return None
        seen[path] += 1
        if seen[path] != nth:
            return None
        return httpx2.ReadError("the connection broke", request=request)

    return lose
