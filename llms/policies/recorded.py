"""What did each model answer to each query, was it right, how sure was it, what did it cost?"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import pairwise
from statistics import fmean
from typing import Any, Self

from llms.failures import LlmError


class ReplayError(LlmError):
    """Recorded answers, or a policy over them, cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Answers of several models to the same queries: every model answered every query.

    Each mapping has a column per model, in the order of `query_ids`.

    Attributes:
        dataset: Name of the data set.
        query_ids: One id per query.
        models: The models, cheapest first by the mean cost of an answer, by name where that is
            the same or unknown.
        correct: How right the answer was, 0 to 1.
        confidence: How sure the model was; higher is surer, and scales differ between models. None
            where it was not recorded.
        cost: US dollars of the answer and of the call that produced the confidence, if there was
            one. None where it is unknown, which is not zero.
        answer_cost: US dollars of the answer alone: what the last stage of a cascade pays, and
            whoever asks a single model.
        text: The query as text. None where there is none.
        answer: The answer as text. None where there is none.
        kind: What kind of query it is (a document type, a subject). None where that is not known;
            empty where it is not for any.
    """

    dataset: str
    query_ids: tuple[str, ...]
    models: tuple[str, ...]
    correct: Mapping[str, tuple[float, ...]]
    confidence: Mapping[str, tuple[float | None, ...]]
    cost: Mapping[str, tuple[float | None, ...]]
    answer_cost: Mapping[str, tuple[float | None, ...]]
    text: tuple[str | None, ...]
    answer: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    kind: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.query_ids)

    def quality(self, model: str) -> float:
        """Mean of `correct`: what asking this model alone would have brought."""
        return fmean(self.correct[model])

    def price(self, model: str) -> float | None:
        """Mean cost of an answer of this model in US dollars, None where one is unknown."""
        return _mean(self.answer_cost[model])

    def has_costs(self, model: str) -> bool:
        """Whether every call of this model has a cost."""
        return None not in self.cost[model] and None not in self.answer_cost[model]

    def has_confidence(self, model: str) -> bool:
        """Whether this model said of every answer how sure it was."""
        return None not in self.confidence[model]

    def only(self, rows: Sequence[int]) -> Self:
        """The same models on some of the queries, in the order of `rows`."""

        def kept(columns: Mapping[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
            return {name: tuple(column[i] for i in rows) for name, column in columns.items()}

        return replace(
            self,
            query_ids=tuple(self.query_ids[i] for i in rows),
            correct=kept(self.correct),
            confidence=kept(self.confidence),
            cost=kept(self.cost),
            answer_cost=kept(self.answer_cost),
            text=tuple(self.text[i] for i in rows),
            answer=kept(self.answer),
            kind=tuple(self.kind[i] for i in rows) if self.kind else (),
        )

    def without(self, part: Self) -> Self:
        """The queries that are not in `part`."""
        left = set(part.query_ids)
        return self.only([i for i, name in enumerate(self.query_ids) if name not in left])

    def among(self, models: Sequence[str]) -> Self:
        """The same queries with some of the models, which keep their order."""
        return replace(self, models=tuple(name for name in self.models if name in set(models)))

    def split(self, *shares: float, seed: int) -> tuple[Self, ...]:
        """Parts of the queries at random, each a share of them; the last part takes the rest.

        The same seed gives the same parts. A part may be empty where there are few queries.
        """
        order = list(range(len(self)))
        random.Random(seed).shuffle(order)  # noqa: S311 - a split of an experiment, no secret
        ends = [0]
        for share in shares[:-1]:
            ends.append(min(len(order), ends[-1] + round(share * len(order))))
        ends.append(len(order))
        return tuple(self.only(sorted(order[start:end])) for start, end in pairwise(ends))


def cheapest_first(
    models: Sequence[str], answer_cost: Mapping[str, Sequence[float | None]]
) -> tuple[str, ...]:
    """Models by the mean cost of an answer, the unknown last, then by name."""
    means = {name: _mean(answer_cost[name]) for name in models}

    def place(name: str) -> tuple[bool, float, str]:
        mean = means[name]
        return (mean is None, mean or 0.0, name)

    return tuple(sorted(models, key=place))


def check_model(recorded: Recorded, name: str) -> str:
    """`name`, if there is such a model; else a `ReplayError` that says which there are."""
    if name in recorded.models:
        return name
    guess = get_close_matches(name, recorded.models, n=1)
    hint = f"did you mean {guess[0]!r}?" if guess else f"there are {', '.join(recorded.models)}"
    raise ReplayError(f"{recorded.dataset} has no model {name!r}; {hint}")


def _mean(column: Sequence[float | None]) -> float | None:
    known = [value for value in column if value is not None]
    return fmean(known) if known and len(known) == len(column) else None
