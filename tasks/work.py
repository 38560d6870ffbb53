"""What becomes of a document whose calls fail: a dead letter, another try, or does it wait?"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llms.cascade import Extraction
from llms.failures import ESCALATING, OUTAGES, RULES, STOPPING, CallError, FailureClass
from llms.router import Route
from llms.verifier import Check
from schemas.fields import DocumentType
from tasks.interruption import INTERRUPTION
from tasks.progress import progress_of
from tasks.runtime import Runtime

_UNREACHABLE = FailureClass.UNREACHABLE


@dataclass(slots=True)
class Work:
    """One document of the shard and what has become of it so far."""

    row: dict[str, Any]
    route: Route | None = None
    extraction: Extraction | None = None
    verdict: str | None = None
    checks: tuple[Check, ...] = ()
    audits: list[dict[str, Any]] = field(default_factory=list)
    failure: tuple[str, str] | None = None
    raw_answer: str | None = None
    parked: str | None = None
    is_unchecked: bool = False
    stopping: CallError | None = None
    unanswered: CallError | None = None
    given_up_at: float = 0.0
    is_counted: bool = False

    @property
    def document_type(self) -> DocumentType:
        """Its type; to be asked only of a document that was found to have one."""
        assert self.route is not None
        assert self.route.document_type is not None
        return self.route.document_type

    @property
    def extracted(self) -> Extraction:
        """What was found in it; to be asked only of a document that was extracted."""
        assert self.extraction is not None
        return self.extraction

    def fail(self, error: CallError) -> None:
        """Give the document up."""
        self.failure = (error.failure_class.value, str(error))
        self.raw_answer = error.raw_answer

    def park(self, error: CallError) -> None:
        """Leave the document for later."""
        self.parked = "; ".join(filter(None, (str(error), RULES[error.failure_class].remedy)))


Step = Callable[[Work, Runtime], Awaitable[None]]
"""What is done with one document; raises `CallError` where that cannot be done."""


async def for_each(
    works: Sequence[Work], step: Step, runtime: Runtime, *, is_check: bool = False
) -> None:
    """Take a step for each document; one that a provider left unanswered gets its judgement.

    Whether the document or the provider is to blame shows when the others are through: who answers
    others is not down. A document that only met a provider that was down then has another try. One
    that could not be checked (`is_check`) is not lost for that: it has not been checked.
    """
    await _take(works, step, runtime)
    again = []
    for work in works:
        if (error := work.unanswered) is None:
            continue
        work.unanswered = None
        is_up = await _is_answering(error, work, runtime)
        if is_up and (error.unanswered.is_down or error.failure_class is _UNREACHABLE):
            again.append(work)
        else:
            _judge(work, error, is_up=is_up, is_check=is_check)
    await _take(again, step, runtime)
    for work in again:
        if (error := work.unanswered) is not None:
            work.unanswered = None
            is_up = await _is_answering(error, work, runtime)
            is_up &= error.failure_class is not _UNREACHABLE  # never a document's own fault
            _judge(work, error, is_up=is_up, is_check=is_check)
    for work in works:
        _count(work, runtime)


def _judge(work: Work, error: CallError, *, is_up: bool, is_check: bool) -> None:
    """Decide on a document that was left unanswered by a provider that is up, or down."""
    if not is_up:
        work.park(error)
    elif not is_check:
        work.fail(error)


async def _take(works: Sequence[Work], step: Step, runtime: Runtime) -> None:
    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(_guarded(work, step, runtime))
    for work in works:
        if work.stopping is not None:
            raise work.stopping


async def _is_answering(error: CallError, work: Work, runtime: Runtime) -> bool:
    """Whether others are answered; raises what stops the run, where a model is gone for all."""
    if error.failure_class in STOPPING:
        if work.given_up_at >= runtime.answered_at:
            raise error
        return True
    try:
        with runtime.in_flight():
            return await runtime.client.is_answering(error)
    except CallError:  # the question may not be sent: nothing is known, so nothing is decided
        return False


async def _guarded(work: Work, step: Step, runtime: Runtime) -> None:
    """Run one step for one document; what is wrong with the document stays with it."""
    async with runtime.documents_in_flight:
        try:
            INTERRUPTION.check()
            with runtime.in_flight():
                await step(work, runtime)
            runtime.answered_at = time.monotonic()
        except CallError as error:
            _set_aside(work, error, runtime)
    _count(work, runtime)


def _set_aside(work: Work, error: CallError, runtime: Runtime) -> None:
    """Do with a document what the rule of its failure says."""
    failure_class = error.failure_class
    has_answered = runtime.answered_at > 0
    # A provider that has answered other documents rejects this one, not our requests.
    is_this_document = failure_class is FailureClass.BAD_REQUEST and has_answered
    # A model that has answered others may be gone for good, which shows only later.
    is_doubtful = failure_class is FailureClass.MODEL_GONE and has_answered
    if failure_class in OUTAGES or is_doubtful:
        work.unanswered, work.given_up_at = error, time.monotonic()
    elif failure_class in ESCALATING or is_this_document:
        work.fail(error)
    elif failure_class in STOPPING:
        work.stopping = error
        runtime.send_no_more()  # what is in flight is paid for, so it is waited for
    else:
        work.park(error)


def _count(work: Work, runtime: Runtime) -> None:
    """Count a document as finished, once it is known what becomes of it."""
    progress = progress_of(runtime.manifest.run_id)
    progress.spend(runtime.budget.spent_usd)
    if not work.is_counted and work.unanswered is None:
        work.is_counted = True
        progress.advance(1, 1 if work.failure else 0)
