"""What a stored calibration says of itself, and when it must not be used."""

from datetime import date

import pytest
from pydantic import ValidationError

from schemas.calibration import Calibration, Guarantee, Scope

SCOPE = Scope(
    task="invoices/invoice",
    schema_hash="5c1",
    prompt_hash="9aa",
    cheap=("small", "medium"),
    strong="large",
)


def make_guarantee(**given: object) -> Guarantee:
    """A promise over fields to come, certified with two errors among 200 labels."""
    usual: dict[str, object] = {
        "rule": "long_run",
        "against": "truth",
        "target": 0.95,
        "delta": 0.1,
        "labelled": 200,
        "accepted": 160,
        "errors": 2,
        "threshold": 0.8,
        "needed": 45,
    }
    return Guarantee.model_validate(usual | given)


def make_calibration() -> Calibration:
    """A calibration without any fitted confidence."""
    return Calibration(
        scope=SCOPE, made_on=date(2026, 1, 2), confidences={}, guarantees={"": make_guarantee()}
    )


def test_a_calibration_applies_to_its_own_scope() -> None:
    assert make_calibration().applies_to(SCOPE) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"task": "t"}, "it was made for task 'invoices/invoice', and this is 't'"),
        ({"schema_hash": "0"}, "it was made for schema hash '5c1', and this is '0'"),
        ({"prompt_hash": "0"}, "it was made for prompt hash '9aa', and this is '0'"),
        ({"cheap": ("small",)}, "it was made for cheap small then medium, and this is small"),
        ({"strong": None}, "it was made for strong 'large', and this is nobody"),
    ],
)
def test_outside_its_scope_it_says_why_not(change: dict[str, object], reason: str) -> None:
    assert make_calibration().applies_to(SCOPE.model_copy(update=change)) == reason


def test_a_calibration_survives_its_file() -> None:
    calibration = make_calibration()

    assert Calibration.model_validate_json(calibration.model_dump_json()) == calibration


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {},
            "with probability 0.9, at most 0.05 of all fields to come are accepted and not right "
            "(by 200 judged, 2 errors accepted)",
        ),
        (
            {"rule": "batch", "against": "strong_model", "unit": "record", "answers": 1000},
            "with probability 0.9, at least 0.95 of the 1000 records of this batch are as the "
            "strong model has it (by 200 judged, 2 errors accepted)",
        ),
        (
            {"rule": "expected", "delta": None},
            "on average over sets of labels, at most 0.05 of all fields to come are accepted and "
            "not right (by 200 judged, 2 errors accepted)",
        ),
        (
            {"threshold": None, "labelled": 30, "accepted": 0, "errors": 0},
            "not certified: 30 judged fields are too few for 0.95, it takes 45 without any error",
        ),
        (
            {"threshold": None, "accepted": 0, "errors": 0},
            "not certified: even the surest of 200 judged fields hold too many errors for 0.95",
        ),
    ],
)
def test_a_promise_says_in_words_what_it_covers(given: dict[str, object], words: str) -> None:
    assert make_guarantee(**given).words() == words


@pytest.mark.parametrize("rule", ["batch", "next_answers"])
def test_a_promise_about_so_many_answers_says_how_many(rule: str) -> None:
    with pytest.raises(ValidationError, match="say how many answers"):
        make_guarantee(rule=rule)


@pytest.mark.parametrize(
    "given", [{"errors": 161}, {"accepted": 201}, {"delta": None}, {"rule": "expected"}]
)
def test_a_promise_that_contradicts_itself_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        make_guarantee(**given)


def test_an_audit_tolerates_what_was_promised() -> None:
    assert make_guarantee().tolerated == pytest.approx(0.05)
