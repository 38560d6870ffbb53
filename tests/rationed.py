"""A provider with rates in virtual time, and workers that call it through a limiter."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from llms.limit_book import LimitBook
from llms.limiter import Limiter
from llms.shared_limits import ProcessShare, Question
from llms.simulator.scenario import Limits
from llms.simulator.windows import Gate

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on which waiting takes no time: its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        select = self._selector.select

        def jump(timeout: float | None) -> Any:
            events = select(0)
            if not events and timeout is None:
                raise RuntimeError("everybody waits and nothing will happen any more")
            if not events and timeout:
                self.now += timeout
            return events

        self._selector.select = jump

    def time(self) -> float:
        return self.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(work)


def make_limiter(**changes: Any) -> Limiter:
    """A limiter on the clock of the running loop."""
    return Limiter(clock=asyncio.get_running_loop().time, **changes)


@dataclass
class Seen:
    """What the provider saw: when each request arrived or was refused, and what was used when."""

    arrived: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    used: list[tuple[float, int]] = field(default_factory=list)

    def fullest(self, window_s: float = 60.0) -> tuple[int, int]:
        """The most requests and the most tokens in any window."""
        requests = [(at, 1) for at in self.arrived]
        return _fullest(requests, window_s), _fullest(self.used, window_s)

    def refusals(self) -> float:
        """The share of all that was asked that was refused."""
        return len(self.refused) / max(1, len(self.refused) + len(self.arrived))

    def between(self, start: float, end: float) -> tuple[float, float]:
        """Requests and tokens per minute between two times."""
        minutes = (end - start) / 60
        requests = sum(start <= at < end for at in self.arrived)
        tokens = sum(n for at, n in self.used if start <= at < end)
        return requests / minutes, tokens / minutes


def _fullest(events: list[tuple[float, int]], window_s: float) -> int:
    most = total = first = 0
    events = sorted(events)
    for at, amount in events:
        total += amount
        while events[first][0] <= at - window_s + 1e-6:
            total -= events[first][1]
            first += 1
        most = max(most, total)
    return most


class Provider:
    """A provider whose rates are those of the simulator.

    Args:
        limits: As the simulator's scenario has them.
        rng: Randomness of latencies and sizes.
        latency_s: Shortest and longest time an answer takes.
        jitter_s: A request arrives up to so long after it was sent.
        shed: The share of requests that is turned away at random, at a time.
    """

    def __init__(
        self,
        limits: Mapping[str, Any],
        rng: random.Random,
        *,
        latency_s: tuple[float, float] = (0.5, 2.0),
        jitter_s: float = 0.02,
        shed: Callable[[float], float] = lambda now: 0.0,
    ) -> None:
        self.limits = Limits.model_validate(limits)
        self.gate = Gate(self.limits)
        self.seen = Seen()
        self.rng = rng
        self.latency_s = latency_s
        self.jitter_s = jitter_s
        self.shed = shed

    async def answer(
        self, input_tokens: int, output_tokens: int, most_output: int
    ) -> tuple[bool, dict[str, str]]:
        """Whether a request is answered, and the headers."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self.rng.uniform(0, self.jitter_s))
        # Not one more random number where nothing is shed.
        if (share := self.shed(clock())) and self.rng.random() < share:
            self.seen.refused.append(clock())
            return False, {"retry-after": "0.05"}
        refusal = self.gate.admit(input_tokens, most_output, clock(), clock())
        headers = {}
        if self.limits.headers:
            headers = {k.decode(): v.decode() for k, v in self.gate.headers(clock())}
        if refusal is not None:
            self.seen.refused.append(clock())
            if self.limits.retry_after != "none":
                headers["retry-after"] = str(refusal.wait_s or 1.0)
            return False, headers
        self.seen.arrived.append(clock())
        self.seen.used.append((clock(), input_tokens))
        await asyncio.sleep(self.rng.uniform(*self.latency_s))
        self.gate.used(output_tokens, clock())
        self.gate.leave()
        self.seen.used.append((clock(), output_tokens))
        return True, headers


async def work(
    provider: Provider,
    limiter: Limiter,
    *,
    workers: int = 64,
    until_s: float = 300.0,
    size: Callable[[random.Random], tuple[int, int]] = lambda rng: (900, 100),
    most_output: int = 500,
    stage: str = "extract",
) -> None:
    """Workers that send one request after the other, each until it is answered."""
    clock = asyncio.get_running_loop().time
    rng = provider.rng

    async def one() -> None:
        while clock() < until_s:
            input_tokens, output_tokens = size(rng)
            while True:
                expected = limiter.expected(stage, estimated=input_tokens, most_output=most_output)
                permit = await limiter.acquire(*expected, most_output=most_output, stage=stage)
                is_answered, headers = await provider.answer(
                    input_tokens, output_tokens, most_output
                )
                if is_answered:
                    limiter.learn(headers, permit)
                    limiter.observe(stage, input_tokens, input_tokens, output_tokens)
                    limiter.settle(permit, input_tokens, output_tokens)
                    break
                limiter.throttled(permit, headers)
                limiter.settle(permit)
                told_s = float(headers.get("retry-after", 1.0))
                await asyncio.sleep(told_s * rng.uniform(1.0, 1.1) + rng.uniform(0, 0.05))

    await asyncio.gather(*(one() for _ in range(workers)))


class Book:
    """The book of one limit in memory, which takes its time; kept as JSON between questions."""

    def __init__(self, rng: random.Random, *, delay_s: tuple[float, float] = (0.002, 0.02)) -> None:
        self.text = "null"
        self.questions = 0
        self.killed: set[str] = set()
        self._rng = rng
        self._delay_s = delay_s

    def share(self, member: str, job: str) -> ProcessShare:
        """The share of a process on the clock of the running loop."""
        clock = asyncio.get_running_loop().time
        return ProcessShare("limit", member, job, self._put, clock=clock)

    def _put(self, question: Question) -> None:
        loop = asyncio.get_running_loop()
        self.questions += 1
        there, back = (self._rng.uniform(*self._delay_s) / 2 for _ in range(2))
        loop.call_later(there, self._answer, question, back)

    def _answer(self, question: Question, back_s: float) -> None:
        loop = asyncio.get_running_loop()
        book = LimitBook(json.loads(self.text), loop.time())
        if question.need is None:
            book.leave(question.member)
            return
        granted = book.grant(
            question.member,
            question.job,
            question.need,
            loop.time(),
            corrections=question.corrections,
        )
        self.text = json.dumps(book.state())
        if question.member not in self.killed:
            loop.call_later(back_s, question.done, granted)
