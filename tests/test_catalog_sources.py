"""What each source says is read as it is meant; what is broken is left out and told."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llms.catalog_sources import artificial_analysis, litellm, openrouter, own
from llms.catalog_sources.rows import PartialRow, Reading
from llms.failures import CatalogError
from tests.catalog_documents import (
    DAY,
    aa_document,
    aa_entry,
    litellm_document,
    litellm_entry,
    openrouter_document,
    openrouter_entry,
)


def parse_aa(*entries: object, **envelope: Any) -> Reading:
    return artificial_analysis.parse([aa_document(entries, **envelope)], DAY)


def parse_openrouter(*entries: object) -> Reading:
    return openrouter.parse(openrouter_document(entries), DAY)


def only_row(reading: Reading) -> PartialRow:
    assert reading.broken == ()
    (row,) = reading.rows
    return row


@pytest.mark.parametrize("is_nested", [False, True], ids=["flat", "nested"])
def test_both_shapes_of_artificial_analysis_say_the_same(is_nested: bool) -> None:
    row = only_row(parse_aa(aa_entry(is_nested=is_nested)))

    assert row.figures == {
        "slug": "acme-one",
        "name": "Acme One",
        "creator": "Acme",
        "release_date": date(2026, 5, 1),
        "intelligence": 40.0,
        "coding": 50.0,
        "tps": 50.0,
        "ttft": 1.5,
        "input_price": 1.0,
        "output_price": 4.0,
    }


def test_the_fuller_shape_brings_limits_licence_name_and_tokens() -> None:
    entry = aa_entry(
        is_nested=True,
        reasoning_model=True,
        context_window_tokens=128000,
        openrouter_api_id="acme/one",
        licensing={"is_open_weights": True},
        modalities={"input": {"text": True, "image": False}},
        artificial_analysis_intelligence_index_token_counts={"output_tokens": 21_200_000},
    )

    figures = only_row(parse_aa(entry, intelligence_index_version=4.1)).figures

    wanted = ("reasoning", "context_window", "api_id", "open_weights", "image_input")
    assert [figures[column] for column in wanted] == [True, 128000, "acme/one", True, False]
    assert (figures["index_output_mtok"], figures["index_version"]) == (21.2, "4.1")


def test_tokens_of_the_index_come_from_its_cost_where_they_are_not_counted() -> None:
    costs = {"answer_cost": 20.0, "reasoning_cost": 60.0, "total_cost": 90.0}
    entry = aa_entry(artificial_analysis_intelligence_index_cost=costs)

    assert only_row(parse_aa(entry)).figures["index_output_mtok"] == 20.0


def test_a_speed_of_zero_was_not_measured() -> None:
    entry = aa_entry(median_output_tokens_per_second=0, median_time_to_first_token_seconds=0)

    assert {"tps", "ttft"}.isdisjoint(only_row(parse_aa(entry)).figures)


def test_a_price_of_zero_is_unknown_and_says_why() -> None:
    pricing = {"price_1m_input_tokens": 0, "price_1m_output_tokens": 0}

    row = only_row(parse_aa(aa_entry(pricing=pricing)))

    assert {"input_price", "output_price"}.isdisjoint(row.figures)
    assert "free preview" in row.withheld["output_price"]


@pytest.mark.parametrize(
    ("pagination", "has_next"),
    [
        (None, False),
        ({"page": 1, "total_pages": 2}, True),
        ({"page": 2, "total_pages": 2, "has_more": False}, False),
        ({"has_more": True}, True),
    ],
)
def test_pages_are_followed_as_long_as_there_are_more(pagination: object, has_next: bool) -> None:
    data = aa_document([aa_entry()], pagination=pagination)

    assert artificial_analysis.has_next_page(data) is has_next


def test_pages_that_repeat_themselves_are_refused() -> None:
    page = aa_document([aa_entry()])

    with pytest.raises(CatalogError, match="page 2 of Artificial Analysis repeats"):
        artificial_analysis.parse([page, page], DAY)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slug": None}, "slug or name is missing"),
        ({"evaluations": {"artificial_analysis_coding_index": "good"}}, "coding_index is no numb"),
        ({"evaluations": {"artificial_analysis_coding_index": True}}, "coding_index is no number"),
        ({"evaluations": {"artificial_analysis_coding_index": 1e3}}, "coding is 1000, but 100"),
        ({"pricing": {"price_1m_input_tokens": -2}}, "price_1m_input_tokens is -2"),
        ({"pricing": {"price_1m_input_tokens": 1e9}}, "which cannot be"),
        ({"pricing": []}, "pricing is no object"),
        ({"name": "A\x1b[2J"}, "name is no plain text"),
        ({"release_date": "soon"}, "release_date is no day"),
    ],
)
def test_a_broken_row_is_left_out_and_told(changes: dict[str, Any], said: str) -> None:
    reading = parse_aa(aa_entry("good"), aa_entry("bad") | changes)

    assert [row.figures["slug"] for row in reading.rows] == ["good"]
    (sentence,) = reading.broken
    assert said in sentence


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b'{"data": [{"slug": "a', b'{"data": []}', b'{"models": [1]}', b"[" * 99999],
    ids=["empty", "page", "cut", "no models", "other", "deep"],
)
@pytest.mark.parametrize(
    "parse",
    [lambda data: artificial_analysis.parse([data], DAY), lambda data: openrouter.parse(data, DAY)],
    ids=["aa", "openrouter"],
)
def test_a_broken_document_is_one_error(parse: Callable[[bytes], Reading], data: bytes) -> None:
    with pytest.raises(CatalogError):
        parse(data)


def test_openrouter_prices_are_per_token_and_capabilities_are_what_requests_may_ask_for() -> None:
    assert only_row(parse_openrouter(openrouter_entry())).figures == {
        "api_id": "acme/acme-one",
        "context_window": 200_000,
        "max_output": 32_000,
        "structured_output": True,
        "tool_call": True,
        "logprobs": False,
        "image_input": True,
        "input_price": 1.2,
        "output_price": 5.0,
        "cached_input_price": 0.12,
    }


def test_variants_and_routers_are_left_aside() -> None:
    reading = parse_openrouter(
        openrouter_entry(),
        openrouter_entry("acme/acme-one:free", pricing={"prompt": "0", "completion": "0"}),
        openrouter_entry("openrouter/auto", pricing={"prompt": "-1", "completion": "-1"}),
    )

    assert (len(reading.rows), reading.left_aside, reading.broken) == (1, 2, ())


def test_the_batch_variant_of_openrouter_tells_the_batch_discount() -> None:
    half = {"prompt": "0.0000006", "completion": "0.0000025"}

    reading = parse_openrouter(
        openrouter_entry(), openrouter_entry("acme/acme-one:batch", pricing=half)
    )

    assert only_row(reading).figures["batch_discount"] == 0.5


def test_the_price_of_a_router_is_unknown() -> None:
    row = only_row(parse_openrouter(openrouter_entry(pricing={"prompt": "-1"})))

    assert "input_price" not in row.figures
    assert "routed" in row.withheld["input_price"]


def test_a_model_without_listed_parameters_may_or_may_not_have_capabilities() -> None:
    row = only_row(parse_openrouter(openrouter_entry(supported_parameters=[])))

    assert {"structured_output", "tool_call", "logprobs", "reasoning"}.isdisjoint(row.figures)


def test_json_without_a_schema_is_no_structured_output() -> None:
    row = only_row(parse_openrouter(openrouter_entry(supported_parameters=["response_format"])))

    assert row.figures["structured_output"] is False
    assert row.figures["reasoning"] is False


def test_litellm_brings_the_batch_discount_and_only_what_makers_serve() -> None:
    reading = litellm.parse(
        litellm_document(
            {
                "gpt-9": litellm_entry(),
                "azure/gpt-9": litellm_entry(litellm_provider="azure"),
                "openai/eu/gpt-9": litellm_entry(),
                "ft:gpt-9": litellm_entry(),
                "dall-e-9": litellm_entry(mode="image_generation"),
            }
        ),
        DAY,
    )

    assert only_row(reading).figures == {
        "api_id": "openai/gpt-9",
        "batch_discount": 0.5,
        "max_output": 128_000,
        "structured_output": True,
        "tool_call": True,
        "image_input": True,
        "input_price": 5.0,
        "output_price": 30.0,
        "cached_input_price": 0.5,
    }
    assert reading.left_aside == 4


def test_of_two_batch_discounts_the_smaller_one_counts() -> None:
    entry = litellm_entry(input_cost_per_token_batches=1e-06)

    row = only_row(litellm.parse(litellm_document({"gpt-9": entry}), DAY))

    assert row.figures["batch_discount"] == 0.5


def test_a_table_without_chat_models_is_refused() -> None:
    with pytest.raises(CatalogError, match="no chat model"):
        litellm.parse(litellm_document({}), DAY)


def test_ones_own_csv_gives_any_columns_and_means_its_zeros() -> None:
    data = b"\xef\xbb\xbfapi_id,input_price,tool_call,context_window,tps\nacme/x,0,True,8192.0,\n"

    row = only_row(own.parse(own.rows_of_csv(data, "own.csv"), "own.csv", DAY))

    assert row.figures == {
        "api_id": "acme/x",
        "input_price": 0.0,
        "tool_call": True,
        "context_window": 8192,
    }


def test_broken_rows_and_unknown_columns_of_ones_own_file_are_told() -> None:
    rows: list[dict[str, object]] = [
        {"slug": "a", "input_price": "cheap", "prise": 1},
        {"slug": "b", "input_price": 1.5, "release_date": date(2026, 1, 2)},
        {"slug": None, "input_price": 2},
    ]

    reading = own.parse(rows, "own.csv", DAY)

    assert [row.figures["slug"] for row in reading.rows] == ["b"]
    assert [sentence.split(": ", 1)[0] for sentence in reading.broken] == [
        "your own file, 'row 1 of own.csv'",
        "your own file, 'row 3 of own.csv'",
        "own.csv",
    ]
    assert "prise" in reading.broken[-1]


def test_ones_own_file_must_name_models() -> None:
    with pytest.raises(CatalogError, match=r"own\.csv needs rows with a column slug or api_id"):
        own.parse([{"name": "a"}], "own.csv", DAY)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def entries_like(usual: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Entries of a source in which anything may stand in any place."""
    return st.dictionaries(st.sampled_from(sorted(usual)), json_values).map(
        lambda changes: usual | changes
    )


