"""Why can a document not be read: the classes of dead letters and the error that carries one."""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Class of a document that could not be read; stands in tables and in the books."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    ENCRYPTED = "encrypted"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    OCR_UNAVAILABLE = "ocr_unavailable"
    ZIP_BOMB = "zip_bomb"
    UNSAFE_PATH = "unsafe_path"
    LINK_LOOP = "link_loop"
    TOO_DEEP = "too_deep"
    UNREADABLE = "unreadable"


class Unreadable(Exception):
    """A document, or a part of an archive, cannot be read; the message is one sentence."""

    reason: Reason

    @classmethod
    def of(cls, reason: Reason, message: str) -> Self:
        """Build the error; `message` says what was found and, where there is a way, what to do."""
        error = cls(message)
        error.reason = reason
        return error
