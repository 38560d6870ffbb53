"""The standing audit: who is drawn, what counts, and what an alarm does to later runs."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import tasks.extract
from flows.wiring import start_run
from llms.calibration.martingale import begin, observe_all
from llms.calls import Call, Reply
from llms.cascade import Extraction, FieldResult
from llms.extraction import Document
from llms.failures import CallError, FailureClass
from llms.router import Route
from schemas.calibration import Calibration
from schemas.fields import DocumentType, FieldSpec
from schemas.job import Cascade, Job
from schemas.manifest import Manifest
from schemas.roles import Role
from schemas.tables import ANSWERS
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.audits import audit, audit_notes, count_audits, read_book, suspended_types
from tasks.calibrations import store_calibration
from tasks.extract import _undecided
from tasks.jobs import expand
from tasks.work import Work
from tests.small_runs import invoices, make_job, run
from tests.test_acceptance import make_calibration
from tests.test_calibrations import NOW
from tests.test_calibrations import make_calibration as make_invoice_calibration

TYPE = DocumentType(name="bill", fields=(FieldSpec(name="total"), FieldSpec(name="note")))
DOCUMENT = Document.of("d1", "Total 12.50 for bolts")


class Strong:
    """A strong model that says `total` of every total."""

    def __init__(self, total: str | CallError) -> None:
        self.total = total
        self.calls: list[Call] = []

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)
        if isinstance(self.total, CallError):
            raise self.total
        data = {"total": {"value": self.total, "quote": None, "confidence": 1.0}}
        return Reply(data=data, model="strong", usd=0.0, from_store=False, attempts=1)


def audited(strong: Strong, *, share: float = 1.0, status: str = "accepted") -> list[Any]:
    total = FieldResult(("12.50",), (), 0.9, 0, "small", status)
    extraction = Extraction({"total": total, "note": total}, None, None, 0, ())
    calibration = make_calibration()
    return asyncio.run(audit(DOCUMENT, TYPE, extraction, strong, calibration, share, Cascade()))


@pytest.mark.parametrize(("said", "agreement"), [("12.5", 1.0), ("bolts", 0.0)])
def test_the_strong_model_is_asked_about_what_was_promised_and_compared(
    said: str, agreement: float
) -> None:
    strong = Strong(said)

    (row,) = audited(strong)

    assert (row["field"], row["model"], row["agreement"]) == ("total", "strong", agreement)
    (call,) = strong.calls
    assert (call.role, call.stage) == (Role.ORCHESTRATOR, "audit")
    assert list(call.schema["properties"]) == ["total"]


def test_what_was_not_accepted_is_no_error_of_a_promise_about_all_and_costs_nothing() -> None:
    strong = Strong("bolts")

    (row,) = audited(strong, status="unresolved")

    assert (row["agreement"], strong.calls) == (1.0, [])


def test_without_a_share_nobody_is_asked() -> None:
    strong = Strong("bolts")

    assert (audited(strong, share=0.0), strong.calls) == ([], [])


def test_a_strong_model_that_refuses_has_audited_nothing() -> None:
    assert audited(Strong(CallError.of(FailureClass.REFUSED, "no"))) == []


def test_a_dead_provider_is_not_taken_for_a_verdict() -> None:
    with pytest.raises(CallError):
        audited(Strong(CallError.of(FailureClass.CONNECTION, "down")))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return expand(make_job(invoices(tmp_path / "docs", 6), audit={"share": 1.0}))


def calibrated(job: Job) -> tuple[Lake, Calibration]:
    lake = Lake(job.lake)
    calibration = make_invoice_calibration(job)
    store_calibration(lake, job.name, "invoice", calibration, NOW)
    return lake, calibration


def write_audits(lake: Lake, manifest: Manifest, path: str, outcomes: Iterable[bool]) -> None:
    """Write audited answers, right or wrong, as a shard leaves them."""
    rows = [
        {
            "doc_id": f"d{n}", "document_type": "invoice", "field": "net_total", "step": "audit",
            "tier": 0, "model": "strong", "values": [], "is_sound": True,
            "agreement": float(not is_wrong),
        }
        for n, is_wrong in enumerate(outcomes)
    ]  # fmt: skip
    lake.write_rows(path, rows, ANSWERS)
    count_audits(lake, manifest, path)


def test_an_answer_is_counted_once_however_often_a_shard_is_written(job: Job) -> None:
    lake, calibration = calibrated(job)
    manifest = start_run(job, env={})

    write_audits(lake, manifest, "records/post/_answers/a.parquet", [True, False])
    write_audits(lake, manifest, "records/post/_answers/a.parquet", [True, False])
    write_audits(lake, manifest, "records/post/_answers/a.parquet", [True, False, False])
    write_audits(lake, manifest, "records/post/_answers/b.parquet", [False])

    book = read_book(lake, job.name, "invoice", calibration)
    begun = begin(calibration.tolerated, calibration.delta)
    expected = observe_all(begun, [True, False, False, False])
    assert book.state == expected


def test_after_an_alarm_new_documents_go_to_the_next_tier_and_the_run_says_so(job: Job) -> None:
    lake, _ = calibrated(job)
    manifest = start_run(job, env={})
    assert suspended_types(lake, job.name, manifest.calibrations) == frozenset()

    write_audits(lake, manifest, "records/post/_answers/drifted.parquet", [True] * 12)

    assert suspended_types(lake, job.name, manifest.calibrations) == {"invoice"}
    done = run(job)
    after = read_manifest(lake, done.run_id)
    rows = lake.read_table(
        lake.answers(job.name, after.shards[0].shard, after.extraction_key)
    ).to_pylist()
    second_tier = {r["doc_id"] for r in rows if r["field"] == "net_total" and r["tier"] == 1}
    assert len(second_tier) == 6
    (alarm,) = [note for note in after.notes if note.startswith("ALARM")]
    assert "12 of" in alarm
    assert "faster than the rate of 0.05" in alarm
    assert "calibrate again" in alarm


def test_the_orchestrator_decides_nothing_about_a_calibrated_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.extract, "due_cases", lambda cases, *_: cases)
    extraction = Extraction({}, None, None, 0, ())
    bill = Route(TYPE, "signals")
    note = Route(TYPE.model_copy(update={"name": "note"}), "signals")
    works = [
        Work({"doc_id": "d1"}, route=bill, extraction=extraction),
        Work({"doc_id": "d2"}, route=note, extraction=extraction),
    ]
    runtime: Any = SimpleNamespace(manifest=SimpleNamespace(calibrations={"bill": None}))

    assert _undecided(works, "shard", runtime) == works[1:]


def test_a_run_audits_its_share_and_tells_what_it_found(job: Job) -> None:
    lake, _ = calibrated(job)

    done = run(job)

    manifest = read_manifest(lake, done.run_id)
    (note,) = [n for n in audit_notes(lake, manifest) if "audit of the calibration" in n]
    assert "of 6 audited answers disagree with" in note
    assert note in manifest.notes
