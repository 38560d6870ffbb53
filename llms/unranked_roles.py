"""Who plays the roles in the profiles that no catalog ranks: rules offline, models of one's own?"""

from collections.abc import Mapping

from llms.catalog import UnknownModelError
from llms.failures import ProviderError
from llms.providers import LOCAL, LOCAL_MODELS, OFFLINE
from schemas.roles import Model, Role


def offline_roles(named: Mapping[Role, str]) -> dict[Role, tuple[Model, ...]]:
    """The engines of rules in their roles; `named` holds those that the job wants elsewhere.

    Raises:
        UnknownModelError: A role names no engine.
    """
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
    for role, wanted in named.items():
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


def local_roles(
    named: Mapping[Role, str], env: Mapping[str, str], notes: list[str]
) -> dict[Role, tuple[Model, ...]]:
    """Models of one's own, as the job or the environment names them; `notes` gets what to know.

    Raises:
        ProviderError: No model is named, or what the environment says cannot be read.
    """
    named = {**_local_names(env.get(LOCAL_MODELS, "")), **named}
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
