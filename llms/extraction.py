"""One tier is asked for some fields of a document: how it is asked, split, judged and merged."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import zip_longest

from llms.calls import Ask, Call, Reply
from llms.excerpts import pieces
from llms.failures import CallError, FailureClass
from llms.grounding import TextIndex
from llms.judgement import Candidate, Evidence, Problem, judge
from llms.prompts import extraction_prompt
from llms.token_probabilities import TokenProbabilities
from schemas.answers import EXTRACTION, extraction_schema
from schemas.calibration import Signal
from schemas.fields import DocumentType
from schemas.roles import Role

TIERS: tuple[Role, ...] = (Role.EXTRACTION_WORKER, Role.REASONING_WORKER)
"""Who is asked, in this order."""

_SHORTEST_HALF = 2000
"""Characters below which a text is not halved again when a model finds it too long."""

TOKENS_SINGLE = 160
TOKENS_MULTI = 900
"""Room in an answer per field: a value, its quote and the punctuation around them."""

_CLEAR_LEAD = 0.2
"""A value found in one piece of a document outweighs another piece's by this much confidence."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document as the models see it; build one per document, it carries the search index."""

    doc_id: str
    text: str
    index: TextIndex

    @classmethod
    def of(cls, doc_id: str, text: str) -> "Document":
        """A document and the index over its text."""
        return cls(doc_id, text, TextIndex(text))


@dataclass(frozen=True, slots=True)
class Question:
    """What one tier is asked about one document.

    Attributes:
        document_type: The type, holding only the fields that are asked for.
        text: The document, or the part of it that is sent.
        tier: Index into `TIERS`.
        stage: extract, escalate or retry; it goes to the ledger.
        longest: Characters of text in one call; a longer text is asked piece by piece.
        rejected: Per field, values that must not come again.
        feedback: Why an earlier answer was not accepted.
        avoid: Slugs of models that must not answer.
        logprobs: Ask for token probabilities where the model gives them.
        role: Who is asked in place of the tier's own role: the judge of an audit.
    """

    document_type: DocumentType
    text: str
    tier: int
    stage: str
    longest: int
    rejected: Mapping[str, Sequence[str]] | None = None
    feedback: str | None = None
    avoid: frozenset[str] = frozenset()
    logprobs: bool = False
    role: Role | None = None

    def about(self, names: Collection[str], text: str) -> "Question":
        """The same question about fewer fields or another piece of text."""
        return replace(self, document_type=narrowed(self.document_type, names), text=text)


def narrowed(document_type: DocumentType, names: Collection[str]) -> DocumentType:
    """`document_type.subset(names)`; documents keep asking for the same subsets."""
    return _narrowed(document_type, frozenset(names))


@lru_cache(maxsize=1024)
def _narrowed(document_type: DocumentType, names: frozenset[str]) -> DocumentType:
    return document_type.subset(set(names))


_schema = lru_cache(maxsize=1024)(extraction_schema)


