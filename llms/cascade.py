"""Which tier answers which field? Cheap first; only the fields that fail go up, with their text."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from llms.acceptance import Acceptance
from llms.calls import Ask, Reply
from llms.excerpts import around
from llms.extraction import TIERS, Document, Question, ask_fields, narrowed
from llms.failures import ESCALATING, CallError
from llms.judgement import (
    Candidate,
    Evidence,
    Problem,
    combine,
    contradictions,
    second_opinion,
)
from schemas.calibration import Signal
from schemas.fields import DocumentType
from schemas.job import Cascade

MISSING_REQUIRED = "missing_required"
"""Failure class of a document without an acceptable value for a required field."""


@dataclass(frozen=True, slots=True)
class FieldResult:
    """What the record will say about a field.

    Attributes:
        values: Canonical values; empty when there are none.
        evidence: Where the values stand in the document.
        confidence: As judged when it was accepted or given up.
        tier: Tier that answered, 0 being the first; null when nobody did.
        model: Slug of the model that answered.
        status: accepted, verified, absent (accepted as having no value) or unresolved.
        reason: Why it is unresolved, or what was doubtful about an accepted value.
    """

    values: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    confidence: float | None = None
    tier: int | None = None
    model: str | None = None
    status: str = "unresolved"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """What the cascade made of a document.

    Attributes:
        fields: Per field of the type, in its order.
        failure: Why the document goes to the dead letters (class and sentence), or null.
        raw_answer: The answer that was of no use, where there is one to show.
        escalated: Number of fields that went to a later tier.
        replies: Answers that were used, in order.
        answers: What each tier said of which field and the signals about it, in order, accepted
            or not: what a calibration is fitted to.
    """

    fields: dict[str, FieldResult]
    failure: tuple[str, str] | None
    raw_answer: str | None
    escalated: int
    replies: tuple[Reply, ...]
    answers: tuple[tuple[str, Candidate], ...] = ()


@dataclass(slots=True)
class _Climb:
    """A document on its way through the tiers."""

    document: Document
    document_type: DocumentType
    acceptance: Acceptance
    ask: Ask
    candidates: dict[str, Candidate] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    error: CallError | None = None
    answers: list[tuple[str, Candidate]] = field(default_factory=list)

    async def ask_tier(self, pending: list[str], tier: int) -> None:
        """Ask one tier for the pending fields and combine its answers with what is known."""
        asks_all = self.acceptance.asks_everything
        question = Question(
            document_type=self.document_type if asks_all else narrowed(self.document_type, pending),
            text=self._text_for(pending),
            tier=tier,
            stage="escalate" if self.replies or self.error else "extract",
            longest=self.policy.max_input_chars,
            logprobs=self.acceptance.wants_token_probabilities,
        )
        try:
            judged, replies = await ask_fields(self.document, question, self.ask)
            if self.policy.agreement and tier == 0:
                judged, more = await self._heard_twice(question, judged, replies)
                replies += more
        except CallError as error:
            if error.failure_class not in ESCALATING:
                raise
            self.error = error
            return
        self.replies += replies
        judged = {name: judged[name] for name in pending}
        for name, candidate in judged.items():
            self.candidates[name] = combine(self.candidates.get(name), candidate)
        self._note(judged)

    @property
    def policy(self) -> Cascade:
        """The job's own options."""
        return self.acceptance.policy

    async def _heard_twice(
        self, question: Question, judged: dict[str, Candidate], replies: list[Reply]
    ) -> tuple[dict[str, Candidate], list[Reply]]:
        """The answers of the first tier beside those of another model; none where nobody can."""
        first = frozenset(reply.model for reply in replies)
        again = replace(question, stage="agree", avoid=first)
        try:
            others, more = await ask_fields(self.document, again, self.ask)
        except CallError as error:
            if error.failure_class not in ESCALATING:
                raise
            return judged, []
        return {n: second_opinion(c, others[n]) for n, c in judged.items()}, more

    def _note(self, judged: Mapping[str, Candidate]) -> None:
        """Keep what this tier has said, with all that is known about it by now."""
        accused = contradictions(self.document_type, self.candidates)
        for name, own in judged.items():
            known = self.candidates[name]
            if known.tier != own.tier:  # an earlier tier's answer stands against this one
                self.answers.append((name, own))
                continue
            if name in accused:
                known = self.candidates[name] = known.signalling(Signal.RULES, 0.0)
            self.answers.append((name, known))

    def _text_for(self, pending: list[str]) -> str:
        is_new = any(name not in self.candidates for name in pending)
        if is_new or self.acceptance.asks_everything:
            return self.document.text
        specs = [self.document_type.field(name) for name in pending]
        spans = [(e.start, e.end) for name in pending for e in self.candidates[name].evidence]
        return around(self.document.text, specs, spans, self.policy.context_chars)

    def still_open(self, *, is_last: bool) -> list[str]:
        """The fields that are not good enough in this tier, in the type's order."""
        for name, candidate in self.candidates.items():
            self.candidates[name] = self.acceptance.weighed(name, candidate, is_last=is_last)
        if self.policy.every_tier and not is_last:
            return [spec.name for spec in self.document_type.fields]
        accused = contradictions(self.document_type, self.candidates)
        return [
            spec.name
            for spec in self.document_type.fields
            if not self._is_settled(spec.name, accused)
        ]

    def refused(self, pending: list[str]) -> list[str]:
        """The settled fields whose confidence is under what was certified."""
        found = []
        for name, candidate in self.candidates.items():
            if name in pending:
                continue
            self.candidates[name] = self.acceptance.final(name, candidate)
            if any(kind is Problem.UNSURE for kind, _ in self.candidates[name].problems):
                found.append(name)
        return found

    def _is_settled(self, name: str, accused: Mapping[str, str]) -> bool:
        candidate = self.candidates.get(name)
        if candidate is None:
            return False
        if name in accused and not candidate.agreed:
            return False
        return all(kind is Problem.CONFLICT and candidate.agreed for kind, _ in candidate.problems)


