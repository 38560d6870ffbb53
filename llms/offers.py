"""What does a profile serve, under which names and at which prices?"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from llms.catalog import CatalogModel
from llms.pricing import Talkativeness, as_model
from llms.providers import OPENAI, OPENROUTER, Profile
from schemas.providers import Provider, ServedModel, guessed
from schemas.roles import Model, Role


def serves(profile: Profile, row: CatalogModel) -> bool:
    """Whether a profile can call a model of the catalog."""
    return any(_entry(provider, row) is not None for provider in profile.providers)


def offered(profile: Profile, rows: Sequence[CatalogModel]) -> tuple[CatalogModel, ...]:
    """The catalog as a profile has it: rows it serves bear the prices of who serves them first.

    Rows that it does not serve stay as they are, so that a ranking can give the reason.
    """
    return tuple(_as_served(profile, row) for row in rows)


def callable_models(profile: Profile, row: CatalogModel, talk: Talkativeness) -> tuple[Model, ...]:
    """A catalog row at every provider of a profile that serves it, the preferred one first."""
    return tuple(
        as_model(_priced(row, entry), talk, provider=provider.name, api_id=entry.name or row.api_id)
        for provider in profile.providers
        if (entry := _entry(provider, row)) is not None
    )


def own_models(
    profile: Profile, rows: Sequence[CatalogModel], role: Role | None = None
) -> tuple[Model, ...]:
    """Models that a profile's providers declare for a role (null: for any) beside the catalog."""
    return tuple(
        Model(
            slug=f"{provider.name}/{name}",
            name=name,
            creator="one's own",
            provider=provider.name,
            api_id=entry.name or name,
            input_price=entry.input_price,
            cached_input_price=entry.cached_input_price,
            output_price=entry.output_price,
            context_window=entry.context_window,
        )
        for provider in profile.providers
        for name, entry in _unknown(provider, rows).items()
        if (role in entry.roles if role else entry.roles)
    )


def unmatched(profile: Profile, rows: Sequence[CatalogModel]) -> tuple[str, ...]:
    """A sentence for everything that is declared as served and that the catalog does not have."""
    known = sorted({row.api_id for row in rows} | {row.slug for row in rows})
    return tuple(
        f"provider {provider.name} serves {name!r}, which the catalog does not have"
        f"{'; ' + hint if (hint := guessed(name, known)) else ''}; "
        "a model of your own needs `roles` beside its name"
        for provider in profile.providers
        for name, entry in _unknown(provider, rows).items()
        if not entry.roles
    )


def _unknown(provider: Provider, rows: Sequence[CatalogModel]) -> dict[str, ServedModel]:
    return {
        pattern: entry
        for pattern, entry in provider.served.items()
        if not any(_matched(pattern, row) is not None for row in rows)
    }


def _entry(provider: Provider, row: CatalogModel) -> ServedModel | None:
    """How a provider serves a catalog row, its name filled in; null when it does not.

    A name of its own comes before any glob; of several globs the first counts.
    """
    if provider.models is None:
        return _entry_of_shipped(provider, row)
    served = provider.served
    for name in (row.slug, row.api_id):
        if name in served:
            return served[name]
    for pattern, entry in served.items():
        if (star := _matched(pattern, row)) is not None:
            name_there = entry.name and entry.name.replace("*", star)
            return entry.model_copy(update={"name": name_there})
    return None


def _entry_of_shipped(provider: Provider, row: CatalogModel) -> ServedModel | None:
    if provider.name == OPENAI:
        # Open weights are published to be run elsewhere; OpenAI's own API does not serve them.
        is_served = row.creator == "OpenAI" and not row.open_weights
        return ServedModel(name=row.bare_name) if is_served else None
    return ServedModel() if provider.name == OPENROUTER else None


def _matched(pattern: str, row: CatalogModel) -> str | None:
    """What the star of a pattern stands for in a row's slug or id; null when it is another row."""
    expression = _expression(pattern)
    for name in (row.api_id, row.slug):
        if match := expression.fullmatch(name):
            return match[1] if match.re.groups else ""
    return None


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile("(.*)".join(re.escape(part) for part in pattern.split("*")))


def _as_served(profile: Profile, row: CatalogModel) -> CatalogModel:
    entries = (_entry(provider, row) for provider in profile.providers)
    first = next((entry for entry in entries if entry is not None), None)
    return row if first is None else _priced(row, first)


def _priced(row: CatalogModel, entry: ServedModel) -> CatalogModel:
    if entry.input_price is not None:
        # All three, so that no price of the catalog is mixed with the provider's own.
        row = replace(
            row,
            input_price=entry.input_price,
            cached_input_price=entry.cached_input_price,
            output_price=entry.output_price,
        )
    if entry.context_window is not None and row.context_window is not None:
        row = replace(row, context_window=min(row.context_window, entry.context_window))
    return row
