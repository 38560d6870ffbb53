"""How far figures may be off: the bootstrap over documents."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.evaluation_intervals import differences, intervals

TRIPLES = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
COUNTS = st.dictionaries(
    st.integers(0, 9).map(str),
    st.dictionaries(st.sampled_from(["a", "b"]), TRIPLES, max_size=2),
    min_size=1,
    max_size=10,
)


def make_counts(right: int, wrong: int) -> dict[str, dict[str, tuple[int, int, int]]]:
    """So many documents with a right value of field `a`, and so many with a wrong one."""
    outcomes = [(1, 0, 0)] * right + [(0, 1, 1)] * wrong
    return {f"{n}": {"a": outcome} for n, outcome in enumerate(outcomes)}


def test_an_interval_holds_its_figure_and_narrows_with_more_documents() -> None:
    few, many = intervals(make_counts(8, 2))["a"], intervals(make_counts(160, 40))["a"]

    assert few.f1 is not None
    assert many.f1 is not None
    assert few.f1.low < many.f1.low < 0.8 < many.f1.high < few.f1.high
    # Of 200 values with a share of 0.8 right, the exact binomial interval is 0.74 to 0.85.
    assert (many.f1.low, many.f1.high) == pytest.approx((0.74, 0.85), abs=0.02)


def test_what_never_varies_has_an_interval_of_one_point() -> None:
    found = intervals(make_counts(5, 0))["micro"].precision

    assert found is not None
    assert (found.low, found.high) == (1.0, 1.0)


def test_two_evaluations_are_told_apart_on_the_same_documents() -> None:
    good, bad = make_counts(45, 5), make_counts(20, 30)

    gap = differences(good, bad)["a"]

    assert (gap.f1, gap.other, gap.difference) == pytest.approx((0.9, 0.4, 0.5))
    assert 0 < gap.low < 0.5 < gap.high


@settings(max_examples=20)
@given(COUNTS, st.integers(0, 5))
def test_an_evaluation_differs_from_itself_by_nothing(
    counts: dict[str, dict[str, tuple[int, int, int]]], seed: int
) -> None:
    for gap in differences(counts, counts, seed).values():
        assert (gap.difference, gap.low, gap.high) == (0, 0, 0)


@settings(max_examples=20)
@given(COUNTS)
def test_intervals_are_seeded_and_lie_between_nought_and_one(
    counts: dict[str, dict[str, tuple[int, int, int]]],
) -> None:
    found = intervals(counts, seed=1)

    assert found == intervals(counts, seed=1)
    for one in found.values():
        for part in (one.precision, one.recall, one.f1):
            assert part is None or 0 <= part.low <= part.high <= 1
