"""How blocks become an HTML page."""

from html import escape

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

_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:46em;margin:2em auto;color:#222}"
    "td,th{padding:.2em .8em .2em 0;text-align:left;vertical-align:top}"
    "td.n,th.n{text-align:right}dt{color:#666;font-size:.85em}dd{margin:0 0 .6em}"
    ".center{text-align:center}.right{text-align:right}"
)


def as_html(page: Page) -> bytes:
    """The document as a complete HTML page in UTF-8."""
    body = "\n".join(_html(block) for block in page.blocks)
    return (
        f'<!DOCTYPE html>\n<html lang="{page.language}">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(page.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    ).encode()


def _html(block: Block) -> str:
    match block:
        case Heading(text=text, level=level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text=text):
            return f"<p>{escape(text)}</p>"
        case Lines(lines=lines, align=align):
            return f'<p class="{align}">' + "<br>\n".join(map(escape, lines)) + "</p>"
        case Pairs(rows=rows, layout="above"):
            items = (f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows)
            return "<dl>\n" + "\n".join(items) + "\n</dl>"
        case Pairs(rows=rows, layout="left" | "dots"):
            items = (f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
            return "<table>\n" + "\n".join(items) + "\n</table>"
        case Columns(left=left, right=right):
            cells = ("<br>".join(map(escape, side)) for side in (left, right))
            return "<table><tr><td>" + "</td><td>".join(cells) + "</td></tr></table>"
        case Table(numeric=numeric):
            return _table(cell_rows(block), numeric)
        case Pairs():
            return _table(cell_rows(block), frozenset())
        case PageBreak():
            return '<div style="page-break-after:always"></div>'
        case _:
            return "<hr>"


def _table(rows: list[tuple[str, ...]], numeric: frozenset[int]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if i in numeric else ''}>{escape(cell)}</{tag}>"
            for i, cell in enumerate(cells)
        )

    body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows[1:])
    return f"<table>\n<tr>{line(rows[0], 'th')}</tr>\n{body}\n</table>"
