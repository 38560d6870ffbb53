"""What plan do the rules make of a goal and a sample? Counted fields, and the words of the goal."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llms.offline.careful import careful_answer
from llms.offline.goals import Goal, goal_of
from llms.offline.labels import concept_labels
from llms.offline.lexicon import Kind
from llms.offline.page import Page
from llms.offline.plan_metrics import LIST, Table, metrics_for
from llms.offline.plans import FieldPlan, plan_for
from llms.offline.routing import route_answer
from llms.offline.words import bare, words
from llms.recognition import find_amounts, find_dates, find_integers
from schemas.answers import extraction_schema
from schemas.documents import SHIPPED, shipped_type
from schemas.fields import DocumentType, FieldSpec

_FALLBACK = "generic"
_OTHER = "other"

_KEEP_SHARE = 0.3
"""A field that stands in fewer of a type's documents is left out, unless the goal asks for it."""

_LABEL_SHARE = 0.5
"""A printed label becomes a field when it stands in so many documents of a type."""

_LEAST_DOCUMENTS, _LEAST_BESIDE = 2, 3
"""Documents that must print a label: those of an own type, and those of a type that ships with
fields, where a label is more likely to be chance."""

_LARGE_SAMPLE = 10
"""From here on one document is no reason for a type: the router's rules may have erred."""

