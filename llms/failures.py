"""What can go wrong with a call, in classes that each have a rule of their own."""

from enum import StrEnum
from typing import Self


class FailureClass(StrEnum):
    """Why a call did not bring a usable answer; the design's table says what follows from each."""

    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TRUNCATED = "truncated"
    INVALID_ANSWER = "invalid_answer"
    REFUSED = "refused"
    CONTENT_FILTER = "content_filter"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_REQUEST = "bad_request"
    AUTH = "auth"
    BUDGET = "budget"


PARKING = frozenset({FailureClass.BUDGET, FailureClass.QUOTA_EXHAUSTED})
"""Classes after which a run is parked, to be resumed once somebody has mended the cause."""

STOPPING = frozenset({FailureClass.BAD_REQUEST, FailureClass.AUTH})
"""Classes after which a run stops at once, because every further call would fail alike."""


class LlmError(Exception):
    """Base of the package's errors.

    LlmError
    ├── CallError       one call failed for good: a failure class and a sentence
    ├── CatalogError    the catalog or a query over it is at fault
    ├── ProviderError   a profile, provider or key is at fault
    └── StoreError      the response store cannot be used; nothing may be sent
    """


class CallError(LlmError):
    """A call failed and its failure class allows no further attempt."""

    failure_class: FailureClass
    raw_answer: str | None

    @classmethod
    def of(
        cls, failure_class: FailureClass, message: str, *, raw_answer: str | None = None
    ) -> Self:
        """Build the error; `message` is one sentence without secrets."""
        error = cls(message)
        error.failure_class = failure_class
        error.raw_answer = raw_answer
        return error


class CatalogError(LlmError):
    """The catalog, or a query over it, is at fault."""


class ProviderError(LlmError):
    """A profile, a provider or its key is at fault; nothing was sent."""


class StoreError(LlmError):
    """The response store cannot be read or written; nothing may be sent without it."""
