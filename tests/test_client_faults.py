"""Every fault of the simulated provider has a rule: what the ledger says, and what comes of it."""

import asyncio

import httpx2
import pytest

from llms.calls import Reply
from llms.failures import RULES, CallError, End
from llms.simulator.app import Simulator
from llms.simulator.faults import FAULTS, Fault
from tests.call_bench import MakeBench, benches, make_call
from tests.simulated import make_scenario

make_bench = pytest.fixture(benches)

OK = "ok"

RULED: dict[Fault, tuple[list[str], str]] = {
    Fault.SERVER_ERROR: (["overloaded", OK], OK),
    Fault.BAD_GATEWAY: (["overloaded", OK], OK),
    Fault.UNAVAILABLE: (["overloaded", OK], OK),
    Fault.OVERLOADED: (["overloaded", OK], OK),
    Fault.ERROR_IN_200: (["overloaded", OK], OK),
    Fault.GATEWAY_TIMEOUT: (["timeout", OK], OK),
    Fault.RATE_LIMITED: (["rate_limited", OK], OK),
    Fault.RESOURCE_UNAVAILABLE: (["rate_limited", OK], OK),
    Fault.RESET: (["connection", OK], OK),
    Fault.RESET_LATE: (["connection", OK], OK),
    Fault.CUT: (["connection", OK], OK),
    Fault.HANG: (["connection", OK], OK),
    Fault.SLOW_BODY: ([OK], OK),
    Fault.NO_USAGE: ([OK], OK),
    Fault.FENCED: ([OK], OK),
    Fault.EMPTY: (["invalid_answer", OK], OK),
    Fault.MALFORMED: (["invalid_answer", OK], OK),
    Fault.WRONG_SCHEMA: (["invalid_answer", OK], OK),
    Fault.UNSUPPORTED: (["bad_request", OK], OK),
    Fault.QUOTA: (["quota_exhausted"], "quota_exhausted"),
    Fault.MODEL_GONE: (["model_gone"], "model_gone"),
    Fault.AUTH: (["auth"], "auth"),
    Fault.CONTEXT_TOO_LONG: (["context_too_long"], "context_too_long"),
    Fault.PROMPT_BLOCKED: (["content_filter"], "content_filter"),
    Fault.TRUNCATED: (["truncated"], "truncated"),
    Fault.REFUSAL: (["refused"], "refused"),
    Fault.CONTENT_FILTER: (["content_filter"], "content_filter"),
}
"""Where the first request meets the fault: the outcomes of all attempts, and of the call."""


@pytest.mark.parametrize("fault", RULED)
def test_a_fault_is_ruled(make_bench: MakeBench, fault: Fault) -> None:
    bench = make_bench()
    scenario = make_scenario(script=[{"fault": fault, "nth": [1]}], hang_s=1, slow_body_s=0.01)
    simulator = Simulator(scenario, sleep=bench.time.sleep, clock=bench.time)
    client = bench.make_client(transports={"alpha": httpx2.ASGITransport(app=simulator)})

    async def ask() -> Reply | CallError:
        try:
            return await client(make_call())
        except CallError as error:
            return error
        finally:
            await client.aclose()

    came = asyncio.run(ask())

    outcomes, end = RULED[fault]
    assert [row.outcome for row in client.attempts] == outcomes
    assert (OK if isinstance(came, Reply) else came.failure_class) == end
    assert simulator.stats().requests == len(outcomes)
    # What may have been billed is booked, at its worst case where nobody knows.
    first = client.attempts[0]
    is_lost = FAULTS[fault].is_billed and (fault is Fault.NO_USAGE or first.outcome in LOST)
    assert first.usd_is_upper_bound is (is_lost or fault is Fault.RESET)
    assert (first.usd > 0) is (FAULTS[fault].is_billed or fault is Fault.RESET)


LOST = {"timeout", "connection"}


def test_every_fault_is_ruled_and_every_end_has_its_faults() -> None:
    ends = {RULES[end].end for _, end in RULED.values() if end in set(RULES)}

    assert set(RULED) == set(Fault)
    assert ends == {End.NEXT_TIER, End.PARKED, End.STOPPED}
