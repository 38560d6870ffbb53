"""Where models may be called: how providers and profiles are declared, never with a key in them."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from schemas.hidden_keys import HIDDEN, hidden, without_secrets
from schemas.roles import Role

SHIPPED_PROVIDERS = ("offline", "openai", "openrouter", "local")
"""Providers that need no declaration; each is also a profile of the same name."""


class ProviderKind(StrEnum):
    """How a provider wants to be spoken to."""

    OPENAI = "openai"
    AZURE = "azure"


class Lane(StrEnum):
    """How fast and at which price a provider answers."""

    STANDARD = "standard"
    FLEX = "flex"
    BATCH = "batch"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ServedModel(_Frozen):
    """A model as a provider serves it: its name there, and what it costs there."""

    name: str | None = Field(
        default=None,
        min_length=1,
        description="Name in the provider's requests (at Azure the deployment); a `*` stands for "
        "what the `*` of the pattern matched. Null: the catalog's own name.",
    )
    input_price: float | None = Field(
        default=None,
        ge=0,
        description="US$ per million input tokens; null takes the catalog's price.",
    )
    cached_input_price: float | None = Field(
        default=None,
        ge=0,
        description="US$ per million input tokens from the prompt cache; null: like any input.",
    )
    output_price: float | None = Field(
        default=None, ge=0, description="US$ per million output tokens, thinking included."
    )
    context_window: int | None = Field(
        default=None, gt=0, description="Tokens of prompt and answer together, if fewer here."
    )
    roles: tuple[Role, ...] = Field(
        default=(),
        description="Roles that a model of one's own, which no catalog ranks, is to play.",
    )

    @model_validator(mode="after")
    def _prices_come_together(self) -> Self:
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("input_price and output_price must be given together")
        if self.cached_input_price is not None and self.input_price is None:
            raise ValueError("cached_input_price needs input_price and output_price beside it")
        return self


class _Fields(_Frozen):
    kind: ProviderKind = Field(
        default=ProviderKind.OPENAI,
        description="openai: any server that speaks Chat Completions; azure: Azure OpenAI.",
    )
    api_version: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.-]{1,40}$",
        description="Azure only: api-version of the deployment URLs, for instance 2024-10-21; "
        "not used with a base URL that ends in /openai/v1.",
    )
    key_env: str | None = Field(
        default=None, description="Environment variable that holds the key; null needs none."
    )
    key_block: str | None = Field(
        default=None,
        description="Prefect Secret block that holds the key, read at the start of a flow run; "
        "the variable of `key_env` wins where it is set.",
    )
    requests_per_minute: int | None = Field(
        default=None, gt=0, description="Limit per model; null learns it from the answers."
    )
    tokens_per_minute: int | None = Field(
        default=None,
        gt=0,
        description="Limit per model, input and output together; null learns it from the answers.",
    )
    input_tokens_per_minute: int | None = Field(
        default=None, gt=0, description="Limit per model; null learns it from the answers."
    )
    output_tokens_per_minute: int | None = Field(
        default=None, gt=0, description="Limit per model; null learns it from the answers."
    )
    in_flight: int | None = Field(
        default=None, gt=0, description="Requests per model that may wait for an answer at once."
    )
    lanes: tuple[Lane, ...] = Field(
        default=(Lane.STANDARD,), min_length=1, description="Lanes that the provider offers."
    )
    region: str | None = Field(
        default=None, description="Where it computes, for jobs that allow certain regions only."
    )
    headers: dict[str, str] = Field(
        default_factory=dict,
        description="Headers of every request, such as a project's name; no keys.",
    )
    models: dict[str, ServedModel | str] | tuple[str, ...] | None = Field(
        default=None,
        description="What is served: slugs or ids of the catalog, or globs over them, either as "
        "a list or with the name that each has here.",
    )

    @property
    def served(self) -> dict[str, ServedModel]:
        """What is served, by slug, id or glob; empty where nothing is declared."""
        if not isinstance(self.models, Mapping):
            return {pattern: ServedModel() for pattern in self.models or ()}
        return {
            pattern: ServedModel(name=entry) if isinstance(entry, str) else entry
            for pattern, entry in self.models.items()
        }


class Provider(_Fields):
    """An OpenAI-compatible endpoint, complete. Limits are null where only the provider knows."""

    name: str
    base_url: str = Field(description="URL up to and with the version, for instance /v1.")
    in_process: bool = Field(
        default=False, description="Served inside this process, without any network."
    )

    @property
    def has_deployments(self) -> bool:
        """Whether models are deployments that stand in the path, as at Azure's older endpoints."""
        return self.kind is ProviderKind.AZURE and not is_azure_v1(self.base_url)

    @property
    def shown_url(self) -> str:
        """The base URL without anything in it that may be secret."""
        return without_secrets(self.base_url)


