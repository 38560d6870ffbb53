"""Which answers of a run were right, by the labels of a gold folder?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from llms.calibration.signals import Signals
from schemas.calibration import Signal
from schemas.fields import DocumentType
from schemas.manifest import Manifest
from storage.store import Lake
from tasks.evaluation import Predicted, compare
from tasks.gold import Gold, GoldField, Label
from tasks.jobs import document_types
from tasks.predictions import canonical_values


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """What one tier said of a field of a labelled document.

    Attributes:
        document: Its id.
        document_type: What it was taken for.
        field: The field.
        tier: The tier that answered, 0 being the first.
        model: Slug of the model that answered.
        signals: What spoke for and against the answer.
        is_sound: No rule was broken, so that confidence decides.
        is_right: It is what the label says; of a document taken for another type, nothing is but
            an answer that there is no value.
    """

    document: str
    document_type: str
    field: str
    tier: int
    model: str
    signals: Signals
    is_sound: bool
    is_right: bool


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """What the cascade and the verifier made of a field of a labelled document.

    Attributes:
        document: Its id.
        document_type: What it was taken for, or the label's where there is no record.
        field: The field.
        model: Slug of the model that answered; null: nobody did.
        confidence: As recorded; null where there is none.
        is_accepted: The record holds the answer, be it that there is no value.
        is_right: As in `JudgedAnswer`.
    """

    document: str
    document_type: str
    field: str
    model: str | None
    confidence: float | None
    is_accepted: bool
    is_right: bool


class Labels:
    """The labels of a gold folder by document of a run."""

    def __init__(self, gold: Gold, lake: Lake, manifest: Manifest) -> None:
        """Match the labels to the documents that the run has found."""
        types = document_types(manifest.job)
        self._only_type = types[0].name if len(types) == 1 else None
        self._fields = {(f.document_type, f.spec.name): f for f in gold.fields}
        self._is_typed = any(f.document_type for f in gold.fields)
        self.files: dict[str, str] = {}
        self._labels: dict[str, Label] = {}
        sources = lake.read_table(lake.run(manifest.run_id, "sources.parquet"), ["uri", "doc_id"])
        listed = sources.filter(pc.is_valid(sources.column("doc_id"))).to_pylist()
        for row in listed:
            label = gold.labels.get(row["uri"])
            if label is not None and row["doc_id"] not in self.files:
                self.files[row["doc_id"]] = row["uri"]
                self._labels[row["doc_id"]] = label

    def type_of(self, document: str) -> str | None:
        """The document type that the label names; null where it is none of the types."""
        return self._labels[document].document_type if self._is_typed else self._only_type

    def is_right(
        self, document: str, document_type: str, field: str, predicted: Predicted
    ) -> bool | None:
        """Whether an answer is what the label says; null where nobody has labelled the field."""
        if document not in self._labels:
            return None
        known = self._field(document_type, field)
        if known is None:
            return None
        if document_type != self.type_of(document):
            return not predicted
        _, wrong, missed = compare(known.match, predicted, self._labels[document].fields.get(field))
        return not wrong and not missed

    def labelled(self, document_type: str) -> list[str]:
        """The fields of a type that the folder has labels for."""
        return [
            name
            for owner, name in self._fields
            if owner == document_type or (not self._is_typed and owner is None)
        ]

    def _field(self, document_type: str, field: str) -> GoldField | None:
        return self._fields.get((document_type if self._is_typed else None, field))


def judged_answers(lake: Lake, manifest: Manifest, labels: Labels) -> Iterator[JudgedAnswer]:
    """What every tier of a run said of labelled documents."""
    types = {t.name: t for t in document_types(manifest.job)}
    for shard in manifest.shards:
        path = lake.answers(manifest.job.name, shard.shard, manifest.extraction_key)
        if not lake.exists(path):
            continue
        for row in lake.read_table(path).to_pylist():
            if row["step"] != "answer":
                continue
            document_type = types[row["document_type"]]
            predicted = _predicted(document_type, row["field"], row["values"])
            right = labels.is_right(row["doc_id"], document_type.name, row["field"], predicted)
            if right is not None:
                yield JudgedAnswer(
                    document=row["doc_id"],
                    document_type=document_type.name,
                    field=row["field"],
                    tier=row["tier"],
                    model=row["model"],
                    signals={s: row[s.value] for s in Signal if row[s.value] is not None},
                    is_sound=row["is_sound"],
                    is_right=right,
                )


def final_answers(
    lake: Lake, manifest: Manifest, labels: Labels, documents: Sequence[str]
) -> Iterator[FinalAnswer]:
    """What a run's records say of labelled documents; those without a record accept nothing."""
    types = {t.name: t for t in document_types(manifest.job)}
    left = dict.fromkeys(documents)
    for shard in manifest.shards:
        for name, path in shard.records.items():
            for row in lake.read_table(path).to_pylist():
                if row["doc_id"] not in left:
                    continue
                del left[row["doc_id"]]
                for spec in types[name].fields:
                    right = labels.is_right(
                        row["doc_id"], name, spec.name, canonical_values(row[spec.name])
                    )
                    if right is not None:
                        yield FinalAnswer(
                            document=row["doc_id"],
                            document_type=name,
                            field=spec.name,
                            model=row[f"{spec.name}__model"],
                            confidence=row[f"{spec.name}__confidence"],
                            is_accepted=row[f"{spec.name}__status"] != "unresolved",
                            is_right=right,
                        )
    for document in left:
        owner = labels.type_of(document)
        for field in labels.labelled(owner) if owner else ():
            yield FinalAnswer(document, str(owner), field, None, None, False, False)


def _predicted(document_type: DocumentType, field: str, values: list[str]) -> Predicted:
    if document_type.field(field).multi:
        return values
    return values[0] if values else None
