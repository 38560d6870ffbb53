"""Which calibrations does a lake hold for a job, and which of them apply to a run of it?"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from llms import prompts
from llms.extraction import TIERS
from schemas.answers import extraction_schema
from schemas.calibration import Calibration, Guarantee, Scope
from schemas.fields import DocumentType
from schemas.job import Job
from schemas.roles import Resolution
from storage.store import Lake, LakeError
from tasks.jobs import document_types

_NOT_OF_THE_SCOPE = {"calibrated", "every_tier", "token_probabilities"}
"""Options of the cascade that do not change what an answer is worth."""


@dataclass(frozen=True, slots=True)
class Applicable:
    """The calibrations that apply to a run, by document type, and what a reader should know."""

    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def scope_of(
    job: Job, resolution: Resolution, document_type: DocumentType, *, strong_is_judge: bool = False
) -> Scope:
    """What a calibration of a type must have been made for to be used in a run.

    Args:
        job: The job.
        resolution: Who plays which role in the run.
        document_type: The type.
        strong_is_judge: The last tier is taken to be right; else its answers are judged as well.
    """
    tiers = tuple(resolution.model(role).slug for role in TIERS)
    asked = document_type.model_dump(mode="json", exclude={"match"})
    cascade = job.cascade.model_dump(mode="json", exclude=_NOT_OF_THE_SCOPE)
    return Scope(
        task=f"{job.name}/{document_type.name}",
        schema_hash=_hash([extraction_schema(document_type), asked]),
        prompt_hash=_hash([prompts.VERSION, prompts.extraction_prompt(document_type, "")]),
        cheap=tiers[:1] if strong_is_judge else tiers,
        strong=tiers[-1] if strong_is_judge else None,
        policy_hash=_hash([cascade, job.verify.model_dump(mode="json")]),
    )


def store_calibration(
    lake: Lake, job: str, document_type: str, calibration: Calibration, now: datetime
) -> str:
    """Put a calibration beside the earlier ones of its type, whole or not at all.

    Returns:
        Its path in the lake. The newest by name is the one in force.
    """
    name = f"{now:%Y%m%dT%H%M%S}-{calibration.identity}.json"
    path = f"{lake.calibrations(job, document_type)}/{name}"
    lake.write_bytes(path, calibration.model_dump_json(indent=1).encode())
    return path


def current_calibration(lake: Lake, job: str, document_type: str) -> Calibration | None:
    """The calibration in force for a type of a job.

    Raises:
        LakeError: Its file is damaged.
    """
    files = lake.find(lake.calibrations(job, document_type), ".json")
    if not files:
        return None
    try:
        return Calibration.model_validate_json(lake.read_bytes(files[-1]))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LakeError(
            f"{lake.shown(files[-1])} is no calibration ({place}: {first['msg']}); move it away or "
            "make it anew with docmill calibrate"
        ) from None


def calibrations_for(lake: Lake, job: Job, resolution: Resolution) -> Applicable:
    """The calibrations in force whose scope is that of the run, and why others are not used."""
    if not job.cascade.calibrated:
        return Applicable()
    used: dict[str, Calibration] = {}
    notes: list[str] = []
    for document_type in document_types(job):
        found = current_calibration(lake, job.name, document_type.name)
        if found is None:
            continue
        judge = found.scope.strong is not None
        scope = scope_of(job, resolution, document_type, strong_is_judge=judge)
        why_not = found.applies_to(scope)
        if why_not is None:
            used[document_type.name] = found
            notes += promise_words(document_type.name, found)
        else:
            notes.append(
                f"the calibration of {document_type.name} of {found.made_on} is not used: {why_not}"
            )
    return Applicable(used, tuple(notes))


def promise_words(document_type: str, calibration: Calibration) -> Iterator[str]:
    """What a calibration promises about a type, in sentences: fields promised alike share one."""
    alike: dict[str, list[tuple[str, Guarantee]]] = {}
    refused: list[str] = []
    for name, promise in calibration.guarantees.items():
        if promise.threshold is None:
            refused.append(f"{name or 'whole records'} ({promise.words()})")
        else:
            alike.setdefault(promise.claim(), []).append((name, promise))
    when = f"{document_type}, calibrated on {calibration.made_on}"
    for claim, members in alike.items():
        names = ", ".join(name or "whole records" for name, _ in members)
        judged = sorted({promise.labelled for _, promise in members})
        count = f"{judged[0]}" if len(judged) == 1 else f"{judged[0]} to {judged[-1]}"
        by = (
            "answers of the strong model"
            if members[0][1].against == "strong_model"
            else "labelled documents"
        )
        yield f"{when}: {claim}, by {count} {by}, for each of: {names}"
    if refused:
        yield f"{when}, without a promise for: {'; '.join(refused)}"


def _hash(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]
