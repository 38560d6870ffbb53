"""Which models play which role in a run of a job?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llms.call_shapes import shapes_of
from llms.catalog import Catalog, CatalogModel, find, load_catalog
from llms.experience import Ledger
from llms.failures import ProviderError
from llms.families import kinship
from llms.offers import callable_models, offered, own_models, serves, unmatched
from llms.pricing import Talkativeness, UnknownPriceError
from llms.providers import (
    OFFLINE,
    OPENROUTER,
    Profile,
    left_out,
    profile_of,
    provider_of,
)
from llms.ranking import Ranking, one_per_model, rank, why_not, why_not_allowed
from llms.roles import ROLES, demands_of
from llms.scales import ScaleError
from llms.steadiness import kept
from llms.unranked_roles import local_roles, offline_roles
from schemas.job import Allow, Job
from schemas.providers import guessed
from schemas.roles import Model, Resolution, Role

MOST_RANKED = 5
"""Models kept per role: the first is used, the others are its failover."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A resolution with what it was chosen from.

    Attributes:
        resolution: Which models play which role.
        rankings: Per role, every model of the catalog; empty for a profile that no catalog ranks.
    """

    resolution: Resolution
    rankings: Mapping[Role, Ranking]


def resolve(
    job: Job,
    env: Mapping[str, str],
    catalog: Catalog | None = None,
    ledger: Ledger | None = None,
    *,
    lane: str = "standard",
) -> Resolution:
    """Decide which models play which role in a run of `job`; see `choose`."""
    return choose(job, env, catalog, ledger, lane=lane).resolution


def choose(
    job: Job,
    env: Mapping[str, str],
    catalog: Catalog | None = None,
    ledger: Ledger | None = None,
    *,
    lane: str = "standard",
    former: Mapping[Role, str] | None = None,
) -> Chosen:
    """Decide which models play which role in a run of `job`. Sends nothing, needs no key.

    The ranked list of a role holds each model at its best placed effort, the first being used and
    the others its failover. A model named under `job.models` comes first even where it misses a
    threshold; the notes say so.

    Args:
        job: The job, its types spelled out; its profile, else the one whose key is set.
        env: The environment: keys, base URLs, local models.
        catalog: A catalog in place of the one that ships.
        ledger: What own calls say of models in roles.
        lane: In which lane calls are priced.
        former: Slugs of the models that played the roles in the job's last run: one stays where
            another is hardly better (`llms.steadiness`), and the notes say so.

    Raises:
        UnknownProfileError: The job's profile does not exist.
        UnknownModelError: A role names a model that the profile does not have.
        UnknownPriceError: A role names a model whose price nobody published.
        ScaleError: The catalog's indices are on a scale to which thresholds cannot be carried.
        ProviderError: No model of the profile can play a role or is allowed to, or local models
            are not named.
    """
    catalog = catalog or load_catalog()
    profile = _in_regions(profile_of(job, env), job.allow)
    _check_creators(job.allow, catalog)
    notes = [*left_out(job, env), *unmatched(profile, catalog.models)]
    rankings: Mapping[Role, Ranking] = {}
    if profile.is_priced:
        rankings = _rankings(profile, job, catalog, ledger, lane, notes)
        cast = _Casting(job, profile, catalog, ledger or {}, rankings, notes, former or {})
        roles = {role: cast.ranked(role) for role in Role}
        first = roles[Role.EXTRACTION_WORKER][0]
        verifiers = verifiers_for(first, cast.everybody(Role.EXTRACTION_WORKER))
        projected: dict[Role, Model] = {}
        baseline: Model | None = roles[Role.ORCHESTRATOR][0]
        if verifiers and kinship(first, verifiers[0]):
            notes.append(
                f"what {first.name} extracts is checked by a model of its own family, "
                f"{verifiers[0].name}: the profile {profile.name} has no other that is good enough"
            )
    else:
        roles = (
            offline_roles(job.models.named)
            if profile.name == OFFLINE
            else local_roles(job.models.named, env, notes)
        )
        everybody = dict.fromkeys(model for ranked in roles.values() for model in ranked)
        verifiers = verifiers_for(roles[Role.EXTRACTION_WORKER][0], tuple(everybody))
        projected = _projected(job, env, catalog, lane, notes)
        baseline = projected.get(Role.ORCHESTRATOR)
    resolution = Resolution(
        profile=profile.name,
        roles=roles,
        verifiers=verifiers,
        baseline=baseline,
        projected=projected,
        catalog_version=catalog.version,
        catalog_sha256=catalog.sha256,
        notes=tuple(notes),
    )
    return Chosen(resolution, rankings)


def rank_roles(
    profile: Profile,
    job: Job,
    catalog: Catalog,
    ledger: Ledger | None = None,
    *,
    lane: str = "standard",
) -> dict[Role, Ranking]:
    """Rank the models that a profile has for every role, by the calls of a job.

    Raises:
        ScaleError: The catalog's indices are on a scale to which thresholds cannot be carried.
    """
    specs = demands_of(catalog).specs
    shapes = shapes_of(job)
    offers = offered(profile, catalog.models)
    talk = Talkativeness.of(catalog.models)
    return {
        role: rank(
            role,
            offers,
            spec=specs[role],
            shape=shapes[role],
            allow=job.allow,
            ledger=ledger,
            talk=talk,
            lane=lane,
            is_served=lambda row: serves(profile, row),
            served_by=profile.name,
        )
        for role in Role
    }


def ranked_for(job: Job, env: Mapping[str, str]) -> Profile:
    """The profile whose models a ranking for `job` is made of.

    Offline and local models stand in no catalog; what they stand in for is ranked instead.
    """
    profile = _in_regions(profile_of(job, env), job.allow)
    return profile if profile.is_priced else _whole_catalog(env)


def verifiers_for(first: Model, candidates: Sequence[Model]) -> tuple[Model, ...]:
    """Who may check what `first` answered, best first: other families before its own.

    Args:
        first: Who answers.
        candidates: Models that are good enough, best first; `first` may be among them.
    """
    others = [model for model in candidates if model.slug != first.slug]
    return tuple(sorted(others, key=lambda model: kinship(first, model))[:MOST_RANKED])


@dataclass(frozen=True, slots=True)
class _Casting:
    """The roles of one job being filled from the rankings of a profile."""

    job: Job
    profile: Profile
    catalog: Catalog
    ledger: Ledger
    rankings: Mapping[Role, Ranking]
    notes: list[str]
    former: Mapping[Role, str]

    def ranked(self, role: Role) -> tuple[Model, ...]:
        """The models that play a role, best first; `notes` gets what is odd about them."""
        rows = self._rows(role)
        own: tuple[Model, ...] = ()
        wanted = self.job.models.named.get(role)
        if wanted is None:
            rows = self._steadied(role, rows)
            own = own_models(self.profile, self.catalog.models, role)
        elif asked := [
            m for m in own_models(self.profile, self.catalog.models) if m.name == wanted
        ]:
            own = tuple(asked)
        else:
            chosen = self._named(role, wanted)
            rows = [chosen, *(row for row in rows if row.api_id != chosen.api_id)]
        if not rows and not own:
            raise ProviderError(
                f"profile {self.profile.name} has no model that is good enough for the role "
                f"{role.value}{' and allowed' if self.job.allow != Allow() else ''}; "
                f"name one in the job, models: {{{role.value}: ...}}"
            )
        return (*own, *self._called(role, rows[:MOST_RANKED]))

    def everybody(self, role: Role) -> tuple[Model, ...]:
        """Every model that is good enough for a role, best first."""
        own = own_models(self.profile, self.catalog.models, role)
        return (*own, *self._called(role, self._rows(role)))

    def _rows(self, role: Role) -> list[CatalogModel]:
        return [c.model for c in one_per_model(self.rankings[role].candidates)]

    def _steadied(self, role: Role, rows: list[CatalogModel]) -> list[CatalogModel]:
        """The rows with the former choice first, where the one that ranks first hardly beats it."""
        ranking = self.rankings[role]
        old = kept(ranking.spec.priority, ranking.candidates, self.former.get(role))
        if old is None:
            return rows
        row = old.candidate.model
        self.notes.append(f"{role.value}: {row.slug} is kept: {old.why}")
        return [row, *(other for other in rows if other.api_id != row.api_id)]

    def _called(self, role: Role, rows: Sequence[CatalogModel]) -> tuple[Model, ...]:
        """Each model at every provider that serves it: who fails over keeps it where it can."""
        talk = Talkativeness.of(self.catalog.models)
        found: list[Model] = []
        for row in rows:
            known = self.ledger.get((role, row.slug))
            for model in callable_models(self.profile, row, talk):
                factor = known.factor(model.thinking_factor, row.effort) if known else None
                found.append(model.model_copy(update={"own_factor": factor}))
        return tuple(found)

    def _named(self, role: Role, wanted: str) -> CatalogModel:
        """The row that a job names for a role; of several efforts the best ranked."""
        ranking = self.rankings[role]
        where = f"role {role.value} of the job (profile {self.profile.name})"
        offers = offered(self.profile, self.catalog.models)
        found = find([row for row in offers if serves(self.profile, row)], wanted, where=where)
        for candidate in ranking.candidates:
            if candidate.model in found:
                return candidate.model
        priced = [row for row in found if row.price is not None]
        if not priced:
            raise UnknownPriceError.of(found[0].slug)
        chosen = max(priced, key=lambda row: (row.intelligence or 0.0, row.slug))
        forbidden = why_not_allowed(chosen, self.job.allow)
        if forbidden is not None:
            raise ProviderError(
                f"{where} names {chosen.name}, which `allow` forbids: {forbidden}; change one of "
                "the two"
            )
        missed = why_not(chosen, ranking.spec)
        if missed is not None:
            self.notes.append(f"{role.value}: {chosen.name} was asked for although {missed}")
        return chosen


def _rankings(
    profile: Profile,
    job: Job,
    catalog: Catalog,
    ledger: Ledger | None,
    lane: str,
    notes: list[str],
) -> dict[Role, Ranking]:
    """The rankings of a profile; empty ones on an unknown scale, where the job names everybody."""
    try:
        notes += demands_of(catalog).notes
    except ScaleError as error:
        if set(job.models.named) != set(Role):
            raise
        notes.append(f"the models are those that the job names, unchecked: {error}")
        return {role: Ranking(role, spec, (), ()) for role, spec in ROLES.items()}
    return rank_roles(profile, job, catalog, ledger, lane=lane)


def _projected(
    job: Job, env: Mapping[str, str], catalog: Catalog, lane: str, notes: list[str]
) -> dict[Role, Model]:
    """What each role would have used on OpenRouter, which serves the whole catalog."""
    profile = _whole_catalog(env)
    try:
        rankings = rank_roles(profile, job, catalog, lane=lane)
    except ScaleError as error:
        # Nothing of this run depends on the catalog but what it is compared with.
        notes.append(f"no comparison with the catalog's models: {error}")
        return {}
    talk = Talkativeness.of(catalog.models)
    return {
        role: callable_models(profile, ranking.candidates[0].model, talk)[0]
        for role, ranking in rankings.items()
        if ranking.candidates
    }


def _whole_catalog(env: Mapping[str, str]) -> Profile:
    return Profile(OPENROUTER, (provider_of(OPENROUTER, env),))


def _in_regions(profile: Profile, allow: Allow) -> Profile:
    """The profile with the providers of the allowed regions only; offline is in this process."""
    if not allow.regions or profile.name == OFFLINE:
        return profile
    wanted = {region.casefold() for region in allow.regions}
    kept = tuple(p for p in profile.providers if (p.region or "").casefold() in wanted)
    if not kept:
        declared = ", ".join(f"{p.name}: {p.region or 'none'}" for p in profile.providers)
        raise ProviderError(
            f"no provider of the profile {profile.name} declares a region among "
            f"{', '.join(allow.regions)} ({declared}); set `region` under `providers` in the job, "
            "or change `allow`"
        )
    return Profile(profile.name, kept)


def _check_creators(allow: Allow, catalog: Catalog) -> None:
    known = {row.creator for row in catalog.models}
    folded = {creator.casefold() for creator in known}
    for creator in allow.creators:
        if creator.casefold() not in folded:
            hint = guessed(creator, sorted(known)) or f"there are {', '.join(sorted(known))}"
            raise ProviderError(
                f"`allow` names the creator {creator!r}, which the catalog does not know; {hint}"
            )
