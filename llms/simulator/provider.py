"""What does the simulated provider make of a request? Checks, rates, fate, answer, books."""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydantic_core import to_json

from llms.simulator.answers import Author, Said, completion
from llms.simulator.chat import BadRequestError, Chat
from llms.simulator.errors import (
    JSON,
    Problem,
    context_too_long,
    fault_problem,
    rate_limited,
    unsupported,
)
from llms.simulator.fates import Fate, Fates, request_key
from llms.simulator.faults import FAULTS, Fault, Kind
from llms.simulator.scenario import Behaviour, Prices, RetryAfter, Scenario
from llms.simulator.stats import (
    ABANDONED,
    ANSWERED,
    BAD_REQUEST,
    INTERNAL,
    Arrival,
    Books,
    Usage,
)
from llms.simulator.windows import Gate

FLEX = "flex"
_AT_ONCE = frozenset(
    {Fault.RATE_LIMITED, Fault.RESOURCE_UNAVAILABLE, Fault.QUOTA, Fault.AUTH, Fault.UNSUPPORTED}
)
"""Errors that come without the latency of an answer."""


@dataclass(slots=True)
class Pending:
    """A request whose end is known and still to come.

    Attributes:
        arrival: Its entry in the books.
        body: The body of the response.
        outcome: What it counts as.
        status: HTTP status the client sees; null when none arrives.
        content_type: Of the body.
        headers: Those that are about this request, beside the content's type and length.
        wait_s: Seconds until the response is due.
        fault: What strikes it.
        usage: What is billed; null for nothing.
        prices: At which prices.
        gate: The gate to leave again; null if none was passed.
    """

    arrival: Arrival
    body: bytes
    outcome: str
    status: int | None
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    wait_s: float = 0.0
    fault: Fault | None = None
    usage: Usage | None = None
    prices: Prices | None = None
    gate: Gate | None = None


