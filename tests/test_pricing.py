"""Costs: billed, at most, expected; and the talkativeness that expectations rest on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.catalog import load_catalog
from llms.failures import ProviderError
from llms.pricing import (
    Talkativeness,
    baseline_document_usd,
    cached_part,
    cost_usd,
    estimate_tokens,
    expected_call_usd,
    in_lane,
    output_limit,
    worst_case_usd,
)
from schemas.roles import Model

TOKENS = st.integers(min_value=0, max_value=10**7)
PRICE = st.floats(min_value=0, max_value=1000)
MODELS = load_catalog().models


def make_model(**values: object) -> Model:
    """A model at $1 per million tokens in and $10 out, but for what its test is about."""
    usual = {
        "slug": "m",
        "name": "M",
        "creator": "C",
        "provider": "p",
        "api_id": "m",
        "input_price": 1.0,
        "output_price": 10.0,
    }
    return Model.model_validate({**usual, **values})


def test_cached_tokens_are_booked_at_their_own_price() -> None:
    model = make_model(cached_input_price=0.1)

    assert cost_usd(model, 1_000_000, 400_000, 100_000) == pytest.approx(0.6 + 0.04 + 1.0)


def test_cached_tokens_of_unknown_price_cost_what_others_do() -> None:
    assert cost_usd(make_model(), 1_000_000, 400_000, 0) == pytest.approx(1.0)


@pytest.mark.parametrize("missing", ["input_price", "output_price"])
def test_an_unknown_price_is_an_error_and_never_zero(missing: str) -> None:
    model = make_model(**{missing: None})

    for price in (
        lambda: cost_usd(model, 1, 0, 1),
        lambda: worst_case_usd(model, 1, 1),
        lambda: expected_call_usd(model, 1, 1),
        lambda: baseline_document_usd(model, 1, 1, 1),
    ):
        with pytest.raises(ProviderError, match="the price of model 'm' is not known"):
            price()


def test_a_free_model_costs_nothing() -> None:
    free = make_model(input_price=0.0, output_price=0.0)

    assert cost_usd(free, 10**6, 0, 10**6) == 0.0
    assert worst_case_usd(free, 10**6, 10**6) == 0.0


def test_thinking_is_expected_but_can_be_left_out() -> None:
    model = make_model(thinking_factor=5.0)

    assert expected_call_usd(model, 0, 1000) == pytest.approx(0.05)
    assert expected_call_usd(model, 0, 1000, thinking=0) == pytest.approx(0.01)


def test_the_output_limit_leaves_room_to_think() -> None:
    assert output_limit(make_model(thinking_factor=2.5), 101) == 253


def test_the_baseline_reads_the_document_and_the_instructions() -> None:
    assert baseline_document_usd(make_model(), 2000, 300, 700) == pytest.approx(0.0057)


@given(a=TOKENS, more=TOKENS, cached=TOKENS, out=TOKENS, price_in=PRICE, price_out=PRICE)
def test_a_cost_never_falls_when_tokens_are_added(
    a: int, more: int, cached: int, out: int, price_in: float, price_out: float
) -> None:
    model = make_model(input_price=price_in, output_price=price_out)

    assert cost_usd(model, a, cached, out) <= cost_usd(model, a + more, cached, out) + 1e-9
    assert cost_usd(model, a, cached, out) <= cost_usd(model, a, cached, out + more) + 1e-9
    assert expected_call_usd(model, a, out) <= expected_call_usd(model, a + more, out) + 1e-9


@given(
    prompt=TOKENS,
    cached=TOKENS,
    out=TOKENS,
    cached_price=st.none() | PRICE,
    price_in=PRICE,
    price_out=PRICE,
)
def test_no_call_within_its_limits_costs_more_than_its_worst_case(
    prompt: int,
    cached: int,
    out: int,
    cached_price: float | None,
    price_in: float,
    price_out: float,
) -> None:
    model = make_model(
        input_price=price_in, output_price=price_out, cached_input_price=cached_price
    )

    assert cost_usd(model, prompt, cached, out) <= worst_case_usd(model, prompt, out) + 1e-9


@pytest.mark.parametrize(("chars", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (8000, 2000)])
def test_tokens_are_estimated_upwards(chars: int, tokens: int) -> None:
    assert estimate_tokens(chars) == tokens


def test_talkativeness_is_measured_against_models_that_do_not_think() -> None:
    talk = Talkativeness.of(MODELS)
    by_slug = {model.slug: talk.factor(model) for model in MODELS}

    assert talk.plain_mtok == 5.3
    assert by_slug["deepseek-v4-flash"] == pytest.approx(233.7 / 5.3, abs=0.01)
    assert by_slug["gpt-5-6-luna-non-reasoning"] == 1.0


def test_a_model_that_nobody_measured_is_taken_for_a_talkative_one() -> None:
    talk = Talkativeness.of(MODELS)
    factors = sorted(talk.factor(m) for m in MODELS if m.index_output_mtok and m.effort != "none")
    unmeasured = next(m for m in MODELS if m.slug == "step-3-7-flash")

    below = sum(factor <= talk.factor(unmeasured) for factor in factors)
    assert below / len(factors) >= 0.9


def test_a_catalog_without_plain_models_still_gives_factors() -> None:
    thinking = [m for m in MODELS if m.effort != "none"]

    assert Talkativeness.of(thinking).plain_mtok == 5.3
    assert Talkativeness.of([]).unmeasured == 1.0


def test_the_output_limit_is_never_more_than_the_model_can_write() -> None:
    assert output_limit(make_model(thinking_factor=50.0, max_output=8000), 1000) == 8000
    assert output_limit(make_model(thinking_factor=2.0, max_output=8000), 1000) == 2000


def test_own_calls_decide_what_a_call_should_cost_but_not_its_output_limit() -> None:
    model = make_model(thinking_factor=5.0, own_factor=2.0)

    assert expected_call_usd(model, 0, 1000) == pytest.approx(0.02)
    assert output_limit(model, 1000) == 5000


def test_what_the_cache_holds_costs_its_own_price() -> None:
    model = make_model(cached_input_price=0.1)

    assert expected_call_usd(model, 3000, 0, cached_tokens=2000) == pytest.approx(0.0012)


@pytest.mark.parametrize(
    ("values", "stable", "expected"),
    [
        ({"cached_input_price": 0.1}, 1024, 1024),
        ({"cached_input_price": 0.1}, 1023, 0),
        ({}, 5000, 0),
        ({"cached_input_price": 0.1, "creator": "Google"}, 4095, 0),
        ({"cached_input_price": 0.1, "creator": "Google"}, 4096, 4096),
        ({"cached_input_price": 0.1, "creator": "Anthropic"}, 50_000, 0),
    ],
)
def test_a_prompt_is_taken_as_cached_only_where_a_cache_would_serve_it(
    values: dict[str, object], stable: int, expected: int
) -> None:
    assert cached_part(make_model(**values), stable) == expected


@pytest.mark.parametrize(
    ("lane", "discount", "expected"),
    [("batch", 0.5, 0.005), ("batch", None, 0.01), ("standard", 0.5, 0.01), ("flex", 0.5, 0.01)],
)
def test_only_the_batch_lane_and_only_a_published_discount_make_a_call_cheaper(
    lane: str, discount: float | None, expected: float
) -> None:
    model = make_model(batch_discount=discount)

    assert expected_call_usd(model, 0, 1000, lane=lane) == pytest.approx(expected)


def test_a_forecast_takes_off_for_flex_what_the_ledger_will() -> None:
    model = make_model(batch_discount=0.5, provider="openai")

    expected = expected_call_usd(model, 1000, 1000, lane="flex")

    assert expected == pytest.approx(cost_usd(in_lane(model, "flex"), 1000, 0, 1000))
    assert expected == pytest.approx(expected_call_usd(model, 1000, 1000) / 2)


def test_the_baseline_can_leave_thinking_out() -> None:
    model = make_model(thinking_factor=4.0)

    assert baseline_document_usd(model, 0, 1000, 0) == pytest.approx(0.04)
    assert baseline_document_usd(model, 0, 1000, 0, thinking=0.0) == pytest.approx(0.01)
