"""Extraction to JSON by real models: what does local repair mend, and what does agreement say?"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import correlation, fmean
from typing import Any

import polars as pl

from benchmarks.policy_sets import EXTRACTION_SETS, read_set
from llms.calibration.fitting import fit
from llms.calibration.signals import Example, direction
from llms.policies.recorded import Recorded
from llms.repair import repair_json
from schemas.calibration import ConfidenceModel, Signal

STRONG = "gemini-2.5-flash"
"""The model that a cascade is to spare."""

WEAK_PAIR = ("gemma-3-12b-it", "gemma-3-4b-it")
"""Two cheap models whose agreement is looked at as a signal of its own."""

Fields = frozenset[tuple[tuple[str, ...], str]]
"""The leaves of an answer, each with its path."""

_NAMES = ("player", "team", "name")
"""Keys that name an element of a list."""

_ANSWER_ONLY = ("sob_gsm8k", "sob_lastletter")
"""Tasks that ask for one answer; the reasoning beside it is no field."""


@dataclass(frozen=True)
class Validity:
    """Answers of a model, or for a task, that are a JSON object: as they came, and after repair."""

    of: str
    answers: int
    strict: int
    repaired: int
    score_of_repaired: float | None


@dataclass(frozen=True)
class Agreeing:
    """What the agreement of `WEAK_PAIR` says of the first one's answers to a task.

    Attributes:
        documents: Those that both gave fields for.
        agreement: Mean share of fields that both have alike.
        gaps: Of the fields of the gold that the first leaves out, the share that the second leaves
            out as well.
        with_score: Correlation of agreement and score; null where one of them never changes.
        no_worse: Share of answers that are no worse than the strong model's.
        auc: Chance that such an answer has more agreement than a worse one.
        z: Standard deviations of that from one half, if agreement meant nothing.
        verdict: What fitting does with it.
    """

    task: str
    documents: int
    agreement: float
    gaps: float
    with_score: float | None
    no_worse: float
    auc: float | None
    z: float | None
    verdict: str


def validity(folder: Path) -> list[Validity]:
    """Per task and then per model."""
    found: dict[str, list[tuple[bool, bool, float]]] = {}
    by_model: dict[str, list[tuple[bool, bool, float]]] = {}
    for task in EXTRACTION_SETS:
        recorded = read_set(folder, task)
        for model in recorded.models:
            answers = zip(recorded.answer[model], recorded.correct[model], strict=True)
            rows = [
                (is_strict(text or ""), repair_json(text or "") is not None, score)
                for text, score in answers
            ]
            found.setdefault(task, []).extend(rows)
            by_model.setdefault(model, []).extend(rows)
    return [_validity(of, rows) for of, rows in (found | by_model).items()]


def _validity(of: str, rows: Sequence[tuple[bool, bool, float]]) -> Validity:
    mended = [score for strict, repaired, score in rows if repaired and not strict]
    return Validity(
        of,
        len(rows),
        sum(strict for strict, _, _ in rows),
        sum(repaired for _, repaired, _ in rows),
        fmean(mended) if mended else None,
    )


def is_strict(text: str) -> bool:
    """Whether an answer is a JSON object as it stands."""
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def agreeing(folder: Path) -> list[Agreeing]:
    """The signal of `WEAK_PAIR` on every task."""
    return [_agreeing(folder, read_set(folder, task)) for task in EXTRACTION_SETS]


def _agreeing(folder: Path, recorded: Recorded) -> Agreeing:
    first, second = WEAK_PAIR
    found = agreements(recorded, first, second)
    both = [i for i, value in enumerate(found) if value is not None]
    values = [value for value in found if value is not None]
    scores = [recorded.correct[first][i] for i in both]
    right = [no_worse(recorded, first)[i] for i in both]
    points = direction(values, right)
    said = zip(both, values, right, strict=True)
    examples = [Example(recorded.query_ids[i], {Signal.AGREEMENT: v}, r) for i, v, r in said]
    varies = len(set(values)) > 1 and len(set(scores)) > 1
    return Agreeing(
        recorded.dataset,
        len(both),
        fmean(values),
        _gaps(recorded, golds_of(folder, recorded)),
        correlation(values, scores) if varies else None,
        fmean(right),
        points and points.auc,
        points and points.z,
        _verdict(fit(examples).model),
    )


def _verdict(model: ConfidenceModel) -> str:
    if Signal.AGREEMENT in model.flipped:
        return "flipped"
    if Signal.AGREEMENT in model.dropped:
        return "dropped"
    return "too few wrong answers to fit" if model.kind == "constant" else "kept"


def _gaps(recorded: Recorded, golds: Sequence[Fields]) -> float:
    left_out: list[bool] = []
    for i, gold in enumerate(golds):
        one, other = (
            {path for path, _ in fields_of(recorded.dataset, recorded.answer[model][i])}
            for model in WEAK_PAIR
        )
        left_out += [path not in other for path in {path for path, _ in gold} - one]
    return fmean(left_out) if left_out else 0.0


def no_worse(recorded: Recorded, model: str) -> list[bool]:
    """Whether each answer scores at least what the strong model's does."""
    pairs = zip(recorded.correct[model], recorded.correct[STRONG], strict=True)
    return [one >= other for one, other in pairs]


def agreements(recorded: Recorded, first: str, second: str) -> list[float | None]:
    """Per document the share of fields that two models answered alike (F1 of the one by the other).

    Null where one of them gave no field: who says nothing neither agrees nor differs.
    """
    found: list[float | None] = []
    for texts in zip(recorded.answer[first], recorded.answer[second], strict=True):
        one, other = (fields_of(recorded.dataset, text) for text in texts)
        both = one and other
        found.append(2 * len(one & other) / (len(one) + len(other)) if both else None)
    return found


def golds_of(folder: Path, recorded: Recorded) -> list[Fields]:
    """The gold fields per document, in the order of `recorded`."""
    path = folder / f"{recorded.dataset}.parquet"
    columns = pl.read_parquet(path, columns=["query_id", "gold"]).unique("query_id")
    gold = dict(columns.iter_rows())
    return [_gold(recorded.dataset, gold[name]) for name in recorded.query_ids]


def _gold(task: str, text: str) -> Fields:
    if text.lstrip().startswith("{"):
        return fields_of(task, text)
    # A bare answer is the one field of its task.
    return frozenset({(("answer",), " ".join(text.casefold().split()))})


@cache
def fields_of(task: str, text: str | None) -> Fields:
    """The fields of an answer as it was given, after repair; none where it is no JSON."""
    value = repair_json(text or "") or {}
    if task in _ANSWER_ONLY:
        value = {"answer": value.get("answer")}
    return frozenset(_leaves(value, ()))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, str(key).casefold()))
    elif isinstance(value, list):
        for inner in value:
            names = (inner.get(key) for key in _NAMES) if isinstance(inner, dict) else ()
            yield from _leaves(inner, (*path, str(next(filter(None, names), "")).casefold()))
    elif value is not None and str(value).strip():
        yield path, " ".join(str(value).casefold().split())
