"""What does each role demand of a model, on the scale of the catalog at hand?"""

from dataclasses import replace
from datetime import date

import pytest

from llms.catalog import Catalog, load_catalog
from llms.roles import ROLES, demands_of
from llms.scales import ScaleError
from schemas.roles import Role
from schemas.scales import Knot, ScaleChange

CATALOG = load_catalog()


def make_change(new_version: str) -> ScaleChange:
    """A re-basing of intelligence that halves all points."""
    return ScaleChange(
        index="intelligence",
        old_version="2026-06",
        new_version=new_version,
        found_on=date(2026, 8, 1),
        knots=tuple(Knot(old=2 * n, new=n, low=n - 0.5, high=n + 0.5) for n in (0.5, 20, 40)),
        shared=40,
        moved=40,
        spread=0.5,
    )


def make_catalog(version: str, *scales: ScaleChange) -> Catalog:
    models = tuple(replace(m, index_version=version) for m in CATALOG.models)
    return Catalog(models, "2026-08-01", "0" * 64, scales)


def test_on_their_own_scale_thresholds_are_as_written() -> None:
    demands = demands_of(CATALOG)

    assert demands.specs == ROLES
    assert demands.notes == ()


def test_thresholds_go_through_a_rebasing_and_say_so() -> None:
    demands = demands_of(make_catalog("2026-08", make_change("2026-08")))

    assert {role: spec.min_intelligence for role, spec in demands.specs.items()} == {
        role: spec.min_intelligence / 2 for role, spec in ROLES.items()
    }
    assert demands.specs[Role.TOOL_WORKER].min_coding == ROLES[Role.TOOL_WORKER].min_coding
    [note] = demands.notes
    assert "re-based on 2026-08-01" in note
    assert "55 became 27.5" in note


def test_a_scale_that_nothing_leads_to_stops_the_selection() -> None:
    with pytest.raises(ScaleError, match="2027-01"):
        demands_of(make_catalog("2027-01"))
