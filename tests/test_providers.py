"""Profiles, keys, and the resolution of a job's roles to models."""

from dataclasses import replace

import pytest

from llms.catalog import Catalog, UnknownModelError, load_catalog
from llms.failures import ProviderError
from llms.offline.app import CAREFUL, QUICK
from llms.pricing import UnknownPriceError
from llms.providers import (
    MOST_RANKED,
    UnknownProfileError,
    default_profile,
    key,
    provider_of,
    providers_of,
    resolve,
)
from schemas.job import Job
from schemas.roles import Resolution, Role

CATALOG = load_catalog()


def make_job(profile: str | None = None, **models: str) -> Job:
    return Job(profile=profile, models={Role(role): name for role, name in models.items()})


def slugs(resolution: Resolution, role: Role) -> list[str]:
    return [model.slug for model in resolution.roles[role]]


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
def test_the_profile_is_the_one_whose_key_is_set(env: dict[str, str], profile: str) -> None:
    assert default_profile(env) == profile
    assert resolve(Job(), env).profile == profile


def test_offline_uses_its_two_engines_for_free() -> None:
    resolution = resolve(make_job(), {})

    assert {role: [m.slug for m in ranked] for role, ranked in resolution.roles.items()} == {
        Role.ORCHESTRATOR: [CAREFUL],
        Role.REASONING_WORKER: [CAREFUL],
        Role.TOOL_WORKER: [CAREFUL],
        Role.EXTRACTION_WORKER: [QUICK],
        Role.FORMATTING_WORKER: [QUICK],
    }
    engines = {model for ranked in resolution.roles.values() for model in ranked}
    assert {(m.kind, m.provider, m.input_price, m.output_price) for m in engines} == {
        ("rules", "offline", 0.0, 0.0)
    }


def test_offline_has_a_baseline_and_a_projection_from_the_catalog() -> None:
    offline = resolve(make_job(), {})
    real = resolve(make_job("openrouter"), {})

    assert offline.projected == {role: real.model(role) for role in Role}
    assert offline.baseline == real.baseline
    assert real.projected == {}


@pytest.mark.parametrize("profile", ["openai", "openrouter", "offline"])
def test_the_baseline_is_the_most_capable_model_that_can_be_had(profile: str) -> None:
    creator = "OpenAI" if profile == "openai" else "Anthropic"
    baseline = resolve(make_job(profile), {}).baseline

    assert baseline is not None
    assert baseline.creator == creator
    assert baseline.input_price is not None


def test_openai_serves_its_own_closed_models_by_their_bare_names() -> None:
    resolution = resolve(make_job("openai"), {})
    models = [model for ranked in resolution.roles.values() for model in ranked]

    assert {model.creator for model in models} == {"OpenAI"}
    assert not any("/" in model.api_id or "oss" in model.api_id for model in models)
    assert all(model.effort for model in models)


def test_openrouter_serves_models_by_their_full_names() -> None:
    resolution = resolve(make_job("openrouter"), {})

    assert all("/" in model.api_id for ranked in resolution.roles.values() for model in ranked)


@pytest.mark.parametrize("profile", ["openai", "openrouter"])
def test_a_ranked_list_is_short_and_names_no_model_twice(profile: str) -> None:
    for ranked in resolve(make_job(profile), {}).roles.values():
        names = [model.api_id for model in ranked]
        assert 2 <= len(names) <= MOST_RANKED
        assert len(names) == len(set(names))


def test_resolving_needs_no_key_and_is_the_same_every_time() -> None:
    assert resolve(make_job("openai"), {}) == resolve(make_job("openai"), {})


@pytest.mark.parametrize("name", ["minimax-m3", "MiniMax-M3", "minimax/minimax-m3"])
def test_a_model_named_in_the_job_comes_first(name: str) -> None:
    resolution = resolve(make_job("openrouter", extraction_worker=name), {})

    found = slugs(resolution, Role.EXTRACTION_WORKER)
    assert found[0] == "minimax-m3"
    assert len(found) == len(set(found)) == MOST_RANKED
    assert resolution.notes == ()


def test_a_named_model_below_the_threshold_works_with_a_note() -> None:
    resolution = resolve(make_job("openrouter", extraction_worker="gpt-oss-20b"), {})

    assert slugs(resolution, Role.EXTRACTION_WORKER)[0] == "gpt-oss-20b"
    assert resolution.notes == (
        "extraction_worker: gpt-oss-20b (high) was asked for although intelligence 14.9 below 30",
    )


