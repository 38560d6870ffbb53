"""How are documents parsed so that one that hangs, crashes or explodes costs only itself?"""

import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from schemas.job import Parsing
from tasks.parse_errors import Reason, Unreadable
from tasks.parse_process import ParserProcess, SandboxError
from tasks.parse_worker import MAX_DOCUMENTS, pack_batch, unpack_outcome
from tasks.parsing import Parsed

__all__ = ["Loss", "ParserPool", "SandboxError"]

T = TypeVar("T")

_BATCH_BYTES = 1 << 18
_WAITING_BYTES = 64 << 20
_WAITING_CHARS = 32 << 20
_WAITING_DOCUMENTS = 4096


class Loss(Enum):
    """How a parser process was lost."""

    HUNG = auto()
    DIED = auto()
    GARBLED = auto()


class _Task(Generic[T]):
    """A document on its way through the pool."""

    __slots__ = ("data", "deaths", "name", "outcome", "size", "tag")

    def __init__(self, tag: T, name: str, data: bytes) -> None:
        self.tag, self.name, self.data, self.size = tag, name, data, len(data)
        self.outcome: Parsed | Unreadable | None = None
        self.deaths = 0


class ParserPool:
    """Parser processes, started when the first document comes. A context manager.

    Every document gets `parsing.timeout_s` seconds and `parsing.memory_mb` MiB. What exceeds them
    is a dead letter, and a fresh process takes the place of the one that was lost. A document that
    a process died of is tried once more, in a fresh one, because an earlier document may have
    done the damage.
    """

    def __init__(self, parsing: Parsing, *, module: str = "tasks.parse_worker") -> None:
        """Prepare a pool; no process is started yet.

        `module` is what a process runs: its function `serve`.
        """
        self._parsing, self._module = parsing, module
        self._most = parsing.workers or _cores()
        self._changed = threading.Condition()
        self._queue: deque[_Task[Any]] = deque()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._waiting_bytes = self._waiting_chars = 0
        self._workers: set[ParserProcess] = set()
        self._closed = False
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def started(self) -> int:
        """How many workers the pool has needed so far."""
        return len(self._threads)

    def close(self) -> None:
        """End every process; documents that are still waiting are given up."""
        with self._changed:
            self._closed = True
            self._queue.clear()
            workers = list(self._workers)
            self._changed.notify_all()
        for worker in workers:
            worker.end()
        for thread in self._threads:
            thread.join()

    def parse(
        self, documents: Iterable[tuple[T, str, bytes]]
    ) -> Iterator[tuple[T, Parsed | Unreadable]]:
        """Parse documents; outcomes come in the order of the documents.

        `documents` is read as far ahead as workers need it, within bounds of count and bytes.

        Args:
            documents: A tag of the caller's, the file name and the content of each.

        Raises:
            SandboxError: no parser process can be started.
        """
        ahead: deque[_Task[T]] = deque()
        for tag, name, data in documents:
            task = _Task(tag, name, data)
            self._submit(task)
            ahead.append(task)
            while ahead and (ahead[0].outcome is not None or self._is_full(len(ahead))):
                yield self._finished(ahead.popleft())
        while ahead:
            yield self._finished(ahead.popleft())

    def _submit(self, task: _Task[T]) -> None:
        with self._changed:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise SandboxError("the parser pool is closed")
            self._queue.append(task)
            self._waiting_bytes += task.size
            if not self._idle and len(self._threads) < self._most:
                thread = threading.Thread(target=self._work, name="docmill-parser", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._changed.notify()

    def _is_full(self, documents: int) -> bool:
        return (
            documents >= _WAITING_DOCUMENTS
            or self._waiting_bytes >= _WAITING_BYTES
            or self._waiting_chars >= _WAITING_CHARS
        )

    def _finished(self, task: _Task[T]) -> tuple[T, Parsed | Unreadable]:
        with self._changed:
            self._changed.wait_for(lambda: task.outcome is not None or self._error is not None)
            if task.outcome is None:
                assert self._error is not None
                raise self._error
            if isinstance(task.outcome, Parsed):
                self._waiting_chars -= len(task.outcome.text)
        return task.tag, task.outcome

    def _work(self) -> None:
        """The life of a thread: it feeds one process and replaces it when it is lost.

        Linux ends a process with the thread that started it (PR_SET_PDEATHSIG), hence the same
        thread for both.
        """
        worker: ParserProcess | None = None
        try:
            while batch := self._next_batch():
                if worker is None:
                    worker = ParserProcess(self._parsing, self._module)
                    if not self._enlist(worker):
                        return
                if not self._run(worker, batch):
                    self._dismiss(worker)
                    worker = None
        except BaseException as error:  # a thread's error belongs to who waits for it
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            if worker is not None:
                self._dismiss(worker)

    def _enlist(self, worker: ParserProcess) -> bool:
        """Make a new process known to `close`; false if the pool has been closed meanwhile."""
        with self._changed:
            self._workers.add(worker)
            return not self._closed

    def _dismiss(self, worker: ParserProcess) -> None:
        with self._changed:
            self._workers.discard(worker)
        worker.dispose()

    def _next_batch(self) -> list[_Task[Any]]:
        """Documents for one message: few when few are waiting, so that all workers have some."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._queue or self._closed)
            self._idle -= 1
            if self._closed:
                return []
            share = max(1, min(MAX_DOCUMENTS, len(self._queue) // (2 * self._most)))
            batch: list[_Task[Any]] = []
            size = 0
            while self._queue and len(batch) < share:
                task = self._queue[0]
                alone = task.deaths > 0
                if batch and (size + task.size > _BATCH_BYTES or alone):
                    break
                batch.append(self._queue.popleft())
                size += task.size
                if alone:
                    break
            return batch

    def _run(self, worker: ParserProcess, batch: list[_Task[Any]]) -> bool:
        """Have a batch parsed; false when the process was lost over it."""
        try:
            worker.connection.send_bytes(pack_batch([(task.name, task.data) for task in batch]))
        except OSError:
            self._lost(worker, batch, Loss.DIED)
            return False
        for position, task in enumerate(batch):
            outcome = self._receive(worker.connection)
            if isinstance(outcome, Loss):
                self._lost(worker, batch[position:], outcome)
                return False
            self._settle(task, outcome)
        return True

    def _receive(self, connection: Connection) -> Parsed | Unreadable | Loss:
        """The next outcome, or how the process was lost instead."""
        try:
            if not connection.poll(self._parsing.timeout_s):
                return Loss.HUNG
            return unpack_outcome(connection.recv_bytes(8 * self._parsing.max_chars + (1 << 20)))
        except ValueError:
            return Loss.GARBLED
        except (EOFError, OSError):
            return Loss.DIED

    def _lost(self, worker: ParserProcess, batch: list[_Task[Any]], loss: Loss) -> None:
        """Settle the document a process was lost over and put the others back."""
        code = worker.end()
        verdict = self._verdict(loss, code, worker.noise())
        culprit, rest = batch[0], batch[1:]
        with self._changed:
            if self._closed:
                return
            culprit.deaths += 1
            again = loss is not Loss.HUNG and culprit.deaths < 2
            self._queue.extendleft(reversed([culprit, *rest] if again else rest))
            self._changed.notify_all()
        if not again:
            self._settle(culprit, verdict)

    def _verdict(self, loss: Loss, code: int, noise: str) -> Unreadable:
        if loss is Loss.HUNG:
            return Unreadable.of(
                Reason.TIMEOUT,
                f"reading it took longer than {self._parsing.timeout_s:g} s; raise `timeout_s` "
                "of the job's parsing if it is worth it",
            )
        words = (
            "memory allocation",
            "bad_alloc",
            "MemoryError",
            "out of memory",
            "Cannot allocate",
        )
        # A process that was killed before we did so was killed by the kernel, short of memory.
        was_killed = loss is Loss.DIED and code == -signal.SIGKILL
        if was_killed or any(word in noise for word in words):
            return Unreadable.of(
                Reason.MEMORY,
                f"reading it took more than {self._parsing.memory_mb} MiB of memory; raise "
                "`memory_mb` of the job's parsing if it is worth it",
            )
        how = f"died of {_signal_name(-code)}" if code < 0 else f"ended with code {code}"
        if loss is Loss.GARBLED:
            how = "answered nonsense"
        return Unreadable.of(Reason.CRASHED, f"the parser process {how} over it, twice")

    def _settle(self, task: _Task[Any], outcome: Parsed | Unreadable) -> None:
        with self._changed:
            task.outcome = outcome
            task.data = b""
            self._waiting_bytes -= task.size
            if isinstance(outcome, Parsed):
                self._waiting_chars += len(outcome.text)
            self._changed.notify_all()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
