"""Signals to one confidence: missing ones, ones that point the wrong way, and honest figures."""

import math
import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.calibration.fitting import confidence, fit, part_of
from llms.calibration.isotonic import SMALLEST_POOL, along_steps, fit_steps
from llms.calibration.logistic import PENALTY, fit_weights, logistic
from llms.calibration.signals import Example, direction, transformed
from schemas.calibration import ConfidenceModel, Signal

Draw = Callable[[random.Random, bool], Mapping[Signal, float]]


def examples(draw: Draw, n: int = 400, right: float = 0.7, seed: int = 2) -> list[Example]:
    """Labelled answers, one per document, whose signals are drawn knowing whether it is right."""
    dice = random.Random(seed)
    found = []
    for i in range(n):
        is_right = dice.random() < right
        found.append(Example(f"document {i}", draw(dice, is_right), is_right))
    return found


def leaning(dice: random.Random, is_right: bool) -> float:
    """A number between 0 and 1 that is larger, on average, for a right answer."""
    return dice.betavariate(4, 2) if is_right else dice.betavariate(2, 4)


def grounded(dice: random.Random, is_right: bool) -> dict[Signal, float]:
    return {Signal.GROUNDING: leaning(dice, is_right)}


def test_a_signal_that_speaks_for_answers_makes_right_ones_surer() -> None:
    fitted = fit(examples(grounded))

    assert fitted.model.auc is not None
    assert fitted.model.auc > 0.8
    assert [w.signal for w in fitted.model.weights] == [Signal.GROUNDING]
    low, high = (confidence(fitted.model, {Signal.GROUNDING: g}) for g in (0.2, 0.9))
    assert low < 0.6 < 0.9 < high


def test_confidences_are_probabilities_on_answers_not_fitted_to() -> None:
    given_examples = examples(grounded, n=2_000)
    held_out = fit(given_examples).held_out
    for low, high in [(0.0, 0.4), (0.4, 0.7), (0.7, 0.9), (0.9, 1.0)]:
        rows = [i for i, p in enumerate(held_out) if low <= p < high]
        said = sum(held_out[i] for i in rows) / len(rows)
        true = sum(given_examples[i].is_right for i in rows) / len(rows)
        assert said == pytest.approx(true, abs=4 * math.sqrt(0.25 / len(rows)))


def test_a_signal_that_points_the_wrong_way_is_turned_round() -> None:
    def draw(dice: random.Random, is_right: bool) -> dict[Signal, float]:
        return {**grounded(dice, is_right), Signal.AGREEMENT: leaning(dice, not is_right)}

    model = fit(examples(draw)).model

    assert model.flipped == (Signal.AGREEMENT,)
    agreed, alone = (
        confidence(model, {Signal.GROUNDING: 0.6, Signal.AGREEMENT: a}) for a in (0.9, 0.1)
    )
    assert agreed < alone


def test_a_signal_that_means_nothing_does_not_turn_round_by_chance() -> None:
    def draw(dice: random.Random, is_right: bool) -> dict[Signal, float]:
        return {**grounded(dice, is_right), Signal.STATED: dice.random()}

    flips = sum(
        Signal.STATED in fit(examples(draw, n=80, seed=seed)).model.flipped for seed in range(60)
    )

    assert flips <= 3


def test_a_signal_without_a_meaning_of_its_own_is_dropped_with_the_reason() -> None:
    def draw(dice: random.Random, is_right: bool) -> dict[Signal, float]:
        return {**grounded(dice, is_right), Signal.RULES: 1.0}

    assert fit(examples(draw)).model.dropped == {
        Signal.RULES: "it is the same for right and wrong answers"
    }


def test_a_copy_of_a_signal_adds_nothing_and_breaks_nothing() -> None:
    def draw(dice: random.Random, is_right: bool) -> dict[Signal, float]:
        value = leaning(dice, is_right)
        return {Signal.MIN_TOKEN: value, Signal.MEAN_TOKEN: value}

    def one(dice: random.Random, is_right: bool) -> dict[Signal, float]:
        return {Signal.MIN_TOKEN: leaning(dice, is_right)}

    assert fit(examples(draw)).model.auc == pytest.approx(fit(examples(one)).model.auc, abs=0.01)


def test_an_answer_lacking_a_signal_still_gets_a_confidence() -> None:
    def draw(dice: random.Random, is_right: bool) -> dict[Signal, float]:
        found = {Signal.GROUNDING: leaning(dice, is_right), Signal.VERIFIER: float(is_right)}
        # The verifier is asked less often about wrong answers: being missing is a sign, too.
        return {s: v for s, v in found.items() if dice.random() < (0.9 if is_right else 0.4)}

    model = fit(examples(draw)).model
    asked = confidence(model, {Signal.GROUNDING: 0.5, Signal.VERIFIER: 1.0})
    unasked = confidence(model, {Signal.GROUNDING: 0.5})

    assert 0 < confidence(model, {}) < 1
    assert unasked < asked


