"""Which cheap answers of one batch may stay, by a sample that the strong model has judged?"""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llms.calibration.fitting import confidence
from llms.calibration.hypergeometric import (
    Prefix,
    counted,
    draw_sample,
    sample_size,
    smallest_sample,
)
from llms.judgement import alike
from schemas.calibration import ConfidenceModel, Guarantee, Signal, SignalWeight
from schemas.manifest import Manifest
from storage.store import Lake

ORDER = ConfidenceModel(
    kind="logistic",
    base=0.0,
    weights=(
        SignalWeight(signal=Signal.STATED, centre=0.0, spread=1.0, weight=1.0, when_missing=0.0),
        SignalWeight(signal=Signal.GROUNDING, centre=1.0, spread=1.0, weight=4.0, when_missing=0.0),
    ),
    examples=0,
    right=0,
)
"""The order of the answers where nobody has labelled any: as stated, less where the value stands
doubtfully in the text. The promise holds in any order; a good one keeps more."""

_NEVER = -1.0
"""Confidence of what broke a rule: it goes to the strong model whatever is certified."""


@dataclass(frozen=True, slots=True)
class CheapAnswer:
    """What the first tier said of a field of a document; `sure` orders the answers."""

    document: str
    field: str
    model: str
    values: tuple[str, ...]
    sure: float


@dataclass(frozen=True, slots=True)
class Sample:
    """What the strong model is to judge of a document type.

    Attributes:
        documents: Documents of the batch.
        drawn: Those that the strong model answers too.
        smallest: The smallest sample that could certify anything.
    """

    documents: tuple[str, ...]
    drawn: frozenset[str]
    smallest: int


def first_answers(lake: Lake, manifest: Manifest) -> dict[str, list[CheapAnswer]]:
    """What the first tier of a run said, by document type."""
    found: dict[str, list[CheapAnswer]] = {}
    for shard in manifest.shards:
        path = lake.answers(manifest.job.name, shard.shard, manifest.extraction_key)
        if not lake.exists(path):
            continue
        for row in lake.read_table(path).to_pylist():
            if row["step"] != "answer" or row["tier"] != 0:
                continue
            signals = {s: row[s.value] for s in Signal if row[s.value] is not None}
            found.setdefault(row["document_type"], []).append(
                CheapAnswer(
                    document=row["doc_id"],
                    field=row["field"],
                    model=row["model"],
                    values=tuple(row["values"]),
                    sure=confidence(ORDER, signals) if row["is_sound"] else _NEVER,
                )
            )
    return found


def sample_of(answers: Iterable[CheapAnswer], target: float, delta: float, seed: str) -> Sample:
    """Draw the documents that the strong model judges, once for all fields.

    Args:
        answers: The cheap answers about a document type.
        target: Share of the batch to be as the strong model has it.
        delta: Probability with which that may fail.
        seed: Of the draw.
    """
    documents = tuple(sorted({answer.document for answer in answers}))
    size = sample_size(len(documents), target, delta)
    dice = random.Random(seed)  # noqa: S311 - a sample, not a secret
    drawn = frozenset(documents[n] for n in draw_sample(len(documents), size, dice))
    return Sample(documents, drawn, smallest_sample(len(documents), target, delta))


def certify_batch(
    answers: Iterable[CheapAnswer],
    strong: Mapping[tuple[str, str], tuple[str, ...]],
    sample: Sample,
    target: float,
    delta: float,
) -> dict[str, Guarantee]:
    """Per field, from which confidence on the cheap answers of the batch may stay.

    Args:
        answers: The cheap answers about a document type.
        strong: What the strong model said, by document and field; a sampled document that it could
            not answer counts as a disagreement.
        sample: What was drawn.
        target: Share of the batch to be as the strong model has it.
        delta: Probability with which a field's promise may fail.
    """
    by_field: dict[str, list[CheapAnswer]] = {}
    for answer in answers:
        by_field.setdefault(answer.field, []).append(answer)
    found: dict[str, Guarantee] = {}
    for field, said in by_field.items():
        ordered = sorted(said, key=lambda one: (-one.sure, one.document))
        judged = [
            None if one.document not in sample.drawn else not _agree(one, strong) for one in ordered
        ]
        prefix = counted(judged, target, delta)
        found[field] = _guarantee(ordered, judged, prefix, sample, target, delta)
    return found


def _agree(cheap: CheapAnswer, strong: Mapping[tuple[str, str], tuple[str, ...]]) -> bool:
    said = strong.get((cheap.document, cheap.field))
    return said is not None and alike(cheap.values, said)


def _guarantee(
    ordered: list[CheapAnswer],
    judged: list[bool | None],
    prefix: Prefix,
    sample: Sample,
    target: float,
    delta: float,
) -> Guarantee:
    level = _level(ordered, prefix.accepted)
    kept = [
        wrong
        for one, wrong in zip(ordered, judged, strict=True)
        if wrong is not None and level is not None and one.sure >= level
    ]
    return Guarantee(
        rule="batch",
        against="strong_model",
        target=target,
        delta=delta,
        answers=len(ordered),
        labelled=len(sample.drawn),
        accepted=len(kept),
        errors=sum(kept),
        threshold=level,
        needed=sample.smallest,
    )


def _level(ordered: list[CheapAnswer], accepted: int) -> float | None:
    """The lowest confidence that lets in no answer beyond the prefix; null where it lets in none.

    Answers with one confidence cannot be told apart: where the prefix ends among them, none counts.
    """
    if accepted == len(ordered):
        sound = [one.sure for one in ordered if one.sure > _NEVER]
        return min(sound, default=None)
    after = ordered[accepted].sure
    above = [one.sure for one in ordered[:accepted] if one.sure > max(after, _NEVER)]
    return min(above, default=None)
