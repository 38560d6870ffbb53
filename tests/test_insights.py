"""What a model may say about figures, and what becomes of what it may not."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.calls import Call, Reply
from llms.failures import CallError, FailureClass
from schemas.answers import INSIGHTS, Insight
from schemas.job import Analysis
from schemas.manifest import Manifest
from schemas.roles import Role
from tasks.analysis import analyze
from tasks.figures import Figure
from tasks.insights import InsightsResult, faults, find_insights, offered_figures
from tests.lake_runs import CAREFUL, make_job, write_run


def make_figure(figure_id: str = "sales.EUR.total", **changes: Any) -> Figure:
    usual: dict[str, Any] = {
        "figure_id": figure_id, "metric_id": figure_id.split(".", 1)[0], "title": "Sales",
        "sql": "SELECT 1", "row": 0, "column": "total", "kind": "number", "value": "12.50",
        "unit": "EUR",
    }  # fmt: skip
    return Figure(**{**usual, **changes})


def finding(text: str = "Most stands in {{sales.EUR.total}}.", **changes: Any) -> dict[str, Any]:
    usual = {"headline": "Euros lead", "text": text, "figures": ["sales.EUR.total"]}
    return {**usual, **changes}


class Model:
    """Answers the calls it expects, in order, and refuses any other."""

    def __init__(self, *answers: list[dict[str, Any]] | CallError) -> None:
        self.answers = list(answers)
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Reply:
        assert self.answers, "nobody expected another call"
        self.calls.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, CallError):
            raise answer
        return Reply({"insights": answer}, CAREFUL.slug, 0.0, False, 1)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return write_run(tmp_path_factory.mktemp("lake"), []).manifest


def ask(manifest: Manifest, model: Model | None, most: int = 6) -> InsightsResult:
    job = manifest.job.model_copy(update={"analysis": Analysis(max_insights=most)})
    changed = manifest.model_copy(update={"job": job})
    return asyncio.run(find_insights(changed, [make_figure()], model))


def test_a_sound_finding_is_accepted_with_who_said_it(manifest: Manifest) -> None:
    model = Model([finding()])

    found = ask(manifest, model)

    assert found == InsightsResult((Insight(**finding()),), (), CAREFUL, ())
    (call,) = model.calls
    assert (call.role, call.stage, call.schema_name) == (
        Role.REASONING_WORKER,
        "insights",
        INSIGHTS,
    )
    assert call.doc_id is None


@pytest.mark.parametrize("most", [0])
def test_nobody_is_asked_when_no_insight_is_wanted(manifest: Manifest, most: int) -> None:
    assert ask(manifest, Model(), most) == InsightsResult()
    assert ask(manifest, None) == InsightsResult()


def test_a_finding_that_breaks_the_rules_is_sent_back_once_with_the_reasons(
    manifest: Manifest,
) -> None:
    model = Model([finding("There are 12 of them.")], [finding()])

    found = ask(manifest, model)

    assert [i.text for i in found.insights] == ["Most stands in {{sales.EUR.total}}."]
    assert found.dropped == ()
    assert "holds digits outside of double braces" in model.calls[1].user
    assert model.calls[1].user.startswith(model.calls[0].user)


def test_what_still_breaks_the_rules_is_dropped_counted_and_noted(manifest: Manifest) -> None:
    bad = finding("There are twelve of them.", headline="Count")
    found = ask(manifest, Model([bad, finding()], [bad, finding()]))

    assert len(found.insights) == 1
    assert found.dropped == (
        "\"Count\": it names no figure in double braces; it spells a number out ('twelve')",
    )
    assert found.notes == ("1 insight(s) were dropped because they broke the rules",)


def test_the_answer_with_more_sound_findings_counts(manifest: Manifest) -> None:
    good, other = finding(), finding("Again {{sales.EUR.total}}.")
    bad = finding("Twelve.", figures=[])

    found = ask(manifest, Model([good, other, bad], [bad]))

    assert len(found.insights) == 2


def test_more_findings_than_asked_for_are_not_shown(manifest: Manifest) -> None:
    three = [finding(f"{word} {{{{sales.EUR.total}}}}") for word in ("Now", "Then", "Later")]

    assert len(ask(manifest, Model(three), most=2).insights) == 2


def test_a_model_that_does_not_answer_leaves_a_note(manifest: Manifest) -> None:
    error = CallError.of(FailureClass.TIMEOUT, "the provider did not answer in time")

    first = ask(manifest, Model(error))
    second = ask(manifest, Model([finding(), finding("Twelve.")], error))

    assert first.notes == ("no insights: the provider did not answer in time",)
    assert len(second.insights) == 1
    assert second.notes[0].startswith("rejected insights could not be asked again")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"text": "It is {{sales.GBP.total}}."}, "no figure 'sales.GBP.total'"),
        ({"figures": ["sales.EUR.total", "made.up"]}, "no figure 'made.up'"),
        ({"figures": []}, "does not list exactly"),
        ({"text": "No figure at all."}, "names no figure"),
        ({"headline": "In 2026"}, "digits"),
        ({"text": "{{sales.EUR.total}} is ½ of it"}, "digits"),
        ({"text": "{{sales.EUR.total}}, twice the rest"}, "'twice'"),
        ({"text": "{{sales.EUR.total}}, Thirty-five more"}, "'five'"),
        ({"text": "{{sales.EUR.total}} und zwölf mehr"}, "'zwölf'"),
        ({"text": "{sales} {{sales.EUR.total}}"}, "single braces"),
        ({"headline": "  "}, "empty"),
        ({"text": "{{sales.EUR.total}} " + "so " * 400}, "longer than"),
    ],
)
def test_a_fault_is_named(changes: dict[str, Any], fault: str) -> None:
    found = faults(Insight(**finding(**changes)), {"sales.EUR.total"})

    assert any(fault in sentence for sentence in found)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_digit_gets_past_in_any_script(text: str) -> None:
    found = faults(Insight(**finding(f"{text} {{{{sales.EUR.total}}}}")), {"sales.EUR.total"})

    assert found or not any(c.isnumeric() for c in text)


def test_models_are_offered_numbers_with_their_labels_and_never_a_flood() -> None:
    label = make_figure("sales.EUR.currency", column="currency", kind="text", value="EUR", unit="")
    many = [make_figure(f"m{n}.x", metric_id=f"m{n}") for n in range(1000)]
    long = [make_figure(f"sales.r{n}.total", row=n) for n in range(1, 100)]

    offered = offered_figures([label, make_figure(), *long, *many])

    assert offered[0] == {
        "id": "sales.EUR.total", "title": "Sales: EUR: total", "value": "12.50", "unit": "EUR"
    }  # fmt: skip
    assert len(offered) <= 220
    assert "sales.r50.total" not in {entry["id"] for entry in offered}


def test_a_document_never_reaches_the_model_beyond_the_labels_of_figures(tmp_path: Path) -> None:
    run = write_run(tmp_path, job=make_job())
    model = Model([])

    asyncio.run(analyze(run.manifest, run.lake, model))

    assert "receipt" in model.calls[0].user
    assert "Invoice No" not in model.calls[0].user
    assert "not work." not in model.calls[0].user
