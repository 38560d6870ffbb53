"""Which rows belong to a run: its sources, outcomes, dead letters and records as SQL tables.

Tables: `documents` (one row per document that was read: doc_id, uri, media_type, bytes, pages,
tokens, document_type, status, ...), `sources` (one row per document that was found, duplicates and
unreadable ones with it), `outcomes`, `failures`, and one table per document type with the columns
of its records except the evidence. Texts and raw answers stay on disk.
"""

# ruff: noqa: S608 - names are quoted and texts are literals; the database is locked besides

from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa

from schemas.fields import DocumentType
from schemas.job import Job
from schemas.manifest import Manifest, ShardResult
from schemas.tables import DOCUMENTS, FAILURES, OUTCOMES, SOURCES, records_schema
from storage.store import Lake, LakeError
from tasks.jobs import document_types
from tasks.record_sql import RecordSql, RecordSqlError, quoted

RESERVED = frozenset({"documents", "failures", "outcomes", "sources", "batch"})

_BATCH_ROWS = 20_000
"""Rows that are gathered from the files of several shards before they are handed to DuckDB."""

_DOCUMENT_COLUMNS = [n for n in DOCUMENTS.names if n not in ("uri", "text", "ingested_at")]
_OUTCOME_COLUMNS = [name for name in OUTCOMES.names if name not in ("raw_answer", "uri")]
_FAILURE_COLUMNS = [name for name in FAILURES.names if name != "raw_answer"]


def table_name(document_type: str) -> str:
    """The SQL table of a type: its name, with `_records` behind one that docmill uses itself."""
    return f"{document_type}_records" if document_type.lower() in RESERVED else document_type


def open_records(
    manifest: Manifest, lake: Lake, *, on_missing: Callable[[str], None] | None = None
) -> RecordSql:
    """Load the tables of a run and lock them.

    Shards are read one after another, in the order of their names. A file that is missing or broken
    raises `LakeError`, or is left out and told to `on_missing` in one sentence.
    """
    limits = manifest.job.analysis
    sql = RecordSql(memory_mb=limits.memory_mb, timeout_s=limits.timeout_s)
    try:
        _Loader(sql, manifest.job, lake, on_missing).load(
            sorted(manifest.shards, key=lambda s: s.shard),
            [lake.run(manifest.run_id, "sources.parquet")],
            lake.find(f"failures/{manifest.run_id}", ".parquet"),
        )
        sql.lock()
    except BaseException:
        sql.close()
        raise
    return sql


def empty_records(job: Job) -> RecordSql:
    """The tables that a run of a job will have, without a row; locked, so SQL can be tried on them.

    Raises:
        RecordSqlError: A document type makes no table.
    """
    sql = RecordSql(memory_mb=job.analysis.memory_mb, timeout_s=job.analysis.timeout_s)
    try:
        _Loader(sql, job, None, None).load((), (), ())
        sql.lock()
    except BaseException:
        sql.close()
        raise
    return sql


class _Loader:
    """Fills the tables of one run; without a lake there are no files to read."""

    def __init__(
        self,
        sql: RecordSql,
        job: Job,
        lake: Lake | None,
        on_missing: Callable[[str], None] | None,
    ) -> None:
        self.sql = sql
        self.job = job
        self.lake = lake
        self.on_missing = on_missing

    def load(
        self, shards: Sequence[ShardResult], sources: Sequence[str], failures: Sequence[str]
    ) -> None:
        self._create("sources", SOURCES.names, SOURCES)
        self._insert("sources", self._tables(sources, SOURCES))
        # A document counts once, under the first of its names, however often it was found.
        self.sql.fill(
            "CREATE TABLE members AS SELECT doc_id, min(uri) AS uri, min(shard) AS shard "
            "FROM sources WHERE status IN ('parsed', 'known') GROUP BY doc_id ORDER BY doc_id"
        )
        self._create("texts", _DOCUMENT_COLUMNS, DOCUMENTS)
        files = [s.documents for s in shards]
        self._insert("texts", self._tables(files, DOCUMENTS, _DOCUMENT_COLUMNS), once=True)
        self._create("answered", _OUTCOME_COLUMNS, OUTCOMES)
        files = [s.outcomes for s in shards]
        self._insert("answered", self._tables(files, OUTCOMES, _OUTCOME_COLUMNS), once=True)
        self._create("failures", _FAILURE_COLUMNS, FAILURES)
        self._insert("failures", self._tables(failures, FAILURES, _FAILURE_COLUMNS))
        self._join()
        for document_type in document_types(self.job):
            paths = [
                s.records[document_type.name] for s in shards if document_type.name in s.records
            ]
            self._load_records(document_type, paths)
        self.sql.fill("DROP TABLE members")

    def _join(self) -> None:
        """Give documents and outcomes the name the document has in this run."""
        self.sql.fill(
            "CREATE TABLE outcomes AS SELECT doc_id, m.uri, a.* EXCLUDE (doc_id) "
            "FROM answered a JOIN members m USING (doc_id) ORDER BY m.uri, doc_id"
        )
        self.sql.fill(
            "CREATE TABLE documents AS SELECT doc_id, m.uri, t.* EXCLUDE (doc_id), "
            "a.document_type, coalesce(a.status, 'left') AS status, m.shard "
            "FROM members m LEFT JOIN texts t USING (doc_id) LEFT JOIN answered a USING (doc_id) "
            "ORDER BY m.uri, doc_id"
        )
        self.sql.fill("DROP TABLE texts")
        self.sql.fill("DROP TABLE answered")

    def _load_records(self, document_type: DocumentType, paths: list[str]) -> None:
        schema = records_schema(document_type)
        shown = [name for name in schema.names if not name.endswith("__evidence")]
        table = quoted(table_name(document_type.name))
        import duckdb  # not at the top, for the reason given in `tasks.record_sql`

        digest = "sha256(batch::VARCHAR) AS record_sha256"
        listed = ", ".join(quoted(name) for name in shown)
        try:
            empty = _plain(schema.empty_table())
            self.sql.fill(f"CREATE TABLE unsorted AS SELECT {listed}, {digest} FROM batch", empty)
        except duckdb.Error as error:
            raise RecordSqlError(
                f"document type {document_type.name!r} makes no table: {str(error).splitlines()[0]}"
            ) from None
        for rows in _gathered(self._tables(paths, schema)):
            self.sql.fill(
                f"INSERT INTO unsorted SELECT {listed}, {digest} FROM batch "
                "SEMI JOIN members USING (doc_id) "
                "WHERE NOT EXISTS (FROM unsorted u WHERE u.doc_id = batch.doc_id)",
                rows,
            )
        # A run that was killed and resumed has the same rows in another order.
        self.sql.fill(f"CREATE TABLE {table} AS FROM unsorted ORDER BY uri, doc_id")
        self.sql.fill("DROP TABLE unsorted")

    def _create(self, table: str, columns: list[str], schema: pa.Schema) -> None:
        empty = _plain(schema.empty_table().select(columns))
        self.sql.fill(f"CREATE TABLE {table} AS SELECT * FROM batch", empty)

    def _insert(self, table: str, tables: Iterable[pa.Table], *, once: bool = False) -> None:
        """Append `tables`; with `once` only rows of the run's documents, each document once."""
        only = (
            " SEMI JOIN members USING (doc_id)"
            f" WHERE NOT EXISTS (FROM {table} r WHERE r.doc_id = batch.doc_id)"
            " QUALIFY row_number() OVER (PARTITION BY doc_id) = 1"
        )
        for rows in _gathered(tables):
            self.sql.fill(f"INSERT INTO {table} SELECT * FROM batch{only if once else ''}", rows)

    def _tables(
        self, paths: Iterable[str], schema: pa.Schema, columns: list[str] | None = None
    ) -> Iterator[pa.Table]:
        names = columns or schema.names
        for path in paths:
            if self.lake is None:
                raise AssertionError(f"without a lake there is no {path}")
            try:
                yield from _batches(self.lake, path, names)
            except LakeError as error:
                if self.on_missing is None:
                    raise
                self.on_missing(str(error))


def _batches(lake: Lake, path: str, columns: list[str]) -> Iterator[pa.Table]:
    with lake.open_parquet(path) as parquet:
        present = set(parquet.schema_arrow.names)
        missing = [name for name in columns if name not in present]
        if missing:
            raise LakeError(
                f"{lake.shown(path)} has no column {missing[0]!r}; this run did not write it"
            )
        for batch in parquet.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
            yield _plain(pa.Table.from_batches([batch]).select(columns))


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in fewer, larger tables: a statement costs more than the rows of a shard."""
    waiting: list[pa.Table] = []
    rows = 0
    for table in tables:
        waiting.append(table)
        rows += table.num_rows
        if rows >= _BATCH_ROWS:
            yield pa.concat_tables(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def _plain(table: pa.Table) -> pa.Table:
    """Instants as UTC without a zone: DuckDB needs an extension to compute with zones."""
    fields = [
        pa.field(f.name, pa.timestamp("us")) if pa.types.is_timestamp(f.type) else f
        for f in table.schema
    ]
    return table.cast(pa.schema(fields))
