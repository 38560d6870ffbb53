"""Which models does a new run of a job get: chosen anew, or those of an earlier run?"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flows.wiring import start_run
from llms.catalog import CatalogModel, load_catalog
from schemas.job import Allow, Job, Models
from schemas.manifest import Manifest, RunStatus
from schemas.roles import Role
from storage.manifests import read_manifest, write_manifest
from storage.store import Lake
from tasks.catalogs import save_snapshot
from tasks.jobs import JobError
from tasks.model_choice import ASKED_ANEW
from tests.small_runs import as_killed, invoices, make_job, run

CATALOG = load_catalog()
KEYS = {"OPENROUTER_API_KEY": "k"}
Env = Mapping[str, str]


@pytest.fixture
def env(tmp_path: Path) -> Env:
    """A key, and a folder for snapshots that nobody else uses."""
    return {**KEYS, "DOCMILL_CATALOG": str(tmp_path / "catalog")}


def make_lake_job(tmp_path: Path, **changes: object) -> Job:
    (tmp_path / "docs").mkdir(exist_ok=True)
    return make_job(tmp_path / "docs", profile="openrouter", **changes)


def night(job: Job, env: Env, **start: str) -> Manifest:
    """A run that is done, without a document or a call."""
    lake = Lake(job.lake)
    # Runs of the same second would stand in any order.
    run_id = start.pop("run_id", f"night-{len(lake.folders('runs'))}")
    manifest = start_run(job, env=env, run_id=run_id, **start)
    done = manifest.model_copy(update={"status": RunStatus.DONE})
    write_manifest(lake, done)
    return done


def refresh(env: Env, change: Callable[[CatalogModel], CatalogModel | None]) -> None:
    """A newer catalog: `change` makes each row of the embedded one anew, or drops it."""
    models = [changed for m in CATALOG.models if (changed := change(m)) is not None]
    folder = Path(env["DOCMILL_CATALOG"])
    save_snapshot(models, (), (), as_of=date(2026, 8, 1), folder=folder)


def without(slug: str) -> Callable[[CatalogModel], CatalogModel | None]:
    return lambda model: None if model.slug == slug else model


def extractor(manifest: Manifest) -> str:
    return manifest.resolution.model(Role.EXTRACTION_WORKER).slug


def test_a_first_run_and_one_that_changes_nothing_have_nothing_to_say(
    tmp_path: Path, env: Env
) -> None:
    job = make_lake_job(tmp_path)

    assert night(job, env).notes == ()
    assert night(job, env).notes == ()


def test_following_says_what_changed_and_why_and_what_is_asked_anew(
    tmp_path: Path, env: Env
) -> None:
    job = make_lake_job(tmp_path)
    old = extractor(night(job, env))
    refresh(env, without(old))

    second = night(job, env)

    new = extractor(second)
    assert new != old
    why = f"the catalog of 2026-08-01 does not list {old}"
    assert second.notes[0] == f"extraction_worker: {old} -> {new} because {why}"
    assert second.notes[-1] == ASKED_ANEW
    assert night(job, env).notes == ()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"intelligence": 20.0}, "intelligence 20 below 30"),
        ({"input_price": 5.0}, r"it ranks higher by cost: \$\d+.* per 1,000 calls, against \$"),
        ({"output_price": None}, "price unknown"),
        ({"structured_output": False}, "no structured output"),
    ],
)
def test_the_reason_is_the_one_that_decided(
    tmp_path: Path, env: Env, change: dict[str, float | None], why: str
) -> None:
    job = make_lake_job(tmp_path)
    old = extractor(night(job, env))
    refresh(env, lambda m: replace(m, **change) if m.slug == old else m)

    assert re.search(why, night(job, env).notes[0])


def ranked_second(manifest: Manifest) -> str:
    return manifest.resolution.roles[Role.EXTRACTION_WORKER][1].slug


@pytest.mark.parametrize(("discount", "changes"), [(0.001, False), (0.5, True)])
def test_a_night_does_not_change_models_for_a_hairs_breadth(
    tmp_path: Path, env: Env, discount: float, changes: bool
) -> None:
    job = make_lake_job(tmp_path)
    first = night(job, env)
    old, rival = extractor(first), ranked_second(first)
    was = next(model for model in CATALOG.models if model.slug == old)

    def rivalling(model: CatalogModel) -> CatalogModel:
        # The same model under another name, a little cheaper.
        if model.slug != rival:
            return model
        assert was.input_price is not None
        assert was.output_price is not None
        return replace(
            was,
            slug=rival,
            name=model.name,
            api_id=model.api_id,
            input_price=was.input_price * (1 - discount),
            output_price=was.output_price * (1 - discount),
        )

    refresh(env, rivalling)
    second, third = night(job, env), night(job, env)

    assert extractor(second) == extractor(third) == (rival if changes else old)
    told = [note for note in second.notes if note.startswith("extraction_worker: ")]
    if changes:
        assert told[0].startswith(f"extraction_worker: {old} -> {rival} because it ranks higher")
    else:
        assert told[0].startswith(
            f"extraction_worker: {old} is kept: {rival} now ranks first by cost, but not by 10%"
        )
        assert ASKED_ANEW not in second.notes


def test_a_change_of_a_role_that_no_record_depends_on_asks_nothing_anew(
    tmp_path: Path, env: Env
) -> None:
    job = make_lake_job(tmp_path)
    old = night(job, env).resolution.model(Role.ORCHESTRATOR).slug
    refresh(env, without(old))

    [note] = night(job, env).notes

    assert note.startswith(f"orchestrator: {old} -> ")


def test_a_pinned_run_keeps_models_and_prices_of_the_last_run(tmp_path: Path, env: Env) -> None:
    first = night(make_lake_job(tmp_path), env)
    refresh(env, lambda m: replace(m, input_price=99.0) if m.slug == extractor(first) else m)

    second = night(make_lake_job(tmp_path, models="pin"), env)
    third = night(make_lake_job(tmp_path, models="pin"), env)

    assert second.resolution.roles == third.resolution.roles == first.resolution.roles
    assert second.resolution.catalog_version == first.resolution.catalog_version
    assert second.extraction_key == first.extraction_key
    assert {r.resolution.pinned_from for r in (second, third)} == {first.run_id}
    assert second.notes == third.notes
    assert first.run_id in second.notes[0]


def test_a_pin_without_an_earlier_run_chooses_and_says_so(tmp_path: Path, env: Env) -> None:
    first = night(make_lake_job(tmp_path, models="pin"), env)

    assert first.resolution.pinned_from is None
    assert "has no run to take models from" in first.notes[-1]


def test_only_done_runs_of_the_same_job_and_profile_are_taken_over(
    tmp_path: Path, env: Env
) -> None:
    pinned = make_lake_job(tmp_path, models="pin")
    night(make_lake_job(tmp_path, name="other"), env)
    night(make_job(tmp_path / "docs", profile="offline"), env)
    start_run(make_lake_job(tmp_path), env=env)

    assert night(pinned, env).resolution.pinned_from is None


def test_a_pinned_model_that_is_gone_stops_the_run_in_one_sentence(
    tmp_path: Path, env: Env
) -> None:
    first = night(make_lake_job(tmp_path), env)
    refresh(env, without(extractor(first)))

    with pytest.raises(JobError, match=r"no longer lists; name a model .* or set models: follow"):
        night(make_lake_job(tmp_path, models="pin"), env)


def test_a_pinned_model_that_is_not_allowed_any_more_stops_the_run(
    tmp_path: Path, env: Env
) -> None:
    night(make_lake_job(tmp_path), env)

    with pytest.raises(JobError, match=r"`allow` forbids \(creator \w+ not allowed\)"):
        night(make_lake_job(tmp_path, models="pin", allow=Allow(creators=("OpenAI",))), env)


def test_a_model_named_beside_a_pin_changes_its_role_only(tmp_path: Path, env: Env) -> None:
    first = night(make_lake_job(tmp_path), env)
    models = Models(selection="pin", extraction_worker="gpt-oss-20b")

    second = night(make_lake_job(tmp_path, models=models), env)

    assert extractor(second) == "gpt-oss-20b"
    others = set(Role) - {Role.EXTRACTION_WORKER}
    assert all(second.resolution.roles[r] == first.resolution.roles[r] for r in others)
    assert second.notes[1:] == (
        f"extraction_worker: {extractor(first)} -> gpt-oss-20b because the job names it",
        "extraction_worker: gpt-oss-20b (high) was asked for although intelligence 14.9 below 30",
        ASKED_ANEW,
    )


def test_a_resumed_run_keeps_what_it_began_with(tmp_path: Path, env: Env) -> None:
    job = make_lake_job(tmp_path)
    begun = start_run(job, env=env, run_id="night")
    as_killed(Lake(job.lake), "night")
    refresh(env, without(extractor(begun)))

    assert start_run(job, env=env, run_id="night").resolution == begun.resolution


def test_every_partition_of_a_backfill_gets_the_models_of_the_first(
    tmp_path: Path, env: Env
) -> None:
    job = make_lake_job(tmp_path)
    parent = "backfill-20260701T000000-aaaaaa"
    first = night(job, env, parent=parent, run_id=f"{parent}-2026-01")
    refresh(env, without(extractor(first)))

    second = night(job, env, parent=parent, run_id=f"{parent}-2026-02")
    other = night(job, env, parent="backfill-20260702T000000-b", run_id="backfill-2-2026-01")

    assert second.resolution == first.resolution
    assert extractor(other) != extractor(first)


def test_the_summary_and_the_report_say_what_was_chosen(tmp_path: Path) -> None:
    source = invoices(tmp_path / "docs", 2)
    run(make_job(source))

    done = run(make_job(source, models="pin"))

    [note] = done.notes
    assert "models are pinned" in note
    lake = Lake(done.lake)
    assert read_manifest(lake, done.run_id).notes == done.notes
    page = lake.read_bytes(lake.run(done.run_id, "report.html")).decode()
    assert note in page
    assert (done.calls, done.reused) == (0, 2)
