"""What can be seen of a query before any model is asked? Its words, its length, its layout."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from zlib import crc32

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_NUMBER = re.compile(r"\d+")

_PIECE = 4
_MOST_TOKENS = 2000
"""A query is judged by its beginning: what it is about shows there."""


def text_features(text: str) -> list[int]:
    """The words, pairs of words and pieces of words in a text, each once, as hashes of 32 bits.

    Hashes and not words, so that a stored router holds nothing of anybody's documents.
    """
    tokens = [token.encode() for token in _TOKEN.findall(text.casefold())[:_MOST_TOKENS]]
    hashes = [crc32(token) for token in tokens]
    found = set(hashes)
    for before, token in zip(hashes, tokens[1:], strict=False):
        found.add(crc32(b" " + token, before))
    joined = b" ".join(tokens)
    found.update(crc32(joined[at : at + _PIECE]) for at in range(len(joined) - _PIECE + 1))
    return sorted(found)


def layout_signals(text: str) -> list[float]:
    """Length and shape of a text: a few numbers of a similar size."""
    size = max(len(text), 1)
    words = text.split()
    marks = sum(not (letter.isalnum() or letter.isspace()) for letter in text)
    return [
        math.log1p(len(text)),
        math.log1p(len(words)),
        math.log1p(text.count("\n")),
        math.log1p(len(_NUMBER.findall(text))),
        sum(letter.isdigit() for letter in text) / size,
        sum(letter.isupper() for letter in text) / size,
        marks / size,
        text.count("?") / (1 + len(words)),
        text.count(",") / (1 + len(words)),
        len(text) / (1 + len(words)),
        float("\\" in text or "$" in text or "=" in text),
    ]


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and spread of each layout signal over the queries that were learned from."""

    means: tuple[float, ...]
    spreads: tuple[float, ...]

    @classmethod
    def of(cls, rows: Sequence[Sequence[float]]) -> Self:
        """The scale of some rows, at least one."""
        columns = list(zip(*rows, strict=True))
        means = tuple(math.fsum(column) / len(column) for column in columns)
        spreads = tuple(
            math.sqrt(math.fsum((value - mean) ** 2 for value in column) / len(column)) or 1.0
            for column, mean in zip(columns, means, strict=True)
        )
        return cls(means, spreads)

    def apply(self, row: Sequence[float]) -> list[float]:
        """A row in spreads from the mean, no further than 4 so that an odd text cannot dominate."""
        return [
            max(-4.0, min(4.0, (value - mean) / spread))
            for value, mean, spread in zip(row, self.means, self.spreads, strict=True)
        ]
