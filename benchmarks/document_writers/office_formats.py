"""How blocks become DOCX and XLSX files, the same bytes on every run."""

import io
import re
import zipfile
from datetime import date, datetime, time

import docx
import openpyxl
from docx.enum.text import WD_ALIGN_PARAGRAPH
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from document_writers.blocks import (
    Block,
    Heading,
    Lines,
    Page,
    PageBreak,
    Pairs,
    Paragraph,
    Rule,
    Table,
)
from document_writers.text_formats import cell_rows

_ALIGN = {
    "left": WD_ALIGN_PARAGRAPH.LEFT,
    "center": WD_ALIGN_PARAGRAPH.CENTER,
    "right": WD_ALIGN_PARAGRAPH.RIGHT,
}
_AMOUNT = re.compile(r"-?\d{1,9}\.\d\d")
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_STAMPS = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*(</dcterms)")


def as_docx(page: Page) -> bytes:
    """The document as a Word file."""
    made_at = datetime.combine(page.made_on, time(9))
    document = docx.Document()
    document.core_properties.title = page.title
    document.core_properties.author = ""
    document.core_properties.comments = ""
    document.core_properties.created = made_at
    document.core_properties.modified = made_at
    for block in page.blocks:
        _add_to_document(document, block)
    out = io.BytesIO()
    document.save(out)
    return _settled(out.getvalue(), page.made_on)


def as_xlsx(page: Page) -> bytes:
    """The document as a workbook of one sheet; plain amounts and ISO dates are typed cells."""
    workbook = openpyxl.Workbook()
    workbook.properties.title = page.title
    workbook.properties.creator = ""
    sheet = workbook.active
    sheet.title = re.sub(r"[\[\]:*?/\\]", " ", page.title)[:31]
    widths: dict[int, int] = {}
    row_number = 0
    for block in page.blocks:
        for cells in cell_rows(block):
            row_number += 1
            for column, text in enumerate(cells, start=1):
                cell = sheet.cell(row_number, column)
                _fill(cell, text, strong=isinstance(block, Heading))
                if len(cells) > 1:
                    widths[column] = min(48, max(widths.get(column, 10), len(text) + 2))
        row_number += 1
    for column, width in widths.items():
        sheet.column_dimensions[get_column_letter(column)].width = width
    out = io.BytesIO()
    workbook.save(out)
    return _settled(out.getvalue(), page.made_on)


def _fill(cell: "openpyxl.cell.Cell", text: str, *, strong: bool) -> None:
    if _AMOUNT.fullmatch(text):
        cell.value = float(text)
        cell.number_format = "0.00"
        cell.alignment = Alignment(horizontal="right")
    elif _ISO_DATE.fullmatch(text):
        cell.value = date.fromisoformat(text)
        cell.number_format = "yyyy-mm-dd"
    else:
        cell.value = text
    if strong:
        cell.font = Font(bold=True, size=14)


def _add_to_document(document: "docx.document.Document", block: Block) -> None:
    match block:
        case Heading(text=text, level=level):
            document.add_heading(text, level)
        case Paragraph(text=text):
            document.add_paragraph(text)
        case Lines(lines=lines, align=align):
            document.add_paragraph("\n".join(lines)).alignment = _ALIGN[align]
        case Pairs(rows=rows, layout="left" | "dots"):
            for label, value in rows:
                paragraph = document.add_paragraph()
                paragraph.add_run(f"{label}: ").bold = True
                paragraph.add_run(value)
        case Pairs(rows=rows, layout="above"):
            for label, value in rows:
                paragraph = document.add_paragraph()
                paragraph.add_run(f"{label}\n").italic = True
                paragraph.add_run(value)
        case PageBreak():
            document.add_page_break()
        case Rule():
            document.add_paragraph("_" * 60)
        case _:
            _add_table(document, cell_rows(block), block)


def _add_table(
    document: "docx.document.Document", rows: list[tuple[str, ...]], block: Block
) -> None:
    table = document.add_table(rows=len(rows), cols=len(rows[0]))
    if isinstance(block, Table):
        table.style = "Table Grid"
    cells = table._cells  # one pass; `table.cell` walks the whole table for every cell
    for y, row in enumerate(rows):
        for x, text in enumerate(row):
            paragraph = cells[y * len(row) + x].paragraphs[0]
            paragraph.add_run(text)
            if isinstance(block, Table) and x in block.numeric:
                paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _settled(archive: bytes, made_on: date) -> bytes:
    """The same package with every clock reading replaced by `made_on`."""
    stamp = b"%sT09:00:00Z" % made_on.isoformat().encode()
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "docProps/core.xml":
                data = _STAMPS.sub(rb"\g<1>" + stamp + rb"\g<3>", data)
            info = zipfile.ZipInfo(name, (made_on.year, made_on.month, made_on.day, 9, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(info, data)
    return out.getvalue()
