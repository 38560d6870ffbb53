"""How large are the calls of a job, role by role?"""

import json
from collections.abc import Sequence
from statistics import fmean

from llms.extraction import TOKENS_MULTI, TOKENS_SINGLE
from llms.pricing import CHARS_PER_TOKEN
from llms.prompts import extraction_prompt, route_prompt
from llms.roles import ROLES, CallShape
from llms.router import HEAD_CHARS
from schemas.answers import extraction_schema, route_schema
from schemas.fields import DocumentType
from schemas.job import Job
from schemas.roles import Role

DOCUMENT_TOKENS = 2000
"""Text of the usual document. What the documents of a source really hold is the forecast's
question; the order of two models hardly depends on it."""

DOUBTFUL_FIELDS = 2
"""Fields of a document that the second tier is usually asked for."""

_SINGLE_FIELD_TOKENS = 32
_MULTI_FIELD_TOKENS = 96
"""A field in a usual answer: name, value, quote and confidence."""


def shapes_of(job: Job) -> dict[Role, CallShape]:
    """The sizes of a job's calls, for the roles whose calls depend on the job.

    The longest prompt is counted at a token per character, as in Chinese or Japanese, so that a
    model with room for it has room for every document.

    Args:
        job: The job; only types that are spelled out are looked at.

    Returns:
        A shape for every role; the usual one where the job does not say more.
    """
    shapes = {role: spec.shape for role, spec in ROLES.items()}
    types = [t for t in job.types if isinstance(t, DocumentType)]
    if not types:
        return shapes
    longest = job.cascade.max_input_chars
    stable = [_tokens(_instructions(t)) for t in types]
    fixed = _tokens(extraction_prompt(_NO_TYPE, "")[0])
    text = min(DOCUMENT_TOKENS, _tokens_of(longest))
    answers = [_answer(t, _SINGLE_FIELD_TOKENS, _MULTI_FIELD_TOKENS) for t in types]
    longest_call = {
        "longest_prompt": longest + max(stable),
        "longest_answer": max(_answer(t, TOKENS_SINGLE, TOKENS_MULTI) for t in types),
    }
    shapes[Role.EXTRACTION_WORKER] = CallShape(
        prompt_tokens=round(fmean(stable)) + text,
        answer_tokens=round(fmean(answers)),
        stable_tokens=round(fmean(stable)),
        **longest_call,
    )
    # Asked for other fields each time, the second tier has no schema in common between calls.
    part = fmean(min(1.0, DOUBTFUL_FIELDS / len(t.fields)) for t in types)
    around = _tokens_of(min(DOUBTFUL_FIELDS * job.cascade.context_chars, longest))
    shapes[Role.REASONING_WORKER] = CallShape(
        prompt_tokens=round(fixed + part * (fmean(stable) - fixed)) + around,
        answer_tokens=max(1, round(part * fmean(answers))),
        stable_tokens=fixed,
        **longest_call,
    )
    routing = _tokens(_routing(types))
    shapes[Role.FORMATTING_WORKER] = CallShape(
        prompt_tokens=routing + _tokens_of(HEAD_CHARS),
        answer_tokens=ROLES[Role.FORMATTING_WORKER].shape.answer_tokens,
        stable_tokens=routing,
        longest_prompt=routing + HEAD_CHARS,
    )
    return shapes


_NO_TYPE = DocumentType.model_validate({"name": "x", "fields": [{"name": "x"}]})


def _instructions(document_type: DocumentType) -> str:
    """What stands before the document in every call of a type: instructions and schema."""
    system, _ = extraction_prompt(document_type, "")
    return system + json.dumps(extraction_schema(document_type))


def _routing(types: Sequence[DocumentType]) -> str:
    system, _ = route_prompt(types, "")
    return system + json.dumps(route_schema([t.name for t in types]))


def _answer(document_type: DocumentType, single: int, multi: int) -> int:
    return sum(multi if spec.multi else single for spec in document_type.fields)


def _tokens(text: str) -> int:
    return _tokens_of(len(text))


def _tokens_of(chars: int) -> int:
    return round(chars / CHARS_PER_TOKEN)
