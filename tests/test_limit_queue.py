"""Who waits at a limiter, and in which order: nobody starves, whoever is cancelled or ends."""

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.alarms import Alarm
from llms.limiter import Limiter
from tests.rationed import make_limiter, run


def test_within_a_stage_who_comes_first_goes_first() -> None:
    async def scenario() -> list[int]:
        limiter = make_limiter(requests_per_minute=30)
        order: list[int] = []

        async def one(name: int) -> None:
            permit = await limiter.acquire(1)
            order.append(name)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one(name) for name in range(40)))
        return order

    assert run(scenario()) == list(range(40))


def test_a_stage_with_one_call_does_not_wait_for_all_of_another() -> None:
    async def scenario() -> int:
        limiter = make_limiter(requests_per_minute=60)
        order: list[str] = []

        async def one(stage: str) -> None:
            permit = await limiter.acquire(1, stage=stage)
            order.append(stage)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one(stage) for stage in ["extract"] * 50 + ["verify"]))
        return order.index("verify")

    assert run(scenario()) <= 2


@settings(max_examples=40)
@given(
    stages=st.lists(st.sampled_from("abc"), min_size=1, max_size=40),
    cancelled=st.sets(st.integers(0, 39)),
    requests=st.integers(1, 60),
)
def test_nobody_starves_whoever_is_cancelled(
    stages: list[str], cancelled: set[int], requests: int
) -> None:
    async def scenario() -> list[Any]:
        limiter = make_limiter(requests_per_minute=requests)

        async def one(stage: str) -> str:
            permit = await limiter.acquire(1, stage=stage)
            await asyncio.sleep(0.5)
            limiter.settle(permit, 1)
            return stage

        tasks = [asyncio.create_task(one(stage)) for stage in stages]
        for n in sorted(cancelled & set(range(len(stages)))):
            await asyncio.sleep(0.3)
            tasks[n].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.in_flight <= len(cancelled)
        return done

    done = run(scenario())

    kept = [n for n in range(len(stages)) if n not in cancelled]
    assert [done[n] for n in kept] == [stages[n] for n in kept]


@pytest.mark.parametrize("victim", [0, 1, 2])
def test_a_cancelled_waiter_does_not_hold_up_the_others(victim: int) -> None:
    async def scenario() -> int:
        limiter = make_limiter(requests_per_minute=1)
        limiter.settle(await limiter.acquire(1), 1)
        tasks = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
        await asyncio.sleep(1)
        tasks[victim].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(not isinstance(outcome, BaseException) for outcome in done)

    assert run(scenario()) == 2


def test_threads_with_event_loops_of_their_own_share_a_limiter() -> None:
    limiter = Limiter(requests_per_minute=60_000)
    admitted: list[float] = []

    async def work() -> None:
        for _ in range(100):
            permit = await limiter.acquire(1)
            admitted.append(permit.at)
            limiter.settle(permit, 1)

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(admitted) == 300
    assert limiter.in_flight == 0


def test_an_alarm_on_a_loop_where_nobody_waits_any_more_is_set_again_on_another() -> None:
    async def rings() -> list[asyncio.AbstractEventLoop | None]:
        rung: list[asyncio.AbstractEventLoop | None] = []
        clock = asyncio.get_running_loop().time
        alarm = Alarm(rung.append, threading.RLock(), clock, asyncio.sleep)
        leaving = asyncio.new_event_loop()
        alarm.set([leaving], 1.0)
        alarm.set([asyncio.get_running_loop()], 1.0)
        await asyncio.sleep(2)
        leaving.close()
        return rung

    assert run(rings()) == [None]


def test_a_loop_that_ends_leaves_those_of_other_loops_their_turn() -> None:
    limiter = Limiter(requests_per_minute=600)
    admitted: list[str] = []
    has_begun = threading.Event()

    async def left_early() -> None:
        waiting = [asyncio.create_task(limiter.acquire(1)) for _ in range(50)]
        await asyncio.sleep(0)
        has_begun.set()
        await waiting[1]

    async def patient() -> None:
        for _ in range(5):
            limiter.settle(await limiter.acquire(1, stage="patient"), 1)
            admitted.append("patient")

    first = threading.Thread(target=lambda: asyncio.run(left_early()))
    first.start()
    has_begun.wait(timeout=10)
    second = threading.Thread(target=lambda: asyncio.run(patient()))
    second.start()
    first.join(timeout=30)
    second.join(timeout=30)

    assert admitted == ["patient"] * 5
