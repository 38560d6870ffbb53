"""Rates: never exceeded in any window, told in headers, changed over time."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.simulator.scenario import Limits
from llms.simulator.windows import Gate, duration
from tests.simulated import RECEIPT, Rig, rigged


@given(
    st.integers(1, 20),
    st.lists(st.tuples(st.floats(0, 30), st.integers(0, 30)), max_size=60),
)
def test_a_sliding_window_never_holds_more_than_the_rate(
    rate: int, arrivals: list[tuple[float, int]]
) -> None:
    gate = Gate(Limits(tokens_per_minute=rate))
    now, admitted = 0.0, []
    for pause, tokens in arrivals:
        now += pause
        if gate.admit(tokens, 0, now, now) is None:
            admitted.append((now, tokens))

    for start, _ in admitted:
        assert sum(tokens for at, tokens in admitted if start <= at < start + 60) <= rate


@given(st.integers(1, 20), st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_whoever_waits_as_told_is_admitted(rate: int, sizes: list[int]) -> None:
    for window in ("sliding", "bucket"):
        gate = Gate(Limits.model_validate({"tokens_per_minute": rate, "window": window}))
        now = 0.0
        for tokens in sizes:
            refusal = gate.admit(tokens, 0, now, now)
            if refusal is not None and refusal.wait_s < float("inf"):
                now += refusal.wait_s + 1e-6
                assert gate.admit(tokens, 0, now, now) is None


def test_a_bucket_is_full_at_the_start_and_refilled_continuously() -> None:
    gate = Gate(Limits(requests_per_minute=60, window="bucket"))

    at_once = [gate.admit(0, 0, 0.0, 0.0) for _ in range(61)]

    assert [refusal is None for refusal in at_once] == [True] * 60 + [False]
    assert at_once[-1] is not None
    assert at_once[-1].wait_s == pytest.approx(1)
    assert gate.admit(0, 0, 1.0, 1.0) is None


@pytest.mark.parametrize(
    ("limits", "fits"),
    [
        pytest.param({"tokens_per_minute": 120, "count_tokens": "reserved"}, 1, id="reserved"),
        pytest.param({"tokens_per_minute": 120, "count_tokens": "used"}, 2, id="used"),
        pytest.param({"input_tokens_per_minute": 60}, 2, id="input"),
        pytest.param({"output_tokens_per_minute": 40}, 1, id="output"),
        pytest.param({"in_flight": 2}, 2, id="in flight"),
        pytest.param({"requests_per_minute": 600, "window_s": 0.5}, 5, id="by the half second"),
    ],
)
def test_what_counts_against_a_rate(limits: dict[str, Any], fits: int) -> None:
    gate = Gate(Limits.model_validate(limits))
    admitted = 0
    for _ in range(10):
        if gate.admit(30, 50, 0.0, 0.0) is None:
            admitted += 1
            gate.used(50, 0.0)

    assert admitted == fits


def test_refused_requests_count_where_the_provider_says_so() -> None:
    gate = Gate(Limits(requests_per_minute=1, count_refused=True))
    gate.admit(0, 0, 0.0, 0.0)
    gate.admit(0, 0, 59.0, 59.0)

    refusal = gate.admit(0, 0, 61.0, 61.0)

    assert refusal is not None
    assert refusal.wait_s > 50


def test_a_rate_changes_when_the_schedule_says_and_the_rest_stays() -> None:
    schedule = ({"at_s": 10, "requests_per_minute": 1},)
    gate = Gate(
        Limits.model_validate(
            {"requests_per_minute": 3, "in_flight": 9, "window_s": 60, "schedule": schedule}
        )
    )

    early = [gate.admit(0, 0, 0.0, 0.0) is None for _ in range(2)]
    late = gate.admit(0, 0, 11.0, 11.0)

    assert early == [True, True]
    assert late is not None
    assert (late.rate, late.limit) == ("requests", 1)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, b"0ms"), (0.0121, b"13ms"), (1.5, b"1.5s"), (60, b"1m0s"), (123.456, b"2m3.456s")],
)
def test_times_are_written_as_providers_write_them(seconds: float, told: bytes) -> None:
    assert duration(seconds) == told


def test_headers_tell_limit_rest_and_reset_and_a_429_when_to_come_back() -> None:
    async def use(rig: Rig) -> list[tuple[int, dict[str, str]]]:
        told = []
        for number in range(3):
            response = await rig.ask(text=f"{RECEIPT}{number}")
            rig.clock.now += 10
            told.append((response.status_code, dict(response.headers)))
        return told

    told, simulator = rigged({"limits": {"requests_per_minute": 2}}, use)

    assert [status for status, _ in told] == [200, 200, 429]
    names = ("limit", "remaining", "reset")
    first = [told[0][1][f"x-ratelimit-{name}-requests"] for name in names]
    assert first == ["2", "1", "1m0s"]
    assert (told[2][1]["retry-after"], told[2][1]["retry-after-ms"]) == ("40", "40000")
    assert simulator.stats().refused == {"requests": 1}


def test_headers_can_be_withheld() -> None:
    async def use(rig: Rig) -> dict[str, str]:
        await rig.ask()
        return dict((await rig.ask()).headers)

    limits = {"requests_per_minute": 1, "headers": False, "retry_after": "none"}
    headers, _ = rigged({"limits": limits}, use)

    assert not [name for name in headers if "ratelimit" in name or "retry" in name]


def test_a_request_larger_than_its_rate_is_not_told_to_come_back() -> None:
    async def use(rig: Rig) -> Any:
        return await rig.ask()

    response, _ = rigged({"limits": {"tokens_per_minute": 5}}, use)

    assert response.status_code == 429
    assert "retry-after" not in response.headers
    assert response.json()["error"]["type"] == "tokens"


@pytest.mark.parametrize(("per", "expected"), [("model", [200, 200]), ("account", [200, 429])])
def test_a_rate_belongs_to_a_model_or_to_the_account(per: str, expected: list[int]) -> None:
    async def use(rig: Rig) -> list[int]:
        return [(await rig.ask(model=model)).status_code for model in ("a", "b")]

    assert rigged({"limits": {"requests_per_minute": 1, "per": per}}, use)[0] == expected
