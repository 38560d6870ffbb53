"""How blocks become a PDF: base fonts in WinAnsi, the same bytes on every run."""

import io
from html import escape
from typing import Any

from reportlab.lib import colors
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import HRFlowable, SimpleDocTemplate, Spacer
from reportlab.platypus import PageBreak as NewPage
from reportlab.platypus import Paragraph as Prose
from reportlab.platypus import Table as Grid

from document_writers.blocks import (
    Block,
    Columns,
    Heading,
    Lines,
    Page,
    PageBreak,
    Pairs,
    Paragraph,
    Table,
)
from document_writers.text_formats import cell_rows

_BODY = ParagraphStyle("body", fontName="Helvetica", fontSize=9.5, leading=13)
_STRONG = ParagraphStyle("strong", parent=_BODY, fontName="Helvetica-Bold")
_FAINT = ParagraphStyle("faint", parent=_BODY, fontSize=7.5, leading=10, textColor=colors.grey)
_HEADINGS = {
    1: ParagraphStyle("h1", parent=_STRONG, fontSize=16, leading=22),
    2: ParagraphStyle("h2", parent=_STRONG, fontSize=11, leading=16),
}
_ALIGN = {
    "left": _BODY,
    "center": ParagraphStyle("center", parent=_BODY, alignment=TA_CENTER),
    "right": ParagraphStyle("right", parent=_BODY, alignment=TA_RIGHT),
}
_PLAIN = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)]
_LINED = [*_PLAIN, ("LINEBELOW", (0, 0), (-1, 0), 0.8, colors.black)]
_PAGE_WIDTH = A4[0] - 2 * 60


def as_pdf(page: Page, *, password: str | None = None) -> bytes:
    """The document as an A4 PDF with a text layer; encrypted where `password` is given."""
    out = io.BytesIO()
    template = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=60,
        rightMargin=60,
        topMargin=56,
        bottomMargin=56,
        title=page.title,
        author="",
        lang=page.language,
        # No clock and no random id: the same page gives the same bytes.
        invariant=1,
        encrypt=StandardEncryption(password, strength=128) if password else None,
    )
    flow: list[Any] = []
    for block in page.blocks:
        flow += _flowables(block)
        flow.append(Spacer(1, 8))
    template.build(flow)
    return out.getvalue()


def _flowables(block: Block) -> list[Any]:
    match block:
        case Heading(text=text, level=level):
            return [Prose(escape(text), _HEADINGS[min(level, 2)])]
        case Paragraph(text=text):
            return [Prose(escape(text), _BODY)]
        case Lines(lines=lines, align=align):
            return [Prose(escape(line), _ALIGN[align]) for line in lines]
        case Pairs(rows=rows, layout="above"):
            return [
                Prose(escape(cell), style)
                for row in rows
                for cell, style in zip(row, (_FAINT, _BODY), strict=True)
            ]
        case Pairs(rows=rows, layout="left" | "dots"):
            cells = [[Prose(escape(a), _STRONG), Prose(escape(b), _BODY)] for a, b in rows]
            return [Grid(cells, colWidths=[150, _PAGE_WIDTH - 150], style=_PLAIN, hAlign="LEFT")]
        case Columns():
            half = _PAGE_WIDTH / 2
            cells = [[Prose(escape(cell), _BODY) for cell in row] for row in cell_rows(block)]
            return [Grid(cells, colWidths=[half, half], style=[*_PLAIN, *_TIGHT], hAlign="LEFT")]
        case Table(numeric=numeric):
            return [_grid(cell_rows(block), numeric)]
        case Pairs():
            return [_grid(cell_rows(block), frozenset())]
        case PageBreak():
            return [NewPage()]
        case _:
            return [HRFlowable(width="100%", thickness=0.6, color=colors.grey)]


_TIGHT = [("TOPPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)]


def _grid(rows: list[tuple[str, ...]], numeric: frozenset[int]) -> Grid:
    longest = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    total = sum(longest) + 4 * len(longest)
    widths = [_PAGE_WIDTH * (length + 4) / total for length in longest]
    cells = [
        [
            Prose(
                escape(cell),
                ParagraphStyle(
                    "cell",
                    parent=_STRONG if y == 0 else _BODY,
                    alignment=TA_RIGHT if x in numeric else TA_LEFT,
                ),
            )
            for x, cell in enumerate(row)
        ]
        for y, row in enumerate(rows)
    ]
    return Grid(cells, colWidths=widths, style=_LINED, hAlign="LEFT", repeatRows=1)
