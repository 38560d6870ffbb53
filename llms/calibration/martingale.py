"""Does the promise still hold, while documents keep coming?

A random share of the answers is audited: the strong model, or a person, answers as well. Where the
promise is about all answers, the share is drawn among all; a drawn answer that was not accepted is
no error and needs no second answer. Where it is about the accepted ones, it is drawn among those.

Against the claim that errors come at the rate `tolerated` at most, an auditor bets. An answer
multiplies a stake by q / tolerated if it is wrong and by (1 - q) / (1 - tolerated) if it is right,
q being the rate of errors that the stake is on. While the claim is true, no stake grows on average,
whatever came before: the wealth is a nonnegative supermartingale that starts at 1, and the
probability that it *ever* reaches 1 / delta is delta at most (Ville, 1939; as betting:
Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024). One may
look after every answer, and stop whenever one likes.

Nobody knows when the drift comes nor how strong it is. So there are stakes on several rates, and
the money is laid out little by little: half of it while `ERRORS_IN_CALM` errors would have been
tolerated, two thirds while twice as many, and never all. A drift after a long calm meets an auditor
who is not broke.
"""

import hashlib
import math
from collections.abc import Iterable
from fractions import Fraction

from schemas.calibration import AuditState

TIMES_WORSE = (1.25, 1.5, 2.0, 3.0, 5.0)
"""Rates of errors that stakes are on, as multiples of the odds of the tolerated rate."""

ERRORS_IN_CALM = 20
"""Errors tolerated until half of the money is laid out: sooner pays if the drift comes at once."""


def is_audited(key: str, share: float, seed: str) -> bool:
    """Whether an answer belongs to the random share that is audited.

    The choice depends on nothing but the key of the answer and the seed, so that a run taken up
    again audits the same answers, and no confidence or content can steer it.
    """
    digest = hashlib.sha256(f"{seed}\n{key}".encode()).digest()
    return Fraction(int.from_bytes(digest[:8]), 2**64) < share


def begin(tolerated: float, delta: float) -> AuditState:
    """A standing audit before its first answer.

    Args:
        tolerated: Rate of errors that was promised at most, strictly between 0 and 1.
        delta: Probability of a false alarm, over all time.
    """
    return AuditState(tolerated=tolerated, delta=delta, stakes=(0.0,) * len(TIMES_WORSE))


def observe(state: AuditState, is_wrong: bool) -> AuditState:
    """The audit after one more answer. Once raised, the alarm stays: the calibration is void."""
    purse, left = _purse(state), _purse(state, later=1)
    fresh = (purse - left) / len(state.stakes)
    stakes = tuple(
        (stake + fresh) * _factor(rate, state.tolerated, is_wrong=is_wrong)
        for stake, rate in zip(state.stakes, _rates(state.tolerated), strict=True)
    )
    audits = state.audits + 1
    wealth = left + math.fsum(stakes)
    raised = state.alarm_at is None and wealth >= 1 / state.delta
    return state.model_copy(
        update={
            "stakes": stakes,
            "audits": audits,
            "errors": state.errors + is_wrong,
            "wealth": wealth,
            "alarm_at": audits if raised else state.alarm_at,
        }
    )


def observe_all(state: AuditState, outcomes: Iterable[bool]) -> AuditState:
    """The audit after several answers, in the order in which they were audited."""
    for is_wrong in outcomes:
        state = observe(state, is_wrong)
    return state


def _purse(state: AuditState, later: int = 0) -> float:
    """The share of the money that is not laid out, now or so many audits later."""
    return 1 / (1 + (state.audits + later) * state.tolerated / ERRORS_IN_CALM)


def _rates(tolerated: float) -> tuple[float, ...]:
    odds = tolerated / (1 - tolerated)
    return tuple(times * odds / (1 + times * odds) for times in TIMES_WORSE)


def _factor(rate: float, tolerated: float, *, is_wrong: bool) -> float:
    return rate / tolerated if is_wrong else (1 - rate) / (1 - tolerated)
