"""Where in a document does something stand? Words however written, values however noted."""

import unicodedata
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import cached_property

from llms.normalisation import nearly, normalised
from llms.recognition import (
    Mention,
    find_amounts_and_numbers,
    find_dates,
    find_datetimes,
    find_durations,
    find_number_words,
)

Span = tuple[int, int]
Mentions = dict[str, list[tuple[Mention, bool]]]
"""Mentions by what they can mean; true where it is their first reading."""

_MOST_OCCURRENCES = 300
"""Occurrences looked at in one search: of words as frequent as that, none says much."""

_MONTHS = {"year": 12, "month": 1}
_DAYS = {"week": 7, "day": 1}


class TextIndex:
    """A document's text with its normalised form and the values in it, each made when first asked.

    Built once per document; positions are code points of `text` everywhere.
    """

    def __init__(self, text: str) -> None:
        """Index `text`; nothing is computed yet."""
        self.text = text

    @cached_property
    def _form(self) -> tuple[str, "array[int]"]:
        return normalised(self.text)

    @cached_property
    def _characters(self) -> frozenset[str]:
        return frozenset(self._form[0])

    @cached_property
    def dates(self) -> Mentions:
        """Mentions by ISO date."""
        return _by_meaning(find_dates(self.text))

    @cached_property
    def datetimes(self) -> list[Mention]:
        """The points in time that the text names."""
        return find_datetimes(self.text)

    @cached_property
    def numbers(self) -> Mentions:
        """Mentions by number (see `number_key`), be they in digits or in words."""
        mentions = [*find_amounts_and_numbers(self.text), *find_number_words(self.text)]
        return _by_meaning(mentions, number_key)

    @cached_property
    def durations(self) -> Mentions:
        """Mentions by length (see `duration_key`)."""
        return _by_meaning(find_durations(self.text), duration_key)

    def exact(self, words: str, low: int, high: int) -> Iterator[Span]:
        """Where `words` stand in `text[low:high]` to the letter."""
        yield from _occurrences(self.text, words, low, high)

    def loose(self, words: str, low: int, high: int) -> Iterator[Span]:
        """Where `words` stand in `text[low:high]` once both are normalised."""
        key = normalised(words)[0]
        form, places = self._form
        for start, end in _occurrences(form, key, *self._within(low, high)):
            if not (_splits_letter(form, places, start) or _splits_letter(form, places, end)):
                yield places[start], places[end - 1] + 1

    def near(self, words: str, low: int, high: int) -> Iterator[tuple[Span, float]]:
        """Where something nearly like `words` stands in `text[low:high]`, and how like it is.

        Words with a character that the whole text does not have are not looked for.
        """
        key = normalised(words)[0]
        if not self._characters.issuperset(key):
            return
        form, places = self._form
        for start, end, likeness in nearly(form, key, *self._within(low, high)):
            yield (places[start], places[end - 1] + 1), likeness

    def _within(self, low: int, high: int) -> Span:
        """The part of the normalised form that stands in `text[low:high]`."""
        places = self._form[1]
        return bisect_left(places, low), bisect_left(places, high)


def _splits_letter(form: str, places: "array[int]", at: int) -> bool:
    """Whether a cut before `at` parts a letter from its accent, or a ligature: e is not in é."""
    if not 0 < at < len(form):
        return False
    return places[at - 1] == places[at] or unicodedata.combining(form[at]) > 0


def number_key(value: str) -> str:
    """Equal for equal numbers: `1234.50` and `1234.5`."""
    whole, _, fraction = value.partition(".")
    fraction = fraction.rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return "0" if number == "-0" else number


def duration_key(value: str) -> str:
    """Equal for spans of equal length: `24 months` and `2 years`, `2 weeks` and `14 days`."""
    number, _, unit = value.partition(" ")
    unit = unit.removesuffix("s")
    if unit in _MONTHS:
        return f"{number_key(str(Decimal(number) * _MONTHS[unit]))} months"
    return f"{number_key(str(Decimal(number) * _DAYS[unit]))} days"


def _by_meaning(mentions: Iterable[Mention], key: Callable[[str], str] = str) -> Mentions:
    found: Mentions = defaultdict(list)
    for mention in mentions:
        found[key(mention.value)].append((mention, True))
        for alternative in mention.alternatives:
            found[key(alternative)].append((mention, False))
    return found


def _occurrences(text: str, words: str, low: int, high: int) -> Iterator[Span]:
    if not words:
        return
    place = text.find(words, low, high)
    for _ in range(_MOST_OCCURRENCES):
        if place < 0:
            return
        yield place, place + len(words)
        place = text.find(words, place + 1, high)
