"""What did each tier and the verifier do on labelled documents, and where did it go wrong?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from llms.grounding import TextIndex, ground
from schemas.manifest import Manifest
from storage.store import Lake
from tasks.answer_rows import VERDICTS
from tasks.calibration_labels import JudgedAnswer, Labels, judged_answers
from tasks.evaluation import Evaluation, Mistake
from tasks.gold import Gold
from tasks.jobs import document_types


class Tier(BaseModel):
    """How the answers of one tier fared, whatever became of them.

    Attributes:
        tier: 0 is the first.
        models: Who answered.
        answers: Fields that it answered.
        sound: Those that were valid, grounded and within their rules.
        right: Right ones among the sound ones; an answer that there is no value counts.
    """

    model_config = ConfigDict(frozen=True)

    tier: int
    models: list[str]
    answers: int
    sound: int
    right: int


class Escalation(BaseModel):
    """What asking the next tier did for a field.

    Attributes:
        documents: Labelled documents in which the field was asked for.
        escalated: Those in which the next tier was asked as well.
        right_before: Right answers of the first tier among the escalated ones.
        right_after: Right answers of the next tier among them.
    """

    model_config = ConfigDict(frozen=True)

    documents: int = 0
    escalated: int = 0
    right_before: int = 0
    right_after: int = 0


class VerifierRecord(BaseModel):
    """How often the verifier was right about accepted values.

    Attributes:
        ok_right: Confirmed, and right.
        ok_wrong: Confirmed although wrong: what it missed.
        bad_wrong: Found bad, and wrong: what it caught.
        bad_right: Found bad although right: its false alarms.
        unsure: It could not tell.
    """

    model_config = ConfigDict(frozen=True)

    ok_right: int = 0
    ok_wrong: int = 0
    bad_wrong: int = 0
    bad_right: int = 0
    unsure: int = 0

    @property
    def false_alarms(self) -> float | None:
        """Share of the right values that it found bad; null where it judged none."""
        judged = self.ok_right + self.bad_right
        return self.bad_right / judged if judged else None

    @property
    def missed(self) -> float | None:
        """Share of the wrong values that it confirmed; null where it judged none."""
        judged = self.ok_wrong + self.bad_wrong
        return self.ok_wrong / judged if judged else None


class Place(BaseModel):
    """A span of a document's text, in code points, with its words."""

    model_config = ConfigDict(frozen=True)

    start: int
    end: int
    words: str


class PlacedMistake(BaseModel):
    """A mistake, and where in the text the label and the answer stand; null where nowhere."""

    model_config = ConfigDict(frozen=True)

    mistake: Mistake
    gold_at: Place | None
    predicted_at: Place | None


class WorstDocument(BaseModel):
    """A document with many mistakes."""

    model_config = ConfigDict(frozen=True)

    file: str
    mistakes: list[PlacedMistake]


class Workings(BaseModel):
    """What tiers and verifier did; `escalation` is by field, with its type where there are several.

    A second verdict on a field of the same document would count twice; there is none.
    """

    model_config = ConfigDict(frozen=True)

    tiers: list[Tier]
    escalation: dict[str, Escalation]
    verifier: VerifierRecord
    worst: list[WorstDocument]


def workings(
    lake: Lake, manifest: Manifest, gold: Gold, result: Evaluation, *, most: int = 5
) -> Workings:
    """What the parts of a cascade did on the documents of a gold folder.

    Args:
        lake: The lake of the run.
        manifest: The run.
        gold: The labels.
        result: Its evaluation.
        most: Documents to list as the worst.
    """
    labels = Labels(gold, lake, manifest)
    answers = list(judged_answers(lake, manifest, labels))
    is_typed = len(document_types(manifest.job)) > 1
    return Workings(
        tiers=_tiers(answers),
        escalation=_escalation(answers, is_typed=is_typed),
        verifier=_verifier(lake, manifest, labels),
        worst=list(_worst(lake, manifest, gold, result, most)),
    )