async def extract(
    document: Document, document_type: DocumentType, ask: Ask, policy: Cascade | Acceptance
) -> Extraction:
    """Ask for the fields of a document, tier by tier, until each is accepted or nobody is left.

    A field is accepted when it is valid, grounded (unless it may be inferred), obeys its rules,
    contradicts no other field and is confident enough. What two different models agree on is
    settled even where it contradicts another field; the record then says so.

    Args:
        document: The document.
        document_type: Its type, with the fields to ask for.
        ask: The call path.
        policy: The job's options; or these with a calibration.

    Raises:
        CallError: A failure that is not about this document: budget, quota, a dead provider, a
            wrong key. Nothing is decided about the document; it can be asked again.
    """
    acceptance = Acceptance(policy) if isinstance(policy, Cascade) else policy
    climb = _Climb(document, document_type, acceptance, ask)
    first = int(acceptance.starts_higher(document.doc_id, document.text))
    pending = [spec.name for spec in document_type.fields]
    escalated: set[str] = set()
    for tier in range(first, len(TIERS)):
        if tier > first:
            escalated.update(pending)
        await climb.ask_tier(pending, tier)
        pending = climb.still_open(is_last=tier == len(TIERS) - 1)
        if not pending:
            break
    pending += climb.refused(pending)
    accused = contradictions(document_type, climb.candidates)
    fields = {
        spec.name: field_result(
            climb.candidates.get(spec.name),
            settled=spec.name not in pending,
            contradiction=accused.get(spec.name),
        )
        for spec in document_type.fields
    }
    return Extraction(
        fields=fields,
        failure=_failure(climb, fields),
        raw_answer=climb.error.raw_answer if climb.error else None,
        escalated=len(escalated),
        replies=tuple(climb.replies),
        answers=tuple(climb.answers),
    )


def field_result(
    candidate: Candidate | None, *, settled: bool, contradiction: str | None = None
) -> FieldResult:
    """What the record says about a field: its value when settled, else null with the reason."""
    if candidate is None:
        return FieldResult(reason="no tier gave a usable answer")
    reason = "; ".join(filter(None, [candidate.reason, contradiction])) or None
    if not settled:
        return FieldResult(
            confidence=candidate.confidence,
            tier=candidate.tier,
            model=candidate.model,
            reason=f"{reason or 'not accepted'}{_given(candidate)}",
        )
    return FieldResult(
        values=candidate.values,
        evidence=candidate.evidence,
        confidence=candidate.confidence,
        tier=candidate.tier,
        model=candidate.model,
        status="accepted" if candidate.values else "absent",
        reason=f"two models agree although: {reason}" if reason else None,
    )


def _given(candidate: Candidate) -> str:
    if not candidate.values:
        return ""
    shown = ", ".join(candidate.values)
    return f" (answer was {shown[:80]!r})"


def _failure(climb: _Climb, fields: Mapping[str, FieldResult]) -> tuple[str, str] | None:
    if not climb.candidates and climb.error is not None:
        return climb.error.failure_class.value, str(climb.error)
    for spec in climb.document_type.fields:
        result = fields[spec.name]
        if spec.required and not result.values:
            reason = result.reason or "the document has none"
            return MISSING_REQUIRED, f"required field {spec.name!r} has no value: {reason}"
    return None
