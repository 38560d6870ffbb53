"""How is a run told to people? One HTML page, the same in Markdown, and all of it in JSON."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from schemas.manifest import Manifest
from storage.store import Lake
from tasks.charts import chart_of, draw, named
from tasks.figures import NOTHING
from tasks.insights import PLACEHOLDER
from tasks.metrics import words
from tasks.report_context import build_content, read_computed

HTML, MARKDOWN, JSON = "report.html", "report.md", "report.json"

_TEMPLATES = Path(__file__).parent / "templates"
_SIGNS = frozenset({"USD", "%"})
"""Units that are part of a printed number."""

_MARKDOWN_MARKS = re.compile(r"([\\`*_{}\[\]<>|#~])")

Figures = Mapping[str, Mapping[str, Any]]


def write_report(manifest: Manifest, lake: Lake) -> dict[str, str]:
    """Write report.html, report.md and report.json of an analysed run.

    Returns:
        The SHA-256 (hex) of each file by its name.

    Raises:
        LakeError: The run was not analysed, or a table of it is gone.
    """
    computed, notes = read_computed(manifest, lake)
    content = build_content(manifest, lake, computed, notes)
    files = {
        HTML: render_html(content),
        MARKDOWN: render_markdown(content),
        JSON: render_json(content),
    }
    for name, text in files.items():
        lake.write_bytes(lake.run(manifest.run_id, name), text.encode())
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


def render_json(content: Mapping[str, Any]) -> str:
    """The content as JSON with sorted keys."""
    return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def render_html(content: Mapping[str, Any], *, with_charts: bool = True) -> str:
    """The content as one page that needs no network; comparisons can leave the drawings out."""
    charts = {}
    for table in content["metrics"]:
        chart = chart_of(table, content["figures"])
        if chart is not None:
            # Vega escapes the text it draws.
            svg = Markup(draw(chart, table["id"]) if with_charts else "")  # noqa: S704
            charts[table["id"]] = {"svg": svg, "measure": chart.measure, "shape": chart.shape}
    template = _environment().get_template("report.html.j2")
    return template.render(content, charts=charts, **_tools(content, _html_figure, escape))


def render_markdown(content: Mapping[str, Any]) -> str:
    """The content in Markdown, with every table the page has."""
    template = _environment().get_template("report.md.j2")
    page = template.render(content, **_tools(content, _markdown_figure, markdown_text))
    return re.sub(r"\n{3,}", "\n\n", page).strip() + "\n"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"words": words, "md": markdown_text, "heading": named}
    return environment


def _tools(
    content: Mapping[str, Any],
    show: Callable[[str, Mapping[str, Any]], str],
    clean: Callable[[str], str],
) -> dict[str, Any]:
    """What templates call beside the content: figures, findings and proportions."""
    known: Figures = {**content["figures"], **content["this_run"]["figures"]}

    def fig(figure_id: str) -> str:
        return show(figure_id, known[figure_id]) if figure_id in known else NOTHING

    def number(figure_id: str) -> Decimal:
        """The value of a figure for a decision or a proportion; 0 where there is none."""
        return Decimal((known.get(figure_id) or {}).get("value") or 0)

    def s(figure_id: str) -> str:
        """What ends the word for what a figure counts."""
        return "" if number(figure_id) == 1 else "s"

    def has(figure_id: str) -> bool:
        return bool(known.get(figure_id) and known[figure_id]["value"] is not None)

    def sentence(text: str) -> str:
        """A finding with its figures put in, each with its unit."""
        parts = PLACEHOLDER.split(text)
        said = [clean(part) if i % 2 == 0 else _with_unit(part) for i, part in enumerate(parts)]
        return clean("").join(said)

    def _with_unit(figure_id: str) -> str:
        unit = (known.get(figure_id) or {}).get("unit", "")
        if number(figure_id) == 1:
            unit = unit.removesuffix("s")
        tail = f" {unit}" if unit and unit not in _SIGNS else ""
        return fig(figure_id) + clean(tail)

    tools = (fig, number, s, has, sentence)
    return {tool.__name__: tool for tool in tools} | {"known": known}


def _html_figure(figure_id: str, figure: Mapping[str, Any]) -> str:
    return Markup('<data class="figure" data-id="{}" value="{}">{}</data>').format(
        figure_id, figure["value"] or "", figure["text"]
    )


def _markdown_figure(_: str, figure: Mapping[str, Any]) -> str:
    return markdown_text(str(figure["text"]))


def markdown_text(text: str) -> str:
    """Text that Markdown takes literally, on one line."""
    return _MARKDOWN_MARKS.sub(r"\\\1", " ".join(str(text).split(" ")).replace("\n", " "))
