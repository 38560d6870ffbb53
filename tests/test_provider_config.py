"""Declarations of providers: in a job, in a user's configuration, and what they must not hold."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from llms.failures import ProviderError
from llms.providers import provider_of
from schemas.job import Job
from schemas.providers import UserConfig
from tasks.jobs import JobError, load_job
from tasks.provider_config import CONFIG, config_path, with_user_config

VLLM: dict[str, Any] = {"base_url": "http://gpu:8000/v1", "models": ["qwen/*"]}


def written(folder: Path, config: object, name: str = "config.yaml") -> dict[str, str]:
    """The environment of a user with this configuration."""
    (folder / name).write_text(config if isinstance(config, str) else yaml.safe_dump(config))
    return {CONFIG: str(folder / name)}


def test_a_configuration_is_looked_for_where_people_expect_it() -> None:
    assert config_path({CONFIG: "/a/b.yaml", "XDG_CONFIG_HOME": "/x"}) == Path("/a/b.yaml")
    assert config_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/docmill/config.yaml")
    assert config_path({CONFIG: ""}) is None
    assert config_path({}) == Path.home() / ".config/docmill/config.yaml"


def test_the_job_comes_before_the_configuration_and_that_before_what_ships(tmp_path: Path) -> None:
    config = {
        "profile": "mine",
        "providers": {
            "vllm": VLLM,
            "other": {**VLLM, "base_url": "http://user/v1"},
            "openai": {"requests_per_minute": 7},
        },
        "profiles": {"mine": ["vllm", "openai"], "spare": ["other"]},
    }
    env = written(tmp_path, config)
    job = Job.model_validate(
        {
            "providers": {"other": {**VLLM, "base_url": "http://job/v1"}},
            "profiles": {"mine": ["other"]},
        }
    )

    merged = with_user_config(job, env)

    urls = {name: provider_of(name, {}, merged.providers).base_url for name in merged.providers}
    assert urls == {
        "vllm": "http://gpu:8000/v1",
        "other": "http://job/v1",
        "openai": "https://api.openai.com/v1",
    }
    assert provider_of("openai", {}, merged.providers).requests_per_minute == 7
    assert provider_of("openai", {}, merged.providers).key_env == "OPENAI_API_KEY"
    assert merged.profile == "mine"
    assert merged.profiles == {"mine": ("other",), "spare": ("other",)}
    assert with_user_config(merged, env) == merged


def test_without_a_configuration_a_job_stays_as_it_is(tmp_path: Path) -> None:
    job = Job(profile="openai")

    assert with_user_config(job, {"XDG_CONFIG_HOME": str(tmp_path)}) == job
    assert with_user_config(job, {CONFIG: ""}) == job
    assert with_user_config(job, written(tmp_path, "# nothing yet\n")) == job


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("[1, 2]", "must hold a mapping"),
        ("a: [", "is not valid YAML (line 1)"),
        ({"provider": {}}, "provider: there is no such setting; did you mean 'providers'?"),
        (
            {"providers": {"vllm": {**VLLM, "base_ulr": "x"}}},
            "providers.vllm.base_ulr: there is no such setting; did you mean 'base_url'?",
        ),
        (
            {"providers": {"vllm": {**VLLM, "api_key": "x"}}},
            "api_key: there is no such setting; name the environment variable that holds it in",
        ),
        ({"providers": {"vllm": {}}}, "provider 'vllm' must say its base_url and its models"),
        (
            {"providers": {"vllm": {**VLLM, "base_url": "gpu:8000/v1"}}},
            "providers.vllm.base_url: is not usable (it has no http:// or https://)",
        ),
        (
            {"providers": {"vllm": {**VLLM, "kind": "azure"}}},
            "providers.vllm: kind azure needs api_version, or a base_url that ends in /openai/v1",
        ),
        (
            {"providers": {"vllm": {**VLLM, "api_version": "2024-10-21"}}},
            "providers.vllm: api_version is for kind azure only",
        ),
        (
            {"providers": {"vllm": {**VLLM, "models": {"qwen": {"input_price": 1}}}}},
            "input_price and output_price must be given together",
        ),
        (
            {"providers": {"vllm": {**VLLM, "models": {"qwen": {"nmae": "q"}}}}},
            "providers.vllm.models.qwen.nmae: there is no such setting; did you mean 'name'?",
        ),
        ({"providers": {"offline": {"in_flight": 1}}}, "cannot be declared"),
        ({"profiles": {"openai": ["vllm"]}}, "ships with docmill"),
        ({"profiles": {"mine": ["local", "openai"]}}, "stands alone"),
        ({"profiles": {"mine": ["openai", "openai"]}}, "names a provider twice"),
        ({"profiles": {"mine": []}}, "profiles.mine"),
    ],
    ids=map(str, range(16)),
)
def test_a_mistake_is_told_in_one_sentence_with_its_place(
    config: object, told: str, tmp_path: Path
) -> None:
    env = written(tmp_path, config)

    with pytest.raises(ProviderError) as caught:
        with_user_config(Job(), env)

    assert str(caught.value).startswith(env[CONFIG])
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_that_is_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="which does not exist"):
        with_user_config(Job(), {CONFIG: str(tmp_path / "none.yaml")})


def test_a_job_file_may_declare_providers_and_is_told_of_its_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "docmill.yaml"
    file.write_text(yaml.safe_dump({"providers": {"vllm": VLLM}, "profiles": {"mine": ["vllm"]}}))
    assert load_job(str(file)).providers["vllm"].base_url == VLLM["base_url"]

    file.write_text(yaml.safe_dump({"providers": {"vllm": {**VLLM, "key_evn": "K"}}}))
    with pytest.raises(JobError, match=r"providers\.vllm\.key_evn.*did you mean 'key_env'"):
        load_job(str(file))


def test_a_version_that_yaml_takes_for_a_date_is_understood(tmp_path: Path) -> None:
    text = f"kind: azure\napi_version: 2024-10-21\nbase_url: https://x\nmodels: {['*']}"
    env = written(tmp_path, {"providers": {"azure": yaml.safe_load(text)}})

    assert with_user_config(Job(), env).providers["azure"].api_version == "2024-10-21"


KEYS = st.one_of(
    st.from_regex(r"sk-(proj-)?[A-Za-z0-9]{24,60}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9]{40,84}", fullmatch=True).filter(
        lambda key: any(c.isdigit() for c in key) and any(c.isalpha() for c in key)
    ),
    st.from_regex(r"[A-Z0-9]{24}", fullmatch=True).filter(
        lambda key: any(c.isdigit() for c in key) and any(c.isalpha() for c in key)
    ),
    st.from_regex(r"gsk_[A-Za-z0-9]{40}", fullmatch=True),
)

PLACES = st.sampled_from(
    ["key_env", "key_block", "api_key", "key", "Authorization", "X-Api-Key", "X-Team", "user", "?"]
)


def misplaced(key: str, place: str) -> dict[str, Any]:
    """A declaration with the key itself where only its name belongs, or nothing of the kind."""
    match place:
        case "Authorization":
            return {**VLLM, "headers": {place: f"Bearer {key}"}}
        case "X-Api-Key" | "X-Team":
            return {**VLLM, "headers": {place: key}}
        case "user":
            return {**VLLM, "base_url": f"http://me:{key}@gpu/v1"}
        case "?":
            return {**VLLM, "base_url": f"http://gpu/v1?api-key={key}"}
    return {**VLLM, place: key}


@given(KEYS, PLACES)
def test_a_key_in_a_declaration_is_refused_and_never_repeated(key: str, place: str) -> None:
    for model in (UserConfig, Job):
        with pytest.raises(ValidationError) as caught:
            model.model_validate({"providers": {"vllm": misplaced(key, place)}})

        # Prefect shows the whole of it where a flow's parameters do not validate.
        error = caught.value
        assert key not in f"{error} {error!r} {error.errors()} {error.json()}"


@pytest.mark.parametrize("place", ["key_env", "key_block"])
def test_a_key_of_digits_is_refused_like_any_other(place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Job.model_validate({"providers": {"vllm": {**VLLM, place: 48151623421234}}})

    assert "48151623421234" not in f"{caught.value}"


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "KEY", "AZURE_OPENAI_API_KEY_2", "VLLM_KEY_FOR_THE_GPU_MACHINE_7"]
)
def test_names_of_variables_and_blocks_are_taken(name: str) -> None:
    spec = {**VLLM, "key_env": name, "key_block": "azure-key-for-eu-west-2"}

    declared = Job.model_validate({"providers": {"vllm": spec}}).providers["vllm"]

    assert (declared.key_env, declared.key_block) == (name, "azure-key-for-eu-west-2")