def _tiers(answers: Sequence[JudgedAnswer]) -> list[Tier]:
    by_tier: dict[int, list[JudgedAnswer]] = defaultdict(list)
    for answer in answers:
        by_tier[answer.tier].append(answer)
    return [
        Tier(
            tier=tier,
            models=sorted({a.model for a in said}),
            answers=len(said),
            sound=sum(a.is_sound for a in said),
            right=sum(a.is_sound and a.is_right for a in said),
        )
        for tier, said in sorted(by_tier.items())
    ]


def _escalation(answers: Sequence[JudgedAnswer], *, is_typed: bool) -> dict[str, Escalation]:
    first: dict[tuple[str, str], JudgedAnswer] = {}
    later: dict[tuple[str, str], JudgedAnswer] = {}
    names: dict[tuple[str, str], str] = {}
    for answer in answers:
        key = answer.document, answer.field
        names[key] = f"{answer.document_type}.{answer.field}" if is_typed else answer.field
        (later if answer.tier else first)[key] = answer
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for key, name in names.items():
        counts = found[name]
        counts[0] += 1
        if key in later:
            counts[1] += 1
            before = first.get(key)
            counts[2] += bool(before and before.is_sound and before.is_right)
            counts[3] += later[key].is_sound and later[key].is_right
    return {
        name: Escalation(documents=n, escalated=up, right_before=before, right_after=after)
        for name, (n, up, before, after) in found.items()
    }


def _verifier(lake: Lake, manifest: Manifest, labels: Labels) -> VerifierRecord:
    types = {t.name: t for t in document_types(manifest.job)}
    counts: dict[str, int] = defaultdict(int)
    words = {value: word for word, value in VERDICTS.items()}
    for row in _checks(lake, manifest):
        spec = types[row["document_type"]].field(row["field"])
        values = row["values"]
        predicted = values if spec.multi else (values[0] if values else None)
        right = labels.is_right(row["doc_id"], row["document_type"], row["field"], predicted)
        if right is None:
            continue
        word = words[row["verifier"]]
        counts["unsure" if word == "unsure" else f"{word}_{'right' if right else 'wrong'}"] += 1
    return VerifierRecord(**counts)


def _checks(lake: Lake, manifest: Manifest) -> Iterator[dict[str, Any]]:
    for shard in manifest.shards:
        path = lake.answers(manifest.job.name, shard.shard, manifest.extraction_key)
        if lake.exists(path):
            rows = lake.read_table(path).to_pylist()
            yield from (row for row in rows if row["step"] == "check")


def _worst(
    lake: Lake, manifest: Manifest, gold: Gold, result: Evaluation, most: int
) -> Iterator[WorstDocument]:
    by_file: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in result.mistakes:
        by_file[mistake.file].append(mistake)
    worst = sorted(by_file, key=lambda file: (-len(by_file[file]), file))[:most]
    texts = _texts(lake, manifest, set(worst))
    for file in worst:
        index = TextIndex(texts[file]) if file in texts else None
        placed = [_placed(index, gold, mistake) for mistake in by_file[file]]
        yield WorstDocument(file=file, mistakes=placed)


def _texts(lake: Lake, manifest: Manifest, files: set[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for shard in manifest.shards:
        for row in lake.read_table(shard.documents, ["uri", "text"]).to_pylist():
            if row["uri"] in files:
                found[row["uri"]] = row["text"]
    return found


def _placed(index: TextIndex | None, gold: Gold, mistake: Mistake) -> PlacedMistake:
    name = mistake.field.rpartition(".")[2]
    spec = next(f.spec for f in gold.fields if f.spec.name == name)

    def place(value: object) -> Place | None:
        said = value[0] if isinstance(value, list) and value else value
        said = said[0] if isinstance(said, list) and said else said
        if index is None or not isinstance(said, str) or not said:
            return None
        try:
            found = ground(index, spec, said, None)
        except ValueError:  # a label that is no value of its field stands nowhere
            return None
        if found is None:
            return None
        return Place(start=found.start, end=found.end, words=index.text[found.start : found.end])

    return PlacedMistake(
        mistake=mistake, gold_at=place(mistake.gold), predicted_at=place(mistake.predicted)
    )


def rates(record: VerifierRecord) -> Mapping[str, float | None]:
    """The verifier's own errors: `false_alarms` among right values, `missed` among wrong ones."""
    return {"false_alarms": record.false_alarms, "missed": record.missed}
