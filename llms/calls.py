"""What goes into a call and what comes out of it: the types every other module of `llms` shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from schemas.roles import Role


@dataclass(frozen=True, slots=True)
class Call:
    """One question to a role.

    Attributes:
        role: Who is asked; the role's ranked models answer in turn when one fails over.
        stage: Which part of the pipeline asks: route, extract, escalate, verify, insights.
        system: The stable part of the prompt; it comes first so that prompt caches hit.
        user: The part that differs from call to call.
        schema_name: Name of the answer's JSON schema, one of those in `schemas.answers`.
        schema: The JSON schema itself.
        doc_id: The document the call is about, if any.
        max_output_tokens: Limit of the answer, in tokens, thinking not included.
        avoid: Slugs of models that must not answer (a verifier is never who answered).
        logprobs: Ask for the probabilities of the answer's tokens, where the model gives them. An
            answer that was stored without them is taken as it is.
    """

    role: Role
    stage: str
    system: str
    user: str
    schema_name: str
    schema: Mapping[str, Any]
    doc_id: str | None = None
    max_output_tokens: int = 2000
    avoid: frozenset[str] = field(default_factory=frozenset)
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A validated answer.

    Attributes:
        data: The answer, parsed from JSON and valid under the call's schema.
        model: Slug of the model that answered.
        usd: What the answer cost when it was paid for, be it now or in an earlier run, with every
            failed attempt of this call.
        from_store: The answer was paid for earlier.
        attempts: Attempts this call took in this run; 0 when it came from the store.
        logprobs: Token log-probabilities as the provider gave them, or null.
    """

    data: dict[str, Any]
    model: str
    usd: float
    from_store: bool
    attempts: int
    logprobs: tuple[tuple[str, float], ...] | None = None


class Ask(Protocol):
    """Send a call down the call path; raises `llms.failures.CallError`."""

    async def __call__(self, call: Call) -> Reply: ...
