"""What does one source say of each model, and how is its document read without trusting it?"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from llms.catalog import Figure, checked_count, checked_number
from llms.failures import CatalogError

MAX_TOLD = 5
"""Names in one sentence; the rest is counted."""

_DEAREST = 10_000.0
"""US$ per million tokens; above it a price is taken for a mistake in its unit."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Source(StrEnum):
    """Where a figure can come from."""

    OWN = "own"
    ARTIFICIAL_ANALYSIS = "artificial_analysis"
    OPENROUTER = "openrouter"
    LITELLM = "litellm"
    EMBEDDED = "embedded"
    RESTATED = "restated"


NAMES = {
    Source.OWN: "your own file",
    Source.ARTIFICIAL_ANALYSIS: "Artificial Analysis",
    Source.OPENROUTER: "OpenRouter",
    Source.LITELLM: "LiteLLM",
    Source.EMBEDDED: "the catalog that ships with docmill",
    Source.RESTATED: "points taken back since",
}


@dataclass(frozen=True, slots=True)
class PartialRow:
    """What a source says of one model.

    Attributes:
        figures: By column of `llms`; what the source does not publish is absent. Either `slug` or
            `api_id` is there.
        withheld: By column, why a figure that the source publishes is taken for unknown.
    """

    figures: Mapping[str, Figure]
    withheld: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a source.

    Attributes:
        source: The source.
        as_of: The day its figures stand for.
        rows: One per model, in the order of the source.
        broken: A sentence per row that could not be read and is left out.
        left_aside: Rows that are no model of this catalog's kind: variants, resellers, images.
    """

    source: Source
    as_of: date
    rows: tuple[PartialRow, ...]
    broken: tuple[str, ...] = ()
    left_aside: int = 0


class Entry:
    """A JSON object, read by key: null for what is absent, an error for what has the wrong type."""

    def __init__(self, value: object, what: str = "the row") -> None:
        """Take an object; ValueError if `value` is none."""
        if not isinstance(value, dict):
            raise ValueError(f"{what} is no object")
        self._values = value

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def value(self, key: str) -> object:
        """Whatever stands under `key`; null if nothing does."""
        return self._values.get(key)

    def inner(self, key: str) -> "Entry":
        """The object under `key`; an empty one if there is none."""
        value = self._values.get(key)
        return Entry({} if value is None else value, key)

    def text(self, key: str) -> str | None:
        """A printable text, trimmed; null if empty."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError(f"{key} is no plain text")
        return value.strip() or None

    def number(self, key: str, column: str) -> float | None:
        """A number as a figure of `column`."""
        value = self._values.get(key)
        return None if value is None else checked_number(column, _float(key, value))

    def positive(self, key: str, column: str) -> float | None:
        """As `number`; zero means that nothing was measured."""
        return self.number(key, column) or None

    def count(self, key: str, column: str) -> int | None:
        """A number of tokens; zero means that none is stated."""
        value = self._values.get(key)
        number = 0.0 if value is None else _float(key, value)
        return checked_count(column, number) if number else None

    def price(self, key: str, *, per_token: bool) -> float | None:
        """A price in US$ per million tokens, also from a text; zero as published."""
        value = self._values.get(key)
        if value is None:
            return None
        number = _float(key, value, is_text_allowed=True)
        in_millions = round(number * 1_000_000, 6) if per_token else number
        if in_millions > _DEAREST:
            raise ValueError(f"{key} is {in_millions:g} US$ per million tokens, which cannot be")
        # Routers publish -1: the price is that of whatever they route to.
        return in_millions if number == -1 else checked_number(key, in_millions)

    def claim(self, key: str) -> bool | None:
        """True, false or null."""
        value = self._values.get(key)
        if value is not None and not isinstance(value, bool):
            raise ValueError(f"{key} is neither true nor false")
        return value

    def day(self, key: str) -> date | None:
        """A day, ISO 8601."""
        text = self.text(key)
        try:
            return None if text is None else date.fromisoformat(text[:10])
        except ValueError:
            raise ValueError(f"{key} is no day") from None

    def words(self, key: str) -> frozenset[str] | None:
        """A list of texts as a set; null if it is absent or empty, which then says nothing."""
        value = self._values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ValueError(f"{key} is no list of texts")
        return frozenset(value) or None


def document_of(data: bytes, source: Source) -> object:
    """The JSON document in `data`.

    Raises:
        CatalogError: It is no JSON, which is also what a cut-off answer looks like.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise CatalogError(
            f"what {NAMES[source]} sent is not JSON, or not all of it ({len(data):,} bytes)"
        ) from None


def entries_of(document: object, key: str, source: Source) -> list[object]:
    """The list under `key` of a document; CatalogError if it has none, or an empty one."""
    value = document.get(key) if isinstance(document, dict) else None
    if not isinstance(value, list) or not value:
        raise CatalogError(f"what {NAMES[source]} sent has no list {key!r} with models in it")
    return value


def read_rows(
    source: Source,
    as_of: date,
    entries: Mapping[str, object],
    read: Callable[[str, Entry], PartialRow | None],
) -> Reading:
    """Read entry by entry; a broken one is left out and told.

    Args:
        source: The source.
        as_of: The day its figures stand for.
        entries: By the name to use in a sentence.
        read: Reads one entry; null where it is no model of the catalog's kind. ValueError says
            what is wrong with it.
    """
    rows: list[PartialRow] = []
    broken: list[str] = []
    left_aside = 0
    for name, value in entries.items():
        try:
            row = read(name, Entry(value))
        except ValueError as error:
            broken.append(f"{NAMES[source]}, {shown(name)}: {error}")
            continue
        if row is None:
            left_aside += 1
        else:
            rows.append(row)
    return Reading(source, as_of, tuple(rows), tuple(broken), left_aside)


def partial_row(
    figures: Mapping[str, Figure | None], prices: Mapping[str, float | None]
) -> PartialRow:
    """A row of what is known; a price of zero or of a router is withheld.

    A price of zero is that of a free preview, which ends, or stands for "not published". Neither
    is a price to select a model by.
    """
    known = {column: value for column, value in figures.items() if value is not None}
    withheld: dict[str, str] = {}
    for column, price in prices.items():
        if price is None:
            continue
        if price > 0:
            known[column] = price
        elif price == 0:
            withheld[column] = "published as 0, as for a free preview: taken for unknown"
        else:
            withheld[column] = "depends on where the request is routed: taken for unknown"
    return PartialRow(known, withheld)


def batch_share(
    prices: tuple[float | None, float | None], batch: tuple[float | None, float | None]
) -> float | None:
    """The share that batch prices take off input and output; the smaller one where they differ.

    Null unless all four are known and none is dearer than online.
    """
    ratios = [b / p for p, b in zip(prices, batch, strict=True) if p and b and p > 0 and b > 0]
    if len(ratios) < len(prices) or max(ratios) > 1:
        return None
    return round(1 - max(ratios), 4)


def shown(text: str) -> str:
    """A text from outside, short enough and safe for a sentence."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def told(names: list[str]) -> str:
    """A few names and how many more there are."""
    more = len(names) - MAX_TOLD
    return ", ".join(names[:MAX_TOLD]) + (f" and {more} more" if more > 0 else "")


def _float(key: str, value: object, *, is_text_allowed: bool = False) -> float:
    kinds = (int, float, str) if is_text_allowed else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise ValueError(f"{key} is no number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise ValueError(f"{key} is no number") from None
