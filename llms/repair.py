"""What JSON did the model mean? Free, local repair of answers that are almost JSON.

Only the notation is repaired. Nothing is added to an answer: one that was cut off stays invalid.
"""

import json
import re
from decimal import Decimal
from typing import Any

_DECODER = json.JSONDecoder(strict=False, parse_float=Decimal)
"""Not strict: line breaks inside strings are common and unambiguous. Decimals keep their digits."""

_TOKEN = re.compile(
    r"""
    (?P<double>"(?:[^"\\]|\\.)*")
  | (?P<single>'(?:[^'\\]|\\.)*')
  | (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<comma>,(?=(?:\s|//[^\n]*\n|/\*.*?\*/)*[}\]]))
  | (?P<word>[A-Za-z_]\w*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)

_WORDS = {"True": "true", "False": "false", "None": "null"}

_MOST_STARTS = 20


def repair_json(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`, or None if there is none to be made out.

    Takes prose and code fences off, then accepts trailing commas, single quotes, comments and
    Python's True, False and None. Of several objects the longest is taken. Numbers with a point
    are `Decimal`, digit for digit as written.
    """
    found = _decode_all(text) or _decode_all(_straightened(text))
    return max(found, key=lambda pair: pair[1])[0] if found else None


def _decode_all(text: str) -> list[tuple[dict[str, Any], int]]:
    """The outermost objects in `text`, each with its length in characters."""
    found: list[tuple[dict[str, Any], int]] = []
    at = text.find("{")
    for _ in range(_MOST_STARTS):
        if at < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            # An outer object that does not hold must not be replaced by one of its parts.
            if not _is_prose_brace(text, at):
                break
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict):
            found.append((value, end - at))
        at = text.find("{", end)
    return found


def _is_prose_brace(text: str, at: int) -> bool:
    """Whether the brace at `at` begins no object: what follows is neither a key nor its end."""
    following = text[at + 1 :].lstrip()[:1]
    return following not in ('"', "'", "}")


def _straightened(text: str) -> str:
    """`text` in strict notation, token by token."""
    start = text.find("{")
    if start < 0:
        return text
    return text[:start] + "".join(_strict(match) for match in _TOKEN.finditer(text, start))


def _strict(token: re.Match[str]) -> str:
    match token.lastgroup:
        case "single":
            inner = token.group()[1:-1].replace("\\'", "'")
            return '"' + re.sub(r'(?<!\\)"', r"\"", inner) + '"'
        case "comment" | "comma":
            return ""
        case "word":
            return _WORDS.get(token.group(), token.group())
        case _:
            return token.group()
