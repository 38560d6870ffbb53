"""Which provider serves a profile, where, and with which key?"""

from typing import Any

import pytest

from llms.failures import ProviderError
from llms.providers import (
    UnknownProfileError,
    default_profile,
    key,
    left_out,
    profile_of,
    provider_of,
    providers_of,
)
from llms.resolution import resolve
from schemas.job import Job
from schemas.providers import Lane, Provider

AZURE: dict[str, Any] = {
    "kind": "azure",
    "base_url": "https://acme.openai.azure.com",
    "api_version": "2024-10-21",
    "key_env": "AZURE_KEY",
    "models": {"openai/*": "*"},
}
VLLM: dict[str, Any] = {"base_url": "http://gpu:8000/v1", "models": ["qwen/*"]}


def make_job(profile: str | None = "three", **declared: Any) -> Job:
    """A job with three providers in a profile, and what else is declared."""
    usual = {
        "providers": {"azure": AZURE, "vllm": VLLM},
        "profiles": {"three": ["openai", "azure", "openrouter"], "own": ["vllm"]},
    }
    return Job.model_validate({"profile": profile, **usual, **declared})


def names(job: Job, env: dict[str, str]) -> list[str]:
    return [provider.name for provider in profile_of(job, env).providers]


def test_base_urls_come_from_the_environment() -> None:
    env = {"OPENAI_BASE_URL": "https://x/v1", "DOCMILL_LOCAL_BASE_URL": "http://y/v1"}

    assert provider_of("openai", env).base_url == "https://x/v1"
    assert provider_of("local", env).base_url == "http://y/v1"
    assert provider_of("local", {}).base_url == "http://localhost:11434/v1"
    assert provider_of("offline", {}).in_process


def test_a_run_needs_the_providers_of_its_models() -> None:
    resolution = resolve(Job(profile="openai"), {})

    assert list(providers_of(resolution, {})) == ["openai"]


@pytest.mark.parametrize(
    ("env", "profile"),
    [
        ({}, "offline"),
        ({"OPENAI_API_KEY": "  "}, "offline"),
        ({"OPENROUTER_API_KEY": "k"}, "openrouter"),
        ({"OPENAI_API_KEY": "k", "OPENROUTER_API_KEY": "k"}, "openai"),
    ],
    ids=["nothing", "blank", "openrouter", "both"],
)
def test_a_job_without_a_profile_takes_the_one_whose_key_is_set(
    env: dict[str, str], profile: str
) -> None:
    assert default_profile(env) == profile
    assert profile_of(Job(), env).name == profile


def test_a_profile_has_its_providers_in_order_but_for_those_without_a_key() -> None:
    job = make_job()

    assert names(job, {"OPENAI_API_KEY": "k", "OPENROUTER_API_KEY": "k"}) == [
        "openai",
        "openrouter",
    ]
    assert left_out(job, {"OPENAI_API_KEY": "k", "OPENROUTER_API_KEY": "k"}) == (
        "profile three: provider azure is left out, set AZURE_KEY to use it",
    )


def test_without_any_key_a_profile_keeps_all_its_providers() -> None:
    job = make_job()

    assert names(job, {}) == ["openai", "azure", "openrouter"]
    assert left_out(job, {}) == ()


def test_a_provider_is_a_profile_of_its_own() -> None:
    assert names(make_job("vllm"), {}) == ["vllm"]
    assert names(make_job("own"), {}) == ["vllm"]


def test_what_is_declared_changes_that_much_of_what_ships() -> None:
    job = make_job(providers={"openai": {"tokens_per_minute": 9000, "region": "eu"}})

    openai = provider_of("openai", {"OPENAI_BASE_URL": "https://x/v1"}, job.providers)

    assert openai == Provider(
        name="openai",
        base_url="https://x/v1",
        key_env="OPENAI_API_KEY",
        tokens_per_minute=9000,
        region="eu",
        lanes=(Lane.STANDARD, Lane.FLEX, Lane.BATCH),
    )


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (make_job("opnai"), "there is no profile 'opnai'; did you mean 'openai'"),
        (make_job("thre"), "did you mean 'three'"),
        (make_job("zzz"), "there are offline, openai, openrouter, local, three, own, azure, vllm"),
        (
            make_job(profiles={"three": ["openai", "asure"]}),
            "there is no provider 'asure'; did you mean 'azure'",
        ),
    ],
    ids=["shipped", "declared", "all", "provider"],
)
def test_an_unknown_name_is_told_with_a_guess(job: Job, told: str) -> None:
    with pytest.raises(UnknownProfileError) as caught:
        profile_of(job, {})

    assert told in str(caught.value)


def test_a_missing_key_is_named_by_its_variable() -> None:
    provider = provider_of("openrouter", {})

    with pytest.raises(ProviderError, match="set OPENROUTER_API_KEY"):
        key(provider, {"OPENROUTER_API_KEY": " "})
    assert key(provider, {"OPENROUTER_API_KEY": " secret "}) == "secret"
    assert key(provider_of("offline", {}), {}) == "offline"


@pytest.mark.parametrize(
    "wrong", ["sk-abc def-0123456789", "“sk-abc-0123456789”", "sk-é0123456789"]
)
def test_a_key_that_cannot_be_one_is_not_repeated(wrong: str) -> None:
    with pytest.raises(ProviderError, match="set OPENROUTER_API_KEY again") as caught:
        key(provider_of("openrouter", {}), {"OPENROUTER_API_KEY": wrong})

    assert wrong not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:secret@host:8443/v1", "https://host:8443/v1"),
        ("https://host/v1?api-key=secret#secret", "https://host/v1"),
        ("https://[host/secret", "[not shown]"),
    ],
)
def test_a_base_url_is_shown_without_secrets(url: str, shown: str) -> None:
    assert provider_of("openai", {"OPENAI_BASE_URL": url}).shown_url == shown
