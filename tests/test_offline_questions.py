"""Routing, verdicts and findings of the offline engines, asked as the pipeline asks."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.offline.engine import CAREFUL, QUICK, answer
from llms.prompts import OTHER_TYPE, insights_prompt, route_prompt, verify_prompt
from schemas.answers import (
    INSIGHTS,
    ROUTE,
    VERDICTS,
    Insights,
    RouteAnswer,
    Verdicts,
    insights_schema,
    route_schema,
    verdicts_schema,
)
from schemas.documents import shipped_type
from schemas.fields import FieldSpec, FieldType

BOTH = pytest.mark.parametrize("model", [QUICK, CAREFUL])
TYPES = [shipped_type(name) for name in ("invoice", "receipt", "contract", "support_ticket")]

ABOUT = "Invoice No: K-12\nInvoice date: 01.02.2026\nDue date: 15.02.2026\nTotal: 99.00 EUR\n"
DUE = shipped_type("invoice").field("due_date")
TOTAL = shipped_type("invoice").field("grand_total")


def asked(model: str, prompt: tuple[str, str], name: str, schema: dict[str, Any]) -> dict[str, Any]:
    messages = [
        {"role": role, "content": part}
        for role, part in zip(("system", "user"), prompt, strict=True)
    ]
    return answer(model, messages, name, schema)


def route(text: str, model: str = QUICK) -> RouteAnswer:
    names = [*(t.name for t in TYPES), OTHER_TYPE]
    found = asked(model, route_prompt(TYPES, text), ROUTE, route_schema(names))
    return RouteAnswer.model_validate(found)


def verdict(
    spec: FieldSpec,
    value: str | Sequence[str] | None,
    text: str = ABOUT,
    model: str = CAREFUL,
) -> str:
    prompt = verify_prompt([(spec, value, text)])
    found = asked(model, prompt, VERDICTS, verdicts_schema([spec.name]))
    (only,) = Verdicts.model_validate(found).verdicts
    assert only.field == spec.name
    return only.verdict


def findings(figures: list[dict[str, str]], most: int = 5, model: str = CAREFUL) -> Insights:
    found = asked(model, insights_prompt(figures, most), INSIGHTS, insights_schema())
    return Insights.model_validate(found)


def make_figures(title: str, column: str, unit: str = "", **rows: float) -> list[dict[str, str]]:
    """A table of figures with a row per keyword."""
    return [
        {
            "id": f"{title.replace(' ', '_')}.r{i}.{column}",
            "title": f"{title}: {label}: {column}",
            "value": str(value),
            "unit": unit,
        }
        for i, (label, value) in enumerate(rows.items())
    ]


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("INVOICE\nInvoice number: 5\nBill to: Ann\nAmount due 7.00\nVAT 1.00", "invoice"),
        ("Quittung\nBar 20,00\nRückgeld 3,10\nVielen Dank", "receipt"),
        ("CONTRAT\nEntre les parties... droit applicable, durée, préavis", "contract"),
        ("Ticket ID: 7\nPriority: high\nReported by: Jo\nIssue: it broke", "support_ticket"),
    ],
)
def test_a_document_goes_to_the_type_whose_words_it_carries(
    text: str, expected: str, model: str
) -> None:
    routed = route(text, model)

    assert routed.document_type == expected
    assert routed.confidence >= 0.6


@BOTH
@pytest.mark.parametrize("text", ["", "Sunny with light winds from the west.", "12 34 56"])
def test_a_document_without_any_of_the_words_is_none_of_the_types(text: str, model: str) -> None:
    assert route(text, model).document_type == OTHER_TYPE


@given(text=st.text(max_size=300), model=st.sampled_from([QUICK, CAREFUL]))
def test_a_route_is_always_one_of_the_choices(text: str, model: str) -> None:
    routed = route(text, model)

    assert routed.document_type in {*(t.name for t in TYPES), OTHER_TYPE}
    assert 0 <= routed.confidence <= 1


@BOTH
def test_a_right_value_beside_its_label_is_ok(model: str) -> None:
    assert verdict(DUE, "2026-02-15", model=model) == "ok"
    assert verdict(TOTAL, "99.00", model=model) == "ok"


@BOTH
def test_a_value_beside_the_label_of_another_field_is_bad(model: str) -> None:
    assert verdict(DUE, "2026-02-01", model=model) == "bad"


@BOTH
@pytest.mark.parametrize("value", ["2026-03-15", "2025-02-15"])
def test_a_value_that_does_not_stand_in_the_text_is_bad(value: str, model: str) -> None:
    assert verdict(DUE, value, model=model) == "bad"


def test_a_value_that_no_label_announces_is_left_open_by_the_careful_engine() -> None:
    text = "We met on 3 May 2026 and again on 9 June 2026."

    assert verdict(DUE, "2026-06-09", text) == "unsure"


def test_a_claimed_absence_is_bad_where_the_careful_engine_sees_a_value() -> None:
    assert verdict(DUE, None) == "bad"
    assert verdict(DUE, None, "Total: 99.00 EUR") == "ok"


@BOTH
def test_a_total_in_words_counts_as_standing_in_the_text(model: str) -> None:
    text = "the sum of one hundred and twenty pounds"

    assert verdict(TOTAL, "120.00", text, model) != "bad"


def test_the_worst_value_decides_about_a_list() -> None:
    recipients = shipped_type("email").field("recipients")
    text = "To: a@x.example, b@x.example\n"

    assert verdict(recipients, ["a@x.example", "b@x.example"], text) == "ok"
    assert verdict(recipients, ["a@x.example", "c@x.example"], text) == "bad"


def test_a_category_that_no_word_shows_is_left_open() -> None:
    method = shipped_type("receipt").field("payment_method")

    assert verdict(method, "card", "Paid by Visa") == "ok"
    assert verdict(method, "cash", "Thank you") == "unsure"


@given(
    value=st.text(max_size=30),
    text=st.text(max_size=200),
    kind=st.sampled_from([k for k in FieldType if k is not FieldType.CATEGORY]),
    model=st.sampled_from([QUICK, CAREFUL]),
)
def test_every_claim_gets_a_verdict(value: str, text: str, kind: FieldType, model: str) -> None:
    spec = FieldSpec(name="claimed", type=kind, description="Something.")

    assert verdict(spec, value, text, model) in {"ok", "bad", "unsure"}


def test_the_leader_of_a_table_is_told_with_the_next_one() -> None:
    figures = make_figures("Invoiced by supplier", "total", "EUR", Alder=900, Birch=120, Cedar=80)

    (only,) = findings(figures).insights

    assert "Alder" in only.headline
    assert only.figures == [figures[0]["id"], figures[1]["id"]]


def test_failures_come_first_and_low_fill_is_told() -> None:
    figures = [
        {"id": "run.status.documents", "title": "Run: documents", "value": "90", "unit": ""},
        {"id": "run.status.failed", "title": "Run: failed", "value": "4", "unit": ""},
        *make_figures("Quality of invoices", "filled", "%", number=99, due=12),
    ]

    told = findings(figures).insights

    assert told[0].figures == ["run.status.failed", "run.status.documents"]
    assert any("due" in insight.headline for insight in told[1:])


def test_no_more_findings_come_than_were_asked_for() -> None:
    figures = [
        figure
        for table in ("Apples", "Pears", "Plums")
        for figure in make_figures(table, "total", Ann=80, Bo=5, Cy=4)
    ]

    assert len(findings(figures, most=2).insights) == 2
    assert findings(figures, most=0).insights == []


labels = st.text(max_size=20) | st.sampled_from(["2026-03", "two", "a {b}", "Élan", "third"])
numbers = st.floats(-1e9, 1e9).map(str) | st.sampled_from(["12.5", "n/a", "", "88%"])


@given(
    st.lists(st.tuples(labels, labels, labels, numbers), max_size=12),
    st.sampled_from([QUICK, CAREFUL]),
)
def test_a_finding_says_figures_by_id_only(
    rows: list[tuple[str, str, str, str]], model: str
) -> None:
    figures = [
        {"id": f"m.r{i}", "title": f"{a}: {b}: {c}", "value": value, "unit": ""}
        for i, (a, b, c, value) in enumerate(rows)
    ]
    known = {figure["id"] for figure in figures}

    for insight in findings(figures, model=model).insights:
        said = f"{insight.headline} {insight.text}"
        used = re.findall(r"\{\{([^{}]+)\}\}", said)
        prose = re.sub(r"\{\{[^{}]+\}\}", "", said)
        assert set(used) == set(insight.figures) <= known
        assert not any(c.isnumeric() for c in prose)
        assert not re.search(r"[{}]|\b(?:two|third|one|half)\b", prose.lower())
