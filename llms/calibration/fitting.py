"""Which confidence do the signals of an answer amount to, for this task and this model?

A logistic model of all signals, fitted to labelled answers. A signal that is missing in some of
them has a weight for being missing; one that was never missing counts as average if it is missing
later. A signal is expected to speak *for* an answer. Where labelled answers say otherwise beyond
doubt it is turned round (agreement does on long tables, where two weak models omit the same rows);
where they say otherwise, but not beyond doubt, it is dropped; and so is one whose weight, beside
the other signals, contradicts its own direction, for then it merely corrects them on this sample.

A rising line through the scores (`isotonic`) replaces the logistic function where it is better on
answers that were not fitted to, beyond noise. All figures of merit come from such answers:
documents are dealt into five parts, and each is judged by a model that has not seen it.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev, stdev

from llms.calibration.isotonic import along_steps, fit_steps
from llms.calibration.logistic import fit_weights, logistic
from llms.calibration.signals import Example, Signals, direction, transformed
from schemas.calibration import ConfidenceModel, Signal, SignalWeight

FOLDS = 5

FEWEST_OF_A_KIND = 5
"""Right answers, and wrong ones, that it takes to fit; with fewer, all get the same confidence."""

BEYOND_DOUBT = 2.6
"""Standard deviations from meaning nothing: by chance one signal in two hundred gets that far."""

_ORDER_KEPT = 1e-6
"""Part of the logistic function in an isotonic confidence: too small to see, it orders answers
beyond the ends of the line, which would otherwise all share one confidence."""

_LEAST = 1e-12
"""Probability below which a loss is not counted any higher."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model.

    Attributes:
        model: Fitted to all examples.
        held_out: Per example, the confidence from a model that has not seen its document.
    """

    model: ConfidenceModel
    held_out: tuple[float, ...]


def fit(examples: Sequence[Example]) -> Fitted:
    """Fit the confidence of one field of a task, as answered by one model.

    The same examples in the same order give the same model. Answers that a promise is certified on
    must not be among them (see `part_of`).

    Raises:
        ValueError: There are no examples, or a signal lies outside 0 to 1.
    """
    if not examples:
        raise ValueError("there are no labelled answers to fit a confidence to")
    folds = [part_of(example.document, FOLDS, "fit") for example in examples]
    logistic_only, with_line = [0.0] * len(examples), [0.0] * len(examples)
    for fold in set(folds):
        rest = [one for one, other in zip(examples, folds, strict=True) if other != fold]
        shape = _fit_logistic(rest)
        line = _with_steps(shape, rest)
        for n, example in enumerate(examples):
            if folds[n] == fold:
                logistic_only[n] = confidence(shape, example.signals)
                with_line[n] = confidence(line, example.signals)
    is_right = [example.is_right for example in examples]
    is_isotonic = _is_better(with_line, logistic_only, is_right)
    held_out = with_line if is_isotonic else logistic_only
    model = _fit_logistic(examples)
    if is_isotonic:
        model = _with_steps(model, examples)
    # Where all answers share one confidence, the held-out ones differ by nothing but their part.
    merits = None if model.kind == "constant" else direction(held_out, is_right)
    model = model.model_copy(
        update={
            "auc": merits and merits.auc,
            "log_loss": fmean(_losses(held_out, is_right)),
            "brier": fmean((p - r) ** 2 for p, r in zip(held_out, is_right, strict=True)),
        }
    )
    return Fitted(model, tuple(held_out))


def confidence(model: ConfidenceModel, signals: Signals) -> float:
    """The confidence in an answer, 0 to 1, from the signals that are there."""
    score = _score(model, signals)
    if model.kind != "isotonic":
        return logistic(score)
    return (1 - _ORDER_KEPT) * along_steps(model.steps, score) + _ORDER_KEPT * logistic(score)


def part_of(document: str, parts: int, seed: str) -> int:
    """Which of so many parts a document belongs to: by its key alone, the same on every machine."""
    digest = hashlib.sha256(f"{seed}\n{document}".encode()).digest()
    return int.from_bytes(digest[:8]) % parts


@dataclass(frozen=True, slots=True)
class _Column:
    """A signal as it enters the sum: standardised, 0 where it is missing, which may count apart."""

    signal: Signal
    centre: float
    spread: float
    sign: int
    is_ever_missing: bool

    def cells(self, signals: Signals) -> tuple[float, ...]:
        value = signals.get(self.signal)
        level = 0.0 if value is None else transformed(self.signal, value) - self.centre
        missing = (float(value is None),) if self.is_ever_missing else ()
        return (level / self.spread, *missing)


def _fit_logistic(examples: Sequence[Example]) -> ConfidenceModel:
    """A logistic model fitted to all of some examples, its figures of merit left open."""
    is_right = [example.is_right for example in examples]
    right = sum(is_right)
    plain = ConfidenceModel(
        kind="constant",
        base=math.log((right + 0.5) / (len(examples) - right + 0.5)),
        examples=len(examples),
        right=right,
    )
    if min(right, len(examples) - right) < FEWEST_OF_A_KIND:
        return plain
    columns, dropped = _columns(examples)
    while columns:
        rows = [[1.0, *_cells(columns, example.signals)] for example in examples]
        base, *found = fit_weights(rows, is_right)
        weights = _named(columns, found)
        forward = [w.weight * c.sign for w, c in zip(weights, columns, strict=True)]
        if min(forward) > 0:
            break
        contrary = columns.pop(forward.index(min(forward)))
        dropped[contrary.signal] = "beside the other signals it points the other way"
    if not columns:
        return plain.model_copy(update={"dropped": dropped})
    return plain.model_copy(
        update={
            "kind": "logistic",
            "base": base,
            "weights": tuple(weights),
            "dropped": dropped,
            "flipped": tuple(column.signal for column in columns if column.sign < 0),
        }
    )


def _with_steps(model: ConfidenceModel, examples: Sequence[Example]) -> ConfidenceModel:
    """The model with a rising line in the place of the logistic function."""
    if model.kind == "constant":
        return model
    scores = [_score(model, example.signals) for example in examples]
    steps = fit_steps(scores, [example.is_right for example in examples])
    return model.model_copy(update={"kind": "isotonic", "steps": steps})


def _columns(examples: Sequence[Example]) -> tuple[list[_Column], dict[Signal, str]]:
    """The signals that say something by themselves, and why the others do not count."""
    columns: list[_Column] = []
    dropped: dict[Signal, str] = {}
    for signal in Signal:
        there = [one for one in examples if signal in one.signals]
        if not there:
            continue
        values = [transformed(signal, one.signals[signal]) for one in there]
        points = direction(values, [one.is_right for one in there])
        if points is None:
            dropped[signal] = "it is the same for right and wrong answers"
        elif -BEYOND_DOUBT < points.z <= 0:
            dropped[signal] = f"it does not speak for an answer here (AUC {points.auc:.2f})"
        else:
            columns.append(
                _Column(
                    signal=signal,
                    centre=fmean(values),
                    spread=pstdev(values),
                    sign=1 if points.z > 0 else -1,
                    is_ever_missing=len(there) < len(examples),
                )
            )
    return columns, dropped


def _cells(columns: Sequence[_Column], signals: Signals) -> Iterator[float]:
    for column in columns:
        yield from column.cells(signals)


def _named(columns: Sequence[_Column], found: Sequence[float]) -> list[SignalWeight]:
    """The fitted numbers, one or two per column, with the signals that they belong to."""
    numbers = iter(found)
    return [
        SignalWeight(
            signal=column.signal,
            centre=column.centre,
            spread=column.spread,
            weight=next(numbers),
            when_missing=next(numbers) if column.is_ever_missing else 0.0,
        )
        for column in columns
    ]


def _score(model: ConfidenceModel, signals: Signals) -> float:
    """The weighted sum of the signals that are there."""
    score = model.base
    for one in model.weights:
        value = signals.get(one.signal)
        if value is None:
            score += one.when_missing
        else:
            score += one.weight * (transformed(one.signal, value) - one.centre) / one.spread
    return score


def _is_better(new: Sequence[float], old: Sequence[float], is_right: Sequence[bool]) -> bool:
    """Whether held-out confidences lose less than others, by more than one standard error."""
    gains = [b - a for a, b in zip(_losses(new, is_right), _losses(old, is_right), strict=True)]
    return len(gains) > 1 and fmean(gains) > stdev(gains) / math.sqrt(len(gains))


def _losses(confidences: Sequence[float], is_right: Sequence[bool]) -> list[float]:
    return [
        -math.log(max(p if right else 1 - p, _LEAST))
        for p, right in zip(confidences, is_right, strict=True)
    ]
