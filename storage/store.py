"""The lake: one folder or object-store prefix, its layout, and writes that are whole or absent."""

import os
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

_THREAD_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""One lock per folder of a lake, made on first use (which the interpreter does in one step)."""


class LakeError(Exception):
    """The lake cannot be read or written as asked; the message says where and why."""


class Lake:
    """A lake at a path or fsspec URL. Every path below is relative to it and uses `/`.

    A write goes to a temporary name beside its target and is renamed (local folders), or is put
    whole (object stores): a reader sees the old file or the new one, never a part.
    """

    def __init__(self, url: str) -> None:
        """Open the lake at `url`; nothing is created before the first write."""
        self.url = url
        try:
            self.fs, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            hint = "; install docmill with the extra s3" if url.startswith("s3") else ""
            raise LakeError(f"the lake {url} cannot be opened: {error}{hint}") from None
        self.root = root.rstrip("/")
        protocol = self.fs.protocol
        self.is_local = "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def full(self, path: str) -> str:
        """The path as the file system knows it."""
        return f"{self.root}/{path}"

    def shown(self, path: str) -> str:
        """The path as a person can use it: a plain path for a local lake, else a URL."""
        if self.is_local:
            return os.path.relpath(self.full(path)) if self.url != self.root else self.full(path)
        return f"{self.url.rstrip('/')}/{path}"

    def documents(self, job: str, shard: str) -> str:
        """Where the texts of a shard lie."""
        return f"documents/{job}/{shard}.parquet"

    def unreadable(self, job: str, shard: str) -> str:
        """Where the documents lie that a batch of parsing could not read."""
        return f"documents/{job}/unreadable/{shard}.parquet"

    def records(self, job: str, document_type: str, shard: str, key: str) -> str:
        """Where the records of one type in a shard lie, under extraction key `key`."""
        return f"records/{job}/{document_type}/{shard}-{key}.parquet"

    def outcomes(self, job: str, shard: str, key: str) -> str:
        """Where the outcome of each document of a shard lies, under extraction key `key`."""
        return f"records/{job}/_outcomes/{shard}-{key}.parquet"

    def answers(self, job: str, shard: str, key: str) -> str:
        """Where the single answers about a shard lie, with their signals, under key `key`."""
        return f"records/{job}/_answers/{shard}-{key}.parquet"

    def calibrations(self, job: str, document_type: str) -> str:
        """The folder of the calibrations of a type of a job, one file each, named by their time."""
        return f"calibrations/{job}/{document_type}"

    def attempts(self, run_id: str, shard: str) -> str:
        """Where the ledger rows of a shard (or of a stage, such as `analyze`) lie."""
        return f"attempts/{run_id}/{shard}.parquet"

    def failures(self, run_id: str, shard: str) -> str:
        """Where the dead letters of a shard (or of `ingest`) lie."""
        return f"failures/{run_id}/{shard}.parquet"

    def run(self, run_id: str, name: str) -> str:
        """Where a file of a run lies: manifest.json, sources.parquet, report.html, ..."""
        return f"runs/{run_id}/{name}"

    def check_place(self, *, may_be_new: bool = False) -> None:
        """Make sure that the lake is there, or could be.

        Raises:
            LakeError: It is a file; or nothing at all, and may not be new.
        """
        if self.fs.isdir(self.root):
            return
        if self.fs.exists(self.root):
            raise LakeError(f"the lake {self.url} is a file; name a folder")
        if not may_be_new:
            raise LakeError(
                f"there is no lake {self.url}; name the folder that a run has written to with "
                f"--lake, or start a run with `docmill run PATH --out {self.url}`"
            )

    def exists(self, path: str) -> bool:
        """Whether `path` is there."""
        return bool(self.fs.exists(self.full(path)))

    def find(self, folder: str, suffix: str = "") -> list[str]:
        """The files right below `folder` (not deeper) whose name ends with `suffix`, sorted."""
        target = self.full(folder)
        self.fs.invalidate_cache(target)
        if not self.fs.isdir(target):
            return []
        found = [entry for entry in self.fs.ls(target, detail=True) if entry["type"] == "file"]
        names = sorted(str(entry["name"]).rsplit("/", 1)[-1] for entry in found)
        return [f"{folder}/{n}" for n in names if n.endswith(suffix) and not n.startswith(".")]

    def folders(self, folder: str) -> list[str]:
        """The names of the folders right below `folder`, sorted."""
        target = self.full(folder)
        self.fs.invalidate_cache(target)
        if not self.fs.isdir(target):
            return []
        found = [entry for entry in self.fs.ls(target, detail=True) if entry["type"] == "directory"]
        return sorted(str(entry["name"]).rstrip("/").rsplit("/", 1)[-1] for entry in found)

    def write_bytes(self, path: str, data: bytes) -> None:
        """Put `data` at `path`, replacing what was there in one step."""
        target = self.full(path)
        if not self.is_local:
            self.fs.pipe_file(target, data)
            return
        final = Path(target)
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LakeError(
                f"cannot make the folder {final.parent}: {error.strerror or error}; choose "
                "another lake"
            ) from error
        temporary = final.with_name(f".{final.name}.{uuid.uuid4().hex}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(final)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise LakeError(f"cannot write {final}: {error.strerror or error}") from error

    def write_table(self, path: str, table: pa.Table) -> None:
        """Put `table` at `path` as Parquet (zstd), replacing what was there in one step."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self.write_bytes(path, sink.getvalue().to_pybytes())

    def write_rows(self, path: str, rows: Sequence[dict[str, Any]], schema: pa.Schema) -> None:
        """Put `rows` at `path` as Parquet with exactly the columns of `schema`."""
        self.write_table(path, pa.Table.from_pylist(list(rows), schema=schema))

    @contextmanager
    def locked(self, folder: str) -> Iterator[None]:
        """Keep others from changing what lies in `folder` while the context is open.

        Holds between the threads of a process and, in a local lake, between processes; a kill
        frees it. Object stores have no lock: there, runs at the same time on the same documents
        must share a process.
        """
        target = self.full(folder)
        with _THREAD_LOCKS[target]:
            if not self.is_local:
                yield
                return
            # Not at the top: the module has no fcntl to offer where files are not locked so.
            import fcntl

            Path(target).mkdir(parents=True, exist_ok=True)
            with (Path(target) / ".lock").open("a") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield

    def read_bytes(self, path: str) -> bytes:
        """The content of `path`; `LakeError` when it is not there."""
        try:
            return bytes(self.fs.cat_file(self.full(path)))
        except FileNotFoundError:
            raise LakeError(f"{self.shown(path)} is not in the lake") from None

    def read_table(self, path: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The table at `path`, or some of its columns; `LakeError` when it is not there."""
        with self.open_parquet(path) as parquet:
            return parquet.read(columns=list(columns) if columns else None)

    def count_rows(self, path: str) -> int:
        """How many rows the table at `path` has; `LakeError` when it is not there."""
        with self.open_parquet(path) as parquet:
            return int(parquet.metadata.num_rows)

    @contextmanager
    def open_parquet(self, path: str) -> Iterator[pq.ParquetFile]:
        """The Parquet file at `path`, to be read in batches while the context is open.

        Raises:
            LakeError: It is not there or not readable, now or when a batch is read.
        """
        try:
            if self.is_local:
                # By its path, so that Arrow opens it itself: its threads may still hold what comes
                # from Python when the interpreter ends, and that aborts the process (exit 134).
                with pq.ParquetFile(self.full(path)) as parquet:
                    yield parquet
            else:
                with self.fs.open(self.full(path), "rb") as file:
                    yield pq.ParquetFile(file, pre_buffer=False)
        except FileNotFoundError:
            raise LakeError(f"{self.shown(path)} is not in the lake") from None
        except (pa.ArrowInvalid, OSError) as error:
            raise LakeError(f"{self.shown(path)} is not a readable Parquet file: {error}") from None
