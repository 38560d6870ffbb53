"""Does a calibration still hold? A random share of what it accepts is asked of the strong model."""

from collections.abc import Iterable, Mapping
from typing import Any

from llms.calibration.martingale import begin, is_audited, observe_all
from llms.calls import Ask
from llms.cascade import Extraction
from llms.extraction import TIERS, Document, Question, ask_fields, narrowed
from llms.failures import ESCALATING, CallError
from llms.judgement import alike
from schemas.calibration import AuditBook, Calibration
from schemas.fields import DocumentType
from schemas.job import Cascade
from schemas.manifest import Manifest
from schemas.roles import Role
from storage.store import Lake
from tasks.answer_rows import audit_row, uncontested_row

_OF_ALL = {"long_run", "next_answers", "expected"}
"""Promises about all answers: one that was drawn and not accepted counts as no error."""


async def audit(
    document: Document,
    document_type: DocumentType,
    extraction: Extraction,
    ask: Ask,
    calibration: Calibration,
    share: float,
    policy: Cascade,
) -> list[dict[str, Any]]:
    """Ask the strong model about the share of a record that is drawn; returns rows of `ANSWERS`.

    Nothing is audited twice, nor steered by what was answered: the draw depends on the document,
    the field and the calibration alone. What the strong model cannot answer is not counted.

    Raises:
        CallError: As the call path raises it, but for failures that are about this document.
    """
    rows: list[dict[str, Any]] = []
    asked: list[str] = []
    for name, result in extraction.fields.items():
        if not is_audited(f"{document.doc_id}:{name}", share, calibration.identity):
            continue
        promise = calibration.promise(name)
        if calibration.guarantees and (promise is None or promise.threshold is None):
            continue
        if result.status != "unresolved":
            asked.append(name)
        elif promise is not None and promise.rule in _OF_ALL:
            rows.append(uncontested_row(document.doc_id, document_type.name, name, result.tier))
    if not asked:
        return rows
    question = Question(
        document_type=narrowed(document_type, asked),
        text=document.text,
        tier=len(TIERS) - 1,
        stage="audit",
        longest=policy.max_input_chars,
        role=Role.ORCHESTRATOR,
    )
    try:
        judged, _ = await ask_fields(document, question, ask)
    except CallError as error:
        if error.failure_class not in ESCALATING:
            raise
        return rows
    for name, candidate in judged.items():
        result = extraction.fields[name]
        agrees = alike(result.values, candidate.values)
        rows.append(
            audit_row(
                document.doc_id, document_type.name, name, result.tier, candidate, agrees=agrees
            )
        )
    return rows


def read_book(lake: Lake, job: str, document_type: str, calibration: Calibration) -> AuditBook:
    """The audit of a calibration so far; a fresh one where there is none yet."""
    path = _path(lake, job, document_type, calibration)
    if lake.exists(path):
        return AuditBook.model_validate_json(lake.read_bytes(path))
    return AuditBook(state=begin(calibration.tolerated, calibration.delta))


def count_audits(lake: Lake, manifest: Manifest, answers: str) -> None:
    """Count the audited answers of a shard's file that its calibrations have not counted yet.

    Doing it again counts nothing twice: a run that was killed between two writes can be resumed.

    Args:
        lake: The lake.
        manifest: The run.
        answers: The path of the shard's answers.
    """
    if not lake.exists(answers):
        return
    job = manifest.job.name
    rows = lake.read_table(answers, ["document_type", "step", "agreement"]).to_pylist()
    for name, calibration in manifest.calibrations.items():
        wrong = [
            row["agreement"] < 1
            for row in rows
            if row["step"] == "audit" and row["document_type"] == name
        ]
        if not wrong:
            continue
        path = _path(lake, job, name, calibration)
        with lake.locked(path.rsplit("/", 1)[0]):
            book = read_book(lake, job, name, calibration)
            fresh = wrong[book.counted.get(answers, 0) :]
            if fresh:
                updated = AuditBook(
                    state=observe_all(book.state, fresh),
                    counted={**book.counted, answers: len(wrong)},
                )
                lake.write_bytes(path, updated.model_dump_json(indent=1).encode())


def suspended_types(
    lake: Lake, job: str, calibrations: Mapping[str, Calibration]
) -> frozenset[str]:
    """The document types whose calibration an audit has raised the alarm about."""
    return frozenset(
        name
        for name, calibration in calibrations.items()
        if read_book(lake, job, name, calibration).state.alarm_at is not None
    )


def audit_notes(lake: Lake, manifest: Manifest) -> Iterable[str]:
    """What a reader should know of the audits of a run's calibrations."""
    for name, calibration in manifest.calibrations.items():
        if calibration.strong_documents:
            continue  # made for this very batch: there are no documents to come
        state = read_book(lake, manifest.job.name, name, calibration).state
        seen = f"{state.errors} of {state.audits} audited answers disagree with the strong model"
        if state.alarm_at is not None:
            yield (
                f"ALARM, {name}: at the audit of answer {state.alarm_at}, disagreements with the "
                f"strong model had come faster than the rate of {state.tolerated:.3g} that the "
                f"calibration of {calibration.made_on} allows (a false alarm has probability "
                f"{state.delta:g} at most; by now {seen}): it is suspended, every new document "
                "goes to the next tier, and nothing is promised; calibrate again"
            )
        elif state.audits:
            yield f"{name}: audit of the calibration of {calibration.made_on}: {seen}; no alarm"
        else:
            yield (
                f"{name}: nothing audits the calibration of {calibration.made_on}; set audit: "
                "{share: 0.02} to notice when documents change"
            )


def _path(lake: Lake, job: str, document_type: str, calibration: Calibration) -> str:
    return f"{lake.calibrations(job, document_type)}/audits/{calibration.identity}.json"
