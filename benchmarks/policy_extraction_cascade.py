"""Extraction to JSON: what do a cascade and a choice per task save against the strong model alone?

A cheap model answers, a second one too. From whether the answer is valid, how far the two agree and
how much of it stands in the text, a confidence is fitted per task, on one half of its documents. A
policy over all tasks is tuned on that half too, and measured on the other one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from benchmarks.policy_extraction import STRONG, agreements, fields_of, no_worse
from benchmarks.policy_extraction_fields import BY_FIELD, CHEAP, SECOND, with_fields
from benchmarks.policy_sets import EXTRACTION_SETS, read_set
from llms.calibration.fitting import confidence, fit
from llms.calibration.signals import Example
from llms.policies.families import Family
from llms.policies.fixed import Cascade, Single
from llms.policies.plays import Mixed, Outcome, Play, Policy, interval, outcome
from llms.policies.recorded import Recorded, cheapest_first
from llms.policies.tuning import Goal, tune
from llms.repair import repair_json
from schemas.calibration import Signal

MODELS = ("gemma-3-4b-it", SECOND, CHEAP, STRONG)

GIVEN_UP = (0.0, 0.01)
"""Score that a policy may give up against the strong model alone, on the tuning half."""


@dataclass(frozen=True)
class Beside:
    """A policy beside the strong model alone, over all tasks and splits.

    Attributes:
        score: Mean over the documents of the measuring halves.
        less: Score less that of the strong model, on the same documents.
        less_range: 95 % interval of that over documents.
        cost: Cost as a share of the strong model's.
        tasks: Per task, score less that of the strong model, and cost as a share of its.
    """

    policy: str
    score: float
    less: float
    less_range: tuple[float, float]
    cost: float
    tasks: Mapping[str, tuple[float, float]]


def beside_strong(folder: Path, seeds: int) -> list[Beside]:
    """Single models, a model per task, and cascades, over splits of the documents of all tasks."""
    tasks = [with_fields(folder, read_set(folder, task).among(MODELS)) for task in EXTRACTION_SETS]
    signals = [_signals(recorded) for recorded in tasks]
    played: dict[str, list[list[Outcome]]] = {}
    documents: list[tuple[str, ...]] = []
    for seed in range(seeds):
        halves = [_halves(one, known, seed) for one, known in zip(tasks, signals, strict=True)]
        others = [other for _, other in halves]
        documents.append(tuple(name for other in others for name in other.query_ids))
        for name, policy in _policies([half for half, _ in halves], seed).items():
            played.setdefault(name, []).append([outcome(policy, other) for other in others])
        agreed = [_by_agreement(*known) for known in zip(others, tasks, signals, strict=True)]
        played.setdefault("both agree on everything, else the strong model", []).append(
            [outcome(Cascade((CHEAP, STRONG), (1.0,)), other) for other in agreed]
        )
    return [_beside(name, played[name], played[STRONG], documents) for name in played]


@dataclass(frozen=True)
class PerTask:
    """One way to answer per task."""

    name: str
    chosen: Mapping[str, str]

    def play(self, recorded: Recorded) -> list[Play]:
        """One call per document, by its task."""
        answers = [self.chosen[kind or ""] for kind in recorded.kind]
        return [Play((model,), 0, model) for model in answers]


def _policies(halves: Sequence[Recorded], seed: int) -> dict[str, Policy | Mixed]:
    found: dict[str, Policy | Mixed] = {model: Single(model) for model in (*MODELS, BY_FIELD)}
    for given_up in GIVEN_UP:
        name = f"per task the cheapest that gives up {given_up:g}"
        found[name] = PerTask(name, {half.dataset: _cheapest(half, given_up) for half in halves})
    tuned_on = _joined(halves)
    tuned = tune(tuned_on, [Family.CASCADE], seed=seed)
    goal = Goal(quality=tuned_on.quality(STRONG) - GIVEN_UP[-1])
    promise = tuned.pick(goal, [Family.CASCADE])
    # Where no cascade promises the score, the strong model alone is the answer.
    cascade = Single(STRONG) if promise is None else promise.policy
    found[f"cascade over whole documents that gives up {GIVEN_UP[-1]:g}"] = cascade
    return found


def _cheapest(half: Recorded, given_up: float) -> str:
    """The cheapest model, or merged answers, that scores nearly what the strong model does."""
    enough = half.quality(STRONG) - given_up
    return next(model for model in half.models if half.quality(model) >= enough)


Known = Sequence[Mapping[Signal, float]]


def _signals(recorded: Recorded) -> Known:
    """What is known of each answer of the cheap model, without looking at the gold."""
    agreed = agreements(recorded, CHEAP, SECOND)
    known = []
    for i, answer in enumerate(recorded.answer[CHEAP]):
        text = " ".join((recorded.text[i] or "").casefold().split())
        values = [value for _, value in fields_of(recorded.dataset, answer)]
        stand = [value in text for value in values]
        signals = {Signal.RULES: float(repair_json(answer or "") is not None)}
        if (alike := agreed[i]) is not None:
            signals[Signal.AGREEMENT] = alike
        if stand:
            signals[Signal.GROUNDING] = fmean(stand)
        known.append(signals)
    return known


def _halves(recorded: Recorded, known: Known, seed: int) -> tuple[Recorded, Recorded]:
    """Both halves of a task, the cheap model's confidence fitted on the first of them.

    There it is that of models which have not seen the document.
    """
    half, other = recorded.split(0.5, 0.5, seed=seed)
    signals = dict(zip(recorded.query_ids, known, strict=True))
    examples = [
        Example(name, signals[name], is_right)
        for name, is_right in zip(half.query_ids, no_worse(half, CHEAP), strict=True)
    ]
    fitted = fit(examples)
    later = tuple(confidence(fitted.model, signals[name]) for name in other.query_ids)
    return _with_confidence(half, fitted.held_out), _with_confidence(other, later)


def _with_confidence(part: Recorded, values: tuple[float, ...]) -> Recorded:
    """A part of a task with one confidence, of the cheap model, which takes the second one's call.

    Queries are named after their task, which is their kind; their text is left out.
    """
    both = zip(part.answer_cost[CHEAP], part.answer_cost[SECOND], strict=True)
    paid = tuple((one or 0.0) + (other or 0.0) for one, other in both)
    return replace(
        part,
        query_ids=tuple(f"{part.dataset} {name}" for name in part.query_ids),
        confidence={**part.confidence, CHEAP: values},
        cost={**part.cost, CHEAP: paid},
        text=(None,) * len(part),
        kind=(part.dataset,) * len(part),
    )


def _by_agreement(part: Recorded, task: Recorded, known: Known) -> Recorded:
    """A part of a task with bare agreement for the cheap model's confidence."""
    names = (f"{task.dataset} {name}" for name in task.query_ids)
    agreed = {name: one.get(Signal.AGREEMENT) for name, one in zip(names, known, strict=True)}
    values = tuple(agreed[name] for name in part.query_ids)
    return replace(part, confidence={**part.confidence, CHEAP: values})


