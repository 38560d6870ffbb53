"""What can go wrong with a call, and what follows? Classes with a rule and bounds each, in a table.

The call path, the cascade, extraction and the documentation read `RULES`; no number of it stands
anywhere else.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class FailureClass(StrEnum):
    """Why a call did not bring a usable answer; `RULES` says what follows from each."""

    RATE_LIMITED = "rate_limited"
    QUOTA_EXHAUSTED = "quota_exhausted"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    MODEL_GONE = "model_gone"
    TRUNCATED = "truncated"
    INVALID_ANSWER = "invalid_answer"
    REFUSED = "refused"
    CONTENT_FILTER = "content_filter"
    CONTEXT_TOO_LONG = "context_too_long"
    BAD_REQUEST = "bad_request"
    AUTH = "auth"
    BUDGET = "budget"
    INTERRUPTED = "interrupted"


class End(StrEnum):
    """What becomes of a document when a call for it has failed for good."""

    NEXT_TIER = "next tier, then a dead letter"
    """The failure is about this document and this model: the next tier may do better."""

    JUDGED = "dead letter if the provider answers others, else parked"
    """It may be the document and it may be the provider; who answers others is not down."""

    PARKED = "parked"
    """Nothing is decided about the document: it waits for somebody to mend the cause."""

    STOPPED = "the run stops"
    """Every further call would fail alike."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from a failure class, with its bounds.

    Attributes:
        means: What it is, in a few words.
        does: What the call path does about it.
        end: What becomes of the document when that did not help.
        tries: Requests to one model in one call that may end so; 1 is never repeated.
        longest_s: Seconds that a call puts up with it, over all its models; 0 waits for nothing.
        worst_cases: Requests to one model that may end so and be billed, each booked at its worst
            case; 0 where providers bill nothing.
        fails_over: The next model of the role's list is asked.
        remedy: What a person can do about documents that it has parked.
    """

    means: str
    does: str
    end: End
    tries: int = 1
    longest_s: float = 0.0
    worst_cases: int = 0
    fails_over: bool = False
    remedy: str = ""


RULES: dict[FailureClass, Rule] = {
    FailureClass.RATE_LIMITED: Rule(
        "429: too much at a time",
        "this call waits, as told, else a random pause; all keep to what gets through; same model",
        End.PARKED,
        tries=40,
        longest_s=900.0,
        fails_over=True,
        remedy="resume later, or with a lower `requests_per_minute` or `tokens_per_minute`",
    ),
    FailureClass.QUOTA_EXHAUSTED: Rule(
        "credit or quota used up",
        "the next provider of the list, at once",
        End.PARKED,
        fails_over=True,
        remedy="top the account up or name another provider, then resume",
    ),
    FailureClass.OVERLOADED: Rule(
        "5xx, 409, 425, or an error in the body of a 200",
        "again after a random pause, then the next model",
        End.JUDGED,
        tries=5,
        longest_s=60.0,
        fails_over=True,
        remedy="resume once the provider is well again",
    ),
    FailureClass.UNREACHABLE: Rule(
        "no connection: refused, no such host, TLS",
        "again after a random pause, then the next model; nothing was sent",
        End.PARKED,
        tries=4,
        longest_s=20.0,
        fails_over=True,
        remedy="check the network and the base URL, then resume",
    ),
    FailureClass.TIMEOUT: Rule(
        "no answer by the deadline of the call, 408 or 504",
        "again once, then the next model; it may have been billed",
        End.JUDGED,
        tries=2,
        longest_s=60.0,
        worst_cases=2,
        fails_over=True,
        remedy="resume once the provider answers again",
    ),
    FailureClass.CONNECTION: Rule(
        "the connection broke, or the body is no completion",
        "again after a random pause, then the next model; it may have been billed",
        End.JUDGED,
        tries=3,
        longest_s=60.0,
        worst_cases=3,
        fails_over=True,
        remedy="resume once the provider answers again",
    ),
    FailureClass.MODEL_GONE: Rule(
        "404: the provider does not serve the model",
        "the next model; where others have been answered since, a dead letter",
        End.STOPPED,
        fails_over=True,
    ),
    FailureClass.TRUNCATED: Rule(
        "cut off at the output limit",
        "never the same again: half of the fields per call, then half of the text",
        End.NEXT_TIER,
    ),
    FailureClass.INVALID_ANSWER: Rule(
        "not valid under the schema, or empty",
        "repaired without a call where possible, else asked once more with the error only",
        End.NEXT_TIER,
        tries=2,
    ),
    FailureClass.REFUSED: Rule(
        "the model declines, or nobody is left who may answer", "not asked again", End.NEXT_TIER
    ),
    FailureClass.CONTENT_FILTER: Rule(
        "the provider's filter stopped prompt or answer", "not asked again", End.NEXT_TIER
    ),
    FailureClass.CONTEXT_TOO_LONG: Rule(
        "more text than the model takes", "the text is halved", End.NEXT_TIER
    ),
    FailureClass.BAD_REQUEST: Rule(
        "the provider rejects the request",
        "once more without a parameter that it names and docmill can do without; where it has "
        "answered others, a dead letter",
        End.STOPPED,
    ),
    FailureClass.AUTH: Rule("the key is wrong or may not do this", "not asked again", End.STOPPED),
    FailureClass.BUDGET: Rule(
        "the worst case of the call would pass a cap",
        "not sent",
        End.PARKED,
        # The error itself says which cap is to be raised.
    ),
    FailureClass.INTERRUPTED: Rule(
        "the run was told to stop (SIGINT, SIGTERM)",
        "not sent; what is in flight is waited for",
        End.PARKED,
        remedy="resume whenever you like",
    ),
}


def _ending(end: End) -> frozenset[FailureClass]:
    return frozenset(name for name, rule in RULES.items() if rule.end is end)


OUTAGES = frozenset(
    {
        FailureClass.OVERLOADED,
        FailureClass.UNREACHABLE,
        FailureClass.TIMEOUT,
        FailureClass.CONNECTION,
    }
)
"""Classes in which a provider that is down shows itself; the same request may succeed later."""

JUDGED = _ending(End.JUDGED)
"""Outages that may be a document's own: it depends on whether the provider answers others."""

