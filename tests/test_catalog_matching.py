"""Which model a source speaks of: found under other spellings, never taken for another version."""

import pytest

from llms.catalog import load_catalog
from llms.catalog_sources.matching import ApiNames, PriceList, effort_of, key_of, rivals_of
from llms.catalog_sources.rows import PartialRow


def test_efforts_are_read_from_names_as_the_embedded_catalog_has_them() -> None:
    models = load_catalog().models

    assert {m.name: effort_of(m.name) for m in models} == {m.name: m.effort for m in models}


def test_a_model_is_found_under_another_spelling_but_not_under_another_version() -> None:
    haiku = key_of("anthropic/claude-haiku-4.5")

    assert key_of("anthropic/Claude-4-5-Haiku") == haiku
    assert key_of("anthropic/claude-haiku-5-4") != haiku
    assert key_of("anthropic/claude-haiku-4-5-20251001") != haiku
    assert key_of("elsewhere/claude-haiku-4.5") != haiku


def test_no_embedded_model_is_taken_for_another_one_by_its_name() -> None:
    models = load_catalog().models
    found = {
        model.slug: ApiNames([other for other in models if other is not model], ()).find(
            model.name, model.creator
        )
        for model in models
    }

    assert {slug for slug, api_id in found.items() if api_id} != set()
    assert [m.slug for m in models if found[m.slug] not in {None, m.api_id}] == []


def test_another_months_version_is_not_the_same_model() -> None:
    names = ApiNames(load_catalog().models, ())

    assert names.find("GPT-5.4 nano (medium)", "OpenAI") == "openai/gpt-5.4-nano"
    assert names.find("GPT-5.5 Instant (May 2026)", "OpenAI") is None


@pytest.mark.parametrize(
    ("listed", "catalog"),
    [
        (["a/one-2", "a/2-one"], ["a/One.2"]),
        (["a/one-2"], ["a/One.2", "a/2-one"]),
    ],
    ids=["two there", "two here"],
)
def test_where_two_models_could_be_meant_none_is_taken(
    listed: list[str], catalog: list[str]
) -> None:
    prices = PriceList([PartialRow({"api_id": api_id}) for api_id in listed])

    assert prices.find(catalog[0], rivals_of(catalog)) is None
    assert prices.doubtful == {catalog[0]}
