"""What would 10,000 documents have cost on each day, and what on one strong model?

The scenario of the architecture guide: entities from 10,000 documents, then an analysis and one
report. A document has 2,000 tokens, its instructions and schema 1,000, its answer 500; a quarter
of the documents is routed by a model, a fifth has fields that the first tier leaves open, a tenth
is verified by another maker's model. Every model thinks per token of answer as much as the index
measured of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.replay_days import Day
from llms.pricing import Talkativeness, as_model, expected_call_usd
from llms.priorities import Candidate
from schemas.roles import Model, Role

DOCUMENTS = 10_000
INSTRUCTION_TOKENS = 1_000
CACHED_PRICE = 0.1
"""What a cached prompt token costs, as a share of a fresh one; the history publishes none."""

BATCH_DISCOUNT = 0.5


class Strong(StrEnum):
    """Which one model does all the work that docmill is compared with."""

    MOST_CAPABLE = "the most capable model"
    CHEAPEST_CAPABLE = "the cheapest model that qualifies as orchestrator"
    MIDDLE = "the mid-tier reasoning worker"


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What the comparison rests on; every field can be turned against docmill.

    Attributes:
        strong: The model that docmill is compared with.
        strong_thinks: Share of its measured thinking that the strong model spends.
        workers_think: The same for docmill's models.
        strong_in_batch: Whether the strong model gets the Batch API's price, and docmill not.
        strong_cached: Whether the strong model's instructions come from a prompt cache, and
            docmill's not.
        answer_length: Factor on the tokens of every answer.
        document_tokens: Tokens of a document.
        routed: Share of the documents whose type a model is asked for.
        escalated: Share of the documents with fields for the second tier.
        verified: Share of the documents that are checked.
    """

    strong: Strong = Strong.MOST_CAPABLE
    strong_thinks: float = 1.0
    workers_think: float = 1.0
    strong_in_batch: bool = False
    strong_cached: bool = False
    answer_length: float = 1.0
    document_tokens: int = 2_000
    routed: float = 0.25
    escalated: float = 0.2
    verified: float = 0.1


USUAL = Assumptions()

_PLAIN = replace(USUAL, strong_thinks=0.0)
_REBATED = replace(_PLAIN, strong_in_batch=True, strong_cached=True)

AS_STATED = "as stated"
UNTHINKING = "the strong model does not think"

SENSITIVITIES: Mapping[str, Assumptions] = {
    AS_STATED: USUAL,
    "no model thinks": replace(_PLAIN, workers_think=0.0),
    UNTHINKING: _PLAIN,
    "strong model in the batch lane": replace(USUAL, strong_in_batch=True),
    "strong model's instructions cached": replace(USUAL, strong_cached=True),
    "answers twice as long": replace(USUAL, answer_length=2.0),
    "answers a fifth as long": replace(USUAL, answer_length=0.2),
    "documents of 500 tokens": replace(USUAL, document_tokens=500),
    "documents of 20,000 tokens": replace(USUAL, document_tokens=20_000),
    "half of the documents escalated, all verified": replace(USUAL, escalated=0.5, verified=1.0),
    "cheapest model that qualifies as orchestrator": replace(USUAL, strong=Strong.CHEAPEST_CAPABLE),
    "that cheapest one without thinking": replace(_PLAIN, strong=Strong.CHEAPEST_CAPABLE),
    "mid-tier model for everything": replace(USUAL, strong=Strong.MIDDLE),
    "strong model: no thinking, batch, cached": _REBATED,
    "the same, half escalated, all verified": replace(_REBATED, escalated=0.5, verified=1.0),
    "the same, and the cheapest that qualifies": replace(
        _REBATED, escalated=0.5, verified=1.0, strong=Strong.CHEAPEST_CAPABLE
    ),
}
"""By name; each differs from the stated assumptions as its name says, and in nothing else."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the scenario costs in US dollars, with docmill's models and with one strong one."""

    usd: float
    strong_usd: float
    strong_slug: str

    @property
    def saving(self) -> float:
        """How many times cheaper docmill's models are."""
        return self.strong_usd / self.usd


def compare(day: Day, given: Assumptions = USUAL) -> Comparison | None:
    """Price the scenario on a day; null where a role has no candidate.

    Args:
        day: The day, with what was chosen.
        given: The assumptions.
    """
    chosen = {role: role_day.carried.candidates for role, role_day in day.roles.items()}
    if not all(chosen.values()):
        return None
    talk = Talkativeness.of(day.models)

    def usd(candidate: Candidate, calls: float, prompt: float, answer: float) -> float:
        model = as_model(candidate.model, talk, provider="catalog")
        tokens = calls * answer * given.answer_length
        return expected_call_usd(model, calls * prompt, tokens, thinking=given.workers_think)

    extractor = chosen[Role.EXTRACTION_WORKER][0]
    reasoner = chosen[Role.REASONING_WORKER][0]
    router = chosen[Role.FORMATTING_WORKER][0]
    whole = given.document_tokens + INSTRUCTION_TOKENS
    own = (
        usd(router, DOCUMENTS * given.routed, 450 + min(given.document_tokens, 750), 30)
        + usd(extractor, DOCUMENTS, whole, 500)
        + usd(reasoner, DOCUMENTS * given.escalated, 1_500, 250)
        + usd(_checker(chosen, extractor), DOCUMENTS * given.verified, 1_200, 150)
        + usd(reasoner, 2, 4_000, 1_500)
    )
    strong = _strong(chosen, given.strong)
    rated = _rated(as_model(strong.model, talk, provider="catalog"))
    strong_usd = expected_call_usd(
        rated,
        DOCUMENTS * whole + 2 * 4_000,
        (DOCUMENTS * 500 + 2 * 1_500) * given.answer_length,
        thinking=given.strong_thinks,
        cached_tokens=DOCUMENTS * INSTRUCTION_TOKENS if given.strong_cached else 0,
        lane="batch" if given.strong_in_batch else "standard",
    )
    return Comparison(own, strong_usd, strong.model.slug)


def _checker(chosen: Mapping[Role, Sequence[Candidate]], extractor: Candidate) -> Candidate:
    """The best placed extraction worker of another maker, else the next one, else itself."""
    others = chosen[Role.EXTRACTION_WORKER][1:]
    strangers = [c for c in others if c.model.creator != extractor.model.creator]
    return (*strangers, *others, extractor)[0]


def _strong(chosen: Mapping[Role, Sequence[Candidate]], kind: Strong) -> Candidate:
    if kind is Strong.MIDDLE:
        return chosen[Role.REASONING_WORKER][0]
    capable = chosen[Role.ORCHESTRATOR]
    return capable[0] if kind is Strong.MOST_CAPABLE else min(capable, key=lambda c: c.call_usd)


def _rated(model: Model) -> Model:
    """The strong model with the rebates that the history does not publish."""
    cached = None if model.input_price is None else model.input_price * CACHED_PRICE
    return model.model_copy(update={"cached_input_price": cached, "batch_discount": BATCH_DISCOUNT})
