"""What do all shards of a run share in one process? One event loop, one client, one budget."""

import asyncio
import gc
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Coroutine
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from llms.breaker import join_breakers, leave_breakers
from llms.budget import Budget
from llms.calls import Call
from llms.client import Client
from llms.failures import StoreError
from llms.limits import Limiters
from llms.providers import providers_of
from llms.responses import ResponseStore, StoredResponse
from llms.service_lanes import Lanes
from llms.shared_limits import SharedLimits
from llms.stopping import Stop
from schemas.ledger import Attempt
from schemas.manifest import Manifest, Retry, RunStatus
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.decisions import Decisions
from tasks.interruption import INTERRUPTION
from tasks.key_ring import keys
from tasks.ladder import Ladder
from tasks.lanes import cheaper_lane, documents_at_once, plan_lanes, shards_at_once
from tasks.progress import progress_of

RESPONSES_URL = "DOCMILL_RESPONSES_URL"
"""Environment variable with the SQLAlchemy URL of a response store outside the lake."""

_YOUNG_OBJECTS = 10_000
"""Objects made, less those gone, between two looks at the young ones; Python's own is 700."""

_SWITCH_S = 0.001
"""How long one thread may keep the interpreter from another. At Python's own 5 ms the writer of the
store waits for it several times per transaction, and answers wait for the writer."""

T = TypeVar("T")


