"""How blocks become plain text, Markdown, CSV, JSON and RTF."""

import csv
import io
import json
import textwrap
from collections.abc import Iterator

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

WIDTH = 78
"""Characters per line of a plain text document."""


def as_text(page: Page) -> bytes:
    """The document as plain text in UTF-8, wrapped at `WIDTH`."""
    parts = ["\n".join(_text_lines(block)) for block in page.blocks]
    return ("\n\n".join(parts) + "\n").encode()


def as_markdown(page: Page) -> bytes:
    """The document as Markdown with pipe tables."""
    parts = ["\n".join(_markdown_lines(block)) for block in page.blocks]
    return ("\n\n".join(parts) + "\n").encode()


def as_csv(page: Page) -> bytes:
    """The document as rows of cells, separated by semicolons outside English."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="," if page.language == "en" else ";", lineterminator="\n")
    for block in page.blocks:
        writer.writerows(cell_rows(block))
    return out.getvalue().encode()


def as_json(page: Page) -> bytes:
    """The document as one object: pairs by label, tables as lists of objects, prose as `text`."""
    record: dict[str, object] = {}
    text: list[str] = []
    for block in page.blocks:
        match block:
            case Heading(text=heading) if "document" not in record:
                record["document"] = heading
            case Pairs(rows=rows):
                record.update(rows)
            case Table(header=header, rows=rows):
                record["lines"] = [dict(zip(header, row, strict=True)) for row in rows]
            case Columns(left=left, right=right):
                record["from"], record["to"] = list(left), list(right)
            case _:
                text += [" ".join(row) for row in cell_rows(block)]
    if text:
        record["text"] = text
    return (json.dumps(record, ensure_ascii=False, indent=2) + "\n").encode()


def as_rtf(page: Page) -> bytes:
    """The document as RTF; characters outside ASCII are escaped as UTF-16 code units."""
    body: list[str] = []
    for block in page.blocks:
        match block:
            case Heading(text=text):
                body.append(r"{\b\fs30 " + _rtf_escaped(text) + r"\par}")
            case PageBreak():
                body.append(r"\page")
            case Table(header=header):
                body.append(r"{\b " + r"\tab ".join(map(_rtf_escaped, header)) + r"\par}")
                body += [_rtf_row(row) for row in block.rows]
            case _:
                body += [_rtf_row(row) for row in cell_rows(block)]
        body.append(r"\par")
    head = r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}{\info{\title "
    stamp = f"\\yr{page.made_on.year}\\mo{page.made_on.month}\\dy{page.made_on.day}"
    info = f"{_rtf_escaped(page.title)}}}{{\\creatim{stamp}}}}}\\f0\\fs20"
    return ("\n".join([head + info, *body, "}"]) + "\n").encode("ascii")


def cell_rows(block: Block) -> list[tuple[str, ...]]:
    """A block as rows of a sheet: one cell per label, value, column or line."""
    match block:
        case Heading(text=text) | Paragraph(text=text):
            return [(text,)]
        case Lines(lines=lines):
            return [(line,) for line in lines]
        case Pairs(rows=rows, layout="across"):
            return [tuple(label for label, _ in rows), tuple(value for _, value in rows)]
        case Pairs(rows=rows, layout="above"):
            return [(cell,) for row in rows for cell in row]
        case Pairs(rows=rows):
            return list(rows)
        case Table(header=header, rows=rows):
            return [header, *rows]
        case Columns():
            return list(side_by_side(block))
        case _:
            return []


def side_by_side(block: Columns) -> Iterator[tuple[str, str]]:
    """The lines of both groups in pairs, the shorter one filled up with empty lines."""
    for i in range(max(len(block.left), len(block.right))):
        yield (
            block.left[i] if i < len(block.left) else "",
            block.right[i] if i < len(block.right) else "",
        )


def _text_lines(block: Block) -> list[str]:
    match block:
        case Heading(text=text, level=1):
            return [text, "=" * len(text)]
        case Heading(text=text):
            return [text, "-" * len(text)]
        case Paragraph(text=text):
            return textwrap.wrap(text, WIDTH)
        case Lines(lines=lines, align=align):
            place = {"left": str.ljust, "center": str.center, "right": str.rjust}[align]
            return [place(line, WIDTH).rstrip() for line in lines]
        case Pairs(rows=rows, layout="left"):
            width = max(len(label) for label, _ in rows) + 2
            return [f"{label + ':':<{width}}{value}".rstrip() for label, value in rows]
        case Pairs(rows=rows, layout="dots"):
            return [f"{label} {'.' * max(3, 40 - len(label))} {value}" for label, value in rows]
        case Pairs(layout="across"):
            labels, values = cell_rows(block)
            return _grid([labels, values], frozenset())
        case Pairs(layout="above"):
            return [line for label, value in block.rows for line in (label, f"  {value}")]
        case Table(header=header, rows=rows, numeric=numeric):
            lines = _grid([header, *rows], numeric)
            return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
        case Columns(left=left):
            width = max(map(len, left)) + 6
            return [f"{a:<{width}}{b}".rstrip() for a, b in side_by_side(block)]
        case PageBreak():
            return ["\f"]
        case _:
            return ["-" * WIDTH]


def _grid(rows: list[tuple[str, ...]], numeric: frozenset[int]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i in numeric else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _markdown_lines(block: Block) -> list[str]:
    match block:
        case Heading(text=text, level=level):
            return [f"{'#' * level} {text}"]
        case Paragraph(text=text):
            return [text]
        case Lines(lines=lines):
            return [f"{line}  " for line in lines[:-1]] + [lines[-1]]
        case Pairs(rows=rows, layout="left" | "dots"):
            return [f"- **{label}:** {value}" for label, value in rows]
        case Pairs(rows=rows, layout="above"):
            return [line for label, value in rows for line in (f"**{label}**  ", value, "")]
        case Pairs(layout="across") | Table() | Columns():
            rows_of_cells = cell_rows(block)
            numeric = block.numeric if isinstance(block, Table) else frozenset()
            marks = ["---:" if i in numeric else "---" for i in range(len(rows_of_cells[0]))]
            return [_piped(rows_of_cells[0]), _piped(tuple(marks)), *map(_piped, rows_of_cells[1:])]
        case _:
            return ["---"]


def _piped(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _rtf_row(cells: tuple[str, ...]) -> str:
    return r"\tab ".join(map(_rtf_escaped, cells)) + r"\par"


def _rtf_escaped(text: str) -> str:
    out: list[str] = []
    for char in text:
        if char in "\\{}":
            out.append("\\" + char)
        elif ord(char) < 128:
            out.append(char)
        else:
            units = char.encode("utf-16-le")
            for i in range(0, len(units), 2):
                code = int.from_bytes(units[i : i + 2], "little", signed=True)
                out.append(f"\\u{code}?")
    return "".join(out)
