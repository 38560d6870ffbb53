"""`docmill models ping`: what it asks, what it makes of the answers, and what it says."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from flows.models_cli import app
from llms.ping import Ping, most_usd, ping
from llms.pricing import UnknownPriceError
from llms.providers import provider_of
from schemas.job import Job
from schemas.providers import Provider
from schemas.roles import Model
from tasks.pings import plan_pings, run_pings

KEY = "sk-ping-0123456789abcdef"

PROVIDER = Provider(name="alpha", base_url="https://alpha/v1", key_env="ALPHA_KEY")

Handler = Callable[[dict[str, Any]], httpx2.Response]


def make_model(**changes: Any) -> Model:
    usual = {
        "slug": "small",
        "name": "Small",
        "creator": "Somebody",
        "provider": "alpha",
        "api_id": "small",
        "input_price": 1.0,
        "output_price": 4.0,
    }
    return Model.model_validate({**usual, **changes})


def completion(content: str = '{"yes": true}', **more: Any) -> httpx2.Response:
    """A chat completion of 60 input and 5 output tokens."""
    message = {"role": "assistant", "content": content}
    choice = {"index": 0, "finish_reason": more.pop("finish_reason", "stop"), "message": message}
    usage = {"prompt_tokens": 60, "completion_tokens": 5}
    return httpx2.Response(200, json={"choices": [choice], "usage": usage}, **more)


def error(status: int, message: str, **more: Any) -> httpx2.Response:
    return httpx2.Response(status, json={"error": {"message": message, **more}})


class Script:
    """A provider that answers as `handler` says and remembers what it was asked."""

    def __init__(self, handler: Handler) -> None:
        self.asked: list[dict[str, Any]] = []
        self._handler = handler
        self.transport = httpx2.MockTransport(self._answer)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        self.asked.append(json.loads(request.content))
        return self._handler(self.asked[-1])

    def ping(self, model: Model | None = None, key: str = KEY) -> Ping:
        """What a ping says."""
        asked = ping(model or make_model(), PROVIDER, {"ALPHA_KEY": key}, transport=self.transport)
        return asyncio.run(asked)


def test_a_model_that_answers_is_fine_and_its_limits_and_cost_are_told() -> None:
    headers = {"x-ratelimit-limit-requests": "500", "x-ratelimit-limit-tokens": "30000"}
    script = Script(lambda _: completion(headers=headers))

    told = script.ping()

    assert (told.trouble, told.is_structured, told.left_out) == (None, True, ())
    assert (told.requests_per_minute, told.tokens_per_minute) == (500, 30000)
    assert told.usd == pytest.approx((60 + 5 * 4) / 1e6)
    assert told.usd < told.worst_usd == most_usd(make_model())
    assert told.latency_ms is not None
    assert told.url == "https://alpha/v1"
    assert len(script.asked) == 1


def test_a_thinking_model_is_asked_at_little_effort() -> None:
    script = Script(lambda _: completion())

    script.ping(make_model(effort="max", thinking_factor=20))

    assert script.asked[0]["reasoning_effort"] == "low"
    assert script.asked[0]["max_completion_tokens"] == 400


def test_what_a_server_rejects_is_left_out_and_told() -> None:
    def old_server(body: dict[str, Any]) -> httpx2.Response:
        for name in ("response_format", "max_completion_tokens"):
            if name in body:
                return error(400, f"Unrecognized request argument: {name}", param=name)
        return completion('Sure! {"yes": true}')

    told = Script(old_server).ping()

    assert (told.trouble, told.is_structured) == (None, False)
    assert told.left_out == ("max_completion_tokens", "response_format")


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (error(401, f"Incorrect API key provided: {KEY}"), "key"),
        (error(403, "Forbidden"), "key"),
        (error(404, "The model `small` does not exist", code="model_not_found"), "name"),
        (error(404, "The API deployment does not exist.", code="DeploymentNotFound"), "name"),
        (error(404, "Not Found"), "name"),
        (error(429, "slow down"), "limit"),
        (error(429, "pay up", code="insufficient_quota"), "limit"),
        (error(503, "overloaded"), "network"),
        (error(400, "messages: bad"), "request"),
        (completion("Yes, it is."), "format"),
        (completion('{"no": 1}'), "format"),
        (httpx2.Response(200, text="<html>a proxy's page</html>"), "network"),
    ],
    ids=[
        "wrong key",
        "forbidden",
        "no model",
        "no deployment",
        "no path",
        "rate",
        "quota",
        "overloaded",
        "request",
        "prose",
        "other schema",
        "no completion",
    ],
)
def test_what_is_wrong_is_said_in_a_word_and_a_sentence(
    answer: httpx2.Response, trouble: str
) -> None:
    told = Script(lambda _: answer).ping()

    assert told.trouble == trouble
    assert told.message
    assert KEY not in repr(told)


def test_a_provider_that_cannot_be_reached_is_named_by_its_url() -> None:
    def refuse(_: dict[str, Any]) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    told = Script(refuse).ping()

    assert (told.trouble, told.usd, told.latency_ms) == ("network", 0, None)
    assert "no connection to https://alpha/v1" in (told.message or "")


@pytest.mark.parametrize("key", ["", "sk with blanks 0123456789"])
def test_without_a_usable_key_nothing_is_asked(key: str) -> None:
    script = Script(lambda _: completion())

    told = script.ping(key=key)

    assert (told.trouble, script.asked) == ("key", [])
    assert "set ALPHA_KEY" in (told.message or "")


def test_a_model_without_a_price_is_not_asked() -> None:
    script = Script(lambda _: completion())

    with pytest.raises(UnknownPriceError):
        script.ping(make_model(output_price=None))
    assert script.asked == []


def make_job(**more: Any) -> Job:
    """A profile of OpenAI and a server of one's own."""
    own = {"base_url": "http://own/v1", "key_env": "OWN_KEY", "models": {"openai/*": "*"}}
    return Job.model_validate(
        {
            "profile": "mine",
            "providers": {"own": own},
            "profiles": {"mine": ["openai", "own"]},
            **more,
        }
    )


