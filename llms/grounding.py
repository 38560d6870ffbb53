"""Does a value stand in the text, and where?"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from llms.recognition import Mention
from llms.text_index import Mentions, Span, TextIndex, duration_key, number_key
from schemas.fields import FieldSource, FieldSpec, FieldType

__all__ = ["Grounding", "TextIndex", "ground"]

NORMALISED = 0.95
"""Score of a value that stands there in other letters or another notation."""

SECOND_READING = 0.85
"""Score where the notation is ambiguous and the value is not its likeliest reading."""

PART_OF_WORD = 0.6
"""Score of words that stand only inside longer words or numbers."""

LEAST_LIKENESS = 0.9


@dataclass(frozen=True, slots=True)
class Grounding:
    """Where a value stands.

    Attributes:
        start: Where its words begin, in code points of the document's text.
        end: Where they end, exclusive; never equal to `start`.
        how: `exact`: to the letter; `normalised`: in another writing or notation of the same;
            `aligned`: nearly.
        score: How sure that is: 1 for whole words to the letter, less as the constants of this
            module say, and the likeness where it is only nearly.
    """

    start: int
    end: int
    how: Literal["exact", "normalised", "aligned"]
    score: float


def ground(index: TextIndex, spec: FieldSpec, value: str, quote: str | None) -> Grounding | None:
    """Find where `value` stands in the text; null when it does not.

    The quote, where it stands in the text, says where to look: a place inside it or overlapping it
    is taken if there is one, else the place nearest to it. Words are found to the letter, then
    without regard to case, spacing, hyphenation and punctuation, then nearly (a tenth of a name
    may differ, no digit). Dates, times, numbers and durations are found in any notation that can
    mean the value. Of booleans and of what may be inferred, the quote alone can stand there.

    Args:
        index: The document.
        spec: The field.
        value: One value in canonical notation, or as printed where the field says so.
        quote: The words that are said to show it, or null.
    """
    place = _quote(index, quote)
    inferred = spec.source is FieldSource.INFERRED
    if spec.type is FieldType.BOOLEAN or (inferred and spec.type is FieldType.CATEGORY):
        return place
    found = _stand(index, spec, value, place)
    return found or (place if inferred else None)


def _quote(index: TextIndex, quote: str | None) -> Grounding | None:
    words = quote.strip() if quote else ""
    return _words(index, words, None) if words else None


def _stand(
    index: TextIndex, spec: FieldSpec, value: str, quote: Grounding | None
) -> Grounding | None:
    if spec.as_printed:
        whole_numbers = spec.type is not FieldType.STRING
        return _words(index, value, quote, whole_numbers=whole_numbers)
    match spec.type:
        case FieldType.DATE:
            return _meaning(index, index.dates, value, value, quote)
        case FieldType.DATETIME:
            if "T" not in value:
                return _meaning(index, index.dates, value, value, quote)
            return _moment(index, value, quote)
        case FieldType.DECIMAL | FieldType.INTEGER:
            return _meaning(index, index.numbers, number_key(value), value, quote)
        case FieldType.DURATION:
            return _meaning(index, index.durations, duration_key(value), value, quote)
        case _:
            return _words(index, value, quote)


def _meaning(
    index: TextIndex, mentions: Mentions, key: str, value: str, quote: Grounding | None
) -> Grounding | None:
    """The best mention of a value among the recognised ones."""
    return _best(
        (_noted(index, mention, value, is_first) for mention, is_first in mentions.get(key, ())),
        quote,
    )


def _noted(index: TextIndex, mention: Mention, value: str, is_first: bool) -> Grounding:
    to_the_letter = index.text[mention.start : mention.end] == value
    score = NORMALISED if is_first else SECOND_READING
    return Grounding(
        mention.start,
        mention.end,
        "exact" if to_the_letter else "normalised",
        1.0 if to_the_letter and is_first else score,
    )


def _moment(index: TextIndex, value: str, quote: Grounding | None) -> Grounding | None:
    """The best mention of a point in time; without an offset on one side, clocks are compared."""
    wanted = datetime.fromisoformat(value)

    def candidates() -> Iterator[Grounding]:
        for mention in index.datetimes:
            for number, reading in enumerate((mention.value, *mention.alternatives)):
                given = datetime.fromisoformat(reading)
                if wanted.tzinfo and given.tzinfo:
                    equal, sure = wanted == given, True
                else:
                    equal = wanted.replace(tzinfo=None) == given.replace(tzinfo=None)
                    sure = wanted.tzinfo is given.tzinfo
                if equal:
                    yield _noted(index, mention, value, sure and number == 0)

    return _best(candidates(), quote)


def _words(
    index: TextIndex, words: str, quote: Grounding | None, *, whole_numbers: bool = False
) -> Grounding | None:
    """The best place of words: around the quote first, each time to the letter first."""

    def allowed(found: Iterable[Grounding]) -> Iterator[Grounding]:
        for place in found:
            if whole_numbers:
                # A currency may touch its amount; only other digits make it another number.
                if not _cuts_number(index.text, place.start, place.end):
                    yield place
            elif _is_cut_out(index.text, place.start, place.end):
                yield replace(place, score=min(place.score, PART_OF_WORD))
            else:
                yield place

    whole = (0, len(index.text))
    windows = [whole]
    if quote is not None:
        # A value may reach beyond its quote by as much as it is long.
        reach = 2 * len(words)
        windows = [(max(0, quote.start - reach), min(whole[1], quote.end + reach)), whole]
    part: Grounding | None = None
    for window in windows:
        for search in (_exact, _loose):
            found = _best(allowed(search(index, words, window)), quote)
            if found and found.score > PART_OF_WORD and (window == whole or _touch(found, quote)):
                return found
            part = part or found
    for window in windows:
        found = _best(allowed(_near(index, words, window)), quote)
        if found and found.score >= LEAST_LIKENESS:
            return found
    return part


def _exact(index: TextIndex, words: str, window: Span) -> Iterator[Grounding]:
    for start, end in index.exact(words, *window):
        yield Grounding(start, end, "exact", 1.0)


def _loose(index: TextIndex, words: str, window: Span) -> Iterator[Grounding]:
    for start, end in index.loose(words, *window):
        yield Grounding(start, end, "normalised", NORMALISED)


def _near(index: TextIndex, words: str, window: Span) -> Iterator[Grounding]:
    for (start, end), likeness in index.near(words, *window):
        yield Grounding(start, end, "aligned", likeness)


def _best(found: Iterable[Grounding], quote: Grounding | None) -> Grounding | None:
    """The place in the quote, else the surest one, else the one nearest to the quote."""

    def rank(place: Grounding) -> tuple[bool, float, int, int]:
        return (not _touch(place, quote), -place.score, _distance(place, quote), place.start)

    return min(found, key=rank, default=None)


def _touch(place: Grounding, quote: Grounding | None) -> bool:
    return quote is not None and place.start < quote.end and quote.start < place.end


def _distance(place: Grounding, quote: Grounding | None) -> int:
    if quote is None:
        return 0
    return max(quote.start - place.end, place.start - quote.end, 0)


def _is_cut_out(text: str, start: int, end: int) -> bool:
    """Whether a span begins or ends inside a word or a number."""
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end].isalnum() and text[end - 1].isalnum()
    return before or after or _cuts_number(text, start, end)


def _cuts_number(text: str, start: int, end: int) -> bool:
    """Whether a span leaves out digits of a number that it shows a part of."""
    left, right = text[max(0, start - 2) : start], text[end : end + 2]
    if text[start].isdigit() and re.search(r"\d[.,]?\Z", left):
        return True
    return text[end - 1].isdigit() and re.match(r"[.,]?\d", right) is not None
