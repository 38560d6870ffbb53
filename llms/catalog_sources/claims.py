"""Which of several sources is believed on one figure of one model?"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from llms.catalog import Figure
from llms.catalog_sources.rows import PartialRow, Reading, Source

PRICES = ("input_price", "output_price")

MEASURED = (
    Source.OWN,
    Source.ARTIFICIAL_ANALYSIS,
    Source.EMBEDDED,
    Source.OPENROUTER,
    Source.LITELLM,
    Source.RESTATED,
)
"""Precedence for what a model is and how it scored: first who measures."""

SERVED = (
    Source.OWN,
    Source.OPENROUTER,
    Source.LITELLM,
    Source.ARTIFICIAL_ANALYSIS,
    Source.EMBEDDED,
)
"""Precedence for what a request costs and may ask for: first who serves, or lists who does."""

_SERVED = frozenset(
    {
        *PRICES,
        "cached_input_price",
        "batch_discount",
        "context_window",
        "max_output",
        "structured_output",
        "tool_call",
        "logprobs",
        "image_input",
    }
)


def precedence(column: str) -> tuple[Source, ...]:
    """The sources of a column, the one to be believed first."""
    return SERVED if column in _SERVED else MEASURED


@dataclass(frozen=True, slots=True)
class Claim:
    """What a source says of one figure; `is_overtaken` if that source has been read anew since."""

    value: Figure
    source: Source
    as_of: date
    is_overtaken: bool = False

    @property
    def publication(self) -> tuple[Source, bool]:
        """Where it stood: what a source said before and what it says now are two lists."""
        return self.source, self.is_overtaken


class Row:
    """What all sources say of one model.

    Attributes:
        slug: Its key.
        claims: By column, in the order they were added.
        withheld: By column, who publishes a figure that is not taken, of which day, and why.
    """

    def __init__(self, slug: str) -> None:
        """A row of which nothing is known yet."""
        self.slug = slug
        self.claims: defaultdict[str, list[Claim]] = defaultdict(list)
        self.withheld: dict[str, tuple[Source, date, str]] = {}

    def add(self, reading: Reading, row: PartialRow) -> None:
        """Add what was read of the model."""
        for column, value in row.figures.items():
            self.claims[column].append(Claim(value, reading.source, reading.as_of))
        for column, note in row.withheld.items():
            self.withheld.setdefault(column, (reading.source, reading.as_of, note))

    @property
    def api_id(self) -> Claim:
        """By which name the model is called; no row is made without one."""
        return _first("api_id", self.claims["api_id"])

    @property
    def is_own(self) -> bool:
        """Whether nobody but a file of one's own says that there is such a model."""
        measured = {Source.ARTIFICIAL_ANALYSIS, Source.EMBEDDED}
        return not any(
            claim.source in measured
            for column in ("name", "creator", "api_id")
            for claim in self.claims[column]
        )

    def best(self, column: str) -> Claim | None:
        """The claim that is believed; null if nobody says anything."""
        claims = self._eligible(column)
        return _first(column, claims) if claims else None

    def _eligible(self, column: str) -> list[Claim]:
        """The claims to choose from: prices of one model come from one source, if one has them."""
        claims = self.claims.get(column, [])
        if column in PRICES:
            both = set.intersection(
                *({c.publication for c in self.claims[price]} for price in PRICES)
            )
            return [
                c for c in claims if not both or c.source is Source.OWN or c.publication in both
            ]
        if column == "cached_input_price" and (whole := self.best("input_price")) is not None:
            # Dearer than fresh input by another source's list: the two lists do not fit together.
            trusted = {whole.source, Source.OWN}
            return [c for c in claims if c.source in trusted or _less(c.value, whole.value)]
        return claims

    def published(self, column: str) -> dict[Source, float]:
        """What was read now of a figure, by source, one's own left out."""
        return {
            claim.source: claim.value
            for claim in reversed(self.claims.get(column, []))
            if isinstance(claim.value, float)
            and claim.source not in {Source.OWN, Source.EMBEDDED}
            and not claim.is_overtaken
        }


def _first(column: str, claims: Sequence[Claim]) -> Claim:
    """The claim that is believed; among equals the first."""
    order = precedence(column)
    return min(claims, key=lambda claim: (claim.is_overtaken, order.index(claim.source)))


def _less(part: Figure, whole: Figure) -> bool:
    """Whether a price is at most another one."""
    return isinstance(part, float) and isinstance(whole, float) and part <= whole
