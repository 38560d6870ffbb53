"""What does a run read? Discovery, parsing and sharding; every document is accounted for."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.job import Job
from schemas.manifest import Books
from schemas.tables import DOCUMENTS
from storage.store import Lake
from tasks.discovery import Found, discover
from tasks.found import DUPLICATE, FAILED, KNOWN, PARSED, FoundLog
from tasks.known import UNREADABLE, DocumentIndex, conditions, doc_id_of, shard_name
from tasks.parse_errors import Unreadable
from tasks.parsing import Parsed, estimate_tokens
from tasks.sandbox import ParserPool

_New = tuple[Found, int, str]
"""A document to be parsed, without its bytes: what was found, its row in the index, its SHA-256."""

_SHARD_CHARS = 32 << 20
"""A shard of long texts is closed before it has all its rows, to bound the memory it takes."""
_UNREADABLE_ROWS = 1000


@dataclass(frozen=True)
class ShardRef:
    """A shard that holds documents of a run.

    Attributes:
        shard: Its name.
        documents: Where its texts lie in the lake.
        doc_ids: The documents that belong to the run, in the order of the shard; null: all.
        again: Those of them whose dead letters are replayed.
    """

    shard: str
    documents: str
    doc_ids: tuple[str, ...] | None
    again: tuple[str, ...] = ()


@dataclass(frozen=True)
class IngestResult:
    """What a run has to work on.

    Attributes:
        books: Every document that was found, and where it went.
        shards: The shards, by name; together they hold each readable document once.
        sources: Where the list of what was found lies in the lake.
    """

    books: Books
    shards: tuple[ShardRef, ...]
    sources: str


def ingest(
    job: Job,
    lake: Lake,
    run_id: str,
    *,
    now: Callable[[], datetime],
    progress: Callable[[int], None] | None = None,
    stored: Callable[[int], None] | None = None,
    again: Mapping[str, str | None] | None = None,
) -> IngestResult:
    """Find the documents of a job, parse those that the lake does not hold yet, and shard them.

    Writes the shards, `sources.parquet` of the run, and the dead letters of ingest. What is in the
    lake with the same bytes and the same parser version is neither parsed nor written again; a run
    that was killed goes on where its last whole shard ended.

    Args:
        job: What to read, and with which limits.
        lake: Where everything goes.
        run_id: The run that the list of sources and the dead letters belong to.
        now: The time that parsed documents are stamped with.
        progress: Told how many more documents are finished, whatever became of them.
        stored: Told how many documents a new shard holds, once it is in the lake.
        again: Read nothing but these, of which the run could not read anything before: their id,
            where their bytes could be had, by their path. What else the run has found stays, and
            only shards with documents of these are returned.

    Raises:
        SourceError: the source is missing or empty.
        SandboxError: no parser process can be started.
        LakeError: the lake cannot be read or written.
    """
    told = progress or _tell_nobody, stored or _tell_nobody
    return _Ingest(job, lake, run_id, now, *told, again).run()


def _tell_nobody(_count: int) -> None:
    pass


class _Ingest:
    def __init__(
        self,
        job: Job,
        lake: Lake,
        run_id: str,
        now: Callable[[], datetime],
        progress: Callable[[int], None],
        stored: Callable[[int], None],
        again: Mapping[str, str | None] | None,
    ) -> None:
        self._again = again
        self._job, self._lake, self._run_id = job, lake, run_id
        self._now, self._progress, self._stored = now, progress, stored
        tried = frozenset(filter(None, again.values())) if again else frozenset[str]()
        self._index = DocumentIndex.of_lake(lake, job, but=tried)
        self._shard: list[dict[str, Any]] = []
        self._shard_rows: list[int] = []
        self._shard_chars = 0
        self._unreadable: list[dict[str, Any]] = []

    def run(self) -> IngestResult:
        with FoundLog() as log:
            with ParserPool(self._job.parsing) as pool:
                for (found, row, sha256), outcome in pool.parse(self._new_documents(log)):
                    if isinstance(outcome, Parsed):
                        self._keep(found, row, sha256, outcome)
                    else:
                        self._give_up(found, row, sha256, outcome)
                    self._progress(1)
                self._close_shard()
                self._write_unreadable()
            is_part = self._again is not None
            books = log.write(self._index, self._lake, self._run_id, is_part=is_part)
        sources = self._lake.run(self._run_id, "sources.parquet")
        return IngestResult(books, tuple(self._shard_refs()), sources)

    def _new_documents(self, log: FoundLog) -> Iterator[tuple[_New, str, bytes]]:
        """Walk the source; log what is found and hand on what must be parsed."""
        leave_out = self._lake.root if self._lake.is_local else None
        found_all = discover(self._job.source, leave_out=leave_out)
        for number, found in enumerate(found_all, start=1):
            if self._again is not None and found.uri not in self._again:
                continue
            if found.data is None:
                log.add(found, FAILED)
                self._progress(1)
            else:
                sha256 = hashlib.sha256(found.data).hexdigest()
                seen = self._index.meet(sha256)
                if not seen.is_first:
                    log.add(found, DUPLICATE, seen.row, sha256)
                    self._progress(1)
                elif seen.is_new:
                    log.add(found, PARSED, seen.row, sha256)
                    light = Found(found.uri, None, found.size, found.modified_at)
                    yield (light, seen.row, sha256), found.name, found.data
                else:
                    log.add(found, KNOWN, seen.row, sha256)
                    self._progress(1)
            if number == self._job.source.limit and self._again is None:
                return

    def _keep(self, found: Found, row: int, sha256: str, parsed: Parsed) -> None:
        chars = len(parsed.text)
        if self._shard and self._shard_chars + chars > _SHARD_CHARS:
            self._close_shard()
        self._shard.append(
            {
                "doc_id": doc_id_of(sha256),
                "uri": found.uri,
                "sha256": sha256,
                "media_type": parsed.media_type,
                "bytes": found.size,
                "pages": parsed.pages,
                "text": parsed.text,
                "tokens": estimate_tokens(parsed.text),
                "parser": parsed.parser,
                "modified_at": found.modified_at,
                "ingested_at": self._now(),
            }
        )
        self._shard_rows.append(row)
        self._shard_chars += chars
        if len(self._shard) >= self._job.shard_size:
            self._close_shard()

    def _close_shard(self) -> None:
        if not self._shard:
            return
        name = shard_name([(line["doc_id"], line["parser"]) for line in self._shard])
        path = self._lake.documents(self._job.name, name)
        self._lake.write_rows(path, self._shard, DOCUMENTS)
        self._index.store(self._shard_rows, name, path)
        self._stored(len(self._shard))
        self._shard, self._shard_rows, self._shard_chars = [], [], 0

    def _give_up(self, found: Found, row: int, sha256: str, problem: Unreadable) -> None:
        self._index.fail(row, problem)
        self._unreadable.append(
            {
                "doc_id": doc_id_of(sha256),
                "sha256": sha256,
                "uri": found.uri,
                "parser": conditions(problem.reason, self._job.parsing),
                "class": problem.reason.value,
                "message": str(problem),
            }
        )
        if len(self._unreadable) >= _UNREADABLE_ROWS:
            self._write_unreadable()

    def _write_unreadable(self) -> None:
        """Remember what could not be read, so that the next run need not try again."""
        if self._unreadable:
            name = shard_name([(line["doc_id"], line["parser"]) for line in self._unreadable])
            path = self._lake.unreadable(self._job.name, name)
            self._lake.write_rows(path, self._unreadable, UNREADABLE)
            self._unreadable = []

    def _shard_refs(self) -> Iterator[ShardRef]:
        met = self._index.met_by_shard()
        for number in sorted(met, key=lambda number: self._index.shards[number]):
            path = self._index.shard_paths[number]
            table = self._lake.read_table(path, ["sha256", "doc_id"])
            doc_ids = None
            if table.num_rows != met[number]:
                doc_ids = tuple(
                    row["doc_id"]
                    for row in table.to_pylist()
                    if self._index.has_met(row["sha256"], number)
                )
            yield ShardRef(self._index.shards[number], path, doc_ids)
