"""The report: one page, the same in Markdown and in JSON."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from schemas.documents import shipped_type
from schemas.job import Analysis, Metric, ReportOptions
from tasks.charts import MAX_MARKS, Chart, chart_of, draw
from tasks.report import markdown_text
from tests.lake_docs import Doc, make_docs
from tests.lake_runs import (
    CAREFUL,
    SMALL,
    STRONG,
    Run,
    make_job,
    publish,
    rewrite,
    write_run,
)

INSIGHT = {
    "headline": "Euros lead with {{invoiced_by_currency.EUR.total}}",
    "text": "Notably: the baseline is {{run.cost.baseline_usd}} & <b>bold</b>.",
    "figures": ["invoiced_by_currency.EUR.total", "run.cost.baseline_usd"],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return publish(write_run(tmp_path_factory.mktemp("lake")), [INSIGHT])


class Page(HTMLParser):
    """Tags, figures and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(run: Run, name: str) -> str:
    return run.path(name).read_text(encoding="utf-8")


def content(run: Run) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(read(run, "report.json"))
    return result


def test_dead_letters_are_said_before_anything_else(run: Run) -> None:
    page, markdown = Page(read(run, "report.html")), read(run, "report.md")

    status = " ".join(page.text.split("asks of us.")[1].split())
    assert status.startswith("3 dead letters. 23 of 27 documents extracted, 3 failed, 1 skipped")
    assert "\n**3 dead letters.** 23 of 27 documents extracted" in markdown


def test_a_run_without_dead_letters_says_so(tmp_path: Path) -> None:
    docs = [d for d in make_docs() if d.failure is None]
    clean = publish(write_run(tmp_path, docs, unreadable=()))

    assert "No dead letters." in read(clean, "report.html")
    assert "Dead letters</h2>" not in read(clean, "report.html")
    assert "No dead letters." in read(clean, "report.md")


def test_notes_say_what_a_reader_must_know_first(tmp_path: Path, run: Run) -> None:
    broken = Metric(id="broken", title="Broken", sql="SELECT nonsense FROM invoice")
    job = make_job(analysis=Analysis(metrics=(broken,)))
    other = publish(write_run(tmp_path, job=job, models=(SMALL, STRONG), notes=()))

    assert content(run)["notes"] == [
        "answers by rules (offline engines), not by a language model",
        "thresholds are not calibrated; the defaults were used",
    ]
    first, *rest = content(other)["notes"]
    assert first.startswith("metric 'broken' (Broken): Binder Error")
    assert rest == ["thresholds are not calibrated; the defaults were used"]
    assert "Not computed: Binder Error" in read(other, "report.html")


def test_the_page_asks_nothing_of_the_network_and_runs_no_script(run: Run) -> None:
    html = read(run, "report.html")

    assert not {tag for tag, _ in Page(html).tags} & {"script", "link", "img", "iframe", "object"}
    links = re.findall(r"""(?:href|src|url|@import)\s*[=(]\s*["']?[^#"'\s][^"')\s]*""", html)
    assert links == []


def test_every_figure_of_the_page_is_one_of_the_json(run: Run) -> None:
    known = {**content(run)["figures"], **content(run)["this_run"]["figures"]}
    shown = [attrs for tag, attrs in Page(read(run, "report.html")).tags if tag == "data"]

    assert len(shown) > 300
    assert all((known[a["data-id"]]["value"] or "") == a["value"] for a in shown)


def test_code_puts_the_figures_into_findings(run: Run) -> None:
    total = content(run)["figures"]["invoiced_by_currency.EUR.total"]["text"]

    assert f'">{total}</data>' in read(run, "report.html").split('class="findings"')[1]
    assert "Notably: the baseline is" in read(run, "report.html")
    assert f"**Euros lead with {total}**" in read(run, "report.md")


def test_a_finding_cannot_bring_markup(run: Run) -> None:
    assert "<b>bold</b>" not in read(run, "report.html")
    assert "&lt;b&gt;bold&lt;/b&gt;" in read(run, "report.html")
    assert "<b>" not in read(run, "report.md").replace("\\<", "")


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]></svg><script>alert(2)</script>",
    "a|b\n| --- |\n# heading",
    "\u202egnp.exe \x07 {{ 7*7 }} {% raw %}",
)


