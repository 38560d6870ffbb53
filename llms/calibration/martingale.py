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
from functools import cache

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
    return observe_all(state, (is_wrong,))


def observe_all(
    state: AuditState, outcomes: Iterable[bool], *, until_alarm: bool = False
) -> AuditState:
    """The audit after several answers, in the order in which they were audited.

    Args:
        state: The audit before them.
        outcomes: Per audited answer, whether it was wrong.
        until_alarm: Take none after the alarm, nor any where it was raised before; only so may
            `outcomes` be endless.
    """
    stakes, wealth = list(state.stakes), state.wealth
    audits, errors, alarm_at = state.audits, state.errors, state.alarm_at
    limit, factors = 1 / state.delta, _factors(state.tolerated)
    purse = _purse(state.tolerated, audits)
    if not (until_alarm and alarm_at is not None):
        for is_wrong in outcomes:
            audits += 1
            errors += is_wrong
            left = _purse(state.tolerated, audits)
            fresh = (purse - left) / len(stakes)
            purse = left
            stakes = [
                (stake + fresh) * by for stake, by in zip(stakes, factors[is_wrong], strict=True)
            ]
            wealth = left + math.fsum(stakes)
            if alarm_at is None and wealth >= limit:
                alarm_at = audits
                if until_alarm:
                    break
    return state.model_copy(
        update={
            "stakes": tuple(stakes),
            "audits": audits,
            "errors": errors,
            "wealth": wealth,
            "alarm_at": alarm_at,
        }
    )


def _purse(tolerated: float, audits: int) -> float:
    """The share of the money that is not laid out after so many audits."""
    return 1 / (1 + audits * tolerated / ERRORS_IN_CALM)


@cache
def _factors(tolerated: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What each stake is multiplied by: on a right answer, and on a wrong one."""
    odds = tolerated / (1 - tolerated)
    rates = [times * odds / (1 + times * odds) for times in TIMES_WORSE]
    return (
        tuple((1 - rate) / (1 - tolerated) for rate in rates),
        tuple(rate / tolerated for rate in rates),
    )
