"""Which figure stands where sources differ, where each came from, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.catalog import CatalogModel, load_catalog
from llms.catalog_sources.claims import precedence
from llms.catalog_sources.merge import FIGURES, POINTS, Merged, Provenance, merge
from llms.catalog_sources.rows import NAMES, PartialRow, Reading, Source
from llms.catalog_sources.sanity import objection
from tests.catalog_documents import DAY, make_model

OLD = date(2026, 7, 10)


def make_reading(source: Source, *rows: dict[str, Any], **withheld: str) -> Reading:
    """What a source says; the first row withholds figures for the reasons given."""
    partial = [PartialRow(row, withheld if not n else {}) for n, row in enumerate(rows)]
    return Reading(source, DAY, tuple(partial))


def aa(*rows: dict[str, Any]) -> Reading:
    usual = {"name": "Acme One", "creator": "Acme"}
    return make_reading(Source.ARTIFICIAL_ANALYSIS, *({**usual, **row} for row in rows))


def openrouter(**figures: Any) -> Reading:
    return make_reading(Source.OPENROUTER, {"api_id": "acme/acme-one", **figures})


def litellm(**figures: Any) -> Reading:
    return make_reading(Source.LITELLM, {"api_id": "acme/acme-one", **figures})


def own(**figures: Any) -> Reading:
    return make_reading(Source.OWN, figures)


def merged_with(base: CatalogModel, *readings: Reading) -> CatalogModel:
    (model,) = merge([base], [], readings).models
    return model


def source_of(merged: Merged, column: str, slug: str = "acme-one") -> tuple[str, date]:
    (found,) = [p for p in merged.provenance if (p.slug, p.column) == (slug, column)]
    return found.source, found.as_of


def test_prices_come_from_who_serves_and_scores_from_who_measures() -> None:
    base = make_model(intelligence=30.0, input_price=9.0, output_price=9.0, tps=10.0)
    readings = [
        aa({"slug": "acme-one", "intelligence": 40.0, "input_price": 3.0, "output_price": 3.0}),
        openrouter(input_price=1.0, output_price=4.0),
        litellm(input_price=2.0, output_price=5.0, max_output=999),
    ]

    merged = merge([base], [], readings)

    assert merged.models[0] == replace(
        base, intelligence=40.0, input_price=1.0, output_price=4.0, max_output=999, as_of=DAY
    )
    assert source_of(merged, "input_price") == ("openrouter", DAY)
    assert source_of(merged, "max_output") == ("litellm", DAY)
    assert source_of(merged, "tps") == ("embedded", OLD)


def test_ones_own_figure_stands_above_all() -> None:
    readings = [
        openrouter(input_price=1.0, output_price=4.0),
        own(slug="acme-one", input_price=0.0),
    ]

    model = merged_with(make_model(), *readings)

    assert (model.input_price, model.output_price) == (0.0, 4.0)


def test_both_prices_come_from_one_source_where_one_has_both() -> None:
    model = merged_with(
        make_model(), openrouter(input_price=1.0), litellm(input_price=2.0, output_price=5.0)
    )

    assert (model.input_price, model.output_price) == (2.0, 5.0)


def test_a_cached_price_of_another_list_must_fit() -> None:
    prices = {"input_price": 1.0, "output_price": 4.0}

    too_dear = merged_with(make_model(), openrouter(**prices), litellm(cached_input_price=1.5))
    fitting = merged_with(make_model(), openrouter(**prices), litellm(cached_input_price=0.1))

    assert (too_dear.cached_input_price, fitting.cached_input_price) == (None, 0.1)


def test_all_efforts_of_a_model_share_its_prices() -> None:
    base = [make_model(slug=slug) for slug in ("acme-one", "acme-one-low")]

    merged = merge(base, [], [openrouter(input_price=1.0, output_price=4.0)])

    assert [model.price for model in merged.models] == [1.75, 1.75]


def test_a_withheld_price_stays_unknown_and_its_provenance_says_why() -> None:
    reading = make_reading(
        Source.OPENROUTER, {"api_id": "acme/acme-one"}, input_price="published as 0"
    )

    merged = merge([make_model()], [], [reading])

    assert merged.models[0].price is None
    assert Provenance("acme-one", "input_price", "openrouter", DAY, "published as 0") in (
        merged.provenance
    )


def test_a_figure_keeps_its_rank_until_its_source_is_read_anew() -> None:
    base = make_model(input_price=1.0, output_price=4.0)
    origins = [
        Provenance("acme-one", column, Source.OPENROUTER, OLD)
        for column in ("input_price", "output_price")
    ]
    other = litellm(input_price=2.0, output_price=5.0)

    unread = merge([base], origins, [other])
    unlisted = merge([base], origins, [other, make_reading(Source.OPENROUTER)])

    assert (unread.models[0].input_price, source_of(unread, "input_price")) == (
        1.0,
        ("openrouter", OLD),
    )
    assert unlisted.models[0].input_price == 2.0


def test_points_that_are_taken_back_are_unknown_and_told() -> None:
    base = make_model(intelligence=30.0, coding=40.0, index_output_mtok=5.0)

    merged = merge([base], [], [aa({"slug": "acme-one", "intelligence": 41.0})])

    (model,) = merged.models
    assert (model.intelligence, model.coding, model.index_output_mtok) == (41.0, None, 5.0)
    assert merged.remarks == ("coding is no longer published: acme-one",)


def test_a_model_that_is_no_longer_listed_goes_but_ones_own_stays() -> None:
    base = [make_model(slug="gone"), make_model(slug="mine", api_id="me/mine")]
    origins = [Provenance("mine", c, Source.OWN, OLD) for c in ("name", "creator", "api_id")]

    merged = merge(base, origins, [aa({"slug": "acme-one", "api_id": "acme/acme-one"})])

    assert {model.slug for model in merged.models} == {"acme-one", "mine"}
    assert merged.remarks == ("gone, since Artificial Analysis no longer lists them: gone",)


def test_a_model_of_ones_own_goes_when_the_file_no_longer_has_it() -> None:
    once = merge([make_model()], [], [own(api_id="local/tiny-7b")])

    other = merge(once.models, once.provenance, [own(slug="acme-one", tps=1.0)])

    assert [model.slug for model in other.models] == ["acme-one"]
    assert other.remarks == ("gone, since your own file no longer lists them: tiny-7b",)


def test_a_new_effort_is_called_like_the_model_and_a_nameless_one_is_left_out() -> None:
    reading = aa(
        {"slug": "acme-one"},
        {"slug": "acme-one-low", "name": "Acme One (low)", "effort": "low"},
        {"slug": "beta", "name": "Beta"},
    )

    merged = merge([make_model()], [], [reading])

    assert {m.slug: m.api_id for m in merged.models} == {
        "acme-one": "acme/acme-one",
        "acme-one-low": "acme/acme-one",
    }
    assert "left out 1 of the 3 models of Artificial Analysis" in merged.remarks[0]


def test_a_new_model_takes_its_name_for_requests_from_a_price_list() -> None:
    prices = make_reading(Source.OPENROUTER, {"api_id": "acme/two-beta", "input_price": 2.0})

    merged = merge([make_model()], [], [aa({"slug": "beta", "name": "Beta Two"}), prices])

    assert [(m.api_id, m.input_price) for m in merged.models] == [("acme/two-beta", 2.0)]


def test_a_model_of_ones_own_is_added_if_it_can_be_called() -> None:
    readings = [
        make_reading(Source.OWN, {"api_id": "local/tiny-7b", "tps": 9.0}, {"slug": "nameless"})
    ]

    merged = merge([make_model()], [], readings)

    added = next(model for model in merged.models if model.slug == "tiny-7b")
    assert (added.name, added.creator, added.index_version, added.tps) == (
        "tiny-7b",
        "local",
        "2026-06",
        9.0,
    )
    assert "left out of your own file" in merged.remarks[0]


def test_prices_that_differ_much_are_told_once_per_model() -> None:
    base = [make_model(slug=slug) for slug in ("acme-one", "acme-one-low")]
    readings = [
        openrouter(input_price=1.0, output_price=4.0),
        litellm(input_price=2.5, output_price=4.0),
    ]

    assert merge(base, [], readings).remarks == (
        "prices that differ by more than 2 times: acme/acme-one input_price "
        "(LiteLLM 2.5, OpenRouter 1)",
    )


def test_several_models_of_a_list_that_could_be_meant_are_told() -> None:
    reading = make_reading(
        Source.OPENROUTER,
        {"api_id": "acme/one-acme", "input_price": 1.0},
        {"api_id": "acme/acme.one", "input_price": 2.0},
    )

    merged = merge([make_model()], [], [reading])

    assert merged.models[0].input_price is None
    assert "several models that could be meant" in merged.remarks[0]


numbers = st.floats(min_value=0.01, max_value=99, allow_nan=False)
figures = st.fixed_dictionaries(
    {},
    optional={
        "intelligence": numbers,
        "coding": numbers,
        "input_price": numbers,
        "output_price": numbers,
        "cached_input_price": numbers,
        "tps": numbers,
        "max_output": st.integers(1, 99),
        "tool_call": st.booleans(),
    },
)


@st.composite
def readings_of_all(draw: st.DrawFn) -> list[Reading]:
    return [
        aa({"slug": "acme-one", **draw(figures)}),
        openrouter(**draw(figures)),
        litellm(**draw(figures)),
        own(slug="acme-one", **draw(figures)),
    ]


@settings(deadline=None)
@given(figures, readings_of_all())
def test_the_order_in_which_sources_are_read_does_not_matter(
    known: dict[str, Any], readings: list[Reading]
) -> None:
    results = {repr(merge([make_model(**known)], [], order)) for order in permutations(readings)}

    assert len(results) == 1


@settings(deadline=None)
@given(figures, st.lists(st.sampled_from(range(4)), unique=True), readings_of_all())
def test_provenance_covers_exactly_the_known_figures(
    known: dict[str, Any], chosen: list[int], readings: list[Reading]
) -> None:
    merged = merge([make_model(**known)], [], [readings[n] for n in chosen])

    explained = [(p.slug, p.column) for p in merged.provenance if p.note is None]
    expected = [
        (model.slug, column)
        for model in merged.models
        for column in FIGURES
        if getattr(model, column) is not None
    ]
    assert sorted(explained) == sorted(expected)


@settings(deadline=None)
@given(figures, readings_of_all())
def test_no_figure_is_made_up(known: dict[str, Any], readings: list[Reading]) -> None:
    merged = merge([make_model(**known)], [], readings)

    said = {source: row.figures for r in readings for source, row in [(r.source, r.rows[0])]}
    said[Source.EMBEDDED] = known
    for p in merged.provenance:
        if p.column in known:
            assert getattr(merged.models[0], p.column) == said[Source(p.source)][p.column]


def test_merging_the_same_again_changes_nothing() -> None:
    base = load_catalog().models
    once = merge(base, [], [openrouter(input_price=1.0, output_price=4.0)])

    again = merge(once.models, once.provenance, [openrouter(input_price=1.0, output_price=4.0)])

    assert again == once


def test_every_column_with_a_provenance_ranks_all_sources() -> None:
    missing = {column: set(Source) - set(precedence(column)) for column in FIGURES}

    assert all(left <= {Source.RESTATED} for left in missing.values())
    assert not any(missing[column] for column in POINTS)


@pytest.mark.parametrize("column", ["tps", "input_price"])
def test_the_documented_precedence_is_the_one_in_force(column: str) -> None:
    page = Path(__file__).parents[1] / "docs" / "catalog.md"

    assert " > ".join(NAMES[source] for source in precedence(column)) in page.read_text()


def cheapened(models: Sequence[CatalogModel], factor: float) -> list[CatalogModel]:
    return [
        replace(model, output_price=model.output_price and model.output_price * factor)
        for model in models
    ]


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (lambda old: old[::2], "44 of 89 models would be gone"),
        (lambda old: cheapened(old, 0), "prices would be unknown"),
        (lambda old: cheapened(old, 1e-6), "mistake in a unit"),
        (lambda old: [replace(m, intelligence=None) for m in old], "89 of 89 intelligence scores"),
        (lambda old: cheapened(old[:80], 0.5), None),
    ],
    ids=["half", "no prices", "unit", "no scores", "a bad day"],
)
def test_a_catalog_that_lost_too_much_is_refused(new: Any, said: str | None) -> None:
    old = load_catalog().models

    why = objection(old, new(old))

    assert why is None if said is None else said in (why or "")
