"""How good are predicted records against gold ones: precision, recall and F1 per field?"""

from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from pydantic import BaseModel, ConfigDict

from tasks.gold import Gold, GoldField, GoldValue, Label, Match

Predicted = str | list[str] | None
Predictions = Mapping[str, Mapping[str, Predicted]]
"""Values by field by file; canonical notation, null or absent where none was found."""


class Score(BaseModel):
    """How a field fared.

    Attributes:
        tp: Values that were predicted and are right.
        fp: Values that were predicted and are wrong, or that the document does not have.
        fn: Gold values that were not predicted; a wrong value counts here and as `fp`.
        support: Gold values.
        precision: `tp / (tp + fp)`; null when nothing was predicted.
        recall: `tp / (tp + fn)`; null when there was nothing to find.
        f1: `2 tp / (2 tp + fp + fn)`; null when there was neither.
    """

    model_config = ConfigDict(frozen=True)

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    tp: int
    fp: int
    fn: int

    @classmethod
    def of(cls, tp: int, fp: int, fn: int) -> "Score":
        """The score of these counts."""
        return cls(
            precision=_ratio(tp, tp + fp),
            recall=_ratio(tp, tp + fn),
            f1=_ratio(2 * tp, 2 * tp + fp + fn),
            support=tp + fn,
            tp=tp,
            fp=fp,
            fn=fn,
        )


class Mistake(BaseModel):
    """A field of a document that is not as the gold has it."""

    model_config = ConfigDict(frozen=True)

    file: str
    field: str
    gold: str | list[str] | list[list[str]] | None
    predicted: str | list[str] | None


class Evaluation(BaseModel):
    """How predictions fared against a gold folder.

    Attributes:
        documents: Labelled documents.
        unanswered: Labelled documents without any prediction; all their values count as missed.
        fields: Score by field; by `type.field` where the folder knows several types.
        micro: The same over all fields together.
        mistakes: What is wrong, in the order of the labels.
    """

    model_config = ConfigDict(frozen=True)

    documents: int
    unanswered: int
    fields: dict[str, Score]
    micro: Score
    mistakes: list[Mistake]


def compare(match: Match, predicted: Predicted, gold: GoldValue) -> tuple[int, int, int]:
    """True positives, false positives and false negatives of one field of one document.

    A list is a multiset: its order does not count, a repetition does. Under `any-mention` the gold
    is a list of entities, each a list of its mentions; an entity is found once, however often it is
    named.
    """
    values = [predicted] if isinstance(predicted, str) else list(predicted or ())
    wanted = [gold] if isinstance(gold, str) else list(gold or ())
    if match is Match.ANY_MENTION:
        found = _entities_found(values, [[e] if isinstance(e, str) else e for e in wanted])
    else:
        plain = [value for value in wanted if isinstance(value, str)]
        left = Counter(_key(match, value) for value in values)
        right = Counter(_key(match, value) for value in plain)
        found = (left & right).total()
    return found, len(values) - found, len(wanted) - found


def evaluate(
    gold: Gold, predictions: Predictions, predicted_types: Mapping[str, str] | None = None
) -> Evaluation:
    """Score predictions against a gold folder.

    Args:
        gold: The folder.
        predictions: Values by field by file. A file without any counts all its values as missed;
            files and fields that the gold does not know are not scored.
        predicted_types: The type each file was taken for, where the folder knows several: under a
            wrong type all gold values are missed and all predicted ones wrong. Null takes every
            file for what it is.
    """
    counts: dict[str, list[int]] = {_name(f, f.document_type): [0, 0, 0] for f in gold.fields}
    mistakes = []
    for file, name, predicted, wanted, field in _all_pairs(gold, predictions, predicted_types):
        tp, fp, fn = compare(field.match, predicted, wanted)
        for position, number in enumerate((tp, fp, fn)):
            counts[name][position] += number
        if fp or fn:
            mistakes.append(Mistake(file=file, field=name, gold=wanted, predicted=predicted))
    totals = [sum(column) for column in zip(*counts.values(), strict=True)]
    return Evaluation(
        documents=len(gold.labels),
        unanswered=sum(file not in predictions for file in gold.labels),
        fields={name: Score.of(*count) for name, count in counts.items()},
        micro=Score.of(*totals),
        mistakes=mistakes,
    )