def test_a_signal_that_was_never_missing_counts_as_average_when_it_is() -> None:
    model = fit(examples(grounded)).model
    (weight,) = model.weights

    assert confidence(model, {}) == confidence(model, {Signal.GROUNDING: weight.centre})


@pytest.mark.parametrize("right", [0.0, 1.0, 0.01])
def test_without_both_outcomes_all_answers_get_the_same_confidence(right: float) -> None:
    given_examples = examples(grounded, n=60, right=right)
    model = fit(given_examples).model

    assert (model.kind, model.auc) == ("constant", None)
    n = sum(one.is_right for one in given_examples)
    assert confidence(model, {Signal.GROUNDING: 0.9}) == pytest.approx((n + 0.5) / 61)


def test_steps_replace_the_logistic_function_where_they_are_better() -> None:
    def draw(dice: random.Random, is_right: bool) -> dict[Signal, float]:
        # Sure answers are right, and of all the others the signal says nothing.
        return {Signal.GROUNDING: 1.0 if is_right and dice.random() < 0.6 else dice.random() * 0.9}

    model = fit(examples(draw, n=3_000)).model
    levels = [confidence(model, {Signal.GROUNDING: i / 50}) for i in range(51)]

    assert model.kind == "isotonic"
    assert levels == sorted(levels)
    assert len(set(levels)) == 51
    assert levels[-1] > 0.97


def test_the_same_examples_give_the_same_model_and_it_survives_its_file() -> None:
    model = fit(examples(grounded)).model

    assert fit(examples(grounded)).model == model
    assert ConfidenceModel.model_validate_json(model.model_dump_json()) == model


def test_answers_about_one_document_stay_together() -> None:
    given_examples = [
        Example("the same", one.signals, one.is_right) for one in examples(grounded, n=50)
    ]

    # Held out, nothing is left to fit to: one confidence, and no figure that flatters.
    assert len(set(fit(given_examples).held_out)) == 1


def test_no_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="no labelled answers"):
        fit([])


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
def test_a_signal_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="signals lie between 0 and 1"):
        transformed(Signal.STATED, value)


def test_probabilities_count_as_their_logit_up_to_one_in_a_million() -> None:
    assert transformed(Signal.STATED, 0.5) == 0
    assert transformed(Signal.STATED, 1.0) == -transformed(Signal.STATED, 0.0) == math.log(1e6)
    assert transformed(Signal.GROUNDING, 0.95) == 0.95


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_a_direction_is_the_share_of_pairs_in_the_right_order(
    pairs: list[tuple[int, bool]],
) -> None:
    found = direction([float(v) for v, _ in pairs], [r for _, r in pairs])
    right = [v for v, r in pairs if r]
    wrong = [v for v, r in pairs if not r]
    if not right or not wrong or len({v for v, _ in pairs}) == 1:
        assert found is None
        return
    wins = sum((a > b) + (a == b) / 2 for a in right for b in wrong)
    assert found is not None
    assert found.auc == pytest.approx(wins / (len(right) * len(wrong)))
    assert (found.z > 0) == (found.auc > 0.5 + 1e-12)


def test_weights_have_no_slope_left_at_the_optimum() -> None:
    dice = random.Random(4)
    rows = [[1.0, dice.gauss(0, 1), dice.gauss(0, 1)] for _ in range(200)]
    is_right = [dice.random() < logistic(0.5 + row[1] - 2 * row[2]) for row in rows]

    weights = fit_weights(rows, is_right)

    for column in range(3):
        slope = sum(
            row[column] * (right - logistic(sum(w * x for w, x in zip(weights, row, strict=True))))
            for row, right in zip(rows, is_right, strict=True)
        )
        assert slope == pytest.approx(PENALTY * weights[column] if column else 0.0, abs=1e-5)


def test_a_signal_that_never_errs_gets_a_finite_weight() -> None:
    weights = fit_weights(
        [[1.0, 1.0 if i % 2 else -1.0] for i in range(40)], [i % 2 == 1 for i in range(40)]
    )

    assert 1 < weights[1] < 10


@given(st.lists(st.tuples(st.floats(-3, 3), st.booleans()), min_size=1, max_size=80))
def test_steps_rise_and_hold_enough_answers(pairs: list[tuple[float, bool]]) -> None:
    steps = fit_steps([s for s, _ in pairs], [r for _, r in pairs])
    shares = [step.confidence for step in steps]

    assert shares == sorted(set(shares))
    assert 1 <= len(steps) <= max(1, len(pairs) // SMALLEST_POOL)
    assert along_steps(steps, -9) == shares[0]
    assert along_steps(steps, 9) == shares[-1]


def test_parts_depend_on_the_key_and_the_seed_alone() -> None:
    parts = [part_of(f"document {i}", 2, "certify") for i in range(1_000)]

    assert 400 < sum(parts) < 600
    assert parts != [part_of(f"document {i}", 2, "fit") for i in range(1_000)]
