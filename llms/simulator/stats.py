"""What was the simulated provider asked, what did it answer, and what would have been paid?"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from pydantic import BaseModel, Field

from llms.simulator.scenario import Prices

ANSWERED = "answered"
ABANDONED = "abandoned"
BAD_REQUEST = "bad_request"
INTERNAL = "internal"
"""Outcomes beside the faults: a right answer delivered, a client that left before, a request that
is none, and one that the simulator itself failed to answer."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; prompt tokens include cached ones, completion tokens reasoning."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def usd(self, prices: Prices | None, lane: str) -> float | None:
        """What the answer costs on a lane; null without prices."""
        if prices is None:
            return None
        cached = prices.input if prices.cached_input is None else prices.cached_input
        factor = {"batch": prices.batch_factor, "flex": prices.flex_factor}.get(lane, 1.0)
        total = (
            (self.prompt_tokens - self.cached_tokens) * prices.input
            + self.cached_tokens * cached
            + self.completion_tokens * prices.output
        )
        return total * factor / 1_000_000


class Paid(BaseModel):
    """Billed answers and their tokens."""

    requests: int = Field(default=0, description="Billed answers.")
    prompt_tokens: int = Field(default=0, description="Input tokens, cached ones included.")
    cached_tokens: int = Field(default=0, description="Input tokens from the prompt cache.")
    completion_tokens: int = Field(default=0, description="Output tokens, thinking included.")
    reasoning_tokens: int = Field(default=0, description="Output tokens spent on thinking.")
    usd: float = Field(default=0, description="US dollars of the answers that have a price.")
    unpriced: int = Field(default=0, description="Billed answers whose price is not configured.")


class Repeats(BaseModel):
    """Requests whose body had come before, byte for byte."""

    requests: int = Field(default=0, description="Requests that had been asked before.")
    paid: int = Field(default=0, description="Answers billed for what had been billed before.")
    usd: float = Field(default=0, description="US dollars of those answers, as far as priced.")


class Second(BaseModel):
    """What happened in one second."""

    second: int = Field(description="Whole seconds since the first request.")
    requests: int = Field(default=0, description="Requests that arrived.")
    refused: int = Field(default=0, description="Requests answered 429.")
    paid: int = Field(default=0, description="Answers that were billed, the batch lane's too.")
    prompt_tokens: int = Field(default=0, description="Their input tokens.")
    completion_tokens: int = Field(default=0, description="Their output tokens.")
    most_in_flight: int = Field(default=0, description="Most requests in flight at once.")


class Stats(BaseModel):
    """The books since the start or the last reset.

    Always: `requests` = the sum of `outcomes` + `in_flight`, and the sum of `statuses` is that of
    `outcomes`. Items of batches are no requests; they have outcomes of their own.
    """

    seconds: float = Field(default=0, description="Seconds since the first request.")
    requests: int = Field(default=0, description="Chat completion requests that arrived.")
    in_flight: int = Field(default=0, description="Of them, those that have not ended.")
    most_in_flight: int = Field(default=0, description="Most in flight at once.")
    outcomes: dict[str, int] = Field(
        default_factory=dict,
        description="How they ended: answered, abandoned (the client left first), bad_request, "
        "internal (the simulator itself failed), or the fault that ended them.",
    )
    statuses: dict[str, int] = Field(
        default_factory=dict, description="HTTP statuses; `none` where none was sent."
    )
    refused: dict[str, int] = Field(
        default_factory=dict, description="Requests over a rate, by the rate they exceeded."
    )
    paid: Paid = Field(default_factory=Paid, description="What was billed, on all lanes.")
    unseen: Paid = Field(
        default_factory=Paid,
        description="Of it, what no client has seen whole: hangs, late "
        "resets, cut bodies, gateway timeouts, clients that left first.",
    )
    models: dict[str, Paid] = Field(default_factory=dict, description="What was billed by model.")
    lanes: dict[str, Paid] = Field(
        default_factory=dict, description="What was billed by lane: standard, flex, batch."
    )
    repeats: Repeats = Field(default_factory=Repeats, description="The same request again.")
    batches: dict[str, int] = Field(default_factory=dict, description="Batches by status.")
    batch_items: dict[str, int] = Field(
        default_factory=dict, description="Finished items of batches by outcome."
    )
    series: list[Second] = Field(
        default_factory=list, description="Per second; seconds without any event are left out."
    )


class Repeated(BaseModel):
    """One request that came more than once."""

    key: str = Field(description="Hash of its body: `fates.request_key`, in hexadecimal.")
    model: str = Field(description="The model that was asked.")
    asked: int = Field(description="How often it came, in batches too.")
    paid: int = Field(description="How often it was billed.")
    usd: float = Field(description="US dollars billed for it in all, as far as priced.")
    outcomes: list[str] = Field(description="How it ended each time, in the order of the ends.")


# What is counted per request is kept in plain objects: setting a field of a pydantic model costs
# several times as much, and there are some thirty to set.
@dataclass(slots=True)
class _Paid:
    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0

    def add(self, usage: Usage, usd: float | None) -> None:
        self.requests += 1
        self.prompt_tokens += usage.prompt_tokens
        self.cached_tokens += usage.cached_tokens
        self.completion_tokens += usage.completion_tokens
        self.reasoning_tokens += usage.reasoning_tokens
        if usd is None:
            self.unpriced += 1
        else:
            self.usd += usd

    def told(self) -> Paid:
        return Paid(**asdict(self))


@dataclass(slots=True)
class _Second:
    requests: int = 0
    refused: int = 0
    paid: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    most_in_flight: int = 0


