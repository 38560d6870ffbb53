"""How do several processes extract the shards of one run? Whoever has a free place takes the next.

Python runs on one core at a time, so a run of some size has a worker process per core. A worker
is handed references to shards and hands back counts; documents, answers and ledger rows go from
the worker to the lake. Books and answers are shared through the response store, as between any two
processes. A worker that is killed is replaced and its shards are done again: what it had paid for
is in the store.
"""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from llms.cores import usable_cores
from schemas.job import Job
from schemas.manifest import Manifest, ShardResult
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.ingest import ShardRef
from tasks.interruption import INTERRUPTION
from tasks.key_ring import fetched
from tasks.lanes import SHARDS_AT_ONCE, may_batch
from tasks.progress import progress_of
from tasks.runtime import runtime_of

WORTH_IT = 2000
"""New documents of a run from which on workers are started unasked. One takes some two seconds of
CPU until it is there, and a document some milliseconds: below, the second core gains little."""

STOP = signal.SIGUSR1
"""What tells a worker to stop: once to send no more, once more to break off what is in flight."""

_MOST_KILLED = 3
"""So many workers may die over one shard before the run gives up."""

_BOOT = (
    "import sys; sys.path[:] = sys.argv[2:]; import tasks.worker as w; w.serve(int(sys.argv[1]))"
)


class WorkerError(Exception):
    """Worker processes cannot be started or keep dying; the message says over what."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The first message to a worker: which run, and what it may use of it.

    Attributes:
        lake_url: Where the run is.
        run_id: The run.
        processes: How many workers share what the job allows to be in flight.
        shards_at_once: Shards that are handed to this worker at a time.
        keys: Keys that stand in no environment variable; this pipe is the only way they take.
    """

    lake_url: str
    run_id: str
    processes: int
    shards_at_once: int
    keys: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a worker is, and what it has spent, in all shards since its start."""

    done: int = 0
    failed: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a shard, or of the assignment, whose number is 0 and whose result a name."""

    number: int
    result: Any = None
    error: BaseException | None = None


def processes_for(job: Job, documents: int) -> int:
    """In how many processes a run extracts so many new documents; 1 is this one.

    What the job says; else one per core from `WORTH_IT` documents on. One where there is nothing
    new, and where requests may go into batches: waiting for them keeps no core busy, and a batch is
    better whole.
    """
    if may_batch(job) or not documents:
        return 1
    if job.processes is not None:
        return job.processes
    return usable_cores() if documents >= WORTH_IT else 1


def shards_per_worker(processes: int) -> int:
    """Shards in work at once in each worker: while one is written, the other has calls to make."""
    return max(2, SHARDS_AT_ONCE // processes)


class _GoneError(Exception):
    """A worker has died."""


class _Worker:
    """One process, and the thread that listens to it."""

    def __init__(self, assignment: Assignment) -> None:
        self.keeper: str | None = None
        self.told = self.at_last_answer = Counts()
        self._run_id = assignment.run_id
        self._lock = threading.Lock()
        self._asked: dict[int, Future[Any]] = {0: Future()}
        self._number = 0
        self._is_gone = False
        self._is_told = False
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = _started(theirs.fileno())
        self._channel = Connection(ours.detach())
        self._thread = threading.Thread(
            target=self._listen, name=f"docmill-worker-{self.process.pid}", daemon=True
        )
        self._thread.start()
        with contextlib.suppress(OSError):
            self._channel.send(assignment)

    @property
    def is_gone(self) -> bool:
        return self._is_gone

    def extract(self, ref: ShardRef) -> ShardResult:
        """Have a shard extracted; raises what the worker raised, or `_GoneError`."""
        self.keeper = self._asked[0].result()
        if INTERRUPTION.is_asked:
            self.stop(is_now=False)
        future: Future[ShardResult] = Future()
        with self._lock:
            if self._is_gone:
                raise _GoneError
            self._number += 1
            self._asked[self._number] = future
            try:
                self._channel.send((self._number, ref))
            except OSError:
                raise _GoneError from None
        return future.result()

    def stop(self, *, is_now: bool) -> None:
        """Have it send nothing more, or break off what is in flight; takes no lock."""
        is_listening = self._asked[0].done() and not self._is_gone
        if is_listening and (is_now or not self._is_told):
            self._is_told = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, STOP)

    def end(self) -> None:
        """Have it end what it has begun and close its books; returns when it is gone."""
        with contextlib.suppress(OSError), self._lock:
            self._channel.send(None)
        self._thread.join()

    def _listen(self) -> None:
        progress = progress_of(self._run_id)
        # A message that a kill has cut off is the end as well.
        with contextlib.suppress(EOFError, OSError):
            while True:
                match self._channel.recv():
                    case Counts() as now:
                        progress.advance(now.done - self.told.done, now.failed - self.told.failed)
                        progress.spend_more(now.usd - self.told.usd)
                        self.told = now
                    case Answer(number, result, error):
                        self.at_last_answer = self.told
                        future = self._asked[number]
                        if error is None:
                            future.set_result(result)
                        else:
                            future.set_exception(error)
        self.process.wait()
        with self._lock:
            self._is_gone = True
        for future in self._asked.values():
            if not future.done():
                future.set_exception(_GoneError())
        self._channel.close()


