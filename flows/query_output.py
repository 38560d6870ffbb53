"""How do rows reach a person or a program: table, JSON, CSV, Markdown; errors as sentences?"""

import csv
import io
import json
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import StrEnum
from typing import Any

import typer

from flows.console import fail, print_json
from flows.json_output import json_text, json_value
from llms.failures import LlmError

_MOST_DECIMALS = 4

Row = Sequence[Any]


class Form(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    JSON = "json"
    OBJECT = "object"
    CSV = "csv"
    MARKDOWN = "markdown"


def form_of(*, as_json: bool = False, as_csv: bool = False, as_markdown: bool = False) -> Form:
    """The form that the flags ask for; a usage error when they ask for two."""
    asked = [
        form
        for form, is_asked in (
            (Form.JSON, as_json),
            (Form.CSV, as_csv),
            (Form.MARKDOWN, as_markdown),
        )
        if is_asked
    ]
    if len(asked) > 1:
        raise typer.BadParameter(f"choose one of {' and '.join(f'--{form}' for form in asked)}")
    return asked[0] if asked else Form.TABLE


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Print an error of `llms` as one line on stderr and exit as after any wrong usage."""
    try:
        yield
    except LlmError as error:
        fail(error)


def print_rows(columns: Sequence[str], rows: Sequence[Row], form: Form) -> None:
    """Print rows on stdout; a table is drawn on a terminal and plain aligned text elsewhere."""
    match form:
        case Form.JSON:
            typer.echo(json_text(_objects(columns, rows), indent=2))
        case Form.OBJECT:
            print_json({"rows": _objects(columns, rows)})
        case Form.CSV:
            typer.echo(_csv_text(columns, rows), nl=False)
        case Form.MARKDOWN:
            typer.echo(_markdown_text(columns, rows))
        case Form.TABLE if sys.stdout.isatty():
            _print_drawn(columns, rows)
        case Form.TABLE:
            typer.echo(plain_text(columns, rows))


def _objects(columns: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


def plain_text(columns: Sequence[str], rows: Sequence[Row]) -> str:
    """Aligned columns under their names, numbers to the right; `-` is null."""
    cells, is_number = _formatted(columns, rows, null="-")
    lines = [list(columns), *cells]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, is_number, strict=True)
        ).rstrip()
        for line in lines
    )


def _print_drawn(columns: Sequence[str], rows: Sequence[Row]) -> None:
    # Imported here: a program that reads the output has no use for it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells, is_number = _formatted(columns, rows, null="-")
    table = Table()
    for column, right in zip(columns, is_number, strict=True):
        table.add_column(Text(column), justify="right" if right else "left", overflow="fold")
    for row in cells:
        # As Text, since square brackets in a cell would be taken for markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _csv_text(columns: Sequence[str], rows: Sequence[Row]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _markdown_text(columns: Sequence[str], rows: Sequence[Row]) -> str:
    cells, is_number = _formatted(columns, rows, null="")
    rules = ["---:" if right else "---" for right in is_number]
    lines = [[_escaped(name) for name in columns], rules]
    lines += [[_escaped(cell) for cell in row] for row in cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|")


def _formatted(
    columns: Sequence[str], rows: Sequence[Row], *, null: str
) -> tuple[list[list[str]], list[bool]]:
    """The cells as text, a column's numbers with equal decimals; and which columns are numbers."""
    decimals: list[int | None] = []
    for i in range(len(columns)):
        values = [row[i] for row in rows if row[i] is not None]
        is_number = bool(values) and all(_is_number(value) for value in values)
        decimals.append(max(_decimals(value) for value in values) if is_number else None)
    cells = [
        [
            null if value is None else _shown(value, places)
            for value, places in zip(row, decimals, strict=True)
        ]
        for row in rows
    ]
    return cells, [places is not None for places in decimals]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _decimals(value: Any) -> int:
    """Decimals that a number needs, four at most; more only for what four would turn into zero."""
    if not math.isfinite(value):
        return 0
    text = f"{value:.{_MOST_DECIMALS}f}".rstrip("0")
    needed = len(text.partition(".")[2])
    is_tiny = needed == 0 and 0 < abs(value) < 1
    return min(12, 2 - math.floor(math.log10(abs(value)))) if is_tiny else needed


def _shown(value: Any, places: int | None) -> str:
    if places is not None:
        return f"{value:,.{places}f}"
    return " ".join(_cell(value).split())


def _cell(value: Any) -> str:
    plain = json_value(value)
    if plain is None:
        return ""
    if isinstance(plain, str):
        return plain
    return json.dumps(plain, ensure_ascii=False)
