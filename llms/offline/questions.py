"""What does a request ask: the document, claims, figures or types that stand in its messages."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from llms.offline.words import words

_TYPE_LINE = re.compile(r"^- (?P<name>[A-Za-z][\w]*): ?(?P<rest>.*)$", re.MULTILINE)
_TYPICAL = "Typical words:"
_MOST = re.compile(r"At most (\d+) findings")


class MalformedQuestionError(ValueError):
    """A part of the messages that a question of this kind needs is missing or no JSON."""


def part(messages: Iterable[Mapping[str, Any]], tag: str) -> str | None:
    """What stands between `<tag>` and `</tag>` in the messages of a request; None if nothing does.

    The outermost pair counts: a document may carry tags of its own.
    """
    for text in _texts(messages):
        opening = text.find(f"<{tag}>\n")
        closing = text.rfind(f"\n</{tag}>")
        if 0 <= opening < closing + 1:
            return text[opening + len(tag) + 3 : max(closing, opening + len(tag) + 3)]
    return None


def document(messages: Iterable[Mapping[str, Any]]) -> str:
    """The document of an extraction or routing question; all user words if none is marked."""
    messages = list(messages)
    found = part(messages, "document")
    return found if found is not None else "\n".join(_texts(messages, role="user"))


def json_part(messages: Iterable[Mapping[str, Any]], tag: str) -> Any:
    """The JSON between the tags, None without tags; `MalformedQuestionError` if it is broken."""
    found = part(messages, tag)
    if found is None:
        return None
    try:
        return json.loads(found)
    except ValueError as error:
        raise MalformedQuestionError(f"<{tag}> does not hold JSON: {error}") from error


def rejected(messages: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Values per field that were found wrong and must not come again."""
    listed = json_part(messages, "rejected")
    if not isinstance(listed, dict):
        return {}
    return {
        str(name): frozenset(str(value) for value in values)
        for name, values in listed.items()
        if isinstance(values, list)
    }


def types(messages: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """The types of a routing question: name, description and typical words of each."""
    found = []
    for text in _texts(messages, role="system"):
        for line in _TYPE_LINE.finditer(text):
            description, _, typical = line["rest"].partition(_TYPICAL)
            listed = [word.strip() for word in typical.rstrip().rstrip(".").split(", ")]
            found.append((line["name"], description.strip(), [w for w in listed if words(w)]))
    return found


def most_findings(messages: Iterable[Mapping[str, Any]]) -> int:
    """How many findings are asked for; 5 where no number stands."""
    for text in _texts(messages, role="system"):
        found = _MOST.search(text)
        if found:
            return int(found.group(1))
    return 5


def _texts(messages: Iterable[Mapping[str, Any]], role: str | None = None) -> list[str]:
    texts = []
    for message in messages:
        if role is not None and message.get("role") != role:
            continue
        content = message.get("content")
        if isinstance(content, str):
            texts.append(content)
        elif isinstance(content, list):
            texts.append("".join(str(p.get("text", "")) for p in content if isinstance(p, Mapping)))
    return texts
