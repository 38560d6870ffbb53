"""How do several processes extract the shards of one run? Whoever has a free place takes the next.

Python runs on one core at a time, so a run of some size has a worker process per core. A worker
is handed references to shards and hands back counts; documents, answers and ledger rows go from
the worker to the lake. Books and answers are shared through the response store, as between any two
processes. A worker that is killed is replaced and its shards are done again: what it had paid for
is in the store.
"""

import queue
import threading
from collections.abc import Iterable, Sequence

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
from tasks.worker_link import Assignment, GoneError, More, Recruit, Worker, WorkerError

WORTH_IT = 2000
"""New documents of a run from which on workers are started unasked. One takes some two seconds of
CPU until it is there, and a document some milliseconds: below, the second core gains little."""

_MOST_KILLED = 3
"""So many workers may die over one shard before the run gives up."""


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


class WorkerPool:
    """The worker processes of one run. Every method may be called from any thread.

    Once all shards are begun, whoever has none goes home, and the others get its places.

    Args:
        lake_url: Where the run is.
        run_id: The run.
        places: Requests that each worker may have in flight; as many workers are there.
        shards: How many shards they will be handed.
        recruits: Processes that are there already.
    """

    def __init__(
        self,
        lake_url: str,
        run_id: str,
        places: Sequence[int],
        shards: int,
        recruits: Sequence[Recruit] = (),
    ) -> None:
        self.killed = 0
        self.shards_at_once = len(places) * shards_per_worker(len(places))
        self._lock = threading.Lock()
        self._to_begin = shards
        self._workers: list[Worker] = []
        self._sent_home: list[Worker] = []
        self._free: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        self._is_closed = False
        waiting = list(recruits)
        for share in places:
            assignment = Assignment(
                lake_url, run_id, len(places), share, shards_per_worker(len(places)), fetched()
            )
            self._workers.append(Worker(assignment, waiting.pop() if waiting else None))
        for _ in range(shards_per_worker(len(places))):
            for worker in self._workers:
                self._free.put(worker)
        INTERRUPTION.listen(self, self._interrupt)

    def extract(self, ref: ShardRef) -> ShardResult:
        """Have a shard extracted by the next worker that is free.

        Raises:
            WorkerError: Workers keep dying over it.
            CallError: As `tasks.extract.extract_shard` does, like all that it raises.
        """
        for attempt in range(_MOST_KILLED):
            worker = self._begin(is_new=not attempt)
            try:
                return worker.extract(ref)
            except GoneError:
                self._replace(worker)
            finally:
                self._end(worker)
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
            worker.send_home()
        for worker in (*workers, *self._sent_home):
            worker.wait()
        return self.killed

    def _interrupt(self, is_now: bool) -> None:
        for worker in list(self._workers):
            worker.stop(is_now=is_now)

    def _begin(self, *, is_new: bool) -> Worker:
        """Take the next worker that is free, for a new shard or for one that was begun before."""
        while True:
            while (worker := self._free.get()).is_gone:
                self._replace(worker)
            with self._lock:
                if not worker.is_gone:
                    worker.busy += 1
                    self._to_begin -= is_new
                    return worker

    def _end(self, worker: Worker) -> None:
        """Note that a worker is through with a shard, whatever came of it."""
        with self._lock:
            worker.busy -= 1
            others = [one for one in self._workers if one.busy and one is not worker]
            if not (worker.is_gone or worker.busy or self._to_begin > 0) and others:
                self._send_home(worker, others)
        self._free.put(worker)

    def _send_home(self, worker: Worker, others: Sequence[Worker]) -> None:
        worker.send_home()
        self._workers.remove(worker)
        self._sent_home.append(worker)
        for other, places in zip(
            others, _shared(worker.assignment.places, len(others)), strict=True
        ):
            other.may_have(More(places))

    def _replace(self, dead: Worker) -> None:
        """Put a new worker in the place of a dead one, once, and free what that one has claimed."""
        with self._lock:
            if dead not in self._workers or self._is_closed:
                return
            self.killed += 1
            self._workers.remove(dead)
            _bury(dead)
            worker = Worker(dead.assignment)
            self._workers.append(worker)
        for _ in range(worker.assignment.shards_at_once):
            self._free.put(worker)


def _shared(places: int, parts: int) -> list[int]:
    """So many places in nearly equal parts."""
    return [places // parts + (number < places % parts) for number in range(parts)]


def _bury(dead: Worker) -> None:
    """Let others have what a dead worker had claimed, and count its documents as not done."""
    assignment = dead.assignment
    if dead.keeper is not None:
        runtime_of(assignment.lake_url, assignment.run_id).store.bury(dead.keeper)
    told, last = dead.told, dead.at_last_answer
    progress_of(assignment.run_id).advance(last.done - told.done, last.failed - told.failed)


_pools: dict[tuple[str, str], WorkerPool] = {}
_recruits: dict[tuple[str, str], list[Recruit]] = {}
_lock = threading.Lock()


def recruit(job: Job, lake_url: str, run_id: str, documents: int, shards: int) -> None:
    """Start the processes that so many new documents in so many shards are worth, and perhaps more
    to come: they import what they need while documents are still being read.

    Raises:
        WorkerError: No process can be started.
    """
    processes = min(processes_for(job, documents), shards)
    with _lock:
        waiting = _recruits.setdefault((lake_url, run_id), [])
        while len(waiting) < processes and processes > 1:
            waiting.append(Recruit())


def start_workers(lake_url: str, run_id: str, refs: Sequence[ShardRef]) -> WorkerPool | None:
    """Start workers for these shards where they are worth it; `workers_of` knows them from now on.

    Raises:
        WorkerError: No process can be started.
    """
    lake = Lake(lake_url)
    manifest = read_manifest(lake, run_id)
    processes = min(processes_for(manifest.job, new_documents(lake, manifest, refs)), len(refs))
    places = [max(1, share) for share in _shared(manifest.job.concurrency, processes)]
    with _lock:
        recruits = _recruits.pop((lake_url, run_id), [])
    if processes <= 1:
        _dismiss(recruits)
        return None
    # Workers tell what they spend themselves; before them it was the run's earlier processes.
    progress_of(run_id).spend(runtime_of(lake_url, run_id).budget.spent_usd)
    _dismiss(recruits[processes:])
    pool = WorkerPool(lake_url, run_id, places, len(refs), recruits[:processes])
    with _lock:
        return _pools.setdefault((lake_url, run_id), pool)


def _dismiss(recruits: Iterable[Recruit]) -> None:
    for one in recruits:
        one.dismiss()


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
        recruits = _recruits.pop((lake_url, run_id), [])
    _dismiss(recruits)
    return pool.close() if pool is not None else 0
