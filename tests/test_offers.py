"""What does a profile serve, under which names and at which prices?"""

from dataclasses import replace
from typing import Any

from llms.calls import Call
from llms.catalog import CatalogModel, load_catalog
from llms.offers import callable_models, offered, own_models, serves, unmatched
from llms.pricing import Talkativeness
from llms.providers import Profile, profile_of
from llms.resolution import resolve
from llms.sdk import Request
from schemas.job import Job
from schemas.roles import Role

CATALOG = load_catalog()
TALK = Talkativeness.of(CATALOG.models)
KEYS = {"OPENAI_API_KEY": "k", "OPENROUTER_API_KEY": "k", "AZURE_KEY": "k"}


def row(slug: str) -> CatalogModel:
    return next(model for model in CATALOG.models if model.slug == slug)


def make_job(served: Any, *profile: str, **more: Any) -> Job:
    """A job whose profile has a provider `own` that serves `served`, and perhaps others."""
    own = {"base_url": "http://own/v1", "models": served}
    order = list(profile) or ["own"]
    return Job.model_validate(
        {"profile": "mine", "providers": {"own": own}, "profiles": {"mine": order}, **more}
    )


def profile(models: Any, *order: str) -> Profile:
    return profile_of(make_job(models, *order), KEYS)


def called(where: Profile, slug: str) -> list[tuple[str, str]]:
    """At which providers a model is called, and by which names."""
    return [(m.provider, m.api_id) for m in callable_models(where, row(slug), TALK)]


def test_openai_serves_its_closed_models_and_openrouter_everything() -> None:
    openai, everything = (profile_of(Job(profile=p), {}) for p in ("openai", "openrouter"))

    assert called(openai, "gpt-5-6-sol") == [("openai", "gpt-5.6-sol")]
    assert called(everything, "gpt-5-6-sol") == [("openrouter", "openai/gpt-5.6-sol")]
    assert not serves(openai, row("gpt-oss-120b"))
    assert not serves(openai, row("claude-opus-4-8"))
    assert all(serves(everything, model) for model in CATALOG.models)


def test_a_model_is_named_as_its_declaration_says() -> None:
    assert called(profile(["qwen/*"]), "qwen3-6-27b") == [("own", "qwen/qwen3.6-27b")]
    assert called(profile({"qwen/*": "Qwen/*-FP8"}), "qwen3-6-27b") == [
        ("own", "Qwen/qwen3.6-27b-FP8")
    ]
    assert called(profile({"qwen/qwen3.6-27b": "q"}), "qwen3-6-27b-non-reasoning") == [("own", "q")]
    assert called(profile({"qwen3-6-27b": "q"}), "qwen3-6-27b-non-reasoning") == []


def test_a_name_comes_before_a_glob_and_the_first_glob_before_the_next() -> None:
    models = {"*": "any-*", "openai/*": "some-*", "openai/gpt-5.5": "this"}

    assert called(profile(models), "gpt-5-5") == [("own", "this")]
    assert called(profile(models), "gpt-5-6-sol") == [("own", "any-openai/gpt-5.6-sol")]


def test_a_model_stands_at_every_provider_that_serves_it_in_the_order_of_the_profile() -> None:
    where = profile({"openai/*": "*"}, "openai", "own", "openrouter")

    assert called(where, "gpt-5-5") == [
        ("openai", "gpt-5.5"),
        ("own", "gpt-5.5"),
        ("openrouter", "openai/gpt-5.5"),
    ]
    assert called(where, "claude-opus-4-8") == [("openrouter", "anthropic/claude-opus-4.8")]


def test_own_prices_and_windows_take_the_place_of_the_catalogs() -> None:
    entry = {"input_price": 0.1, "output_price": 0.2, "context_window": 8000}
    where = profile({"qwen/qwen3.6-27b": entry}, "own", "openrouter")
    usual = row("qwen3-6-27b")

    first, second = callable_models(where, usual, TALK)

    assert (first.input_price, first.cached_input_price, first.output_price) == (0.1, None, 0.2)
    assert (second.input_price, second.output_price) == (usual.input_price, usual.output_price)
    assert offered(where, [usual, row("gpt-5-5")]) == (
        replace(
            usual, input_price=0.1, cached_input_price=None, output_price=0.2, context_window=8000
        ),
        row("gpt-5-5"),
    )


def test_a_model_that_no_catalog_knows_plays_the_roles_it_is_declared_for() -> None:
    entry = {"name": "v3", "input_price": 0, "output_price": 0, "roles": ["extraction_worker"]}
    job = make_job({"my-extractor": entry}, "own", "openrouter")
    where = profile_of(job, KEYS)

    (own,) = own_models(where, CATALOG.models, Role.EXTRACTION_WORKER)

    assert (own.slug, own.api_id, own.input_price) == ("own/my-extractor", "v3", 0)
    assert own_models(where, CATALOG.models, Role.TOOL_WORKER) == ()
    assert unmatched(where, CATALOG.models) == ()
    resolution = resolve(job, KEYS)
    assert resolution.model(Role.EXTRACTION_WORKER) == own
    assert resolution.model(Role.TOOL_WORKER).provider == "openrouter"


def test_a_job_may_name_a_model_of_its_own_for_any_role() -> None:
    entry = {"input_price": 0, "output_price": 0, "roles": ["extraction_worker"]}
    job = make_job({"mine": entry}, "own", "openrouter", models={"tool_worker": "mine"})

    assert resolve(job, KEYS).model(Role.TOOL_WORKER).slug == "own/mine"


def test_a_misspelt_model_is_noted_with_a_guess() -> None:
    job = make_job(["openai/gpt-5.5-minni", "qwen/*"], "own", "openrouter")

    (note,) = unmatched(profile_of(job, KEYS), CATALOG.models)

    assert note.startswith("provider own serves 'openai/gpt-5.5-minni', which the catalog does not")
    assert "did you mean 'openai/gpt-5" in note
    assert note in resolve(job, KEYS).notes


def test_a_role_fails_over_to_the_same_model_at_the_next_provider() -> None:
    job = make_job({"openai/*": "*"}, "openai", "own", "openrouter")

    ranked = resolve(job, KEYS).roles[Role.EXTRACTION_WORKER]

    first = [model.provider for model in ranked if model.slug == ranked[0].slug]
    assert first == [model.provider for model in ranked[: len(first)]]
    assert first[-1] == "openrouter"
    assert {model.provider for model in ranked} == {"openai", "own", "openrouter"}


def test_a_question_is_the_same_whichever_provider_answers_it() -> None:
    where = profile({"openai/*": "*"}, "openai", "own", "openrouter")
    call = Call(Role.EXTRACTION_WORKER, "extract", "system", "user", "name", {"type": "object"})

    asked = {Request.of(call).key(model) for model in callable_models(where, row("gpt-5-5"), TALK)}

    assert len(asked) == 1
