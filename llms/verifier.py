"""Was what the cascade accepted right? A second model checks; bad: one retry, then a tier up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llms.acceptance import Acceptance
from llms.calls import Ask, Call, Reply
from llms.cascade import MISSING_REQUIRED, Extraction, FieldResult, field_result
from llms.excerpts import around
from llms.extraction import TIERS, Document, Question, ask_fields
from llms.failures import ESCALATING, CallError
from llms.judgement import Candidate, contradictions
from llms.prompts import verify_prompt
from schemas.answers import VERDICTS, Verdicts, verdicts_schema
from schemas.fields import DocumentType, FieldSpec
from schemas.job import Cascade
from schemas.roles import Role

GIVEN_UP = "found bad and not mended: "
"""How the reason of a field begins whose value was found bad and could not be replaced."""

_SNIPPET_CHARS = 300
"""Text on each side of a claimed value that the verifier sees."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What verification made of an extraction.

    Attributes:
        extraction: The extraction with checked fields marked, mended or given up.
        verdict: `ok` (every checked field), `mended` (a bad one was replaced) or `bad` (a bad one
            could not be replaced); null when there was nothing to check.
        checks: What the verifier said of which value, in order.
    """

    extraction: Extraction
    verdict: str | None
    checks: "tuple[Check, ...]" = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One value that was checked.

    Attributes:
        field: Its field.
        values: What was claimed.
        tier: Tier that had given it.
        model: Slug of the model that checked it.
        verdict: `ok`, `bad` or `unsure`.
        reason: In the verifier's words.
    """

    field: str
    values: tuple[str, ...]
    tier: int | None
    model: str
    verdict: str
    reason: str


def margin(extraction: Extraction, policy: Cascade) -> float:
    """How far the least confident accepted field of a record stands above the threshold."""
    confidences = [
        result.confidence
        for result in extraction.fields.values()
        if result.status == "accepted" and result.confidence is not None
    ]
    return min(confidences, default=1.0) - policy.min_confidence


def how_many(accepted: int, share: float, draw: float) -> int:
    """How many of `accepted` records to check so that the share is right on average.

    Args:
        accepted: Number of accepted records in a shard.
        share: Share to check, 0 to 1.
        draw: A number in [0, 1) drawn for the shard; it decides about the broken part, so that
            small shards are neither always nor never checked.
    """
    return min(accepted, int(accepted * share + draw))


async def verify(
    document: Document,
    document_type: DocumentType,
    extraction: Extraction,
    ask: Ask,
    policy: Cascade | Acceptance,
) -> Verification:
    """Let models that did not answer check the accepted values of a record.

    A value found bad is asked for once more in its tier, with the reason; then in the next tier,
    whose answer is final: where it names the rejected value again, two models stand against one
    and the value is kept. What cannot be mended becomes null, or sends the document to the dead
    letters when it is required.

    Raises:
        CallError: As the call path raises it, but for failures that are about this document: a
            verifier that refuses or talks nonsense has checked nothing.
    """
    acceptance = Acceptance(policy) if isinstance(policy, Cascade) else policy
    fields = dict(extraction.fields)
    replies: list[Reply] = []
    bad: dict[str, str] = {}
    checks: list[Check] = []
    by_model: dict[str, list[FieldSpec]] = {}
    for spec in document_type.fields:
        result = fields[spec.name]
        if result.status == "accepted" and result.model is not None:
            by_model.setdefault(result.model, []).append(spec)
    for model, specs in by_model.items():
        try:
            reply = await ask(_verify_call(document, specs, fields, model))
        except CallError as error:
            if error.failure_class not in ESCALATING:
                raise
            continue
        replies.append(reply)
        asked = {spec.name for spec in specs}
        for verdict in Verdicts.model_validate(reply.data).verdicts:
            if verdict.field not in asked:
                continue
            claimed = extraction.fields[verdict.field]
            checks.append(
                Check(
                    verdict.field,
                    claimed.values,
                    claimed.tier,
                    reply.model,
                    verdict.verdict,
                    verdict.reason,
                )
            )
            if verdict.verdict == "bad":
                bad[verdict.field] = verdict.reason
            elif verdict.verdict == "ok":
                fields[verdict.field] = replace(fields[verdict.field], status="verified")
    for name, reason in bad.items():
        fields[name], more = await _mend(
            document, document_type, name, fields, reason, ask, acceptance
        )
        replies += more
    verdict_word = None
    if checks:
        lost = any(fields[name].status == "unresolved" for name in bad)
        verdict_word = "bad" if lost else "mended" if bad else "ok"
    return Verification(
        replace(
            extraction,
            fields=fields,
            failure=extraction.failure or _lost_required(document_type, fields, bad),
            replies=(*extraction.replies, *replies),
        ),
        verdict_word,
        tuple(checks),
    )


