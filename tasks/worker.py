"""What does a worker process do? It extracts the shards that it is handed, until it is sent home.

It ends at once when the process that hands out the work is gone, as if it had been killed too:
nobody would wait for what it does.
"""

import os
import signal
import threading
import traceback
import uuid
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from llms.cores import share_cores
from storage.store import Lake
from tasks.extract import extract_shard
from tasks.ingest import ShardRef
from tasks.interruption import INTERRUPTION
from tasks.key_ring import restore
from tasks.ledger_rows import add_attempts
from tasks.progress import progress_of
from tasks.runtime import close_runtime, runtime_of
from tasks.worker_link import STOP, Answer, Assignment, Counts, More

_TELL_S = 0.25
"""How often the process that hands out the work is told how far this one is."""


def serve(channel: int) -> None:
    """Take an assignment and shards from the file descriptor `channel`; ends with the process."""
    # Whoever hands out the work decides what an interrupt means, and says so by a signal of ours.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    signal.signal(STOP, lambda *_: INTERRUPTION.ask())
    _Post(Connection(channel)).work()
    # All is written: taking the interpreter apart would take longer than a hundred documents.
    os._exit(0)


class _Post:
    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._sending = threading.Lock()
        self._told = Counts()
        self._over = threading.Event()
        self._assignment: Assignment = self._receive()

    def work(self) -> None:
        mine = self._assignment
        restore(mine.keys)
        share_cores()
        try:
            runtime = runtime_of(
                mine.lake_url, mine.run_id, sharers=mine.processes, places=mine.places
            )
        except BaseException as error:
            self._send(Answer(0, error=_portable(error)))
            return
        self._budget = runtime.budget
        self._send(Answer(0, runtime.store.keeper))
        telling = threading.Thread(target=self._tell, daemon=True)
        telling.start()
        with ThreadPoolExecutor(mine.shards_at_once, thread_name_prefix="shard") as threads:
            while (order := self._receive()) is not None:
                if isinstance(order, More):
                    runtime.widen(order.places)
                else:
                    threads.submit(self._extract, *order)
        self._over.set()
        telling.join()
        left = close_runtime(mine.lake_url, mine.run_id)
        if left:
            lake = Lake(mine.lake_url)
            add_attempts(lake, lake.attempts(mine.run_id, f"unclaimed-{uuid.uuid4().hex}"), left)

    def _extract(self, number: int, ref: ShardRef) -> None:
        try:
            result = extract_shard(ref, self._assignment.lake_url, self._assignment.run_id)
            answer = Answer(number, result)
        except BaseException as error:
            answer = Answer(number, error=_portable(error))
        self._tell_now()
        self._send(answer)

    def _tell(self) -> None:
        while not self._over.wait(_TELL_S):
            self._tell_now()

    def _tell_now(self) -> None:
        progress = progress_of(self._assignment.run_id)
        now = Counts(progress.done, progress.failed, self._budget.paid_usd)
        if now != self._told:
            self._told = now
            self._send(now)

    def _send(self, message: Answer | Counts) -> None:
        try:
            with self._sending:
                self._channel.send(message)
        except OSError:
            os._exit(1)

    def _receive(self) -> Any:
        try:
            return self._channel.recv()
        except (EOFError, OSError):
            os._exit(1)


def _portable(error: BaseException) -> BaseException:
    """The error without what cannot travel; where it was raised goes along as a note."""
    error.add_note("".join(traceback.format_exception(error)))
    error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
