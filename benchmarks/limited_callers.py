"""Who calls a provider with limits? docmill's client, a bare loop, and two other tools.

A caller of `utilisation.py` and `shared_limits.py`, in a process of its own:

    PYTHON benchmarks/limited_callers.py TOOL SPEC

SPEC is JSON: `url`, `workers`, `seconds`, what a tool is told of the limits (`rpm`, `tpm`, `tokens`
of one request), for docmill `store` and `job`, and `counted_from_s`. It prints `begun` after a
first request and, at the end, one JSON object: requests answered after `counted_from_s` and all
that were given up. Only docmill's client needs docmill, so that the other tools can have an
environment of their own.
"""

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

KEY = "not-a-key"
MODEL = "sim-mini"
SYSTEM = "You sort documents. Name the type of the document and how sure you are."
FILLER = "Invoice of a bakery in Leeds for bread and rolls, to be paid within thirty days. " * 40

Ask = Callable[[str], Awaitable[None]]


def messages(text: str) -> list[dict[str, str]]:
    """The same request for every tool."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


async def bare(spec: dict[str, Any]) -> Ask:
    """`AsyncOpenAI` with its default retries."""
    from openai import AsyncOpenAI

    client = AsyncOpenAI(api_key=KEY, base_url=spec["url"])

    async def ask(text: str) -> None:
        await client.chat.completions.create(
            model=MODEL,
            messages=messages(text),
            max_completion_tokens=100,
        )

    return ask


async def litellm(spec: dict[str, Any]) -> Ask:
    """LiteLLM's router, which is told the limits of its deployment."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it looks for prices in the network
    from litellm import Router

    deployment = {
        "model": f"openai/{MODEL}",
        "api_base": spec["url"],
        "api_key": KEY,
        **({"rpm": spec["rpm"]} if spec.get("rpm") else {}),
        **({"tpm": spec["tpm"]} if spec.get("tpm") else {}),
    }
    router = Router(model_list=[{"model_name": "m", "litellm_params": deployment}], num_retries=2)

    async def ask(text: str) -> None:
        await router.acompletion("m", messages=messages(text), max_completion_tokens=100)

    return ask


async def langchain(spec: dict[str, Any]) -> Ask:
    """LangChain's OpenAI client with its limiter in memory, which counts requests only: of a limit
    of tokens it is told as many requests as that makes."""
    from langchain_core.rate_limiters import (
        InMemoryRateLimiter,
    )
    from langchain_openai import ChatOpenAI

    per_minute = spec.get("rpm") or spec["tpm"] / spec["tokens"]
    limiter = InMemoryRateLimiter(
        requests_per_second=per_minute / 60, check_every_n_seconds=0.02, max_bucket_size=1
    )
    model = ChatOpenAI(
        model=MODEL, api_key=KEY, base_url=spec["url"], max_tokens=100, rate_limiter=limiter
    )

    async def ask(text: str) -> None:
        await model.ainvoke(messages(text))

    return ask


async def docmill(spec: dict[str, Any]) -> Ask:
    """docmill's client: the whole way of a call, with its store, its book and its limiter."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from llms.budget import Budget
    from llms.calls import Call
    from llms.client import Client
    from llms.limits import Limiters
    from llms.responses import ResponseStore
    from llms.shared_limits import SharedLimits
    from schemas.answers import ROUTE, route_schema
    from schemas.providers import Provider
    from schemas.roles import Model, Resolution, Role

    model = Model(
        slug=MODEL,
        name=MODEL,
        creator="docmill",
        provider="sim",
        api_id=MODEL,
        input_price=1.0,
        cached_input_price=0.1,
        output_price=4.0,
    )
    role = Role.FORMATTING_WORKER
    resolution = Resolution(
        profile="sim",
        roles={role: (model,)},
        verifiers=(),
        baseline=None,
        catalog_version="1",
        catalog_sha256="0",
    )
    store = ResponseStore(spec["store"])
    job = spec.get("job", "job")
    client = Client(
        run_id=f"run-{os.getpid()}",
        resolution=resolution,
        store=store,
        budget=Budget(store, f"run-{os.getpid()}", job=job, cap_usd=None),
        limiters=Limiters(shared=SharedLimits(store, job)),
        providers={"sim": Provider(name="sim", base_url=spec["url"])},
        env={},
    )
    schema = route_schema(["invoice", "other"])

    async def ask(text: str) -> None:
        await client(Call(role, "route", SYSTEM, text, ROUTE, schema, max_output_tokens=100))

    return ask


TOOLS: dict[str, tuple[Callable[[dict[str, Any]], Awaitable[Ask]], str]] = {
    "docmill": (docmill, "docmill"),
    "bare": (bare, "openai"),
    "litellm": (litellm, "litellm"),
    "langchain": (langchain, "langchain-openai"),
}
"""How each tool asks, and the package it comes in."""


async def call(tool: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Keep so many workers busy for so long; what became of their requests."""
    make, package = TOOLS[tool]
    ask = await make(spec)
    answered = given_up = 0
    numbers = itertools.count()

    async def work() -> None:
        nonlocal answered, given_up
        while True:
            try:
                await ask(f"{os.getpid()} {next(numbers)} {FILLER}")
                answered += 1
            except Exception:  # each tool has exceptions of its own
                given_up += 1
                await asyncio.sleep(0.1)

    with contextlib.suppress(Exception):
        await ask(f"{os.getpid()} the first one takes long: packages are loaded {FILLER}")
    print("begun", flush=True)
    workers = [asyncio.create_task(work()) for _ in range(spec["workers"])]
    await asyncio.sleep(spec.get("counted_from_s", 0))
    before = answered
    await asyncio.sleep(spec["seconds"] - spec.get("counted_from_s", 0))
    counted: dict[str, Any] = {"answered": answered - before, "given_up": given_up}
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    with contextlib.suppress(ModuleNotFoundError):
        counted["version"] = version(package)
    return counted


if __name__ == "__main__":
    done = asyncio.run(call(sys.argv[1], json.loads(sys.argv[2])))
    print(json.dumps(done), flush=True)
    # Threads and connections of the tools need no good-bye.
    os._exit(0)
