"""Who talks to the database? Lanes: a thread with one connection that takes work in groups."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from llms.database import Database, Session
from llms.failures import StoreError

_LARGEST_GROUP = 1000

Item = TypeVar("Item")
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Work(Generic[Item]):
    item: Item
    done: "asyncio.Future[Any] | None"


@dataclass(slots=True, eq=False)
class _Alone:
    """Work that shares its turn with nothing else."""

    work: Callable[[sa.Connection], Any]
    done: "Future[Any]"


class Lane(Generic[Item]):
    """A thread that owns a connection; whatever has queued up while it was busy is its next group.

    So hundreds of answers share a commit, and the caller's event loop never waits for a disk.

    Args:
        database: Where to connect to.
        name: Of the thread.
        handle: Does a group of items with the connection; returns one result per item, in order.
            A result that is an exception is raised where the item came from.
        is_reader: The lane needs no transactions.
        beat_s: Call `handle` with an empty group whenever this many seconds went by idly.

    Raises:
        StoreError: There is no connecting; also from every method once the database has failed.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        handle: Callable[[sa.Connection, Sequence[Item]], Sequence[Any]],
        *,
        is_reader: bool = False,
        beat_s: float | None = None,
    ) -> None:
        self._database = database
        self._handle = handle
        self._is_reader = is_reader
        self._beat_s = beat_s
        self._is_closed = False
        self._queue: queue.SimpleQueue[_Work[Item] | _Alone | None] = queue.SimpleQueue()
        connected: Future[None] = Future()
        # A daemon, so that a process that forgets `close` still ends; what was acknowledged is
        # on disk by then.
        self._thread = threading.Thread(
            target=self._work, args=(connected,), name=name, daemon=True
        )
        self._thread.start()
        connected.result()

    async def ask(self, item: Item) -> Any:
        """Have an item done; returns its result."""
        self._check_open()
        done = asyncio.get_running_loop().create_future()
        self._queue.put(_Work(item, done))
        return await done

    def tell(self, item: Item) -> None:
        """Have an item done without waiting for it; should it fail, nobody is told."""
        if not self._is_closed:
            self._queue.put(_Work(item, None))

    def call(self, work: Callable[[sa.Connection], T]) -> T:
        """Have something done with the connection after all that is queued, and wait for it."""
        self._check_open()
        done: Future[T] = Future()
        self._queue.put(_Alone(work, done))
        return done.result()

    def close(self) -> None:
        """Do what is queued and let go of the connection; calling it again does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._queue.put(None)
            self._thread.join()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError(f"the response store {self._database.name} has been closed")

    def _work(self, connected: "Future[None]") -> None:
        try:
            session = self._database.session(is_reader=self._is_reader)
        except StoreError as error:
            connected.set_exception(error)
            return
        connected.set_result(None)
        try:
            while self._take_turn(session):
                pass
        finally:
            session.close()

    def _take_turn(self, session: Session) -> bool:
        """Do the next group; false when there will be none."""
        group: list[_Work[Item]] = []
        following: _Work[Item] | _Alone | None
        try:
            following = self._queue.get(timeout=self._beat_s)
            while isinstance(following, _Work):
                group.append(following)
                if len(group) == _LARGEST_GROUP or self._queue.empty():
                    break
                following = self._queue.get()
        except queue.Empty:
            self._do(session, [])
            return True
        if group:
            _acknowledge(group, self._do(session, [work.item for work in group]))
        if isinstance(following, _Alone):
            try:
                following.done.set_result(session.run(following.work))
            except Exception as error:
                following.done.set_exception(self._database.error(error))
        return following is not None

    def _do(self, session: Session, items: Sequence[Item]) -> Sequence[Any]:
        try:
            return session.run(lambda connection: self._handle(connection, items))
        except Exception as error:  # a bug of ours, too, must not leave callers waiting for ever
            return [self._database.error(error)] * len(items)


def _acknowledge(group: Sequence[_Work[Any]], results: Sequence[Any]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for work, result in zip(group, results, strict=True):
        if work.done is not None:
            by_loop.setdefault(work.done.get_loop(), []).append((work.done, result))
    for loop, pairs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, pairs)
        except RuntimeError:  # the loop was closed meanwhile: nobody waits there
            continue


def _resolve(pairs: Sequence[tuple[asyncio.Future[Any], Any]]) -> None:
    for future, result in pairs:
        if future.done():
            continue
        if isinstance(result, Exception):
            # A copy for each: a traceback grows on the one that is raised.
            future.set_exception(type(result)(*result.args))
        else:
            future.set_result(result)
