"""What do the rules save, and how often do they break their promise, on recorded answers?

Two ways. `halves`: the threshold comes from one half, drawn at random and labelled, and is measured
on the other half. `batch`: all answers are one batch, of which the strong model judges a sample
that it is paid for; BARGAIN draws its labels one by one.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import compress
from typing import Literal

from benchmarks.guarantee_pairs import Pair
from benchmarks.guarantee_rules import (
    bargain_batch,
    bargain_prefix,
    hoeffding_errors,
    hoeffding_prefix,
    naive_errors,
    naive_prefix,
)
from llms.calibration.hypergeometric import (
    before_error,
    counted,
    draw_sample,
    fixed_sequence,
    sample_size,
)
from llms.calibration.learn_then_test import Labelled, certify_all
from llms.calibration.tails import errors_within

TARGETS = (0.9, 0.95)
DELTA = 0.1
SEEDS = 200

Way = Literal["halves", "batch"]

RULES: Mapping[Way, tuple[str, ...]] = {
    "halves": ("next answers", "long run", "BARGAIN", "Hoeffding", "naive"),
    "batch": ("counted", "fixed sequence", "BARGAIN", "Hoeffding", "naive"),
}
"""Rules per way, docmill's first."""

OURS: Mapping[Way, str] = {"halves": "next answers", "batch": "counted"}


@dataclass(frozen=True)
class Outcome:
    """What a rule did on a pair over all seeds.

    Attributes:
        answers: How many answers the pair has in all.
        avoided: Mean share of the answers that the strong model was not asked for: of the other
            half, or of the batch, there without the sampled ones.
        violations: Share of the seeds in which more than 1 - target of those answers were wrong in
            the output.
    """

    dataset: str
    family: str
    cheap: str
    strong: str
    meaning: str
    to_best: bool
    answers: int
    way: Way
    target: float
    rule: str
    avoided: float
    violations: float


def replay(pairs: Iterable[Pair], seeds: int, workers: int) -> list[Outcome]:
    """Both ways, all targets and rules, for every pair; the same seeds give the same outcomes."""
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(partial(replay_pair, seeds=seeds), pairs, chunksize=4)
        return [outcome for outcomes in found for outcome in outcomes]


def replay_pair(pair: Pair, seeds: int) -> list[Outcome]:
    """Both ways, all targets and rules, for one pair."""
    ways: Mapping[Way, Callable[[Pair, float, int], Mapping[str, Trial]]] = {
        "halves": _halves,
        "batch": _batch,
    }
    outcomes = []
    for way, run in ways.items():
        for target in TARGETS:
            trials = [run(pair, target, seed) for seed in range(seeds)]
            for rule in RULES[way]:
                avoided = sum(trial[rule][0] for trial in trials) / seeds
                broken = sum(trial[rule][1] for trial in trials) / seeds
                outcomes.append(_outcome(pair, way, target, rule, avoided, broken))
    return outcomes


def _outcome(
    pair: Pair, way: Way, target: float, rule: str, avoided: float, violations: float
) -> Outcome:
    return Outcome(
        pair.dataset,
        pair.family,
        pair.cheap,
        pair.strong,
        pair.meaning,
        pair.to_best,
        len(pair),
        way,
        target,
        rule,
        avoided,
        violations,
    )


Trial = tuple[float, bool]
"""Share of calls avoided, and whether the promise was broken."""


def _halves(pair: Pair, target: float, seed: int) -> dict[str, Trial]:
    mask = _half(len(pair), seed)
    tuned = [
        Labelled(confidence, is_wrong)
        for confidence, is_wrong in zip(
            compress(pair.confidences, mask), compress(pair.wrong, mask), strict=True
        )
    ]
    rest = bytes(1 - bit for bit in mask)
    measured = list(compress(pair.wrong, rest))
    # Descending, so negated for bisection.
    levels = [-confidence for confidence in compress(pair.confidences, rest)]
    harmless = errors_within(target, len(measured))

    def trial(threshold: float | None) -> Trial:
        end = 0 if threshold is None else bisect_right(levels, -threshold)
        return end / len(measured), sum(measured[:end]) > harmless

    wrong = [one.is_wrong for one in tuned]
    by_bargain = bargain_prefix(_shuffled(len(wrong), seed), wrong.__getitem__, target, DELTA)
    by_hoeffding = hoeffding_errors(len(wrong), target, DELTA)
    return {
        "next answers": trial(certify_all(tuned, target, DELTA, len(measured)).confidence),
        "long run": trial(certify_all(tuned, target, DELTA).confidence),
        "BARGAIN": trial(_after(tuned, by_bargain)),
        "Hoeffding": trial(_after(tuned, before_error(wrong, by_hoeffding))),
        "naive": trial(_after(tuned, before_error(wrong, naive_errors(len(tuned), target)))),
    }


def _after(tuned: Sequence[Labelled], accepted: int) -> float | None:
    """The threshold that accepts so many of the labelled answers, and all below the next one."""
    if accepted == len(tuned):
        return 0.0
    return math.nextafter(tuned[accepted].confidence, 2.0) if accepted else None


def _batch(pair: Pair, target: float, seed: int) -> dict[str, Trial]:
    n = len(pair)
    harmless = errors_within(target, n)
    size = sample_size(n, target, DELTA)
    sample = draw_sample(n, size, random.Random(seed))
    judged = [wrong if i in sample else None for i, wrong in enumerate(pair.wrong)]
    by_bargain, asked = bargain_batch(
        _shuffled(n, seed), pair.wrong.__getitem__, target, DELTA, most_per_prefix=size // 2
    )

    def trial(accepted: int, labelled: Iterable[int] = sample) -> Trial:
        strong = [i for i in labelled if i < accepted]
        wrong = sum(pair.wrong[:accepted]) - sum(pair.wrong[i] for i in strong)
        return (accepted - len(strong)) / n, wrong > harmless

    return {
        "counted": trial(counted(judged, target, DELTA).accepted),
        "fixed sequence": trial(fixed_sequence(judged, target, DELTA).accepted),
        "BARGAIN": trial(by_bargain, asked),
        "Hoeffding": trial(hoeffding_prefix(judged, target, DELTA)),
        "naive": trial(naive_prefix(judged, target)),
    }


@lru_cache(maxsize=SEEDS)
def _half(answers: int, seed: int) -> bytes:
    """A random half: 1 per position that is labelled."""
    mask = bytearray(answers)
    for position in random.Random(seed).sample(range(answers), answers // 2):
        mask[position] = 1
    return bytes(mask)


@lru_cache(maxsize=SEEDS)
def _shuffled(answers: int, seed: int) -> tuple[int, ...]:
    """All positions in random order."""
    return tuple(random.Random(seed + SEEDS).sample(range(answers), answers))
