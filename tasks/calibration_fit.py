"""Which confidences, thresholds and promises do labelled answers of a document type support?"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, pstdev
from typing import Literal

from llms.calibration import learn_then_test as ltt
from llms.calibration import risk_control
from llms.calibration.fitting import confidence, fit, part_of
from llms.calibration.learn_then_test import Labelled, Threshold
from llms.calibration.signals import Example, transformed
from schemas.calibration import ConfidenceModel, Guarantee, Signal, SignalWeight
from schemas.counted import counted
from schemas.start_rule import StartRule
from tasks.calibration_labels import FinalAnswer, JudgedAnswer

Promise = Literal["accepted", "long_run"]

_PARTS = 5
_FITTED_PARTS = 2
"""Of five parts of the labelled documents, two fit the confidence and three certify: a promise
needs more labels than a curve of two or three numbers."""

_LEAST = 1e-9

ENOUGH_FOR_ACCEPTED = 4
"""Times the smallest number of labels, from which on the promise is about the accepted answers."""


@dataclass(frozen=True, slots=True)
class FittedType:
    """What the first part of the labels has taught about a document type.

    Attributes:
        confidences: Per field, by model.
        escalate_below: Per field, the confidence under which the next tier is worth asking.
        why: Per field, in words, why that is its threshold.
        held_out: By document, field and model, the confidence in an answer from a fit that has
            not seen its document.
        start: Which documents start in the second tier; null: not looked at.
    """

    confidences: dict[str, dict[str, ConfidenceModel]]
    escalate_below: dict[str, float]
    why: dict[str, str]
    held_out: dict[tuple[str, str, str], float] = field(default_factory=dict)
    start: StartRule | None = None


def is_for_fitting(document: str) -> bool:
    """Whether a labelled document fits the confidence; the others certify what was fitted."""
    return part_of(document, _PARTS, "fit or certify") < _FITTED_PARTS


def expected_for_certifying(documents: int) -> int:
    """How many of so many labelled documents are left to certify with, about."""
    return documents * (_PARTS - _FITTED_PARTS) // _PARTS


def refusal(documents: int, target: float, delta: float) -> str | None:
    """Why so few labelled documents can promise nothing; null where they can promise something.

    To be told before anything is spent.
    """
    left = expected_for_certifying(documents)
    needed = risk_control.smallest_n(target)
    if left >= needed:
        return None
    share = f"{_PARTS - _FITTED_PARTS} of {_PARTS}"
    return (
        f"{counted(documents, 'labelled document is', 'labelled documents are')} too few for a "
        f"target of {target:g}: about {left} of them ({share}) would certify, and even an average "
        f"over sets of labels takes {needed} without any error, a promise with probability "
        f"{1 - delta:g} takes {ltt.smallest_n(target, delta)}; label about "
        f"{-(-ltt.smallest_n(target, delta) * _PARTS // (_PARTS - _FITTED_PARTS))} or lower the "
        "target"
    )


def fit_type(answers: Iterable[JudgedAnswer], target: float) -> FittedType:
    """Fit the confidences of a type's fields and decide where the next tier is worth asking.

    An answer whose probability of being right reaches the target stays; any other goes up, unless
    the next tier did no better on just those.

    Args:
        answers: What each tier said of the documents that are for fitting.
        target: Share of right answers that will be promised.
    """
    by_field = _by_field(answers)
    found = FittedType({}, {}, {})
    for name, said in by_field.items():
        by_model: dict[str, list[JudgedAnswer]] = defaultdict(list)
        for answer in said:
            if answer.is_sound:
                by_model[answer.model].append(answer)
        found.confidences[name] = {}
        for model, own in by_model.items():
            fitted = fit([_example(a) for a in own])
            found.confidences[name][model] = _ordered(fitted.model, own)
            found.held_out.update(
                ((a.document, name, model), sure)
                for a, sure in zip(own, fitted.held_out, strict=True)
            )
    return thresholds(found, (a for said in by_field.values() for a in said), target)


def thresholds(fitted: FittedType, answers: Iterable[JudgedAnswer], target: float) -> FittedType:
    """Decide anew where the next tier is worth asking, field by field, by some documents.

    Args:
        fitted: The confidences; a field without an answer keeps its threshold.
        answers: What each tier said of those documents that start in the first one.
        target: Share of right answers that will be promised.
    """
    found = {
        name: _worth_asking(said, fitted.held_out, target)
        for name, said in _by_field(answers).items()
    }
    return replace(
        fitted,
        escalate_below={**fitted.escalate_below, **{n: level for n, (level, _) in found.items()}},
        why={**fitted.why, **{n: why for n, (_, why) in found.items()}},
    )


def _by_field(answers: Iterable[JudgedAnswer]) -> dict[str, list[JudgedAnswer]]:
    found: dict[str, list[JudgedAnswer]] = defaultdict(list)
    for answer in answers:
        found[answer.field].append(answer)
    return found


def _ordered(model: ConfidenceModel, answers: Sequence[JudgedAnswer]) -> ConfidenceModel:
    """A constant confidence with an order assumed, where some few answers were wrong.

    Without any order a promise about the field takes all of its answers or none. Any order keeps
    the promise; that of the stated confidence and of the place in the text is the likeliest.
    """
    if model.kind != "constant" or model.right in (0, model.examples):
        return model
    weights = []
    for signal in (Signal.STATED, Signal.GROUNDING):
        values = [transformed(signal, a.signals[signal]) for a in answers if signal in a.signals]
        spread = pstdev(values) if len(values) == len(answers) else 0.0
        if spread > 0:
            weights.append(
                SignalWeight(
                    signal=signal, centre=fmean(values), spread=spread, weight=1.0, when_missing=0.0
                )
            )
    if not weights:
        return model
    return model.model_copy(
        update={"kind": "logistic", "weights": tuple(weights), "is_assumed": True}
    )


def _worth_asking(
    said: Sequence[JudgedAnswer], held_out: Mapping[tuple[str, str, str], float], target: float
) -> tuple[float, str]:
    second = {a.document: a for a in said if a.tier > 0}
    doubtful = [
        a
        for a in said
        if a.tier == 0
        and a.is_sound
        and held_out[a.document, a.field, a.model] < target
        and a.document in second
    ]
    if not doubtful:
        return target, "no doubtful answer to compare the tiers on"
    kept = sum(a.is_right for a in doubtful)
    better = sum(second[a.document].is_right for a in doubtful)
    words = (
        f"on {len(doubtful)} doubtful answers the first tier had {kept} right, the next {better}"
    )
    return (target if better > kept else 0.0), words


def _example(answer: JudgedAnswer) -> Example:
    return Example(answer.document, answer.signals, answer.is_right)


def certify_fields(
    answers: Iterable[FinalAnswer],
    fitted: FittedType,
    target: float,
    delta: float,
    *,
    promise: Promise | None = None,
    floor: float = 0.0,
) -> dict[str, Guarantee]:
    """What can be promised about each field, by answers that nothing was fitted to.

    The answers must come from the very cascade that will run: it is tested from end to end, with
    what the next tier and the verifier have made of it; only the confidence from which on an answer
    is kept is still free. Which rule is used depends on the number of labels alone.

    Args:
        answers: The final answers about the documents that are for certifying.
        fitted: What was fitted, to tell which models are known.
        target: Share of answers to be right.
        delta: Probability with which a field's promise may fail.
        promise: About the accepted answers or about all; null lets the number of labels decide.
        floor: Confidence under which the cascade has accepted nothing.
    """
    by_field: dict[str, list[Labelled]] = defaultdict(list)
    for answer in answers:
        by_field[answer.field].append(_labelled(answer, fitted))
    return {
        field: _certified(labelled, target, delta, promise, floor, unit="field")
        for field, labelled in by_field.items()
        if field in fitted.confidences
    }


def certify_records(
    answers: Iterable[FinalAnswer],
    fitted: FittedType,
    target: float,
    delta: float,
    *,
    promise: Promise | None = None,
    floor: float = 0.0,
) -> dict[str, Guarantee]:
    """What can be promised about whole records, with one threshold for all fields."""
    by_document: dict[str, list[Labelled]] = defaultdict(list)
    for answer in answers:
        if answer.is_accepted:
            by_document[answer.document].append(_labelled(answer, fitted))
        else:
            by_document.setdefault(answer.document, [])
    records = [ltt.record_of(fields) for fields in by_document.values()]
    return {"": _certified(records, target, delta, promise, floor, unit="record")}


def _labelled(answer: FinalAnswer, fitted: FittedType) -> Labelled:
    if not answer.is_accepted:
        return Labelled(0.0, is_wrong=False)
    known = answer.model in fitted.confidences.get(answer.field, {})
    # What a stranger answers is kept by the job's own thresholds, whatever is certified.
    sure = answer.confidence if known and answer.confidence is not None else 1.0
    return Labelled(sure, is_wrong=not answer.is_right)


def _certified(
    labelled: Sequence[Labelled],
    target: float,
    delta: float,
    promise: Promise | None,
    floor: float,
    *,
    unit: Literal["field", "record"],
) -> Guarantee:
    n, needed = len(labelled), ltt.smallest_n(target, delta)
    if n < needed:
        return _expected(labelled, target, floor, unit)
    rule = promise or ("accepted" if n >= ENOUGH_FOR_ACCEPTED * needed else "long_run")
    if rule == "accepted":
        kept = [one for one in labelled if one.confidence > 0]
        threshold = ltt.certify_accepted(kept, _levels(target, floor), target, delta)
    else:
        threshold = ltt.certify_all(labelled, target, delta)
    return _guarantee(threshold, labelled, rule, target, delta, floor, needed, unit)


def _levels(target: float, floor: float) -> list[float]:
    """Thresholds fixed without a look at any answer: confidences are probabilities already."""
    middle = (1 + target) / 2
    return [*(level for level in (middle, target) if level > floor), floor]


def _expected(
    labelled: Sequence[Labelled], target: float, floor: float, unit: Literal["field", "record"]
) -> Guarantee:
    """Few labels: on average over sets of them, by conformal risk control."""
    threshold = risk_control.control([[one] for one in labelled], target)
    needed = risk_control.smallest_n(target)
    return _guarantee(threshold, labelled, "expected", target, None, floor, needed, unit)


def _guarantee(
    threshold: Threshold,
    labelled: Sequence[Labelled],
    rule: Literal["accepted", "long_run", "expected"],
    target: float,
    delta: float | None,
    floor: float,
    needed: int,
    unit: Literal["field", "record"],
) -> Guarantee:
    kept: list[Labelled] = []
    level = None
    if threshold.confidence is not None:
        level = max(threshold.confidence, floor)
        # What was not accepted has confidence 0, and no threshold accepts it.
        kept = [one for one in labelled if one.confidence >= max(level, _LEAST)]
    if not kept:
        level = None  # there is no promise in keeping nothing
    return Guarantee(
        rule=rule,
        against="truth",
        unit=unit,
        target=target,
        delta=delta,
        labelled=len(labelled),
        accepted=len(kept),
        errors=sum(one.is_wrong for one in kept),
        threshold=level,
        needed=needed,
    )


def simulated(
    answers: Iterable[JudgedAnswer],
    fitted: FittedType,
    level: float | None,
    higher: Collection[str] = (),
) -> tuple[int, int, int]:
    """What a cascade that escalates below `level` would have come to.

    Args:
        answers: What each tier said of every field of documents that nothing was fitted to.
        fitted: The confidences.
        level: Sound answers of the first tier at or above it stay; null: each field's own.
        higher: Documents that start in the second tier: all of their answers have gone up.

    Returns:
        Answers in all, those that went up, and right ones in the end.
    """
    first: dict[tuple[str, str], JudgedAnswer] = {}
    second: dict[tuple[str, str], JudgedAnswer] = {}
    for answer in answers:
        (first if answer.tier == 0 else second)[answer.document, answer.field] = answer
    up = right = 0
    for key, answer in first.items():
        model = fitted.confidences.get(answer.field, {}).get(answer.model)
        sure = confidence(model, answer.signals) if model else 0.0
        own = fitted.escalate_below.get(answer.field, 1.0) if level is None else level
        stays = answer.is_sound and sure >= own and answer.document not in higher
        up += not stays
        right += answer.is_right if stays or key not in second else second[key].is_right
    return len(first), up, right
