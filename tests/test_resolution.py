"""Which models play which role in a run of a job?"""

from dataclasses import replace

import pytest

from llms.catalog import Catalog, UnknownModelError, load_catalog
from llms.experience import Experience
from llms.failures import ProviderError
from llms.families import family, kinship
from llms.offline.app import CAREFUL, QUICK
from llms.pricing import UnknownPriceError
from llms.providers import UnknownProfileError, default_profile
from llms.resolution import MOST_RANKED, resolve
from llms.scales import ScaleError
from schemas.job import Allow, Job, Models
from schemas.providers import ProviderSpec
from schemas.roles import Resolution, Role

CATALOG = load_catalog()


def make_job(profile: str | None = None, **models: str) -> Job:
    return Job(profile=profile, models=Models(**models))


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


def test_who_verifies_is_of_another_family_than_who_extracts() -> None:
    resolution = resolve(make_job("openrouter"), {})

    first = resolution.model(Role.EXTRACTION_WORKER)
    assert kinship(first, resolution.verifiers[0]) == 0
    assert resolution.notes == ()


def test_a_family_of_its_own_is_left_even_where_the_ranked_list_does_not() -> None:
    # The cheapest models for extraction are all of one family; the list would hold no other.
    cheap = tuple(
        replace(m, input_price=0.001, output_price=0.001) if m.slug.startswith("gpt") else m
        for m in CATALOG.models
    )
    resolution = resolve(make_job("openrouter"), {}, replace(CATALOG, models=cheap))

    ranked = resolution.roles[Role.EXTRACTION_WORKER]
    assert {family(model) for model in ranked} == {("openai", "gpt")}
    assert family(resolution.verifiers[0]) != ("openai", "gpt")


def test_where_a_profile_has_one_family_only_a_note_says_so() -> None:
    resolution = resolve(make_job("openai"), {})

    assert kinship(resolution.model(Role.EXTRACTION_WORKER), resolution.verifiers[0]) == 1
    assert "is checked by a model of its own family" in resolution.notes[-1]


def test_offline_the_other_engine_verifies() -> None:
    assert [model.slug for model in resolve(make_job(), {}).verifiers] == [CAREFUL]


def test_only_allowed_models_are_chosen() -> None:
    job = Job(profile="openrouter", allow=Allow(creators=("openai", "Anthropic")))

    resolution = resolve(job, {})

    assert {model.creator for model in resolution.everybody} == {"OpenAI", "Anthropic"}
    assert resolution.baseline is not None


def test_a_creator_nobody_knows_is_answered_with_a_guess() -> None:
    job = Job(profile="openrouter", allow=Allow(creators=("Antropic",)))

    with pytest.raises(ProviderError, match=r"'Antropic'.*did you mean 'Anthropic'"):
        resolve(job, {})


def test_a_model_that_the_job_names_and_forbids_is_an_error() -> None:
    job = Job(
        profile="openrouter",
        models=Models(extraction_worker="minimax-m3"),
        allow=Allow(creators=("OpenAI",)),
    )

    with pytest.raises(ProviderError, match=r"`allow` forbids: creator MiniMax not allowed"):
        resolve(job, {})


def test_only_providers_of_an_allowed_region_are_called() -> None:
    allow = Allow(regions=("EU",))
    with pytest.raises(ProviderError, match=r"declares a region among EU \(openrouter: none\)"):
        resolve(Job(profile="openrouter", allow=allow), {})

    declared = {"openrouter": ProviderSpec(region="eu")}
    resolution = resolve(Job(profile="openrouter", allow=allow, providers=declared), {})

    assert resolution.model(Role.TOOL_WORKER).provider == "openrouter"
    assert resolve(Job(profile="offline", allow=allow), {}).profile == "offline"


def test_on_an_unknown_scale_only_named_models_are_used_and_a_note_says_so() -> None:
    unknown = tuple(replace(m, index_version="2027-01") for m in CATALOG.models)
    catalog = replace(CATALOG, models=unknown)
    with pytest.raises(ScaleError, match="2027-01"):
        resolve(make_job("openrouter", extraction_worker="minimax-m3"), {}, catalog)

    everybody = {role.value: "minimax-m3" for role in Role}
    resolution = resolve(make_job("openrouter", **everybody), {}, catalog)

    assert {model.slug for model in resolution.everybody} == {"minimax-m3"}
    assert "unchecked" in resolution.notes[0]
    offline = resolve(make_job(), {}, catalog)
    assert offline.projected == {}
    assert "no comparison" in offline.notes[0]


def test_own_calls_change_who_is_chosen_and_what_a_call_should_cost() -> None:
    role = Role.EXTRACTION_WORKER
    first, second = resolve(make_job("openrouter"), {}).roles[role][:2]
    tokens = {"output_tokens": 10**6, "reasoning_tokens": 990_000}
    ledger = {(role, first.slug): Experience(calls=1000, **tokens)}

    learned = resolve(make_job("openrouter"), {}, CATALOG, ledger)

    assert learned.model(role).slug == second.slug
    known = next(m for m in learned.roles[role] if m.slug == first.slug)
    assert known.own_factor is not None
    assert known.own_factor > 90
    assert known.thinking_factor == first.thinking_factor


def test_a_named_orchestrator_is_what_costs_are_compared_with() -> None:
    resolution = resolve(make_job("openrouter", orchestrator="gpt-5-6-sol-high"), {})

    assert resolution.baseline is not None
    assert resolution.baseline.slug == "gpt-5-6-sol-high"
