"""What is in a gold folder: documents, their labels, and the fields the labels are about?"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, Self

from pydantic import ValidationError

from schemas.fields import DocumentType, FieldSource, FieldSpec, FieldType

GoldValue = str | list[str] | list[list[str]] | None
"""null: the source has none; a list for a repeatable field; a list of mentions per entity."""


class GoldError(Exception):
    """A gold folder cannot be used as it is; the message says where and what to do."""

    @classmethod
    def at(cls, place: Path, line: int | None, message: str) -> Self:
        """Build the error about `place`, or about one line of it."""
        return cls(f"{place}{f', line {line}' if line else ''}: {message}")


class Match(StrEnum):
    """When a predicted value counts as equal to the gold one."""

    EXACT = "exact"
    CASEFOLD = "casefold"
    ALNUM = "alnum"
    NUMERIC = "numeric"
    INSTANT = "instant"
    ANY_MENTION = "any-mention"


@dataclass(frozen=True, slots=True)
class GoldField:
    """A field of the labels; `document_type` is null where the folder knows a single type."""

    spec: FieldSpec
    match: Match
    document_type: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """The gold record of one document; `document_type` is null where it is none of the types."""

    file: str
    fields: Mapping[str, GoldValue]
    document_type: str | None = None


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold folder.

    Attributes:
        name: Name of the set, fit to be the name of a type.
        documents: Folder that holds the documents.
        labels: Label by file, the path below `documents` with slashes.
        fields: The fields in their order.
    """

    name: str
    documents: Path
    labels: Mapping[str, Label]
    fields: tuple[GoldField, ...]


_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": FieldType.STRING},
    "date-iso": {"type": FieldType.DATE},
    "date-as-printed": {"type": FieldType.DATE, "as_printed": True},
    "money-as-printed": {"type": FieldType.DECIMAL, "as_printed": True},
    "decimal": {"type": FieldType.DECIMAL},
    "integer": {"type": FieldType.INTEGER},
    "boolean": {"type": FieldType.BOOLEAN},
    "datetime-iso": {"type": FieldType.DATETIME},
    "duration": {"type": FieldType.DURATION},
    "category": {"type": FieldType.CATEGORY, "source": FieldSource.INFERRED},
    "entity-list": {"type": FieldType.STRING, "multi": True},
}
_SAYS_INFERRED = re.compile(r"\b(?:not printed|derived|inferred)\b", re.IGNORECASE)


def load_gold(path: str | Path) -> Gold:
    """Read the gold folder at `path`: `documents/`, `labels.jsonl` and `fields.json`.

    Raises:
        GoldError: when a part is missing or broken, in one sentence with file and line.
    """
    root = Path(path)
    documents = root / "documents"
    for part in (documents, root / "labels.jsonl", root / "fields.json"):
        if not part.exists():
            raise GoldError.at(
                root,
                None,
                f"no {part.name}; a gold folder holds documents/, labels.jsonl and fields.json",
            )
    name, fields = _read_fields(root / "fields.json", root.resolve().name)
    labels: dict[str, Label] = {}
    lines: dict[str, int] = {}
    source = root / "labels.jsonl"
    for number, line in enumerate(_text(source).split("\n"), 1):
        if not line.strip():
            continue
        label = _label(source, number, line, fields, documents)
        if label.file in labels:
            raise GoldError.at(
                source, number, f"{label.file} has a label already, in line {lines[label.file]}"
            )
        labels[label.file], lines[label.file] = label, number
    if not labels:
        raise GoldError.at(source, None, "no labels; write one JSON object per document and line")
    return Gold(name, documents, labels, fields)


def document_types(gold: Gold) -> tuple[DocumentType, ...]:
    """The document types that `fields.json` alone makes: one, or one per `document_type`."""
    names = dict.fromkeys(field.document_type for field in gold.fields)
    return tuple(
        DocumentType(
            name=name or gold.name,
            fields=tuple(f.spec for f in gold.fields if f.document_type == name),
        )
        for name in names
    )


