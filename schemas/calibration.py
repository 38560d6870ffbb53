"""What was certified, for whom, and in which words: a calibration as it is stored and reused."""

import hashlib
from datetime import date
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.counted import counted
from schemas.start_rule import StartRule


class Signal(StrEnum):
    """What speaks for or against an answer, each between 0 (against) and 1 (for)."""

    RULES = "rules"
    """1 where the value is valid and keeps the rules of its field, else 0."""
    GROUNDING = "grounding"
    """How well the value stands in the text: the score of `llms.grounding`, 0 where it does not."""
    MIN_TOKEN = "min_token"  # noqa: S105 - a token of a text, no secret
    """Probability of the least probable token of the value."""
    MEAN_TOKEN = "mean_token"  # noqa: S105 - likewise
    """Geometric mean of the probabilities of the tokens of the value."""
    AGREEMENT = "agreement"
    """Share of other cheap answers that say the same."""
    VERIFIER = "verifier"
    """1 ok, 0 bad, 0.5 cannot tell."""
    STATED = "stated"
    """The confidence that the model states itself."""


class SignalWeight(BaseModel):
    """What one signal adds to the score of an answer.

    The score grows by `weight * (transformed value - centre) / spread`, or by `when_missing`.
    """

    model_config = ConfigDict(frozen=True)

    signal: Signal
    centre: float = Field(description="Mean of the transformed signal where it was there.")
    spread: float = Field(gt=0, description="Its standard deviation.")
    weight: float = Field(
        description="Score per standard deviation; negative where the signal points the wrong way."
    )
    when_missing: float = Field(description="Score of an answer without this signal.")


class Step(BaseModel):
    """A corner of the rising line from score to confidence."""

    model_config = ConfigDict(frozen=True)

    score: float
    confidence: float = Field(ge=0, le=1)


