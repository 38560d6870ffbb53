"""How much text is in documents of which only the size and the kind of file are known?"""

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class DocumentSize:
    """What a walk knows of a document that a run would ask about.

    Attributes:
        bytes: Size of the file, message or archive member.
        hint: Its name or its media type.
        text_chars: Characters of its text, for those documents that somebody did parse: a few per
            kind of file make the forecast much sharper.
    """

    bytes: int
    hint: str
    text_chars: int | None = None


@dataclass(frozen=True, slots=True)
class TextRatio:
    """Characters of text per byte of file: the middle, and the standard error of its logarithm."""

    middle: float
    log_error: float

    @classmethod
    def between(cls, low: float, middle: float, high: float) -> "TextRatio":
        """A guess: with 90 % probability between `low` and `high`."""
        return cls(middle, math.log(high / low) / (2 * _NORMAL_95))

    def draw(self, rng: random.Random) -> float:
        """A ratio that the documents may turn out to have."""
        return self.middle * math.exp(rng.gauss(0, 1) * self.log_error)


_NORMAL_95 = 1.645

_USUAL_SCATTER = 0.6
"""Scatter of single documents around the ratio of their kind, in shares of the usual text of one;
a sample's own scatter takes its place, document by document."""

_SCATTER_WORTH = 3


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    suffixes: frozenset[str]
    media: tuple[str, ...]
    usual: TextRatio


def _kind(name: str, suffixes: str, media: tuple[str, ...], usual: TextRatio) -> _Kind:
    return _Kind(name, frozenset(suffixes.split()), media, usual)


# Web pages, messages and PDFs after 155, 147 and 155 real ones (about the 10th percentile, the
# whole, the 90th); PDFs run from 0.01 (invoices with embedded fonts) to 0.3 (plain contracts).
# Office files and images are assumed, not measured: how much of them is pictures decides.
_KINDS = (
    _kind("web pages", "html htm xhtml mhtml", ("text/html",), TextRatio.between(0.06, 0.14, 0.25)),
    _kind("messages", "eml msg mbox", ("message/",), TextRatio.between(0.15, 0.3, 0.6)),
    _kind("PDF", "pdf", ("application/pdf",), TextRatio.between(0.01, 0.1, 0.3)),
    _kind(
        "Office documents",
        "docx doc odt rtf pptx ppt odp epub",
        (
            "application/msword",
            "application/rtf",
            "application/vnd.openxmlformats-officedocument.w",
        ),
        TextRatio.between(0.01, 0.1, 0.4),
    ),
    _kind(
        "workbooks",
        "xlsx xls ods xlsm",
        ("application/vnd.ms-excel", "application/vnd.openxmlformats-officedocument.s"),
        TextRatio.between(0.02, 0.3, 1.5),
    ),
    _kind(
        "images",
        "png jpg jpeg tif tiff bmp gif webp",
        ("image/",),
        TextRatio.between(0.0005, 0.003, 0.02),
    ),
)

_TEXT = _kind("text", "", (), TextRatio.between(0.9, 1.0, 1.1))
"""Everything else is taken for text."""


def kind_of(hint: str) -> str:
    """The kind of file that a name or a media type stands for."""
    return _kind_of(hint).name


def _kind_of(hint: str) -> _Kind:
    suffix = PurePosixPath(hint).suffix.lstrip(".").casefold()
    for kind in _KINDS:
        if suffix in kind.suffixes or (kind.media and hint.startswith(kind.media)):
            return kind
    return _TEXT


@dataclass(slots=True)
class _Sample:
    """The parsed documents of a kind, and how many of that kind there are in all."""

    sizes: list[int]
    chars: list[int]
    of: int = 0

    def ratio(self, usual: TextRatio) -> TextRatio:
        """The ratio estimator of a sample: all its text over all its bytes.

        The standard error is that of the text of the unparsed documents: of the ratio, and of
        the average over so many of them. The scatter of single documents is shrunk towards the
        usual one.
        """
        size, chars, count = sum(self.sizes), sum(self.chars), len(self.sizes)
        unparsed = max(1, self.of - count)
        if not size or not chars:
            scatter = _USUAL_SCATTER**2 / unparsed
            return TextRatio(usual.middle, math.sqrt(usual.log_error**2 + scatter))
        ratio = chars / size
        mean = chars / count
        pairs = zip(self.chars, self.sizes, strict=True)
        squares = sum(((y - ratio * x) / mean) ** 2 for y, x in pairs)
        variance = (_SCATTER_WORTH * _USUAL_SCATTER**2 + squares) / (_SCATTER_WORTH + count - 1)
        return TextRatio(ratio, math.sqrt(variance * (1 / count + 1 / unparsed)))


def text_ratios(documents: Iterable[DocumentSize]) -> Mapping[str, TextRatio]:
    """Characters of text per byte of file, per kind: from the parsed ones, else the usual figures.

    The error is that of all unparsed documents of a kind together.

    Args:
        documents: All documents, of which some or none have `text_chars`; those that have are
            taken for a random sample of their kind.
    """
    samples: dict[str, _Sample] = {}
    for document in documents:
        if not document.bytes:
            continue
        sample = samples.setdefault(kind_of(document.hint), _Sample([], []))
        sample.of += 1
        if document.text_chars is not None:
            sample.sizes.append(document.bytes)
            sample.chars.append(document.text_chars)
    found = {kind.name: kind.usual for kind in (*_KINDS, _TEXT)}
    for name, sample in samples.items():
        found[name] = sample.ratio(found[name])
    return found
