"""What does each role demand of a model, on the scale of the catalog at hand?"""

from dataclasses import dataclass, replace
from enum import StrEnum

from llms.catalog import Catalog
from llms.scales import carry, describe, require_linked
from schemas.roles import Role


class Priority(StrEnum):
    """What decides between two models that are both good enough; see `llms.priorities.RULES`."""

    CAPABILITY = "capability"
    BALANCE = "balance"
    RELIABILITY = "reliability"
    COST = "cost"


@dataclass(frozen=True, slots=True)
class CallShape:
    """How large a role's calls are, in tokens.

    Attributes:
        prompt_tokens: All of the usual prompt.
        answer_tokens: The usual answer itself, without thinking.
        stable_tokens: The beginning of the prompt that is the same in every call.
        longest_prompt: The longest prompt there can be, counted high; 0 where only the usual one
            is known.
        longest_answer: The longest answer there can be; likewise.
    """

    prompt_tokens: int
    answer_tokens: int
    stable_tokens: int = 0
    longest_prompt: int = 0
    longest_answer: int = 0

    @property
    def room(self) -> int:
        """Tokens that prompt and answer may need together."""
        prompt = max(self.prompt_tokens, self.longest_prompt)
        return prompt + max(self.answer_tokens, self.longest_answer)


@dataclass(frozen=True, slots=True)
class RoleSpec:
    """What a role demands.

    Attributes:
        min_intelligence: Points on the intelligence index, at least.
        min_coding: Points on the coding index, at least; null demands nothing.
        priority: What decides between models that are good enough.
        shape: The usual size of a call, by which models are priced.
        needs_structure: Whether answers have to follow a JSON schema.
        needs_tools: Whether the model has to call tools.
    """

    min_intelligence: float
    min_coding: float | None
    priority: Priority
    shape: CallShape
    needs_structure: bool = True
    needs_tools: bool = False


ROLES: dict[Role, RoleSpec] = {
    Role.ORCHESTRATOR: RoleSpec(55, 45, Priority.CAPABILITY, CallShape(6000, 1500)),
    Role.REASONING_WORKER: RoleSpec(45, None, Priority.BALANCE, CallShape(1500, 250)),
    Role.TOOL_WORKER: RoleSpec(
        40, 40, Priority.RELIABILITY, CallShape(3000, 400), needs_structure=False, needs_tools=True
    ),
    Role.EXTRACTION_WORKER: RoleSpec(30, None, Priority.COST, CallShape(3000, 500)),
    Role.FORMATTING_WORKER: RoleSpec(25, None, Priority.COST, CallShape(1200, 30)),
}
"""Thresholds on the scale of index version 2026-06 (`llms.scales.WRITTEN_FOR`), as the design
states them. Call shapes, where no job is at hand: a document of 2,000 tokens with its instructions
and schema for extraction; two fields with their surroundings for the reasoning worker; the first
3,000 characters for routing."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What the roles demand of the models of one catalog.

    Attributes:
        specs: Per role, with thresholds on the catalog's scale.
        notes: What became of the thresholds, in sentences; empty where nothing was re-based.
    """

    specs: dict[Role, RoleSpec]
    notes: tuple[str, ...] = ()


def demands_of(catalog: Catalog) -> Demands:
    """The demands of the roles, their thresholds carried over to the scale of a catalog.

    Raises:
        ScaleError: A score stands on another scale than the thresholds, and no known re-basing
            leads to it.
    """
    scales = catalog.scales
    require_linked(catalog.models, scales)
    specs = {
        role: replace(
            spec,
            min_intelligence=carry(spec.min_intelligence, "intelligence", scales).points,
            min_coding=None
            if spec.min_coding is None
            else carry(spec.min_coding, "coding", scales).points,
        )
        for role, spec in ROLES.items()
    }
    intelligence = [spec.min_intelligence for spec in ROLES.values()]
    coding = [spec.min_coding for spec in ROLES.values() if spec.min_coding is not None]
    told = (
        describe(intelligence, "intelligence", scales),
        describe(coding, "coding", scales),
    )
    return Demands(specs, tuple(note for note in told if note is not None))
