"""Is one answered field good enough? Validity, grounding, own rules, confidence; nothing else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from llms.grounding import TextIndex, ground
from llms.values import broken_rules, canonical
from schemas.fields import DocumentType, FieldSource, FieldSpec


class Problem(StrEnum):
    """Why a field was not accepted. The first four are hard: no confidence outweighs them."""

    INVALID = "invalid"
    UNGROUNDED = "ungrounded"
    RULE = "rule"
    MISSING = "missing"
    UNSURE = "unsure"
    CONFLICT = "conflict"


HARD = frozenset({Problem.INVALID, Problem.UNGROUNDED, Problem.RULE, Problem.MISSING})


_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a value stands: `text[start:end] == quote`, in code points of the document."""

    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one or more answers say about a field, and what is wrong with it.

    Attributes:
        values: Canonical values; empty when the document is said to have none.
        evidence: One entry per grounded value, in the order of the values.
        confidence: Probability of being right; null where nobody stated one (an empty list).
        tier: Tier that gave it, 0 being the first.
        model: Slug of the model that gave it.
        agreed: Two different models gave the same values.
        problems: Reasons against accepting it, by kind, each with a sentence.
    """

    values: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    confidence: float | None
    tier: int
    model: str
    agreed: bool = False
    problems: tuple[tuple[Problem, str], ...] = ()

    @property
    def is_hard(self) -> bool:
        """Whether any problem is one that confidence cannot outweigh."""
        return any(kind in HARD for kind, _ in self.problems)

    @property
    def reason(self) -> str | None:
        """The problems as one sentence, or null."""
        return "; ".join(text for _, text in self.problems) or None

    def against(self, kind: Problem, text: str) -> "Candidate":
        """This candidate with one more problem."""
        return replace(self, problems=(*self.problems, (kind, text)))

    def without(self, *kinds: Problem) -> "Candidate":
        """This candidate without its problems of these kinds."""
        return replace(self, problems=tuple(p for p in self.problems if p[0] not in kinds))


def judge(spec: FieldSpec, answer: Any, index: TextIndex, *, tier: int, model: str) -> Candidate:
    """Judge one answered field by everything but its confidence.

    Args:
        spec: The field.
        answer: `{value, quote, confidence}`, or a list of those for a repeatable field, as
            `schemas.answers.extraction_schema` asks for it.
        index: The whole text of the document, whatever excerpt was sent.
        tier: Tier that answered.
        model: Slug of the model that answered.
    """
    items: Sequence[Mapping[str, Any]] = answer if spec.multi else [answer]
    values: list[str] = []
    evidence: list[Evidence] = []
    confidences: list[float] = []
    problems: list[tuple[Problem, str]] = []
    for item in items:
        confidences.append(min(1.0, max(0.0, float(item["confidence"]))))
        if item["value"] is None:
            continue
        try:
            value = canonical(spec, item["value"])
        except ValueError as error:
            problems.append((Problem.INVALID, str(error)))
            continue
        if value in values:
            continue
        found = ground(index, spec, value, item["quote"])
        if found is None and spec.source is FieldSource.TEXT:
            problems.append((Problem.UNGROUNDED, f"{_shown(value)} does not stand in the text"))
            continue
        problems += [(Problem.RULE, text) for text in broken_rules(spec, value, {})]
        values.append(value)
        if found is not None:
            evidence.append(Evidence(found.start, found.end, index.text[found.start : found.end]))
            # No answer is surer than its place in the text: a value that stands only inside a
            # longer word, or in the second reading of a date, is doubtful whatever the model says.
            if spec.source is FieldSource.TEXT:
                confidences[-1] = min(confidences[-1], found.score)
    if spec.required and not values and not problems:
        problems.append((Problem.MISSING, "required, but the answer has no value"))
    return Candidate(
        values=tuple(values),
        evidence=tuple(evidence),
        confidence=min(confidences) if confidences else None,
        tier=tier,
        model=model,
        problems=tuple(problems),
    )


def weigh(candidate: Candidate, threshold: float) -> Candidate:
    """The candidate with the problem `unsure` exactly when its confidence is under the threshold.

    An empty list carries no confidence of its own and is taken at its word.
    """
    settled = candidate.without(Problem.UNSURE)
    if candidate.confidence is None or candidate.confidence >= threshold:
        return settled
    return settled.against(
        Problem.UNSURE, f"confidence {candidate.confidence:.2f} is under {threshold:.2f}"
    )


def combine(old: Candidate | None, new: Candidate) -> Candidate:
    """What two tiers say together about a field.

    Two different models that name the same values strengthen each other as independent witnesses
    would (one minus the product of the doubts). Otherwise the later tier counts, unless its answer
    has a hard problem and the earlier one has none.
    """
    if old is None:
        return new
    if old.model != new.model and _alike(old.values, new.values) and not new.is_hard:
        doubts = [1 - c.confidence for c in (old, new) if c.confidence is not None]
        product = 1.0
        for doubt in doubts:
            product *= doubt
        return replace(new, confidence=1 - product if doubts else None, agreed=True)
    if new.is_hard and old.values and not old.is_hard:
        return old
    return new


def contradictions(
    document_type: DocumentType, candidates: Mapping[str, Candidate]
) -> dict[str, str]:
    """Fields whose values contradict each other, with the broken rule as a sentence.

    A rule over several fields accuses all of them, since it cannot tell which one is wrong.
    """
    values = {
        name: _as_other(document_type.field(name), candidate.values)
        for name, candidate in candidates.items()
    }
    accused: dict[str, str] = {}
    for spec in document_type.fields:
        value = values.get(spec.name)
        if not isinstance(value, str):
            continue
        own = broken_rules(spec, value, {})
        crossing = [text for text in broken_rules(spec, value, values) if text not in own]
        for text in crossing:
            for name in (spec.name, *spec.sum_of, *filter(None, [spec.not_before])):
                if name in candidates and candidates[name].values:
                    accused.setdefault(name, text)
    return accused


def _as_other(spec: FieldSpec, values: tuple[str, ...]) -> str | list[str] | None:
    if spec.multi:
        return list(values)
    return values[0] if values else None


def _alike(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    return sorted(map(_comparable, left)) == sorted(map(_comparable, right))


def _comparable(value: str) -> str:
    """The value but for its case or, of a number, its trailing zeros: 119.00 is 119."""
    if _NUMBER.fullmatch(value):
        return str(Decimal(value).normalize())
    return value.casefold()


def _shown(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "...")
