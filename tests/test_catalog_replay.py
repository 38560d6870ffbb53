"""The selection replayed over real snapshots: re-basings found, no candidate set breaks."""

import json
from collections.abc import Mapping
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.catalog_history import HistoryError, Snapshot, read_history
from benchmarks.catalog_replay import HISTORY, main
from benchmarks.replay_days import Day, rebasings, replay
from benchmarks.replay_overpayment import overpayment
from benchmarks.replay_page import blocks, steps
from benchmarks.replay_scenario import AS_STATED, SENSITIVITIES, UNTHINKING, compare
from docs.make_tables import places
from llms.catalog import load_catalog
from llms.scales import WRITTEN_FOR, carry, detect
from schemas.roles import Role

PAGE = Path(__file__).parents[1] / "docs" / "catalog-replay.md"

INTELLIGENCE_REBASED = date(2026, 6, 16)
CODING_REBASED = date(2026, 6, 19)

with_history = pytest.mark.skipif(
    not HISTORY.is_file(), reason="the history of snapshots is not part of the project"
)


@cache
def history() -> tuple[Snapshot, ...]:
    return read_history(HISTORY, version=WRITTEN_FOR)


@cache
def days() -> tuple[Day, ...]:
    return replay(history())


def row(**known: object) -> Mapping[str, object]:
    """A row of a history file; a model that everybody can call, unless told otherwise."""
    return {
        "date": date(2026, 4, 10), "slug": "m", "name": "M", "creator": "Maker",
        "release_date": date(2026, 1, 1), "deprecated": False, "intelligence": 50.0,
        "coding": 50.0, "input_price": 1.0, "output_price": 4.0, "index_cost_output": 8.0,
        "tps": 80.0, "ttft": 1.0, "context_window": 100_000, "image_input": False,
        "open_weights": True, **known,
    }  # fmt: skip


def history_file(folder: Path, *rows: Mapping[str, object]) -> Path:
    path = folder / "history.parquet"
    pq.write_table(pa.Table.from_pylist([dict(one) for one in rows]), path)
    return path


@with_history
def test_both_rebasings_are_found_on_their_days_and_nothing_on_any_other() -> None:
    found = [(day.day, [change.index for change in day.found]) for day in days() if day.found]

    assert len(days()) == 72
    assert found == [(INTELLIGENCE_REBASED, ["intelligence"]), (CODING_REBASED, ["coding"])]


@with_history
def test_whoever_did_not_look_for_a_week_finds_them_as_well() -> None:
    for before, today in zip(history(), history()[7:], strict=False):
        found = {change.index for change in rebasings(before, today, WRITTEN_FOR)}

        passed = {
            index
            for index, day in (
                ("intelligence", INTELLIGENCE_REBASED),
                ("coding", CODING_REBASED),
            )
            if before.day < day <= today.day
        }
        assert found == passed, today.day


@with_history
def test_no_candidate_set_collapses_or_explodes_on_the_day_of_a_rebasing() -> None:
    for role in Role:
        for day, before, now in steps(days(), role):
            if day.found:
                assert abs(now.count - before) <= 0.25 * before, (role, day.day)


@with_history
def test_thresholds_as_written_would_have_broken_candidate_sets() -> None:
    broken = {
        role
        for role in Role
        for day, before, now in steps(days(), role)
        if day.day == INTELLIGENCE_REBASED and abs(now.fixed - before) > 0.25 * before
    }

    assert broken == set(Role)


@with_history
def test_every_role_has_a_candidate_on_every_day() -> None:
    assert all(day.roles[role].count for day in days() for role in Role)


@with_history
def test_the_catalog_that_ships_stands_on_the_last_scale_of_the_history() -> None:
    last = history()[-1].models

    for index in ("intelligence", "coding"):
        assert (
            detect(
                last,
                load_catalog().models,
                index,
                found_on=date(2026, 7, 10),
                old_version="2026-06-19",
                new_version=WRITTEN_FOR,
            )
            is None
        )


