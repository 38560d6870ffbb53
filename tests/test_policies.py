"""Policies over recorded answers: what they pay, what is chosen, and that nothing peeks."""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.policies.contest import Contest, hold
from llms.policies.families import Family
from llms.policies.fixed import Agreement, Cascade, Single, say_the_same
from llms.policies.frontier import Frontier, Point, area, height, undominated
from llms.policies.plays import Mixed, interval, outcome
from llms.policies.recorded import Recorded, ReplayError
from llms.policies.specs import parse_policy
from llms.policies.text_router import Forecast
from llms.policies.tuning import Goal, tune
from tasks.replay import read_recorded, with_prices, without_models
from tests.recorded_answers import USD, recorded_of, rows_of, write_rows

points = st.lists(
    st.builds(
        Point,
        st.integers(0, 20).map(float),
        st.integers(0, 20).map(lambda n: n / 20),
        st.text("abc", min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Enough answers to learn from."""
    return recorded_of(tmp_path_factory.mktemp("answers"), rows_of())


@pytest.fixture(scope="module")
def contest(answers: Recorded) -> Contest:
    """All families, for the best model's quality."""
    return hold(answers, Family, given=[(Family.SINGLE, Single("medium"))], seed=3)


def three(**columns: Any) -> Recorded:
    """Three queries, models a and b; only what a test is about differs from right and free."""
    usual: dict[str, Any] = {
        "correct": {"a": (1.0, 1.0, 1.0), "b": (1.0, 1.0, 1.0)},
        "confidence": {"a": (0.9, 0.5, None), "b": (None, None, None)},
        "cost": {"a": (3.0, 3.0, 3.0), "b": (20.0, 20.0, 20.0)},
        "answer_cost": {"a": (1.0, 1.0, 1.0), "b": (10.0, 10.0, 10.0)},
        "text": (None, None, None),
    }
    return Recorded("three", ("1", "2", "3"), ("a", "b"), **{**usual, **columns})


def test_a_cascade_pays_for_confidence_at_every_stage_but_the_last() -> None:
    found = outcome(Cascade(("a", "b"), (0.8,)), three())

    assert found.cost == (3.0, 13.0, 13.0)
    assert found.calls == {"a": 1.0, "b": pytest.approx(2 / 3)}


def test_a_single_model_pays_for_no_confidence() -> None:
    assert outcome(Single("a"), three()).cost == (1.0, 1.0, 1.0)


def test_an_unknown_confidence_goes_up_however_low_the_threshold() -> None:
    played = Cascade(("a", "b"), (0.0,)).play(three())

    assert [play.answer_by for play in played] == ["a", "a", "b"]


def test_a_call_of_unknown_cost_is_refused_and_not_taken_as_free() -> None:
    unpriced = three(answer_cost={"a": (1.0, 1.0, 1.0), "b": (10.0, None, 10.0)})

    with pytest.raises(ReplayError, match=r"records no cost of b; give one .* --price b=USD"):
        outcome(Single("b"), unpriced)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1, "b": "X"}', '```json\n{"b": "x", "a": 1}\n```', True),
        ('{"a": 1}', '{"a": 2}', False),
        ("The  answer", "the answer", True),
        (None, None, False),
        ("", "", False),
    ],
)
def test_answers_agree_by_what_they_mean(one: str | None, other: str | None, same: bool) -> None:
    assert say_the_same(one, other) is same


def test_an_agreement_asks_the_judge_only_where_the_two_differ() -> None:
    both = three(answer={"a": ("x", "x", None), "b": ("x", "y", None)})

    plays = Agreement("a", "b", "judge").play(both)

    assert [play.asked for play in plays] == [("a", "b"), ("a", "b", "judge"), ("a", "b", "judge")]


@given(points)
def test_the_frontier_lies_on_or_above_every_point_and_bends_down(found: list[Point]) -> None:
    frontier = Frontier.of(found)
    corners = frontier.points

    for point in found:
        assert (
            height(corners, point.price) >= point.quality - 1e-9 or point.price < corners[0].price
        )
    slopes = [(b.quality - a.quality) / (b.price - a.price) for a, b in pairwise(corners)]
    assert all(a > b - 1e-12 for a, b in pairwise(slopes))
    assert all(slope > 0 for slope in slopes)


@given(points)
def test_what_remains_undominated_is_matched_by_nothing_cheaper(found: list[Point]) -> None:
    kept = undominated(found)

    for one in kept:
        assert not any(other.price <= one.price and other.quality > one.quality for other in found)
    for one in found:
        assert any(k.price <= one.price and k.quality >= one.quality for k in kept)


@given(points, st.floats(0, 20))
def test_a_mix_costs_what_was_asked_within_the_ends_of_the_frontier(
    found: list[Point], price: float
) -> None:
    frontier = Frontier.of(found)
    prices = {point.name: point.price for point in reversed(frontier.points)}
    if len(prices) < len(frontier.points):
        return
    shares = frontier.shares(price)

    low, high = frontier.points[0].price, frontier.points[-1].price
    assert math.fsum(share for _, share in shares) == pytest.approx(1)
    paid = math.fsum(prices[name] * share for name, share in shares)
    assert paid == pytest.approx(min(max(price, low), high))