class WorkerPool:
    """The worker processes of one run. Every method may be called from any thread.

    Args:
        lake_url: Where the run is.
        run_id: The run.
        processes: How many there are.
    """

    def __init__(self, lake_url: str, run_id: str, processes: int) -> None:
        self.killed = 0
        self._assignment = Assignment(
            lake_url, run_id, processes, shards_per_worker(processes), fetched()
        )
        self._lock = threading.Lock()
        self._workers: list[_Worker] = []
        self._free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._is_closed = False
        for _ in range(processes):
            self._workers.append(_Worker(self._assignment))
        for _ in range(self._assignment.shards_at_once):
            for worker in self._workers:
                self._free.put(worker)
        INTERRUPTION.listen(self, self._interrupt)

    @property
    def shards_at_once(self) -> int:
        """Shards in work at once, in all workers together."""
        return self._assignment.processes * self._assignment.shards_at_once

    def extract(self, ref: ShardRef) -> ShardResult:
        """Have a shard extracted by the next worker that is free.

        Raises:
            WorkerError: Workers keep dying over it.
            CallError: As `tasks.extract.extract_shard` does, like all that it raises.
        """
        for _ in range(_MOST_KILLED):
            worker = self._next_free()
            try:
                result = worker.extract(ref)
            except _GoneError:
                self._replace(worker)
                continue
            except BaseException:
                self._free.put(worker)
                raise
            self._free.put(worker)
            return result
        raise WorkerError(
            f"{_MOST_KILLED} worker processes died while they extracted shard {ref.shard} (killed, "
            "or out of memory?); resume the run with `processes: 1` in the job, or with a smaller "
            "`shard_size` and `concurrency`"
        )

    def close(self) -> int:
        """End all workers once they are done with what they have begun; how many were killed."""
        INTERRUPTION.forget(self)
        with self._lock:
            self._is_closed = True
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.end()
        return self.killed

    def _interrupt(self, is_now: bool) -> None:
        for worker in list(self._workers):
            worker.stop(is_now=is_now)

    def _next_free(self) -> _Worker:
        while (worker := self._free.get()).is_gone:
            self._replace(worker)
        return worker

    def _replace(self, dead: _Worker) -> None:
        """Put a new worker in the place of a dead one, once, and free what that one has claimed."""
        with self._lock:
            if dead not in self._workers or self._is_closed:
                return
            self.killed += 1
            self._workers.remove(dead)
            _bury(dead, self._assignment)
            worker = _Worker(self._assignment)
            self._workers.append(worker)
        for _ in range(self._assignment.shards_at_once):
            self._free.put(worker)


def _bury(dead: _Worker, assignment: Assignment) -> None:
    """Let others have what a dead worker had claimed, and count its documents as not done."""
    if dead.keeper is not None:
        runtime_of(assignment.lake_url, assignment.run_id).store.bury(dead.keeper)
    told, last = dead.told, dead.at_last_answer
    progress_of(assignment.run_id).advance(last.done - told.done, last.failed - told.failed)


def _started(channel: int) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", _BOOT, str(channel), *map(os.path.abspath, sys.path)],
            pass_fds=[channel],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            # A session of its own: Ctrl-C is for the process that hands out the work.
            start_new_session=True,
        )
    except OSError as error:
        raise WorkerError(
            f"no worker process can be started: {error.strerror}; set `processes: 1` in the job"
        ) from None


_pools: dict[tuple[str, str], WorkerPool] = {}
_lock = threading.Lock()


def start_workers(lake_url: str, run_id: str, refs: Sequence[ShardRef]) -> WorkerPool | None:
    """Start workers for these shards where they are worth it; `workers_of` knows them from now on.

    Raises:
        WorkerError: No process can be started.
    """
    lake = Lake(lake_url)
    manifest = read_manifest(lake, run_id)
    processes = min(processes_for(manifest.job, new_documents(lake, manifest, refs)), len(refs))
    if processes <= 1:
        return None
    # Workers tell what they spend themselves; before them it was the run's earlier processes.
    progress_of(run_id).spend(runtime_of(lake_url, run_id).budget.spent_usd)
    with _lock:
        return _pools.setdefault((lake_url, run_id), WorkerPool(lake_url, run_id, processes))


def workers_of(lake_url: str, run_id: str) -> WorkerPool | None:
    """The workers of a run; null where this process does the work itself."""
    with _lock:
        return _pools.get((lake_url, run_id))


def new_documents(lake: Lake, manifest: Manifest, refs: Iterable[ShardRef]) -> int:
    """How many documents of these shards the lake has no outcome of; no table is read for it."""
    count = 0
    for ref in refs:
        path = lake.outcomes(manifest.job.name, ref.shard, manifest.extraction_key)
        wanted = lake.count_rows(ref.documents) if ref.doc_ids is None else len(ref.doc_ids)
        known = lake.count_rows(path) if lake.exists(path) else 0
        count += max(0, wanted - known)
    return count


def close_workers(lake_url: str, run_id: str) -> int:
    """End the workers of a run, if there are any; returns how many of them were killed."""
    with _lock:
        pool = _pools.pop((lake_url, run_id), None)
    return pool.close() if pool is not None else 0