def test_hostile_text_in_records_and_names_stays_text(tmp_path: Path) -> None:
    docs = [
        Doc(
            f"in/{number}-{text}.txt",
            f"{text} bought {number}",
            "receipt",
            {"merchant": (text, text)},
            ("invalid_answer", text) if number % 3 == 2 else None,
        )
        for number, text in enumerate(HOSTILE * 3)
    ]
    job = make_job(
        types=(shipped_type("receipt"),),
        description=HOSTILE[0],
        report=ReportOptions(title=HOSTILE[1]),
        analysis=Analysis(
            metrics=(
                Metric(
                    id="mine",
                    title=HOSTILE[2],
                    sql="SELECT merchant, count(*) + row_number() OVER () AS n, '<b>' AS \"<i>\" "
                    "FROM receipt GROUP BY ALL",
                ),
                Metric(id="drawn", title="d", sql="SELECT uri, length(uri) AS n FROM receipt"),
            )
        ),
    )
    hostile = publish(write_run(tmp_path, docs, job=job, notes=HOSTILE))
    html = read(hostile, "report.html")
    page = Page(html)

    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "i" if "<i>" in html else "script"}
    assert not [a for _, attrs in page.tags for a in attrs if a.startswith("on")]
    assert "<svg" in html
    assert "\u202e" not in page.text
    headings = [line for line in read(hostile, "report.md").splitlines() if line.startswith("#")]
    assert "# heading" not in headings


def test_a_second_run_over_the_same_answers_differs_in_its_own_block_only(tmp_path: Path) -> None:
    docs = make_docs()
    first = publish(write_run(tmp_path, docs))
    second = publish(write_run(tmp_path, docs, run_id="second-run", is_reused=True))

    for name, end in (
        ("report.html", '<section id="this-run"'),
        ("report.md", "## This run"),
    ):
        one, other = read(first, name), read(second, name)
        assert one != other
        assert one.split(end)[0] == other.split(end)[0]
    one, other = content(first), content(second)
    assert one.pop("this_run") != other.pop("this_run")
    assert one == other


def test_the_same_run_written_twice_is_the_same_to_the_byte(tmp_path: Path) -> None:
    run = publish(write_run(tmp_path))

    assert publish(run).manifest.outputs == run.manifest.outputs


def test_long_tables_are_cut_and_say_how_much_is_missing(tmp_path: Path) -> None:
    unreadable = tuple((f"scan/{n}.pdf", "empty", "the file is empty") for n in range(40))
    job = make_job(report=ReportOptions(max_rows=5))
    run = publish(write_run(tmp_path, unreadable=unreadable, job=job))

    assert "… 36 more" in read(run, "report.html").split('id="dead-letters"')[1]
    assert "… 36 more" in read(run, "report.md")


def test_json_holds_numbers_as_exact_text_in_a_stable_order(run: Run) -> None:
    text = read(run, "report.json")
    figures = json.loads(text)["figures"]

    assert json.dumps(json.loads(text), ensure_ascii=False, indent=1, sort_keys=True) + "\n" == text
    assert all(f["value"] is None or isinstance(f["value"], str) for f in figures.values())
    assert re.fullmatch(r"\d+\.\d{9}", figures["run.cost.baseline_usd"]["value"])


def test_cost_is_compared_with_one_strong_model(tmp_path: Path, run: Run) -> None:
    paid = publish(write_run(tmp_path, models=(SMALL, CAREFUL), usd=0.001))

    offline, online = content(run)["figures"], content(paid)["figures"]
    assert offline["run.cost.records_usd"]["text"] == "$0"
    assert "They were made offline" in read(run, "report.html")
    assert online["run.cost.records_usd"]["value"] == "0.024000000"
    assert content(paid)["this_run"]["figures"]["this_run.usd"]["value"] == "0.024000000"


