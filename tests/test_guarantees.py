"""The page of guarantees: docmill's rules keep their promise where the naive one does not."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.guarantee_confidences import Calibrated
from benchmarks.guarantee_drift import DELTA as DRIFT_DELTA
from benchmarks.guarantee_drift import TARGET, Drift, alarms_at_the_limit, drifts
from benchmarks.guarantee_page import Findings, beyond_chance, blocks, interval
from benchmarks.guarantee_pairs import DATA, Pair, available, pairs
from benchmarks.guarantee_replay import DELTA, OURS, RULES, TARGETS, Outcome, replay_pair
from benchmarks.guarantee_rules import bargain_prefix, bet, hoeffding_errors, naive_errors
from benchmarks.replay_guarantees import main
from docs.make_tables import places
from llms.calibration.learn_then_test import allowed_errors
from llms.calibration.martingale import begin, observe, observe_all
from llms.calibration.tails import binomial_tail

PAGE = Path(__file__).parents[1] / "docs" / "guarantees.md"

with_answers = pytest.mark.skipif(
    not available(DATA), reason="the recorded answers are not part of the project"
)


def made_up(answers: int = 500, seed: int = 4) -> Pair:
    """A pair whose cheap answers are wrong the oftener, the less sure they are."""
    dice = random.Random(seed)
    return Pair(
        "made up", "small", "large", "worse",
        tuple(1 - i / answers for i in range(answers)),
        tuple(dice.random() < 0.45 * (i / answers) ** 2 for i in range(answers)),
        to_best=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    """Both ways, both targets and all rules on a made-up pair."""
    return replay_pair(made_up(), 100)


def test_the_naive_rule_breaks_its_promise_where_docmills_rules_keep_it(
    outcomes: list[Outcome],
) -> None:
    broken = {(o.way, o.target, o.rule): o.violations for o in outcomes}

    for way, rule in OURS.items():
        for target in TARGETS:
            assert broken[way, target, rule] <= beyond_chance(100)
            assert broken[way, target, "naive"] > beyond_chance(100)


def test_counting_saves_more_than_the_textbook_rule_which_saves_more_than_hoeffding(
    outcomes: list[Outcome],
) -> None:
    avoided = {(o.way, o.target, o.rule): o.avoided for o in outcomes}

    for target in TARGETS:
        assert avoided["batch", target, "counted"] > avoided["batch", target, "fixed sequence"]
        assert avoided["batch", target, "fixed sequence"] > avoided["batch", target, "Hoeffding"]
        assert avoided["halves", target, "next answers"] > avoided["halves", target, "Hoeffding"]


def test_the_same_seeds_give_the_same_outcomes(outcomes: list[Outcome]) -> None:
    assert replay_pair(made_up(120), 5) == replay_pair(made_up(120), 5)
    assert {o.rule for o in outcomes} == {rule for rules in RULES.values() for rule in rules}


@pytest.mark.parametrize("labelled", [100, 400, 2_000])
@pytest.mark.parametrize("target", TARGETS)
def test_errors_allowed_lie_between_hoeffdings_bound_and_the_naive_rule(
    labelled: int, target: float
) -> None:
    exact = allowed_errors(labelled, target, DELTA)
    careful = hoeffding_errors(labelled, target, DELTA)

    assert exact is not None
    assert (-1 if careful is None else careful) < exact < naive_errors(labelled, target)


def test_a_bet_on_a_mean_that_is_only_met_is_won_no_oftener_than_delta() -> None:
    won = 0
    for seed in range(400):
        dice = random.Random(seed)
        won += bet((dice.random() < 0.9 for _ in range(600)), 0.9, 0.1).is_won is True

    # Four standard deviations above a tenth of 400.
    assert won <= 40 + 4 * 6


def test_a_bet_on_a_mean_that_is_far_exceeded_is_won_soon() -> None:
    verdict = bet([True] * 500, 0.9, 0.1)

    assert verdict.is_won
    assert verdict.drawn == verdict.ones < 60


def test_a_bet_without_replacement_ends_when_the_rest_cannot_change_it() -> None:
    # 8 of 10 are needed; three zeros leave no way.
    assert bet([False] * 3 + [True] * 7, 0.8, 1e-9, population=10).is_won is False


def test_bargain_accepts_everything_where_nothing_is_wrong_and_little_where_half_is() -> None:
    order = list(range(400))
    random.Random(1).shuffle(order)

    assert bargain_prefix(order, lambda _: False, 0.9, 0.1) == 400
    assert bargain_prefix(order, lambda i: i % 2 == 0, 0.9, 0.1) < 100


def test_an_interval_of_a_rate_holds_it_and_no_rate_is_impossible_at_its_ends() -> None:
    low, high = interval(30, 200)

    assert low < 0.15 < high
    assert binomial_tail(200, high, 30) == pytest.approx(0.025, rel=1e-6)
    assert 1 - binomial_tail(200, low, 29) == pytest.approx(0.025, rel=1e-6)
    assert interval(0, 200)[0] == 0.0
    assert interval(200, 200)[1] == 1.0


def test_beyond_chance_is_what_a_rate_of_delta_passes_once_in_a_thousand_times() -> None:
    limit = round(beyond_chance(200) * 200)

    assert 1 - binomial_tail(200, DELTA, limit) <= 0.001 < 1 - binomial_tail(200, DELTA, limit - 1)


def test_false_alarms_at_the_limit_stay_under_delta() -> None:
    assert alarms_at_the_limit(200, 1_000) <= 200 * DRIFT_DELTA


def test_an_audit_that_stops_at_the_alarm_sees_what_one_answer_after_the_other_shows() -> None:
    dice = random.Random(2)
    outcomes = [dice.random() < 0.3 for _ in range(400)]
    step = begin(1 - TARGET, DRIFT_DELTA)
    for is_wrong in outcomes:
        step = observe(step, is_wrong)
        if step.alarm_at is not None:
            break

    stopped = observe_all(begin(1 - TARGET, DRIFT_DELTA), iter(outcomes), until_alarm=True)

    assert stopped == step
    assert stopped.audits == stopped.alarm_at
    assert observe_all(stopped, iter([True]), until_alarm=True) == stopped


def test_every_place_of_the_page_is_made(outcomes: list[Outcome]) -> None:
    said = Calibrated("made up", "small", "logistic", recorded=0.2, fitted=0.1, share=0.2)
    drift = Drift("a", "b", "small", "large", 0.05, 0.2, 1.0, 1.0, (9.0, 20.0, 40.0), 0.8, 10, 1)
    others = [replace(one, meaning="other") for one in outcomes]
    made = blocks(Findings([*outcomes, *others], [said], [drift], alarms=1, streams=20, seeds=100))

    assert set(places(PAGE.read_text(encoding="utf-8"))) == set(made)


def test_without_recorded_answers_the_command_says_where_to_get_them_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    assert "no recorded answers in" in capsys.readouterr().err


@with_answers
def test_on_recorded_answers_the_promise_is_kept_on_every_pair_of_a_data_set() -> None:
    found = [one for one in pairs(DATA, "mot_gsm8k") for one in replay_pair(one, 40)]

    assert found
    for way, rule in OURS.items():
        own = [o.violations for o in found if (o.way, o.rule) == (way, rule)]
        assert max(own) <= beyond_chance(40)


@with_answers
def test_a_switch_that_breaks_the_promise_raises_the_alarm() -> None:
    found = {(one.source, one.target, one.cheap): one for one in drifts(DATA, 6)}
    worse = found["zc_triviaqa", "zc_truthfulqa", "gpt-4o-mini"]

    assert (worse.worse, worse.raised) == (1.0, 1.0)
    assert worse.audits is not None
