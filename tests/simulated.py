"""Requests to a simulated provider, in this process without a socket."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx2

from llms.prompts import extraction_prompt
from llms.simulator.app import Simulator
from llms.simulator.scenario import Scenario
from schemas.answers import EXTRACTION, extraction_schema
from schemas.documents import shipped_type

RECEIPT = "Corner Bakery Ltd\n12 Mill Lane, Leeds\nDate: 2026-03-14\nTotal: 12.40\nCash\n"
PRICES = {"input": 1.0, "output": 10.0}

_T = TypeVar("_T")


def make_scenario(**fields: Any) -> Scenario:
    """A provider that answers at once, out of the text."""
    return Scenario.of({"answers": "lifted", "prices": PRICES, **fields})


def make_body(text: str = RECEIPT, **changes: Any) -> dict[str, Any]:
    """A request for the fields of a receipt; a value of null leaves a field out."""
    receipt = shipped_type("receipt")
    system, user = extraction_prompt(receipt, text)
    schema = {"name": EXTRACTION, "strict": True, "schema": extraction_schema(receipt)}
    usual: dict[str, Any] = {
        "model": "sim-mini",
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "max_completion_tokens": 500,
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


class Clock:
    """Time that passes when somebody sleeps, or when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Rig:
    """A simulator without a socket, its clock, and a client of it."""

    simulator: Simulator
    clock: Clock
    http: httpx2.AsyncClient

    async def ask(self, path: str = "/v1/chat/completions", **changes: Any) -> httpx2.Response:
        """The response to a chat completion."""
        body = json.dumps(make_body(**changes), separators=(",", ":"), ensure_ascii=False)
        return await self.http.post(path, content=body.encode())

    async def content(self, **changes: Any) -> str:
        """The content of the answer to a chat completion."""
        return str((await self.ask(**changes)).json()["choices"][0]["message"]["content"])


def rigged(
    scenario: Mapping[str, Any], use: Callable[[Rig], Coroutine[Any, Any, _T]]
) -> tuple[_T, Simulator]:
    """What `use` returns of a simulator with a clock of its own, and the simulator."""
    clock = Clock()
    simulator = Simulator(
        make_scenario(**scenario), sleep=clock.sleep, clock=clock, now=lambda: clock.now + 1e9
    )

    async def run() -> _T:
        transport = httpx2.ASGITransport(app=simulator)
        async with httpx2.AsyncClient(transport=transport, base_url="http://sim") as http:
            return await use(Rig(simulator, clock, http))

    return asyncio.run(run()), simulator


def statuses(scenario: Mapping[str, Any], count: int, **changes: Any) -> list[int]:
    """The statuses of so many different requests, one after the other."""

    async def use(rig: Rig) -> list[int]:
        return [(await rig.ask(text=f"{RECEIPT}{n}", **changes)).status_code for n in range(count)]

    return rigged(scenario, use)[0]
