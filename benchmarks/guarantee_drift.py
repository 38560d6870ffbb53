"""A stream is switched from one data set to another: how many audits until the alarm?

Threshold and promise come from one half of the first data set. The stream draws from its other
half, then from the second one, with replacement, so that it can be as long as it needs to be.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles

from benchmarks.guarantee_pairs import Pair, pair_of
from llms.calibration.learn_then_test import Labelled, certify_all
from llms.calibration.martingale import begin, observe_all
from tasks.replay import read_recorded

TARGET = 0.9
DELTA = 0.1
CALM = 200
"""Audited answers before the switch."""
LONGEST = 2000
"""Audited answers after which a stream ends without an alarm."""

SWITCHES = (
    ("zc_triviaqa", "zc_truthfulqa", "gpt-4o-mini", "gpt-4o"),
    ("zc_triviaqa", "zc_truthfulqa", "llama3.1-70b", "llama3.1-405b"),
    ("zc_triviaqa", "zc_truthfulqa", "qwen2.5-72b-instruct", "gpt-4o"),
    ("zc_gsm8k", "zc_triviaqa", "llama3.1-8b", "llama3.1-405b"),
    ("zc_truthfulqa", "zc_triviaqa", "llama3.1-8b", "llama3.1-405b"),
    ("frugalml_yelp", "frugalml_imdb", "amazon-comprehend", "google-nl"),
    ("frugalml_imdb", "frugalml_yelp", "amazon-comprehend", "google-nl"),
    ("frugalml_yelp", "frugalml_imdb", "vader-opensource", "google-nl"),
    ("frugalml_ferplus", "frugalml_rafdb", "facepp", "ms-face"),
    ("frugalml_rafdb", "frugalml_ferplus", "facepp", "ms-face"),
)
"""From, to, cheap model, strong model. Some switches make answers worse, some do not."""


@dataclass(frozen=True)
class Drift:
    """What became of a switch, over all seeds.

    Attributes:
        before: Mean share of all answers that is accepted and wrong, before the switch.
        after: The same after it, under the threshold of before.
        worse: Share of the seeds in which `after` breaks the promise.
        raised: Share of those in which the alarm came.
        audits: Audited answers from the switch to the alarm, in those: first decile, median, last.
        paid: Mean share of the audited answers that were accepted, and so cost a second answer.
        calm: Seeds in which the promise holds without a switch.
        false_alarms: Those of them in which an equally long stream without a switch gave an alarm.
    """

    source: str
    target: str
    cheap: str
    strong: str
    before: float
    after: float
    worse: float
    raised: float
    audits: tuple[float, float, float] | None
    paid: float
    calm: int
    false_alarms: int


def drifts(folder: Path, seeds: int) -> list[Drift]:
    """Every switch whose data sets are in the folder."""
    found = []
    for source, target, cheap, strong in SWITCHES:
        files = [folder / f"{name}.parquet" for name in (source, target)]
        if all(file.is_file() for file in files):
            first, second = (pair_of(read_recorded(file), cheap, strong, "worse") for file in files)
            found.append(_drift(first, second, seeds))
    return found


def alarms_at_the_limit(seeds: int, audits: int) -> int:
    """Alarms in so many streams whose errors come at exactly the tolerated rate.

    That is as bad as is allowed, so every one of them is false.
    """
    return sum(_is_alarmed(seed, audits) for seed in range(seeds))


def _is_alarmed(seed: int, audits: int) -> bool:
    dice = random.Random(seed)
    outcomes = (dice.random() < 1 - TARGET for _ in range(audits))
    state = observe_all(begin(1 - TARGET, DELTA), outcomes, until_alarm=True)
    return state.alarm_at is not None


@dataclass(frozen=True)
class _Trial:
    before: float
    after: float
    audits: int | None
    paid: float
    is_false_alarm: bool


def _drift(first: Pair, second: Pair, seeds: int) -> Drift:
    trials = [_trial(first, second, seed) for seed in range(seeds)]
    worse = [trial for trial in trials if trial.after > 1 - TARGET]
    audits = [trial.audits for trial in worse if trial.audits is not None]
    kept = [trial.is_false_alarm for trial in trials if trial.before <= 1 - TARGET]
    return Drift(
        first.dataset,
        second.dataset,
        first.cheap,
        first.strong,
        before=fmean(trial.before for trial in trials),
        after=fmean(trial.after for trial in trials),
        worse=len(worse) / seeds,
        raised=len(audits) / len(worse) if worse else 0.0,
        audits=_deciles(audits) if len(audits) > 1 else None,
        paid=fmean(trial.paid for trial in trials),
        calm=len(kept),
        false_alarms=sum(kept),
    )


def _deciles(audits: Sequence[int]) -> tuple[float, float, float]:
    cuts = quantiles(audits, n=10, method="inclusive")
    return cuts[0], cuts[4], cuts[8]


def _trial(first: Pair, second: Pair, seed: int) -> _Trial:
    dice = random.Random(seed)
    answers = [
        Labelled(confidence, wrong)
        for confidence, wrong in zip(first.confidences, first.wrong, strict=True)
    ]
    dice.shuffle(answers)
    half = len(answers) // 2
    threshold = certify_all(answers[:half], TARGET, DELTA).confidence
    level = 2.0 if threshold is None else threshold
    calm = [one.confidence >= level and one.is_wrong for one in answers[half:]]
    accepted = [confidence >= level for confidence in second.confidences]
    changed = [kept and wrong for kept, wrong in zip(accepted, second.wrong, strict=True)]
    state = observe_all(begin(1 - TARGET, DELTA), dice.choices(calm, k=CALM))
    false_alarm = state.alarm_at is not None
    # A stream that gave a false alarm before the switch is recalibrated; its audit begins anew.
    state = begin(1 - TARGET, DELTA) if false_alarm else state
    before_switch = state.audits
    rest = LONGEST - before_switch
    switched = observe_all(state, dice.choices(changed, k=rest), until_alarm=True)
    unswitched = observe_all(state, dice.choices(calm, k=rest), until_alarm=True)
    return _Trial(
        before=fmean(calm),
        after=fmean(changed),
        audits=None if switched.alarm_at is None else switched.alarm_at - before_switch,
        paid=fmean(accepted),
        is_false_alarm=false_alarm or unswitched.alarm_at is not None,
    )