def _text(place: Path) -> str:
    try:
        return place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise GoldError.at(
            place, None, f"not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from None
    except OSError as error:
        raise GoldError.at(place, None, f"cannot be read: {error.strerror}") from None


def _json(place: Path, line: int | None, text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise GoldError.at(place, line, f"not JSON: {error}") from None


def _read_fields(place: Path, folder: str) -> tuple[str, tuple[GoldField, ...]]:
    content = _json(place, None, _text(place))
    entries = content.get("fields") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise GoldError.at(place, None, "expected an object with a list `fields`, not empty")
    fields = tuple(_field(place, number, entry) for number, entry in enumerate(entries, 1))
    seen: set[tuple[str | None, str]] = set()
    for field in fields:
        key = (field.document_type, field.spec.name)
        if key in seen:
            raise GoldError.at(place, None, f"field {field.spec.name!r} is listed twice")
        seen.add(key)
    if len({field.document_type is None for field in fields}) > 1:
        raise GoldError.at(
            place,
            None,
            "some fields name a `document_type` and some do not; name it in all or none",
        )
    return _type_name(str(content.get("set") or folder)), fields


def _type_name(name: str) -> str:
    cleaned = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return (cleaned if cleaned[:1].isalpha() else f"set_{cleaned}").rstrip("_")[:63]


def _field(place: Path, number: int, entry: Any) -> GoldField:
    where = f"field {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        raise GoldError.at(place, None, f"{where} is no object with a `name`")
    name = entry["name"]
    word, match = entry.get("type", "string"), entry.get("match", "exact")
    if word not in _TYPES:
        raise GoldError.at(
            place, None, f"field {name!r} has type {word!r}; known: {', '.join(_TYPES)}"
        )
    if match not in list(Match):
        raise GoldError.at(
            place, None, f"field {name!r} has match {match!r}; known: {', '.join(Match)}"
        )
    description = str(entry.get("description") or "")
    rules = {"multi": bool(entry.get("multi", False)), **_TYPES[word]}
    choices = entry.get("choices") or ()
    if word == "category" and not choices:
        # Nothing says which values there are, so any string may be concluded.
        rules["type"] = FieldType.STRING
    if _SAYS_INFERRED.search(description):
        rules["source"] = FieldSource.INFERRED
    try:
        spec = FieldSpec(
            name=name,
            description=description,
            choices=choices,
            labels=entry.get("labels") or (),
            **rules,
        )
        field = GoldField(spec, Match(match), entry.get("document_type"))
        # The type's own rules (its name among them) are checked here, where the place is known.
        DocumentType(name=field.document_type or "single", fields=(spec,))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(str(part) for part in first["loc"])
        raise GoldError.at(place, None, f"field {name!r}: {at} {first['msg']}") from None
    return field


def _label(
    place: Path, number: int, line: str, fields: tuple[GoldField, ...], documents: Path
) -> Label:
    content = _json(place, number, line)
    if not isinstance(content, dict):
        raise GoldError.at(place, number, "expected a JSON object")
    file, values = content.get("file"), content.get("fields")
    if not isinstance(file, str) or not file:
        raise GoldError.at(place, number, "no `file`; name the document below documents/")
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not (documents / path).is_file():
        raise GoldError.at(place, number, f"{file!r} is no file below {documents}")
    if not isinstance(values, dict):
        raise GoldError.at(place, number, "no `fields`; give an object of values by field name")
    typed = fields[0].document_type is not None
    document_type = content.get("type") if typed else None
    known = sorted({f.document_type for f in fields if f.document_type})
    if document_type is not None and document_type not in known:
        raise GoldError.at(
            place,
            number,
            f"type {document_type!r} is not in fields.json; known: {', '.join(known)}",
        )
    own = {f.spec.name: f for f in fields if f.document_type == document_type}
    if unknown := sorted(values.keys() - own.keys()):
        if typed and document_type is None:
            raise GoldError.at(place, number, f"field {unknown[0]!r} needs a `type` beside it")
        guess = get_close_matches(unknown[0], own, n=1)
        hint = f"; did you mean {guess[0]!r}?" if guess else ""
        raise GoldError.at(place, number, f"field {unknown[0]!r} is not in fields.json{hint}")
    gold = {name: _gold_value(place, number, f, values.get(name)) for name, f in own.items()}
    return Label(path.as_posix(), gold, document_type)


def _gold_value(place: Path, line: int, field: GoldField, raw: Any) -> GoldValue:
    name = field.spec.name
    if raw is None:
        return None
    if not field.spec.multi:
        if isinstance(raw, list | dict):
            raise GoldError.at(place, line, f"field {name!r} holds one value, not a list or object")
        return _scalar(raw)
    if not isinstance(raw, list):
        raise GoldError.at(place, line, f"field {name!r} is repeatable and needs a list")
    if field.match is Match.ANY_MENTION:
        return [list(_mentions(place, line, name, entity)) for entity in raw]
    if any(isinstance(item, list | dict) or item is None for item in raw):
        raise GoldError.at(place, line, f"field {name!r} needs a list of plain values")
    return [_scalar(item) for item in raw]


def _mentions(place: Path, line: int, name: str, entity: Any) -> Iterator[str]:
    mentions = entity if isinstance(entity, list) else [entity]
    if not mentions or not all(isinstance(mention, str) for mention in mentions):
        raise GoldError.at(place, line, f"an entity of field {name!r} is no list of mentions")
    yield from mentions


def _scalar(raw: str | int | float | bool) -> str:
    return str(raw).lower() if isinstance(raw, bool) else str(raw)
