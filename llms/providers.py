"""Where are models called, with which key, and which models does a profile give to the roles?"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from llms.catalog import Catalog, CatalogModel, UnknownModelError, find, load_catalog
from llms.failures import ProviderError
from llms.pricing import Talkativeness, UnknownPriceError
from llms.roles import ROLES, as_model, one_per_model, rank, why_not
from schemas.job import Job
from schemas.roles import Model, Resolution, Role

OPENAI = "openai"
OPENROUTER = "openrouter"
LOCAL = "local"
OFFLINE = "offline"

LOCAL_BASE_URL = "DOCMILL_LOCAL_BASE_URL"
LOCAL_MODELS = "DOCMILL_LOCAL_MODELS"

MOST_RANKED = 5
"""Models kept per role: the first is used, the others are its failover."""


class Provider(BaseModel):
    """An OpenAI-compatible endpoint. Limits are null where only the provider knows them."""

    model_config = ConfigDict(frozen=True)

    name: str
    base_url: str = Field(description="URL up to and with the version, for instance /v1.")
    key_env: str | None = Field(
        default=None, description="Environment variable that holds the key; null needs none."
    )
    requests_per_minute: int | None = Field(default=None, gt=0)
    tokens_per_minute: int | None = Field(default=None, gt=0)
    in_process: bool = Field(
        default=False, description="Served inside this process, without any network."
    )


class UnknownProfileError(ProviderError):
    """A profile is named that docmill does not have."""

    @classmethod
    def of(cls, profile: str) -> Self:
        """Build the error; the message guesses what was meant."""
        guess = get_close_matches(profile, PROFILES, n=1)
        hint = f"did you mean {guess[0]!r}?" if guess else f"there are {', '.join(PROFILES)}"
        return cls(f"there is no profile {profile!r}; {hint}")


def default_profile(env: Mapping[str, str]) -> str:
    """The profile whose key is set, else `offline`."""
    for profile, variable in _KEYS.items():
        if env.get(variable, "").strip():
            return profile
    return OFFLINE


def provider_of(name: str, env: Mapping[str, str]) -> Provider:
    """The provider called `name`, at the base URL that the environment gives it.

    Raises:
        UnknownProfileError: There is no provider of that name.
    """
    match name:
        case "openai":
            default = "https://api.openai.com/v1"
            base_url = env.get("OPENAI_BASE_URL", "").strip() or default
            return Provider(name=OPENAI, base_url=base_url, key_env=_KEYS[OPENAI])
        case "openrouter":
            url = "https://openrouter.ai/api/v1"
            return Provider(name=OPENROUTER, base_url=url, key_env=_KEYS[OPENROUTER])
        case "local":
            default = "http://localhost:11434/v1"
            return Provider(name=LOCAL, base_url=env.get(LOCAL_BASE_URL, "").strip() or default)
        case "offline":
            return Provider(name=OFFLINE, base_url="http://offline/v1", in_process=True)
        case _:
            raise UnknownProfileError.of(name)


def providers_of(resolution: Resolution, env: Mapping[str, str]) -> dict[str, Provider]:
    """The providers that serve the models of a run, by name."""
    names = sorted({model.provider for ranked in resolution.roles.values() for model in ranked})
    return {name: provider_of(name, env) for name in names}


def key(provider: Provider, env: Mapping[str, str]) -> str:
    """The key of a provider; a placeholder for one that needs none.

    Raises:
        ProviderError: The variable that should hold the key is empty; the message names it.
    """
    if provider.key_env is None:
        return provider.name
    value = env.get(provider.key_env, "").strip()
    if not value:
        raise ProviderError(
            f"provider {provider.name} needs a key: set {provider.key_env}, "
            "or choose the profile offline, which needs none"
        )
    return value


def resolve(job: Job, env: Mapping[str, str], catalog: Catalog | None = None) -> Resolution:
    """Decide which models play which role in a run of `job`. Sends nothing, needs no key.

    The ranked list of a role holds each model at its best placed effort, the first being used and
    the others its failover. A model named under `job.models` comes first even where it misses a
    threshold; the notes say so.

    Args:
        job: The job; its profile, else the one whose key is set.
        env: The environment: keys, base URLs, local models.
        catalog: A catalog in place of the one that ships.

    Raises:
        UnknownProfileError: The job's profile does not exist.
        UnknownModelError: A role names a model that the profile does not have.
        UnknownPriceError: A role names a model whose price nobody published.
        ProviderError: No model of the profile can play a role, or local models are not named.
    """
    catalog = catalog or load_catalog()
    profile = job.profile or default_profile(env)
    if profile not in PROFILES:
        raise UnknownProfileError.of(profile)
    notes: list[str] = []
    if profile == OFFLINE:
        roles = _offline_roles(job)
    elif profile == LOCAL:
        roles = _local_roles(job, env, notes)
    else:
        roles = {role: _ranked(role, profile, job, catalog, notes) for role in Role}
    is_priced = profile in _KEYS
    projected = {} if is_priced else _projected(catalog)
    return Resolution(
        profile=profile,
        roles=roles,
        baseline=_baseline(profile if is_priced else OPENROUTER, catalog),
        projected=projected,
        catalog_version=catalog.version,
        catalog_sha256=catalog.sha256,
        notes=tuple(notes),
    )


def serves(profile: str, row: CatalogModel) -> bool:
    """Whether a profile can call a model of the catalog."""
    if profile == OPENAI:
        # Open weights are published to be run elsewhere; OpenAI's own API does not serve them.
        return row.creator == "OpenAI" and not row.open_weights
    return profile == OPENROUTER


def callable_model(profile: str, row: CatalogModel, talk: Talkativeness) -> Model:
    """A catalog row under the name that a profile's provider calls it by."""
    api_id = row.bare_name if profile == OPENAI else row.api_id
    return as_model(row, talk, provider=profile, api_id=api_id)


