"""How long calls take: side by side, under the limits of their providers, lane by lane."""

import pytest

from llms.pricing import lane_price
from schemas.providers import Provider
from schemas.roles import Model
from tasks.call_times import Asked, Pace, Speed, run_seconds

MODEL = Model(
    slug="acme",
    name="Acme",
    creator="Acme",
    provider="acme",
    api_id="acme/one",
    input_price=1.0,
    output_price=2.0,
)
ASKED = Asked(MODEL, calls=600, prompt_tokens=60_000, billed_tokens=30_000)


def seconds(asked: Asked = ASKED, *, wait: float = 1.0, **limits: int) -> float:
    """Seconds of 600 calls about 600 documents, beyond those of no call at all."""
    provider = Provider(name="acme", base_url="http://acme.example/v1", **limits)
    pace = Pace({"acme": Speed(1.0, 100.0)}, {"acme": provider}, concurrency=10)
    return run_seconds([asked], 600, pace, wait=wait) - run_seconds([], 600, pace)


def test_documents_in_flight_share_the_waiting() -> None:
    assert seconds() == pytest.approx((600 * 1.0 + 30_000 / 100) / 10)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"requests_per_minute": 60}, 600),
        ({"tokens_per_minute": 9000}, 600),
        ({"in_flight": 2}, 450),
        ({"requests_per_minute": 6000, "tokens_per_minute": 10**9, "in_flight": 10}, 90),
    ],
)
def test_the_tightest_limit_decides(limits: dict[str, int], expected: float) -> None:
    assert seconds(**limits) == pytest.approx(expected)


def test_a_slower_lane_makes_calls_longer_and_limits_no_tighter() -> None:
    assert seconds(wait=3) == pytest.approx(3 * seconds())
    assert seconds(wait=3, requests_per_minute=60) == pytest.approx(600)


def test_a_model_that_nobody_measured_is_taken_for_a_usual_one() -> None:
    pace = Pace(concurrency=10)

    assert run_seconds([ASKED], 600, pace) > run_seconds([], 600, pace)
    assert Speed.of(None, None) == Speed()
    assert Speed.of(0.0, 80.0) == Speed(0.0, 80.0)


def test_rules_share_the_processor_instead_of_waiting() -> None:
    rules = Asked(MODEL.model_copy(update={"kind": "rules"}), 600, 60_000, 30_000)

    assert seconds(rules, requests_per_minute=1) == pytest.approx(3)


@pytest.mark.parametrize(
    ("provider", "lane", "price"),
    [
        ("openai", "standard", 1.0),
        ("openai", "flex", 0.5),
        ("openai", "batch", 0.5),
        ("acme", "flex", 1.0),
        ("acme", "batch", 0.5),
    ],
)
def test_a_lane_takes_the_published_discount_off(provider: str, lane: str, price: float) -> None:
    model = MODEL.model_copy(update={"provider": provider, "batch_discount": 0.5})

    assert lane_price(model, lane) == price
    assert lane_price(model.model_copy(update={"batch_discount": None}), lane) == 1.0