@with_history
def test_a_threshold_near_the_top_is_known_less_well_than_one_in_the_middle() -> None:
    top, middle = (carry(points, "intelligence", days()[-1].scales) for points in (55, 30))

    assert top.high - top.low > 5 * (middle.high - middle.low)


@with_history
def test_scores_withdrawn_on_the_day_of_a_rebasing_do_not_cost_candidates() -> None:
    tool_worker = next(day for day in days() if day.day == CODING_REBASED).roles[Role.TOOL_WORKER]

    assert tool_worker.published < 0.75 * tool_worker.count


@with_history
@pytest.mark.parametrize("name", [AS_STATED, UNTHINKING])
def test_the_scenario_is_five_times_cheaper_than_one_strong_model_on_every_day(name: str) -> None:
    savings = [one.saving for day in days() if (one := compare(day, SENSITIVITIES[name]))]

    assert len(savings) == len(days())
    assert min(savings) >= 5


@with_history
def test_a_choice_by_price_per_token_never_undercuts_one_by_price_per_task() -> None:
    found = [overpayment(day, role) for day in days() for role in Role]

    assert all(one is not None and one.share >= 0 for one in found)


@with_history
def test_the_page_is_what_the_replay_says() -> None:
    page = PAGE.read_text(encoding="utf-8")
    made = blocks(days())

    assert places(page) == list(made)
    assert [name for name, block in made.items() if block not in page] == []


@with_history
def test_json_holds_every_day_and_role() -> None:
    written: list[str] = []

    assert main(["--json"], written.append) == 0

    told: dict[str, Any] = json.loads("".join(written))
    assert [change["found_on"] for change in told["rebasings"]] == ["2026-06-16", "2026-06-19"]
    assert len(told["days"]) == 72
    assert all(set(day["roles"]) == {role.value for role in Role} for day in told["days"])
    assert told["days"][0]["saving"] == pytest.approx(
        told["days"][0]["strong_usd"] / told["days"][0]["usd"], abs=0.01
    )


def test_a_missing_history_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--history", str(tmp_path / "none.parquet")]) == 2

    assert capsys.readouterr().err == (
        f"no catalog history at {tmp_path / 'none.parquet'}; give the path of a Parquet file with "
        "a row per model and day\n"
    )


def test_a_history_without_a_column_says_which(tmp_path: Path) -> None:
    lacking = {name: value for name, value in row().items() if name != "coding"}

    with pytest.raises(HistoryError, match="lacks the column 'coding'"):
        read_history(history_file(tmp_path, lacking), version="v1")


def test_a_file_that_is_no_parquet_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "history.parquet"
    path.write_text("date,slug\n")

    with pytest.raises(HistoryError, match="is no Parquet file"):
        read_history(path, version="v1")


def test_free_previews_and_missing_prices_are_unknown_prices(tmp_path: Path) -> None:
    path = history_file(
        tmp_path,
        row(slug="free", input_price=0.0, output_price=0.0),
        row(slug="unpriced", input_price=None, output_price=None),
        row(slug="priced"),
    )

    (snapshot,) = read_history(path, version="v1")

    assert [model.price for model in snapshot.models] == [None, None, 1.75]


def test_talkativeness_is_the_output_cost_of_the_index_over_the_price(tmp_path: Path) -> None:
    path = history_file(tmp_path, row(index_cost_output=8.0, output_price=4.0))

    assert read_history(path, version="v1")[0].models[0].index_output_mtok == 2.0


def test_snapshots_come_in_the_order_of_their_days(tmp_path: Path) -> None:
    path = history_file(
        tmp_path,
        row(date=date(2026, 4, 12), deprecated=True),
        row(date=date(2026, 4, 11)),
    )

    found = read_history(path, version="v1")

    assert [one.day.day for one in found] == [11, 12]
    assert [one.retired for one in found] == [frozenset(), {"m"}]
    assert all(before.day < after.day for before, after in pairwise(found))
