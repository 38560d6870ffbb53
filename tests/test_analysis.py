"""Figures of a run: automatic questions, ids, printed forms, and what the analysis writes."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.documents import shipped_type
from schemas.fields import DocumentType, FieldSpec, FieldType
from schemas.job import Analysis, Metric
from schemas.tables import METRICS
from tasks.analysis import AnalysisResult, all_questions, analyze
from tasks.figures import Figure, Question, figures_of, printed
from tasks.metrics import MAX_AUTOMATIC, automatic_questions, questions_of
from tasks.record_sql import Column, Result
from tests.lake_docs import make_docs
from tests.lake_runs import Run, make_job, write_run


def analysed(run: Run) -> tuple[AnalysisResult, dict[str, str | None]]:
    """Analyse without asking anybody; the figures' values by id."""
    result = asyncio.run(analyze(run.manifest, run.lake, None))
    rows = run.lake.read_table(result.metrics).to_pylist()
    return result, {row["figure_id"]: row["value"] for row in rows}


def make_metric(**changes: Any) -> Metric:
    usual = {"id": "mine", "title": "Mine", "sql": "SELECT count(*) AS n FROM documents"}
    return Metric(**{**usual, **changes})


def test_metrics_of_the_job_come_first_and_automatic_ones_beside_them() -> None:
    job = make_job(analysis=Analysis(metrics=(make_metric(),)))

    assert [q.id for q in questions_of(job)][:3] == ["mine", "documents_by_type", "invoice_amounts"]


def test_a_job_can_do_without_automatic_metrics_but_not_without_any() -> None:
    only_own = make_job(analysis=Analysis(metrics=(make_metric(),), automatic=False))
    none = make_job(analysis=Analysis(automatic=False))

    assert [q.id for q in questions_of(only_own)] == ["mine"]
    assert questions_of(none) == automatic_questions(none) != []


def test_a_metric_of_the_job_takes_the_place_of_the_automatic_one_of_its_name() -> None:
    job = make_job(analysis=Analysis(metrics=(make_metric(id="documents_by_type"),)))

    assert [q.title for q in questions_of(job) if q.id == "documents_by_type"] == ["Mine"]


def test_automatic_metrics_are_dealt_out_evenly_and_never_flood() -> None:
    kinds = [shipped_type("invoice").model_copy(update={"name": f"kind_{n}"}) for n in range(12)]
    questions = automatic_questions(make_job(types=tuple(kinds)))

    assert len(questions) == MAX_AUTOMATIC
    assert {q.id for q in questions} >= {f"kind_{n}_amounts" for n in range(12)}


def test_every_figure_is_computed_and_written_with_an_id_of_its_own(tmp_path: Path) -> None:
    docs = make_docs(24)
    run = write_run(tmp_path, docs)

    result, figures = analysed(run)

    rows = run.lake.read_table(result.metrics)
    assert rows.schema.names == METRICS.names
    assert len(figures) == rows.num_rows == result.figure_count
    total = sum(
        (d.fields["grand_total"][0] for d in docs if d.document_type == "invoice"
         and not d.failure and d.fields["currency"][0] == "EUR"),
        Decimal(0),
    )  # fmt: skip
    assert Decimal(str(figures["invoiced_by_currency.EUR.total"])) == total
    assert figures["run.status.documents"] == "27"
    assert figures["run.status.failed"] == "3"
    assert figures["run.books.run.balanced"] == "true"
    assert figures["quality.contract.parties.filled_share"] == "100.0"
    assert result.notes == ()


def test_a_metric_that_fails_becomes_a_note_and_the_others_are_computed(tmp_path: Path) -> None:
    broken = make_metric(sql="SELECT nonsense FROM invoice")
    run = write_run(tmp_path, job=make_job(analysis=Analysis(metrics=(broken,))))

    result, figures = analysed(run)

    (note,) = result.notes
    assert note.startswith("metric 'mine' (Mine): Binder Error")
    assert "documents_by_type.invoice.documents" in figures


def test_a_second_run_over_the_same_answers_has_the_same_figures(tmp_path: Path) -> None:
    docs = make_docs(30)
    first = write_run(tmp_path, docs)
    second = write_run(tmp_path, docs, run_id="second", is_reused=True)

    assert analysed(first)[1] == analysed(second)[1]


def test_a_run_without_documents_is_analysed(tmp_path: Path) -> None:
    run = write_run(tmp_path, [], unreadable=(), duplicates=0)

    result, figures = analysed(run)

    assert figures["run.status.documents"] == "0"
    assert figures["run.cost.baseline_usd"] is None
    assert result.notes == ()