def table_of(*rows: tuple[str | None, str], total_rows: int | None = None, **changes: Any) -> Any:
    """A table of the report with one label and one number, and its figures."""
    figures = {
        f"{n}.{i}": {"value": cell, "text": cell or "–", "kind": "text", "unit": ""}
        for n, row in enumerate(rows)
        for i, cell in enumerate(row)
    }
    columns = [
        {"name": "name", "kind": "text", "unit": "", "integer": False},
        {"name": "n", "kind": "number", "unit": "", "integer": True},
    ]
    usual = {
        "chart": "auto",
        "columns": columns,
        "rows": [[f"{n}.0", f"{n}.1"] for n in range(len(rows))],
        "total_rows": len(rows) if total_rows is None else total_rows,
    }
    return {**usual, **changes}, figures


def sure(chart: Chart | None) -> Chart:
    assert chart is not None
    return chart


def test_months_are_columns_when_few_and_a_line_when_many() -> None:
    few = [(f"2026-{m:02}", str(m)) for m in range(12, 0, -1)]
    many = [(f"{y}-{m:02}", str(m)) for y in (2025, 2026) for m in range(1, 13)]

    chart = sure(chart_of(*table_of(*few)))
    assert chart.shape == "columns"
    assert [m.label for m in chart.marks] == sorted(label for label, _ in few)
    assert sure(chart_of(*table_of(*many))).shape == "line"


def test_bars_beyond_the_limit_are_added_up_as_others() -> None:
    rows = [(f"name {n}", str(n)) for n in range(1, 21)]

    marks = sure(chart_of(*table_of(*rows))).marks
    assert len(marks) == MAX_MARKS
    assert (marks[-1].label, marks[-1].value) == ("9 others", sum(range(12, 21)))
    cut = sure(chart_of(*table_of(*rows, total_rows=99)))
    assert [m.label for m in cut.marks] == [f"name {n}" for n in range(1, 13)]


@pytest.mark.parametrize(
    ("rows", "changes"),
    [
        ([("a", "1")], {}),
        ([("a", "1"), ("b", "2")], {"chart": "none"}),
        ([("a", "nan"), ("b", "2")], {}),
        ([(f"x{n}", "1") for n in range(9)], {}),
    ],
    ids=["one row", "not wanted", "one number", "all alike"],
)
def test_what_a_drawing_would_not_show_is_not_drawn(
    rows: list[tuple[str, str]], changes: dict[str, Any]
) -> None:
    assert chart_of(*table_of(*rows, **changes)) is None


def test_amounts_in_several_currencies_are_not_drawn_side_by_side(run: Run) -> None:
    table = next(t for t in content(run)["metrics"] if t["id"] == "invoiced_by_currency")

    assert sure(chart_of(table, content(run)["figures"])).measure == "invoices"


def test_a_drawing_is_the_same_to_the_byte_and_contains_hostile_text() -> None:
    chart = sure(chart_of(*table_of(("<script>x</script>&", "3"), ('" onload="x', "2"))))

    assert draw(chart, "a") == draw(chart, "a")
    tags = Page(draw(chart, "a")).tags
    assert "script" not in {tag for tag, _ in tags}
    assert not [a for _, attrs in tags for a in attrs if a == "onload"]


def test_markdown_takes_text_literally() -> None:
    assert markdown_text("a|b *c* <d>\n# e") == "a\\|b \\*c\\* \\<d\\> \\# e"


def test_a_report_without_records_is_still_a_report(tmp_path: Path) -> None:
    run = publish(write_run(tmp_path, [], unreadable=(), duplicates=0))

    assert "0 of 0 documents extracted" in " ".join(Page(read(run, "report.html")).text.split())
    assert "There are no records." in read(run, "report.md")


def test_a_ledger_row_changes_only_the_block_of_the_run(tmp_path: Path) -> None:
    run = publish(write_run(tmp_path))
    before = content(run)
    path = run.lake.attempts(run.run_id, run.manifest.shards[0].shard)
    rewrite(run.lake, path, lambda rows: rows[0].update(usd=0.5))

    after = content(publish(run))

    assert after["this_run"]["figures"]["this_run.usd"]["text"] == "$0.50"
    assert after["figures"] == before["figures"]
