"""How long will the answer be? Learned per stage, for what a call sets aside of a token limit."""

import bisect
import math
from collections import deque

_KEPT = 200
_NEEDED = 8
_PERCENTILE = 95


class OutputLengths:
    """The lengths of the last answers of each stage, in tokens. Not thread-safe."""

    def __init__(self) -> None:
        self._stages: dict[str, tuple[deque[int], list[int]]] = {}

    def observe(self, stage: str, tokens: int) -> None:
        """Remember how long an answer was."""
        recent, ordered = self._stages.setdefault(stage, (deque(), []))
        recent.append(tokens)
        bisect.insort(ordered, tokens)
        if len(recent) > _KEPT:
            del ordered[bisect.bisect_left(ordered, recent.popleft())]

    def expected(self, stage: str, most: int, *, beside: int = 0) -> int:
        """Tokens to set aside for an answer of a stage while others are being waited for.

        For one alone it is the 95th percentile of the stage. With `beside` others it comes down
        towards the mean: long and short ones even out, and what a sum of n answers may be above
        n means grows with the square root of n only. Until enough is known it is `most`, which is
        also never exceeded.
        """
        _, ordered = self._stages.get(stage, (None, []))
        if len(ordered) < _NEEDED:
            return most
        high = ordered[len(ordered) * _PERCENTILE // 100]
        mean = sum(ordered) / len(ordered)
        return min(most, math.ceil(mean + max(high - mean, 0.0) / math.sqrt(beside + 1)))