class Provider:
    """The state of the simulated provider; used on one event loop.

    A request goes `take` -> (wait) -> `settle` -> (deliver) -> `close`; every one that was taken
    must be closed.

    Args:
        scenario: How it behaves.
        clock: Seconds that only ever grow.
        now: Seconds since the epoch, for `created`.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.scenario = scenario
        self.books = Books()
        self.fates = Fates(scenario)
        self.author = Author(scenario)
        self.clock = clock
        self.now = now
        self._behaviours: dict[str, Behaviour] = {}
        self._gates: dict[str, Gate] = {}
        self._asked: Counter[str] = Counter()
        self._number = 0
        self._began: float | None = None
        self._billed, self._billed_usd = 0, 0.0

    def behaviour(self, model: str) -> Behaviour:
        """How a model behaves."""
        if model not in self._behaviours:
            self._behaviours[model] = self.scenario.behaviour(model)
        return self._behaviours[model]

    def key_problem(self, key: str) -> Problem | None:
        """Why a key is not accepted; null if it is."""
        if self.scenario.keys and key not in self.scenario.keys:
            return fault_problem(Fault.AUTH, key=key)
        return None

    def take(self, raw: bytes, key: str = "") -> Pending:
        """Decide what becomes of a chat completion.

        Args:
            raw: The body of the request.
            key: The key that came with it; empty without one.
        """
        now = self.clock()
        age_s = self._age_s(now)
        digest = request_key(self.scenario.seed, raw)
        try:
            chat = Chat.read(raw)
        except BadRequestError as error:
            arrival = self.books.begin(digest, "", "standard", now)
            return _failed(arrival, BAD_REQUEST, error.problem)
        arrival = self.books.begin(digest, chat.model, _lane(chat), now)
        behaviour = self.behaviour(chat.model)
        if problem := self.key_problem(key):
            return _failed(arrival, Fault.AUTH, problem)
        if found := self._refused(chat, behaviour):
            return _failed(arrival, *found)
        gate = self._gate(chat.model, behaviour)
        refusal = gate.admit(chat.prompt_tokens, chat.most_output or 0, now, age_s)
        headers = tuple(gate.headers(now)) if behaviour.limits.headers else ()
        if refusal is not None:
            self.books.refuse(refusal.rate)
            # No wait would help a request larger than its rate; slots free up nobody knows when.
            is_too_large = math.isinf(refusal.wait_s)
            wait_s = None if is_too_large else refusal.wait_s or self.scenario.retry_after_s
            detail = f"limit {refusal.limit}" + (", the request is larger" if is_too_large else "")
            problem = rate_limited(chat.model, refusal.rate, detail, wait_s)
            pending = _failed(arrival, Fault.RATE_LIMITED, problem, behaviour.limits.retry_after)
            pending.headers += headers
            return pending
        fate = self._fate(chat, behaviour, arrival, raw, age_s)
        pending = self._ending(chat, behaviour, arrival, fate, key)
        pending.headers += headers
        pending.gate = gate
        return pending

    def answer_item(self, raw: bytes) -> tuple[int, bytes]:
        """Answer a request of a batch, with the books: HTTP status and body, which is JSON.

        No rate counts it and no fault of kind transport can strike it.
        """
        age_s = self._age_s(self.clock())
        digest = request_key(self.scenario.seed, raw)
        try:
            chat = Chat.read(raw)
        except BadRequestError as error:
            pending = _failed(self.books.begin_item(digest, ""), BAD_REQUEST, error.problem)
        else:
            arrival = self.books.begin_item(digest, chat.model)
            pending = self._item(chat, arrival, raw, age_s)
        self.settle(pending)
        self.books.end_item(pending.arrival, pending.outcome)
        status = pending.status
        if status is None or pending.fault is Fault.ERROR_IN_200:
            status = 500
        if pending.content_type is JSON:
            return status, pending.body
        # There is no proxy here whose page could stand in a result.
        return status, fault_problem(Fault.SERVER_ERROR).body

    def _age_s(self, now: float) -> float:
        """Seconds since the first request."""
        if self._began is None:
            self._began = now
        return now - self._began

    def _item(self, chat: Chat, arrival: Arrival, raw: bytes, age_s: float) -> Pending:
        behaviour = self.behaviour(chat.model)
        if found := self._refused(chat, behaviour):
            return _failed(arrival, *found)
        fate = self._fate(chat, behaviour, arrival, raw, age_s)
        if fate.fault is not None and FAULTS[fate.fault].kind is Kind.TRANSPORT:
            fate = replace(fate, fault=None)
        pending = self._ending(chat, behaviour, arrival, fate, "")
        if pending.status != 200:
            pending.usage = None  # failed items are not billed, whatever failed
        return pending

    def _refused(self, chat: Chat, behaviour: Behaviour) -> tuple[str, Problem] | None:
        """Why a request is turned away for what it is, before any rate counts it."""
        self._asked[chat.model] += 1
        is_gone = (
            behaviour.gone_after is not None and self._asked[chat.model] > behaviour.gone_after
        )
        if is_gone or not self.scenario.is_served(chat.model):
            return Fault.MODEL_GONE, fault_problem(Fault.MODEL_GONE, chat.model)
        for name in behaviour.rejects:
            if name in chat.parameters:
                return Fault.UNSUPPORTED, unsupported(name)
        if chat.tier == FLEX and not self.scenario.flex.is_offered:
            return Fault.UNSUPPORTED, unsupported("service_tier")
        needed = chat.prompt_tokens + (chat.most_output or 0)
        if behaviour.context_tokens is not None and needed > behaviour.context_tokens:
            problem = context_too_long(behaviour.context_tokens, needed)
            return Fault.CONTEXT_TOO_LONG, problem
        quota = self.scenario.quota
        if (quota.requests is not None and self._billed >= quota.requests) or (
            quota.usd is not None and self._billed_usd >= quota.usd
        ):
            return Fault.QUOTA, fault_problem(Fault.QUOTA)
        return None

    def _fate(
        self, chat: Chat, behaviour: Behaviour, arrival: Arrival, raw: bytes, age_s: float
    ) -> Fate:
        self._number += 1
        return self.fates.decide(arrival.key, raw, chat.model, behaviour, self._number, age_s)

    def _ending(
        self, chat: Chat, behaviour: Behaviour, arrival: Arrival, fate: Fate, key: str
    ) -> Pending:
        """How a request ends that was let in."""
        try:
            return self._fated(chat, behaviour, arrival, fate, key)
        except BadRequestError as error:
            return _failed(arrival, BAD_REQUEST, error.problem)
        except Exception as error:
            # A schema that is none, a document that breaks the rules: the books must balance still.
            told = f"The simulator cannot answer this: {type(error).__name__}: {error}."
            return _failed(arrival, INTERNAL, Problem.of(500, told, kind="server_error"))

    def _fated(
        self, chat: Chat, behaviour: Behaviour, arrival: Arrival, fate: Fate, key: str
    ) -> Pending:
        """The same; raises whatever the making of an answer raises."""
        fault, slowness = fate.fault, 1.0
        if chat.tier == FLEX:
            slowness = self.scenario.flex.latency_factor
            if fault is None and fate.room < self.scenario.flex.unavailable:
                fault = Fault.RESOURCE_UNAVAILABLE
        if fault is not None and FAULTS[fault].kind is Kind.ERROR:
            problem = fault_problem(
                fault,
                chat.model,
                key,
                wait_s=self.scenario.retry_after_s,
                tokens=chat.prompt_tokens,
            )
            pending = _failed(arrival, fault, problem, behaviour.limits.retry_after)
            if fault not in _AT_ONCE:
                pending.wait_s = behaviour.latency.draw(fate.latency) * slowness
            if FAULTS[fault].is_billed:
                pending.usage = self.author.write(chat, behaviour, None).usage
        else:
            said = self.author.write(chat, behaviour, fault)
            pending = self._answering(chat, said, arrival, fault)
            tokens = said.usage.completion_tokens
            pending.wait_s = behaviour.latency.draw(fate.latency, tokens) * slowness
        pending.fault, pending.prices = fault, behaviour.prices
        return pending

    def _answering(self, chat: Chat, said: Said, arrival: Arrival, fault: Fault | None) -> Pending:
        tier = FLEX if chat.tier == FLEX else "default"
        answer_id = arrival.key.hex()[:24]
        body = completion(said, chat.model, tier, answer_id, int(self.now()))
        status: int | None = 200
        if fault is not None:
            outcome, status = str(fault), FAULTS[fault].status
        else:
            # An answer may reach its limit without any fault being asked for.
            outcome = Fault.TRUNCATED if said.finish_reason == "length" else ANSWERED
        billed = None if fault is Fault.RESET else said.usage
        return Pending(arrival, to_json(body), outcome, status, usage=billed)

    def _gate(self, model: str, behaviour: Behaviour) -> Gate:
        name = model if behaviour.limits.per == "model" else ""
        if name not in self._gates:
            self._gates[name] = Gate(behaviour.limits)
        return self._gates[name]

    def settle(self, pending: Pending) -> None:
        """Bill a request: its answer, if there is one, has been made."""
        if pending.usage is None:
            return
        now = self.clock()
        self.bill(pending.arrival, pending.usage, pending.prices)
        if pending.gate is not None:
            pending.gate.used(pending.usage.completion_tokens, now)

    def bill(self, arrival: Arrival, usage: Usage, prices: Prices | None) -> None:
        """Bill an answer to the account."""
        self.books.bill(arrival, usage, prices, self.clock())
        self._billed += 1
        self._billed_usd += usage.usd(prices, arrival.lane) or 0.0

    def close(self, pending: Pending, *, client_left: bool) -> None:
        """A request has ended; unless it was settled, it is now: providers finish their work."""
        if pending.arrival.paid is None:
            self.settle(pending)
        if pending.gate is not None:
            pending.gate.leave()
        outcome, status = pending.outcome, pending.status
        if client_left and pending.fault not in _BROKEN_OFF:
            outcome, status = ABANDONED, None
        is_seen = not client_left and pending.fault not in _UNSEEN
        self.books.end(pending.arrival, outcome, status, self.clock(), is_seen=is_seen)


_BROKEN_OFF = frozenset({Fault.RESET, Fault.RESET_LATE, Fault.CUT, Fault.HANG})
"""Faults after which no client can stay."""

_UNSEEN = _BROKEN_OFF | {Fault.GATEWAY_TIMEOUT}


def _failed(
    arrival: Arrival, outcome: str, problem: Problem, retry_after: RetryAfter = "both"
) -> Pending:
    headers = []
    if problem.wait_s is not None:
        if retry_after in ("both", "seconds"):
            headers.append((b"retry-after", b"%d" % math.ceil(problem.wait_s)))
        if retry_after in ("both", "ms"):
            headers.append((b"retry-after-ms", b"%d" % math.ceil(problem.wait_s * 1000)))
    return Pending(
        arrival, problem.body, outcome, problem.status, problem.content_type, tuple(headers)
    )


def _lane(chat: Chat) -> str:
    return FLEX if chat.tier == FLEX else "standard"
