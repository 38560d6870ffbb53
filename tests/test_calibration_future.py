"""Documents to come: exact thresholds from labelled answers, and the ones that break promises."""

import random
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.guarantee_pairs import untied
from benchmarks.guarantee_rules import naive_errors
from llms.calibration import risk_control
from llms.calibration.hypergeometric import before_error
from llms.calibration.learn_then_test import (
    Labelled,
    Threshold,
    allowed_errors,
    certify_accepted,
    certify_all,
    record_of,
    smallest_n,
    thresholds,
)
from llms.calibration.tails import binomial_tail, errors_within, upper_bound

answers = st.lists(st.builds(Labelled, st.floats(0, 1), st.booleans()), max_size=60)


def rising(n: int, dice: random.Random, worst: float = 0.5) -> list[Labelled]:
    """Labelled answers of a known source: one of confidence c is wrong with worst * (1 - c)."""
    found = []
    for _ in range(n):
        confidence = dice.random()
        found.append(Labelled(confidence, dice.random() < worst * (1 - confidence)))
    return found


def risk_of(threshold: float | None, worst: float = 0.5) -> float:
    """The share of all answers of that source that is accepted and wrong."""
    return 0.0 if threshold is None else worst * (1 - threshold) ** 2 / 2


@pytest.mark.parametrize(
    ("target", "delta", "n"), [(0.9, 0.1, 22), (0.95, 0.1, 45), (0.95, 0.05, 59), (0.99, 0.1, 230)]
)
def test_the_smallest_number_is_the_one_whose_flawless_outcome_is_improbable(
    target: float, delta: float, n: int
) -> None:
    assert smallest_n(target, delta) == n
    assert target**n <= delta < target ** (n - 1)


def test_expected_errors_take_more_labels() -> None:
    n = smallest_n(0.95, 0.1, error_rate=0.02, chance=0.8)
    allowed = allowed_errors(n, 0.95, 0.1)

    assert n > smallest_n(0.95, 0.1)
    assert allowed is not None
    assert binomial_tail(n, 0.02, allowed) >= 0.8


def test_a_rate_that_no_number_certifies_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"cannot be certified as 0\.05 at most"):
        smallest_n(0.95, 0.1, error_rate=0.05)


@given(st.integers(1, 300), st.sampled_from([0.8, 0.9, 0.95]), st.sampled_from([0.05, 0.1, 0.3]))
def test_allowed_errors_are_those_whose_upper_bound_meets_the_target(
    n: int, target: float, delta: float
) -> None:
    def is_good(errors: int) -> bool:
        return upper_bound(n, errors, delta) <= 1 - target + 1e-11

    allowed = allowed_errors(n, target, delta)

    # The bound rises with the errors (see below), so that both sides of the step tell of all.
    assert allowed is None or is_good(allowed)
    assert not is_good(0 if allowed is None else allowed + 1)