def test_of_several_efforts_the_best_ranked_is_taken() -> None:
    resolution = resolve(make_job("openai", extraction_worker="gpt-5.6-luna"), {})

    assert slugs(resolution, Role.EXTRACTION_WORKER)[0] == "gpt-5-6-luna-low"


@pytest.mark.parametrize(
    ("profile", "name", "said"),
    [
        ("openrouter", "minimax-m33", "did you mean 'minimax-m3'"),
        ("openai", "claude-fable-5", r"role extraction_worker of the job \(profile openai\)"),
        ("offline", "offline-quik", "did you mean 'offline-quick'"),
    ],
)
def test_an_unknown_model_is_answered_with_a_guess(profile: str, name: str, said: str) -> None:
    with pytest.raises(UnknownModelError, match=said):
        resolve(make_job(profile, extraction_worker=name), {})


def test_a_model_of_unknown_price_stops_the_run_before_the_first_call() -> None:
    models = tuple(
        replace(m, output_price=None) if m.slug == "minimax-m3" else m for m in CATALOG.models
    )
    catalog = Catalog(models, "2026-07-10", "0" * 64)

    with pytest.raises(UnknownPriceError, match="minimax-m3"):
        resolve(make_job("openrouter", extraction_worker="minimax-m3"), {}, catalog)


def test_a_role_that_nobody_can_play_is_an_error_that_says_what_to_do() -> None:
    weak = tuple(m for m in CATALOG.models if (m.intelligence or 0) < 45)

    with pytest.raises(ProviderError, match=r"no model that is good enough .* orchestrator"):
        resolve(make_job("openrouter"), {}, Catalog(weak, "2026-07-10", "0" * 64))


def test_one_local_model_plays_all_roles_for_free() -> None:
    resolution = resolve(make_job("local"), {"DOCMILL_LOCAL_MODELS": "qwen3:8b"})

    models = {model for ranked in resolution.roles.values() for model in ranked}
    assert {(m.api_id, m.input_price, m.kind) for m in models} == {("qwen3:8b", 0.0, "llm")}
    assert any("hardware of one's own" in note for note in resolution.notes)
    assert resolution.projected


def test_local_models_can_be_named_by_role_and_lend_to_the_others() -> None:
    env = {"DOCMILL_LOCAL_MODELS": "extraction_worker=small, reasoning_worker=big"}
    resolution = resolve(make_job("local", tool_worker="tools"), env)

    assert {role: m[0].api_id for role, m in resolution.roles.items()} == {
        Role.EXTRACTION_WORKER: "small",
        Role.REASONING_WORKER: "big",
        Role.TOOL_WORKER: "tools",
        Role.ORCHESTRATOR: "small",
        Role.FORMATTING_WORKER: "small",
    }
    assert "no model is named for orchestrator, formatting_worker" in resolution.notes[0]


@pytest.mark.parametrize("declared", ["", "clerk=small", "extraction_worker="])
def test_local_models_that_are_not_named_rightly_are_refused(declared: str) -> None:
    with pytest.raises(ProviderError, match="DOCMILL_LOCAL_MODELS"):
        resolve(make_job("local"), {"DOCMILL_LOCAL_MODELS": declared})


def test_an_unknown_profile_is_answered_with_a_guess() -> None:
    with pytest.raises(UnknownProfileError, match="did you mean 'openrouter'"):
        resolve(make_job("openruter"), {})


def test_base_urls_come_from_the_environment() -> None:
    env = {"OPENAI_BASE_URL": "https://x/v1", "DOCMILL_LOCAL_BASE_URL": "http://y/v1"}

    assert provider_of("openai", env).base_url == "https://x/v1"
    assert provider_of("local", env).base_url == "http://y/v1"
    assert provider_of("local", {}).base_url == "http://localhost:11434/v1"
    assert provider_of("offline", {}).in_process


def test_a_run_needs_the_providers_of_its_models() -> None:
    resolution = resolve(make_job("openai"), {})

    assert list(providers_of(resolution, {})) == ["openai"]


def test_a_missing_key_is_named_by_its_variable() -> None:
    provider = provider_of("openrouter", {})

    with pytest.raises(ProviderError, match="set OPENROUTER_API_KEY"):
        key(provider, {"OPENROUTER_API_KEY": " "})
    assert key(provider, {"OPENROUTER_API_KEY": " secret "}) == "secret"
    assert key(provider_of("offline", {}), {}) == "offline"