def _ranked(
    role: Role, profile: str, job: Job, catalog: Catalog, notes: list[str]
) -> tuple[Model, ...]:
    ranking = rank(
        role, catalog.models, is_served=lambda row: serves(profile, row), served_by=profile
    )
    rows = [candidate.model for candidate in one_per_model(ranking.candidates)]
    wanted = job.models.get(role)
    if wanted is not None:
        chosen = _override(role, wanted, profile, [c.model for c in ranking.candidates], catalog)
        missed = why_not(chosen, ROLES[role])
        if missed is not None:
            notes.append(f"{role.value}: {chosen.name} was asked for although {missed}")
        rows = [chosen, *(row for row in rows if row.api_id != chosen.api_id)]
    if not rows:
        raise ProviderError(
            f"profile {profile} has no model that is good enough for the role {role.value}; "
            f"name one in the job, models: {{{role.value}: ...}}"
        )
    talk = Talkativeness.of(catalog.models)
    return tuple(callable_model(profile, row, talk) for row in rows[:MOST_RANKED])


def _override(
    role: Role, wanted: str, profile: str, ranked: list[CatalogModel], catalog: Catalog
) -> CatalogModel:
    """The row that a job names for a role; of several efforts the best ranked."""
    served = [row for row in catalog.models if serves(profile, row)]
    where = f"role {role.value} of the job (profile {profile})"
    found = find(served, wanted, where=where)
    for row in ranked:
        if row in found:
            return row
    priced = [row for row in found if row.price is not None]
    if not priced:
        raise UnknownPriceError.of(found[0].slug)
    return max(priced, key=lambda row: (row.intelligence or 0.0, row.slug))


def _offline_roles(job: Job) -> dict[Role, tuple[Model, ...]]:
    # Imported here: the application is of no concern to the other profiles.
    from llms.offline.app import CAREFUL, QUICK

    models = {
        QUICK: _engine(QUICK, "docmill rules, quick"),
        CAREFUL: _engine(CAREFUL, "docmill rules, careful"),
    }
    quick = {Role.EXTRACTION_WORKER, Role.FORMATTING_WORKER}
    roles: dict[Role, tuple[Model, ...]] = {
        role: (models[QUICK if role in quick else CAREFUL],) for role in Role
    }
    for role, wanted in job.models.items():
        if wanted not in models:
            where = f"role {role.value} of the job (profile offline)"
            raise UnknownModelError.of(wanted, where=where, known=models)
        roles[role] = (models[wanted],)
    return roles


def _engine(api_id: str, name: str) -> Model:
    return Model(
        slug=api_id,
        name=name,
        creator="docmill",
        provider=OFFLINE,
        api_id=api_id,
        kind="rules",
        input_price=0.0,
        cached_input_price=0.0,
        output_price=0.0,
    )


def _local_roles(
    job: Job, env: Mapping[str, str], notes: list[str]
) -> dict[Role, tuple[Model, ...]]:
    named = {**_local_names(env.get(LOCAL_MODELS, "")), **job.models}
    if not named:
        raise ProviderError(
            f"profile local needs the names of its models: set {LOCAL_MODELS} to one name for "
            "all roles, or to role=name,role=name"
        )
    usual = next(iter(named.values()))
    borrowed = [role.value for role in Role if role not in named]
    if borrowed:
        notes.append(f"local: no model is named for {', '.join(borrowed)}; {usual} plays them too")
    notes.append("local: calls are booked at $0, since they run on hardware of one's own")
    return {role: (_local_model(named.get(role, usual)),) for role in Role}


def _local_names(declared: str) -> dict[Role, str]:
    """Read `role=name,role=name`, or one name for all roles."""
    parts = [part.strip() for part in declared.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        return dict.fromkeys(Role, parts[0])
    named: dict[Role, str] = {}
    for part in parts:
        role, _, name = (word.strip() for word in part.partition("="))
        if role not in set(Role) or not name:
            raise ProviderError(
                f"{LOCAL_MODELS}: {part!r} is not role=name with a role among "
                f"{', '.join(r.value for r in Role)}"
            )
        named[Role(role)] = name
    return named


def _local_model(name: str) -> Model:
    return Model(
        slug=f"{LOCAL}/{name}",
        name=name,
        creator="one's own",
        provider=LOCAL,
        api_id=name,
        input_price=0.0,
        cached_input_price=0.0,
        output_price=0.0,
    )


def _projected(catalog: Catalog) -> dict[Role, Model]:
    """What each role would have used on OpenRouter, which serves the whole catalog."""
    talk = Talkativeness.of(catalog.models)
    found: dict[Role, Model] = {}
    for role in Role:
        candidates = rank(role, catalog.models).candidates
        if candidates:
            found[role] = callable_model(OPENROUTER, candidates[0].model, talk)
    return found


def _baseline(profile: str, catalog: Catalog) -> Model | None:
    """The one strong model: the first choice for the orchestrator, whose rule is capability."""
    ranking = rank(Role.ORCHESTRATOR, catalog.models, is_served=lambda row: serves(profile, row))
    if not ranking.candidates:
        return None
    talk = Talkativeness.of(catalog.models)
    return callable_model(profile, ranking.candidates[0].model, talk)


_KEYS = {OPENAI: "OPENAI_API_KEY", OPENROUTER: "OPENROUTER_API_KEY"}

PROFILES = (OFFLINE, OPENAI, OPENROUTER, LOCAL)