def test_the_area_of_a_line_is_its_middle() -> None:
    assert area([Point(1, 0.2, "a"), Point(3, 0.6, "b")], 1, 3) == pytest.approx(0.4)


def test_parts_of_a_split_hold_every_query_once(answers: Recorded) -> None:
    parts = answers.split(0.3, 0.3, 0.4, seed=5)

    assert sorted(name for part in parts for name in part.query_ids) == list(answers.query_ids)
    assert [part.query_ids for part in answers.split(0.3, 0.3, 0.4, seed=5)] == [
        part.query_ids for part in parts
    ]
    assert answers.without(parts[0]).query_ids == tuple(
        sorted(parts[1].query_ids + parts[2].query_ids)
    )


def test_an_interval_of_a_mean_holds_it_and_narrows_with_more_values() -> None:
    few, many = [float(i % 4 == 0) for i in range(80)], [float(i % 4 == 0) for i in range(8_000)]
    low, high = interval(few, seed=1)
    low_of_many, high_of_many = interval(many, seed=1)

    assert low < 0.25 < high
    assert low_of_many < 0.25 < high_of_many
    # A hundred times the values: a tenth of the width.
    assert (high_of_many - low_of_many) * 5 < high - low


def test_cascades_reach_the_best_models_quality_for_less(contest: Contest) -> None:
    best = contest.singles[-1]

    assert best.outcome.name == "large"
    assert contest.chosen.family is not Family.SINGLE
    assert contest.chosen.outcome.price < 0.8 * best.outcome.price
    assert contest.chosen.outcome.quality > best.outcome.quality - 0.05
    assert contest.area > contest.area_singles


def test_every_family_plays_and_what_was_given_is_measured_too(contest: Contest) -> None:
    assert {*contest.best, *contest.short} == set(Family)
    assert Family.LEARNED in contest.best
    assert contest.left_out == {}
    assert [one.outcome.name for one in contest.given] == ["medium"]
    assert sum(contest.sizes) == 400


def test_figures_are_of_queries_that_were_not_tuned_on(answers: Recorded) -> None:
    tuned_on, measured_on = answers.split(0.5, 0.5, seed=3)

    def flipped(part: Recorded) -> Recorded:
        wrong = {model: tuple(1 - c for c in column) for model, column in answers.correct.items()}
        at = {name: i for i, name in enumerate(answers.query_ids)}
        rows = {at[name] for name in part.query_ids}
        mixed = {
            model: tuple(wrong[model][i] if i in rows else right for i, right in enumerate(column))
            for model, column in answers.correct.items()
        }
        return Recorded(
            answers.dataset, answers.query_ids, answers.models, mixed, answers.confidence,
            answers.cost, answers.answer_cost, answers.text, answers.answer,
        )  # fmt: skip

    usual = hold(answers, [Family.CASCADE], seed=3)
    other = hold(flipped(measured_on), [Family.CASCADE], seed=3)

    # What is measured changes; what is chosen from the tuning half does not.
    assert other.chosen.outcome.name == usual.chosen.outcome.name
    assert [o.outcome.calls for o in other.curve] == [o.outcome.calls for o in usual.curve]
    assert other.chosen.outcome.quality == pytest.approx(1 - usual.chosen.outcome.quality)
    assert len(tuned_on) + len(measured_on) == 400


def test_the_same_seed_gives_the_same_contest(answers: Recorded) -> None:
    assert hold(answers, [Family.CASCADE], seed=7) == hold(answers, [Family.CASCADE], seed=7)


def test_a_budget_is_promised_and_a_dearer_one_never_promises_less(answers: Recorded) -> None:
    tuned = tune(answers, Family, seed=0)
    reached = []
    for price in (0.001, 0.002, 0.005, 0.01, 0.02):
        promise = tuned.pick(Goal(price=price))
        assert promise is not None
        assert promise.outcome.price <= price * (1 + 1e-9)
        reached.append(promise.outcome.quality)
    assert reached == sorted(reached)


def test_without_a_policy_that_fits_the_best_one_is_shown_and_said_not_to(
    answers: Recorded,
) -> None:
    found = hold(answers, [Family.CASCADE], goal=Goal(price=USD["small"] / 2))

    assert not found.reached


def test_where_confidence_means_nothing_no_policy_is_worse_than_the_frontier(
    tmp_path: Path,
) -> None:
    rows = rows_of(600, seed=9)
    for i, row in enumerate(rows):
        row["confidence"] = (i * 7919 % 1000) / 1000
    noise = recorded_of(tmp_path, rows)

    for seed in range(3):
        found = hold(noise, [Family.CASCADE, Family.LEARNED], seed=seed)
        assert fmean(one.lead for one in found.curve) > -0.02


