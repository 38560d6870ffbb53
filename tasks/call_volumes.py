"""How many calls of which size would each stage make? In a low, an expected and a high scenario."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from llms.pricing import CHARS_PER_TOKEN
from llms.prompts import extraction_prompt, route_prompt, verify_prompt
from schemas.answers import extraction_schema, field_description, route_schema, verdicts_schema
from schemas.fields import DocumentType
from schemas.job import Job
from schemas.roles import Role
from tasks.jobs import document_types
from tasks.text_size import Guess

LOW, EXPECTED, HIGH = SCENARIOS = range(3)
"""Index into a `Guess`; every assumption takes the same end of its range in a scenario."""

ROUTED_SHARE = Guess(0.02, 0.25, 1.0)
"""Share of the documents whose type neither a glob nor their words settle."""

ESCALATED_SHARE = Guess(0.05, 0.2, 0.5)
"""Share of the documents with fields that the first tier cannot settle."""

ESCALATED_FIELDS = Guess(1, 2, 4)

_SINGLE_FIELD_TOKENS = 32
_MULTI_FIELD_TOKENS = 96
_ANSWER_LENGTH = Guess(0.7, 1.0, 1.5)
_ROUTE_ANSWER_TOKENS = 15
_VERDICT_TOKENS = 30
_INSIGHT_TOKENS = 120
_INSIGHTS_PROMPT_TOKENS = Guess(1000, 3000, 8000)

# What a call of the router, of the verifier (per field) and of two neighbouring pieces holds; the
# limits are those of llms.router, llms.verifier and llms.excerpts.
_HEAD_CHARS = 3000
_SNIPPET_CHARS = 700
_OVERLAP_CHARS = 400


class Texts(NamedTuple):
    """So many documents of so many characters of text each."""

    chars: float
    documents: int


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage that calls models.

    Attributes:
        name: As people read it.
        role: Who is asked.
        place: Place in the role's ranked list; a verifier is never the model that answered.
    """

    name: str
    role: Role
    place: int = 0


ROUTE = Stage("route", Role.FORMATTING_WORKER)
EXTRACT = Stage("extract", Role.EXTRACTION_WORKER)
EXTRACT_LONG = Stage("extract, long documents", Role.REASONING_WORKER)
ESCALATE = Stage("escalate", Role.REASONING_WORKER)
VERIFY = Stage("verify", Role.EXTRACTION_WORKER, place=1)
INSIGHTS = Stage("insights", Role.REASONING_WORKER)

STAGES = (ROUTE, EXTRACT, EXTRACT_LONG, ESCALATE, VERIFY, INSIGHTS)


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


def call_volumes(job: Job, texts: Sequence[Texts], scenario: int) -> dict[Stage, Volume]:
    """The calls of every stage of a run.

    Args:
        job: The job, its types spelled out.
        texts: The documents.
        scenario: Which end of every assumption to take.

    Returns:
        A volume for every one of `STAGES`; empty for a stage that has nothing to do.
    """
    found = {stage: Volume() for stage in STAGES}
    choices = _choices(job)
    size = _usual_type(choices, scenario)
    is_routed = len(document_types(job)) > 1
    route_overhead = _route_overhead_tokens(choices)
    doubtful = min(ESCALATED_FIELDS[scenario], size.fields)
    fixed = _fixed_tokens()
    again = fixed + doubtful / size.fields * (size.overhead_tokens - fixed)
    for chars, count in texts:
        if is_routed:
            head = min(chars, _HEAD_CHARS) / CHARS_PER_TOKEN
            asked = count * ROUTED_SHARE[scenario]
            found[ROUTE].add(asked, route_overhead + head, _ROUTE_ANSWER_TOKENS)
        is_long = chars > job.cascade.long_document_chars
        pieces, piece_tokens = _pieces(chars, job.cascade.max_input_chars)
        found[EXTRACT_LONG if is_long else EXTRACT].add(
            count * pieces, piece_tokens + size.overhead_tokens, size.answer_tokens
        )
        if not is_long:
            around = min(chars, doubtful * job.cascade.context_chars) / CHARS_PER_TOKEN
            found[ESCALATE].add(
                count * ESCALATED_SHARE[scenario],
                around + again,
                doubtful / size.fields * size.answer_tokens,
            )
        checked = count * job.verify.share
        found[VERIFY].add(checked, size.verify_tokens, size.fields * _VERDICT_TOKENS)
    if job.analysis.max_insights and texts:
        answer = job.analysis.max_insights * _INSIGHT_TOKENS
        found[INSIGHTS].add(1, _INSIGHTS_PROMPT_TOKENS[scenario], answer)
    return found


def baseline_volume(job: Job, texts: Sequence[Texts], scenario: int) -> Volume:
    """One call per document that reads it whole and asks for every field."""
    size = _usual_type(_choices(job), scenario)
    found = Volume()
    for chars, count in texts:
        found.add(count, chars / CHARS_PER_TOKEN + size.overhead_tokens, size.answer_tokens)
    return found


def _choices(job: Job) -> list[DocumentType]:
    """The types that a document may turn out to be; the fallback counts when it is alone."""
    types = document_types(job)
    return [t for t in types if t.name != job.fallback_type] or list(types)


def _pieces(chars: float, longest: int) -> tuple[int, float]:
    """Into how many calls a text is cut, and the tokens of text in each, overlaps included."""
    if chars <= longest:
        return 1, chars / CHARS_PER_TOKEN
    overlap = min(_OVERLAP_CHARS, longest // 4)
    pieces = 1 - int(-(chars - longest) // (longest - overlap))
    return pieces, (chars + (pieces - 1) * overlap) / pieces / CHARS_PER_TOKEN


def _usual_type(types: Sequence[DocumentType], scenario: int) -> _TypeSize:
    """The average type; in the low scenario the smallest one, in the high one the largest."""
    sizes = [_type_size(t, scenario) for t in types]
    if scenario == EXPECTED:
        return _TypeSize(*(sum(figures) / len(sizes) for figures in zip(*sizes, strict=True)))
    choose = min if scenario == LOW else max
    return choose(sizes, key=lambda size: size.answer_tokens)


def _type_size(document_type: DocumentType, scenario: int) -> _TypeSize:
    specs = document_type.fields
    prompt = "".join(extraction_prompt(document_type, ""))
    schema = json.dumps(extraction_schema(document_type))
    answer = sum(_MULTI_FIELD_TOKENS if s.multi else _SINGLE_FIELD_TOKENS for s in specs)
    verify = "".join(verify_prompt([])) + json.dumps(verdicts_schema([s.name for s in specs]))
    claims = sum(len(field_description(s)) + _SNIPPET_CHARS for s in specs)
    return _TypeSize(
        overhead_tokens=(len(prompt) + len(schema)) / CHARS_PER_TOKEN,
        answer_tokens=answer * _ANSWER_LENGTH[scenario],
        fields=len(specs),
        verify_tokens=(len(verify) + claims) / CHARS_PER_TOKEN,
    )


def _fixed_tokens() -> float:
    """Tokens of an extraction prompt that do not depend on the fields asked for."""
    nothing = DocumentType.model_validate({"name": "x", "fields": [{"name": "x"}]})
    return len("".join(extraction_prompt(nothing, ""))) / CHARS_PER_TOKEN


def _route_overhead_tokens(types: Sequence[DocumentType]) -> float:
    prompt = "".join(route_prompt(types, ""))
    return (len(prompt) + len(json.dumps(route_schema([t.name for t in types])))) / CHARS_PER_TOKEN
