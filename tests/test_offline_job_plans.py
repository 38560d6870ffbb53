"""What the rules plan for a goal: from field statistics, and always a job that can run."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.offline.app import CAREFUL
from llms.offline.engine import answer
from llms.offline.job_plans import plan_answer
from llms.planning import plan_call
from llms.validation import parse_answer
from schemas.plans import PLAN, JobPlan, plan_schema
from tasks.planning import checked_job
from tasks.planning_yaml import job_yaml
from tests.small_runs import invoice

RECEIPT = (
    "Café Olten\nReceipt\nDate: 2026-03-02\nTotal: EUR 7.50\nCash: 10.00\nChange: 2.50\nThank you"
)
NOTE = "Rain gauge station\nStation: {name}\nRead on: 2026-04-0{n}\nMillimetres: {n}.50\nReader: J"
BILLS = [{"name": f"bills/{n}.txt", "text": invoice(n)} for n in range(4)]
NOTES = [
    {"name": f"gauges/{n}.txt", "text": NOTE.format(name=f"Aare{n}", n=n)} for n in range(1, 5)
]


def types(plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {kind["name"]: kind for kind in plan["types"]}


def kept(kind: dict[str, Any]) -> set[str]:
    return {field["name"] for field in kind["keep"]}


def test_a_shipped_type_keeps_what_stands_in_its_documents() -> None:
    plan = plan_answer("what do we owe, and to whom", BILLS)

    bill = types(plan)["invoice"]
    assert {"grand_total", "seller_name", "issue_date"} <= kept(bill)
    assert "net_total" in kept(bill)  # no document has one, but the goal asks for money
    assert "seller_vat_id" not in kept(bill)
    reasons = {field["name"]: field["reason"] for field in bill["keep"]}
    assert reasons["invoice_number"] == "in 4 of 4 sampled documents"


def test_the_goal_chooses_the_metrics() -> None:
    money = plan_answer("what do we spend, with whom", BILLS)["metrics"]
    often = plan_answer("how many arrive per month", BILLS)["metrics"]

    assert [metric["id"] for metric in money] == [
        "invoice_amount_by_seller_name", "invoice_amount_by_month", "invoice_amounts",
    ]  # fmt: skip
    assert [metric["id"] for metric in often] == ["invoice_by_month"]
    assert all("currency" in metric["sql"] for metric in money)


def test_documents_of_no_shipped_type_become_an_own_one_with_their_printed_labels() -> None:
    plan = plan_answer("how much does it rain, where", [*BILLS, *NOTES])

    own = types(plan)["gauges"]
    found = {field["name"]: field["type"] for field in own["fields"]}
    assert found == {
        "station": "string", "read_on": "date", "millimetres": "decimal", "reader": "string",
    }  # fmt: skip
    assert own["match"] == ["gauges/*"]


def test_a_type_that_the_goal_is_not_about_keeps_little() -> None:
    receipts = [{"name": "r.txt", "text": RECEIPT}, {"name": "s.txt", "text": RECEIPT + "!"}]
    plan = plan_answer("total of all invoices", [*BILLS, *receipts])

    assert len(kept(types(plan)["receipt"])) < len(kept(types(plan)["invoice"]))
    assert not any("receipt" in metric["sql"] for metric in plan["metrics"])


def test_one_stray_document_of_many_makes_no_type() -> None:
    bills = [{"name": f"bills/{n}.txt", "text": invoice(n)} for n in range(12)]
    stray = {"name": "r.txt", "text": RECEIPT}

    assert set(types(plan_answer("what do we owe", [*bills, stray]))) == {"invoice"}
    assert set(types(plan_answer("what do we owe", [*bills[:2], stray]))) == {"invoice", "receipt"}


def test_the_same_question_has_the_same_answer_through_the_application() -> None:
    call = plan_call("who sent what", [*BILLS, *NOTES])
    messages = [
        {"role": "system", "content": call.system},
        {"role": "user", "content": call.user},
    ]

    said = answer(CAREFUL, messages, PLAN, plan_schema())

    assert said == plan_answer("who sent what", [*BILLS, *NOTES])


DOCUMENTS = st.lists(
    st.builds(
        lambda folder, n, text: {"name": f"{folder}/{n}.txt", "text": text},
        st.sampled_from(["", "a", "order", "invoice", "x[y]", "select"]),
        st.integers(0, 9),
        st.one_of(
            st.sampled_from([invoice(1), invoice(2), RECEIPT, "", "From: a@b.c\nTo: d@e.f"]),
            st.lists(
                st.builds(
                    "{}: {}".format,
                    st.sampled_from(["Order", "Group by", "2nd", "Uri", "Straße", "Select"]),
                    st.text(max_size=8),
                ),
                max_size=5,
            ).map("\n".join),
        ),
    ),
    max_size=8,
)
GOALS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["what do we spend", "who writes when", "how many of which kind", "invoices"]),
)


@settings(deadline=None, max_examples=25)
@given(goal=GOALS, documents=DOCUMENTS)
def test_every_plan_of_the_rules_is_valid_and_makes_a_job_that_can_run(
    goal: str, documents: list[dict[str, Any]]
) -> None:
    plan = plan_answer(goal, documents)

    file = Path("/tmp/docmill.yaml")
    text = job_yaml(JobPlan.model_validate(plan), name="x", source={"path": "d"}, preface=[goal])
    job = checked_job(text, file)
    assert [metric.id for metric in job.analysis.metrics] == [m["id"] for m in plan["metrics"]]


@pytest.mark.parametrize("goal", ["", "what do we spend"])
def test_a_plan_fits_its_schema(goal: str) -> None:
    import json

    plan = plan_answer(goal, [*BILLS, *NOTES])

    data, _ = parse_answer(json.dumps(plan), json.dumps(plan_schema()))
    assert data == plan
