"""What does an answer schema ask for: per field the kind of value, the concept and its labels."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from llms.offline.labels import Labels, Words, spellings
from llms.offline.lexicon import CONCEPTS, Kind
from llms.offline.vocabulary import CHOICE_WORDS
from llms.offline.words import name_words, words

_LABELS = re.compile(r'Printed beside: ((?:"[^"]*"(?:, )?)+)')
_NOTATION = re.compile(
    r"Must stand in the document\.|May be inferred\.|Copy it exactly as printed\.|Write (?:it|"
    r"plain)\b.*$"
)
_STOP = frozenset(
    words("the a an of or and in on for to it is was be its this that as by with from")
)
_DATES = frozenset({Kind.DATE, Kind.DATETIME})
_OWN, _CONCEPT, _NAME, _BROADER, _PHRASE = 1.1, 1.0, 0.9, 0.6, 0.5


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field that is asked for.

    Attributes:
        kind: How its values are recognised.
        concept: The concept it is about, a key of `CONCEPTS`, or an empty string.
        multi: A list of values is wanted.
        as_printed: The notation of the document is wanted.
        inferred: The value need not stand in the document.
        unprinted: The schema says that documents do not carry the value.
        as_integer: The answer is a JSON integer.
        choices: Allowed values of a category with the word sequences that speak for each.
        near: Words that stand near values of the field in running text.
    """

    index: int
    name: str
    kind: Kind
    concept: str
    multi: bool
    as_printed: bool
    inferred: bool
    unprinted: bool
    as_integer: bool
    choices: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]
    near: frozenset[str]
    description: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A schema made ready: its fields and all labels, those of other concepts included."""

    fields: tuple[FieldPlan, ...]
    labels: Labels


def plan_for(schema: dict[str, Any]) -> Plan:
    """The plan of an extraction schema; computed once per schema."""
    return _plan(json.dumps(schema, sort_keys=False))


# Cascades ask for ever other subsets of the same fields: what a plan costs is kept per field.
@lru_cache(maxsize=128)
def _plan(schema_json: str) -> Plan:
    planned = [
        _planned_field(name, json.dumps(schema))
        for name, schema in json.loads(schema_json).get("properties", {}).items()
    ]
    fields = tuple(replace(field, index=index) for index, (field, _) in enumerate(planned))
    return Plan(fields, Labels([weights for _, weights in planned]))


@lru_cache(maxsize=1024)
def _planned_field(name: str, schema_json: str) -> tuple[FieldPlan, dict[Words, float]]:
    """A field, whatever its place in a schema, and how much each label speaks for it."""
    schema = json.loads(schema_json)
    field = _field_plan(name, schema)
    weights: dict[Words, float] = {}
    for label, weight in _field_labels(field, str(schema.get("description", ""))):
        for sequence in spellings(label):
            weights[sequence] = max(weight, weights.get(sequence, 0.0))
    return field, weights


def _field_labels(field: FieldPlan, description: str) -> Iterator[tuple[str, float]]:
    for label in own_labels(description):
        yield label, _OWN
    if field.concept:
        concept = CONCEPTS[field.concept]
        for label in concept.labels.split(";"):
            yield label, _CONCEPT
        if concept.broader:
            for label in CONCEPTS[concept.broader].labels.split(";"):
                yield label, _BROADER
    yield field.name.replace("_", " "), _NAME
    plain = [word for word in words(field.description) if len(word) > 2]
    for pair in pairwise(plain):
        if not _STOP.intersection(pair):
            yield " ".join(pair), _PHRASE


def own_labels(description: str) -> list[str]:
    """The labels that a field's description lists in double quotes."""
    found = _LABELS.search(description)
    return re.findall(r'"([^"]*)"', found.group(1)) if found else []


def _field_plan(name: str, schema: dict[str, Any]) -> FieldPlan:
    description = str(schema.get("description", ""))
    multi = schema.get("type") == "array"
    inner = schema.get("items", {}) if multi else schema
    value = inner.get("properties", {}).get("value", inner)
    declared = value.get("type", "string")
    declared = [declared] if isinstance(declared, str) else list(declared)
    choices = tuple(str(choice) for choice in value.get("enum", ()) if choice is not None)
    as_printed = "exactly as printed" in description
    meaning = _NOTATION.sub("", _LABELS.sub("", description)).strip()
    allowed = _allowed_kinds(declared, str(value.get("format", "")), description, bool(choices))
    concept = _concept(name, meaning, own_labels(description), allowed, as_printed)
    kind = _kind(name, concept, allowed, meaning, as_printed)
    return FieldPlan(
        index=0,
        name=name,
        kind=kind,
        concept=concept,
        multi=multi,
        as_printed=as_printed,
        inferred="May be inferred" in description,
        unprinted="not printed" in meaning,
        as_integer="integer" in declared,
        choices=tuple((choice, _choice_words(choice)) for choice in choices),
        near=frozenset(
            word
            for phrase in (CONCEPTS[concept].near if concept else meaning.lower()).split(";")
            for word in words(phrase)
            if word not in _STOP
        ),
        description=meaning,
    )


