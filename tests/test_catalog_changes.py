"""What changed between two catalogs, re-basings told apart, and what it does to each role."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest

from llms.catalog import Catalog, CatalogModel, load_catalog
from llms.scales import WRITTEN_FOR
from schemas.roles import Role
from tasks.catalog_changes import CatalogChanges, compare_catalogs, on_known_scale
from tasks.catalog_files import Facts, Origin
from tasks.catalog_history import UNSTATED, history_of
from tasks.catalogs import Snapshot, SnapshotInfo, embedded_snapshot

ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "catalog" / "aa_llms_history.parquet"
EMBEDDED = embedded_snapshot()
MODELS = EMBEDDED.catalog.models


def snapshot_of(models: tuple[CatalogModel, ...], day: date = date(2026, 8, 1)) -> Snapshot:
    facts = Facts(day, Origin.IMPORT, "", len(models))
    catalog = Catalog(models, day.isoformat(), "")
    return Snapshot(SnapshotInfo(day.isoformat(), facts), catalog, ())


def rescored(change: Callable[[float], float], version: str = UNSTATED) -> tuple[CatalogModel, ...]:
    """The embedded models with intelligence on another scale."""
    return tuple(
        replace(
            model,
            index_version=version,
            intelligence=None if model.intelligence is None else change(model.intelligence),
        )
        for model in MODELS
    )


def changes(before: Snapshot, after: Snapshot) -> CatalogChanges:
    return compare_catalogs(before, after)


def test_models_come_and_go_and_figures_change() -> None:
    after = (
        replace(MODELS[1], output_price=1.0, tps=1.0),
        *MODELS[2:],
        replace(MODELS[0], slug="x"),
    )

    found = changes(EMBEDDED, snapshot_of(after))

    assert [model.slug for model in found.added] == ["x"]
    assert [model.slug for model in found.removed] == [MODELS[0].slug]
    # Not the speed: it is measured anew every day.
    assert [(c.slug, c.figure, c.before, c.after) for c in found.figures] == [
        (MODELS[1].slug, "output_price", 30.0, 1.0)
    ]


@pytest.mark.parametrize(
    ("figure", "value", "is_told"),
    [
        ("intelligence", 59.86, False),
        ("intelligence", 59.0, True),
        ("intelligence", None, True),
        ("input_price", 10.0000000001, False),
        ("input_price", 10.01, True),
        ("open_weights", True, True),
    ],
)
def test_a_figure_changed_if_it_did_by_more_than_rounding(
    figure: str, value: object, is_told: bool
) -> None:
    after = (replace(MODELS[0], **{figure: value}), *MODELS[1:])

    assert [c.figure for c in changes(EMBEDDED, snapshot_of(after)).figures] == [figure] * is_told


def test_a_rebased_index_is_told_as_such_and_the_roles_keep_their_models() -> None:
    after = snapshot_of(rescored(lambda points: 0.8 * points - 4))

    found = changes(EMBEDDED, after)

    (change,) = found.rebased
    assert (change.index, change.shared) == ("intelligence", 89)
    assert found.figures == ()
    for role in found.roles:
        assert role.before.spec is not None
        assert role.after.spec is not None
        points = role.before.spec.min_intelligence
        assert role.after.spec.min_intelligence == pytest.approx(0.8 * points - 4, abs=1)
        assert role.after.candidates == pytest.approx(role.before.candidates, abs=3)
        assert role.after.spec.min_coding == role.before.spec.min_coding
    assert any("carried over to its intelligence points" in note for note in found.notes)


def test_a_version_that_is_only_a_name_changes_nothing() -> None:
    found = changes(EMBEDDED, snapshot_of(rescored(lambda points: points)))

    assert (found.rebased, found.figures) == ((), ())
    assert all(role.before == role.after for role in found.roles)


def test_where_the_scales_cannot_be_compared_no_model_is_selected() -> None:
    found = changes(EMBEDDED, snapshot_of(rescored(lambda points: points)[:10]))

    assert {c.figure for c in found.figures} == set()
    assert {role.after.spec for role in found.roles} == {None}
    assert any("intelligence points are not compared" in note for note in found.notes)
    assert any("roles under the catalog of 2026-08-01" in note for note in found.notes)


def test_a_role_that_nobody_can_play_any_more_says_so() -> None:
    weak = tuple(m for m in MODELS if (m.intelligence or 0) < 55)

    found = changes(EMBEDDED, snapshot_of(weak))

    orchestrator = next(role for role in found.roles if role.role is Role.ORCHESTRATOR)
    assert (orchestrator.after.candidates, orchestrator.after.first) == (0, None)
    assert orchestrator.why == "claude-fable-5 is not listed on 2026-08-01"


def test_a_catalog_on_the_scale_of_the_thresholds_is_left_as_it_is() -> None:
    assert on_known_scale(load_catalog()) is load_catalog()
    placed = on_known_scale(snapshot_of(rescored(lambda points: points)).catalog)
    assert ({m.index_version for m in placed.models}, placed.scales) == ({WRITTEN_FOR}, ())


@pytest.mark.skipif(not ARCHIVE.is_file(), reason="the archive of daily catalogs is not at hand")
def test_only_the_days_of_a_rebasing_are_told_as_such() -> None:
    days = [(day, models) for day, models in history_of(ARCHIVE) if day >= date(2026, 6, 14)]

    found = {
        day: {change.index for change in changes(snapshot_of(old), snapshot_of(new, day)).rebased}
        for (_, old), (day, new) in pairwise(days)
    }

    assert {day: indices for day, indices in found.items() if indices} == {
        date(2026, 6, 16): {"intelligence"},
        # It began the day before, but with fewer than half of the models.
        date(2026, 6, 19): {"coding"},
    }
