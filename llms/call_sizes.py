"""How many tokens will a call take? Learned per stage, for what it sets aside of a limit."""

import bisect
import math
from collections import deque

_KEPT = 200
_NEEDED = 8
_PERCENTILE = 95


class _Stage:
    __slots__ = ("estimated", "ordered", "outputs", "read", "sum")

    def __init__(self) -> None:
        self.outputs: deque[int] = deque()
        self.ordered: list[int] = []
        self.sum = 0
        self.estimated = 0.0
        self.read = 0.0


class CallSizes:
    """The last calls of each stage: their answers' tokens, and how well prompts were estimated.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._stages: dict[str, _Stage] = {}

    def observe(self, stage: str, estimated: int, input_tokens: int, output_tokens: int) -> None:
        """Remember a call: what its prompt was estimated at, what it was, and its answer."""
        known = self._stages.setdefault(stage, _Stage())
        fading = 1 - 1 / _KEPT
        known.estimated = known.estimated * fading + estimated
        known.read = known.read * fading + input_tokens
        known.outputs.append(output_tokens)
        known.sum += output_tokens
        bisect.insort(known.ordered, output_tokens)
        if len(known.outputs) > _KEPT:
            oldest = known.outputs.popleft()
            known.sum -= oldest
            del known.ordered[bisect.bisect_left(known.ordered, oldest)]

    def expected(
        self, stage: str, *, estimated: int, most_output: int, beside: int = 0
    ) -> tuple[int, int]:
        """Input and output tokens to set aside for a call while others are being waited for.

        For one alone, the output is the 95th percentile of the stage. With `beside` others it comes
        down towards the mean: long and short answers even out, and what a sum of n answers may be
        above n means grows with the square root of n only. Until enough is known it is
        `most_output`, which is also never exceeded.
        """
        known = self._stages.get(stage)
        if known is None or len(known.ordered) < _NEEDED:
            return estimated, most_output
        high = known.ordered[len(known.ordered) * _PERCENTILE // 100]
        mean = known.sum / len(known.ordered)
        output = math.ceil(mean + max(high - mean, 0.0) / math.sqrt(beside + 1))
        if known.estimated > 0:
            estimated = round(estimated * known.read / known.estimated)
        return estimated, min(most_output, output)
