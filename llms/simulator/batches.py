"""How does a batch come along? A timetable made at creation; the present is read off the clock."""

import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pydantic_core import to_json

from llms.simulator.batch_input import ENDPOINT, Line, batch_error, read_lines, window_seconds
from llms.simulator.errors import Problem
from llms.simulator.fates import chances, request_key
from llms.simulator.files import Files
from llms.simulator.provider import Provider

_AT_A_TIME = 500
"""Items answered in one go, so that a large batch does not hold up everybody else."""

_GOLDEN = 0.6180339887
_LEFT = {
    "expired": "This request was not executed before the completion window ended.",
    "cancelled": "This request was not executed because the batch was cancelled.",
}


class Status(StrEnum):
    """Where a batch stands."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


FINAL = frozenset({Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED})


@dataclass(slots=True)
class Item:
    """A line, when it is due (infinite for never), and how it was answered."""

    line: Line
    due: float
    status: int = 0
    body: bytes = b""

    @property
    def has_failed(self) -> bool:
        """Whether it was answered with an error."""
        return self.status != 200


@dataclass(slots=True)
class Batch:
    """A batch and its timetable, in real seconds on the provider's clock.

    Attributes:
        batch_id: Its id.
        input_file_id: The file of its requests.
        window: The completion window as it was asked for.
        metadata: Whatever was sent along.
        tokens: Prompt tokens of all requests.
        model: The one model it asks.
        created: When it was made.
        validated: When work begins, or its errors show.
        expires: When the completion window ends.
        finalizing_s: Seconds from the last answer to the files.
        cancelling_s: Seconds from cancellation to the files.
        all_done: When the last answer is due.
        never_ends: It stays in progress whatever the window says.
        cancel_asked: When it was cancelled.
        items: Its requests in the order they are due.
        worked: How many of them have been answered.
        errors: What is wrong with it as a whole.
        is_over: It has ended, and its result files stand.
        output_file_id: The file of the answers; null if there are none.
        error_file_id: The file of failures and of what was not executed; null if there are none.
    """

    batch_id: str
    input_file_id: str
    window: str
    metadata: Any
    created: float
    validated: float
    expires: float
    finalizing_s: float
    cancelling_s: float
    tokens: int = 0
    model: str = ""
    all_done: float = math.inf
    never_ends: bool = False
    cancel_asked: float | None = None
    items: list[Item] = field(default_factory=list)
    worked: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    is_over: bool = False
    output_file_id: str | None = None
    error_file_id: str | None = None

    def history(self, now: float) -> list[tuple[Status, float]]:
        """The states it has been in so far, each with its beginning."""
        found = [(Status.VALIDATING, self.created)]
        if self.cancel_asked is None or self.cancel_asked >= self.validated:
            begun = Status.FAILED if self.errors else Status.IN_PROGRESS
            found.append((begun, self.validated))
        if self.cancel_asked is not None:
            found.append((Status.CANCELLING, self.cancel_asked))
            found.append((Status.CANCELLED, self.cancel_asked + self.cancelling_s))
        elif self.all_done <= self.expires:
            found.append((Status.FINALIZING, self.all_done))
            found.append((Status.COMPLETED, self.all_done + self.finalizing_s))
        elif not self.errors and not self.never_ends:
            found.append((Status.EXPIRED, self.expires))
        return [(status, at) for status, at in found if at <= now]

    def status(self, now: float) -> Status:
        """Where it stands; it has ended only when its files stand."""
        status = self.history(now)[-1][0]
        if status in FINAL and status is not Status.FAILED and not self.is_over:
            return Status.FINALIZING if self.cancel_asked is None else Status.CANCELLING
        return status

    def worked_until(self, now: float) -> float:
        """Up to when its items are answered."""
        last = self.expires if self.cancel_asked is None else min(self.expires, self.cancel_asked)
        return min(now, last)

    @property
    def due_next(self) -> float:
        """When the next item is due; infinite for never."""
        return self.items[self.worked].due if self.worked < len(self.items) else math.inf


class Batches:
    """The batches of an account.

    Args:
        provider: Who answers and keeps the books.
        files: Where input is found and results are put.
    """

    def __init__(self, provider: Provider, files: Files) -> None:
        self._provider = provider
        self._options = provider.scenario.batches
        self._files = files
        self._batches: dict[str, Batch] = {}
        self._same: Counter[bytes] = Counter()
        # Between clock and calendar: a batch tells the latter, its timetable keeps the former.
        self._offset = provider.now() - provider.clock()

    def create(self, given: Any) -> Batch | Problem:
        """Take a batch in; what is wrong with its lines shows once it has been validated."""
        if not isinstance(given, dict):
            return Problem.of(400, "The body is not a JSON object.")
        if given.get("endpoint") != ENDPOINT:
            return Problem.of(400, f"endpoint must be {ENDPOINT}.", param="endpoint")
        window_s = window_seconds(given.get("completion_window"))
        if window_s is None:
            told = "completion_window must be a time like 24h."
            return Problem.of(400, told, param="completion_window")
        stored = self._files.get(str(given.get("input_file_id")))
        if stored is None or stored.purpose != "batch":
            told = f"There is no file {given.get('input_file_id')!r} of purpose batch."
            return Problem.of(400, told, param="input_file_id")
        self.advance()
        now, options = self._provider.clock(), self._options
        scale = options.time_scale
        batch = Batch(
            batch_id=f"batch_{len(self._batches) + 1:06}",
            input_file_id=stored.file_id,
            window=str(given["completion_window"]),
            metadata=given.get("metadata"),
            created=now,
            validated=now + options.validation_s / scale,
            expires=now + window_s / scale,
            finalizing_s=options.finalizing_s / scale,
            cancelling_s=options.cancelling_s / scale,
        )
        lines, batch.errors = read_lines(
            stored.content, most_requests=options.max_requests, most_bytes=options.max_file_bytes
        )
        if not batch.errors:
            batch.model, batch.tokens = lines[0].model, sum(line.prompt_tokens for line in lines)
            batch.errors = self._over_enqueued(batch)
        if not batch.errors:
            self._plan(batch, lines, stored.content)
        self._batches[batch.batch_id] = batch
        return batch

    def get(self, batch_id: str) -> Batch | None:
        """A batch by its id, with some of what is due answered; null if there is none."""
        batch = self._batches.get(batch_id)
        if batch is not None:
            self.work(batch)
        return batch

    def all(self) -> list[Batch]:
        """Every batch, newest first."""
        return list(reversed(self._batches.values()))

    def cancel(self, batch: Batch) -> Problem | None:
        """Stop a batch: what is due by now is still answered, nothing else is."""
        now = self._provider.clock()
        if batch.status(now) in FINAL:
            return Problem.of(409, f"The batch has ended: it is {batch.status(now)}.")
        if batch.cancel_asked is None:
            batch.cancel_asked = now
        return None

    def advance(self) -> bool:
        """Answer some of what is due everywhere; false when nothing is left to come."""
        for batch in self._batches.values():
            self.work(batch)
        return any(not batch.is_over for batch in self._batches.values())

    def work(self, batch: Batch) -> None:
        """Answer some of what is due; write the files if the batch has come to its end."""
        now = self._provider.clock()
        until = batch.worked_until(now)
        for _ in range(_AT_A_TIME):
            if batch.due_next > until:
                break
            item = batch.items[batch.worked]
            item.status, item.body = self._provider.answer_item(item.line.raw)
            batch.worked += 1
        else:
            return
        last, _ = batch.history(now)[-1]
        if last in FINAL and not batch.is_over:
            if last is not Status.FAILED:
                self._write_files(batch, _LEFT.get(last, ""), f"batch_{last}")
            batch.is_over = True

    def counts(self) -> Counter[str]:
        """Batches by status."""
        now = self._provider.clock()
        return Counter(str(batch.status(now)) for batch in self._batches.values())

    def as_json(self, batch: Batch) -> dict[str, Any]:
        """The batch object of the API."""
        now = self._provider.clock()
        status = batch.status(now)
        never = {f"{name}_at": None for name in Status if name is not Status.VALIDATING}
        times = {
            f"{name}_at": int(at + self._offset)
            for name, at in batch.history(now)[1:]
            # Due to have ended, but not yet written down.
            if name not in FINAL or name is status
        }
        failed = sum(item.has_failed for item in batch.items[: batch.worked])
        return {
            "id": batch.batch_id,
            "object": "batch",
            "endpoint": ENDPOINT,
            "input_file_id": batch.input_file_id,
            "completion_window": batch.window,
            "metadata": batch.metadata,
            "status": str(status),
            "errors": {"object": "list", "data": batch.errors} if status is Status.FAILED else None,
            "output_file_id": batch.output_file_id,
            "error_file_id": batch.error_file_id,
            "request_counts": {
                "total": len(batch.items),
                "completed": batch.worked - failed,
                "failed": failed,
            },
            "created_at": int(batch.created + self._offset),
            "expires_at": int(batch.expires + self._offset),
            **never,
            **times,
        }

    def _over_enqueued(self, batch: Batch) -> list[dict[str, Any]]:
        """The error of a batch that does not fit beside those its model works on."""
        limit, now = self._options.enqueued_tokens, self._provider.clock()
        enqueued = batch.tokens + sum(
            other.tokens
            for other in self._batches.values()
            if other.model == batch.model and other.status(now) not in FINAL
        )
        if limit is None or enqueued <= limit:
            return []
        told = f"Enqueued token limit reached for {batch.model}. Limit: {limit} enqueued tokens."
        return [batch_error("token_limit_exceeded", told)]

    def _plan(self, batch: Batch, lines: list[Line], content: bytes) -> None:
        """Make the timetable; the same file has the same one, whenever and beside whatever."""
        options = self._options
        key = request_key(self._provider.scenario.seed, content)
        self._same[key] += 1
        luck, pace, order, _ = chances(key, self._same[key])
        takes_s = options.turnaround.draw(pace) / options.time_scale
        is_stuck = luck < options.stuck
        batch.never_ends = is_stuck and options.ignores_window
        batch.all_done = math.inf if is_stuck else batch.validated + takes_s
        # Out of order, as results come, and evenly spread over the time it takes.
        shuffled = sorted(range(len(lines)), key=lambda at: (at * _GOLDEN + order) % 1.0)
        kept = round(len(lines) * options.stuck_after) if is_stuck else len(lines)
        for rank, at in enumerate(shuffled, 1):
            due = batch.validated + takes_s * rank / len(lines) if rank <= kept else math.inf
            batch.items.append(Item(lines[at], due))

    def _write_files(self, batch: Batch, left: str, code: str) -> None:
        """Put the answers into one file, failures and what was not executed into another."""
        done, rest = batch.items[: batch.worked], batch.items[batch.worked :]
        right = [_result(batch, item) for item in done if not item.has_failed]
        wrong = [_result(batch, item) for item in done if item.has_failed]
        wrong += [_unexecuted(batch, item, code, left) for item in rest]
        batch.output_file_id = self._file(f"{batch.batch_id}_output.jsonl", right)
        batch.error_file_id = self._file(f"{batch.batch_id}_error.jsonl", wrong)

    def _file(self, name: str, lines: list[bytes]) -> str | None:
        if not lines:
            return None
        created = int(self._provider.now())
        return self._files.add(name, "batch_output", b"\n".join(lines) + b"\n", created).file_id


def _head(batch: Batch, item: Item) -> bytes:
    name = to_json(item.line.custom_id)
    request_id = request_key(0, batch.batch_id.encode() + name).hex()[:16]
    return b'{"id":"batch_req_%b","custom_id":%b,' % (request_id.encode(), name)


def _result(batch: Batch, item: Item) -> bytes:
    # The body is JSON already: put in as it is rather than parsed to be written again.
    return b'%b"response":{"status_code":%d,"request_id":"req_%b","body":%b},"error":null}' % (
        _head(batch, item),
        item.status,
        request_key(0, item.body).hex()[:16].encode(),
        item.body,
    )


def _unexecuted(batch: Batch, item: Item, code: str, message: str) -> bytes:
    error = to_json({"code": code, "message": message})
    return b'%b"response":null,"error":%b}' % (_head(batch, item), error)


def page_of(found: list[dict[str, Any]], limit: int, after: str | None) -> dict[str, Any]:
    """A page of a list as the API cuts it: `limit` objects behind the one with the id `after`."""
    ids = [entry["id"] for entry in found]
    start = ids.index(after) + 1 if after in ids else 0
    page = found[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(found),
    }
