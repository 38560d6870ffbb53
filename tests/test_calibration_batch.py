"""One batch, a strong model as judge: exact tails, the two rules, and rules that fail."""

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.calibration.hypergeometric import (
    allowed_errors,
    before_error,
    counted,
    draw_sample,
    fixed_sequence,
    sample_size,
    smallest_count,
    smallest_sample,
)
from llms.calibration.tails import (
    binomial_tail,
    errors_within,
    hypergeometric_tail,
    is_proven,
    upper_bound,
)

Rule = Callable[[Sequence[bool | None], float, float], object]


def judged(disagrees: Sequence[bool], sample: frozenset[int]) -> list[bool | None]:
    """What a sample of a batch shows, in the batch's order."""
    return [wrong if i in sample else None for i, wrong in enumerate(disagrees)]


def let_through(disagrees: Sequence[bool], sample: frozenset[int], accepted: int) -> int:
    """Disagreements that stay in the output: accepted ones that were not sampled and so mended."""
    return sum(wrong for i, wrong in enumerate(disagrees[:accepted]) if i not in sample)


def failure_rate(
    rule: Rule, disagrees: Sequence[bool], size: int, target: float, delta: float
) -> Fraction:
    """The exact probability that a rule breaks its promise, over all samples of a size."""
    harmless = errors_within(target, len(disagrees))
    failures = samples = 0
    for positions in combinations(range(len(disagrees)), size):
        sample = frozenset(positions)
        prefix = rule(judged(disagrees, sample), target, delta)
        failures += let_through(disagrees, sample, prefix.accepted) > harmless
        samples += 1
    return Fraction(failures, samples)


@given(st.data())
def test_the_hypergeometric_tail_is_the_count_of_draws(data: st.DataObject) -> None:
    population = data.draw(st.integers(0, 60))
    bad = data.draw(st.integers(0, population))
    drawn = data.draw(st.integers(0, population))
    at_most = data.draw(st.integers(-1, population))

    draws = sum(
        comb(bad, x) * comb(population - bad, drawn - x) for x in range(at_most + 1) if x <= drawn
    )

    assert hypergeometric_tail(population, bad, drawn, at_most) == pytest.approx(
        draws / comb(population, drawn), rel=1e-10
    )


@given(st.integers(0, 60), st.fractions(0, 1, max_denominator=50), st.integers(-1, 61))
def test_the_binomial_tail_is_its_definition(n: int, rate: Fraction, at_most: int) -> None:
    exact = sum(comb(n, x) * rate**x * (1 - rate) ** (n - x) for x in range(min(n, at_most) + 1))

    assert binomial_tail(n, float(rate), at_most) == pytest.approx(float(exact), rel=1e-9)


def test_a_large_tail_agrees_with_whole_numbers() -> None:
    population, bad, drawn, at_most = 12_554, 1_290, 400, 33
    exact = Fraction(
        sum(comb(bad, x) * comb(population - bad, drawn - x) for x in range(at_most + 1)),
        comb(population, drawn),
    )

    assert hypergeometric_tail(population, bad, drawn, at_most) == pytest.approx(
        float(exact), rel=1e-9
    )


def test_without_an_error_the_upper_bound_has_its_closed_form() -> None:
    assert upper_bound(45, 0, 0.1) == pytest.approx(1 - 0.1 ** (1 / 45), abs=1e-11)


@given(st.integers(1, 200), st.data())
def test_the_upper_bound_is_the_largest_rate_not_yet_improbable(
    n: int, data: st.DataObject
) -> None:
    bad = data.draw(st.integers(0, n - 1))
    bound = upper_bound(n, bad, 0.1)

    assert binomial_tail(n, bound, bad) <= 0.1
    assert binomial_tail(n, bound - 1e-6, bad) > 0.1


def test_nothing_drawn_bounds_nothing() -> None:
    assert upper_bound(0, 0, 0.1) == 1.0


@pytest.mark.parametrize(
    ("target", "answers", "errors"), [(0.9, 100, 10), (0.95, 20, 1), (0.95, 19, 0), (0.7, 10, 3)]
)
def test_errors_allowed_are_counted_as_the_target_is_written(
    target: float, answers: int, errors: int
) -> None:
    assert errors_within(target, answers) == errors


def test_rounding_never_certifies() -> None:
    assert not is_proven(0.1, 0.1)
    assert is_proven(0.1 - 1e-9, 0.1)


@pytest.mark.parametrize(("answers", "size"), [(300, 100), (500, 100), (2_500, 250), (90_000, 400)])
def test_the_sample_is_a_tenth_within_bounds(answers: int, size: int) -> None:
    assert sample_size(answers, 0.95, 0.1) == size


def test_of_a_small_batch_a_third_is_sampled_unless_that_could_not_certify() -> None:
    assert sample_size(210, 0.9, 0.1) == 70
    assert sample_size(60, 0.95, 0.1) == smallest_sample(60, 0.95, 0.1) > 20
    assert sample_size(10, 0.99, 0.01) == 10


