"""The books add up, whatever is asked and however it ends."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.simulator.app import Simulator
from llms.simulator.faults import Fault
from llms.simulator.stats import Stats
from llms.simulator.wire import SimulatedReset
from tests.simulated import Rig, make_body, make_scenario, rigged

SHARES = {fault: 0.03 for fault in Fault if fault is not Fault.HANG}


async def ask_all(rig: Rig, texts: list[str]) -> Counter[str]:
    """Ask everything at once; the statuses as the client saw them."""

    async def one(text: str) -> str:
        try:
            return str((await rig.ask(text=text)).status_code)
        except SimulatedReset:
            return "broken off"

    return Counter(await asyncio.gather(*(one(text) for text in texts)))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 12), max_size=60),
    st.integers(0, 3),
    st.one_of(st.none(), st.integers(1, 40)),
)
def test_requests_are_the_sum_of_their_outcomes(
    numbers: list[int], seed: int, rate: int | None
) -> None:
    scenario = {
        "seed": seed,
        "faults": SHARES,
        "latency": 1,
        "limits": {"requests_per_minute": rate},
    }
    seen, simulator = rigged(scenario, lambda rig: ask_all(rig, [f"Total {n}" for n in numbers]))
    stats = simulator.stats()

    assert stats.requests == len(numbers) == sum(stats.outcomes.values())
    assert sum(stats.statuses.values()) == stats.requests
    assert stats.in_flight == 0
    cut = stats.outcomes.get("cut", 0)
    assert seen["200"] + cut == stats.statuses.get("200", 0)
    assert seen["429"] == stats.statuses.get("429", 0)
    billed = stats.paid.requests
    assert billed == sum(paid.requests for paid in stats.models.values())
    assert billed == sum(second.paid for second in stats.series)
    assert stats.requests == sum(second.requests for second in stats.series)
    repeats = simulator.repeats()
    assert sum(r.asked - 1 for r in repeats) == stats.repeats.requests
    assert sum(max(0, r.paid - 1) for r in repeats) == stats.repeats.paid
    assert stats.repeats.requests == len(numbers) - len(set(numbers))


def test_a_repeat_is_explained_by_its_outcomes() -> None:
    async def use(rig: Rig) -> None:
        await ask_all(rig, ["once"])
        for _ in range(3):
            await ask_all(rig, ["again"])

    script = [{"fault": "reset_late", "marker": "again", "attempts": 1}]
    _, simulator = rigged({"script": script}, use)

    (repeat,) = simulator.repeats()
    assert (repeat.asked, repeat.paid) == (3, 3)
    assert repeat.outcomes == ["reset_late", "answered", "answered"]
    assert simulator.stats().repeats.usd == pytest.approx(repeat.usd * 2 / 3)


def test_without_prices_dollars_are_unknown_and_said_to_be() -> None:
    _, simulator = rigged({"prices": None}, lambda rig: ask_all(rig, ["one", "two"]))

    paid = simulator.stats().paid
    assert (paid.requests, paid.usd, paid.unpriced) == (2, 0, 2)


def test_a_client_that_leaves_is_billed_for_what_it_does_not_see() -> None:
    async def use() -> Stats:
        simulator = Simulator(make_scenario(latency=60))
        transport = httpx2.ASGITransport(app=simulator)
        async with httpx2.AsyncClient(transport=transport, base_url="http://sim") as http:
            asking = asyncio.ensure_future(http.post("/v1/chat/completions", json=make_body()))
            while not simulator.stats().in_flight:
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        return simulator.stats()

    stats = asyncio.run(use())

    assert (stats.outcomes, stats.statuses) == ({"abandoned": 1}, {"none": 1})
    assert (stats.paid.requests, stats.unseen.requests, stats.in_flight) == (1, 1, 0)


def test_a_reset_of_the_books_leaves_attempts_and_rates_alone() -> None:
    async def use(rig: Rig) -> list[int]:
        told = [(await rig.ask()).status_code]
        await rig.http.post("/stats/reset")
        return [*told, (await rig.ask()).status_code]

    seen, simulator = rigged({"limits": {"requests_per_minute": 1}}, use)

    assert seen == [200, 429]
    assert simulator.stats().outcomes == {"rate_limited": 1}


def test_the_books_are_served_with_and_without_the_series() -> None:
    async def use(rig: Rig) -> tuple[Any, Any, Any]:
        await rig.ask()
        told = [await rig.http.get(f"/stats{query}") for query in ("", "?series=0", "/repeats")]
        return told[0].json(), told[1].json(), told[2].json()

    (whole, short, repeats), simulator = rigged({}, use)

    assert Stats.model_validate(whole) == simulator.stats()
    assert (len(whole["series"]), short["series"], repeats) == (1, [], [])


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"model": "m"}', b'{"model": "m", "messages": [{}]}']
)
def test_a_malformed_request_is_counted_and_costs_nothing(body: bytes) -> None:
    async def use(rig: Rig) -> int:
        return (await rig.http.post("/v1/chat/completions", content=body)).status_code

    status, simulator = rigged({}, use)

    stats = simulator.stats()
    assert (status, stats.outcomes, stats.paid.requests) == (400, {"bad_request": 1}, 0)


@pytest.mark.parametrize("answers", ["lifted", "canned", "offline"])
def test_a_schema_that_is_none_does_not_unbalance_the_books(answers: str) -> None:
    async def use(rig: Rig) -> int:
        schema = {"type": "object", "properties": {"a": {"enum": []}, "b": 7}}
        named = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        return (await rig.ask(response_format=named)).status_code

    status, simulator = rigged({"answers": answers}, use)

    stats = simulator.stats()
    assert (status, stats.outcomes, stats.in_flight) == (500, {"internal": 1}, 0)


def test_a_path_that_is_none_is_not_found() -> None:
    async def use(rig: Rig) -> list[int]:
        paths = ["/v1/embeddings", "/nothing", "/v1/files/none", "/v1/batches/none", "/v1/files//"]
        return [(await rig.http.get(path)).status_code for path in paths]

    assert rigged({}, use)[0][:4] == [404, 404, 404, 404]