async def ask_fields(
    document: Document, question: Question, ask: Ask
) -> tuple[dict[str, Candidate], list[Reply]]:
    """Ask for the fields of a question and judge what comes back.

    A truncated answer is never asked for again as it was: the fields are split in halves, then the
    text. A text too long for the model's context is halved.

    Returns:
        A candidate per field, and the answers used, in order.

    Raises:
        CallError: As the call path raises it; `TRUNCATED` and `CONTEXT_TOO_LONG` only when nothing
            is left to split.
    """
    names = [spec.name for spec in question.document_type.fields]
    parts = pieces(question.text, question.longest)
    if len(parts) > 1:
        return await _ask_pieces(document, question, parts, ask)
    try:
        reply = await ask(_call(document, question))
    except CallError as error:
        if error.failure_class is FailureClass.TRUNCATED and len(names) > 1:
            return await _ask_halves(document, question, names, ask)
        too_long = error.failure_class in {FailureClass.TRUNCATED, FailureClass.CONTEXT_TOO_LONG}
        if too_long and len(question.text) >= 2 * _SHORTEST_HALF:
            halves = pieces(question.text, len(question.text) // 2 + 1)
            return await _ask_pieces(document, question, halves, ask)
        raise
    judged = {
        spec.name: judge(
            spec, reply.data[spec.name], document.index, tier=question.tier, model=reply.model
        )
        for spec in question.document_type.fields
    }
    if reply.logprobs:
        judged = _with_token_probabilities(judged, reply.logprobs)
    return judged, [reply]


def _with_token_probabilities(
    judged: Mapping[str, Candidate], tokens: Sequence[tuple[str, float]]
) -> dict[str, Candidate]:
    known = TokenProbabilities(tokens)
    heard: dict[str, Candidate] = {}
    for name, candidate in judged.items():
        found = known.of(name)
        if found is not None:
            candidate = candidate.signalling(Signal.MIN_TOKEN, found.least)
            candidate = candidate.signalling(Signal.MEAN_TOKEN, found.mean)
        heard[name] = candidate
    return heard


def _call(document: Document, question: Question) -> Call:
    wanted = question.document_type
    system, user = extraction_prompt(
        wanted, question.text, rejected=question.rejected, feedback=question.feedback
    )
    room = sum(TOKENS_MULTI if spec.multi else TOKENS_SINGLE for spec in wanted.fields)
    return Call(
        role=question.role or TIERS[question.tier],
        stage=question.stage,
        system=system,
        user=user,
        schema_name=EXTRACTION,
        schema=_schema(wanted),
        doc_id=document.doc_id,
        max_output_tokens=200 + room,
        avoid=question.avoid,
        logprobs=question.logprobs,
    )


async def _ask_halves(
    document: Document, question: Question, names: list[str], ask: Ask
) -> tuple[dict[str, Candidate], list[Reply]]:
    middle = len(names) // 2
    (left, left_replies), (right, right_replies) = await asyncio.gather(
        ask_fields(document, question.about(names[:middle], question.text), ask),
        ask_fields(document, question.about(names[middle:], question.text), ask),
    )
    return {**left, **right}, left_replies + right_replies


async def _ask_pieces(
    document: Document, question: Question, parts: list[str], ask: Ask
) -> tuple[dict[str, Candidate], list[Reply]]:
    names = [spec.name for spec in question.document_type.fields]
    asked = await asyncio.gather(
        *(ask_fields(document, question.about(names, part), ask) for part in parts)
    )
    merged = {
        spec.name: merge([candidates[spec.name] for candidates, _ in asked], multi=spec.multi)
        for spec in question.document_type.fields
    }
    return merged, [reply for _, replies in asked for reply in replies]


def merge(parts: Sequence[Candidate], *, multi: bool) -> Candidate:
    """What the pieces of a document say together about one field.

    The values of a repeatable field are united in order. Of a single field the most confident
    value wins; another value that is nearly as confident makes it a conflict. A piece that has
    nothing to say counts only where no piece has.
    """
    found = [part for part in parts if part.values]
    if not found:
        return min(parts, key=lambda part: part.confidence if part.confidence is not None else 1.0)
    if multi:
        return _united(found)
    sound = [part for part in found if not part.is_hard] or found
    ranked = sorted(sound, key=lambda part: -(part.confidence or 0.0))
    best = ranked[0]
    for other in ranked[1:]:
        lead = (best.confidence or 0.0) - (other.confidence or 0.0)
        if other.values != best.values and lead < _CLEAR_LEAD:
            text = f"another part of the document says {other.values[0]!r}"
            return best.against(Problem.CONFLICT, text)
    return best


def _united(found: Sequence[Candidate]) -> Candidate:
    seen: dict[str, Evidence | None] = {}
    for part in found:
        # A grounded value has its evidence in the same place; inferred ones may have none.
        places = part.evidence if len(part.evidence) == len(part.values) else ()
        for value, place in zip_longest(part.values, places):
            seen.setdefault(value, place)
    values = tuple(seen)
    evidence = tuple(place for place in seen.values() if place is not None)
    confidences = [part.confidence for part in found if part.confidence is not None]
    problems = tuple(dict.fromkeys(problem for part in found for problem in part.problems))
    signals = {
        signal: min(part.signals[signal] for part in found if signal in part.signals)
        for signal in Signal
        if any(signal in part.signals for part in found)
    }
    return replace(
        found[0],
        values=values,
        evidence=evidence,
        confidence=min(confidences) if confidences else None,
        problems=problems,
        signals=signals,
    )
