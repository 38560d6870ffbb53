"""How long may an answer take? From the model's own latency history; a hung call holds nothing."""

import asyncio
import bisect
from collections import deque
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from schemas.providers import Lane

FLOOR_S = 20.0
"""No answer is given up sooner: a queue at the provider is no reason to pay twice."""

CEILING_S = 300.0
"""No answer is waited for longer in the standard lane."""

FLEX_CEILING_S = 900.0
"""The same in the flex lane, as OpenAI recommends for it."""

FACTOR = 3.0
"""An answer may take this many times what 99 % of the model's answers of the stage took."""

NEEDED = 20
"""Answers from which on a history counts."""

SLOW_START_S = 30.0
SLOW_TOKENS_PER_S = 50.0
"""What a model of which nothing is known may take: a start, and so many tokens of output a second;
most of the catalog's models are faster (`docmill models query "SELECT tps FROM llms"`)."""

MOST_STRETCH = 4.0
"""A deadline is not stretched beyond this factor."""

_KEPT = 200
_QUANTILE = 0.99
_SHORTEST_ANSWER = 20
"""Tokens: below that the pace of an answer says nothing about a long one's."""

T = TypeVar("T")


class DeadlineError(Exception):
    """An answer did not come by its deadline; `waited_s` is how long it was waited for."""

    waited_s: float = 0.0


@dataclass(slots=True)
class _Recent:
    """The last values of something, in the order they came and in the order of their size."""

    values: deque[float] = field(default_factory=deque)
    ordered: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        self.values.append(value)
        bisect.insort(self.ordered, value)
        if len(self.values) > _KEPT:
            del self.ordered[bisect.bisect_left(self.ordered, self.values.popleft())]

    @property
    def high(self) -> float | None:
        """The 99th percentile; null while there are too few."""
        if len(self.ordered) < NEEDED:
            return None
        return self.ordered[int(_QUANTILE * (len(self.ordered) - 1) + 0.5)]


_Asked = tuple[str, str, Lane]
"""Provider, the model's name there, and the lane."""


class Deadlines:
    """The deadlines of calls; made for one event loop.

    A call may take `FACTOR` times the 99th percentile of the last answers that this model gave in
    this stage and lane; while the stage has too few, `FACTOR` times the 99th percentile of what the
    model took per token of output, times the output limit of the call; while there is no history at
    all, what a slow model would take for that limit. Never less than the floor and never more than
    the ceiling.

    A time-out doubles the deadline until the model answers again, up to `MOST_STRETCH` times: a
    provider that has become slower is waited for rather than paid over and over for answers nobody
    hears. Calls that went out before there was a history get a deadline as soon as there is one.

    Args:
        ceiling_s: The ceiling of the standard lane, in seconds.
        floor_s: The floor.
    """

    def __init__(self, *, ceiling_s: float = CEILING_S, floor_s: float = FLOOR_S) -> None:
        self._ceiling_s = ceiling_s
        self._floor_s = min(floor_s, ceiling_s)
        self._latencies: dict[tuple[_Asked, str], _Recent] = {}
        self._paces: dict[_Asked, _Recent] = {}
        self._stretched: dict[_Asked, tuple[float, float]] = {}
        self._early: dict[tuple[_Asked, str], dict[asyncio.Timeout, float]] = {}

    def ceiling_s(self, lane: Lane) -> float:
        """The longest time that any answer may take in a lane, in seconds."""
        return max(self._ceiling_s, FLEX_CEILING_S) if lane is Lane.FLEX else self._ceiling_s

    def deadline_s(self, asked: _Asked, stage: str, most_output: int) -> float:
        """How long an answer may take, in seconds.

        Args:
            asked: Who is asked.
            stage: In which stage.
            most_output: The output limit of the call, in tokens.
        """
        factor, _ = self._stretched.get(asked, (1.0, 0.0))
        longest_s = max(self._usual_s(asked, stage, most_output), self._floor_s)
        return min(longest_s * factor, self.ceiling_s(asked[2]))

    async def within(self, answer: Awaitable[T], asked: _Asked, stage: str, most_output: int) -> T:
        """Wait for an answer until its deadline.

        Raises:
            DeadlineError: It did not come.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self.deadline_s(asked, stage, most_output)) as limit:
                with self._kept_early(asked, stage, limit, began):
                    return await answer
        except TimeoutError:
            self._stretch(asked, began, loop.time())
            late = DeadlineError()
            late.waited_s = loop.time() - began
            raise late from None

    def answered(self, asked: _Asked, stage: str, latency_s: float, output_tokens: int) -> None:
        """Note an answer, and how long it took."""
        self._stretched.pop(asked, None)
        pace = latency_s / max(output_tokens, _SHORTEST_ANSWER)
        self._paces.setdefault(asked, _Recent()).add(pace)
        latencies = self._latencies.setdefault((asked, stage), _Recent())
        latencies.add(latency_s)
        if len(latencies.ordered) == NEEDED:
            for limit, began in self._early.pop((asked, stage), {}).items():
                limit.reschedule(began + self.deadline_s(asked, stage, 0))

    def _stretch(self, asked: _Asked, began: float, now: float) -> None:
        factor, stretched_at = self._stretched.get(asked, (1.0, -1.0))
        # The many time-outs of one moment count once.
        if began >= stretched_at:
            self._stretched[asked] = (min(2 * factor, MOST_STRETCH), now)

    def _usual_s(self, asked: _Asked, stage: str, most_output: int) -> float:
        """What an answer takes that is slow, and not yet too slow."""
        latencies = self._latencies.get((asked, stage))
        if latencies is not None and (high_s := latencies.high) is not None:
            return FACTOR * high_s
        paces = self._paces.get(asked)
        pace = paces.high if paces is not None else None
        if pace is not None:
            return FACTOR * pace * max(most_output, _SHORTEST_ANSWER)
        if asked[2] is Lane.FLEX:  # how long that lane makes requests wait, nothing tells
            return FLEX_CEILING_S
        return SLOW_START_S + most_output / SLOW_TOKENS_PER_S

    @contextmanager
    def _kept_early(
        self, asked: _Asked, stage: str, limit: asyncio.Timeout, began: float
    ) -> Iterator[None]:
        """Keep the deadline of a call at hand while its stage has no history."""
        latencies = self._latencies.get((asked, stage))
        if latencies is not None and latencies.high is not None:
            yield
            return
        self._early.setdefault((asked, stage), {})[limit] = began
        try:
            yield
        finally:
            self._early.get((asked, stage), {}).pop(limit, None)
