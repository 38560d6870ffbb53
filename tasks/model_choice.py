"""Which models does a new run of a job get: chosen anew, or those of an earlier run?"""

from collections.abc import Callable, Iterable, Iterator, Mapping

from llms.catalog import Catalog
from llms.experience import Ledger
from llms.offers import own_models, serves
from llms.providers import Profile, profile_of
from llms.ranking import why_not_allowed
from llms.resolution import Chosen, choose
from llms.selection_changes import changes
from schemas.job import Job
from schemas.manifest import Manifest, RunStatus
from schemas.roles import Model, Resolution, Role
from storage.manifests import newest_first, read_manifest
from storage.store import Lake, LakeError
from tasks.catalogs import catalog_folder, current_snapshot
from tasks.experience import experience_of
from tasks.jobs import JobError
from tasks.record_rows import extraction_key

MOST_LOOKED_AT = 200
"""Manifests read in search of a job's last run; a lake may hold the runs of many jobs."""

ASKED_ANEW = "records made by the former models are not reused: their documents are asked anew"


def models_for(
    job: Job, lake: Lake, env: Mapping[str, str], *, parent: str | None = None
) -> Resolution:
    """Decide which models a new run of a job gets; reads the lake, sends nothing.

    `follow` chooses from the catalog in force and from what the lake's ledgers teach, keeps a model
    of the job's last run where another is hardly better, and notes what differs from that run.
    `pin` takes models and prices over from that run, but for roles whose model the job names. The
    partitions of one backfill all get the models of the first.

    Args:
        job: The job, its types spelled out.
        lake: Its lake.
        env: The environment: keys, base URLs, where the catalog's snapshots are.
        parent: The backfill that the run is a part of.

    Raises:
        JobError: The pinned models cannot be had any more.
        ProviderError, CatalogError: As `llms.resolution.choose` raises them.
        LakeError: A ledger cannot be read.
    """
    profile = profile_of(job, env)
    if parent is not None:
        for manifest in _manifests(lake, lambda name: name.startswith(parent)):
            if manifest.parent == parent:
                return manifest.resolution
    last = _last(job, lake, profile)
    snapshot = current_snapshot(catalog_folder(env))
    catalog = snapshot.catalog
    ledger = experience_of(lake) if profile.is_priced else {}
    if job.models.selection == "pin" and last is not None:
        return _pinned(job, env, last, profile, catalog, ledger)
    former = {role: last.resolution.model(role).slug for role in Role} if last else {}
    chosen = choose(job, env, catalog, ledger, former=former)
    notes = (*snapshot.notes, *_told(job, last, chosen))
    if job.models.selection == "pin":
        notes += (f"models: pin: job {job.name} has no run to take models from; they are new",)
    return _with_notes(chosen.resolution, notes)


def _told(job: Job, last: Manifest | None, chosen: Chosen) -> tuple[str, ...]:
    """What following the catalog has changed since the last run."""
    if last is None:
        return ()
    before, after = last.resolution, chosen.resolution
    found = changes(before, after, chosen.rankings, job.models.named)
    return (*found, *_asked_anew(job, before, after))


def _asked_anew(job: Job, before: Resolution, after: Resolution) -> tuple[str, ...]:
    is_same = extraction_key(job, before) == extraction_key(job, after)
    return () if is_same else (ASKED_ANEW,)


def _pinned(
    job: Job,
    env: Mapping[str, str],
    last: Manifest,
    profile: Profile,
    catalog: Catalog,
    ledger: Ledger,
) -> Resolution:
    kept = last.resolution
    named = job.models.named
    for role in Role:
        gone = None if role in named else _gone(kept.model(role), job, profile, catalog)
        if gone is not None:
            raise JobError(
                f"models: pin: run {last.run_id} used {kept.model(role).slug} as {role.value}, "
                f"{gone}; name a model for the role, or set models: follow"
            )
    source = kept.pinned_from or last.run_id
    note = (
        f"models are pinned: those that run {source} chose from the catalog of "
        f"{kept.catalog_version}, at its prices"
    )
    pinned = kept.model_copy(update={"pinned_from": source, "notes": (note,)})
    if not named:
        return pinned
    fresh = choose(job, env, catalog, ledger).resolution
    told = changes(kept, fresh, {}, named)
    update: dict[str, object] = {
        "roles": {role: fresh.roles[role] if role in named else kept.roles[role] for role in Role}
    }
    if Role.EXTRACTION_WORKER in named:
        update["verifiers"] = fresh.verifiers
    if Role.ORCHESTRATOR in named:
        update["baseline"] = fresh.baseline
    mine = tuple(note for note in (*told, *fresh.notes) if _is_about(note, named))
    merged = pinned.model_copy(update=update)
    return _with_notes(merged, (*mine, *_asked_anew(job, kept, merged)))


def _gone(model: Model, job: Job, profile: Profile, catalog: Catalog) -> str | None:
    """Why a model cannot be had any more, as a relative clause; null when it can."""
    if model.provider not in {provider.name for provider in profile.providers}:
        return f"whose provider {model.provider} is not in the profile {profile.name} or has no key"
    if not profile.is_priced:
        return None
    own = {m.slug for role in Role for m in own_models(profile, catalog.models, role)}
    if model.slug in own:
        return None
    row = next((row for row in catalog.models if row.slug == model.slug), None)
    if row is None:
        return f"which the catalog of {catalog.version} no longer lists"
    if not serves(profile, row):
        return f"which the profile {profile.name} does not serve"
    forbidden = why_not_allowed(row, job.allow)
    return None if forbidden is None else f"which `allow` forbids ({forbidden})"


def _is_about(note: str, roles: Iterable[Role]) -> bool:
    return any(note.startswith(f"{role.value}:") for role in roles)


def _with_notes(resolution: Resolution, notes: tuple[str, ...]) -> Resolution:
    return resolution.model_copy(update={"notes": (*resolution.notes, *notes)})


def _last(job: Job, lake: Lake, profile: Profile) -> Manifest | None:
    """The newest run of a job on a profile that ended well, but for those of a backfill."""
    for manifest in _manifests(lake, lambda name: not name.startswith("backfill-")):
        is_done = manifest.status is RunStatus.DONE and manifest.parent is None
        if is_done and (manifest.job.name, manifest.resolution.profile) == (job.name, profile.name):
            return manifest
    return None


def _manifests(lake: Lake, wanted: Callable[[str], bool]) -> Iterator[Manifest]:
    """Manifests of the runs whose ids are wanted, the newest first."""
    names = [name for name in newest_first(lake.folders("runs")) if wanted(name)]
    for name in names[:MOST_LOOKED_AT]:
        try:
            yield read_manifest(lake, name)
        except LakeError:
            continue  # a folder without a manifest, or a damaged one, of which `show` tells
