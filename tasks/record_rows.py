"""How an extraction becomes rows: one record, one outcome, and the key that makes it reusable."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from llms import prompts
from llms.cascade import Extraction
from llms.pricing import baseline_document_usd, cost_usd
from llms.values import to_python
from schemas.answers import extraction_schema
from schemas.calibration import Calibration
from schemas.fields import DocumentType
from schemas.job import Job
from schemas.ledger import Attempt
from schemas.roles import Resolution, Role
from tasks.jobs import document_types

_PROMPT_OVERHEAD_TOKENS = 300
"""Instructions that a single strong model would be sent with each document, beside the schema."""

_OUTCOMES_VERSION = 3
"""Goes up with the columns of outcomes: rows of an older shape are written anew, from the store."""


def extraction_key(
    job: Job, resolution: Resolution, calibrations: Mapping[str, Calibration] | None = None
) -> str:
    """Fingerprint of everything but the document that decides what its record says.

    Schemas, prompts, parameters, the first choice of each role and the calibration of each type
    (other thresholds are another cascade); failover does not count, since a record says which model
    answered.
    """
    parts = {
        "outcomes": _OUTCOMES_VERSION,
        "prompts": prompts.VERSION,
        "types": [t.model_dump(mode="json") for t in document_types(job)],
        "fallback": job.fallback_type,
        "cascade": job.cascade.model_dump(mode="json"),
        "verify": job.verify.model_dump(mode="json"),
        "seed": job.seed,
        "calibrations": {name: one.identity for name, one in (calibrations or {}).items()},
        # Who decides is left out: few records depend on it, and each of them names the model.
        "decide": job.orchestrator.share,
        "models": {
            # By the catalog's name: the same model at another provider is no other question.
            role.value: resolution.model(role).slug
            for role in (Role.EXTRACTION_WORKER, Role.REASONING_WORKER, Role.FORMATTING_WORKER)
        },
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def record_row(
    document: dict[str, Any], document_type: DocumentType, extraction: Extraction, key: str
) -> dict[str, Any]:
    """The record of a document, with the columns of `schemas.tables.records_schema`.

    Args:
        document: A row of the documents table: `doc_id`, `uri`, `sha256` and `parser` are read.
        document_type: The type it was extracted as.
        extraction: What the cascade and the verifier made of it.
        key: The extraction key of the run.
    """
    identity = f"{document['sha256']}:{document['parser']}:{key}"
    row: dict[str, Any] = {
        "doc_id": document["doc_id"],
        "uri": document["uri"],
        "record_key": hashlib.sha256(identity.encode()).hexdigest()[:20],
    }
    for spec in document_type.fields:
        result = extraction.fields[spec.name]
        values = [to_python(spec, value) for value in result.values]
        row[spec.name] = values if spec.multi else (values[0] if values else None)
        row[f"{spec.name}__evidence"] = [
            {"start": e.start, "end": e.end, "quote": e.quote} for e in result.evidence
        ]
        row[f"{spec.name}__confidence"] = result.confidence
        row[f"{spec.name}__tier"] = result.tier
        row[f"{spec.name}__model"] = result.model
        row[f"{spec.name}__status"] = result.status
        row[f"{spec.name}__reason"] = result.reason
    return row


def outcome_row(
    document: dict[str, Any],
    *,
    document_type: DocumentType | None,
    routed_by: str | None,
    failure: tuple[str, str] | None,
    raw_answer: str | None,
    escalated: int,
    verdict: str | None,
    attempts: Sequence[Attempt],
    resolution: Resolution,
) -> dict[str, Any]:
    """What became of a document, with the columns of `schemas.tables.OUTCOMES`.

    The tokens and the money are those of every attempt for this document, paid now or earlier.
    """
    return {
        "doc_id": document["doc_id"],
        "uri": document["uri"],
        "status": "failed" if failure else "extracted",
        "document_type": document_type.name if document_type else None,
        "routed_by": routed_by,
        "failure_class": failure[0] if failure else None,
        "message": failure[1] if failure else None,
        "raw_answer": raw_answer if failure else None,
        "calls": len(attempts),
        "escalated": escalated,
        "verified": verdict,
        "usd": sum(a.stored_usd if a.from_store else a.usd for a in attempts),
        "input_tokens": sum(a.input_tokens for a in attempts),
        "output_tokens": sum(a.output_tokens for a in attempts),
        "baseline_usd": _baseline(document, document_type, attempts, resolution, thinking=1.0),
        "baseline_plain_usd": _baseline(
            document, document_type, attempts, resolution, thinking=0.0
        ),
        "projected_usd": _projected(attempts, resolution),
    }


def _baseline(
    document: dict[str, Any],
    document_type: DocumentType | None,
    attempts: Sequence[Attempt],
    resolution: Resolution,
    *,
    thinking: float,
) -> float | None:
    """The same document in one call of the strong model, which answers what the first tier did."""
    if resolution.baseline is None:
        return None
    answers = sum(a.output_tokens - a.reasoning_tokens for a in attempts if a.stage == "extract")
    schema = _schema_tokens(document_type) if document_type else 0
    return baseline_document_usd(
        resolution.baseline,
        document["tokens"],
        answers,
        _PROMPT_OVERHEAD_TOKENS + schema,
        thinking=thinking,
    )


@lru_cache(maxsize=256)
def _schema_tokens(document_type: DocumentType) -> int:
    return len(json.dumps(extraction_schema(document_type))) // 4


def _projected(attempts: Iterable[Attempt], resolution: Resolution) -> float | None:
    """The calls made, priced on the catalog models that would have played the roles.

    The rules think without tokens; a model's thinking is added by its factor.
    """
    if not resolution.projected:
        return None
    total = 0.0
    for attempt in attempts:
        model = resolution.projected.get(Role(attempt.role))
        if model is None:
            return None
        output = round(attempt.output_tokens * model.thinking_factor)
        total += cost_usd(model, attempt.input_tokens, 0, output)
    return total
