"""What becomes of a request? Decided by its bytes and its attempt, never by when it arrives."""

from bisect import bisect_right
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import blake2b, sha256
from itertools import accumulate

from pydantic_core import to_json

from llms.simulator.faults import Fault
from llms.simulator.scenario import Behaviour, Rule, Scenario

_CHANCES = 4
_WIDTH = 8
_SCALE = float(1 << 64)


def request_key(seed: int, body: bytes) -> bytes:
    """What identifies a request: a hash of the bytes of its body, 16 of them."""
    # Processors have instructions for this hash: 8 kB take it half as long as blake2b.
    return sha256(b"%d:" % seed + body).digest()[:16]


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one attempt.

    Attributes:
        fault: What goes wrong; null if nothing does.
        latency: Where in the distribution of latencies it lies, between 0 and 1.
        room: Whether flex has room, as a number between 0 and 1.
        spare: A number between 0 and 1 for whatever else is decided.
    """

    fault: Fault | None
    latency: float
    room: float
    spare: float


class Fates:
    """Decides for one scenario. Rules that count requests or seconds depend on arrival; the rest
    is a function of seed, request and attempt.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._rules = tuple((rule, _spellings(rule.marker)) for rule in scenario.script)
        self._attempts: dict[bytes, int] = {}
        self._ladders: dict[int, tuple[Behaviour, list[float], list[Fault]]] = {}

    def decide(
        self, key: bytes, body: bytes, model: str, behaviour: Behaviour, number: int, age_s: float
    ) -> Fate:
        """The fate of the next attempt of a request; every call is an attempt.

        Args:
            key: Its `request_key`.
            body: Where markers are looked for.
            model: The model asked for.
            behaviour: Of that model.
            number: Which request this is to the provider, from 1.
            age_s: Seconds since the first request.
        """
        attempt = self._attempts[key] = self._attempts.get(key, 0) + 1
        which, latency, room, spare = chances(key, attempt)
        for at, (rule, spellings) in enumerate(self._rules):
            if _is_about(rule, spellings, body, model, attempt, number, age_s) and (
                rule.probability == 1 or _chance_of_rule(key, attempt, at) < rule.probability
            ):
                return Fate(rule.fault, latency, room, spare)
        fault = self._drawn(behaviour, which) if behaviour.faults else None
        return Fate(fault, latency, room, spare)

    def _drawn(self, behaviour: Behaviour, which: float) -> Fault | None:
        ladder = self._ladders.get(id(behaviour))
        if ladder is None:
            # In the enumeration's order, so that a scenario's order changes nothing.
            faults = [fault for fault in Fault if behaviour.faults.get(fault)]
            steps = list(accumulate(behaviour.faults[fault] for fault in faults))
            # The behaviour is kept beside its id, which is free again once it is gone.
            ladder = self._ladders[id(behaviour)] = (behaviour, steps, faults)
        _, steps, faults = ladder
        at = bisect_right(steps, which)
        return faults[at] if at < len(faults) else None


def chances(key: bytes, attempt: int) -> tuple[float, ...]:
    """Four numbers between 0 and 1, exclusive, that belong to an attempt of a request."""
    drawn = blake2b(key + attempt.to_bytes(4), digest_size=_CHANCES * _WIDTH).digest()
    return tuple(
        (int.from_bytes(drawn[at : at + _WIDTH]) + 0.5) / _SCALE
        for at in range(0, len(drawn), _WIDTH)
    )


def _chance_of_rule(key: bytes, attempt: int, at: int) -> float:
    """A number of each rule's own: with one for all, what a likely rule leaves is out of the reach
    of a less likely one after it.
    """
    drawn = blake2b(key + attempt.to_bytes(4) + b"rule" + at.to_bytes(4), digest_size=_WIDTH)
    return (int.from_bytes(drawn.digest()) + 0.5) / _SCALE


def _spellings(marker: str | None) -> tuple[bytes, ...]:
    """How a text may stand in a JSON body: with and without escapes for what is not ASCII."""
    if marker is None:
        return ()
    return tuple({to_json(marker)[1:-1], to_json(marker, ensure_ascii=True)[1:-1]})


def _is_about(
    rule: Rule,
    spellings: tuple[bytes, ...],
    body: bytes,
    model: str,
    attempt: int,
    number: int,
    age_s: float,
) -> bool:
    return (
        (not rule.nth or number in rule.nth)
        and (rule.first is None or number >= rule.first)
        and (rule.last is None or number <= rule.last)
        and (rule.every is None or number % rule.every == 0)
        and (rule.from_s is None or age_s >= rule.from_s)
        and (rule.until_s is None or age_s < rule.until_s)
        and (rule.attempts is None or attempt <= rule.attempts)
        and (rule.model is None or fnmatchcase(model, rule.model))
        and (not spellings or any(spelling in body for spelling in spellings))
    )
