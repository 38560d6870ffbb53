"""How does one talk to a worker process? Orders and places go there, counts and answers return."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

from llms.child_processes import start_child
from schemas.manifest import ShardResult
from tasks.ingest import ShardRef
from tasks.interruption import INTERRUPTION
from tasks.progress import progress_of

STOP = signal.SIGUSR1
"""What tells a worker to stop: once to send no more, once more to break off what is in flight."""


class WorkerError(Exception):
    """Worker processes cannot be started or keep dying; the message says over what."""


class GoneError(Exception):
    """A worker has died, or has been sent home."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The first message to a worker: which run, and what it may use of it.

    Attributes:
        lake_url: Where the run is.
        run_id: The run.
        processes: How many workers share the run.
        places: Requests that this one may have in flight.
        shards_at_once: Shards that are handed to this worker at a time.
        keys: Keys that stand in no environment variable; this pipe is the only way they take.
    """

    lake_url: str
    run_id: str
    processes: int
    places: int
    shards_at_once: int
    keys: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a worker is, and what it has spent, in all shards since its start."""

    done: int = 0
    failed: int = 0
    usd: float = 0.0


@dataclass(frozen=True, slots=True)
class More:
    """Requests that a worker may have in flight beyond its share: others have gone home."""

    places: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a shard, or of the assignment, whose number is 0 and whose result a name."""

    number: int
    result: Any = None
    error: BaseException | None = None


class Recruit:
    """A process that imports what a worker needs, and waits to be told of which run."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = _started(theirs.fileno())
        self.channel = Connection(ours.detach())

    def dismiss(self) -> None:
        """Send it away; returns when it is gone."""
        self.channel.close()
        self.process.kill()  # it has begun nothing
        self.process.wait()


class Worker:
    """One process, and the thread that listens to it.

    Attributes:
        assignment: What it works on, with the places that it has by now.
        keeper: Its name in the response store, once it has told it.
        told: How far it is.
        at_last_answer: How far it was when it answered last.
        busy: Shards that it has been handed and has not answered; its pool counts them.
    """

    def __init__(self, assignment: Assignment, recruit: Recruit | None = None) -> None:
        self.assignment = assignment
        self.keeper: str | None = None
        self.told = self.at_last_answer = Counts()
        self._run_id = assignment.run_id
        self._lock = threading.Lock()
        self._asked: dict[int, Future[Any]] = {0: Future()}
        self._number = 0
        self.busy = 0
        self._is_gone = self._is_leaving = False
        self._is_told = False
        recruit = recruit or Recruit()
        self.process, self._channel = recruit.process, recruit.channel
        self._thread = threading.Thread(
            target=self._listen, name=f"docmill-worker-{self.process.pid}", daemon=True
        )
        self._thread.start()
        with contextlib.suppress(OSError):
            self._channel.send(assignment)

    @property
    def is_gone(self) -> bool:
        """Whether no more shards can be handed to it."""
        return self._is_gone or self._is_leaving

    def extract(self, ref: ShardRef) -> ShardResult:
        """Have a shard extracted; raises what the worker raised, or `GoneError`."""
        self.keeper = self._asked[0].result()
        if INTERRUPTION.is_asked:
            self.stop(is_now=False)
        future: Future[ShardResult] = Future()
        with self._lock:
            if self.is_gone:
                raise GoneError
            self._number += 1
            self._asked[self._number] = future
            try:
                self._channel.send((self._number, ref))
            except OSError:
                raise GoneError from None
        return future.result()

    def stop(self, *, is_now: bool) -> None:
        """Have it send nothing more, or break off what is in flight; takes no lock."""
        is_listening = self._asked[0].done() and not self._is_gone
        if is_listening and (is_now or not self._is_told):
            self._is_told = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, STOP)

    def may_have(self, more: More) -> None:
        """Let it have more requests in flight, and whoever takes its place."""
        places = self.assignment.places + more.places
        self.assignment = replace(self.assignment, places=places)
        with contextlib.suppress(OSError), self._lock:
            self._channel.send(more)

    def send_home(self) -> None:
        """Have it end what it has begun and close its books; no more shards are handed to it."""
        with contextlib.suppress(OSError), self._lock:
            if not self.is_gone:
                self._is_leaving = True
                self._channel.send(None)

    def wait(self) -> None:
        """Wait until its process is gone."""
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
                future.set_exception(GoneError())
        self._channel.close()


def _started(channel: int) -> "subprocess.Popen[bytes]":
    try:
        return start_child("tasks.worker", channel=channel)
    except OSError as error:
        raise WorkerError(
            f"no worker process can be started: {error.strerror}; set `processes: 1` in the job"
        ) from None