def test_types_with_odd_fields_are_asked_only_what_they_can_answer(tmp_path: Path) -> None:
    odd = DocumentType(
        name="Odd",
        fields=(
            FieldSpec(name="select", type=FieldType.DECIMAL),
            FieldSpec(name="as_it_stands", type=FieldType.DECIMAL, as_printed=True),
            FieldSpec(name="days", type=FieldType.DATE, multi=True),
            FieldSpec(name="sent", type=FieldType.DATETIME),
            FieldSpec(name="is_urgent", type=FieldType.BOOLEAN),
            FieldSpec(name="mood", type=FieldType.CATEGORY, choices=("a",), multi=True),
            FieldSpec(name="parties", multi=True),
        ),
    )
    run = write_run(tmp_path, [], job=make_job(types=(odd,), analysis=Analysis()))

    assert analysed(run)[0].notes == ()
    assert [q.id for q in automatic_questions(run.manifest.job)] == [
        "odd_amounts",
        "odd_by_month",
        "odd_by_mood",
        "odd_by_parties",
    ]


def test_a_baseline_unknown_for_one_document_is_unknown_for_all(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    path = run.manifest.shards[0].outcomes
    rows = run.lake.read_table(path).to_pylist()
    rows[0]["baseline_usd"] = None
    run.lake.write_rows(path, rows, run.lake.read_table(path).schema)

    figures = analysed(run)[1]

    assert figures["run.cost.baseline_usd"] is None
    assert figures["run.cost.projected_usd"] is not None


TEXT, COUNT = Column("name", "text"), Column("n", "number", is_integer=True)


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.text(), st.just("1")), max_size=20))
def test_figure_ids_are_unique_and_plain_whatever_the_texts_are(
    rows: list[tuple[str | None, str]],
) -> None:
    figures = figures_of(Question("q", "Q", "…"), Result((TEXT, COUNT), tuple(rows), len(rows)))

    ids = [f.figure_id for f in figures]
    assert len(set(ids)) == len(ids) == 2 * len(rows)
    assert all(not set(name) & set(" <>&\"'{}\n") for name in ids)


def test_an_id_names_as_many_labels_as_tell_the_rows_apart() -> None:
    columns = (Column("currency", "text"), Column("field", "text"), COUNT)
    one = Result(columns, (("EUR", "net", "1"), ("GBP", "net", "2")), 2)
    two = Result(columns, (("EUR", "net", "1"), ("EUR", "tax", "2")), 2)
    alone = Result((COUNT,), (("7",),), 1)

    def ids(result: Result) -> list[str]:
        return [f.figure_id for f in figures_of(Question("q", "Q", ""), result) if f.column == "n"]

    assert ids(one) == ["q.EUR.n", "q.GBP.n"]
    assert ids(two) == ["q.EUR.net.n", "q.EUR.tax.n"]
    assert ids(alone) == ["q.n"]


def test_the_unit_of_a_metric_is_that_of_its_amounts_and_not_of_counts_beside_them() -> None:
    amount = Column("total", "number")
    both = Result((TEXT, COUNT, amount), (("a", "1", "2.50"),), 1)
    counts = Result((TEXT, COUNT), (("a", "1"),), 1)
    question = Question("q", "Q", "", unit="EUR")

    assert [f.unit for f in figures_of(question, both)] == ["", "", "EUR"]
    assert [f.unit for f in figures_of(question, counts)] == ["", "EUR"]


@pytest.mark.parametrize(
    ("value", "unit", "column", "expected"),
    [
        ("1234567", "", "n", "1,234,567"),
        ("1234.500000", "", "total", "1,234.50"),
        ("1234.000000", "EUR", "total", "1,234.00"),
        ("0.123456789", "", "x", "0.1235"),
        ("93.4", "%", "share", "93.4 %"),
        ("-12.50", "", "x", "-12.50"),
        ("1e-07", "", "x", "0.00000010"),
        ("nan", "", "x", "nan"),
        ("2026", "", "issue_year", "2026"),
        ("2026", "", "n", "2,026"),
        ("0.000000000", "USD", "usd", "$0"),
        ("0.000413200", "USD", "usd", "$0.00041"),
        ("0.0995", "USD", "usd", "$0.100"),
        ("1234.5", "USD", "usd", "$1,234.50"),
        ("-0.5", "USD", "usd", "-$0.50"),
        (None, "USD", "usd", "–"),
    ],
)
def test_numbers_are_printed_for_people(
    value: str | None, unit: str, column: str, expected: str
) -> None:
    assert printed(value, "number", unit, column) == expected


@settings(deadline=None)
@given(st.decimals(-(10**15), 10**15, places=6))
def test_a_printed_number_is_the_value_to_four_decimals(number: Decimal) -> None:
    text = printed(format(number, "f"), "number")

    assert abs(Decimal(text.replace(",", "")) - number) <= Decimal("0.00005")


@settings(deadline=None)
@given(st.text())
def test_printed_text_is_one_short_visible_line(text: str) -> None:
    line = printed(text, "text")

    assert len(line) <= 160
    assert line.isprintable() or line == ""


def test_questions_of_the_run_cannot_be_mistaken_for_metrics(tmp_path: Path) -> None:
    run = write_run(tmp_path, [])

    assert "run.status" in {q.id for q in all_questions(run.manifest)}
    with pytest.raises(ValueError, match="id"):
        make_metric(id="run.status")


def test_a_figure_survives_its_table() -> None:
    figure = Figure("q.n", "q", "Q", "SELECT 1", 0, "n", "number", "1", "")

    assert figure.entry == {"value": "1", "text": "1", "kind": "number", "unit": ""}