def counts_by_document(
    gold: Gold, predictions: Predictions, predicted_types: Mapping[str, str] | None = None
) -> dict[str, dict[str, tuple[int, int, int]]]:
    """True positives, false positives and false negatives by document, by field.

    Arguments as `evaluate`. Every labelled document is there; a field only where it counts.
    """
    found: dict[str, dict[str, tuple[int, int, int]]] = {file: {} for file in gold.labels}
    for file, name, predicted, wanted, field in _all_pairs(gold, predictions, predicted_types):
        counted = compare(field.match, predicted, wanted)
        if any(counted):
            found[file][name] = counted
    return found


def _all_pairs(
    gold: Gold, predictions: Predictions, predicted_types: Mapping[str, str] | None
) -> Iterator[tuple[str, str, Predicted, GoldValue, GoldField]]:
    for file, label in gold.labels.items():
        answer = predictions.get(file, {})
        taken_for = (predicted_types or {}).get(file, label.document_type)
        for pair in _pairs(gold, label, answer, taken_for):
            yield (file, *pair)


def _pairs(
    gold: Gold, label: Label, answer: Mapping[str, Predicted], taken_for: str | None
) -> list[tuple[str, Predicted, GoldValue, GoldField]]:
    """What is compared with what in one document, by the name it is scored under."""
    right_type = taken_for == label.document_type
    pairs: list[tuple[str, Predicted, GoldValue, GoldField]] = []
    for field in gold.fields:
        of_label = field.document_type == label.document_type
        of_answer = field.document_type == taken_for
        wanted = label.fields.get(field.spec.name) if of_label else None
        predicted = answer.get(field.spec.name) if of_answer else None
        if of_label or (of_answer and not right_type):
            pairs.append((_name(field, field.document_type), predicted, wanted, field))
    return pairs


def _name(field: GoldField, document_type: str | None) -> str:
    return field.spec.name if document_type is None else f"{document_type}.{field.spec.name}"


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _key(match: Match, value: str) -> Hashable:
    """What two values must share to be equal under `match`."""
    match match:
        case Match.CASEFOLD:
            return " ".join(value.casefold().split())
        case Match.ALNUM:
            return "".join(c for c in value if c.isalnum())
        case Match.NUMERIC:
            return _number(value)
        case Match.INSTANT:
            return _instant(value)
        case _:
            return value


def _number(value: str) -> Decimal | str:
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return value
    # A NaN is not even equal to itself; as text it is.
    return number if number.is_finite() else value


def _instant(value: str) -> datetime | str:
    try:
        moment = datetime.fromisoformat(value.strip())
        return moment.astimezone(UTC) if moment.tzinfo else moment.isoformat()
    except (ValueError, OverflowError):
        return value


def _entities_found(values: Sequence[str], entities: Sequence[Sequence[str]]) -> int:
    """The most entities that can be matched with a value each, no value and no entity twice."""
    owners: dict[str, list[int]] = defaultdict(list)
    for number, mentions in enumerate(entities):
        for mention in dict.fromkeys(" ".join(m.casefold().split()) for m in mentions):
            owners[mention].append(number)
    holder: dict[int, int] = {}
    keys = [" ".join(value.casefold().split()) for value in values]
    return sum(_give_entity(value, keys, owners, holder) for value in range(len(keys)))


def _give_entity(
    value: int, keys: Sequence[str], owners: Mapping[str, list[int]], holder: dict[int, int]
) -> bool:
    """Match one more value, moving earlier ones to other entities of theirs where that helps."""
    reached_by: dict[int, int] = {}
    waiting = deque([value])
    while waiting:
        current = waiting.popleft()
        for entity in owners.get(keys[current], ()):
            if entity in reached_by:
                continue
            reached_by[entity] = current
            if entity in holder:
                waiting.append(holder[entity])
                continue
            # A free entity ends the chain: each value on it takes the entity it was reached by.
            taken: int | None = entity
            while taken is not None:
                giver = reached_by[taken]
                previous = next((e for e, v in holder.items() if v == giver), None)
                holder[taken] = giver
                taken = previous if giver != value else None
            return True
    return False