@dataclass(slots=True)
class _Asked:
    """All that is kept of a request body."""

    model: str
    asked: int = 0
    paid: int = 0
    usd: float = 0.0
    outcomes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Arrival:
    """A request on its way through the provider; `paid` is what was billed for it, if anything."""

    key: bytes
    model: str
    lane: str
    paid: tuple[Usage, float | None] | None = None


class Books:
    """Keeps the books; used on one event loop. Times are seconds on a clock that only grows."""

    def __init__(self) -> None:
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Begin anew; what is in flight stays counted as requests that have not ended."""
        self._began: float | None = None
        self._requests = self._most_in_flight = self._in_flight
        self._outcomes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._items: Counter[str] = Counter()
        self._repeats = Repeats()
        self._unseen = _Paid()
        self._paid: dict[tuple[str, str], _Paid] = {}
        self._series: dict[int, _Second] = {}
        self._asked: dict[bytes, _Asked] = {}

    def begin(self, key: bytes, model: str, lane: str, now: float) -> Arrival:
        """Count a request that arrives."""
        self._requests += 1
        self._in_flight += 1
        self._most_in_flight = max(self._most_in_flight, self._in_flight)
        second = self._second(now)
        second.requests += 1
        second.most_in_flight = max(second.most_in_flight, self._in_flight)
        return self._arrived(Arrival(key, model, lane))

    def begin_item(self, key: bytes, model: str) -> Arrival:
        """Count an item of a batch that is worked on."""
        return self._arrived(Arrival(key, model, "batch"))

    def _arrived(self, arrival: Arrival) -> Arrival:
        asked = self._known(arrival)
        asked.asked += 1
        if asked.asked > 1:
            self._repeats.requests += 1
        return arrival

    def _known(self, arrival: Arrival) -> _Asked:
        asked = self._asked.get(arrival.key)
        if asked is None:
            asked = self._asked[arrival.key] = _Asked(arrival.model)
        return asked

    def bill(self, arrival: Arrival, usage: Usage, prices: Prices | None, now: float) -> None:
        """Count an answer that has been made and would be billed."""
        usd = usage.usd(prices, arrival.lane)
        arrival.paid = usage, usd
        paid = self._paid.get((arrival.model, arrival.lane))
        if paid is None:
            paid = self._paid[arrival.model, arrival.lane] = _Paid()
        paid.add(usage, usd)
        second = self._second(now)
        second.paid += 1
        second.prompt_tokens += usage.prompt_tokens
        second.completion_tokens += usage.completion_tokens
        asked = self._known(arrival)
        asked.paid += 1
        asked.usd += usd or 0.0
        if asked.paid > 1:
            self._repeats.paid += 1
            self._repeats.usd += usd or 0.0

    def end(
        self, arrival: Arrival, outcome: str, status: int | None, now: float, *, is_seen: bool
    ) -> None:
        """Count how a request ended, and whether its client saw the response whole."""
        self._in_flight -= 1
        self._outcomes[outcome] += 1
        self._statuses["none" if status is None else str(status)] += 1
        if status == 429:
            self._second(now).refused += 1
        self._ended(arrival, outcome, is_seen=is_seen)

    def end_item(self, arrival: Arrival, outcome: str) -> None:
        """Count how an item of a batch ended."""
        self._items[outcome] += 1
        self._ended(arrival, outcome, is_seen=True)

    def _ended(self, arrival: Arrival, outcome: str, *, is_seen: bool) -> None:
        self._known(arrival).outcomes.append(outcome)
        if arrival.paid is not None and not is_seen:
            self._unseen.add(*arrival.paid)

    def refuse(self, rate: str) -> None:
        """Count a request over a rate."""
        self._refused[rate] += 1

    def stats(self, now: float, batches: Counter[str]) -> Stats:
        """The books as they stand; `batches` are counts by status."""
        return Stats(
            seconds=round(now - self._began, 3) if self._began is not None else 0.0,
            requests=self._requests,
            in_flight=self._in_flight,
            most_in_flight=self._most_in_flight,
            outcomes=dict(self._outcomes.most_common()),
            statuses=dict(sorted(self._statuses.items())),
            refused=dict(self._refused),
            paid=_total(self._paid.values()),
            unseen=self._unseen.told(),
            models=self._paid_by(0),
            lanes=self._paid_by(1),
            repeats=self._repeats.model_copy(),
            batches=dict(batches),
            batch_items=dict(self._items.most_common()),
            series=[Second(second=at, **asdict(told)) for at, told in self._series.items()],
        )

    def _paid_by(self, part: int) -> dict[str, Paid]:
        """What was billed by model (0) or lane (1)."""
        names = sorted({name[part] for name in self._paid})
        return {
            name: _total(paid for key, paid in self._paid.items() if key[part] == name)
            for name in names
        }

    def repeats(self) -> list[Repeated]:
        """Every request that came more than once, those billed most first."""
        again = [
            Repeated(
                key=key.hex(),
                model=asked.model,
                asked=asked.asked,
                paid=asked.paid,
                usd=asked.usd,
                outcomes=asked.outcomes,
            )
            for key, asked in self._asked.items()
            if asked.asked > 1
        ]
        return sorted(again, key=lambda repeated: (-repeated.paid, -repeated.asked, repeated.key))

    def _second(self, now: float) -> _Second:
        if self._began is None:
            self._began = now
        at = int(now - self._began)
        second = self._series.get(at)
        if second is None:
            second = self._series[at] = _Second()
        return second


def _total(parts: Iterable[_Paid]) -> Paid:
    total = _Paid()
    for part in parts:
        for name, value in asdict(part).items():
            setattr(total, name, getattr(total, name) + value)
    return total.told()
