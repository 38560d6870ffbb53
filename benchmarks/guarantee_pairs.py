"""Which cheap and strong models can thresholds be tried on, and when is a cheap answer wrong?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llms.calibration.fitting import part_of
from llms.policies.recorded import Recorded
from tasks.replay import read_recorded

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "cascade"

LLM_SETS = ("zc_mmlu", "zc_triviaqa", "zc_truthfulqa", "zc_gsm8k", "mot_date", "mot_gsm8k")
LLM_SETS += ("rbmini_qwen35",)
API_SETS = tuple(f"frugalml_{name}" for name in ("yelp", "imdb", "waimai"))
API_SETS += tuple(f"frugalml_{name}" for name in ("ferplus", "rafdb", "command"))

LABELS = frozenset({"zc_mmlu", *API_SETS})
"""Data sets whose answers are a letter or a class, so that two answers agree or do not."""

_TRILLIONTH = 1e-12

Meaning = Literal["worse", "other"]
"""When a cheap answer counts as wrong: `worse`, it is wrong where the strong one is right; `other`,
it is not the strong one's answer."""


@dataclass(frozen=True)
class Pair:
    """A cheap and a strong model on the same queries.

    Attributes:
        confidences: Of the cheap answers, surest first, 0 to 1, equal ones told apart by query.
        wrong: Whether each of these answers is wrong, as `meaning` has it.
        to_best: Whether no model of the data set is right more often than the strong one.
    """

    dataset: str
    cheap: str
    strong: str
    meaning: Meaning
    confidences: tuple[float, ...]
    wrong: tuple[bool, ...]
    to_best: bool

    @property
    def family(self) -> str:
        """Language models or classification APIs."""
        return "API" if self.dataset in API_SETS else "LLM"

    def __len__(self) -> int:
        """How many queries there are."""
        return len(self.wrong)


def available(folder: Path) -> list[str]:
    """The data sets of the benchmark that the folder holds."""
    return [name for name in LLM_SETS + API_SETS if (folder / f"{name}.parquet").is_file()]


def pairs(folder: Path, dataset: str) -> Iterator[Pair]:
    """Every pair of a data set: the first has a confidence, the second is dearer and better."""
    recorded = read_recorded(folder / f"{dataset}.parquet")
    meanings: tuple[Meaning, ...] = ("worse", "other") if dataset in LABELS else ("worse",)
    # What another policy made of two models is no model.
    models = [name for name in recorded.models if name != "reflection-policy"]
    for cheap in models:
        if not recorded.has_confidence(cheap):
            continue
        for strong in models:
            if is_step_up(recorded, cheap, strong):
                for meaning in meanings:
                    yield pair_of(recorded, cheap, strong, meaning)


def is_step_up(recorded: Recorded, cheap: str, strong: str) -> bool:
    """Whether the strong model costs more and is right more often."""
    low, high = recorded.price(cheap), recorded.price(strong)
    is_dearer = low is not None and high is not None and low < high
    return is_dearer and recorded.quality(cheap) < recorded.quality(strong)


def untied(confidence: float, key: str) -> float:
    """A confidence that no two answers share: moved by a trillionth at most, by the answer's key.

    Where many answers have the same confidence (a vote of five, a score in tenths) a threshold
    takes all of them or none. Told apart by something that has nothing to do with being right, any
    part of them can be taken, and the promise holds as before.
    """
    return (1 - _TRILLIONTH) * confidence + _TRILLIONTH * part_of(key, 2**16, "tie") / 2**16


def pair_of(recorded: Recorded, cheap: str, strong: str, meaning: Meaning) -> Pair:
    """Two models of a data set, the cheap one's answers in the order of its confidence."""
    said = zip(recorded.confidence[cheap], recorded.query_ids, strict=True)
    confidences = [untied(value or 0.0, query) for value, query in said]
    wrong = _wrong(recorded, cheap, strong, meaning)
    order = sorted(range(len(recorded)), key=lambda i: -confidences[i])
    return Pair(
        recorded.dataset,
        cheap,
        strong,
        meaning,
        tuple(confidences[i] for i in order),
        tuple(wrong[i] for i in order),
        to_best=recorded.quality(strong) == max(map(recorded.quality, recorded.models)),
    )


def _wrong(recorded: Recorded, cheap: str, strong: str, meaning: Meaning) -> Sequence[bool]:
    if meaning == "other":
        answers = zip(recorded.answer[cheap], recorded.answer[strong], strict=True)
        return [one != other for one, other in answers]
    outcomes = zip(recorded.correct[cheap], recorded.correct[strong], strict=True)
    return [one < other for one, other in outcomes]
