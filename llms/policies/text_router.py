"""Which model is worth asking, by the query alone? Quality predicted from words and layout."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from llms.policies.plays import Play
from llms.policies.recorded import Recorded, ReplayError
from llms.policies.ridge import Design, Ridge, Row
from llms.policies.text_features import Scale, layout_signals, text_features

PENALTIES = (100.0, 30.0, 10.0, 3.0)
"""From nearly no trust in the features to much of it."""

_DENSE_WEIGHT = 0.1
"""How much the layout counts in all, beside the words, which count 1."""

_HELD_BACK = 0.25
_SEED = 7
_RATES = 20


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """Predicts how right each model will be and what it will cost, from a query alone.

    Attributes:
        models: The models it knows, cheapest first.
        design: The queries that it learned from.
        scale: Of their layout.
        ridges: Per model, how right it is.
        costs: Per model, what a call costs: a fixed part and a part per character.
    """

    models: tuple[str, ...]
    design: Design
    scale: Scale
    ridges: Mapping[str, Ridge]
    costs: Mapping[str, tuple[float, float]]

    @classmethod
    def fit(cls, recorded: Recorded, models: Sequence[str]) -> Self:
        """Learn from recorded answers.

        How far the features are trusted is decided on a quarter of the queries that is held back;
        where they help nothing there, every prediction is the mean.

        Raises:
            ReplayError: There is nothing to see of any query, or there are fewer than 8.
        """
        if not any(recorded.text) and not any(recorded.kind):
            raise ReplayError(
                f"{recorded.dataset} has neither the text nor the kind of a query; "
                "a router has nothing to go by"
            )
        if len(recorded) < 8:
            raise ReplayError(f"{recorded.dataset} has too few queries to learn a router from")
        layouts = [layout_signals(text or "") for text in recorded.text]
        scale = Scale.of(layouts)
        design = Design(_rows(recorded.text, recorded.kind, scale))
        quality = {model: _learned(design, recorded.correct[model]) for model in models}
        cost = {model: _cost_line(recorded, model) for model in models}
        return cls(tuple(models), design, scale, quality, cost)

    def expect(self, recorded: Recorded) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """How right each model is expected to be on each query, and what it costs in US dollars."""
        return _expected(self, recorded.text, recorded.kind)


# A few policies of one forecast play the same queries, one after the other.
@lru_cache(maxsize=4)
def _expected(
    forecast: Forecast, texts: tuple[str | None, ...], kinds: tuple[str | None, ...]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    encoded = [forecast.design.encode(row) for row in _rows(texts, kinds, forecast.scale)]
    sizes = [len(text or "") for text in texts]
    quality = {
        model: [ridge.predict(row) for row in encoded] for model, ridge in forecast.ridges.items()
    }
    cost = {
        model: [max(0.0, fixed + each * size) for size in sizes]
        for model, (fixed, each) in forecast.costs.items()
    }
    return quality, cost


def _rows(texts: Sequence[str | None], kinds: Sequence[str | None], scale: Scale) -> list[Row]:
    factor = math.sqrt(_DENSE_WEIGHT / len(scale.means))
    return [
        Row(
            text_features(text or ""),
            [factor * value for value in scale.apply(layout_signals(text or ""))],
            kind,
        )
        for text, kind in zip(texts, kinds or (None,) * len(texts), strict=True)
    ]


def _learned(design: Design, targets: Sequence[float]) -> Ridge:
    """The ridge regression whose penalty did best on rows that were held back."""
    order = list(range(len(targets)))
    random.Random(_SEED).shuffle(order)  # noqa: S311 - a split, no secret
    held = order[: round(_HELD_BACK * len(order))]
    rest = order[len(held) :]

    def miss(ridge: Ridge) -> float:
        return math.fsum((targets[i] - ridge.predict(design.rows[i])) ** 2 for i in held)

    mean = math.fsum(targets[i] for i in rest) / len(rest)
    best, least = 0, miss(design.constant(mean))
    for place, ridge in enumerate(design.path(targets, PENALTIES, rest), start=1):
        missed = miss(ridge)
        # Once more trust does harm, still more of it would not help.
        if missed >= least:
            break
        best, least = place, missed
    fitted = [design.constant(math.fsum(targets) / len(targets))]
    return [*fitted, *design.path(targets, PENALTIES[:best], order)][-1]


def _cost_line(recorded: Recorded, model: str) -> tuple[float, float]:
    """What a call costs: a fixed part and a part per character, by least squares."""
    costs = [cost for cost in recorded.answer_cost[model] if cost is not None]
    if len(costs) < len(recorded):
        raise ReplayError(
            f"{recorded.dataset} records no cost of {model}; give one per call with "
            f"--price {model}=USD"
        )
    sizes = [float(len(text or "")) for text in recorded.text]
    mean_size, mean_cost = math.fsum(sizes) / len(sizes), math.fsum(costs) / len(costs)
    spread = math.fsum((size - mean_size) ** 2 for size in sizes)
    if not spread:
        return mean_cost, 0.0
    pairs = zip(sizes, costs, strict=True)
    each = math.fsum((size - mean_size) * (cost - mean_cost) for size, cost in pairs) / spread
    return mean_cost - each * mean_size, each


@dataclass(frozen=True, slots=True)
class TextRouter:
    """Sends each query to the model with the best predicted quality less `rate` times its cost."""

    forecast: Forecast
    rate: float
    """How much quality a US dollar must bring."""

    @property
    def name(self) -> str:
        """That it is a router, and how it weighs money."""
        return f"router, {self.rate:.3g} per $"

    def play(self, recorded: Recorded) -> list[Play]:
        """One call per query."""
        quality, cost = self.forecast.expect(recorded)
        worth = {
            model: [
                right - self.rate * usd
                for right, usd in zip(quality[model], cost[model], strict=True)
            ]
            for model in self.forecast.models
        }
        singles = {model: Play((model,), 0, model) for model in self.forecast.models}
        # On a tie the cheaper model: they stand in that order.
        best = (max(worth, key=lambda model: worth[model][i]) for i in range(len(recorded)))
        return [singles[model] for model in best]


def fit_routers(recorded: Recorded, models: Sequence[str]) -> list[TextRouter]:
    """One forecast learned from `recorded`, and a router for each of a range of rates.

    The rates divide what a dearer model is expected to bring per dollar into equal shares of the
    queries, so that the routers spread over the costs between the models.
    """
    forecast = Forecast.fit(recorded, models)
    quality, cost = forecast.expect(recorded)
    low, high = models[0], models[-1]
    slopes = sorted(
        max(0.0, quality[high][i] - quality[low][i]) / max(cost[high][i] - cost[low][i], 1e-12)
        for i in range(len(recorded))
    )
    steps = (round(k * (len(slopes) - 1) / _RATES) for k in range(_RATES + 1))
    return [TextRouter(forecast, rate) for rate in sorted({0.0, *(slopes[k] for k in steps)})]
