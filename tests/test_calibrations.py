"""When does a run use the calibration of its lake, and what does it say of that?"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from flows.wiring import start_run
from schemas.calibration import Calibration
from schemas.job import Job
from storage.store import Lake, LakeError
from tasks.calibrations import calibrations_for, current_calibration, scope_of, store_calibration
from tasks.jobs import document_types, expand
from tasks.model_choice import models_for
from tasks.record_rows import extraction_key
from tasks.report_context import _notes
from tests.small_runs import invoices, make_job
from tests.test_acceptance import AS_STATED, make_promise

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def make_calibration(job: Job, **changes: object) -> Calibration:
    """A calibration for the invoices of a job, made on 1 March 2026."""
    (invoice,) = document_types(job)
    resolution = models_for(job, Lake(job.lake), {})
    made = Calibration(
        scope=scope_of(job, resolution, invoice),
        made_on=date(2026, 3, 1),
        confidences={"net_total": {"offline-quick": AS_STATED}},
        escalate_below={"net_total": 0.9},
        guarantees={"net_total": make_promise(0.9), "currency": make_promise(None)},
    )
    return made.model_copy(update=changes)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return expand(make_job(invoices(tmp_path / "docs", 1)))


def test_a_calibration_of_the_very_cascade_is_used_and_makes_records_of_its_own(job: Job) -> None:
    lake = Lake(job.lake)
    calibration = make_calibration(job)
    store_calibration(lake, job.name, "invoice", calibration, NOW)

    manifest = start_run(job, env={})

    assert manifest.calibrations == {"invoice": calibration}
    assert manifest.extraction_key != extraction_key(job, manifest.resolution)
    said = _notes(manifest, [])
    assert any("at most 0.05 of all fields to come are accepted and not right" in s for s in said)
    assert any("without a promise for: currency" in s for s in said)
    assert not any("thresholds are not calibrated" in s for s in said)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cascade": {"context_chars": 900}}, "policy hash"),
        ({"verify": {"share": 0.5}}, "policy hash"),
        ({"types": ("invoice", "receipt")}, None),
        ({"types": ({"use": "invoice", "extra_fields": ({"name": "note"},)},)}, "schema hash"),
        ({"models": {"extraction_worker": "offline-careful"}}, "for cheap offline-quick then"),
    ],
)
def test_outside_its_scope_it_is_not_used_and_the_run_says_why(
    job: Job, changes: dict[str, object], reason: str | None
) -> None:
    store_calibration(Lake(job.lake), job.name, "invoice", make_calibration(job), NOW)
    source = {"path": job.source.path}
    other = expand(
        Job.model_validate(
            {"name": job.name, "lake": job.lake, "types": ("invoice",), "source": source, **changes}
        )
    )

    found = calibrations_for(Lake(job.lake), other, models_for(other, Lake(job.lake), {}))

    assert bool(found.calibrations) is (reason is None)
    if reason is not None:
        (note,) = found.notes
        assert note.startswith("the calibration of invoice of 2026-03-01 is not used: ")
        assert reason in note


def test_a_job_may_do_without(job: Job) -> None:
    store_calibration(Lake(job.lake), job.name, "invoice", make_calibration(job), NOW)
    plain = job.model_copy(update={"cascade": job.cascade.model_copy(update={"calibrated": False})})

    found = calibrations_for(Lake(job.lake), plain, models_for(plain, Lake(job.lake), {}))

    assert (dict(found.calibrations), found.notes) == ({}, ())


def test_the_newest_is_in_force_and_the_older_ones_stay(job: Job) -> None:
    lake = Lake(job.lake)
    newer = make_calibration(job, made_on=date(2026, 4, 1))
    store_calibration(lake, job.name, "invoice", newer, NOW + timedelta(days=31))
    store_calibration(lake, job.name, "invoice", make_calibration(job), NOW)

    assert current_calibration(lake, job.name, "invoice") == newer
    assert len(lake.find(lake.calibrations(job.name, "invoice"), ".json")) == 2


def test_a_damaged_calibration_is_named(job: Job) -> None:
    lake = Lake(job.lake)
    lake.write_bytes("calibrations/post/invoice/20260101T000000-x.json", b'{"scope": 1}')

    with pytest.raises(LakeError, match="is no calibration"):
        current_calibration(lake, job.name, "invoice")
