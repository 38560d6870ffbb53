"""Who gets which shard, and who goes home when there are no more: the pool, without processes."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from schemas.manifest import Books, ShardResult
from tasks import worker_processes
from tasks.ingest import ShardRef
from tasks.worker_link import Assignment, Counts, GoneError, More
from tasks.worker_processes import WorkerPool


class _Worker:
    """Extracts a shard when it is told to, or dies over it."""

    made: list["_Worker"]

    def __init__(self, assignment: Assignment, recruit: None = None) -> None:
        self.assignment = assignment
        self.busy = 0
        self.is_gone = self.is_home = False
        self.keeper = None
        self.told = self.at_last_answer = Counts()
        self.shards: dict[str, Future[ShardResult]] = {}
        self.has_begun = threading.Semaphore(0)
        self.made.append(self)

    def extract(self, ref: ShardRef) -> ShardResult:
        future: Future[ShardResult] = Future()
        self.shards[ref.shard] = future
        self.has_begun.release()
        return future.result()

    def finish(self, shard: str) -> None:
        books = Books(inputs=1, done=1)
        self.shards[shard].set_result(
            ShardResult(shard=shard, documents="", outcomes="", records={}, books=books)
        )

    def die(self) -> None:
        self.is_gone = True
        for future in self.shards.values():
            if not future.done():
                future.set_exception(GoneError())

    def may_have(self, more: More) -> None:
        places = self.assignment.places + more.places
        self.assignment = replace(self.assignment, places=places)

    def send_home(self) -> None:
        self.is_gone = self.is_home = True

    def wait(self) -> None:
        assert self.is_gone


@pytest.fixture(autouse=True)
def _without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "Worker", _Worker)
    _Worker.made = []


def _ref(shard: str) -> ShardRef:
    return ShardRef(shard, "", None)


def _handed(
    pool: WorkerPool, threads: ThreadPoolExecutor, shard: str, worker: _Worker
) -> Future[ShardResult]:
    """A shard that a worker has begun."""
    future = threads.submit(pool.extract, _ref(shard))
    worker.has_begun.acquire()
    return future


def test_nobody_goes_home_while_shards_are_to_come_and_the_last_one_stays() -> None:
    pool = WorkerPool("lake", "run", [5, 4], 3)
    one, other = _Worker.made
    with ThreadPoolExecutor(3) as threads:
        first = _handed(pool, threads, "a", one)
        second = _handed(pool, threads, "b", other)
        other.finish("b")
        second.result()
        assert not other.is_home
        third = _handed(pool, threads, "c", one)
        one.finish("c")
        third.result()
        one.finish("a")
        first.result()

    assert [worker.assignment.places for worker in (one, other)] == [5, 4]
    assert not one.is_home
    pool.close()


def test_who_finds_no_shard_left_goes_home_and_leaves_its_places_to_the_others_for_good() -> None:
    pool = WorkerPool("lake", "run", [5, 4], 2)
    one, other = _Worker.made
    with ThreadPoolExecutor(2) as threads:
        first = _handed(pool, threads, "a", one)
        second = _handed(pool, threads, "b", other)
        other.finish("b")
        second.result()
        assert other.is_home
        assert one.assignment.places == 9
        # Who takes the place of a worker that dies has what that one had.
        one.die()
        while len(_Worker.made) < 3:
            threading.Event().wait(0.001)
        third = _Worker.made[2]
        third.has_begun.acquire()
        third.finish("a")
        assert first.result().shard == "a"

    assert third.assignment.places == 9
    assert pool.killed == 1
    assert pool.close() == 1
