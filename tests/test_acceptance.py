"""When is an answer kept: by the job's thresholds, or by a calibration where there is one."""

from datetime import date
from typing import Any

import pytest

from llms.acceptance import Acceptance
from llms.judgement import Candidate, Problem
from schemas.calibration import (
    Calibration,
    ConfidenceModel,
    Guarantee,
    Scope,
    Signal,
    SignalWeight,
)
from schemas.job import Cascade

STATED = SignalWeight(signal=Signal.STATED, centre=0.0, spread=1.0, weight=1.0, when_missing=0.0)
AS_STATED = ConfidenceModel(kind="logistic", base=0.0, weights=(STATED,), examples=50, right=40)


def make_promise(threshold: float | None) -> Guarantee:
    return Guarantee(
        rule="long_run", against="truth", target=0.95, delta=0.1, labelled=100, accepted=80,
        errors=1, threshold=threshold, needed=45,
    )  # fmt: skip


def make_calibration(threshold: float | None = 0.9, escalate: float = 0.8) -> Calibration:
    """A calibration of the field `total` as `small` and `large` answer it: sure as stated."""
    return Calibration(
        scope=Scope(task="t", schema_hash="s", prompt_hash="p", cheap=("small",), strong=None),
        made_on=date(2026, 1, 2),
        confidences={"total": {"small": AS_STATED, "large": AS_STATED}},
        escalate_below={"total": escalate},
        guarantees={"total": make_promise(threshold)},
    )


def make_candidate(stated: float, **changes: Any) -> Candidate:
    usual: dict[str, Any] = {
        "values": ("1",), "evidence": (), "confidence": 0.1, "tier": 0, "model": "small",
        "signals": {Signal.STATED: stated},
    }  # fmt: skip
    return Candidate(**{**usual, **changes})


def is_kept(candidate: Candidate) -> bool:
    return not candidate.problems


def test_without_a_calibration_the_thresholds_of_the_job_count() -> None:
    acceptance = Acceptance(Cascade(min_confidence=0.7, min_confidence_last=0.4))
    doubtful = make_candidate(0.99, confidence=0.5)

    assert not is_kept(acceptance.weighed("total", doubtful, is_last=False))
    assert is_kept(acceptance.weighed("total", doubtful, is_last=True))


@pytest.mark.parametrize(
    ("stated", "stays", "is_final"),
    [(0.95, True, True), (0.85, True, False), (0.5, False, False)],
    ids=["sure", "kept from going up, but not certified", "goes up"],
)
def test_a_calibration_decides_what_goes_up_and_what_is_kept(
    stated: float, stays: bool, is_final: bool
) -> None:
    acceptance = Acceptance(Cascade(), make_calibration())

    weighed = acceptance.weighed("total", make_candidate(stated), is_last=False)

    assert is_kept(weighed) is stays
    assert weighed.confidence == pytest.approx(stated)
    assert is_kept(acceptance.final("total", weighed)) is is_final


def test_in_the_last_tier_what_was_certified_counts() -> None:
    acceptance = Acceptance(Cascade(), make_calibration())

    for stated, kept in ((0.95, True), (0.85, False)):
        answer = make_candidate(stated, model="large", tier=1)
        assert is_kept(acceptance.weighed("total", answer, is_last=True)) is kept


def test_where_nothing_was_certified_the_last_threshold_of_the_job_counts() -> None:
    acceptance = Acceptance(Cascade(min_confidence_last=0.4), make_calibration(threshold=None))

    assert is_kept(acceptance.weighed("total", make_candidate(0.5), is_last=True))


def test_a_model_that_the_calibration_does_not_know_goes_up() -> None:
    acceptance = Acceptance(Cascade(), make_calibration())
    stranger = make_candidate(0.99, confidence=0.99, model="other")

    weighed = acceptance.weighed("total", stranger, is_last=False)

    assert [kind for kind, _ in weighed.problems] == [Problem.UNSURE]
    assert "does not know other" in str(weighed.reason)
    assert is_kept(acceptance.weighed("total", stranger, is_last=True))


def test_a_field_that_nobody_has_labelled_is_judged_by_the_job() -> None:
    acceptance = Acceptance(Cascade(), make_calibration())

    assert is_kept(acceptance.weighed("note", make_candidate(0.1, confidence=0.8), is_last=False))


def test_after_an_alarm_everything_goes_up() -> None:
    acceptance = Acceptance(Cascade(), make_calibration(), is_suspended=True)

    assert not is_kept(acceptance.weighed("total", make_candidate(1.0), is_last=False))


def test_a_dispute_costs_nothing_twice_where_agreement_is_a_signal() -> None:
    disputed = make_candidate(0.95, confidence=0.95).against(Problem.DISPUTED, "another says 2")

    assert is_kept(
        Acceptance(Cascade(), make_calibration()).weighed("total", disputed, is_last=False)
    )
    assert not is_kept(Acceptance(Cascade()).weighed("total", disputed, is_last=False))


def test_token_probabilities_are_asked_for_where_they_are_used() -> None:
    weight = STATED.model_copy(update={"signal": Signal.MIN_TOKEN})
    model = AS_STATED.model_copy(update={"weights": (weight,)})
    using = make_calibration().model_copy(update={"confidences": {"total": {"small": model}}})

    assert not Acceptance(Cascade(), make_calibration()).wants_token_probabilities
    assert Acceptance(Cascade(), using).wants_token_probabilities
    assert Acceptance(Cascade(token_probabilities=True)).wants_token_probabilities