def test_a_dominated_model_is_not_built_from(tmp_path: Path) -> None:
    rows = rows_of(200)
    for row in rows:
        if row["model"] == "medium":
            row["correct"] = 0.0
    found = hold(recorded_of(tmp_path, rows), [Family.CASCADE])

    assert found.pruned == ("medium",)
    assert all("medium" not in one.outcome.calls for one in found.curve)


def test_a_router_sends_hard_words_to_the_large_model(answers: Recorded) -> None:
    learn, rest = answers.split(0.5, 0.5, seed=0)
    quality, _ = Forecast.fit(learn, ("small", "large")).expect(rest)
    gain = [b - a for a, b in zip(quality["small"], quality["large"], strict=True)]
    hard = ["proof" in (text or "") for text in rest.text]

    mean_hard = fmean(g for g, h in zip(gain, hard, strict=True) if h)
    assert mean_hard > 0.2 + fmean(g for g, h in zip(gain, hard, strict=True) if not h)


def test_a_router_on_words_that_say_nothing_expects_nearly_the_mean(tmp_path: Path) -> None:
    rows = rows_of(200)
    for row in rows:
        row["query_text"] = "the same words"
    quality, _ = Forecast.fit(made := recorded_of(tmp_path, rows), ("small",)).expect(made)

    assert max(quality["small"]) - min(quality["small"]) < 1e-9
    assert quality["small"][0] == pytest.approx(made.quality("small"))


@pytest.mark.parametrize(
    "text",
    ["small", "small@0.8 > large", "small@0.9 > medium@0.7 > large", "small = medium > large"],
)
def test_a_policy_is_named_as_it_is_written(answers: Recorded, text: str) -> None:
    assert parse_policy(text, answers)[1].name == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("smal", "no model 'smal'; did you mean 'small'"),
        ("small > large", "stage 'small' has no threshold; write it like 'small@0.8'"),
        ("small@high > large", "'high' is no threshold"),
        ("small@nan > large", "'nan' is no threshold"),
        ("small@0.8 >", "empty stage"),
        ("small@0.8 > small", "asks a model twice"),
        ("small = small > large", "asks a model twice"),
        ("small = large", "is not two models and a judge"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused_with_the_way_to_write_it(
    answers: Recorded, text: str, words: str
) -> None:
    with pytest.raises(ReplayError, match=words):
        parse_policy(text, answers)


def test_no_threshold_for_a_model_that_never_said_how_sure_it_was(tmp_path: Path) -> None:
    unsure = recorded_of(tmp_path, rows_of(50, says_how_sure=False))

    with pytest.raises(ReplayError, match="no confidence of small"):
        parse_policy("small@0.5 > large", unsure)
    found = hold(unsure, Family)
    assert set(found.left_out) == {Family.CASCADE, Family.LEARNED}


def test_prices_given_replace_the_recorded_ones_and_reorder_the_models(answers: Recorded) -> None:
    dear = with_prices(answers, {"small": 1.0})

    assert dear.models == ("medium", "large", "small")
    assert dear.price("small") == 1.0
    with pytest.raises(ReplayError, match="no model 'tiny'"):
        with_prices(answers, {"tiny": 1.0})


def test_models_left_out_are_gone_but_never_all_of_them(answers: Recorded) -> None:
    assert without_models(answers, ["medium"]).models == ("small", "large")
    with pytest.raises(ReplayError, match="no model left"):
        without_models(answers, ["small", "medium", "large"])


def break_nothing(rows: list[dict[str, Any]]) -> None:
    rows.pop()


def break_twice(rows: list[dict[str, Any]]) -> None:
    rows.append(rows[0])


def break_correct(rows: list[dict[str, Any]]) -> None:
    rows[0]["correct"] = 1.5


def break_cost(rows: list[dict[str, Any]]) -> None:
    rows[0]["cost_usd"] = -1.0


def break_id(rows: list[dict[str, Any]]) -> None:
    rows[0]["query_id"] = None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (break_nothing, "did not answer the same queries"),
        (break_twice, "did not answer the same queries"),
        (break_correct, "'correct' must be from 0 to 1; small on query q0000 has 1.5"),
        (break_cost, "cost_usd of small on query q0000 is -1.0, which is no cost"),
        (break_id, "column 'query_id' has 1 nulls"),
    ],
)
def test_a_file_that_is_no_full_grid_is_refused(
    tmp_path: Path, spoil: Callable[[list[dict[str, Any]]], None], words: str
) -> None:
    rows = rows_of(5)
    spoil(rows)

    with pytest.raises(ReplayError, match=words):
        read_recorded(write_rows(tmp_path / "spoilt.parquet", rows))


def test_a_mix_is_expected_and_not_drawn() -> None:
    found = outcome(Mixed((("a", 0.25), ("b", 0.75))), three())

    assert found.price == pytest.approx(0.25 * 1 + 0.75 * 10)
