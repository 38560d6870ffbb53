"""How much of the strong model's lead does a router recover, choosing by the query alone?

The measure is that of RouteLLM (Ong et al., "RouteLLM: Learning to route LLMs with preference
data", 2024): queries go to the strong model in the order of the gain that the router predicts. The
part of the gap between the two models that is recovered, averaged over all shares of calls to the
strong one, is the APGR: 0.5 for an order at random, and more the better the order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from pathlib import Path

from benchmarks.policy_sets import read_set
from llms.policies.plays import interval
from llms.policies.recorded import Recorded
from llms.policies.text_router import Forecast

SEES = ("text", "text and kind")

PAIRS = {
    "routellm_mmlu": ("mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"),
    "routellm_gsm8k": ("mixtral-8x7b-instruct-v0.1", "gpt-4-1106-preview"),
    "llmrouter_mix": ("llama-3.1-8b-instruct", "llama-3.1-nemotron-51b-instruct"),
    "mmlu_pro": ("gemini-1.5-flash-002", "gemini-1.5-pro-002"),
}
"""Weak and strong model per data set: those of the study, and elsewhere the best model with the
best one that costs a fraction of it."""


@dataclass(frozen=True)
class Routed:
    """A router on one split: learned from one half of the queries, measured on the other.

    Attributes:
        sees: What it goes by.
        apgr: Average performance gap recovered.
        apgr_range: Its 95 % interval over queries.
        half: Least share of calls to the strong model that recovers half of the gap.
        most: The same, for four fifths of it.
    """

    dataset: str
    weak: str
    strong: str
    sees: str
    seed: int
    learned_from: int
    apgr: float
    apgr_range: tuple[float, float]
    half: float
    most: float


def routed(folder: Path, dataset: str, sees: str, seed: int) -> Routed | None:
    """Learn and measure one router; null where the data set has no kinds to see."""
    recorded = _read(folder, dataset)
    if sees != "text" and not any(recorded.kind):
        return None
    seen = recorded if sees != "text" else replace(recorded, kind=())
    weak, strong = PAIRS[dataset]
    learn, rest = seen.split(0.5, 0.5, seed=seed)
    quality, _ = Forecast.fit(learn, (weak, strong)).expect(rest)
    gain = [high - low for low, high in zip(quality[weak], quality[strong], strict=True)]
    brought = _in_order(rest, gain, weak, strong)
    value, value_range = apgr(brought, seed=seed)
    return Routed(
        dataset, weak, strong, sees, seed, len(learn),
        apgr=value,
        apgr_range=value_range,
        half=least_share(brought, 0.5),
        most=least_share(brought, 0.8),
    )  # fmt: skip


@cache
def _read(folder: Path, dataset: str) -> Recorded:
    return read_set(folder, dataset)


def _in_order(recorded: Recorded, gain: Sequence[float], weak: str, strong: str) -> list[float]:
    """What the strong model brings over the weak one per query, largest predicted gain first."""
    order = sorted(range(len(recorded)), key=lambda i: -gain[i])
    return [recorded.correct[strong][i] - recorded.correct[weak][i] for i in order]


def apgr(brought: Sequence[float], *, seed: int) -> tuple[float, tuple[float, float]]:
    """The average performance gap recovered, and its 95 % interval over queries.

    Args:
        brought: What the strong model brings per query, in the order in which they go to it.
        seed: Of the interval.
    """
    n, gap = len(brought), sum(brought)
    # A query at place k of n goes to the strong model at all shares from k / n on.
    weights = [(n - place - 0.5) / n for place in range(n)]
    value = sum(w * one for w, one in zip(weights, brought, strict=True)) / gap
    # A ratio of two sums moves with each query as this mean does, in the first order.
    moved = [value + (w - value) * one * n / gap for w, one in zip(weights, brought, strict=True)]
    return value, interval(moved, seed=seed)


def least_share(brought: Sequence[float], part: float) -> float:
    """The least share of calls to the strong model that recovers a part of the gap."""
    gap = sum(brought)
    reached = enumerate(accumulate(brought, initial=0.0))
    return next(place for place, total in reached if total >= part * gap) / len(brought)
