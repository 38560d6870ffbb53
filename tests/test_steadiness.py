"""A job changes its model for a reason, not for a hair's breadth."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.catalog import load_catalog
from llms.priorities import Candidate, ordered
from llms.roles import Priority
from llms.steadiness import TOLERATED_COST, TOLERATED_POINTS, kept

ROW = load_catalog().models[0]


def candidate(slug: str, usd: float, points: float = 50.0) -> Candidate:
    return Candidate(
        model=replace(ROW, slug=slug, api_id=slug, intelligence=points),
        thinking_factor=1.0,
        factor_from="catalog",
        call_usd=usd,
        margin=10.0,
    )


def stays(priority: Priority, first: Candidate, old: Candidate) -> bool:
    return kept(priority, [first, old], old.model.slug) is not None


@pytest.mark.parametrize(
    ("first_usd", "is_kept"), [(0.999, True), (0.91, True), (0.89, False), (0.1, False)]
)
def test_a_tenth_of_the_expected_cost_is_worth_a_change(first_usd: float, is_kept: bool) -> None:
    assert stays(Priority.COST, candidate("new", first_usd), candidate("old", 1.0)) is is_kept


@pytest.mark.parametrize("priority", [Priority.CAPABILITY, Priority.BALANCE, Priority.RELIABILITY])
def test_where_more_than_cost_counts_a_point_is_worth_a_change(priority: Priority) -> None:
    old = candidate("old", 1.0)

    assert stays(priority, candidate("new", 1.0, 50.9), old)
    assert not stays(priority, candidate("new", 1.0, 51.1), old)
    assert not stays(priority, candidate("new", 0.5, 50.0), old)


@pytest.mark.parametrize("former", ["new", "gone", None], ids=["first", "gone", "no run yet"])
def test_who_is_first_or_gone_or_was_never_chosen_is_not_kept(former: str | None) -> None:
    ranked = [candidate("new", 0.99), candidate("old", 1.0)]

    assert kept(Priority.COST, ranked, former) is None


def test_the_reason_names_both_and_the_margin() -> None:
    found = kept(Priority.COST, [candidate("new", 0.0099), candidate("old", 0.01)], "old")

    assert found is not None
    assert found.why == (
        "new now ranks first by cost, but not by 10% of expected cost ($9.90 per 1,000 calls, "
        "against $10.00 per 1,000 calls)"
    )


@given(
    priority=st.sampled_from(list(Priority)),
    figures=st.lists(st.tuples(st.floats(0.001, 1.0), st.floats(30, 60)), min_size=1, max_size=8),
    former=st.integers(0, 9),
)
def test_what_is_kept_is_never_beaten_by_more_than_the_margins(
    priority: Priority, figures: list[tuple[float, float]], former: int
) -> None:
    ranked = ordered(priority, [candidate(f"m{n}", *one) for n, one in enumerate(figures)])

    found = kept(priority, ranked, f"m{former}")

    if found is not None:
        first, old = ranked[0], found.candidate
        assert old.model.slug == f"m{former}" != first.model.slug
        assert first.call_usd >= old.call_usd * (1 - TOLERATED_COST)
        if priority is not Priority.COST:
            assert first.intelligence - old.intelligence <= TOLERATED_POINTS
