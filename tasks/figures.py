"""What is a figure: one cell of one answer, with an id that people can read and a printed form."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Literal

from tasks.record_sql import MAX_ROWS, Column, Kind, Result

NOTHING = "–"
"""Printed where a cell is null."""

_SLUG_LENGTH = 48
_TEXT_LENGTH = 160
_YEAR = re.compile(r"(?:^|_)(?:year|jahr|annee|année)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the records of a run.

    Attributes:
        id: Name of the question; the ids of its figures begin with it.
        title: What stands over its answer.
        sql: One SELECT.
        unit: Unit of its figures: an ISO currency code, a word, `%`, `USD` or nothing.
        units: Units of columns that differ from `unit`.
        chart: How it is drawn, or `auto`, or `none`.
        max_rows: Rows of the answer that are kept.
    """

    id: str
    title: str
    sql: str
    unit: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    chart: Literal["auto", "bar", "line", "none"] = "none"
    max_rows: int = MAX_ROWS

    def unit_of(self, column: Column, columns: Iterable[Column]) -> str:
        """The unit of a column: counts beside amounts have none, text never has one."""
        if column.name in self.units:
            return self.units[column.name]
        if column.kind != "number":
            return ""
        beside_amounts = any(c.kind == "number" and not c.is_integer for c in columns)
        return "" if column.is_integer and beside_amounts else self.unit


@dataclass(frozen=True, slots=True)
class Figure:
    """One cell; the attributes are the columns of `schemas.tables.METRICS`."""

    figure_id: str
    metric_id: str
    title: str
    sql: str
    row: int
    column: str
    kind: Kind
    value: str | None
    unit: str

    @property
    def text(self) -> str:
        """The value as it is printed, without a unit that is a word."""
        return printed(self.value, self.kind, self.unit, self.column)

    @property
    def entry(self) -> dict[str, Any]:
        """The figure as `report.json` holds it."""
        return {"value": self.value, "text": self.text, "kind": self.kind, "unit": self.unit}


def figures_of(question: Question, result: Result) -> list[Figure]:
    """The cells of an answer, row by row, each with its id.

    An id is `<question>.<labels of the row>.<column>`; the labels are as many of the row's leading
    texts and dates as tell the rows apart. A row that they do not tell apart is given its number.
    """
    keys = _row_keys(result)
    columns = _unique([_slug(c.name) for c in result.columns])
    return [
        Figure(
            figure_id=".".join(part for part in (question.id, key, name) if part),
            metric_id=question.id,
            title=question.title,
            sql=question.sql,
            row=number,
            column=column.name,
            kind=column.kind,
            value=value,
            unit=question.unit_of(column, result.columns),
        )
        for number, (key, row) in enumerate(zip(keys, result.rows, strict=True))
        for name, column, value in zip(columns, result.columns, row, strict=True)
    ]


def _row_keys(result: Result) -> list[str]:
    labels = [i for i, column in enumerate(result.columns) if column.kind in ("text", "date")]
    if len(result.rows) == 1 and not labels:
        return [""]
    for count in range(1, len(labels) + 1):
        keys = [tuple(row[i] for i in labels[:count]) for row in result.rows]
        if len(set(keys)) == len(keys) or count == len(labels):
            return _unique([".".join(_slug(part) for part in key) for key in keys])
    return [f"r{number}" for number in range(len(result.rows))]


def _unique(names: list[str]) -> list[str]:
    seen: set[str] = set()
    unique = []
    for number, name in enumerate(names):
        candidate = name if name not in seen else f"{name}_r{number}"
        while candidate in seen:
            candidate += "_"
        seen.add(candidate)
        unique.append(candidate)
    return unique


def _slug(text: str | None) -> str:
    if text is None:
        return "none"
    plain = unicodedata.normalize("NFKC", text)[: 4 * _SLUG_LENGTH]
    return re.sub(r"[^\w-]+", "_", plain)[:_SLUG_LENGTH].strip("_") or "empty"


def printed(value: str | None, kind: Kind, unit: str = "", column: str = "") -> str:
    """How a value is printed in tables and sentences.

    Numbers have thousands separators; up to three decimals stay as SQL gave them, of more at least
    two and at most four that say something, and of tiny numbers two digits. `USD` and `%` are part
    of the text, other units are not. Text is cut, and freed of what is invisible.
    """
    if value is None:
        return NOTHING
    if kind == "bool":
        return "yes" if value == "true" else "no"
    if kind != "number":
        return _short(visible(value))
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if not number.is_finite():
        return value
    if unit == "USD":
        return _dollars(number)
    if number == number.to_integral_value() and _YEAR.search(column):
        return format(number.to_integral_value(), "f")
    return _grouped(number, value) + (" %" if unit == "%" else "")


def _grouped(number: Decimal, value: str) -> str:
    given = len(value.partition(".")[2]) if "e" not in value.lower() else 4
    needed = max(0, -int(number.normalize().as_tuple().exponent))
    digits = given if given <= 3 else min(4, max(2, needed))
    if number and abs(number) < Decimal("0.001"):
        digits = max(digits, 1 - number.adjusted())
    return format(number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN), ",f")


def _dollars(number: Decimal) -> str:
    """Cents from a dollar up, else two significant digits: most calls cost far less than a cent."""
    if number == 0:
        return "$0"
    size = abs(number)
    digits = 2 if size >= Decimal("0.1") else 1 - size.adjusted()
    sign = "-" if number < 0 else ""
    return f"{sign}${size.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN):,f}"


def visible(text: str) -> str:
    """One line without control and direction-changing characters."""
    kept = "".join(
        " " if c.isspace() else c
        for c in text
        if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )
    return " ".join(kept.split())


def _short(line: str) -> str:
    return line if len(line) <= _TEXT_LENGTH else line[: _TEXT_LENGTH - 1].rstrip() + "…"
