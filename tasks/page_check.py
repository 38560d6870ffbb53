"""Do the pages of a report say what its JSON says?"""

import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from schemas.counted import counted
from tasks.charts import chart_of
from tasks.figures import printed
from tasks.report import HTML, JSON, MARKDOWN, render_html, render_markdown

_SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
_MAX_LINES = 3
"""Differing lines of a page that are told."""


def check_html(html: str, report: Mapping[str, Any], *, is_ours: bool) -> Iterator[str]:
    """What differs between report.html and report.json, a sentence each.

    Every `<data>` element must hold the figure of its id, value and print; every chart with numbers
    must show the numbers of its table; and, where this version of docmill wrote the page
    (`is_ours`), every line outside of the drawings must be the one that the JSON makes.
    """
    yield from _check_data(html, report)
    yield from _check_charts(html, report)
    if is_ours:
        # Drawings depend on the fonts of the machine that made them.
        plain = _SVG.sub("", html)
        yield from _check_lines(HTML, plain, report, lambda r: render_html(r, with_charts=False))


def check_markdown(markdown: str, report: Mapping[str, Any]) -> Iterator[str]:
    """What differs between report.md and what the JSON makes, a sentence each."""
    return _check_lines(MARKDOWN, markdown, report, render_markdown)


def report_figures(content: Mapping[str, Any]) -> dict[str, Any]:
    """All figures of a report, those of its own run with them."""
    return {**content["figures"], **content["this_run"]["figures"]}


def shown(figure: Mapping[str, Any] | None) -> str:
    """A figure in a sentence about differences."""
    if figure is None:
        return "absent"
    return f"{quoted(figure.get('value'))} (printed {quoted(figure.get('text'))})"


def quoted(value: Any) -> str:
    """A value in a sentence about differences."""
    return "nothing" if value is None else f'"{printed(str(value), "text")}"'


def _check_data(html: str, report: Mapping[str, Any]) -> Iterator[str]:
    known = report_figures(report)
    for name, value, text in _DataReader.read(html):
        expected = known.get(name)
        if expected is None:
            yield f"{HTML}: figure {name} is not in {JSON}"
        elif (expected["value"] or "", expected["text"]) != (value, text):
            found = shown({"value": value, "text": text})
            yield f"{HTML}: figure {name} should be {shown(expected)} by {JSON}, but is {found}"


def _check_charts(html: str, report: Mapping[str, Any]) -> Iterator[str]:
    drawn = [c for t in report["metrics"] if (c := chart_of(t, report["figures"])) is not None]
    pictures = _SVG.findall(html)
    if len(pictures) != len(drawn):
        yield f"{HTML}: {len(drawn)} charts should be drawn, but there are {len(pictures)}"
    for chart, svg in zip(drawn, pictures, strict=False):
        written = re.findall(r"<text\b[^>]*>([^<]*)</text>", svg)
        for mark in chart.marks if chart.shape != "line" else ():
            if mark.text not in written:
                yield (
                    f"{HTML}: the chart of {chart.measure!r} should show {mark.text} at "
                    f"{mark.label!r}, but does not"
                )


def _check_lines(
    name: str,
    text: str,
    report: Mapping[str, Any],
    render: Callable[[Mapping[str, Any]], str],
) -> Iterator[str]:
    try:
        right = render(report).splitlines()
    except Exception as error:  # a report.json that was tampered with can break a template anyhow
        yield f"{JSON} cannot be rendered as {name}: {error}"
        return
    said = text.splitlines()
    pairs = enumerate(zip(right, said, strict=False), 1)
    wrong = [(number, *pair) for number, pair in pairs if pair[0] != pair[1]]
    for number, expected, line in wrong[:_MAX_LINES]:
        yield (
            f"{name}: line {number} should read {quoted(expected)} by {JSON}, but reads "
            f"{quoted(line)}"
        )
    if len(right) != len(said):
        yield (
            f"{name}: there should be {counted(len(right), 'line')} by {JSON}, but "
            f"there are {len(said)}"
        )


class _DataReader(HTMLParser):
    """Collects the figures of a page: id, value and text of every `<data class="figure">`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str, str]] = []
        self._open: tuple[str, str] | None = None
        self._text = ""

    @classmethod
    def read(cls, html: str) -> list[tuple[str, str, str]]:
        """The figures of `html` in order."""
        reader = cls()
        reader.feed(html)
        reader.close()
        return reader.found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "data":
            given = dict(attrs)
            self._open = (given.get("data-id") or "", given.get("value") or "")
            self._text = ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "data" and self._open is not None:
            self.found.append((*self._open, self._text))
            self._open = None
