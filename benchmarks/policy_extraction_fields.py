"""What if only the fields that two cheap models do not say alike go to the strong model?

Recorded answers are of whole documents, so the merged answer is put together from them: the fields
that both cheap models say alike, and of the strong model's answer those under other paths. It is
scored like the others, by the F1 of its fields against the gold. The strong call is charged with
its whole prompt, and with its output in proportion to the fields taken from it; where the cheap
models dispute nothing there is no such call.
"""

from dataclasses import replace
from pathlib import Path

from benchmarks.policy_extraction import STRONG, Fields, fields_of, golds_of
from llms.policies.recorded import Recorded, cheapest_first

CHEAP, SECOND = "gemma-3-27b-it", "gemma-3-12b-it"
BY_FIELD = "field by field"
"""The name under which the merged answers stand among the models."""

_OUTPUT_USD = 2.5e-6
_CHARACTERS = 4
"""Per token, as the recorded costs of these data sets have it."""


def with_fields(folder: Path, recorded: Recorded) -> Recorded:
    """The recorded answers with the merged ones as one more model."""
    golds = golds_of(folder, recorded)
    scores, costs = [], []
    for i, gold in enumerate(golds):
        merged, share = merge(*(fields_of(recorded.dataset, recorded.answer[m][i]) for m in _THREE))
        scores.append(score(merged, gold))
        strong = recorded.answer_cost[STRONG][i] or 0.0
        output = len(recorded.answer[STRONG][i] or "") / _CHARACTERS * _OUTPUT_USD
        asked = 0.0 if share is None else strong - output * (1 - share)
        costs.append(asked + sum(recorded.answer_cost[m][i] or 0.0 for m in (CHEAP, SECOND)))
    answer_cost = {**recorded.answer_cost, BY_FIELD: tuple(costs)}
    nothing = (None,) * len(recorded)
    return replace(
        recorded,
        models=cheapest_first([*recorded.models, BY_FIELD], answer_cost),
        correct={**recorded.correct, BY_FIELD: tuple(scores)},
        confidence={**recorded.confidence, BY_FIELD: nothing},
        cost={**recorded.cost, BY_FIELD: tuple(costs)},
        answer_cost=answer_cost,
        answer={**recorded.answer, BY_FIELD: nothing},
    )


_THREE = (CHEAP, SECOND, STRONG)


def merge(cheap: Fields, second: Fields, strong: Fields) -> tuple[Fields, float | None]:
    """The merged fields, and which share of the strong ones is among them.

    Null where nothing was disputed, so that the strong model need not be asked.
    """
    agreed = cheap & second
    paths = {path for path, _ in agreed}
    if agreed and all(path in paths for path, _ in cheap | second):
        return agreed, None
    taken = frozenset(one for one in strong if one[0] not in paths)
    return agreed | taken, len(taken) / max(1, len(strong))


def score(fields: Fields, gold: Fields) -> float:
    """F1 of the fields against the gold; 1 where both have none."""
    size = len(fields) + len(gold)
    return 2 * len(fields & gold) / size if size else 1.0


def misses(folder: Path, recorded: Recorded) -> float:
    """How far the mean scores of the three models, scored here, are from the recorded ones."""
    golds = golds_of(folder, recorded)
    gaps = []
    for model in _THREE:
        own = [
            score(fields_of(recorded.dataset, answer), gold)
            for answer, gold in zip(recorded.answer[model], golds, strict=True)
        ]
        gaps.append(abs(sum(own) / len(own) - recorded.quality(model)))
    return max(gaps)
