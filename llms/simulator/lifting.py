"""What answers a JSON schema, lifted from a text? Right in shape and standing in the text, no more.

A schema is compiled once into a function from texts to answers; that makes thousands of answers a
second. Which of the text's dates, numbers and lines is taken is not thought about.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import count
from typing import Any

_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d{1,9}(?:\.\d{1,4})?(?![\w.,-]*\d)")
_LONGEST_TEXT = 4000
_LONGEST_VALUE = 60
_MOST_LINES = 24
_DEEPEST = 12
_CONFIDENCE = 0.95
_EVIDENCE = frozenset({"value", "quote", "confidence"})
_PLAIN_DIGITS = "plain digits"
"""What the description of a decimal field says, whose JSON type is string (`schemas.answers`)."""

Writer = Callable[["Source"], Any]


class Source:
    """A text to lift values from; an empty one stands for no text at all.

    Attributes:
        text: The beginning of the text.
        date: The first date in ISO notation; null if there is none.
        number: The first plain number; null if there is none.
        lines: Beginnings of the first lines that are not empty, cut at a blank.
    """

    # Not cached properties: most answers need all of it, and those take a lock each.
    def __init__(self, text: str) -> None:
        self.text = text[:_LONGEST_TEXT]
        self.date = _first(_DATE, self.text)
        self.number = _first(_NUMBER, self.text)
        self.lines = [
            _cut(line)
            for line in map(str.strip, self.text.split("\n", _MOST_LINES)[:_MOST_LINES])
            if line
        ]


def _cut(line: str) -> str:
    if len(line) <= _LONGEST_VALUE:
        return line
    return line[:_LONGEST_VALUE].rpartition(" ")[0] or line[:_LONGEST_VALUE]


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[0] if found else None


@lru_cache(maxsize=512)
def writer(schema_text: bytes) -> Writer:
    """The function that answers a JSON schema, given as JSON."""
    schema = json.loads(schema_text)
    return _Compiler(schema).compiled(schema, 0)


class _Compiler:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._numbers = count()

    def compiled(self, schema: Any, depth: int, *, about: str = "", first: bool = False) -> Writer:
        """The writer of a schema.

        Args:
            schema: A JSON schema, or a part of one.
            depth: How deep it lies; one that contains itself is cut off.
            about: The description around it.
            first: Of several choices the first is taken, whatever the text says.
        """
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return _constant(None)
        about = str(schema.get("description", about))
        if "$ref" in schema:
            return self.compiled(self._referred(schema["$ref"]), depth + 1, about=about)
        if "const" in schema:
            return _constant(schema["const"])
        if "enum" in schema:
            return _chosen(schema["enum"], first=first)
        for union in ("anyOf", "oneOf", "allOf"):
            if schema.get(union):
                options = [o for o in schema[union] if o != {"type": "null"}] or [None]
                return self.compiled(options[0], depth + 1, about=about, first=first)
        kinds = schema.get("type")
        kinds = [kinds] if isinstance(kinds, str) else list(kinds or ())
        is_nullable = "null" in kinds
        kind = next((kind for kind in kinds if kind != "null"), None)
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema.get("properties") or {}, depth, about, first=first)
        match kind:
            case "array":
                return self._array(schema, depth, about)
            case "string":
                return self._string(schema, about, is_nullable=is_nullable)
            case "integer" | "number":
                return _number(schema, is_whole=kind == "integer", is_nullable=is_nullable)
            case "boolean":
                return _constant(True)
        return _constant(None)

    def _object(
        self, properties: Mapping[str, Any], depth: int, about: str, *, first: bool
    ) -> Writer:
        if properties.keys() == _EVIDENCE:
            return _evidenced(self.compiled(properties["value"], depth + 1, about=about))
        inner = [
            (name, self.compiled(part, depth + 1, first=first)) for name, part in properties.items()
        ]
        return lambda source: {name: write(source) for name, write in inner}

    def _array(self, schema: Mapping[str, Any], depth: int, about: str) -> Writer:
        items = schema.get("items", {})
        properties = items.get("properties") if isinstance(items, Mapping) else None
        name, choices = next(
            ((n, p.get("enum")) for n, p in (properties or {}).items() if isinstance(p, Mapping)),
            ("", None),
        )
        if choices:
            # A list about named things, such as verdicts about fields: one entry for each.
            entry = self.compiled(items, depth + 1, first=True)
            return lambda source: [{**entry(source), name: choice} for choice in choices]
        wanted = max(schema.get("minItems", 1), 1) if schema.get("maxItems", 1) else 0
        write = self.compiled(items, depth + 1, about=about)
        return lambda source: [write(source) for _ in range(wanted)]

    def _string(self, schema: Mapping[str, Any], about: str, *, is_nullable: bool) -> Writer:
        missing = None if is_nullable else "simulated"
        match schema.get("format"):
            case "date":
                missing = missing and "2000-01-01"
                return lambda source: source.date or missing
            case "date-time":
                missing = missing and "2000-01-01T00:00:00+00:00"
                return lambda source: (source.date and f"{source.date}T00:00:00") or missing
        if _PLAIN_DIGITS in about:
            return lambda source: source.number or missing
        at = next(self._numbers)
        return lambda source: source.lines[at % len(source.lines)] if source.lines else missing

    def _referred(self, reference: str) -> Any:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            found = found.get(step) if isinstance(found, Mapping) and step else found
        return found


def _constant(value: Any) -> Writer:
    return lambda _: value


def _chosen(choices: list[Any], *, first: bool) -> Writer:
    named = [(c, c.lower()) for c in choices if isinstance(c, str) and not first]
    missing = None if None in choices and not first else choices[0]

    def write(source: Source) -> Any:
        text = source.text.lower()
        return next((choice for choice, low in named if low in text), missing)

    return write


def _number(schema: Mapping[str, Any], *, is_whole: bool, is_nullable: bool) -> Writer:
    least = schema.get("minimum", -1e9)
    most = schema.get("maximum", 1e9)
    missing = None if is_nullable else max(least, min(most, 0))

    def write(source: Source) -> Any:
        if source.number is None:
            return missing
        number = float(source.number)
        fitted = max(least, min(most, number))
        return int(fitted) if is_whole else fitted

    return write


def _evidenced(value: Writer) -> Writer:
    """An extracted field: its value, the words that show it, and how sure it is."""

    def write(source: Source) -> dict[str, Any]:
        found = value(source)
        quote = None
        if found is not None:
            quote = found if isinstance(found, str) else source.number
            if quote is not None and quote not in source.text:
                quote = None
        return {"value": found, "quote": quote, "confidence": _CONFIDENCE}

    return write