PARKING = _ending(End.PARKED)
"""Classes after which a document waits, and with it the run."""

STOPPING = _ending(End.STOPPED)
"""Classes after which a run stops at once, because every further call would fail alike."""

ESCALATING = _ending(End.NEXT_TIER)
"""Failures that are about this document and this model: the next tier may do better."""

FAILING_OVER = frozenset(name for name, rule in RULES.items() if rule.fails_over)
"""Classes after which another model may answer, once a model has been given up."""


class LlmError(Exception):
    """Base of the package's errors.

    LlmError
    ├── CallError       one call failed for good: a failure class and a sentence
    ├── CatalogError    the catalog or a query over it is at fault
    ├── ProviderError   a profile, provider or key is at fault
    └── StoreError      the response store cannot be used; nothing may be sent
    """


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Whom a call has waited for in vain.

    Attributes:
        providers: Names of those that were asked and did not answer, in order.
        since: When the first attempt was sent that was not answered, on the clock of the client.
        is_down: The last of them was known to be down, so the call was given up early.
    """

    providers: tuple[str, ...] = ()
    since: float = 0.0
    is_down: bool = False


class CallError(LlmError):
    """A call failed and its failure class allows no further attempt."""

    failure_class: FailureClass
    raw_answer: str | None
    unanswered: Unanswered

    @classmethod
    def of(
        cls,
        failure_class: FailureClass,
        message: str,
        *,
        raw_answer: str | None = None,
        unanswered: Unanswered | None = None,
    ) -> Self:
        """Build the error; `message` is one sentence without secrets."""
        error = cls(message)
        error.failure_class = failure_class
        error.raw_answer = raw_answer
        error.unanswered = unanswered or Unanswered()
        return error


class CatalogError(LlmError):
    """The catalog, or a query over it, is at fault."""


class ProviderError(LlmError):
    """A profile, a provider or its key is at fault; nothing was sent."""


class StoreError(LlmError):
    """The response store cannot be read or written; nothing may be sent without it."""