class ProviderSpec(_Fields):
    """What a job or a configuration says of a provider.

    What it says of a shipped provider changes that much of it; any other must be complete.
    """

    base_url: str | None = Field(
        default=None,
        description="URL up to and with the version, for instance http://host:8000/v1; at Azure "
        "https://NAME.openai.azure.com, or the same with /openai/v1.",
    )

    @model_validator(mode="before")
    @classmethod
    def _hide_keys(cls, given: Any) -> Any:
        """Put `HIDDEN` in place of whatever may be a key.

        Messages of pydantic and of Prefect quote values, and the key itself in place of its
        variable's name is the mistake to expect.
        """
        if not isinstance(given, Mapping):
            return given
        return {name: hidden(name, value, cls.model_fields) for name, value in given.items()}

    @field_validator("key_env", mode="after")
    @classmethod
    def _key_env_is_a_name(cls, value: str | None) -> str | None:
        if value == HIDDEN:
            raise ValueError(
                "must name the environment variable that holds the key, in capitals such as "
                "AZURE_OPENAI_API_KEY; what is written there is not shown, in case it is a key"
            )
        return value

    @field_validator("key_block", mode="after")
    @classmethod
    def _key_block_is_a_name(cls, value: str | None) -> str | None:
        if value == HIDDEN:
            raise ValueError(
                "must name a Prefect Secret block, in small letters, digits and dashes such as "
                "azure-key; what is written there is not shown, in case it is a key"
            )
        return value

    @field_validator("headers", mode="after")
    @classmethod
    def _headers_hold_no_keys(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if value == HIDDEN:
                raise ValueError(
                    f"header {name!r} looks like a key, which does not belong into a declaration; "
                    "name its variable in key_env"
                )
            if not re.fullmatch(r"[A-Za-z0-9-]+", name) or not value.isprintable():
                raise ValueError(f"{name!r} is no header that could be sent")
        return headers

    @field_validator("base_url", mode="after")
    @classmethod
    def _is_a_plain_url(cls, value: str | None) -> str | None:
        if value is not None and (problem := url_problem(value)):
            raise ValueError(f"is not usable ({problem}); write it like https://host/v1")
        return value

    @model_validator(mode="after")
    def _azure_says_its_version(self) -> Self:
        is_azure = self.kind is ProviderKind.AZURE
        if is_azure and self.api_version is None and not is_azure_v1(self.base_url or ""):
            raise ValueError("kind azure needs api_version, or a base_url that ends in /openai/v1")
        if not is_azure and self.api_version is not None:
            raise ValueError("api_version is for kind azure only")
        return self


def is_azure_v1(base_url: str) -> bool:
    """Whether an Azure URL is of the newer kind, without deployments and versions in it."""
    return base_url.rstrip("/").endswith("/openai/v1")


def url_problem(url: str) -> str | None:
    """Why a base URL cannot be used, in words that quote nothing of it; null when it can."""
    if url == HIDDEN:
        return "no user, password or query may stand in it"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "its host or port is malformed"
    if parts.scheme not in ("http", "https"):
        return "it has no http:// or https://"
    return None if parts.hostname else "it has no host"


def guessed(name: str, known: Iterable[str]) -> str:
    """A question that names what `name` was meant to be, or an empty string."""
    guess = get_close_matches(name, list(known), n=1)
    return f"did you mean {guess[0]!r}?" if guess else ""


def _are_complete(declared: dict[str, ProviderSpec]) -> dict[str, ProviderSpec]:
    for name, spec in declared.items():
        if name == "offline":
            raise ValueError("provider 'offline' is part of docmill and cannot be declared")
        missing = [word for word in ("base_url", "models") if getattr(spec, word) is None]
        if name not in SHIPPED_PROVIDERS and missing:
            raise ValueError(f"provider {name!r} must say its {' and its '.join(missing)}")
    return declared


def _are_lists_of_providers(declared: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    for name, providers in declared.items():
        if name in SHIPPED_PROVIDERS:
            raise ValueError(f"profile {name!r} ships with docmill; give yours another name")
        alone = [one for one in providers if one in ("offline", "local")]
        if alone:
            raise ValueError(
                f"profile {name!r} names {alone[0]!r}, which has no catalog models and stands "
                "alone; declare your server as a provider with the models it serves"
            )
        if len(set(providers)) < len(providers):
            raise ValueError(f"profile {name!r} names a provider twice")
    return declared


ProviderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]

Providers = Annotated[dict[ProviderName, ProviderSpec], AfterValidator(_are_complete)]
"""Providers by name."""

Profiles = Annotated[
    dict[ProviderName, Annotated[tuple[ProviderName, ...], Field(min_length=1)]],
    AfterValidator(_are_lists_of_providers),
]
"""Providers of a profile, the first being asked first, by the name of the profile."""


class UserConfig(_Frozen):
    """A person's or a machine's own providers, for every job."""

    profile: str | None = Field(
        default=None, description="Profile of jobs that name none; null: the one whose key is set."
    )
    providers: Providers = Field(default_factory=dict, description="Providers of one's own.")
    profiles: Profiles = Field(
        default_factory=dict, description="Named lists of providers, in order of preference."
    )