class Runtime:
    """The client of a run and the event loop it lives on.

    Shards are handled by threads (Prefect's or our own); each hands its coroutine to the one loop,
    so that limits, budget, connections and requests in flight are shared by all of them.
    """

    def __init__(
        self, manifest: Manifest, lake: Lake, *, sharers: int = 1, places: int | None = None
    ) -> None:
        """Open the response store and start the loop; no request is sent yet.

        Args:
            manifest: The run.
            lake: Where it is.
            sharers: Processes that share the documents of the run.
            places: Requests that this one may have in flight; null for all that the job allows.

        Raises:
            StoreError: The response store cannot be used.
            ProviderError: A provider or its key is missing.
        """
        _collect_seldom()
        sys.setswitchinterval(_SWITCH_S)
        self.manifest = manifest
        self.lake = lake
        self._sharers = sharers
        self._places = places or manifest.job.concurrency
        self.answered_at = 0.0
        self.suspended: frozenset[str] = frozenset()
        self.store = ResponseStore(responses_url(lake))
        self.store.open_run(manifest.run_id, manifest.job.name, lake.url)
        self.budget = Budget(
            self.store,
            manifest.run_id,
            job=manifest.job.name,
            cap_usd=manifest.job.budget_usd,
            monthly_cap_usd=manifest.job.monthly_budget_usd,
        )
        self.decisions = Decisions(manifest, lake, sharers)
        # Jobs of one name in two lakes are two jobs.
        self.limiters = Limiters(shared=SharedLimits(self.store, f"{lake.url} {manifest.job.name}"))
        self.shards_at_once = threading.BoundedSemaphore(shards_at_once(manifest.job))
        self._attempts: defaultdict[str | None, list[Attempt]] = defaultdict(list)
        self._breakers = join_breakers()
        self._stop = Stop()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"docmill-{manifest.run_id}", daemon=True
        )
        self._thread.start()
        try:
            self.client, self.documents_in_flight, self.ladder = self.run(self._start())
        except BaseException:
            self._end()
            raise
        INTERRUPTION.listen(self, self._interrupt)

    async def _start(self) -> tuple[Client, asyncio.Semaphore, Ladder]:
        job = self.manifest.job
        providers = providers_of(self.manifest.resolution, os.environ, job.providers)
        plan, _ = plan_lanes(self.manifest, providers, self.store, now=time.time())
        plan = replace(plan, online=self._places)
        self._lanes = lanes = Lanes(
            plan,
            providers,
            store=self.store,
            run_id=self.manifest.run_id,
            budget=self.budget,
            tell=lambda note: self.ladder.say(note),
        )
        client = Client(
            run_id=self.manifest.run_id,
            resolution=self.manifest.resolution,
            store=self.store,
            budget=self.budget,
            limiters=self.limiters,
            providers=providers,
            env=keys(),
            lanes=lanes,
            stop=self._stop,
            breakers=self._breakers,
            is_stale=partial(_is_stale, retry) if (retry := self.manifest.retry) else None,
        )
        ladder = Ladder(
            self.budget,
            self.manifest.ingest.done,
            job.verify.share,
            sharers=self._sharers,
            cheaper=lambda left: cheaper_lane(
                self.manifest, providers, plan, left * self._sharers, now=time.time()
            ),
            shift=lanes.shift,
            tell=progress_of(self.manifest.run_id).say,
        )
        documents = documents_at_once(job, plan) * self._places
        return client, asyncio.Semaphore(-(-documents // job.concurrency)), ladder

    def widen(self, places: int) -> None:
        """Let so many more requests be in flight, and as many documents more be in work."""
        self._loop.call_soon_threadsafe(self._widen, places)

    def _widen(self, places: int) -> None:
        self._lanes.widen(places)
        for _ in range(places):
            self.documents_in_flight.release()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the shared loop and wait for it; call it from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def in_flight(self) -> AbstractContextManager[None]:
        """Where a coroutine sends requests: inside, it is broken off if the run is to end now."""
        return self._stop.in_flight()

    def send_no_more(self) -> None:
        """Have every call end that has not been sent; to be called on the shared loop."""
        self._stop.ask()

    def _interrupt(self, is_now: bool) -> None:
        """Send nothing more; if the run is to end now, break off what is in flight as well."""
        self._loop.call_soon_threadsafe(self._stop.break_off if is_now else self._stop.ask)

    def begin_shard(self, documents: int, missing: int) -> None:
        """Let the ladder know of a shard and of those of its documents to be worked on."""
        self._loop.call_soon_threadsafe(self.ladder.begin_shard, documents, missing)

    def take_attempts(self, doc_ids: Collection[str | None]) -> list[Attempt]:
        """The ledger rows of these documents that nobody has taken yet, in order of sending."""
        return self.run(self._take(doc_ids))

    def paid_usd(self, doc_id: str, stages: Collection[str] | None = None) -> float:
        """What a document whose rows nobody has taken yet has cost; called on the loop.

        Args:
            doc_id: The document.
            stages: Only in these stages, if any are named.
        """
        self._sort_attempts()
        rows = self._attempts.get(doc_id, ())
        return sum(row.usd for row in rows if stages is None or row.stage in stages)

    def _sort_attempts(self) -> None:
        for attempt in self.client.attempts:
            self._attempts[attempt.doc_id].append(attempt)
        self.client.attempts.clear()

    async def _take(self, doc_ids: Collection[str | None]) -> list[Attempt]:
        self._sort_attempts()
        taken = [row for doc_id in doc_ids for row in self._attempts.pop(doc_id, [])]
        return sorted(taken, key=lambda attempt: attempt.started_at)

    def close(self) -> list[Attempt]:
        """Stop everything; returns the ledger rows that no shard has taken."""
        INTERRUPTION.forget(self)
        left = self.take_attempts([])
        left += [row for rows in self._attempts.values() for row in rows]
        self.run(self._aclose())
        self._end()
        return left

    async def _aclose(self) -> None:
        await self.client.aclose()
        self.budget.give_back()
        manifest = read_manifest(self.lake, self.manifest.run_id)
        if manifest.status is RunStatus.DONE and manifest.outputs:
            self.store.end_run(manifest.run_id)

    def _end(self) -> None:
        leave_breakers()
        asyncio.run_coroutine_threadsafe(_end_others(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self.limiters.close()
        self.store.close()


async def _end_others() -> None:
    """End every other task of this loop, such as a claim that its call no longer waits for."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _is_stale(retry: Retry, _call: Call, stored: StoredResponse, is_usable: bool) -> bool:
    """Whether a replay asks for an answer anew that was there before it began."""
    return stored.stored_at < retry.since.timestamp() and (retry.anew or not is_usable)


def _collect_seldom() -> None:
    """Let the garbage collector run less often, for the rest of the process.

    Hardly anything here dies in cycles, and at Python's own setting a sixth of the time of
    extraction went into looking for them among everything that has been imported.
    """
    young, middle, old = gc.get_threshold()
    if young:  # zero means that somebody has switched it off
        gc.set_threshold(max(young, _YOUNG_OBJECTS), middle, old)


def responses_url(lake: Lake) -> str:
    """Where the response store of a lake is.

    `DOCMILL_RESPONSES_URL` wins. A local lake keeps it inside; SQLite cannot live in an object
    store, so a remote lake has it in the user's state folder, one per lake.
    """
    declared = os.environ.get(RESPONSES_URL)
    if declared:
        return declared
    if lake.is_local:
        folder = Path(lake.root).absolute()
    else:
        state = Path(os.environ.get("XDG_STATE_HOME", "~/.local/state")).expanduser()
        folder = state / "docmill" / lake.url.replace("://", "-").replace("/", "-")
    return f"sqlite:///{folder / 'responses.db'}"


def check_store(lake: Lake) -> None:
    """Open the response store of a lake and close it again, before hours of ingest lie behind it.

    Raises:
        StoreError: It cannot be used.
    """
    try:
        ResponseStore(responses_url(lake)).close()
    except StoreError as error:
        where = f"{RESPONSES_URL}: " if os.environ.get(RESPONSES_URL) else ""
        raise StoreError(f"{where}{error}") from None


_runtimes: dict[tuple[str, str], Runtime] = {}
_lock = threading.Lock()


def runtime_of(
    lake_url: str, run_id: str, *, sharers: int = 1, places: int | None = None
) -> Runtime:
    """The runtime of a run in this process, started on first use from the run's manifest.

    `sharers` and `places` are for who uses it first, see `Runtime`.
    """
    with _lock:
        key = (lake_url, run_id)
        if key not in _runtimes:
            lake = Lake(lake_url)
            _runtimes[key] = Runtime(
                read_manifest(lake, run_id), lake, sharers=sharers, places=places
            )
        return _runtimes[key]


def close_runtime(lake_url: str, run_id: str) -> list[Attempt]:
    """Stop the runtime of a run in this process; returns the ledger rows that nobody has taken."""
    with _lock:
        runtime = _runtimes.pop((lake_url, run_id), None)
    return runtime.close() if runtime is not None else []
