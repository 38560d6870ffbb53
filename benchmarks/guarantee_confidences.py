"""Do fitted confidences say more than those the models come with?"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from llms.calibration.fitting import confidence, fit, part_of
from llms.calibration.signals import Example
from llms.policies.recorded import Recorded
from schemas.calibration import Signal
from tasks.replay import read_recorded


@dataclass(frozen=True)
class Calibrated:
    """One model on one data set: fitted on one half of the queries, measured on the other.

    Attributes:
        kind: What was fitted: `constant` where the confidence speaks for no answer.
        recorded: Brier score (mean squared difference from the outcome) of the recorded confidence.
        fitted: The same of the fitted one.
        share: The same of saying the share of right answers for every answer.
    """

    dataset: str
    model: str
    kind: str
    recorded: float
    fitted: float
    share: float


def calibrated(folder: Path, dataset: str) -> Iterator[Calibrated]:
    """Every model of a data set that has a confidence."""
    recorded = read_recorded(folder / f"{dataset}.parquet")
    for model in recorded.models:
        if recorded.has_confidence(model):
            yield _calibrated(recorded, model)


def _calibrated(recorded: Recorded, model: str) -> Calibrated:
    said = zip(recorded.query_ids, recorded.confidence[model], recorded.correct[model], strict=True)
    examples = [
        Example(query, {Signal.STATED: value or 0.0}, right > 0.5) for query, value, right in said
    ]
    tuned = [one for one in examples if part_of(one.document, 2, "calibrate") == 0]
    rest = [one for one in examples if part_of(one.document, 2, "calibrate") == 1]
    fitted = fit(tuned).model
    share = fmean(one.is_right for one in tuned)
    return Calibrated(
        recorded.dataset,
        model,
        fitted.kind,
        recorded=fmean((one.signals[Signal.STATED] - one.is_right) ** 2 for one in rest),
        fitted=fmean((confidence(fitted, one.signals) - one.is_right) ** 2 for one in rest),
        share=fmean((share - one.is_right) ** 2 for one in rest),
    )