class ConfidenceModel(BaseModel):
    """How signals become one confidence, fitted for one field of one task and one model."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["constant", "logistic", "isotonic"] = Field(
        description="`logistic`: confidence is the logistic function of the score. `isotonic`: it "
        "follows `steps`. `constant`: no signal told right from wrong; all answers have one."
    )
    base: float = Field(description="Score of an answer whose signals are all average.")
    weights: tuple[SignalWeight, ...] = ()
    steps: tuple[Step, ...] = Field(default=(), description="Ascending; of `isotonic` alone.")
    dropped: dict[Signal, str] = Field(
        default_factory=dict, description="Signals that were there and are not used, with why."
    )
    flipped: tuple[Signal, ...] = Field(
        default=(), description="Signals that point the wrong way on this task, and are read so."
    )
    is_assumed: bool = Field(
        default=False,
        description="Too few wrong answers to fit a weight to: the share of right ones is fitted, "
        "and the order of the answers is assumed to be that of what the model states.",
    )
    examples: int = Field(ge=0, description="Labelled answers that it was fitted to.")
    right: int = Field(ge=0, description="Right ones among them.")
    auc: float | None = Field(
        default=None,
        description="Chance that a right answer gets more confidence than a wrong one, on answers "
        "not fitted to, as the two figures below; null where it says nothing (all right, or all "
        "the same).",
    )
    log_loss: float | None = Field(
        default=None, description="Mean -log of the probability given to what was the case."
    )
    brier: float | None = Field(
        default=None, description="Mean squared difference of confidence and outcome."
    )


class Scope(BaseModel):
    """What a calibration is about. Outside of it nothing is promised and it is not used."""

    model_config = ConfigDict(frozen=True)

    task: str = Field(description="Job and document type, and the field where it is about one.")
    schema_hash: str = Field(description="Of the fields as asked for.")
    prompt_hash: str = Field(description="Of the stable part of the prompt.")
    cheap: tuple[str, ...] = Field(description="Models whose answers are accepted, in order.")
    strong: str | None = Field(description="Model that gets what is not accepted; null: nobody.")
    policy_hash: str = Field(
        default="", description="Of the options of cascade and verifier that shape an answer."
    )

    def difference(self, other: "Scope") -> str | None:
        """What distinguishes two scopes, as a clause; null where they are the same."""
        for name in type(self).model_fields:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                what = name.replace("_", " ")
                return f"it was made for {what} {_shown(mine)}, and this is {_shown(theirs)}"
        return None


class Guarantee(BaseModel):
    """A promise about accepted answers, or the refusal to give one, with all it rests on."""

    model_config = ConfigDict(frozen=True)

    rule: Literal["batch", "long_run", "next_answers", "accepted", "expected"] = Field(
        description="`batch`: this batch, by a sample of it. `long_run`: share of all answers to "
        "come. `next_answers`: exactly the next `answers` ones. `accepted`: share of the accepted "
        "ones to come. `expected`: on average over calibrations, not with probability 1 - delta."
    )
    against: Literal["strong_model", "truth"] = Field(
        description="What counts as right: what the strong model says, or what people labelled."
    )
    unit: Literal["field", "record"] = "field"
    target: float = Field(gt=0, lt=1, description="Share that has to be right.")
    delta: float | None = Field(
        gt=0, lt=1, description="Probability that it fails; null for `expected`."
    )
    answers: int | None = Field(
        default=None, ge=1, description="Answers in the batch, or next answers promised about."
    )
    labelled: int = Field(ge=0, description="Answers judged.")
    accepted: int = Field(ge=0, description="Judged answers that were accepted.")
    errors: int = Field(ge=0, description="Wrong ones among those.")
    threshold: float | None = Field(
        description="Accept from this confidence on; null where nothing could be certified."
    )
    needed: int = Field(
        ge=0, description="Fewest judged answers with which this target can be certified at all."
    )

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not self.errors <= self.accepted <= self.labelled:
            raise ValueError(
                f"{self.errors} errors, {self.accepted} accepted, {self.labelled} judged: each "
                "must be at most the next"
            )
        if (self.delta is None) != (self.rule == "expected"):
            raise ValueError("delta belongs to every promise but an expected one")
        if (self.answers is None) == (self.rule in ("batch", "next_answers")):
            raise ValueError("a batch and next answers, and no others, say how many answers")
        return self

    @property
    def tolerated(self) -> float:
        """Rate of errors that an audit of this promise tolerates.

        Where the promise is about all answers, the audited ones are drawn among all of them; a
        drawn one that goes to the strong model anyway was not accepted wrongly, and costs nothing.
        """
        return 1 - self.target

    def words(self) -> str:
        """The promise as one sentence with what it rests on, or why there is none."""
        if self.threshold is None:
            return self._refusal()
        return (
            f"{self.claim()} (by {self.labelled} judged, {counted(self.errors, 'error')} accepted)"
        )

    def claim(self) -> str:
        """What is promised once there is a threshold."""
        right = "as the strong model has it" if self.against == "strong_model" else "right"
        odds = "" if self.delta is None else f"with probability {1 - self.delta:g}, "
        share = f"at least {self.target:.4g} of the"
        wrong = {
            "batch": f"{share} {self.answers} {self.unit}s of this batch are {right}",
            "long_run": f"at most {1 - self.target:.4g} of all {self.unit}s to come are accepted "
            f"and not {right}",
            "next_answers": f"at most {1 - self.target:.4g} of the next {self.answers} {self.unit}s"
            f" are accepted and not {right}",
            "accepted": f"{share} accepted {self.unit}s to come are {right}",
            "expected": f"on average over sets of labels, at most {1 - self.target:.4g} of all "
            f"{self.unit}s to come are accepted and not {right}",
        }[self.rule]
        return f"{odds}{wrong}"

    def _refusal(self) -> str:
        if self.labelled < self.needed:
            return (
                f"not certified: {self.labelled} judged {self.unit}s are too few for "
                f"{self.target:g}, it takes {self.needed} without any error"
            )
        return (
            f"not certified: even the surest of {self.labelled} judged {self.unit}s hold too many "
            f"errors for {self.target:g}"
        )


class Calibration(BaseModel):
    """Confidence and promise for the fields of a task, with the scope that they hold in."""

    model_config = ConfigDict(frozen=True)

    scope: Scope
    made_on: date
    confidences: dict[str, dict[str, ConfidenceModel]] = Field(
        description="Per field, by the slug of the model that answered."
    )
    escalate_below: dict[str, float] = Field(
        default_factory=dict,
        description="Per field, confidence under which the next tier is asked.",
    )
    guarantees: dict[str, Guarantee] = Field(
        description="Per field; under an empty name that of whole records, where that is promised."
    )

    strong_documents: frozenset[str] = Field(
        default=frozenset(),
        description="Documents that the strong model answers from the start: the sample by which "
        "it has judged a batch, whose answers are kept.",
    )
    disagreement: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Rate at which the strong model disagreed with accepted answers when this was "
        "made, at most (upper bound); null: not measured.",
    )
    start: StartRule | None = Field(
        default=None,
        description="Which documents start in the second tier; null: nobody has looked.",
    )

    @property
    def tolerated(self) -> float:
        """Rate of disagreements that an audit takes for as good as when this was made.

        What was promised; or more, where the strong model disagreed more often with answers that
        people's labels had shown to be good enough: those are its own errors.
        """
        promised = [g.tolerated for g in self.guarantees.values() if g.threshold is not None]
        return max([*promised, *filter(None, [self.disagreement])], default=0.05)

    @property
    def delta(self) -> float:
        """Probability of a false alarm of its audit."""
        return min((g.delta for g in self.guarantees.values() if g.delta), default=0.1)

    @property
    def identity(self) -> str:
        """Fingerprint: another one is another cascade, whose records are not shared."""
        # Calibrations from before there was a rule keep their identity, and so their records.
        left_out = {"start"} if self.start is None else None
        return hashlib.sha256(self.model_dump_json(exclude=left_out).encode()).hexdigest()[:12]

    def promise(self, field: str) -> Guarantee | None:
        """What is promised about a field: by itself, else as a part of its record."""
        return self.guarantees.get(field) or self.guarantees.get("")

    def accept_from(self, field: str) -> float | None:
        """The confidence from which on an answer is kept; null where nothing was certified."""
        promise = self.promise(field)
        return None if promise is None else promise.threshold

    @property
    def signals(self) -> frozenset[Signal]:
        """The signals that some confidence of it makes use of."""
        models = (model for by_model in self.confidences.values() for model in by_model.values())
        return frozenset(weight.signal for model in models for weight in model.weights)

    def applies_to(self, scope: Scope) -> str | None:
        """Why this calibration must not be used for `scope`; null where it may.

        Time alone does not void it: whether documents have changed is what the audit is for.
        """
        return self.scope.difference(scope)


class AuditState(BaseModel):
    """A standing audit between two answers (see `llms.calibration.martingale`)."""

    model_config = ConfigDict(frozen=True)

    tolerated: float = Field(gt=0, lt=1, description="Rate of errors allowed.")
    delta: float = Field(gt=0, lt=1, description="Probability of a false alarm, over all time.")
    stakes: tuple[float, ...] = Field(min_length=1, description="Money on each rate of errors.")
    audits: int = Field(default=0, ge=0)
    errors: int = Field(default=0, ge=0)
    wealth: float = Field(default=1.0, ge=0, description="Alarm when it reaches 1 / delta.")
    alarm_at: int | None = Field(default=None, description="Audits it took, once it was raised.")


class AuditBook(BaseModel):
    """The audit of one calibration across runs, and which answers it has counted."""

    model_config = ConfigDict(frozen=True)

    state: AuditState
    counted: dict[str, int] = Field(
        default_factory=dict,
        description="Audited answers counted so far, by the file of the lake they stand in.",
    )


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " then ".join(map(str, value)) or "nobody"
    return "nobody" if value is None else repr(value)
