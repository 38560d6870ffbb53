"""How many calls of which size would each stage make, if it had to see every document?"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from llms.pricing import CHARS_PER_TOKEN
from llms.prompts import extraction_prompt, route_prompt, verify_prompt
from schemas.answers import extraction_schema, field_description, route_schema, verdicts_schema
from schemas.fields import DocumentType
from schemas.job import Job
from schemas.roles import Role
from tasks.jobs import document_types

DOUBTFUL_FIELDS = 2.0
"""Fields of an escalated document that the first tier could not settle."""

_SINGLE_FIELD_TOKENS = 32
_MULTI_FIELD_TOKENS = 96
_ROUTE_ANSWER_TOKENS = 15
_VERDICT_TOKENS = 30
_INSIGHT_TOKENS = 120
_DISPUTE_TOKENS = 400
_DECISION_TOKENS = 80
"""One open field put to the orchestrator: what the tiers said of it, and its decision."""

_INSIGHTS_PROMPT_TOKENS = 3000

# What a call of the router, of the verifier (per field) and of two neighbouring pieces holds; the
# limits are those of llms.router, llms.verifier and llms.excerpts.
_HEAD_CHARS = 3000
_SNIPPET_CHARS = 700
_OVERLAP_CHARS = 400


class Texts(NamedTuple):
    """So many documents of so many characters of text each."""

    chars: float
    documents: float


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that calls models.

    Attributes:
        name: As people read it.
        asks: As the ledger calls it.
        role: Who is asked.
        place: Place in the role's ranked list; a verifier is never the model that answered.
    """

    name: str
    asks: str
    role: Role
    place: int = 0


ROUTE = Stage("route", "route", Role.FORMATTING_WORKER)
EXTRACT = Stage("extract", "extract", Role.EXTRACTION_WORKER)
EXTRACT_LONG = Stage("extract, long documents", "extract", Role.REASONING_WORKER)
ESCALATE = Stage("escalate", "escalate", Role.REASONING_WORKER)
VERIFY = Stage("verify", "verify", Role.EXTRACTION_WORKER, place=1)
RETRY = Stage("retry", "retry", Role.EXTRACTION_WORKER)
RETRY_UP = Stage("retry, next tier", "retry", Role.REASONING_WORKER)
SHADOW = Stage("shadow", "shadow", Role.ORCHESTRATOR)
DECIDE = Stage("decide", "decide", Role.ORCHESTRATOR)
INSIGHTS = Stage("insights", "insights", Role.REASONING_WORKER)

STAGES = (ROUTE, EXTRACT, EXTRACT_LONG, ESCALATE, VERIFY, RETRY, RETRY_UP, DECIDE, SHADOW, INSIGHTS)

# A verifier or a router may be borrowed from another role; who extracts tells the tier.
_BY_NAME = {stage.asks: stage for stage in (ROUTE, ESCALATE, VERIFY, DECIDE, SHADOW, INSIGHTS)}
_BY_ROLE: dict[tuple[str, str], Stage] = {
    (stage.asks, stage.role.value): stage for stage in (EXTRACT, EXTRACT_LONG, RETRY, RETRY_UP)
}


def stage_of(asks: str, role: str) -> Stage | None:
    """The stage that a row of the ledger belongs to; null for calls that no forecast knows."""
    return _BY_NAME.get(asks) or _BY_ROLE.get((asks, role))


@dataclass(slots=True)
class Volume:
    """Calls of a stage, and the tokens of all of them together; answers without thinking."""

    calls: float = 0.0
    prompt_tokens: float = 0.0
    answer_tokens: float = 0.0

    def add(self, calls: float, prompt_tokens: float, answer_tokens: float) -> None:
        """Add calls, each with so many tokens."""
        self.calls += calls
        self.prompt_tokens += calls * prompt_tokens
        self.answer_tokens += calls * answer_tokens


class _TypeSize(NamedTuple):
    """What a document type adds to its calls, in tokens: instructions with schema, and answers."""

    overhead_tokens: float
    answer_tokens: float
    fields: float
    verify_tokens: float


class _Shape(NamedTuple):
    """What of a job's calls does not depend on the text: all but pieces and lengths."""

    size: _TypeSize
    fixed_tokens: float
    route_tokens: float
    is_routed: bool


