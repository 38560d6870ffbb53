"""What a document consists of before it has a format: blocks in reading order."""

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True)
class Heading:
    """A line that stands over what follows; level 1 is the title of the document."""

    text: str
    level: int = 1


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running prose, wrapped as the format sees fit."""

    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that stay as they are, for instance an address."""

    lines: tuple[str, ...]
    align: Literal["left", "center", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Labels with their values.

    `layout`: label and value on one line (`left`), joined by dots (`dots`), the value below its
    label (`above`), or all labels in one row with all values in the row below (`across`).
    """

    rows: tuple[tuple[str, str], ...]
    layout: Literal["left", "dots", "above", "across"] = "left"


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of equal length; the columns in `numeric` are aligned right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Columns:
    """Two groups of lines side by side, for instance the sender's and the receiver's address."""

    left: tuple[str, ...]
    right: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the page."""


@dataclass(frozen=True, slots=True)
class PageBreak:
    """What follows starts on a new page."""


Block = Heading | Paragraph | Lines | Pairs | Table | Columns | Rule | PageBreak


@dataclass(frozen=True, slots=True)
class Page:
    """A whole document: its blocks and what goes into a file's properties.

    `made_on` is the date the properties carry, so that the same page gives the same bytes.
    """

    title: str
    blocks: tuple[Block, ...]
    made_on: date
    language: str = "en"