_MOST_OWN_FIELDS = 12
_MOST_EXTRA_FIELDS = 4
_LABELLED = re.compile(r"^[ \t*>|-]*([^\W\d_][^\n:|]{1,30}?)[ \t]*:[ \t]+(\S[^\n]*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Document:
    name: str
    text: str

    @property
    def folder(self) -> str:
        return self.name.rpartition("/")[0]


def plan_answer(goal: str, documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The `docmill_plan` answer to a goal, from field statistics over a sample.

    A shipped type is planned when a document of the sample is of it. It keeps the fields that
    stand in enough of its documents, and those that the goal asks for. Documents of no shipped
    type that lie in one folder and print the same labels become an own type.

    Args:
        goal: What somebody wants to know.
        documents: Objects with `name` (a path) and `text`.
    """
    wanted = goal_of(goal)
    read = [_Document(str(d.get("name", "")), str(d.get("text", ""))) for d in documents]
    by_type: defaultdict[str, list[_Document]] = defaultdict(list)
    for document in read:
        by_type[_type_of(document)].append(document)
    types, tables = [], []
    named = {name for name in SHIPPED if wanted.names(name)}
    least = 2 if len(read) >= _LARGE_SAMPLE else 1
    for name in (n for n in SHIPPED if n != _FALLBACK and len(by_type[n]) >= least):
        is_other = bool(named) and name not in named
        beside = f"the goal names {', '.join(sorted(named))}" if is_other else ""
        planned, table = _shipped(shipped_type(name), by_type[name], len(read), wanted, beside)
        types.append(planned)
        if table is not None:
            tables.append(table)
    taken = {*SHIPPED}
    by_folder: defaultdict[str, list[_Document]] = defaultdict(list)
    for document in by_type[_OTHER]:
        by_folder[document.folder].append(document)
    for folder, members in by_folder.items():
        own = _own(folder, members, len(read), taken)
        if own is not None:
            types.append(own[0])
            tables.append(own[1])
            taken.add(own[1].name)
    if not types:
        types.append(_all_generic(len(read)))
        columns = {s.name: LIST if s.multi else s.type.value for s in _generic_fields()}
        tables.append(Table(_FALLBACK, columns))
    has_fallback = types[0]["use"] != _FALLBACK
    return {
        "description": f"Planned for the goal: {goal.strip()}"[:400],
        "types": types,
        "fallback_type": _FALLBACK if has_fallback else None,
        "fallback_reason": "what is none of these is read with general fields, not set aside"
        if has_fallback
        else "every document is of the one type",
        "metrics": metrics_for(tables, wanted),
        "report": {
            "title": (goal.strip()[:1].upper() + goal.strip()[1:])[:100] or "Report",
            "reason": "the goal, as it was put",
        },
    }


def _type_of(document: _Document) -> str:
    kinds = [
        (kind.name, kind.description, list(kind.signals))
        for kind in (shipped_type(name) for name in SHIPPED if name != _FALLBACK)
    ]
    choices = [*(name for name, _, _ in kinds), _OTHER]
    found = route_answer(document.text, kinds, choices, careful=True)
    return str(found["document_type"])


def _shipped(
    kind: DocumentType, documents: Sequence[_Document], sampled: int, goal: Goal, beside: str
) -> tuple[dict[str, Any], Table | None]:
    """A shipped type as it is planned, and its table; none where the goal is about other types."""
    plan = plan_for(extraction_schema(kind))
    counts: Counter[str] = Counter()
    for document in documents:
        answers = careful_answer(plan, Page(document.text, plan), {})
        counts.update(name for name, answer in answers.items() if answer.values)
    if goal.money and not any(field.kind is Kind.AMOUNT for field in plan.fields):
        beside = beside or "it has no amounts"
    keep, kept = [], {}
    for field, spec in zip(plan.fields, kind.fields, strict=True):
        stands = f"in {counts[field.name]} of {len(documents)} sampled documents"
        is_common = not beside and counts[field.name] >= _KEEP_SHARE * len(documents)
        reason = _why_kept(field, spec, goal, is_common=is_common, is_beside=bool(beside))
        if reason is not None:
            keep.append({"name": field.name, "reason": f"{stands}{reason}"})
            kept[field.name] = LIST if spec.multi else spec.type.value
    if not keep:
        first = kind.fields[0].name
        keep.append({"name": first, "reason": "a type has one field at least"})
    known = {sequence for field in kind.fields for sequence in map(words, field.labels)}
    extra = _labelled_fields(
        documents, known | set(concept_labels()), {s.name for s in kind.fields}, _LEAST_BESIDE
    )
    extra = [] if beside else extra[:_MOST_EXTRA_FIELDS]
    planned = {
        "name": kind.name,
        "use": kind.name,
        "description": kind.description,
        "signals": list(kind.signals),
        "match": [],
        "keep": keep,
        "fields": extra,
        "reason": f"{len(documents)} of {sampled} sampled documents carry its words"
        + (f"; {beside}, so it keeps few of its fields" if beside else ""),
    }
    columns = {**kept, **{field["name"]: field["type"] for field in extra}}
    return planned, None if beside else Table(kind.name, columns)


def _why_kept(
    field: FieldPlan, spec: FieldSpec, goal: Goal, *, is_common: bool, is_beside: bool
) -> str | None:
    """What but its number speaks for a field of a shipped type; null leaves it out."""
    # What the goal is not about need not be set aside for want of a value.
    if spec.required and not is_beside:
        return "; a document of this type is nothing without it"
    if goal.asks_for(field.name, field.concept, is_amount=field.kind is Kind.AMOUNT):
        return "; the goal asks for it"
    return "" if is_common else None


def _own(
    folder: str, documents: Sequence[_Document], sampled: int, taken: set[str]
) -> tuple[dict[str, Any], Table] | None:
    """An own type for documents of one folder that print the same labels; null for any other."""
    if len(documents) < _LEAST_DOCUMENTS:
        return None
    fields = _labelled_fields(documents, set(), set(), _LEAST_DOCUMENTS)[:_MOST_OWN_FIELDS]
    if len(fields) < _LEAST_DOCUMENTS:
        return None
    name = _snake(folder.rpartition("/")[2]) or "document"
    name = name if name not in taken else f"{name}_documents"
    if name in taken:
        return None
    shown = folder or "the top folder"
    planned = {
        "name": name,
        "use": None,
        "description": f"A document as those in {shown}.",
        "signals": [label for field in fields[:6] for label in field["labels"]],
        "match": [f"{_literal(folder)}/*"] if folder else [],
        "keep": [],
        "fields": fields,
        "reason": f"{len(documents)} of {sampled} sampled documents, all in {shown}, print the "
        "same labels and are of no shipped type",
    }
    return planned, Table(name, {field["name"]: field["type"] for field in fields})


def _labelled_fields(
    documents: Sequence[_Document],
    known: set[tuple[str, ...]],
    names: Iterable[str],
    least: float,
) -> list[dict[str, Any]]:
    """Fields for the labels that many of the documents print before a colon, commonest first."""
    values: defaultdict[str, list[str]] = defaultdict(list)
    printed: dict[str, str] = {}
    for document in documents:
        seen: set[str] = set()
        for label, value in _LABELLED.findall(document.text):
            name = _snake(label)
            if not name or name in seen or words(label) in known or words(bare(label)) in known:
                continue
            seen.add(name)
            printed.setdefault(name, label.strip())
            values[name].append(value.strip())
    least = max(least, _LABEL_SHARE * len(documents))
    taken = {*names, "doc_id", "uri", "record_key"}
    return [
        {
            "name": name,
            "type": _kind_of(found),
            "description": f"What stands beside {printed[name]}.",
            "labels": [printed[name]],
            "source": "text",
            "required": False,
            "multi": False,
            "choices": [],
            "pattern": None,
            "minimum": None,
            "maximum": None,
            "reason": f"the label stands in {len(found)} of {len(documents)} sampled documents",
        }
        for name, found in sorted(values.items(), key=lambda item: (-len(item[1]), item[0]))
        if len(found) >= least and name not in taken
    ]


def _kind_of(values: Sequence[str]) -> str:
    """The narrowest type of field that all values are of."""
    if all(_is_whole(value, find_dates(value)) for value in values):
        return "date"
    if all(_is_whole(value, find_amounts(value)) for value in values):
        return "decimal"
    if all(value.isascii() and value.isdigit() for value in values):
        return (
            "integer"
            if all(_is_whole(value, find_integers(value)) for value in values)
            else ("string")
        )
    return "string"


def _is_whole(value: str, mentions: Sequence[Any]) -> bool:
    """Whether a value is one mention and little beside it, such as a currency."""
    return len(mentions) == 1 and len(value) - (mentions[0].end - mentions[0].start) <= 4


def _all_generic(sampled: int) -> dict[str, Any]:
    return {
        "name": _FALLBACK,
        "use": _FALLBACK,
        "description": shipped_type(_FALLBACK).description,
        "signals": [],
        "match": [],
        "keep": [],
        "fields": [],
        "reason": f"none of the {sampled} sampled documents is of another shipped type",
    }


def _generic_fields() -> tuple[FieldSpec, ...]:
    return shipped_type(_FALLBACK).fields


def _snake(label: str) -> str:
    """A label as the name of a field; empty where it makes none."""
    name = "_".join(words(bare(label).encode("ascii", "ignore").decode()))[:40].strip("_")
    return name if re.fullmatch(r"[a-z][a-z0-9_]*", name) else ""


def _literal(path: str) -> str:
    """A path in which no character is a glob."""
    return re.sub(r"([*?\[])", r"[\1]", path)