@pytest.mark.parametrize("rule", [fixed_sequence, counted])
@pytest.mark.parametrize(("size", "target", "delta"), [(6, 0.8, 0.3), (8, 0.7, 0.2), (9, 0.9, 0.5)])
def test_a_rule_keeps_its_promise_over_every_sample_whatever_the_disagreements(
    rule: Rule, size: int, target: float, delta: float
) -> None:
    dice = random.Random(3)
    batches = [
        [dice.random() < rate for _ in range(13)] for rate in (0.2, 0.4, 0.7) for _ in (1, 2)
    ]
    batches += [[i >= 13 - bad for i in range(13)] for bad in (3, 5, 8)]
    batches += [[i < bad for i in range(13)] for bad in (3, 5, 8, 13)]
    assert all(failure_rate(rule, batch, size, target, delta) <= delta for batch in batches)


@given(
    st.lists(st.booleans(), min_size=1, max_size=9),
    st.integers(0, 9),
    st.sampled_from([0.5, 0.7, 0.8, 0.9]),
    st.sampled_from([0.05, 0.2, 0.5]),
)
def test_no_small_batch_breaks_the_promise_of_counting(
    disagrees: list[bool], size: int, target: float, delta: float
) -> None:
    assert failure_rate(counted, disagrees, min(size, len(disagrees)), target, delta) <= delta


def test_counting_uses_delta_up_and_is_never_stricter_than_it_must_be() -> None:
    harmless, population, size, delta = 20, 200, 60, 0.1
    allowed = allowed_errors(population, size, harmless, delta)

    assert allowed is not None
    assert hypergeometric_tail(population, harmless + 1 + allowed, size, allowed) <= delta
    assert hypergeometric_tail(population, harmless + 2 + allowed, size, allowed + 1) > delta


def test_what_was_not_sampled_cannot_hold_more_errors_than_there_are_answers() -> None:
    assert allowed_errors(100, 95, 5, 0.01) == 95


def test_a_sample_too_small_certifies_nothing_that_could_fail() -> None:
    blind: list[bool | None] = [None] * 100

    assert counted(blind, 0.9, 0.1).accepted == 0
    # Ten answers may all be wrong, so the prefix of ten needs no test.
    assert fixed_sequence(blind, 0.9, 0.1).accepted == 10


@pytest.mark.parametrize(("answers", "target", "delta"), [(500, 0.9, 0.1), (70, 0.8, 0.05)])
def test_the_smallest_sample_is_the_smallest_that_can_certify(
    answers: int, target: float, delta: float
) -> None:
    size = smallest_sample(answers, target, delta)
    harmless = errors_within(target, answers)

    assert allowed_errors(answers, size, harmless, delta) is not None
    assert allowed_errors(answers, size - 1, harmless, delta) is None


def test_no_sample_is_needed_where_everything_may_be_wrong() -> None:
    assert smallest_count(10, 10, 0.1) == 0


def test_a_flawless_sample_keeps_every_cheap_answer() -> None:
    sample = draw_sample(1_000, 100, random.Random(0))

    prefix = counted(judged([False] * 1_000, sample), 0.95, 0.1)

    assert (prefix.accepted, prefix.sampled, prefix.kept, prefix.errors) == (1_000, 100, 900, 0)


def test_a_walk_stops_before_the_error_that_is_not_allowed() -> None:
    assert before_error([None, True, False, None, True, False], 1) == 4
    assert before_error([None, True, False], 1) == 3
    assert before_error([None, False], None) == 0


@pytest.mark.parametrize(("target", "delta"), [(1.0, 0.1), (0.0, 0.1), (0.9, 0.0), (0.9, 1.0)])
def test_a_promise_of_everything_or_nothing_is_refused(target: float, delta: float) -> None:
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        counted([None, False], target, delta)


def seeded_failures(rule: Rule, seeds: int) -> float:
    """How often a rule breaks its promise on a batch of rising error rate, over seeded samples."""
    dice = random.Random(11)
    disagrees = [dice.random() < 0.4 * (i / 600) ** 2 for i in range(600)]
    harmless = errors_within(0.95, 600)
    failures = 0
    for seed in range(seeds):
        sample = draw_sample(600, 100, random.Random(seed))
        prefix = rule(judged(disagrees, sample), 0.95, 0.1)
        failures += let_through(disagrees, sample, prefix.accepted) > harmless
    return failures / seeds


@pytest.mark.parametrize("rule", [fixed_sequence, counted])
def test_in_simulation_a_rule_fails_no_oftener_than_delta(rule: Rule) -> None:
    # Four standard deviations above 0.1 over 800 samples.
    assert seeded_failures(rule, 800) <= 0.1 + 4 * (0.1 * 0.9 / 800) ** 0.5
