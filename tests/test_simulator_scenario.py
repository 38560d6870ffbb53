"""A scenario is read from YAML; what is wrong with it is told in one sentence."""

import re
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llms.simulator.scenario import Latency, Scenario, ScenarioError
from tests.simulated import Rig, make_scenario, rigged, statuses


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("latencyy: 1", "latencyy: there is no such setting; did you mean 'latency'?"),
        pytest.param("faults: {sever_error: 1}", "did you mean 'server_error'?"),
        pytest.param("faults: {hang: 2}", "faults.hang: should be at most 1"),
        pytest.param("faults: {hang: 0.6, reset: 0.6}", "faults add up to 1.2"),
        pytest.param("latency: {seconds: 2, p95_s: 1}", "the median, must be above 0"),
        pytest.param("latency: {seconds: 1, p95_s: 2, high_s: 3}", "exclude each other"),
        pytest.param("quota: {usd: 3}", "quota.usd needs prices"),
        pytest.param("latency: fast", "latency: should be seconds, such as 0.5, or {seconds:"),
        pytest.param("seed: much", "seed: should be a whole number"),
        pytest.param("limits: 5", "limits: should be a mapping such as {requests_per_minute: ...}"),
        pytest.param("serves: gpt", "serves: should be a list such as [a, b]"),
        pytest.param("prices: {input: 1}", "prices.output: is missing"),
        pytest.param("script: [{marker: x, fautl: hang}]", "script.0.fautl: there is no such"),
        pytest.param("script: [{marker: x, fault: hangg}]", "such choice; did you mean 'hang'?"),
        pytest.param("- a list", "it must hold a mapping"),
        pytest.param("a: [", "it is not YAML"),
    ],
)
def test_a_wrong_scenario_is_told_in_one_sentence(text: str, told: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        Scenario.from_yaml(text)

    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_at_all_is_a_provider_without_faults() -> None:
    assert Scenario.from_yaml("") == Scenario()


def test_overrides_are_merged_field_by_field() -> None:
    text = "limits: {requests_per_minute: 60, window_s: 1}\nlatency: 2"

    read = Scenario.from_yaml(text, {"limits": {"requests_per_minute": 90}, "latency": 1})

    assert (read.limits.requests_per_minute, read.limits.window_s) == (90, 1)
    assert read.latency.seconds == 1


def test_the_scenario_that_the_documentation_shows_is_valid() -> None:
    page = (Path(__file__).parents[1] / "docs" / "simulator.md").read_text()
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    assert Scenario.from_yaml(shown).script[1].marker == "INV-0013"


def test_every_field_is_described() -> None:
    def undescribed(schema: dict[str, Any]) -> list[str]:
        models = [schema, *schema["$defs"].values()]
        return [
            name
            for model in models
            for name, field in model.get("properties", {}).items()
            if not field.get("description")
        ]

    assert undescribed(Scenario.model_json_schema()) == []


@given(st.floats(0.001, 0.999), st.floats(0, 10), st.floats(0, 10))
def test_a_uniform_latency_stays_within_its_bounds(low: float, more: float, chance: float) -> None:
    latency = Latency(seconds=low, high_s=low + more + 0.001)

    assert low <= latency.draw(chance / 10 or 0.5) <= low + more + 0.002


def test_a_lognormal_latency_has_the_median_and_the_percentile_it_was_given() -> None:
    latency = Latency(seconds=2, p95_s=9)

    drawn = sorted(latency.draw((n + 0.5) / 2000) for n in range(2000))

    assert quantiles(drawn, n=20)[9] == pytest.approx(2, rel=0.01)
    assert quantiles(drawn, n=20)[18] == pytest.approx(9, rel=0.01)


def test_every_output_token_takes_its_time() -> None:
    assert Latency(seconds=1, per_output_token_s=0.01).draw(0.5, output_tokens=200) == 3


def test_the_first_glob_that_fits_says_what_differs() -> None:
    scenario = make_scenario(
        latency=1, context_tokens=9, models={"a-*": {"latency": 2}, "a*": {"latency": 3}}
    )

    found = [scenario.behaviour(model) for model in ("a-b", "ab", "b")]

    assert [b.latency.seconds for b in found] == [2, 3, 1]
    assert [b.context_tokens for b in found] == [9, 9, 9]


def test_a_model_vanishes_after_its_requests() -> None:
    assert statuses({"gone_after": 2}, 4) == [200, 200, 404, 404]


def test_only_the_models_named_are_served() -> None:
    scenario = {"serves": ["gpt-*"]}

    assert statuses(scenario, 1, model="gpt-x") == [200]
    assert statuses(scenario, 1, model="other") == [404]


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        pytest.param({"quota": {"requests": 2}}, [200, 200, 429], id="requests"),
        pytest.param({"quota": {"usd": 0.000001}}, [200, 429, 429], id="dollars"),
    ],
)
def test_the_quota_ends_the_account(scenario: dict[str, Any], expected: list[int]) -> None:
    assert statuses(scenario, 3) == expected


