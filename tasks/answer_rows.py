"""How do the single answers about a document become rows that a calibration can be fitted to?"""

from collections.abc import Iterator, Sequence
from typing import Any

from llms.cascade import Extraction
from llms.judgement import Candidate
from llms.verifier import Check
from schemas.calibration import Signal

VERDICTS = {"ok": 1.0, "bad": 0.0, "unsure": 0.5}
"""The verifier's word as a signal."""


def answer_rows(
    doc_id: str, document_type: str, extraction: Extraction, checks: Sequence[Check] = ()
) -> Iterator[dict[str, Any]]:
    """The rows of one document, with columns of `schemas.tables.ANSWERS`."""
    shared = {"doc_id": doc_id, "document_type": document_type}
    for name, one in extraction.answers:
        yield {
            **shared,
            "field": name,
            "step": "answer",
            "tier": one.tier,
            "model": one.model,
            "values": list(one.values),
            "is_sound": not one.is_hard,
            "problem": one.reason,
            **{signal.value: value for signal, value in one.signals.items()},
        }
    for check in checks:
        yield {
            **shared,
            "field": check.field,
            "step": "check",
            "tier": check.tier,
            "model": check.model,
            "values": list(check.values),
            "is_sound": True,
            "problem": check.reason or None,
            Signal.VERIFIER.value: VERDICTS[check.verdict],
        }


def audit_row(
    doc_id: str,
    document_type: str,
    field: str,
    tier: int | None,
    judged: Candidate,
    *,
    agrees: bool,
) -> dict[str, Any]:
    """The row of one audited field."""
    return {
        **uncontested_row(doc_id, document_type, field, tier),
        "model": judged.model,
        "values": list(judged.values),
        "is_sound": not judged.is_hard,
        "problem": judged.reason,
        Signal.AGREEMENT.value: float(agrees),
    }


def uncontested_row(
    doc_id: str, document_type: str, field: str, tier: int | None
) -> dict[str, Any]:
    """The row of a field that was drawn for the audit and had not been accepted: no error."""
    return {
        "doc_id": doc_id,
        "document_type": document_type,
        "field": field,
        "step": "audit",
        "tier": tier,
        "model": "",
        "values": [],
        "is_sound": True,
        "problem": "not accepted, so that nobody had to be asked",
        Signal.AGREEMENT.value: 1.0,
    }
