"""The page of policies: its measures on made-up answers, its places, and what repair mends."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from benchmarks.policy_contests import Chosen, Held
from benchmarks.policy_extraction import (
    EXTRACTION_SETS,
    STRONG,
    WEAK_PAIR,
    Agreeing,
    Validity,
    agreeing,
    agreements,
    fields_of,
    is_strict,
    validity,
)
from benchmarks.policy_extraction_cascade import Beside
from benchmarks.policy_extraction_fields import merge, misses, score
from benchmarks.policy_page import Findings, blocks
from benchmarks.policy_routers import Routed, apgr, least_share
from benchmarks.policy_sets import DATA, check_sets, read_set
from benchmarks.replay_policies import main
from docs.make_tables import places
from llms.policies.recorded import Recorded, ReplayError

PAGE = Path(__file__).parents[1] / "docs" / "policies.md"


def has_answers() -> bool:
    try:
        check_sets(DATA)
    except ReplayError:
        return False
    return True


with_answers = pytest.mark.skipif(
    not has_answers(), reason="the recorded answers are not part of the project"
)


def extraction(*answers: tuple[str, str]) -> Recorded:
    """Answers of `WEAK_PAIR` to an extraction task."""
    columns = dict(zip(WEAK_PAIR, zip(*answers, strict=True), strict=True))
    names = tuple(str(i) for i in range(len(answers)))
    return Recorded(
        "sob_top", names, WEAK_PAIR, {}, {}, {}, {}, (None,) * len(answers), answer=columns
    )


def fields(**values: Any) -> frozenset[tuple[tuple[str, ...], str]]:
    return fields_of("sob_top", json.dumps(values))


def test_a_router_that_knows_the_gain_recovers_more_than_one_that_guesses_or_errs() -> None:
    dice = random.Random(3)
    gains = [1.0] * 30 + [0.0] * 60 + [-1.0] * 10

    best, _ = apgr(gains, seed=0)
    worst, _ = apgr(gains[::-1], seed=0)
    guesses = []
    for _ in range(40):
        dice.shuffle(gains)
        guesses.append(apgr(gains, seed=0)[0])

    assert best > 1 > 0.5 > worst
    assert sum(guesses) / 40 == pytest.approx(0.5, abs=0.1)


def test_the_interval_of_a_router_holds_its_figure() -> None:
    dice = random.Random(5)
    value, (low, high) = apgr([float(dice.random() < 0.4) for _ in range(500)], seed=1)

    assert low < value < high


def test_the_least_share_is_where_a_part_of_the_gap_is_reached() -> None:
    assert least_share([1.0, 1.0, 0.0, 0.0, 0.0], 0.5) == pytest.approx(0.2)
    assert least_share([1.0, 1.0, 0.0, 0.0, 0.0], 0.8) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("text", "strict"),
    [('{"a": 1}', True), ('```json\n{"a": 1}\n```', False), ("[1]", False), ("", False)],
)
def test_valid_means_an_object_as_it_stands(text: str, strict: bool) -> None:
    assert is_strict(text) is strict


def test_agreement_counts_fields_whatever_the_notation_and_order() -> None:
    found = agreements(
        extraction(
            ('{"a": "X", "b": 2}', "```json\n{'b': 2, 'a': 'x',}\n```"),
            ('{"a": "x", "b": 2}', '{"a": "x", "b": 3}'),
            ("no json", "no json"),
        ),
        *WEAK_PAIR,
    )

    assert found == [1.0, 0.5, None]


def test_elements_of_a_list_are_matched_by_their_name() -> None:
    one = fields(players=[{"player": "Ann", "points": 3}, {"player": "Bob", "points": 5}])
    other = fields(players=[{"player": "Bob", "points": 5}, {"player": "Ann", "points": 3}])

    assert one == other


def test_only_disputed_fields_come_from_the_strong_model() -> None:
    cheap, second = fields(a="x", b="1"), fields(a="x", b="2")
    merged, share = merge(cheap, second, fields(a="y", b="3"))

    assert merged == fields(a="x", b="3")
    assert share == 0.5


def test_what_nobody_disputes_asks_nobody() -> None:
    assert merge(fields(a="x"), fields(a="x"), fields(a="y")) == (fields(a="x"), None)
    # Nothing found at all is no agreement.
    assert merge(fields(), fields(), fields(a="y")) == (fields(a="y"), 1.0)


def test_a_score_is_the_share_of_fields_that_gold_and_answer_have_alike() -> None:
    assert score(fields(a="x", b="1"), fields(a="x", b="2")) == 0.5
    assert score(fields(), fields()) == 1.0


def test_every_place_of_the_page_is_made() -> None:
    chosen = Chosen("cascade", 0.4, -0.001)
    held = Held(
        "zc_mmlu", 0, 879, "large", chosen, chosen, 0.82, 0.81, [0.01], 0,
        [(0.1, 0.8)], [(0.1, 0.8)],
    )  # fmt: skip
    made = blocks(
        Findings(
            [Routed("mmlu_pro", "w", "s", "text", 0, 10, 0.6, (0.5, 0.7), 0.3, 0.6)],
            [held],
            [Validity("sob_top", 10, 5, 9, 0.5)],
            [Agreeing("sob_top", 10, 0.5, 0.5, None, 0.5, None, None, "dropped")],
            [Beside("field by field", 0.7, -0.01, (-0.02, 0.0), 0.5, {"sob_top": (0.0, 0.5)})],
        )
    )

    assert set(places(PAGE.read_text(encoding="utf-8"))) == set(made)


def test_without_recorded_answers_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path)]) == 2
    assert "no zc_mmlu.parquet in" in capsys.readouterr().err


@with_answers
def test_repair_mends_nearly_every_answer_that_is_no_json_as_it_came() -> None:
    by_task = [one for one in validity(DATA) if one.of in EXTRACTION_SETS]

    assert all(one.strict < 0.7 * one.answers for one in by_task)
    assert all(one.repaired > 0.95 * one.answers for one in by_task)


@with_answers
def test_fitting_does_not_trust_agreement_on_long_tables_and_does_on_calls() -> None:
    found = {one.task: one for one in agreeing(DATA)}
    tables, calls = found["sob_rotowire"], found["sob_apibank"]

    assert tables.with_score is not None
    assert tables.with_score < 0
    # Why: two weak models leave out the same rows.
    assert tables.gaps > 0.7
    assert tables.verdict in ("dropped", "flipped")
    assert calls.verdict == "kept"


@with_answers
@pytest.mark.parametrize("task", EXTRACTION_SETS)
def test_the_score_of_merged_answers_is_that_of_the_source(task: str) -> None:
    recorded = read_set(DATA, task)

    # The source's parser is more lenient than docmill's repair: cut answers get points there.
    assert misses(DATA, recorded) < 0.05
    assert STRONG in recorded.models
