"""What a job would cost: sizes and beliefs in, ranges with a probability out, nothing sent."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.pricing import UnknownPriceError
from llms.resolution import resolve
from schemas.job import Analysis, Cascade, Job, Orchestrator, Verify
from schemas.roles import Role
from tasks.call_volumes import ESCALATE, EXTRACT
from tasks.forecast import forecast, range_of
from tasks.forecast_beliefs import Beliefs
from tasks.forecast_quantities import Factor, Share
from tasks.forecast_result import Forecast, Range, SourceForecast
from tasks.jobs import JobError, expand
from tasks.source_survey import Survey
from tasks.text_size import DocumentSize

KINDS = st.sampled_from(["a.txt", "a.pdf", "a.html", "b.eml", "c.docx", "image/png"])
SIZES = st.lists(st.builds(DocumentSize, bytes=st.integers(0, 3_000_000), hint=KINDS), max_size=20)


def make_survey(documents: list[DocumentSize], **values: Any) -> Survey:
    """A survey of documents that nobody parsed but those that have `text_chars`."""
    known = sum(size.text_chars is not None for size in documents)
    source = SourceForecast(found=len(documents), asked=len(documents), measured=known)
    return Survey(source=source, documents=tuple(documents), **values)


def make_forecast(
    documents: list[DocumentSize],
    profile: str = "openrouter",
    *,
    beliefs: Beliefs | None = None,
    lane: str = "standard",
    probability: float = 0.9,
    text_factor: float = 1.0,
    **values: Any,
) -> Forecast:
    """A forecast of invoices, but for what its test is about."""
    job = expand(Job.model_validate({"profile": profile, "types": ("invoice",), **values}))
    return forecast(
        job,
        make_survey(documents, text_factor=text_factor),
        resolve(job, {}),
        beliefs=beliefs,
        lane=lane,
        probability=probability,
    )


def texts(count: int, chars: int = 8000) -> list[DocumentSize]:
    return [DocumentSize(chars, "a.txt", chars)] * count


def ranges(found: Forecast) -> list[Range]:
    totals = [found.usd, found.projected_usd, found.baseline_usd, found.saving, found.seconds]
    stages = [r for s in found.stages for r in (s.usd, s.calls, s.prompt_tokens, s.billed_tokens)]
    lanes = [r for lane in found.lanes for r in (lane.usd, lane.seconds)]
    return [r for r in (*totals, *stages, *lanes, found.document_tokens) if r is not None]


def calls(found: Forecast) -> dict[str, float]:
    return {stage.stage: stage.calls.expected for stage in found.stages}


@settings(max_examples=8, deadline=None)
@given(SIZES, st.sampled_from(["openrouter", "openai", "offline"]))
def test_every_range_holds_its_expected_figure(documents: list[DocumentSize], profile: str) -> None:
    for one in ranges(make_forecast(documents, profile)):
        assert 0 <= one.low <= one.expected <= one.high


@settings(max_examples=8, deadline=None)
@given(SIZES, st.integers(1, 3_000_000), KINDS)
def test_one_document_more_never_costs_less(
    documents: list[DocumentSize], size: int, hint: str
) -> None:
    before = make_forecast(documents)
    after = make_forecast([*documents, DocumentSize(size, hint)])

    assert after.usd.expected >= before.usd.expected * (1 - 1e-9)
    assert after.baseline_usd is not None
    assert before.baseline_usd is not None
    assert after.baseline_usd.expected >= before.baseline_usd.expected * (1 - 1e-9)


def test_the_stages_add_up_to_the_total() -> None:
    found = make_forecast(texts(100))

    assert found.usd.expected == pytest.approx(sum(s.usd.expected for s in found.stages))
    assert [s.stage for s in found.stages] == [
        "extract",
        "escalate",
        "verify",
        "retry",
        "retry, next tier",
        "decide",
        "insights",
    ]


def test_the_same_question_gets_the_same_answer() -> None:
    assert make_forecast(texts(50)) == make_forecast(texts(50))


def test_a_higher_probability_takes_a_wider_range() -> None:
    wide, narrow = (make_forecast(texts(50), probability=p).usd for p in (0.99, 0.5))

    assert wide.low < narrow.low <= narrow.expected <= narrow.high < wide.high
    assert wide.expected == narrow.expected


def test_a_range_leaves_out_as_much_below_as_above() -> None:
    values = [float(n) for n in range(101)]

    assert range_of(50, values, 0.9) == Range(low=5, expected=50, high=95)
    assert range_of(99, values, 0.9) == Range(low=5, expected=99, high=99)


def test_ten_thousand_documents_cost_a_fifth_of_one_strong_model_or_less() -> None:
    found = make_forecast(texts(10_000))

    assert found.documents == 10_000
    assert found.document_tokens.expected == 20_000_000
    assert found.saving is not None
    assert found.saving.low > 5


def test_an_empty_folder_costs_nothing() -> None:
    found = make_forecast([])

    assert found.usd == Range(low=0, expected=0, high=0)
    assert found.stages == ()
    assert found.saving is None


def test_an_offline_run_is_free_and_shows_what_the_catalog_models_would_cost() -> None:
    offline = make_forecast(texts(100), "offline")

    assert offline.usd == Range(low=0, expected=0, high=0)
    assert offline.is_projected
    assert offline.projected_usd is not None
    assert offline.projected_usd.low > 0
    assert not any(stage.model.startswith("offline") for stage in offline.stages)
    assert offline.saving is not None


def test_documents_of_several_types_need_a_router() -> None:
    found = make_forecast(texts(100), types=("invoice", "receipt"))

    assert (found.stages[0].stage, found.stages[0].role) == ("route", Role.FORMATTING_WORKER)


def test_long_documents_start_a_tier_higher() -> None:
    cascade = Cascade(max_input_chars=10_000, long_document_chars=20_000)
    found = calls(make_forecast(texts(10, 50_000), cascade=cascade))

    assert "extract" not in found
    assert found["extract, long documents"] == 60


def test_the_verifier_is_not_the_model_that_answered() -> None:
    models = {s.stage: s.model for s in make_forecast(texts(10)).stages}

    assert models["verify"] != models["extract"]


def test_what_is_switched_off_is_not_paid() -> None:
    found = make_forecast(
        texts(10),
        verify=Verify(share=0),
        orchestrator=Orchestrator(share=0),
        analysis=Analysis(max_insights=0),
    )

    assert [s.stage for s in found.stages] == ["extract", "escalate"]


def test_own_runs_take_the_place_of_the_priors() -> None:
    taught = Beliefs(
        escalated=Share(90, 100),
        answers={EXTRACT: Factor.about(3.0, 1.01), ESCALATE: Factor.about(1.0, 1.01)},
        runs=3,
    )
    before, after = make_forecast(texts(100)), make_forecast(texts(100), beliefs=taught)

    assert calls(after)["escalate"] == pytest.approx(90)
    assert after.stages[0].answer_tokens.expected == pytest.approx(
        3 * before.stages[0].answer_tokens.expected
    )
    assert after.runs == 3
    assert "learned from 3 own run(s)" in " ".join(after.assumptions)


def test_what_the_rules_taught_is_said_to_be_of_the_rules() -> None:
    taught = Beliefs(pace=Factor.about(100.0, 1.1), runs=2)
    found = make_forecast(texts(5), "offline", beliefs=taught)

    assert any("not answered by the models above" in one for one in found.assumptions)
    assert found.seconds.expected == make_forecast(texts(5), "offline").seconds.expected


def test_without_own_runs_the_probability_is_called_subjective() -> None:
    said = " ".join(make_forecast(texts(1)).assumptions)

    assert "the probability is subjective" in said


def test_a_dense_script_costs_more_until_own_runs_know_better() -> None:
    latin, dense = (make_forecast(texts(50), text_factor=factor) for factor in (1.0, 4.0))
    taught = make_forecast(texts(50), text_factor=4.0, beliefs=Beliefs(runs=1))

    assert dense.document_tokens.expected == 4 * latin.document_tokens.expected
    assert dense.usd.expected > latin.usd.expected
    assert taught.usd.expected == latin.usd.expected


def test_unknown_texts_make_a_wider_range_than_known_ones() -> None:
    known = make_forecast([DocumentSize(100_000, "a.pdf", 10_000)] * 50)
    unknown = make_forecast([DocumentSize(100_000, "a.pdf")] * 50)

    assert known.document_tokens.low == known.document_tokens.high == 125_000
    assert unknown.document_tokens.low < unknown.document_tokens.high
    assert unknown.usd.high / unknown.usd.low > known.usd.high / known.usd.low


def test_lanes_stand_beside_each_other_and_one_of_them_is_meant() -> None:
    job = expand(Job(profile="openrouter", types=("invoice",)))
    resolution = resolve(job, {})
    halved = {
        role: tuple(m.model_copy(update={"batch_discount": 0.5}) for m in ranked)
        for role, ranked in resolution.roles.items()
    }
    discounted = resolution.model_copy(
        update={
            "roles": halved,
            "verifiers": tuple(
                m.model_copy(update={"batch_discount": 0.5}) for m in resolution.verifiers
            ),
        }
    )
    found = forecast(job, make_survey(texts(100)), discounted, lane="batch")
    by_name = {lane.lane: lane for lane in found.lanes}

    assert found.usd == by_name["batch"].usd
    # The findings of the report are asked for online, whatever the lane.
    insights = found.stages[-1].usd.expected
    standard = by_name["standard"].usd.expected
    assert found.usd.expected == pytest.approx((standard - insights) / 2 + insights)
    assert found.seconds.high <= (len(found.stages) - 1) * 86_400
    assert by_name["flex"].usd == by_name["standard"].usd
    assert by_name["flex"].seconds.expected > by_name["standard"].seconds.expected


def test_the_strong_model_is_taken_to_cost_half_in_a_batch_where_nothing_is_known() -> None:
    lanes = {lane.lane: lane for lane in make_forecast(texts(10)).lanes}

    online, batch = lanes["standard"].baseline_usd, lanes["batch"].baseline_usd
    assert online is not None
    assert batch is not None
    assert batch.expected == pytest.approx(online.expected / 2)


def test_an_unknown_price_is_an_error() -> None:
    job = expand(Job(profile="openrouter", types=("invoice",)))
    resolution = resolve(job, {})
    unpriced = resolution.model(Role.EXTRACTION_WORKER).model_copy(update={"input_price": None})
    roles = {**resolution.roles, Role.EXTRACTION_WORKER: (unpriced,)}

    with pytest.raises(UnknownPriceError, match=unpriced.slug):
        forecast(job, make_survey(texts(1)), resolution.model_copy(update={"roles": roles}))


def test_an_unknown_document_type_is_an_error() -> None:
    with pytest.raises(JobError, match="docmill ships no document type 'invoce'"):
        make_forecast(texts(1), types=("invoce",))