def _choice_words(choice: str) -> tuple[tuple[str, ...], ...]:
    sequences = {words(choice.replace("_", " ")): None}
    for phrase in CHOICE_WORDS.get(choice.lower(), "").split(";"):
        if phrase:
            sequences[words(phrase)] = None
    return tuple(sequence for sequence in sequences if sequence)


def _allowed_kinds(
    declared: list[str], form: str, description: str, has_choices: bool
) -> frozenset[Kind] | None:
    """The kinds the schema leaves open; None when it only says string."""
    if has_choices:
        return frozenset({Kind.CATEGORY})
    if "boolean" in declared:
        return frozenset({Kind.BOOLEAN})
    if "integer" in declared:
        return frozenset({Kind.INTEGER, Kind.COUNT})
    if form == "date" or "YYYY-MM-DD" in description:
        return frozenset({Kind.DATE})
    if form == "date-time" or "ISO 8601" in description:
        return frozenset({Kind.DATETIME})
    if "number" in declared or "plain digits" in description:
        return frozenset({Kind.AMOUNT})
    if "<number> <unit>" in description:
        return frozenset({Kind.DURATION})
    return None


def _concept(
    name: str,
    meaning: str,
    labels: list[str],
    allowed: frozenset[Kind] | None,
    as_printed: bool,
) -> str:
    own = name_words(name)
    described = name_words(meaning)
    printed = {words(label) for label in labels}
    best, best_score = "", 0.55
    for concept_name, concept in CONCEPTS.items():
        if not _is_allowed(concept.kind, allowed):
            continue
        if allowed is None and concept.kind in (Kind.CATEGORY, Kind.INTEGER, Kind.COUNT):
            continue
        phrases, known = _naming(concept_name)
        score = max(_name_score(own, phrase) for phrase in phrases)
        score += max((_described_score(described, phrase) for phrase in phrases), default=0.0)
        score += 0.3 * min(3, len(printed & known))
        if as_printed and concept.kind in (Kind.DATE, Kind.AMOUNT):
            score += 0.2
        if score > best_score:
            best, best_score = concept_name, score
    return best


@cache
def _naming(concept: str) -> tuple[list[Words], frozenset[Words]]:
    """The phrases that mean a concept of the lexicon, and its labels as word sequences."""
    names, labels = CONCEPTS[concept].names, CONCEPTS[concept].labels
    phrases = [name_words(phrase) for phrase in names.split(";")]
    return phrases, frozenset(words(label) for label in labels.split(";"))


def _is_allowed(kind: Kind, allowed: frozenset[Kind] | None) -> bool:
    return allowed is None or kind in allowed or bool(allowed <= _DATES and kind in _DATES)


def _name_score(own: tuple[str, ...], phrase: tuple[str, ...]) -> float:
    if own == phrase:
        # A name this plain says little; the description may know better.
        return 1.2 if own in _PLAIN_NAMES else 3.0
    mine, theirs = set(own), set(phrase)
    if mine == theirs:
        return 2.9
    if theirs < mine:
        return 1.6 * len(theirs) / len(mine)
    if mine < theirs:
        return 0.8 * len(mine) / len(theirs)
    return 0.0


_PLAIN_NAMES = frozenset({("date",), ("amount",), ("name",), ("description",), ("text",)})


def _described_score(described: tuple[str, ...], phrase: tuple[str, ...]) -> float:
    size = len(phrase)
    for start in range(len(described) - size + 1):
        if described[start : start + size] == phrase:
            # What a sentence says first is what it is about.
            return (0.35 + 0.45 * (size - 1)) * (1.0 if start < 6 else 0.6)
    return 0.0


_NAME_KINDS: tuple[tuple[Kind, frozenset[str]], ...] = (
    (Kind.DATE, frozenset({"date", "day"})),
    (Kind.EMAIL, frozenset({"email", "mail"})),
    (Kind.PHONE, frozenset({"phone", "fax", "mobile"})),
    (Kind.URL, frozenset({"url", "website", "link"})),
    (Kind.ADDRESS, frozenset({"address"})),
    (Kind.IDENTIFIER, frozenset({"number", "id", "code", "reference", "ref"})),
    (Kind.PARTY, frozenset({"name", "company", "person", "organisation", "organization"})),
    (Kind.SUMMARY, frozenset({"summary"})),
)


def _kind(
    name: str,
    concept: str,
    allowed: frozenset[Kind] | None,
    meaning: str,
    as_printed: bool,
) -> Kind:
    if allowed is not None and len(allowed) == 1:
        return next(iter(allowed))
    if concept:
        return CONCEPTS[concept].kind
    if allowed is not None:
        return Kind.INTEGER
    own = set(name_words(name))
    for kind, signs in _NAME_KINDS:
        if own & signs:
            return kind
    if as_printed:
        return Kind.DATE if "date" in name_words(meaning) else Kind.AMOUNT
    return Kind.TEXT
