"""How is an answer drawn? As bars or a line in SVG, where it has one label and one number to draw.

The Vega-Lite specification is a plain dictionary: importing altair to write the same one takes
longer than drawing every chart of a report. Colours are those of the page in daylight; its style
sheet replaces them by name in the dark.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

MARK = "#2f6690"
REST = "#a9b4bf"
LABEL = "#39424c"
FAINT = "#727d88"
RULE = "#d5dae0"

HEADINGS = {
    "filled_share": "filled, share",
    "usd": "cost",
    "class": "reason",
    "sha256": "SHA-256",
    "uri": "document",
}
"""Names of columns that say it better than their own."""

MAX_MARKS = 12
_MAX_POINTS = 60
_WIDTH = 400
_ROW_HEIGHT = 24
_HEIGHT = 180
_LABEL_LENGTH = 26

_NO_LABEL = "(none)"
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_CURRENCY = re.compile(r"currency|währung|waehrung|devise", re.IGNORECASE)
_NOT_ADDABLE = re.compile(
    r"avg|average|mean|median|min|max|least|greatest|share|rate|ratio|percent|confidence",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One bar or point: its label, its value, the value as printed, and whether it sums others."""

    label: str
    value: float
    text: str
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What to draw: marks in order, what the numbers are, and how."""

    shape: Literal["bars", "columns", "line"]
    marks: tuple[Mark, ...]
    measure: str


def chart_of(table: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> Chart | None:
    """The chart of a table of the report, or None where a drawing would say nothing.

    A table qualifies with at least two rows, exactly one column of text or dates and a number.
    Amounts of several currencies are never drawn side by side: counts are drawn instead.
    """
    if table["chart"] == "none" or len(table["rows"]) < 2:
        return None
    columns = table["columns"]
    labels = [i for i, c in enumerate(columns) if c["kind"] in ("text", "date")]
    number = _measure(columns, labels)
    if len(labels) != 1 or number is None:
        return None
    cells = [(figures[row[labels[0]]], figures[row[number]]) for row in table["rows"]]
    marks = [
        Mark(
            _cut(label["text"]) if label["value"] else _NO_LABEL,
            float(value["value"]),
            value["text"],
        )
        for label, value in cells
        if value["value"] is not None and _is_finite(value["value"])
    ]
    says_nothing = len({mark.value for mark in marks}) < 2 and table["chart"] == "auto"
    if len(marks) < 2 or (says_nothing and len(marks) > 4):
        return None
    name = columns[number]["name"]
    measure = named(columns[number])
    labelled = [label["value"] for label, _ in cells if label["value"] is not None]
    if labelled and all(_DATE.fullmatch(value[:10]) for value in labelled):
        dated = sorted((m for m in marks if m.label != _NO_LABEL), key=lambda m: m.label)
        return _over_time(dated, measure, table["chart"]) if len(dated) > 1 else None
    if table["chart"] == "line":
        return Chart("line", tuple(marks[:_MAX_POINTS]), measure)
    is_whole = table["total_rows"] == len(table["rows"]) and not _NOT_ADDABLE.search(name)
    return Chart("bars", tuple(_capped(marks, is_whole)), measure)


def named(column: Mapping[str, Any]) -> str:
    """A column by its name in words, and its unit where the numbers and the name do not say it."""
    name = HEADINGS.get(column["name"], column["name"].replace("_", " "))
    unit = column["unit"]
    is_said = unit in ("", "USD", "%") or unit.casefold() in name.casefold()
    return name if is_said else f"{name}, {unit}"


def _measure(columns: Sequence[Mapping[str, Any]], labels: Sequence[int]) -> int | None:
    numbers = [i for i, c in enumerate(columns) if c["kind"] == "number"]
    if labels and _CURRENCY.search(columns[labels[0]]["name"]):
        numbers = [i for i in numbers if columns[i]["integer"]]
    amounts = [i for i in numbers if not columns[i]["integer"]]
    return next(iter(amounts or numbers), None)


def _over_time(marks: Sequence[Mark], measure: str, wanted: str) -> Chart:
    is_line = wanted == "line" or (wanted == "auto" and len(marks) > MAX_MARKS)
    most = _MAX_POINTS if is_line else MAX_MARKS
    return Chart("line" if is_line else "columns", tuple(marks[-most:]), measure)


def _capped(marks: list[Mark], is_whole: bool) -> list[Mark]:
    """The first marks; the rest as one more, where adding it up means something."""
    if len(marks) <= MAX_MARKS:
        return marks
    if not is_whole:
        return marks[:MAX_MARKS]
    rest = marks[MAX_MARKS - 1 :]
    total = sum((Decimal(repr(mark.value)) for mark in rest), Decimal(0))
    text = f"{total.normalize():,f}"
    return [*marks[: MAX_MARKS - 1], Mark(f"{len(rest)} others", float(total), text, is_rest=True)]


def draw(chart: Chart, name: str) -> str:
    """The chart as an SVG element; the same marks give the same bytes on the same machine.

    Args:
        chart: What to draw.
        name: Prefix of the element ids, so that several drawings can stand on one page.
    """
    svg = svg_of(vegalite(chart))
    # Vega numbers its clip paths through the life of the process.
    found = dict.fromkeys(re.findall(r'<clipPath id="(clip\d+)"', svg))
    for number, old in enumerate(found):
        new = f"{name}-c{number}"
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
    return svg


def start_engine() -> None:
    """Have the JavaScript engine started, which takes far longer than a drawing."""
    svg_of({"mark": "point", "data": {"values": []}})


def svg_of(spec: dict[str, Any]) -> str:
    """A Vega-Lite specification, drawn as SVG."""
    # Imported here: it starts a JavaScript engine, and what has no pictures needs none.
    import vl_convert

    svg: str = vl_convert.vegalite_to_svg(spec, show_warnings=False, allowed_base_urls=[])
    return svg


def vegalite(chart: Chart) -> dict[str, Any]:
    """The Vega-Lite specification of a chart."""
    values = [
        {"position": n, "label": m.label, "value": m.value, "text": m.text, "rest": m.is_rest}
        for n, m in enumerate(chart.marks)
    ]
    view = {"bars": _bars, "columns": _columns, "line": _line}[chart.shape](chart)
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": values},
        "width": _WIDTH,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": 2,
        "background": None,
        "config": _CONFIG,
        **view,
    }


_CONFIG = {
    "font": "Helvetica, Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": LABEL,
        "labelFontSize": 12,
        "domainColor": RULE,
        "tickColor": RULE,
        "gridColor": RULE,
        "title": None,
    },
}
_COLOUR = {"condition": {"test": "datum.rest", "value": REST}, "value": MARK}


def _ordered(axis: dict[str, Any]) -> dict[str, Any]:
    return {
        "field": "label",
        "type": "ordinal",
        "sort": {"field": "position"},
        "axis": {"ticks": False, **axis},
    }


def _scale(chart: Chart, room: float) -> dict[str, Any]:
    """A scale from zero with room for the number behind the longest bar."""
    least = min(0.0, *(mark.value for mark in chart.marks))
    most = max(0.0, *(mark.value for mark in chart.marks))
    span = (most - least) or 1.0
    return {"domain": [least - (room * span if least < 0 else 0), most + room * span]}


def _quantity(chart: Chart, room: float, axis: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "field": "value",
        "type": "quantitative",
        "scale": {**_scale(chart, room), "nice": False},
        "axis": axis,
    }


def _bars(chart: Chart) -> dict[str, Any]:
    longest = max(len(mark.text) for mark in chart.marks)
    y = _ordered({"domain": False, "labelLimit": 170, "labelPadding": 6})
    x = _quantity(chart, 0.08 + 0.035 * longest, None)
    text = {"type": "text", "align": "left", "dx": 5, "fontSize": 12, "color": FAINT}
    return {
        "height": _ROW_HEIGHT * len(chart.marks),
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "height": {"band": 0.62}},
                "encoding": {"x": x, "y": y, "color": _COLOUR},
            },
            {"mark": text, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
        ],
    }


def _columns(chart: Chart) -> dict[str, Any]:
    x = _ordered({"labelAngle": 0 if len(chart.marks) <= 6 else -45, "labelPadding": 5})
    y = _quantity(chart, 0.12, None)
    text = {"type": "text", "baseline": "bottom", "dy": -3, "fontSize": 11, "color": FAINT}
    return {
        "height": _HEIGHT,
        "layer": [
            {
                "mark": {"type": "bar", "cornerRadiusEnd": 2, "width": {"band": 0.66}},
                "encoding": {"x": x, "y": y, "color": _COLOUR},
            },
            {"mark": text, "encoding": {"x": x, "y": y, "text": {"field": "text"}}},
        ],
    }


def _line(chart: Chart) -> dict[str, Any]:
    every = -(-len(chart.marks) // 6)
    shown = [mark.label for mark in chart.marks[::every]]
    x = _ordered({"labelAngle": 0, "labelPadding": 5, "values": shown})
    y = _quantity(chart, 0.08, {"grid": True, "domain": False, "ticks": False, "tickCount": 4})
    return {
        "height": _HEIGHT,
        "mark": {"type": "line", "color": MARK, "strokeWidth": 2, "point": {"fill": MARK}},
        "encoding": {"x": x, "y": y},
    }


def _is_finite(value: str) -> bool:
    return Decimal(value).is_finite()


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL_LENGTH else label[: _LABEL_LENGTH - 1].rstrip() + "…"