def _joined(parts: Sequence[Recorded]) -> Recorded:
    """The queries of several tasks as one set of queries."""
    models = parts[0].models

    def column(name: str) -> dict[str, tuple[object, ...]]:
        return {model: sum((getattr(part, name)[model] for part in parts), ()) for model in models}

    joined = replace(
        parts[0],
        dataset="sob",
        query_ids=sum((part.query_ids for part in parts), ()),
        text=sum((part.text for part in parts), ()),
        kind=sum((part.kind for part in parts), ()),
        **{
            name: column(name)
            for name in ("correct", "confidence", "cost", "answer_cost", "answer")
        },
    )
    return replace(joined, models=cheapest_first(models, joined.answer_cost))


def _beside(
    name: str,
    splits: Sequence[Sequence[Outcome]],
    strong: Sequence[Sequence[Outcome]],
    documents: Sequence[Sequence[str]],
) -> Beside:
    """What a policy brought over all splits; a document counts once, by its mean difference."""
    differences: dict[str, list[float]] = {}
    for own, others, names in zip(splits, strong, documents, strict=True):
        scores = [right for one in own for right in one.correct]
        beside = [right for one in others for right in one.correct]
        for document, score, other in zip(names, scores, beside, strict=True):
            differences.setdefault(document, []).append(score - other)
    less = [fmean(values) for values in differences.values()]
    return Beside(
        name,
        score=fmean(right for split in splits for one in split for right in one.correct),
        less=fmean(less),
        less_range=interval(less, seed=0),
        cost=_total(splits) / _total(strong),
        tasks={task: _task(place, splits, strong) for place, task in enumerate(EXTRACTION_SETS)},
    )


def _task(
    place: int, splits: Sequence[Sequence[Outcome]], strong: Sequence[Sequence[Outcome]]
) -> tuple[float, float]:
    own, others = ([split[place] for split in one] for one in (splits, strong))
    less = fmean(one.quality - other.quality for one, other in zip(own, others, strict=True))
    return less, sum(one.price for one in own) / sum(other.price for other in others)


def _total(splits: Sequence[Sequence[Outcome]]) -> float:
    return sum(usd for split in splits for one in split for usd in one.cost)
