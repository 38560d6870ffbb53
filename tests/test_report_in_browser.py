"""The report as a browser shows it: what a reader sees, without errors, network or overflow."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tasks.jobs import load_job
from tests.small_runs import run

STATUS = ("documents", "dead_letters", "extracted", "failed", "skipped")

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


class Page(HTMLParser):
    """What a page holds: its text in order, its elements, its figures as (id, value, text)."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.figures: list[tuple[str, str, str]] = []
        self._silent = 0
        self._figure: tuple[str, str] | None = None
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._silent += tag in {"script", "style"}
        if tag == "data":
            named = dict(attrs)
            self._figure = (str(named["data-id"]), str(named["value"]))
            self._shown = ""

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"}
        if tag == "data" and self._figure is not None:
            self.figures.append((*self._figure, self._shown))
            self._figure = None

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words += data.split()
        if self._figure is not None:
            self._shown += data

    @property
    def text(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True)
class Shown:
    """A report on disk and as the browser has built it."""

    file: Path
    page: Page
    console: str

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads(self.file.with_name("report.json").read_text()))


def open_in_browser(file: Path, profile: Path) -> tuple[str, str]:
    """The DOM of a page once its scripts have run, and what the browser logged."""
    assert CHROMIUM is not None
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            "--virtual-time-budget=5000",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return done.stdout, "\n".join(console)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The report about the sample documents."""
    folder = tmp_path_factory.mktemp("report")
    done = run(load_job(str(ROOT / "sample_docs"), {"lake": str(folder / "lake")}))
    dom, console = open_in_browser(Path(done.report), folder / "profile")
    return Shown(Path(done.report), Page(dom), console)


def test_the_title_comes_first_and_how_the_run_ended_before_any_figure(shown: Shown) -> None:
    text = shown.page.text

    told = {name: shown.report["figures"][f"run.status.{name}"]["text"] for name in STATUS}
    status = text.index(
        "{dead_letters} dead letters. {extracted} of {documents} documents extracted, {failed} "
        "failed, {skipped} skipped".format(**told)
    )
    assert text.startswith("The post of Tarnbrook Instruments")
    assert status < text.index("documents found") < text.index("Invoiced, by currency")


def test_every_figure_a_reader_sees_is_the_reports(shown: Shown) -> None:
    figures = {**shown.report["figures"], **shown.report["this_run"]["figures"]}

    assert len(shown.page.figures) > 100
    for name, value, words in shown.page.figures:
        assert (value, words) == (figures[name]["value"] or "", figures[name]["text"]), name


def test_charts_are_drawn(shown: Shown) -> None:
    drawn = [tag for tag, _ in shown.page.elements if tag == "svg"]

    assert len(drawn) >= 4


def test_no_script_fails_and_nothing_is_fetched(shown: Shown) -> None:
    source = shown.file.read_text()
    links = [
        (tag, name, value)
        for tag, attrs in shown.page.elements
        for name, value in attrs.items()
        if name in {"src", "href", "xlink:href", "action", "data", "poster", "srcset"}
        and re.match(r"\s*(https?:|//|file:)", value or "")
    ]

    assert shown.console == ""
    assert links == []
    assert not re.search(r"@import|url\(\s*['\"]?(https?:)?//", source)


def test_a_narrow_window_does_not_overflow(shown: Shown, tmp_path: Path) -> None:
    # In a frame of a known width, because browsers have windows no narrower than they like.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<!doctype html><iframe width="420" height="900" style="border:0" '
        f'srcdoc="{html.escape(shown.file.read_text())}"></iframe><output></output><script>'
        "const frame = document.querySelector('iframe');"
        "frame.onload = () => { const page = frame.contentDocument.documentElement;"
        "document.querySelector('output').textContent ="
        "`${page.clientWidth} ${page.scrollWidth}` }</script>"
    )

    dom, _ = open_in_browser(frame, tmp_path / "profile")

    found = re.search(r"<output>(\d+) (\d+)</output>", dom)
    assert found is not None
    visible, needed = map(int, found.groups())
    assert visible <= 420
    assert needed <= visible