def test_each_model_in_use_is_asked_once_per_provider(tmp_path: Any) -> None:
    env = {"OPENAI_API_KEY": KEY, "OWN_KEY": KEY}
    script = Script(lambda _: completion())

    plan = plan_pings(make_job(lake=str(tmp_path)), env)
    told = run_pings(plan, env, transport=script.transport)

    asked = [(one.provider, one.api_id) for one in told]
    assert len(set(asked)) == len(asked) == len(script.asked)
    assert {provider for provider, _ in asked} == {"openai", "own"}
    assert plan.worst_usd == pytest.approx(sum(one.worst_usd for one in told))
    assert plan.unasked == ()


def test_a_provider_without_a_key_is_reported_and_the_others_are_asked(tmp_path: Any) -> None:
    env = {"OPENAI_API_KEY": KEY}

    plan = plan_pings(make_job(lake=str(tmp_path)), env)

    assert {provider.name for _, provider in plan.asked} == {"openai"}
    assert [(one.provider, one.trouble) for one in plan.unasked] == [("own", "key")]


def run_command(*arguments: str, **env: str) -> Any:
    """`docmill models ping` with this environment and no other keys."""
    cleared = {"OPENAI_API_KEY": "", "OPENROUTER_API_KEY": "", "DOCMILL_CONFIG": ""}
    return CliRunner().invoke(app, ["ping", *arguments], env={**cleared, **env})


def test_about_rules_in_this_process_there_is_nothing_to_ask() -> None:
    done = run_command("--json")

    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.exit_code, told["ok"], told["usd"], told["worst_usd"]) == (0, True, 0, 0)
    assert [(one["provider"], one["trouble"]) for one in told["pings"]] == [("offline", None)]
    assert "0 calls, at most $0 together" in done.stderr


def test_a_missing_key_is_exit_code_1_and_one_sentence() -> None:
    done = run_command("--profile", "openai")

    assert done.exit_code == 1
    assert "0 calls, at most $0 together" in done.stderr
    assert "openai: key: provider openai needs a key: set OPENAI_API_KEY" in done.stdout


def test_an_unknown_profile_is_wrong_usage() -> None:
    done = run_command("--profile", "opnai")

    assert done.exit_code == 2
    assert "did you mean 'openai'" in done.stderr


def test_the_url_of_a_provider_in_a_job_is_where_it_is_declared() -> None:
    assert provider_of("own", {}, make_job().providers).shown_url == "http://own/v1"
