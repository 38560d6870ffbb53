"""How do several processes keep one limit? Through a row per limit in the response store."""

import hashlib
import json
import math
import operator
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from llms import keepers
from llms.database import Database
from llms.failures import StoreError
from llms.lanes import Lane
from llms.limit_book import GRACE_S, HORIZON_S, Correction, Grant, LimitBook
from llms.limit_share import Need, Slice
from llms.model_rates import NOTHING, Amounts
from llms.response_tables import upsert
from llms.responses import DEAD_AFTER_S, ResponseStore

_METADATA = sa.MetaData()

_LIMITS = sa.Table(
    "limits",
    _METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
)
"""What is known of each limit that processes share, see `LimitBook`."""

_ROW = sa.select(_LIMITS.c.state).where(_LIMITS.c.name == sa.bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Question:
    """What a process asks the book of a limit; without a need it takes its leave.

    Attributes:
        limit: Name of the limit.
        member: Name of the process.
        job: Whom it works for.
        need: What it wants.
        corrections: What has become of earlier slices.
        done: Called with the answer, on any thread.
    """

    limit: str
    member: str
    job: str
    need: Need | None
    corrections: Sequence[Correction] = ()
    done: Callable[[Grant | StoreError], None] = field(default=lambda answer: None)


def limit_name(url: str, api_id: str, key: str) -> str:
    """The name under which all processes know a limit: where, which model, whose.

    Args:
        url: Where the provider is, as it may be shown.
        api_id: Name of the model there.
        key: The key; the name holds a digest of it.
    """
    digest = hashlib.sha256(f"docmill limit {key}".encode()).hexdigest()
    return f"{url} {api_id} {digest[:16]}"


class SharedLimits:
    """The limits that a process shares with all others that use the same response store.

    The database is left alone until the first limit is known. From then on a process that sends
    asks it a few times a second, on a connection and a thread of its own, whatever its rate.

    Args:
        store: Where the book is.
        job: Whom this process works for.
        clock: Seconds that only ever grow.
    """

    def __init__(
        self, store: ResponseStore, job: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database: Database = store.database
        self._keeper = store.keeper
        self._job = job
        self._clock = clock
        self._lane: Lane[Question] | None = None
        self._has_table = False
        self._is_closed = False
        self._lock = threading.Lock()

    def share(self, name: str) -> "ProcessShare":
        """This process's part of the limit `name`, which is the same in all processes."""
        return ProcessShare(name, self._keeper, self._job, self._put, clock=self._clock)

    def close(self) -> None:
        """Let go of the database; calling it again does nothing."""
        with self._lock:
            self._is_closed = True
            lane, self._lane = self._lane, None
        if lane is not None:
            lane.close()

    def _put(self, question: Question) -> None:
        with self._lock:
            if self._is_closed:
                return
            if self._lane is None:
                self._lane = Lane(self._database, "limits", self._answer)
            self._lane.tell(question)

    def _answer(self, connection: sa.Connection, questions: Sequence[Question]) -> Sequence[None]:
        answers: list[Grant | StoreError]
        try:
            # What a power cut undoes here was used up by then.
            with self._database.writing(connection, is_durable=False) as now:
                answers = [self._grant(connection, one, now) for one in questions]
        except Exception as error:  # whatever it is, somebody waits for an answer
            answers = [self._database.error(error)] * len(questions)
        for question, answer in zip(questions, answers, strict=True):
            question.done(answer)
        return [None] * len(questions)

    def _grant(self, connection: sa.Connection, question: Question, now: float) -> Grant:
        if not self._has_table:
            _METADATA.create_all(connection)
            self._has_table = True
        state = connection.execute(_ROW, {"wanted": question.limit}).scalar_one_or_none()
        book = LimitBook(json.loads(state) if state else None, now)
        grant = Grant(now, None, 1.0, None)
        if question.need is None:
            book.leave(question.member)
        else:
            living: set[str] = set()
            if question.need.allowed_in_flight is not None:
                living = keepers.living(connection, now - DEAD_AFTER_S)
            grant = book.grant(
                question.member,
                question.job,
                question.need,
                now,
                corrections=question.corrections,
                living=living,
            )
        text = json.dumps(book.state(), separators=(",", ":"))
        statement = upsert(_LIMITS, connection.dialect.name, "state")
        connection.execute(statement, [{"name": question.limit, "state": text}])
        return grant


class ProcessShare:
    """This process's part of one limit: the slices in hand, and what is to be told of earlier ones.

    Args:
        limit: Name of the limit.
        member: Name of the process.
        job: Whom it works for.
        put: Has a question answered.
        clock: Seconds that only ever grow.

    Attributes:
        fraction: The part of the pace that is this process's.
        slots: Requests that it may have in flight; null where nothing bounds them.
    """

    def __init__(
        self,
        limit: str,
        member: str,
        job: str,
        put: Callable[[Question], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.fraction = 1.0
        self.slots: int | None = None
        self._limit = limit
        self._member = member
        self._job = job
        self._put = put
        self._clock = clock
        self._slices: deque[Slice] = deque()
        self._corrections: dict[float, Amounts] = {}
        self._spent = NOTHING
        self._limited: tuple[int, ...] = ()
        self._is_asking = False
        self._asked_at = 0.0
        self._ask_again_at = 0.0
        self._lock = threading.RLock()

    def covers(self, amounts: Amounts, now: float) -> bool:
        """Whether a call may go out with what is in hand."""
        with self._lock:
            return self._covering(amounts, now) is not None

    def is_low(self, now: float) -> bool:
        """Whether it is time to ask for more, though there is something in hand."""
        return not self._is_asking and now >= self._asked_at + HORIZON_S / 2

    def spend(self, amounts: Amounts, now: float) -> Slice | None:
        """Take a call's part of what is in hand; returns what it was taken from."""
        with self._lock:
            found = self._covering(amounts, now)
            if found is not None:
                found.left = _less(found.left, amounts)
                self._spent = _plus(self._spent, amounts)
            return found

    def settle(self, taken_from: Slice, taken: Amounts, used: Amounts) -> None:
        """Say what a call has come to."""
        # The request itself was sent, whatever it was answered.
        difference = _less(used, taken)._replace(requests=0)
        with self._lock:
            self._correct(taken_from.at, difference)

    def ask(
        self,
        need: Callable[[], Need],
        done: Callable[[StoreError | None], None],
        now: float,
    ) -> float | None:
        """Ask for more, unless that is under way; see `llms.limit_share.Share`."""
        with self._lock:
            if self._is_asking:
                return None
            if now < self._ask_again_at:
                return self._ask_again_at - now
            self._is_asking = True
            self._asked_at = now
            needed = need()
            limited = tuple(k for k, limit in enumerate(needed.limits) if limit is not None)
            if limited != self._limited:
                # Nothing in hand says anything about a limit that was not known.
                self._limited = limited
                self._give_up(math.inf)
            self._give_up(now)
            more = map(max, needed.wanted, self._spent, needed.least)
            self._spent = NOTHING
            corrections, self._corrections = list(self._corrections.items()), {}
        question = Question(
            self._limit,
            self._member,
            self._job,
            replace(needed, wanted=Amounts(*more)),
            corrections,
            lambda answer: done(self._take(answer)),
        )
        self._put(question)
        return None

    def rest(self) -> None:
        """Say that nothing is in flight and nobody waits."""
        with self._lock:
            if self.slots is None or self._is_asking:
                return
            self.slots = 0
        self._put(Question(self._limit, self._member, self._job, None))

    def _take(self, answer: Grant | StoreError) -> StoreError | None:
        with self._lock:
            self._is_asking = False
            if isinstance(answer, StoreError):
                return answer
            self.fraction, self.slots = answer.fraction, answer.slots
            self._ask_again_at = self._clock() + answer.wait_s
            if answer.amounts is not None:
                # Counted from before the question was put, so that no clock has to agree.
                ends_at = self._asked_at + HORIZON_S + GRACE_S
                self._slices.append(Slice(answer.at, answer.amounts, ends_at))
        return None

    def _covering(self, amounts: Amounts, now: float) -> Slice | None:
        for one in self._slices:
            if now < one.ends_at and all(one.left[kind] >= amounts[kind] for kind in self._limited):
                return one
        return None

    def _give_up(self, now: float) -> None:
        """Give back what is left of slices that are over at a time."""
        while self._slices and self._slices[0].ends_at <= now:
            over = self._slices.popleft()
            self._correct(over.at, _less(NOTHING, over.left))

    def _correct(self, at: float, difference: Amounts) -> None:
        if difference != NOTHING:
            self._corrections[at] = _plus(self._corrections.get(at, NOTHING), difference)


def _plus(one: Amounts, other: Amounts) -> Amounts:
    return Amounts(*map(operator.add, one, other))


def _less(one: Amounts, other: Amounts) -> Amounts:
    return Amounts(*map(operator.sub, one, other))
