"""Could this be a key? What a declaration shows in place of one, before anything can quote it."""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any
from urllib.parse import urlsplit

HIDDEN = "[not shown]"
"""What stands in place of a value that may be a key, before anything can quote it."""

_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_BLOCK = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_KEY_PREFIX = re.compile(
    r"(?:^|\s)(?:(?:sk|pk|rk|key|gsk|xai|ghp|hf|nvapi)[-_]\S{6}|AIza\S{8}|(?:Bearer|Basic)\s+\S)",
    re.IGNORECASE,
)
_LONG_TOKEN = re.compile(r"[A-Za-z0-9+/=.~-]{20,}")
_HEADERS_OF_KEYS = re.compile(r"authori[sz]ation|cookie|key|secret|token|credential|password", re.I)


def hidden(name: Any, value: Any, known: Collection[str]) -> Any:
    """The value of a provider's setting, `HIDDEN` where it may be a key or hold one.

    Args:
        name: The setting.
        value: What is declared.
        known: Settings that exist; of any other the value is hidden.
    """
    if name not in known:
        # Refused anyway; `api_key: sk-...` is what people write.
        return HIDDEN
    match name:
        case "api_version" if isinstance(value, date):
            return value.isoformat()  # what YAML makes of 2024-10-21
        case "key_env" | "key_block" if value is not None and not isinstance(value, str):
            return HIDDEN  # YAML reads a key of digits as a number
        case "key_env" if isinstance(value, str):
            is_name = _VARIABLE.fullmatch(value) and ("_" in value or len(value) < 20)
            return value if is_name else HIDDEN
        case "key_block" if isinstance(value, str):
            return value if _BLOCK.fullmatch(value) and not _is_like_a_key(value) else HIDDEN
        case "base_url" if isinstance(value, str):
            has_more = "@" in value or "?" in value or "#" in value
            return HIDDEN if has_more else value
        case "headers" if isinstance(value, Mapping):
            return {
                header: HIDDEN
                if _HEADERS_OF_KEYS.search(str(header)) or _is_like_a_key(str(content))
                else content
                for header, content in value.items()
            }
    return value


def _is_like_a_key(text: str) -> bool:
    if _KEY_PREFIX.search(text):
        return True
    return any(
        re.search(r"\d", token) and re.search(r"[A-Za-z]", token) and "-" not in token
        for token in _LONG_TOKEN.findall(text)
    )


def without_secrets(url: str) -> str:
    """A URL without the places where keys and passwords are put: user, query, fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
