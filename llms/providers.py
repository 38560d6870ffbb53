"""Where are models called, and with which key?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from llms.failures import ProviderError
from schemas.job import Job
from schemas.providers import (
    SHIPPED_PROVIDERS,
    Lane,
    Provider,
    ProviderSpec,
    guessed,
)
from schemas.roles import Resolution

OPENAI = "openai"
OPENROUTER = "openrouter"
LOCAL = "local"
OFFLINE = "offline"

LOCAL_BASE_URL = "DOCMILL_LOCAL_BASE_URL"
LOCAL_MODELS = "DOCMILL_LOCAL_MODELS"

PROFILES = SHIPPED_PROVIDERS

SECRET_BLOCK = "prefect-secret/"  # noqa: S105 - a prefix of names, no secret
"""What the name of a Prefect Secret block follows where keys are looked up beside variables."""

_KEYS = {OPENAI: "OPENAI_API_KEY", OPENROUTER: "OPENROUTER_API_KEY"}

_NONE: Mapping[str, ProviderSpec] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Profile:
    """Providers that a run may call, the preferred one first; the next ones are its failover."""

    name: str
    providers: tuple[Provider, ...]

    @property
    def is_priced(self) -> bool:
        """Whether the catalog ranks its models, at least in part."""
        return self.name not in (OFFLINE, LOCAL)


class UnknownProfileError(ProviderError):
    """A profile or a provider is named that nobody has declared."""

    @classmethod
    def of(cls, profile: str, known: Sequence[str] = PROFILES) -> Self:
        """Build the error for a profile; the message guesses what was meant."""
        hint = guessed(profile, known) or f"there are {', '.join(known)}"
        return cls(f"there is no profile {profile!r}; {hint}")

    @classmethod
    def of_provider(cls, provider: str, known: Sequence[str]) -> Self:
        """Build the error for a provider; the message guesses what was meant."""
        hint = guessed(provider, known) or f"there are {', '.join(known)}"
        return cls(f"there is no provider {provider!r}; {hint}")


def default_profile(env: Mapping[str, str]) -> str:
    """The profile whose key is set, else `offline`."""
    for profile, variable in _KEYS.items():
        if env.get(variable, "").strip():
            return profile
    return OFFLINE


def profile_of(job: Job, env: Mapping[str, str]) -> Profile:
    """The profile of a job: the one it names, else the one whose key is set.

    Of several providers those without a key are left out (`left_out` names them), unless that
    would leave none.

    Raises:
        UnknownProfileError: The profile, or a provider that it lists, does not exist.
    """
    listed = providers_listed(job, env)
    providers = tuple(provider_of(one, env, job.providers) for one in listed)
    at_hand = tuple(one for one in providers if has_key(one, env))
    return Profile(job.profile or default_profile(env), at_hand or providers)


def left_out(job: Job, env: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for every provider that a job's profile lists and that has no key at hand."""
    profile = profile_of(job, env)
    used = {provider.name for provider in profile.providers}
    return tuple(
        f"profile {profile.name}: provider {name} is left out, {_key_hint(provider)} to use it"
        for name in providers_listed(job, env)
        if name not in used and (provider := provider_of(name, env, job.providers))
    )


def providers_listed(job: Job, env: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the providers of a job's profile, keys or not, the preferred one first.

    Raises:
        UnknownProfileError: The profile does not exist.
    """
    profile = job.profile or default_profile(env)
    if profile in job.profiles:
        return job.profiles[profile]
    if profile in PROFILES or profile in job.providers:
        return (profile,)
    raise UnknownProfileError.of(profile, (*PROFILES, *job.profiles, *job.providers))


def provider_of(
    name: str, env: Mapping[str, str], declared: Mapping[str, ProviderSpec] = _NONE
) -> Provider:
    """The provider called `name`: what ships, changed by what is declared.

    Args:
        name: The provider.
        env: Environment, for the base URLs of those that ship.
        declared: Declarations by name, as `Job.providers` holds them.

    Raises:
        UnknownProfileError: There is no provider of that name.
    """
    spec = declared.get(name)
    said = {} if spec is None else {field: getattr(spec, field) for field in spec.model_fields_set}
    shipped = _shipped(name, env)
    if shipped is not None:
        return shipped.model_copy(update=said)
    if spec is None:
        raise UnknownProfileError.of_provider(name, (*PROFILES, *declared))
    return Provider(name=name, **said)


def _shipped(name: str, env: Mapping[str, str]) -> Provider | None:
    match name:
        case "openai":
            return Provider(
                name=OPENAI,
                base_url=env.get("OPENAI_BASE_URL", "").strip() or "https://api.openai.com/v1",
                key_env=_KEYS[OPENAI],
                lanes=(Lane.STANDARD, Lane.FLEX, Lane.BATCH),
            )
        case "openrouter":
            url = "https://openrouter.ai/api/v1"
            return Provider(name=OPENROUTER, base_url=url, key_env=_KEYS[OPENROUTER])
        case "local":
            default = "http://localhost:11434/v1"
            return Provider(name=LOCAL, base_url=env.get(LOCAL_BASE_URL, "").strip() or default)
        case "offline":
            return Provider(name=OFFLINE, base_url="http://offline/v1", in_process=True)
    return None


def providers_of(
    resolution: Resolution,
    env: Mapping[str, str],
    declared: Mapping[str, ProviderSpec] = _NONE,
) -> dict[str, Provider]:
    """The providers that serve the models of a run, by name; `declared` is `Job.providers`."""
    names = sorted({model.provider for model in resolution.everybody})
    return {name: provider_of(name, env, declared) for name in names}


def has_key(provider: Provider, env: Mapping[str, str]) -> bool:
    """Whether the key of a provider is at hand, or it needs none."""
    return not _key_places(provider) or _found_key(provider, env) != ""


def key(provider: Provider, env: Mapping[str, str]) -> str:
    """The key of a provider; a placeholder for one that needs none.

    Args:
        provider: The provider.
        env: The environment and, named by `SECRET_BLOCK` and the block, what flows have read.

    Raises:
        ProviderError: There is no key, or nothing that could be one; the message says where it
            should be.
    """
    if not _key_places(provider):
        return provider.name
    value = _found_key(provider, env)
    if not value:
        raise ProviderError(
            f"provider {provider.name} needs a key: {_key_hint(provider)}, "
            "or choose the profile offline, which needs none"
        )
    # Checked here because the HTTP layer would quote the whole header in its complaint.
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ProviderError(
            f"the key of provider {provider.name} holds characters that no key has; "
            f"{_key_hint(provider)} again, without blanks and quotation marks"
        )
    return value


def _key_places(provider: Provider) -> list[str]:
    block = provider.key_block and f"{SECRET_BLOCK}{provider.key_block}"
    return [place for place in (provider.key_env, block) if place]


def _found_key(provider: Provider, env: Mapping[str, str]) -> str:
    found = (env.get(place, "").strip() for place in _key_places(provider))
    return next((value for value in found if value), "")


def _key_hint(provider: Provider) -> str:
    variable = f"set {provider.key_env}" if provider.key_env else ""
    block = (
        f"save it as the Prefect Secret block {provider.key_block!r} and run through Prefect"
        if provider.key_block
        else ""
    )
    return " or ".join(part for part in (variable, block) if part)