def test_a_rejected_parameter_is_named_and_leaving_it_out_helps() -> None:
    async def use(rig: Rig) -> tuple[Any, int]:
        error = (await rig.ask(temperature=0)).json()["error"]
        return error, (await rig.ask()).status_code

    (error, status), _ = rigged({"rejects": ["temperature"]}, use)

    assert (error["param"], error["code"], status) == ("temperature", "unsupported_parameter", 200)


def test_a_request_longer_than_the_context_is_refused() -> None:
    assert statuses({"context_tokens": 100}, 1) == [400]


def test_a_wrong_key_is_refused_everywhere_but_at_the_books() -> None:
    async def use(rig: Rig) -> list[int]:
        wrong, right = ({"authorization": f"Bearer {key}"} for key in ("no", "yes"))
        paths = [("/v1/models", wrong), ("/v1/models", right), ("/v1/files", {}), ("/stats", {})]
        return [(await rig.http.get(path, headers=headers)).status_code for path, headers in paths]

    assert rigged({"keys": ["yes"]}, use)[0] == [401, 200, 401, 200]


def test_thinking_is_billed_and_comes_before_the_answer() -> None:
    async def use(rig: Rig) -> list[Any]:
        return [(await rig.ask(max_completion_tokens=most)).json() for most in (5000, 100)]

    (whole, cut), _ = rigged({"thinking_factor": 10}, use)

    details = whole["usage"]["completion_tokens_details"]
    assert details["reasoning_tokens"] == whole["usage"]["completion_tokens"] * 9 / 10
    assert (cut["choices"][0]["finish_reason"], cut["choices"][0]["message"]["content"]) == (
        "length",
        "",
    )
    assert cut["usage"]["completion_tokens"] == 100


def test_a_long_prefix_that_comes_again_is_cached() -> None:
    async def use(rig: Rig) -> list[int]:
        long = "Be careful. " * 500
        messages = [{"role": "system", "content": long}, {"role": "user", "content": "Total: 3"}]
        told = [(await rig.ask(messages=messages)).json()["usage"] for _ in range(2)]
        return [usage["prompt_tokens_details"]["cached_tokens"] for usage in told]

    first, second = rigged({"caches_prompts": True}, use)[0]

    assert first == 0
    assert second >= 1024
    assert second % 128 == 0


def test_flex_is_slower_cheaper_and_sometimes_full() -> None:
    async def use(rig: Rig) -> Any:
        began = rig.clock.now
        tier = (await rig.ask(service_tier="flex")).json()["service_tier"]
        return tier, rig.clock.now - began

    (tier, took), simulator = rigged({"latency": 1, "flex": {"latency_factor": 5}}, use)
    lanes = simulator.stats().lanes

    assert (tier, took) == ("flex", 5)
    usage = lanes["flex"]
    assert usage.usd == pytest.approx((usage.prompt_tokens + 10 * usage.completion_tokens) / 2e6)
    assert statuses({"flex": {"unavailable": 1}}, 2, service_tier="flex") == [429, 429]
    assert statuses({"flex": {"is_offered": False}}, 1, service_tier="flex") == [400]


def test_another_scenario_can_begin_while_the_server_runs() -> None:
    async def use(rig: Rig) -> list[int]:
        await rig.ask()
        changed = await rig.http.put("/scenario", json={"answers": "canned", "seed": 9})
        wrong = await rig.http.put("/scenario", json={"seeed": 9})
        told = (await rig.http.get("/scenario")).json()
        return [
            changed.status_code,
            wrong.status_code,
            told["seed"],
            rig.simulator.stats().requests,
        ]

    assert rigged({}, use)[0] == [200, 400, 9, 0]
