"""What a recognised value is: a `Mention`, and the small rules that all recognisers share."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mention:
    """One value that stands in a text.

    Attributes:
        start: Where its notation begins, in code points.
        end: Where its notation ends, exclusive; `text[start:end]` is the notation.
        value: The value in canonical notation.
        alternatives: Other values the same notation can mean, the likelier ones first.
        unit: Currency of an amount as ISO 4217 code; null where none is printed.
    """

    start: int
    end: int
    value: str
    alternatives: tuple[str, ...] = ()
    unit: str | None = None


def lowered(text: str) -> str:
    """`text` in lower case, code point by code point, so that positions stay what they were."""
    low = text.lower()
    if len(low) == len(text):
        return low
    # A few capitals (as the Turkish dotted I) have a lower case of two code points.
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def disjoint(mentions: Iterable[Mention]) -> list[Mention]:
    """The mentions in order of their start, without those that overlap an earlier or longer one."""
    kept: list[Mention] = []
    end = -1
    for mention in sorted(mentions, key=lambda m: (m.start, -m.end)):
        if mention.start >= end:
            kept.append(mention)
            end = mention.end
    return kept