def full_volumes(
    job: Job, texts: Iterable[Texts], chars_per_token: float = CHARS_PER_TOKEN
) -> dict[Stage, Volume]:
    """The calls of a run in which every document needs every stage.

    Every document is routed (where there are types to choose from), has `DOUBTFUL_FIELDS` for the
    next tier, is verified, has one field mended in each tier and one decided. What share of them
    really does, and by how much calls are longer or shorter than here, is the caller's business. A
    token is taken to be `CHARS_PER_TOKEN` characters.

    Args:
        job: The job, its types spelled out.
        texts: The documents.
        chars_per_token: Characters of the documents to a token; instructions are English.

    Returns:
        A volume for every one of `STAGES`; empty for a stage that has nothing to do.
    """
    found = {stage: Volume() for stage in STAGES}
    size, fixed, route_tokens, is_routed = _shape(job)
    doubtful = min(DOUBTFUL_FIELDS, size.fields)
    per_field = (size.overhead_tokens - fixed) / size.fields
    answer_per_field = size.answer_tokens / size.fields
    has_documents = False
    for chars, count in texts:
        has_documents = True
        if is_routed:
            head = min(chars, _HEAD_CHARS) / chars_per_token
            found[ROUTE].add(count, route_tokens + head, _ROUTE_ANSWER_TOKENS)
        is_long = chars > job.cascade.long_document_chars
        pieces, piece_chars = _pieces(chars, job.cascade.max_input_chars)
        piece_tokens = piece_chars / chars_per_token
        found[EXTRACT_LONG if is_long else EXTRACT].add(
            count * pieces, piece_tokens + size.overhead_tokens, size.answer_tokens
        )
        if job.shadow.share:
            found[SHADOW].add(
                count * pieces, piece_tokens + size.overhead_tokens, size.answer_tokens
            )
        if not is_long:
            around = min(chars, doubtful * job.cascade.context_chars) / chars_per_token
            again = fixed + doubtful * per_field
            found[ESCALATE].add(count, around + again, doubtful * answer_per_field)
        if job.orchestrator.share:
            shown = min(chars, job.cascade.context_chars) / chars_per_token
            found[DECIDE].add(count, fixed + _DISPUTE_TOKENS + shown, _DECISION_TOKENS)
        found[VERIFY].add(count, size.verify_tokens, size.fields * _VERDICT_TOKENS)
        for stage in (RETRY, RETRY_UP):
            found[stage].add(count * pieces, piece_tokens + fixed + per_field, answer_per_field)
    if job.analysis.max_insights and has_documents:
        answer = job.analysis.max_insights * _INSIGHT_TOKENS
        found[INSIGHTS].add(1, _INSIGHTS_PROMPT_TOKENS, answer)
    return found


def baseline_volume(
    job: Job, texts: Iterable[Texts], chars_per_token: float = CHARS_PER_TOKEN
) -> Volume:
    """One call per document that reads it whole and asks for every field."""
    size = _shape(job).size
    found = Volume()
    for chars, count in texts:
        found.add(count, chars / chars_per_token + size.overhead_tokens, size.answer_tokens)
    return found


def _shape(job: Job) -> _Shape:
    types = document_types(job)
    # The fallback counts when it is alone: a document hardly ever turns out to be it.
    choices = tuple(t for t in types if t.name != job.fallback_type) or types
    return _Shape(
        size=_usual_type(choices),
        fixed_tokens=_fixed_tokens(),
        route_tokens=_route_overhead_tokens(choices),
        is_routed=len(types) > 1,
    )


def _pieces(chars: float, longest: int) -> tuple[int, float]:
    """Into how many calls a text is cut, and the characters in each, overlaps included."""
    if chars <= longest:
        return 1, chars
    overlap = min(_OVERLAP_CHARS, longest // 4)
    pieces = 1 - int(-(chars - longest) // (longest - overlap))
    return pieces, (chars + (pieces - 1) * overlap) / pieces


@lru_cache(maxsize=64)
def _usual_type(types: tuple[DocumentType, ...]) -> _TypeSize:
    """The average type."""
    sizes = [_type_size(t) for t in types]
    return _TypeSize(*(sum(figures) / len(sizes) for figures in zip(*sizes, strict=True)))


def _type_size(document_type: DocumentType) -> _TypeSize:
    specs = document_type.fields
    prompt = "".join(extraction_prompt(document_type, ""))
    schema = json.dumps(extraction_schema(document_type))
    verify = "".join(verify_prompt([])) + json.dumps(verdicts_schema([s.name for s in specs]))
    claims = sum(len(field_description(s)) + _SNIPPET_CHARS for s in specs)
    return _TypeSize(
        overhead_tokens=(len(prompt) + len(schema)) / CHARS_PER_TOKEN,
        answer_tokens=sum(_MULTI_FIELD_TOKENS if s.multi else _SINGLE_FIELD_TOKENS for s in specs),
        fields=len(specs),
        verify_tokens=(len(verify) + claims) / CHARS_PER_TOKEN,
    )


@lru_cache(maxsize=1)
def _fixed_tokens() -> float:
    """Tokens of an extraction prompt that do not depend on the fields asked for."""
    nothing = DocumentType.model_validate({"name": "x", "fields": [{"name": "x"}]})
    return len("".join(extraction_prompt(nothing, ""))) / CHARS_PER_TOKEN


@lru_cache(maxsize=64)
def _route_overhead_tokens(types: tuple[DocumentType, ...]) -> float:
    prompt = "".join(route_prompt(types, ""))
    return (len(prompt) + len(json.dumps(route_schema([t.name for t in types])))) / CHARS_PER_TOKEN