def _verify_call(
    document: Document, specs: Sequence[FieldSpec], fields: dict[str, FieldResult], model: str
) -> Call:
    claims = [
        (spec, _claimed(spec, fields[spec.name]), _snippet(document, spec, fields[spec.name]))
        for spec in specs
    ]
    system, user = verify_prompt(claims)
    return Call(
        role=Role.EXTRACTION_WORKER,
        stage="verify",
        system=system,
        user=user,
        schema_name=VERDICTS,
        schema=verdicts_schema([spec.name for spec in specs]),
        doc_id=document.doc_id,
        max_output_tokens=100 + 80 * len(specs),
        avoid=frozenset({model}),
    )


def _claimed(spec: FieldSpec, result: FieldResult) -> str | list[str]:
    return list(result.values) if spec.multi else result.values[0]


def _snippet(document: Document, spec: FieldSpec, result: FieldResult) -> str:
    spans = [(e.start, e.end) for e in result.evidence]
    if not spans:
        return document.text[: 4 * _SNIPPET_CHARS]
    # Only the value's own surroundings: the verifier is to judge what the answer rests on.
    return around(document.text, (), spans, 2 * _SNIPPET_CHARS)


async def _mend(
    document: Document,
    document_type: DocumentType,
    name: str,
    fields: dict[str, FieldResult],
    reason: str,
    ask: Ask,
    acceptance: Acceptance,
) -> tuple[FieldResult, list[Reply]]:
    """One retry in the tier that answered, then one question to the tier above it."""
    old = fields[name]
    tier = old.tier or 0
    replies: list[Reply] = []
    # A verdict on a list does not say which entry is wrong, so none of them may be forbidden; the
    # same list again settles nothing.
    rejected = None if document_type.field(name).multi else {name: list(old.values)}
    for asked_tier in range(tier, len(TIERS)):
        is_retry = asked_tier == tier
        question = Question(
            document_type=document_type.subset({name}),
            text=document.text,
            tier=asked_tier,
            stage="retry",
            longest=acceptance.policy.max_input_chars,
            logprobs=acceptance.wants_token_probabilities,
            rejected=rejected if is_retry else None,
            feedback=f"{name}: {reason}",
        )
        try:
            judged, more = await ask_fields(document, question, ask)
        except CallError as error:
            if error.failure_class not in ESCALATING:
                raise
            continue
        replies += more
        is_last = asked_tier == len(TIERS) - 1
        candidate = acceptance.weighed(name, judged[name], is_last=is_last)
        again = is_retry and _says_again(candidate.values, old.values, rejected is None)
        if candidate.problems or again or not _fits(document_type, name, candidate, fields):
            continue
        candidate = acceptance.final(name, candidate)
        if candidate.problems:
            break
        mended = field_result(candidate, settled=True)
        if candidate.values == old.values:
            return replace(mended, reason=f"kept by two models against: {reason}"), replies
        return replace(mended, reason=f"replaced {old.values!r}: {reason}"), replies
    given_up = FieldResult(
        confidence=old.confidence,
        tier=old.tier,
        model=old.model,
        reason=f"{GIVEN_UP}{reason} (answer was {', '.join(old.values)[:80]!r})",
    )
    return given_up, replies


def _says_again(new: tuple[str, ...], old: tuple[str, ...], is_list: bool) -> bool:
    return sorted(new) == sorted(old) if is_list else bool(set(new) & set(old))


def _fits(
    document_type: DocumentType, name: str, candidate: Candidate, fields: dict[str, FieldResult]
) -> bool:
    others = {
        other: Candidate(result.values, result.evidence, result.confidence, 0, result.model or "")
        for other, result in fields.items()
    }
    return name not in contradictions(document_type, {**others, name: candidate})


def _lost_required(
    document_type: DocumentType, fields: dict[str, FieldResult], bad: dict[str, str]
) -> tuple[str, str] | None:
    for spec in document_type.fields:
        if spec.required and spec.name in bad and not fields[spec.name].values:
            reason = fields[spec.name].reason
            return MISSING_REQUIRED, f"required field {spec.name!r} has no value: {reason}"
    return None
