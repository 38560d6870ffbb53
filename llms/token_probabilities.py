"""How probable were the tokens that a value was written with?"""

import json
import math
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

_VALUE = re.compile(r'(?<!\\)"value"\s*:\s*')
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Probabilities:
    """Of the tokens of one field's values: the least, and the geometric mean of all."""

    least: float
    mean: float


class TokenProbabilities:
    """The token probabilities of one extraction answer.

    Args:
        tokens: The tokens of the answer in order, each with its log-probability.
    """

    def __init__(self, tokens: Sequence[tuple[str, float]]) -> None:
        self._logs = [log for _, log in tokens]
        self._text = "".join(token for token, _ in tokens)
        self._starts = list(accumulate((len(token) for token, _ in tokens), initial=0))[:-1]

    def of(self, field: str) -> Probabilities | None:
        """Those of a field's values; null where the answer cannot be read or has no such field."""
        opening = re.search(rf"(?<!\\){re.escape(json.dumps(field))}\s*:\s*(?=[{{\[])", self._text)
        if opening is None:
            return None
        try:
            _, end = _DECODER.raw_decode(self._text, opening.end())
        except ValueError:
            return None
        logs = [
            log for start, stop in self._values(opening.end(), end) for log in self._in(start, stop)
        ]
        if not logs:
            return None
        mean = math.fsum(logs) / len(logs)
        return Probabilities(least=_probability(min(logs)), mean=_probability(mean))

    def _values(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for label in _VALUE.finditer(self._text, start, end):
            try:
                _, stop = _DECODER.raw_decode(self._text, label.end())
            except ValueError:
                continue
            yield label.end(), stop

    def _in(self, start: int, stop: int) -> list[float]:
        """The logs of the tokens that overlap a span of the text."""
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, stop - 1)
        return self._logs[first:last]


def _probability(log: float) -> float:
    return min(1.0, math.exp(log))
