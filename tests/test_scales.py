"""Re-based indices: told from corrections, mapped, and thresholds carried over."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from llms.catalog import CatalogModel, load_catalog
from llms.scales import (
    FEWEST_SHARED,
    MOVED,
    WRITTEN_FOR,
    Carried,
    ScaleError,
    carry,
    describe,
    detect,
    movement,
    require_linked,
    restate,
    with_withdrawn_scores,
)
from schemas.scales import Index, Knot, ScaleChange

DAY = date(2026, 8, 3)
SOME_ROW = load_catalog().models[0]


def models(
    scores: Mapping[str, float | None] | Sequence[float], index: Index = "intelligence"
) -> list[CatalogModel]:
    """A catalog of models with these scores on an index, and none on the other."""
    named = scores if isinstance(scores, Mapping) else {f"m{n}": s for n, s in enumerate(scores)}
    rows: list[CatalogModel] = []
    for slug, points in named.items():
        row = replace(SOME_ROW, slug=slug, intelligence=None, coding=None)
        is_coding = index == "coding"
        rows.append(replace(row, coding=points) if is_coding else replace(row, intelligence=points))
    return rows


def found(
    old: Sequence[float], new: Sequence[float], new_version: str | None = None
) -> ScaleChange | None:
    return detect(
        models(old),
        models(new),
        "intelligence",
        found_on=DAY,
        old_version=WRITTEN_FOR,
        new_version=new_version,
    )


def rebased(old: Sequence[float], new: Sequence[float]) -> ScaleChange:
    change = found(old, new)
    assert change is not None
    return change


def change_by(
    shift: float, *, index: Index = "intelligence", old: str = WRITTEN_FOR, new: str = "v2"
) -> ScaleChange:
    """A re-basing by a constant, sure to a point, known from 10 to 60 points."""
    knots = [
        Knot(old=x, new=x + shift, low=x + shift - 1, high=x + shift + 1) for x in (10.0, 60.0)
    ]
    return ScaleChange(
        index=index, old_version=old, new_version=new, found_on=DAY, knots=tuple(knots),
        shared=40, moved=38, spread=2.0,
    )  # fmt: skip


SPREAD_OUT = [float(points) for points in range(5, 65, 2)]

scores = st.lists(
    st.integers(10, 650).map(lambda tenths: tenths / 10), min_size=FEWEST_SHARED, max_size=120
)


@st.composite
def corrected_catalogs(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """A catalog, and one in which up to 30 % of the models have any other score."""
    old = draw(scores)
    dice = random.Random(draw(st.integers(0, 10_000)))
    new = list(old)
    for n in dice.sample(range(len(old)), draw(st.integers(0, len(old) * 3 // 10))):
        new[n] = dice.uniform(0, 100)
    return old, new


@settings(deadline=None)
@given(corrected_catalogs())
def test_corrections_of_up_to_thirty_percent_of_the_models_raise_no_alarm(
    catalogs: tuple[list[float], list[float]],
) -> None:
    assert found(*catalogs) is None


@given(scores, st.integers(0, 10_000))
def test_figures_rounded_to_a_tenth_by_another_source_raise_no_alarm(
    old: list[float], seed: int
) -> None:
    dice = random.Random(seed)
    exact = [points + dice.uniform(-0.05, 0.05) for points in old]

    assert movement(models(exact), models(old), "intelligence").moved == ()


RISING: dict[str, Callable[[float], float]] = {
    "down by a constant": lambda x: x - 6,
    "squeezed": lambda x: 0.6 * x + 2,
    "stretched": lambda x: 1.3 * x + 1,
    "bent up": lambda x: 2 + x * x / 70,
    "bent down": lambda x: 8 * x**0.5,
    "crossing the old scale": lambda x: 40 + 1.4 * (x - 40),
}


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(RISING)), st.integers(FEWEST_SHARED, 200), st.integers(0, 10_000))
def test_any_rising_map_raises_an_alarm_and_thresholds_follow_it(
    name: str, count: int, seed: int
) -> None:
    dice = random.Random(seed)
    old = sorted(dice.uniform(15, 65) for _ in range(count))
    new = [RISING[name](points) for points in old]

    change = rebased(old, new)

    for n, points in enumerate(old[1:-1], 1):
        carried = carry(points, "intelligence", [change])
        # As wide as what is stated, or as the gap to the next two neighbours where models are few.
        gap = max(new[min(n + 2, count - 1)] - new[n], new[n] - new[max(n - 2, 0)])
        room = max(change.spread, carried.high - carried.low, gap)
        assert carried.points == pytest.approx(new[n], abs=room + 0.1)


@pytest.mark.parametrize("changed_too", [0.0, 0.2], ids=["nothing else", "a fifth changed too"])
def test_nine_in_ten_intervals_hold_the_truth(changed_too: float) -> None:
    held: list[bool] = []
    for seed in range(40):
        dice = random.Random(seed)
        old = [min(max(dice.gauss(30, 13), 2), 66) for _ in range(60)]
        new = [0.8 * points - 1 + dice.gauss(0, 2) for points in old]
        for n in dice.sample(range(60), round(60 * changed_too)):
            new[n] = dice.uniform(0, 60)
        change = rebased(old, new)
        for threshold in (25, 30, 40, 45, 55):
            carried = carry(threshold, "intelligence", [change])
            held.append(carried.low <= 0.8 * threshold - 1 <= carried.high)

    assert sum(held) >= 0.9 * len(held)


@settings(deadline=None)
@given(scores, st.integers(0, 10_000))
def test_a_map_never_descends_and_lies_in_its_interval(old: list[float], seed: int) -> None:
    dice = random.Random(seed)
    new = [0.7 * points + dice.gauss(5, 4) for points in old]
    try:
        change = found(old, new)
    except ScaleError:
        return
    if change is None:
        return

    carried = [carry(points, "intelligence", [change]) for points in range(0, 101, 5)]

    assert [one.points for one in carried] == sorted(one.points for one in carried)
    assert all(one.low <= one.points <= one.high for one in carried)


def test_the_same_snapshots_give_the_same_map_to_the_last_digit() -> None:
    dice = random.Random(5)
    new = [0.9 * points + dice.gauss(0, 1) for points in SPREAD_OUT]

    assert rebased(SPREAD_OUT, new) == rebased(SPREAD_OUT, new)


def test_models_that_were_not_scored_anew_take_no_part_in_the_map() -> None:
    new = [points + 10 for points in SPREAD_OUT]
    for n in range(0, len(new), 3):
        new[n] = SPREAD_OUT[n]

    change = rebased(SPREAD_OUT, new)

    assert (change.shared, change.moved) == (30, 20)
    assert carry(45, "intelligence", [change]).points == 55


def test_a_correction_below_the_rounding_of_sources_is_no_move() -> None:
    assert movement(models([50.0]), models([50.0 + MOVED - 0.01]), "intelligence").moved == ()
    assert movement(models([50.0]), models([50.0 + MOVED + 0.01]), "intelligence").moved


def test_models_without_a_score_on_either_day_are_not_shared() -> None:
    old = models({"a": 40.0, "b": None, "c": 30.0})
    new = models({"a": None, "b": 41.0, "c": 30.0, "d": 20.0})

    assert movement(old, new, "intelligence").shared == 1


def test_each_index_is_looked_at_alone() -> None:
    old = models(SPREAD_OUT, "coding")
    new = models([points + 9 for points in SPREAD_OUT], "coding")

    assert detect(old, new, "intelligence", found_on=DAY, old_version="v1") is None
    assert detect(old, new, "coding", found_on=DAY, old_version="v1") is not None


@pytest.mark.parametrize(
    ("claimed", "label"), [(None, "2026-08-03"), (WRITTEN_FOR, "2026-08-03"), ("4.1", "4.1")]
)
def test_a_rebasing_is_named_by_its_source_or_else_after_its_day(
    claimed: str | None, label: str
) -> None:
    change = found(SPREAD_OUT, [points - 5 for points in SPREAD_OUT], claimed)

    assert change is not None
    assert (change.old_version, change.new_version) == (WRITTEN_FOR, label)


def test_a_new_label_over_old_scores_is_no_rebasing() -> None:
    assert found(SPREAD_OUT, SPREAD_OUT, "4.1") is None


def test_too_few_shared_models_under_a_new_label_cannot_be_carried_over() -> None:
    few = SPREAD_OUT[: FEWEST_SHARED - 1]

    with pytest.raises(
        ScaleError,
        match=r"from intelligence index '2026-06' to '4\.1': only 19 models have a score on both, "
        "20 are needed; name the models of each role",
    ):
        found(few, few, "4.1")


def test_a_few_models_that_mostly_moved_cannot_be_carried_over() -> None:
    with pytest.raises(ScaleError, match="only 3 models have a score on both"):
        found([40.0, 50.0, 60.0], [30.0, 40.0, 60.0])


def test_a_few_models_that_did_not_move_under_the_same_label_are_no_rebasing() -> None:
    assert found([40.0, 50.0, 60.0], [40.0, 50.0, 60.0], WRITTEN_FOR) is None
    assert found([], []) is None


@pytest.mark.parametrize("kind", ["reversed", "shuffled", "all equal"])
def test_scores_in_another_order_cannot_be_carried_over(kind: str) -> None:
    new = {
        "reversed": [70 - points for points in SPREAD_OUT],
        "shuffled": random.Random(3).sample(SPREAD_OUT, len(SPREAD_OUT)),
        "all equal": [33.3] * len(SPREAD_OUT),
    }[kind]

    with pytest.raises(ScaleError, match="in another order"):
        found(SPREAD_OUT, new)


def test_thresholds_stay_as_written_where_nothing_was_rebased() -> None:
    other = change_by(9, index="coding")

    assert carry(55, "intelligence", []) == Carried(55, 55, 55, (WRITTEN_FOR,))
    assert carry(55, "intelligence", [other]) == Carried(55, 55, 55, (WRITTEN_FOR,))


def test_thresholds_go_through_every_rebasing_and_grow_less_sure() -> None:
    scales = [change_by(-5, new="v2"), change_by(2, old="v2", new="v3")]

    assert carry(40, "intelligence", scales) == Carried(37, 35, 39, (WRITTEN_FOR, "v2", "v3"))


@pytest.mark.parametrize(
    ("points", "carried"), [(60, (55, 54, 56, False)), (61, (56, 54, 58, True))]
)
def test_beyond_the_models_scored_on_both_scales_a_threshold_is_extrapolated(
    points: float, carried: tuple[float, float, float, bool]
) -> None:
    one = carry(points, "intelligence", [change_by(-5)])

    assert (one.points, one.low, one.high, one.is_extrapolated) == carried


def test_a_description_says_from_which_version_to_what_and_how_sure() -> None:
    assert describe((61, 40), "intelligence", [change_by(-5), change_by(3, index="coding")]) == (
        "The intelligence index was re-based on 2026-08-03 (38 of 40 shared models moved). "
        "Thresholds written for its version 2026-06 were carried over to v2, with 90 % intervals: "
        "61 became 56 (54 to 58); 40 became 35 (34 to 36); 61 lies beyond every model scored on "
        "both scales and is extrapolated. Nine in ten models lie within 2.0 points of the map."
    )


def test_there_is_nothing_to_describe_where_nothing_was_rebased() -> None:
    assert describe((55, 45), "intelligence", [change_by(3, index="coding")]) is None


def test_older_models_are_restated_on_the_new_scale() -> None:
    old = [replace(SOME_ROW, intelligence=40.0, coding=30.0), *models({"unscored": None})]

    restated = restate(old, change_by(-5))

    assert [(m.intelligence, m.coding, m.index_version) for m in restated] == [
        (35.0, 30.0, "v2"),
        (None, None, "v2"),
    ]


def test_a_withdrawn_score_is_restated_and_a_published_one_is_not_overwritten() -> None:
    before = models({"withdrawn": 40.0, "rescored": 40.0, "gone": 40.0})
    published = models({"withdrawn": None, "rescored": 36.0, "new": None})

    kept = with_withdrawn_scores(published, before, [change_by(-5)])

    assert [(m.slug, m.intelligence) for m in kept] == [
        ("withdrawn", 35.0),
        ("rescored", 36.0),
        ("new", None),
    ]


def test_scores_of_the_version_thresholds_are_written_for_are_linked() -> None:
    require_linked(load_catalog().models, ())


def test_scores_that_no_rebasing_leads_to_stop_the_selection() -> None:
    stray = [replace(SOME_ROW, slug="mine", index_version="my scale")]

    with pytest.raises(ScaleError, match="nothing says how the points of 'mine' compare"):
        require_linked(stray, ())


def test_models_without_scores_may_be_of_any_version() -> None:
    priced_only = replace(models({"p": None})[0], index_version="none")

    require_linked([priced_only], ())


def test_scores_have_to_stand_on_the_newest_scale() -> None:
    scales = (change_by(-5),)
    require_linked(restate(models({"a": 40.0}), scales[0]), scales)

    with pytest.raises(ScaleError, match="'v2' to '2026-06'"):
        require_linked([replace(SOME_ROW, index_version="2026-06")], scales)


@pytest.mark.parametrize(
    "knots",
    [
        ((10, 10), (10, 12)),
        ((10, 10), (9, 12)),
        ((10, 10), (20, 9)),
        ((10, 10),),
    ],
    ids=["stands still", "goes back", "descends", "one knot"],
)
def test_a_map_that_is_none_is_refused(knots: Sequence[tuple[float, float]]) -> None:
    with pytest.raises(ValidationError):
        ScaleChange.model_validate(
            {
                **change_by(0).model_dump(),
                "knots": [{"old": x, "new": y, "low": y, "high": y} for x, y in knots],
            }
        )


def test_a_rebasing_survives_being_written_and_read() -> None:
    change = rebased(SPREAD_OUT, [points - 5 for points in SPREAD_OUT])

    assert ScaleChange.model_validate_json(change.model_dump_json()) == change
