"""What has been answered and paid for already? The store that every process of every run shares."""

import asyncio
import shutil
import time
import uuid
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import sqlalchemy as sa

from llms import claims, holds, keepers, spend
from llms.claims import Claim
from llms.database import Database
from llms.failures import StoreError
from llms.lanes import Lane
from llms.response_reads import open_reads
from llms.response_tables import (
    RESPONSES,
    RUNS,
    TOUCH,
    VERSION,
    StoredResponse,
    from_row,
    insert_new,
    to_row,
    upsert,
)
from llms.response_versions import make_tables
from llms.spend import Booking, Draw, Grant

__all__ = ["ResponseStore", "StoredResponse"]

DEAD_AFTER_S = 60.0
"""A process that was not seen for so long is taken to be dead; it shows itself six times as often.
"""

LEAST_FREE_BYTES = 32 * 2**20
"""Free disk space under which nothing is sent: the answers in flight must still find room."""

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_DISK_LOOK_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Write:
    """One piece of work for the writer; the parts are done in this order."""

    put: StoredResponse | None = None
    charge: Booking | None = None
    release: str | None = None
    claim: str | None = None
    draw: Draw | None = None


class ResponseStore:
    """Answers by request, and the book of what every run spends; durable once a write has returned.

    Shared by all threads and event loops of a process, and through its database by several
    processes and machines. One thread writes: whatever has queued up while it committed the last
    group becomes the next one, so that hundreds of answers share a commit. Reads of SQLite are
    look-ups of some tens of microseconds and happen where they are asked for; those of PostgreSQL
    go in groups as well.

    Args:
        url: `sqlite:////absolute/responses.db`, `sqlite:///relative.db` (the folder is made) or
            `postgresql://user:password@host/database`.
        now: Seconds since the epoch, for the time columns of SQLite.
        dead_after_s: How long a process is taken to be alive after it was last seen.

    Raises:
        StoreError: The store cannot be opened, read or written; here or in any method.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], float] = time.time,
        dead_after_s: float = DEAD_AFTER_S,
    ) -> None:
        self.database = Database(url, now=now)
        self.name = self.database.name
        self.keeper = uuid.uuid4().hex
        self._dead_after_s = dead_after_s
        self._beat_s = DEAD_AFTER_S / 6
        self._is_shown = False
        self._next_beat = 0.0
        self._next_disk_look = 0.0
        self._used: deque[str] = deque()
        self._is_closed = False
        self._make_folder()
        self._writer = Lane(self.database, "responses", self._write, beat_s=self._beat_s)
        try:
            self._open()
            self._reads = open_reads(self.database)
        except BaseException:
            self._writer.close()
            raise

    async def get(self, key: str) -> StoredResponse | None:
        """The answer to the request `key`, if it has been paid for."""
        row = await self._reads.ask(key)
        if row is None:
            return None
        try:
            found = from_row(row)
        except (zlib.error, ValueError, TypeError, KeyError):
            raise StoreError(
                f"an answer in the response store {self.name} is damaged (key {key}); restore the "
                "store or move it away: its answers are asked again"
            ) from None
        self._used.append(key)
        return found

    async def forget(self, response: StoredResponse) -> None:
        """Take an answer out again, so that its request can be asked anew."""
        gone = sa.delete(RESPONSES).where(
            RESPONSES.c.key == response.key, RESPONSES.c.stored_at == response.stored_at
        )
        await asyncio.to_thread(self.change, lambda connection, now: connection.execute(gone))

    async def claim(self, key: str) -> StoredResponse | None:
        """Announce that a request is about to be paid for; waits while another process does.

        Returns:
            None: the request is to be sent, and `put`, `settle` or `release` must follow. Or the
            answer, when it has come in meanwhile.
        """
        pause = _FIRST_PAUSE_S
        while True:
            outcome = await self._claim(key)
            if outcome is Claim.MINE:
                return None
            if outcome is Claim.ANSWERED and (found := await self.get(key)) is not None:
                return found
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)

    async def _claim(self, key: str) -> Claim:
        asked = asyncio.ensure_future(self._writer.ask(_Write(claim=key)))
        try:
            outcome: Claim = await asyncio.shield(asked)
        except asyncio.CancelledError:
            # The claim is under way: nobody would give it back but us.
            asked.add_done_callback(lambda done: self._give_back(key, done))
            raise
        return outcome

    def _give_back(self, key: str, claimed: "asyncio.Future[Claim]") -> None:
        is_claimed = not claimed.cancelled() and claimed.exception() is None
        if is_claimed and claimed.result() is Claim.MINE:
            self.release(key)

    def release(self, key: str) -> None:
        """Give a claim back whose request was not sent."""
        self._writer.tell(_Write(release=key))

    def bury(self, keeper: str) -> None:
        """Let others have what a process had claimed that is known to be dead.

        What it may have spent stays booked as spent.
        """
        self.change(lambda connection, now: claims.leave(connection, keeper))

    async def put(
        self,
        response: StoredResponse,
        *,
        charge: Booking | None = None,
        is_claimed: bool | None = None,
    ) -> None:
        """Store an answer; book its charge and give its claim back in the same transaction.

        Without a word on it, an answer is taken to be claimed if there is a charge.

        An answer to the same request that another process stored meanwhile stays.
        """
        claimed = charge is not None if is_claimed is None else is_claimed
        release = response.key if claimed else None
        await self._writer.ask(_Write(put=response, charge=charge, release=release))

    async def settle(self, charge: Booking, *, key: str | None = None) -> None:
        """Book what a call has cost that brought no answer, and give the claim of `key` back."""
        await self._writer.ask(_Write(charge=charge, release=key))

    def settle_later(self, charge: Booking | None, *, key: str | None = None) -> None:
        """Like `settle`, without waiting: until it is done, the book knows the worst case."""
        self._writer.tell(_Write(charge=charge, release=key))

    async def draw(self, draw: Draw) -> Grant:
        """Take money out of the accounts of a lease."""
        grant: Grant = await self._writer.ask(_Write(draw=draw))
        return grant

    def taken(self, account: str) -> int:
        """What of an account is spent or in the hands of a process, in units of `llms.spend`."""
        # By the writer, so that what this process has told it before counts.
        return self.change(lambda connection, now: spend.taken(connection, account))

    def spent(self, run_id: str) -> float:
        """What a run has spent in US dollars, with the worst case of calls nobody settled."""
        return spend.in_usd(self.taken(spend.run_account(run_id)))

    def held(self, run_id: str) -> float:
        """What of that is held for requests in a batch, whose answers have not come."""
        account = spend.run_account(run_id)
        found = self.read(lambda connection: holds.held(connection, account))
        return spend.in_usd(sum(hold.units for hold in found.values()))

    def open_run(self, run_id: str, job: str, lake: str) -> None:
        """Note that a run uses the store: until it has ended, no answer of its time is pruned."""

        def note(connection: sa.Connection, now: float) -> None:
            row = {"run_id": run_id, "job": job, "lake": lake, "started_at": now, "ended_at": None}
            statement = upsert(RUNS, self.database.backend, "job", "lake", "ended_at")
            connection.execute(statement, row)

        self.change(note)

    def end_run(self, run_id: str) -> None:
        """Note that a run is done and will not go on."""
        ended = sa.update(RUNS).where(RUNS.c.run_id == run_id)
        self.change(lambda connection, now: connection.execute(ended.values(ended_at=now)))

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keep the other users of the store, threads and processes, out of what `name` stands for.

        A process that is killed inside loses the lock, at the latest once it has not been seen for
        a minute.
        """
        key = f"lock {name}"
        pause = _FIRST_PAUSE_S
        while self.change(lambda *at: self._lock(key, *at)) is not Claim.MINE:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE_S)
        try:
            yield
        finally:
            self.change(lambda connection, now: claims.release(connection, [key], self.keeper))

    def read(self, look: Callable[[sa.Connection], T]) -> T:
        """Look something up, and wait for it."""
        return self._reads.call(look)

    def change(self, change: Callable[[sa.Connection, float], T]) -> T:
        """Change something in a transaction of its own, given the time, and wait for it."""

        def work(connection: sa.Connection) -> T:
            with self.database.writing(connection) as now:
                return change(connection, now)

        return self._writer.call(work)

    def alone(self, work: Callable[[sa.Connection], T]) -> T:
        """Do something that no transaction may surround, after all that is queued."""
        return self._writer.call(work)

    def close(self) -> None:
        """Write what is queued and let go of the database; calling it again does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.change(self._say_good_bye)
        except StoreError:
            pass  # all that was acknowledged is there, and others see by the clock that we are gone
        finally:
            self._writer.close()
            self._reads.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, connection: sa.Connection, writes: Sequence[_Write]) -> Sequence[Any]:
        """Do a group of writes in one transaction."""
        is_paying = any(write.claim or write.draw for write in writes)
        if not writes and not self._is_shown and not self._used:
            return []
        # Packed here, beside the event loop and before the database is locked.
        rows = [to_row(write.put, 0.0) for write in writes if write.put is not None]
        released = [write.release for write in writes if write.release is not None]
        charges = [write.charge for write in writes if write.charge is not None]
        claimed = [write.claim for write in writes if write.claim is not None]
        draws = [write.draw for write in writes if write.draw is not None]
        full = self._is_disk_full() if claimed else None
        # A claim that a power cut undoes is a claim of a process that is gone.
        is_durable = bool(rows or charges or draws)
        with self.database.writing(connection, is_durable=is_durable) as now:
            self._beat(connection, now, is_paying=is_paying)
            if rows:
                statement = insert_new(RESPONSES, self.database.backend)
                connection.execute(statement, [{**row, "stored_at": now} for row in rows])
            if released:
                claims.release(connection, released, self.keeper)
            taken: Iterator[Any] = iter(())
            if claimed:
                taken = iter(
                    [full] * len(claimed) if full else self._take(connection, claimed, now)
                )
            grants: Iterator[Grant] = iter(())
            if charges or draws:
                granted = spend.apply(
                    connection, charges, draws, now=now, dead_after_s=self._dead_after_s
                )
                grants = iter(granted)
        return [
            next(taken) if write.claim else next(grants) if write.draw else None for write in writes
        ]

    def _lock(self, key: str, connection: sa.Connection, now: float) -> Claim:
        self._beat(connection, now, is_paying=True)
        return self._take(connection, [key], now)[0]

    def _take(self, connection: sa.Connection, keys: Sequence[str], now: float) -> list[Claim]:
        return claims.take(connection, keys, self.keeper, now=now, dead_after_s=self._dead_after_s)

    def _beat(self, connection: sa.Connection, now: float, *, is_paying: bool) -> None:
        """Show that this process is alive, once it pays, and write down what was used."""
        is_first = is_paying and not self._is_shown
        if not is_first and now < self._next_beat:
            return
        self._next_beat = now + self._beat_s
        self._note_uses(connection, now)
        if is_paying or self._is_shown:
            self._is_shown = True
            keepers.show_life(connection, self.keeper, now)

    def _note_uses(self, connection: sa.Connection, now: float) -> None:
        used: Counter[str] = Counter()
        while self._used:
            used[self._used.popleft()] += 1
        if used:
            rows = [{"touched": key, "at": now, "times": used[key]} for key in sorted(used)]
            connection.execute(TOUCH, rows)

    def _say_good_bye(self, connection: sa.Connection, now: float) -> None:
        self._note_uses(connection, now)
        if self._is_shown:
            claims.leave(connection, self.keeper)
            spend.leave(connection, self.keeper)

    def _is_disk_full(self) -> StoreError | None:
        """Why nothing may be claimed: the disk of a SQLite file is nearly full."""
        folder, now = self.database.folder, time.monotonic()
        if folder is None or now < self._next_disk_look:
            return None
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE_BYTES:
            return StoreError(
                f"the response store {self.name} is nearly full: its disk has {free / 2**20:.0f} "
                f"MiB left, and nothing is sent below {LEAST_FREE_BYTES / 2**20:.0f}; free space "
                "and resume the run"
            )
        self._next_disk_look = now + _DISK_LOOK_S
        return None

    def _make_folder(self) -> None:
        folder = self.database.folder
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError(
                    f"the folder of the response store {self.name} cannot be made: "
                    f"{error.strerror}; choose another lake"
                ) from None

    def _open(self) -> None:
        unknown = self.change(make_tables)
        if unknown is not None:
            raise StoreError(
                f"the response store {self.name} has version {unknown} and this docmill reads "
                f"versions up to {VERSION}; choose another lake or a newer docmill"
            )
        self.change(claims.sweep)
