"""Predictions are scored against gold records as the comparison words say."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fields import FieldSpec
from tasks.evaluation import Evaluation, Mistake, Score, compare, evaluate
from tasks.gold import Gold, GoldField, GoldValue, Label, Match


def make_gold(
    records: dict[str, dict[str, GoldValue]],
    fields: dict[str, str] | None = None,
    types: dict[str, str | None] | None = None,
) -> Gold:
    """Gold of `records`; `fields` gives match words by name or by `type.name`."""
    made = []
    for name, match in (fields or {"total": "exact"}).items():
        document_type, _, plain = name.rpartition(".")
        spec = FieldSpec(name=plain, multi=match == "any-mention")
        made.append(GoldField(spec, Match(match), document_type or None))
    labels = {
        file: Label(file, values, (types or {}).get(file)) for file, values in records.items()
    }
    return Gold("set", Path("documents"), labels, tuple(made))


def counts(score: Score) -> tuple[int, int, int]:
    return score.tp, score.fp, score.fn


@pytest.mark.parametrize(
    ("match", "predicted", "gold", "right"),
    [
        ("exact", "A b", "A b", True),
        ("exact", "a b", "A b", False),
        ("casefold", " straße\nB ", "STRASSE b", True),
        ("casefold", "a.b", "a b", False),
        ("alnum", "No. 53, A-B", "No53AB", True),
        ("alnum", "no53AB", "No53AB", False),
        ("numeric", "12.50", "12.5", True),
        ("numeric", "-0", "0.00", True),
        ("numeric", "12.51", "12.5", False),
        ("numeric", "n/a", "n/a", True),
        ("numeric", "NaN", "NaN", True),
        ("instant", "2021-01-01T12:00:00+02:00", "2021-01-01T10:00:00Z", True),
        ("instant", "2021-01-01T12:00:00", "2021-01-01T12:00:00+00:00", False),
        ("instant", "2021-01-01 12:00", "2021-01-01T12:00:00", True),
        ("instant", "soon", "soon", True),
        ("instant", "0001-01-01T00:00:00+05:00", "x", False),
    ],
)
def test_a_comparison_word_says_when_two_values_are_equal(
    match: str, predicted: str, gold: str, right: bool
) -> None:
    assert compare(Match(match), predicted, gold) == ((1, 0, 0) if right else (0, 1, 1))


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        (None, None, (0, 0, 0)),
        ("x", None, (0, 1, 0)),
        (None, "x", (0, 0, 1)),
        ([], None, (0, 0, 0)),
        (["x"], None, (0, 1, 0)),
        (["b", "a"], ["a", "b"], (2, 0, 0)),
        (["a", "a"], ["a"], (1, 1, 0)),
        (["a"], ["a", "a"], (1, 0, 1)),
        (["a", "c"], ["a", "b"], (1, 1, 1)),
        ("a", ["a"], (1, 0, 0)),
    ],
)
def test_nothing_and_lists_are_counted_value_by_value(
    predicted: Any, gold: Any, expected: tuple[int, int, int]
) -> None:
    assert compare(Match.EXACT, predicted, gold) == expected


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        (["FMLN"], (1, 0, 1)),
        (["fmln", "the front"], (1, 1, 1)),
        (["guerrillas", "fmln"], (2, 0, 0)),
        (["fmln", "rebels"], (2, 0, 0)),
        (["rebels", "guerrillas"], (2, 0, 0)),
        (["rebels", "rebels"], (2, 0, 0)),
        (["rebels", "rebels", "rebels"], (2, 1, 0)),
        (["army"], (0, 1, 2)),
        (None, (0, 0, 2)),
    ],
)
def test_each_entity_is_found_once_by_any_of_its_mentions(
    predicted: Any, expected: tuple[int, int, int]
) -> None:
    gold = [["fmln", "the front", "rebels"], ["guerrillas", "rebels"]]

    assert compare(Match.ANY_MENTION, predicted, gold) == expected


def test_an_answer_that_repeats_itself_without_end_is_still_scored() -> None:
    assert compare(Match.ANY_MENTION, ["x"] * 2000, [["x"], ["y", "x"]]) == (2, 1998, 0)
    assert compare(Match.ANY_MENTION, ["x"] * 300, [["x"]] * 300) == (300, 0, 0)


def test_scores_are_counted_per_field_and_over_all() -> None:
    gold = make_gold(
        {
            "1": {"a": "x", "b": None},
            "2": {"a": "y", "b": "z"},
            "3": {"a": "q", "b": None},
        },
        {"a": "exact", "b": "exact"},
    )

    result = evaluate(gold, {"1": {"a": "x", "b": "?"}, "2": {"a": "n", "b": "z"}})

    assert result == Evaluation(
        documents=3,
        unanswered=1,
        fields={"a": Score.of(1, 1, 2), "b": Score.of(1, 1, 0)},
        micro=Score.of(2, 2, 2),
        mistakes=[
            Mistake(file="1", field="b", gold=None, predicted="?"),
            Mistake(file="2", field="a", gold="y", predicted="n"),
            Mistake(file="3", field="a", gold="q", predicted=None),
        ],
    )
    assert (result.micro.precision, result.micro.recall, result.micro.f1) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("tp", "fp", "fn", "ratios"),
    [
        (0, 0, 0, (None, None, None)),
        (0, 2, 0, (0.0, None, 0.0)),
        (0, 0, 2, (None, 0.0, 0.0)),
        (1, 0, 1, (1.0, 0.5, 2 / 3)),
    ],
)
def test_a_ratio_without_a_base_is_null(
    tp: int, fp: int, fn: int, ratios: tuple[float | None, ...]
) -> None:
    score = Score.of(tp, fp, fn)

    assert (score.precision, score.recall, score.f1) == ratios
    assert score.support == tp + fn


def test_fields_of_several_types_are_scored_apart() -> None:
    gold = make_gold(
        {"1": {"total": "5"}, "2": {"total": "7"}},
        {"invoice.total": "numeric", "receipt.total": "exact"},
        {"1": "invoice", "2": "receipt"},
    )

    result = evaluate(gold, {"1": {"total": "5.0"}, "2": {"total": "7.0"}})

    assert {name: counts(score) for name, score in result.fields.items()} == {
        "invoice.total": (1, 0, 0),
        "receipt.total": (0, 1, 1),
    }


def test_a_wrong_type_misses_all_gold_values_and_makes_all_predicted_ones_wrong() -> None:
    gold = make_gold(
        {"1": {"total": "5"}, "2": {}},
        {"invoice.total": "exact", "receipt.total": "exact"},
        {"1": "invoice", "2": None},
    )
    predictions = {"1": {"total": "5"}, "2": {"total": "9"}}

    result = evaluate(gold, predictions, {"1": "receipt", "2": "receipt"})

    assert {name: counts(score) for name, score in result.fields.items()} == {
        "invoice.total": (0, 0, 1),
        "receipt.total": (0, 2, 0),
    }


def test_what_the_gold_does_not_know_is_not_scored() -> None:
    gold = make_gold({"1": {"total": "5"}})

    result = evaluate(gold, {"1": {"total": "5", "more": "x"}, "9": {"total": "8"}})

    assert counts(result.micro) == (1, 0, 0)


VALUES = st.sampled_from(["a", "B", "1.0", "1", "2021-01-01T00:00:00Z", ""])
SINGLE = st.none() | VALUES
MULTI = st.none() | st.lists(VALUES, max_size=4)
PLAIN_MATCHES = [match for match in Match if match is not Match.ANY_MENTION]
RECORDS = st.dictionaries(
    st.sampled_from(["1", "2", "3", "4"]),
    st.fixed_dictionaries({"one": SINGLE, "many": MULTI}),
    min_size=1,
)
MATCHES = st.fixed_dictionaries(
    {"one": st.sampled_from(PLAIN_MATCHES), "many": st.sampled_from(PLAIN_MATCHES)}
)


@given(RECORDS, MATCHES)
def test_perfect_predictions_score_one(records: dict[str, Any], fields: dict[str, str]) -> None:
    result = evaluate(make_gold(records, fields), records)

    assert result.mistakes == []
    assert all(score.f1 in (1.0, None) for score in (*result.fields.values(), result.micro))


@given(RECORDS, RECORDS, MATCHES)
def test_scores_are_ratios_and_add_up(
    records: dict[str, Any], predictions: dict[str, Any], fields: dict[str, str]
) -> None:
    result = evaluate(make_gold(records, fields), predictions)

    scores = list(result.fields.values())
    sums = tuple(sum(column) for column in zip(*map(counts, scores), strict=True))
    assert counts(result.micro) == sums
    assert result.micro.support == sum(
        len(v) if isinstance(v, list) else v is not None
        for record in records.values()
        for v in record.values()
    )
    for score in (*scores, result.micro):
        assert all(r is None or 0 <= r <= 1 for r in (score.precision, score.recall, score.f1))


@given(RECORDS, RECORDS, MATCHES, st.randoms())
def test_the_order_of_documents_does_not_matter(
    records: dict[str, Any],
    predictions: dict[str, Any],
    fields: dict[str, str],
    rng: random.Random,
) -> None:
    shuffled = list(records.items())
    rng.shuffle(shuffled)

    one = evaluate(make_gold(records, fields), predictions)
    other = evaluate(make_gold(dict(shuffled), fields), predictions)

    assert (one.fields, one.micro) == (other.fields, other.micro)


def most_matches(values: list[str], entities: list[list[str]]) -> int:
    """The same by trying everything."""
    if not entities:
        return 0
    first, rest = {mention.casefold() for mention in entities[0]}, entities[1:]
    tries = [most_matches(values, rest)]
    for number, value in enumerate(values):
        if value in first:
            tries.append(1 + most_matches(values[:number] + values[number + 1 :], rest))
    return max(tries)


@given(st.lists(st.lists(VALUES, min_size=1, max_size=3), max_size=5), st.lists(VALUES, max_size=6))
def test_no_entity_and_no_value_is_matched_twice(
    entities: list[list[str]], predicted: list[str]
) -> None:
    tp, fp, fn = compare(Match.ANY_MENTION, predicted, entities)

    assert tp == most_matches([value.casefold() for value in predicted], entities)
    assert tp + fp == len(predicted)
    assert tp + fn == len(entities)