@settings(deadline=None)
@given(st.lists(entries_like(aa_entry()) | json_values, min_size=1, max_size=4))
def test_whatever_artificial_analysis_sends_each_entry_is_read_or_told(entries: list[Any]) -> None:
    reading = artificial_analysis.parse([aa_document(entries)], DAY)

    assert len(reading.rows) + len(reading.broken) <= len(entries)
    assert all(isinstance(row.figures["slug"], str) for row in reading.rows)


@settings(deadline=None)
@given(
    st.lists(
        entries_like(openrouter_entry())
        | entries_like(openrouter_entry("acme/acme-one:batch"))
        | json_values,
        min_size=1,
        max_size=4,
    )
)
def test_whatever_openrouter_sends_each_entry_is_read_or_told(entries: list[Any]) -> None:
    reading = openrouter.parse(openrouter_document(entries), DAY)

    assert all(price > 0 for row in reading.rows for price in prices_of(row))


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=8), entries_like(litellm_entry()) | json_values))
def test_whatever_litellm_sends_each_entry_is_read_or_told(entries: dict[str, Any]) -> None:
    reading = litellm.parse(litellm_document({**entries, "gpt-9": litellm_entry()}), DAY)

    assert all(price > 0 for row in reading.rows for price in prices_of(row))


@settings(deadline=None)
@given(st.binary(max_size=40) | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_document_comes_it_is_read_or_one_error(data: bytes) -> None:
    for parse in (openrouter.parse, litellm.parse):
        with suppress(CatalogError):
            assert parse(data, DAY).rows != ()


def prices_of(row: PartialRow) -> list[float]:
    columns = ("input_price", "output_price", "cached_input_price")
    return [price for c in columns if isinstance(price := row.figures.get(c), float)]
