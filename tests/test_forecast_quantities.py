"""Beliefs about shares, rates and factors: what they hold before and after a run."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.forecast_quantities import RUN_DOCUMENTS, Factor, Rate, Share

MANY = 10**9
RATIOS = st.floats(0.01, 100)


def draws(factor: Factor, documents: float = MANY, count: int = 4000) -> list[float]:
    rng = random.Random(1)
    return sorted(factor.draw(rng, documents, rng.gauss(0, 1)) for _ in range(count))


def test_a_prior_factor_lies_in_its_range_with_the_stated_probability() -> None:
    drawn = draws(Factor.between(0.5, 4.0))

    held = sum(0.5 <= ratio <= 4.0 for ratio in drawn) / len(drawn)
    assert held == pytest.approx(0.9, abs=0.02)
    assert drawn[len(drawn) // 2] == pytest.approx(Factor.between(0.5, 4.0).middle, rel=0.05)


@given(RATIOS, st.integers(1, 10_000))
def test_a_run_moves_a_factor_towards_what_it_showed(ratio: float, documents: int) -> None:
    before = Factor.about(1.0, 2.0)
    after = before.after(ratio, documents)

    low, high = sorted((1.0, ratio))
    assert low * (1 - 1e-9) <= after.middle <= high * (1 + 1e-9)


def test_large_runs_that_agree_settle_a_factor_and_one_that_does_not_unsettles_it() -> None:
    settled = Factor.about(1.0, 2.0)
    for _ in range(5):
        settled = settled.after(3.0, 1000)
    doubtful = settled.after(1.0, 1000)

    def width(factor: Factor) -> float:
        drawn = draws(factor)
        return drawn[-200] / drawn[200]

    assert settled.middle == pytest.approx(3.0, rel=0.1)
    assert width(settled) < width(Factor.about(1.0, 2.0))
    assert width(doubtful) > width(settled)


def test_a_few_documents_vary_more_than_many() -> None:
    few, many = draws(Factor.about(1.0, 2.0), documents=2), draws(Factor.about(1.0, 2.0))

    assert few[200] < many[200] < many[-200] < few[-200]


def test_a_factor_without_doubt_is_its_middle_and_learns_nothing() -> None:
    certain = Factor.about(2.0, 1.0)

    assert certain.draw(random.Random(1), 10) == pytest.approx(2.0)
    assert certain.after(5.0, 100) == certain


@pytest.mark.parametrize("documents", [0, 100])
def test_a_ratio_of_nothing_teaches_nothing(documents: int) -> None:
    before = Factor.about(1.0, 2.0)

    assert before.after(0.0, documents) == before


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 10_000))
def test_a_share_stays_a_share(hits: int, others: int, seed: int) -> None:
    after = Share.about(0.3, 2).after(hits, hits + others)

    assert 0 < after.middle < 1
    assert 0 <= after.draw(random.Random(seed), 50) <= 1


def test_one_run_counts_for_so_many_documents_at_most() -> None:
    after = Share.about(0.3, 2).after(10_000, 10_000)

    assert after.trials == 2 + RUN_DOCUMENTS
    assert Rate(0.2, 2).after(30_000, 10_000).documents == 2 + RUN_DOCUMENTS


def test_a_share_of_nothing_or_all_needs_no_luck() -> None:
    assert Share(0, 5).draw(random.Random(1), 10) == 0
    assert Share(5, 5).draw(random.Random(1), 10) == 1
    assert Rate(0, 5).draw(random.Random(1), 10) == 0


def test_a_rate_may_pass_one_call_per_document() -> None:
    rate = Rate(0.2, 2)
    for _ in range(5):
        rate = rate.after(120, 60)

    assert rate.middle == pytest.approx(2.0, rel=0.05)
    assert rate.draw(random.Random(1), 100) > 1


def test_a_run_without_documents_teaches_nothing() -> None:
    assert Share(1, 3).after(0, 0) == Share(1, 3)
    assert Rate(1, 3).after(0, 0) == Rate(1, 3)
