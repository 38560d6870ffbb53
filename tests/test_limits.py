"""The limiter: never over a limit in any window, in order, and close to the limit all the same."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.limits import WINDOW_S, Limiter, Limiters

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time: its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> Any:
            events = select(0)
            if not events and timeout is None:
                raise RuntimeError("everybody waits and nothing will happen any more")
            if not events and timeout:
                self.now += timeout
            return events

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def make_limiter(**limits: int | None) -> Limiter:
    """A limiter on the clock of the running loop."""
    return Limiter(clock=asyncio.get_running_loop().time, **limits)  # type: ignore[arg-type]


async def admit_all(
    limiter: Limiter, calls: list[tuple[int, int, float]], *, in_flight: int = 10_000
) -> list[tuple[float, int]]:
    """Send calls of (reserved, used tokens, seconds); when each went out and what it used."""
    admitted: list[tuple[float, int]] = []
    gate = asyncio.Semaphore(in_flight)

    async def one(reserved: int, used: int, duration: float) -> None:
        async with gate:
            permit = await limiter.acquire(reserved)
            admitted.append((permit.at, used))
            await asyncio.sleep(duration)
            limiter.settle(permit, used)

    await asyncio.gather(*(one(*call) for call in calls))
    return admitted


def fullest_window(admitted: list[tuple[float, int]]) -> tuple[int, int]:
    """The most requests and the most tokens in any window that begins with an admission."""
    windows = [
        [tokens for at, tokens in admitted if start <= at < start + WINDOW_S - 1e-6]
        for start, _ in admitted
    ]
    return max(map(len, windows)), max(map(sum, windows))


CALLS = st.lists(
    st.tuples(st.integers(0, 400), st.floats(0, 1), st.floats(0, 40)), min_size=1, max_size=60
).map(lambda calls: [(reserved, int(reserved * share), s) for reserved, share, s in calls])


@settings(deadline=None, max_examples=60)
@given(calls=CALLS, requests=st.integers(1, 30), tokens=st.integers(400, 2000))
def test_no_window_holds_more_than_the_limits(
    calls: list[tuple[int, int, float]], requests: int, tokens: int
) -> None:
    async def scenario() -> list[tuple[float, int]]:
        limiter = make_limiter(requests_per_minute=requests, tokens_per_minute=tokens)
        return await admit_all(limiter, calls)

    admitted = run(scenario())

    most_requests, most_tokens = fullest_window(admitted)
    assert len(admitted) == len(calls)
    assert most_requests <= requests
    assert most_tokens <= tokens


@pytest.mark.parametrize("requests", [60, 600])
def test_a_request_limit_is_used_to_97_percent(requests: int) -> None:
    async def scenario() -> float:
        limiter = make_limiter(requests_per_minute=requests)
        await admit_all(limiter, [(0, 0, 1.0)] * (requests * 5))
        return asyncio.get_running_loop().time()

    assert 5 * WINDOW_S * 0.98 <= run(scenario()) <= 5 * WINDOW_S / 0.97


def test_a_token_limit_is_used_although_reservations_are_half_too_high() -> None:
    async def scenario() -> float:
        limiter = make_limiter(tokens_per_minute=60_000)
        await admit_all(limiter, [(150, 100, 1.0)] * 6000, in_flight=64)
        return asyncio.get_running_loop().time()

    # 600,000 tokens used, at 60,000 a minute.
    assert run(scenario()) <= 10 * WINDOW_S / 0.97


def test_requests_are_spread_over_the_minute() -> None:
    async def scenario() -> list[float]:
        limiter = make_limiter(requests_per_minute=60)
        return [at for at, _ in await admit_all(limiter, [(0, 0, 0.0)] * 60)]

    times = run(scenario())

    assert sum(at < 10 for at in times) <= 12


def test_a_call_larger_than_the_whole_limit_goes_alone() -> None:
    async def scenario() -> list[tuple[float, int]]:
        limiter = make_limiter(tokens_per_minute=100)
        return await admit_all(limiter, [(50, 50, 0), (500, 500, 0), (50, 50, 0)])

    times = [at for at, _ in run(scenario())]

    assert times[1] >= times[0] + WINDOW_S
    assert times[2] >= times[1] + WINDOW_S


def test_without_limits_nobody_waits() -> None:
    async def scenario() -> float:
        await admit_all(make_limiter(), [(10**6, 10**6, 0.0)] * 500)
        return asyncio.get_running_loop().time()

    assert run(scenario()) == 0


def test_who_comes_first_goes_first() -> None:
    async def scenario() -> list[int]:
        limiter, order = make_limiter(requests_per_minute=30), []

        async def one(name: int) -> None:
            permit = await limiter.acquire(1)
            order.append(name)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one(name) for name in range(40)))
        return order

    assert run(scenario()) == list(range(40))


def test_limits_are_learned_from_headers_and_a_stricter_setting_stays() -> None:
    async def scenario() -> tuple[int | None, int | None]:
        limiter = make_limiter(requests_per_minute=50)
        limiter.learn({"x-ratelimit-limit-requests": "500", "x-ratelimit-limit-tokens": "3000"})
        return limiter.requests_per_minute, limiter.tokens_per_minute

    assert run(scenario()) == (50, 3000)


@pytest.mark.parametrize("value", ["", "many", "0", "-5", "1.5"])
def test_headers_that_make_no_sense_change_nothing(value: str) -> None:
    async def scenario() -> int | None:
        limiter = make_limiter()
        limiter.learn({"x-ratelimit-limit-requests": value})
        return limiter.requests_per_minute

    assert run(scenario()) is None


def test_a_refusal_shrinks_what_is_in_flight_once_and_calm_brings_it_back() -> None:
    async def scenario() -> tuple[float, float, float]:
        limiter = make_limiter()
        permits = [await limiter.acquire(1) for _ in range(10)]
        await asyncio.sleep(1)
        for permit in permits:
            limiter.throttled(permit)
        shrunk = limiter.most_in_flight
        for permit in permits:
            limiter.settle(permit, 0)
        after = limiter.most_in_flight
        await admit_all(limiter, [(1, 1, 1.0)] * 200)
        return shrunk, after, limiter.most_in_flight

    shrunk, after, later = run(scenario())

    assert shrunk == pytest.approx(7)
    assert 7 < after < 9
    assert later > 15


def test_a_declared_number_in_flight_is_kept_from_the_start_and_for_good() -> None:
    async def most_at_once() -> int:
        limiter, most = make_limiter(in_flight=3), 0

        async def one() -> None:
            nonlocal most
            permit = await limiter.acquire(1)
            most = max(most, limiter.in_flight)
            await asyncio.sleep(1)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one() for _ in range(50)))
        return most

    assert run(most_at_once()) == 3


def test_no_more_are_in_flight_than_the_provider_took() -> None:
    async def scenario() -> int:
        limiter, most = make_limiter(), 0
        permits = [await limiter.acquire(1) for _ in range(4)]
        limiter.throttled(permits[0])
        for permit in permits:
            limiter.settle(permit, 0)
        cap = limiter.most_in_flight

        async def one() -> None:
            nonlocal most
            permit = await limiter.acquire(1)
            most = max(most, limiter.in_flight)
            assert limiter.in_flight < limiter.most_in_flight + 1
            await asyncio.sleep(1)
            limiter.settle(permit, 1)

        await asyncio.gather(*(one() for _ in range(int(cap) * 2)))
        return most

    assert run(scenario()) <= 5


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


def test_the_expected_output_is_learned_as_a_high_percentile() -> None:
    limiter = Limiter()
    before = limiter.expected_output("extract", 2000)
    for tokens in range(1, 101):
        limiter.observe_output("extract", tokens)

    assert before == 2000
    assert limiter.expected_output("extract", 2000) == 96
    assert limiter.expected_output("extract", 50) == 50
    assert limiter.expected_output("route", 2000) == 2000


def test_a_permit_is_settled_once() -> None:
    async def scenario() -> None:
        limiter = make_limiter()
        permit = await limiter.acquire(1)
        limiter.settle(permit, 1)
        with pytest.raises(ValueError, match="before"):
            limiter.settle(permit, 1)

    run(scenario())


def test_one_model_at_one_provider_has_one_limiter() -> None:
    limiters = Limiters()

    first = limiters.limiter("alpha", "m", requests_per_minute=5)

    assert limiters.limiter("alpha", "m") is first
    assert limiters.limiter("beta", "m") is not first
    assert limiters.breaker("alpha") is limiters.breaker("alpha")