@pytest.mark.parametrize("delta", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("n", [1, 2, 17, 60])
def test_every_error_more_raises_the_upper_bound(n: int, delta: float) -> None:
    bounds = [upper_bound(n, errors, delta) for errors in range(n + 1)]

    assert all(fewer < more for fewer, more in pairwise(bounds))


def test_too_few_labels_certify_nothing() -> None:
    flawless = [Labelled(0.9, is_wrong=False)] * 44

    assert certify_all(flawless, 0.95, 0.1) == Threshold(None, 44, 0, 0)
    assert certify_all([*flawless, flawless[0]], 0.95, 0.1) == Threshold(0.0, 45, 45, 0)


@given(answers, st.sampled_from([0.7, 0.9]), st.sampled_from([None, 5, 50]))
def test_a_threshold_stops_above_the_first_error_too_many(
    labelled: list[Labelled], target: float, next_answers: int | None
) -> None:
    found = certify_all(labelled, target, 0.2, next_answers)

    if found.confidence is None:
        assert (found.accepted, found.errors) == (0, 0)
        return
    accepted = [one for one in labelled if one.confidence >= found.confidence]
    assert len(accepted) == found.accepted
    assert sum(one.is_wrong for one in accepted) == found.errors
    below = [one for one in labelled if one.confidence < found.confidence]
    assert not below or any(one.is_wrong for one in below)


def test_equal_confidences_are_accepted_or_refused_together() -> None:
    labelled = [Labelled(0.5, is_wrong=i < 30) for i in range(60)]

    assert certify_all(labelled, 0.9, 0.1).accepted == 0


def test_told_apart_by_their_keys_some_of_them_can_be_accepted() -> None:
    labelled = [Labelled(untied(0.5, f"document {i}"), is_wrong=i % 5 == 0) for i in range(300)]

    assert 0 < certify_all(labelled, 0.9, 0.1).accepted < 300


@given(st.floats(0, 1), st.floats(0, 1), st.text(max_size=5))
def test_telling_apart_keeps_the_order_and_the_range(low: float, high: float, key: str) -> None:
    low, high = sorted((low, high))

    assert 0 <= untied(low, key) <= 1
    if high - low > 1e-11:
        assert untied(low, key) < untied(high, "another")


def failures_of_next(wrong: Sequence[bool], labelled: int, target: float, delta: float) -> Fraction:
    """The exact share of splits in which the next answers hold more errors than promised."""
    n = len(wrong)
    harmless = errors_within(target, n - labelled)
    splits = failures = 0
    for positions in combinations(range(n), labelled):
        chosen = set(positions)
        given_labels = [Labelled(1 - i / n, wrong[i]) for i in positions]
        level = certify_all(given_labels, target, delta, n - labelled).confidence
        accepted = [
            i for i in range(n) if i not in chosen and level is not None and 1 - i / n >= level
        ]
        failures += sum(wrong[i] for i in accepted) > harmless
        splits += 1
    return Fraction(failures, splits)


@given(st.lists(st.booleans(), min_size=4, max_size=11), st.data())
def test_a_promise_about_the_next_answers_holds_over_every_split(
    wrong: list[bool], data: st.DataObject
) -> None:
    labelled = data.draw(st.integers(1, len(wrong) - 1))
    delta = data.draw(st.sampled_from([0.1, 0.3, 0.5]))

    assert failures_of_next(wrong, labelled, 0.7, delta) <= delta


def test_in_simulation_the_long_run_promise_fails_no_oftener_than_delta() -> None:
    trials = 1_500
    failures = sum(
        risk_of(certify_all(rising(120, random.Random(seed)), 0.9, 0.1).confidence) > 0.1
        for seed in range(trials)
    )

    assert failures / trials <= 0.1 + 4 * (0.09 / trials) ** 0.5


def test_the_naive_rule_breaks_its_promise_nearly_every_other_time() -> None:
    failures = 0
    for seed in range(400):
        labelled = sorted(rising(120, random.Random(seed)), key=lambda one: -one.confidence)
        end = before_error([one.is_wrong for one in labelled], naive_errors(120, 0.9))
        level = 0.0 if end == len(labelled) else labelled[end].confidence
        failures += risk_of(level) > 0.1

    assert failures / 400 > 0.3


def test_in_simulation_a_promise_about_accepted_answers_keeps_delta() -> None:
    trials = 600
    failures = 0
    for seed in range(trials):
        dice = random.Random(seed)
        levels = thresholds([one.confidence for one in rising(200, dice)], 0.9, 0.1)
        level = certify_accepted(rising(200, dice), levels, 0.9, 0.1).confidence
        # Of the accepted ones the source has half of (1 - level) wrong, on average.
        failures += level is not None and (1 - level) / 4 > 0.1

    assert failures / trials <= 0.1 + 4 * (0.09 / trials) ** 0.5


def test_testing_stops_at_the_first_failure() -> None:
    labelled = [Labelled(0.9, is_wrong=True)] * 3 + [Labelled(0.5, is_wrong=False)] * 500

    assert certify_accepted(labelled, [0.8, 0.4], 0.9, 0.1).confidence is None
    assert certify_accepted(labelled, [0.4], 0.9, 0.1) == Threshold(0.4, 503, 503, 3)


def test_levels_that_do_not_descend_are_refused() -> None:
    with pytest.raises(ValueError, match="must descend strictly"):
        certify_accepted([], [0.5, 0.5], 0.9, 0.1)


@given(st.lists(st.floats(0, 1), max_size=200))
def test_levels_descend_and_leave_enough_to_certify(confidences: list[float]) -> None:
    levels = thresholds(confidences, 0.9, 0.1)

    assert all(later < earlier for earlier, later in pairwise(levels))
    assert all(sum(c >= level for c in confidences) >= 44 for level in levels)


def test_a_record_is_wrong_from_its_surest_wrong_field_on() -> None:
    fields = [Labelled(0.9, is_wrong=False), Labelled(0.4, is_wrong=True)]

    assert record_of([*fields, Labelled(0.7, is_wrong=True)]) == Labelled(0.7, is_wrong=True)
    assert record_of(fields[:1]) == Labelled(0.9, is_wrong=False)
    assert record_of([]) == Labelled(0.0, is_wrong=False)


@pytest.mark.parametrize("confidence", [1.2, -0.1])
def test_a_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        certify_all([Labelled(confidence, is_wrong=False)], 0.9, 0.1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        risk_control.control([[Labelled(confidence, is_wrong=False)]] * 30, 0.9)


def test_few_labels_can_keep_the_errors_low_on_average() -> None:
    assert (risk_control.smallest_n(0.95), risk_control.smallest_n(0.9)) == (19, 9)
    flawless = [[Labelled(0.5, is_wrong=False)]] * 19

    assert risk_control.control(flawless, 0.95).confidence == 0.0
    assert risk_control.control(flawless[1:], 0.95).confidence is None


def test_the_loss_of_a_document_is_the_share_of_its_fields_that_is_accepted_and_wrong() -> None:
    document = [Labelled(0.8, is_wrong=True), Labelled(0.2, is_wrong=False)]
    clean = [[Labelled(0.9, is_wrong=False)]] * 14

    # At target 0.9 the losses of 15 documents may sum to 0.6: one half document, not one whole.
    assert risk_control.control([*clean, document], 0.9).confidence == 0.0
    assert risk_control.control([*clean, document[:1]], 0.9).accepted == 14


def test_over_all_ways_to_leave_one_out_the_mean_loss_is_within_the_target() -> None:
    dice = random.Random(5)
    documents = [[one] for one in rising(40, dice, worst=0.8)]
    lost = 0
    for i, (left_out,) in enumerate(documents):
        level = risk_control.control(documents[:i] + documents[i + 1 :], 0.9).confidence
        lost += left_out.is_wrong and level is not None and left_out.confidence >= level

    assert lost / len(documents) <= 0.1
