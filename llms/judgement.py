"""Is one answered field good enough? Validity, grounding, own rules, confidence; nothing else."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from llms.grounding import TextIndex, ground
from llms.values import broken_rules, canonical
from schemas.calibration import Signal
from schemas.fields import DocumentType, FieldSource, FieldSpec


class Problem(StrEnum):
    """Why a field was not accepted. The first four are hard: no confidence outweighs them."""

    INVALID = "invalid"
    UNGROUNDED = "ungrounded"
    RULE = "rule"
    MISSING = "missing"
    UNSURE = "unsure"
    CONFLICT = "conflict"
    DISPUTED = "disputed"


HARD = frozenset({Problem.INVALID, Problem.UNGROUNDED, Problem.RULE, Problem.MISSING})


_AGAINST_RULES = frozenset({Problem.INVALID, Problem.RULE, Problem.MISSING})

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
        signals: What is known for or against it, before anything was weighed.
    """

    values: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    confidence: float | None
    tier: int
    model: str
    agreed: bool = False
    problems: tuple[tuple[Problem, str], ...] = ()
    signals: Mapping[Signal, float] = field(default_factory=dict)

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

    def signalling(self, signal: Signal, value: float) -> "Candidate":
        """This candidate with one more signal, or another value of it."""
        return replace(self, signals={**self.signals, signal: value})

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
    stated: list[float] = []
    places: list[float] = []
    for item in items:
        stated.append(min(1.0, max(0.0, float(item["confidence"]))))
        confidences.append(stated[-1])
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
        if found is not None or spec.source is FieldSource.TEXT:
            places.append(found.score if found else 0.0)
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
    signals = {Signal.RULES: float(not any(kind in _AGAINST_RULES for kind, _ in problems))}
    if places:
        signals[Signal.GROUNDING] = min(places)
    if stated:
        signals[Signal.STATED] = min(stated)
    return Candidate(
        values=tuple(values),
        evidence=tuple(evidence),
        confidence=min(confidences) if confidences else None,
        tier=tier,
        model=model,
        problems=tuple(problems),
        signals=signals,
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
    is_alike = alike(old.values, new.values)
    if old.model != new.model:
        new = new.signalling(Signal.AGREEMENT, float(is_alike))
    if old.model != new.model and is_alike and not new.is_hard:
        doubts = [1 - c.confidence for c in (old, new) if c.confidence is not None]
        product = 1.0
        for doubt in doubts:
            product *= doubt
        return replace(new, confidence=1 - product if doubts else None, agreed=True)
    if new.is_hard and old.values and not old.is_hard:
        return old
    return new


def second_opinion(first: Candidate, second: Candidate) -> Candidate:
    """What a cheap answer is worth once another cheap model has answered the same question."""
    is_alike = alike(first.values, second.values)
    heard = first.signalling(Signal.AGREEMENT, float(is_alike))
    if is_alike:
        return heard
    said = ", ".join(second.values) or "nothing"
    return heard.against(Problem.DISPUTED, f"a second model says {_shown(said)}")


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


def alike(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether two answers name the same values, whatever their order, case and trailing zeros."""
    return sorted(map(_comparable, left)) == sorted(map(_comparable, right))


def _comparable(value: str) -> str:
    """The value but for its case or, of a number, its trailing zeros: 119.00 is 119."""
    if _NUMBER.fullmatch(value):
        return str(Decimal(value).normalize())
    return value.casefold()


def _shown(value: str) -> str:
    return repr(value if len(value) <= 60 else value[:57] + "...")
