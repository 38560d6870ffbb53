"""What can the simulated provider do wrong, and what of it would a real provider bill?"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One way for a request to end other than with the right answer; `FAULTS` says how."""

    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    GATEWAY_TIMEOUT = "gateway_timeout"
    OVERLOADED = "overloaded"
    ERROR_IN_200 = "error_in_200"
    RATE_LIMITED = "rate_limited"
    QUOTA = "quota"
    RESOURCE_UNAVAILABLE = "resource_unavailable"
    AUTH = "auth"
    MODEL_GONE = "model_gone"
    CONTEXT_TOO_LONG = "context_too_long"
    UNSUPPORTED = "unsupported"
    PROMPT_BLOCKED = "prompt_blocked"
    RESET = "reset"
    RESET_LATE = "reset_late"
    CUT = "cut"
    HANG = "hang"
    SLOW_BODY = "slow_body"
    EMPTY = "empty"
    MALFORMED = "malformed"
    FENCED = "fenced"
    TRUNCATED = "truncated"
    WRONG_SCHEMA = "wrong_schema"
    REFUSAL = "refusal"
    CONTENT_FILTER = "content_filter"
    NO_USAGE = "no_usage"


class Kind(StrEnum):
    """Where a fault strikes."""

    ERROR = "error"
    """In the place of an answer: an HTTP error, or an error object in a response of status 200."""

    TRANSPORT = "transport"
    """On the way of a right answer: it comes late, in part or not at all."""

    ANSWER = "answer"
    """In an answer of status 200: its content, its finish reason or its usage."""


@dataclass(frozen=True, slots=True)
class FaultInfo:
    """What a client meets.

    Attributes:
        kind: Where it strikes.
        status: HTTP status the client sees; null when none arrives.
        is_billed: A real provider would bill it: the answer was made, whatever became of it.
        says: One sentence.
    """

    kind: Kind
    status: int | None
    is_billed: bool
    says: str


def _error(status: int, says: str, *, is_billed: bool = False) -> FaultInfo:
    return FaultInfo(Kind.ERROR, status, is_billed, says)


def _transport(status: int | None, says: str, *, is_billed: bool = True) -> FaultInfo:
    return FaultInfo(Kind.TRANSPORT, status, is_billed, says)


def _answer(says: str) -> FaultInfo:
    return FaultInfo(Kind.ANSWER, 200, True, says)


FAULTS: dict[Fault, FaultInfo] = {
    Fault.SERVER_ERROR: _error(500, "An error of the server, as an error object."),
    Fault.BAD_GATEWAY: _error(502, "An HTML page of the proxy in front of the provider."),
    Fault.UNAVAILABLE: _error(503, "An error object that asks to slow down, with retry-after."),
    Fault.GATEWAY_TIMEOUT: _error(
        504, "An HTML page of a proxy that waited too long; the work was done.", is_billed=True
    ),
    Fault.OVERLOADED: _error(529, "An error object of type overloaded_error."),
    Fault.ERROR_IN_200: _error(200, "An error object in a response of status 200, as gateways do."),
    Fault.RATE_LIMITED: _error(429, "A rate limit; as a fault, one that no header announced."),
    Fault.QUOTA: _error(429, "insufficient_quota: the account's money is used up."),
    Fault.RESOURCE_UNAVAILABLE: _error(429, "The flex tier has no room at the moment."),
    Fault.AUTH: _error(401, "invalid_api_key, with the key masked but recognisable."),
    Fault.MODEL_GONE: _error(404, "model_not_found: the model is not served any more."),
    Fault.CONTEXT_TOO_LONG: _error(400, "context_length_exceeded."),
    Fault.UNSUPPORTED: _error(400, "A parameter that the model does not take, by its name."),
    Fault.PROMPT_BLOCKED: _error(400, "content_filter: the prompt was refused before any answer."),
    Fault.RESET: _transport(None, "The connection is reset before any work.", is_billed=False),
    Fault.RESET_LATE: _transport(None, "The connection is reset when the answer is ready."),
    Fault.CUT: _transport(200, "The connection ends in the middle of the answer's body."),
    Fault.HANG: _transport(None, "No byte arrives until the client leaves or hang_s is over."),
    Fault.SLOW_BODY: _transport(200, "The body arrives in pieces over slow_body_s; it is right."),
    Fault.EMPTY: _answer("The content is empty."),
    Fault.MALFORMED: _answer("The content is no JSON: it breaks off, yet says it is finished."),
    Fault.FENCED: _answer("The right content, between a sentence and the end of a code fence."),
    Fault.TRUNCATED: _answer("Half of the content, finish_reason length, the output limit used."),
    Fault.WRONG_SCHEMA: _answer("JSON that lacks a property and has one that nobody asked for."),
    Fault.REFUSAL: _answer("No content; the message's refusal says why."),
    Fault.CONTENT_FILTER: _answer("Half of the content, finish_reason content_filter."),
    Fault.NO_USAGE: _answer("The right content without a usage block; billed all the same."),
}
"""Every fault; the documentation's table and `docmill simulate --faults` are made from it."""
