"""What did a run find? A log that is kept on disk while it grows and becomes two tables."""

import json
import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.manifest import Books
from schemas.tables import FAILURES, SOURCES
from storage.store import Lake, LakeError
from tasks.discovery import Found
from tasks.known import DocumentIndex, doc_id_of

PARSED, KNOWN, DUPLICATE, FAILED = "parsed", "known", "duplicate", "failed"

_BATCH_ROWS = 10_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FoundLog:
    """Everything that a run has found, in order; a context manager.

    A line per document goes to a temporary file. Only at the end, when it is known what became of
    each, are the tables written, batch by batch: memory does not grow with the log.
    """

    def __init__(self) -> None:
        """Open the log."""
        # Without a name on disk: nothing is left behind even by a process that is killed.
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(
        self, found: Found, status: str, row: int | None = None, sha256: str | None = None
    ) -> None:
        """Log a document.

        Args:
            found: What was found.
            status: PARSED, KNOWN, DUPLICATE or FAILED as it stands now; a document of which
                parsing fails later, or is known to fail, is recognised by its row.
            row: Its row in the index; null where its bytes could not be had.
            sha256: Of its bytes.
        """
        when = found.modified_at
        problem = found.problem
        line = [
            found.uri,
            status,
            row,
            doc_id_of(sha256) if sha256 else None,
            found.size,
            (when - _EPOCH) // _MICROSECOND if when else None,
            [problem.reason.value, str(problem)] if problem else None,
        ]
        self._file.write(json.dumps(line) + "\n")

    def write(
        self, index: DocumentIndex, lake: Lake, run_id: str, *, is_part: bool = False
    ) -> Books:
        """Write the run's sources and dead letters, and count them.

        With `is_part`, what the run has found before and is not in this log stays as it was.
        """
        inputs = done = 0
        failed: Counter[str] = Counter()
        skipped: Counter[str] = Counter()
        with _Table(SOURCES) as sources, _Table(FAILURES) as failures:
            if is_part:
                mine = {line[0] for line in self._lines()}
                for row in _rows(lake, lake.run(run_id, "sources.parquet"), mine):
                    inputs += 1
                    done += row["status"] in (PARSED, KNOWN)
                    if row["status"] in (FAILED, DUPLICATE):
                        (failed if row["status"] == FAILED else skipped)[row["reason"]] += 1
                    sources.add(row)
                for row in _rows(lake, lake.failures(run_id, "ingest"), mine):
                    failures.add(row)
            for uri, status, row, doc_id, size, when, problem in self._lines():
                inputs += 1
                shard = index.shard_of(row) if row is not None else None
                known_problem = index.problem_of(row) if row is not None else None
                reason = None
                if status == DUPLICATE:
                    reason = DUPLICATE
                    skipped[DUPLICATE] += 1
                elif problem or known_problem:
                    status = FAILED
                    if known_problem:
                        problem = [known_problem.reason.value, str(known_problem)]
                    reason = problem[0]
                    failed[reason] += 1
                    failures.add(_dead_letter(doc_id, uri, problem))
                else:
                    done += 1
                sources.add(
                    {
                        "uri": uri,
                        "doc_id": doc_id,
                        "status": status,
                        "reason": reason,
                        "shard": shard,
                        "bytes": size,
                        "modified_at": None if when is None else _EPOCH + when * _MICROSECOND,
                    }
                )
            failures.put(lake, lake.failures(run_id, "ingest"))
            sources.put(lake, lake.run(run_id, "sources.parquet"))
        return Books(
            inputs=inputs,
            done=done,
            failed=dict(sorted(failed.items())),
            skipped=dict(sorted(skipped.items())),
        )

    def _lines(self) -> Iterator[list[Any]]:
        self._file.seek(0)
        for line in self._file:
            yield json.loads(line)


def _rows(lake: Lake, path: str, but: Collection[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table of the run, but those of some paths."""
    for row in lake.read_table(path).to_pylist():
        if row["uri"] not in but:
            yield row


def _dead_letter(doc_id: str | None, uri: str, problem: list[str]) -> dict[str, Any]:
    return {
        "doc_id": doc_id,
        "uri": uri,
        "stage": "ingest",
        "class": problem[0],
        "message": problem[1],
        "attempts": 0,
        "usd": 0.0,
        "raw_answer": None,
    }


class _Table:
    """A Parquet file that takes rows one by one, on disk and not in memory; a context manager."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._writer.close()
        self._file.close()

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _BATCH_ROWS:
            self._flush()

    def put(self, lake: Lake, path: str) -> None:
        """Finish the table and put it into the lake, whole or not at all."""
        self._flush()
        self._writer.close()
        self._file.seek(0)
        target = lake.full(path)
        if not lake.is_local:
            with lake.fs.open(target, "wb") as file:
                shutil.copyfileobj(self._file, file)
            return
        final = Path(target)
        temporary = final.with_name(f".{final.name}.{uuid.uuid4().hex}.tmp")
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                shutil.copyfileobj(self._file, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise LakeError(f"cannot write {final}: {error.strerror or error}") from error

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []
