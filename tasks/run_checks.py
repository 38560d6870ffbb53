"""Do the tables of a run agree with each other? Books, dead letters and records, row by row."""

from collections.abc import Iterator

from schemas.manifest import Books, Manifest
from tasks.jobs import document_types
from tasks.record_sql import RecordSql, literal, quoted
from tasks.record_tables import table_name

# ruff: noqa: S608 - names are quoted and texts are literals; the database is locked besides

_MAX_ROWS = 20
"""Rows of one kind that are told one by one."""


def member_ids(sql: RecordSql) -> frozenset[str]:
    """The documents that the run read."""
    rows = sql.query("SELECT doc_id FROM documents", max_rows=1 << 62).rows
    return frozenset(str(row[0]) for row in rows)


def found_books(sql: RecordSql) -> dict[str, Books]:
    """The books of ingest and extract, counted from sources and outcomes."""
    ingest = _counted(
        sql,
        "SELECT CASE WHEN status IN ('parsed', 'known') THEN 'done' WHEN status = 'failed' "
        "THEN 'failed' ELSE 'skipped' END AS outcome, coalesce(reason, status) AS why, "
        "count(*) AS documents FROM sources GROUP BY ALL",
    )
    extract = _counted(
        sql,
        "SELECT CASE status WHEN 'extracted' THEN 'done' WHEN 'failed' THEN 'failed' "
        "ELSE 'skipped' END AS outcome, coalesce(failure_class, 'parked') AS why, "
        "count(*) AS documents FROM (SELECT d.status, o.failure_class FROM documents d "
        "LEFT JOIN outcomes o USING (doc_id)) GROUP BY ALL",
    )
    return {"ingest": ingest, "extract": extract}


def _counted(sql: RecordSql, question: str) -> Books:
    totals: dict[str, dict[str, int]] = {"done": {}, "failed": {}, "skipped": {}}
    for outcome, why, count in sql.query(question, max_rows=10_000).rows:
        totals[str(outcome)][str(why)] = int(count or 0)
    done = sum(totals["done"].values())
    failed, skipped = totals["failed"], totals["skipped"]
    inputs = done + sum(failed.values()) + sum(skipped.values())
    return Books(inputs=inputs, done=done, failed=failed, skipped=skipped)


def check_rows(sql: RecordSql, manifest: Manifest) -> Iterator[str]:
    """What is missing or left over, a sentence each.

    Every failed document has its dead letter and every dead letter its failed document; every
    extracted document has one record, of its type, and every record its extracted document.
    """
    yield from _told(
        sql,
        "SELECT uri, reason FROM sources s WHERE status = 'failed' AND NOT EXISTS "
        "(FROM failures f WHERE f.uri = s.uri AND f.stage = 'ingest')",
        "failures: {0} could not be read ({1}), but its dead letter is missing",
    )
    yield from _told(
        sql,
        "SELECT uri, failure_class FROM outcomes o WHERE status = 'failed' AND NOT EXISTS "
        "(FROM failures f WHERE f.doc_id = o.doc_id AND f.stage <> 'ingest' "
        'AND f."class" = o.failure_class AND f.message = o.message)',
        "failures: {0} failed ({1}), but its dead letter is missing or says something else",
    )
    yield from _told(
        sql,
        'SELECT uri, "class" FROM failures f WHERE NOT EXISTS '
        "(FROM sources s WHERE s.status = 'failed' AND s.uri = f.uri) AND NOT EXISTS "
        "(FROM outcomes o WHERE o.status = 'failed' AND o.doc_id = f.doc_id)",
        "failures: {0} has a dead letter ({1}), but did not fail",
    )
    for document_type in document_types(manifest.job):
        table, name = quoted(table_name(document_type.name)), literal(document_type.name)
        yield from _told(
            sql,
            f"SELECT uri FROM outcomes o WHERE status = 'extracted' AND document_type = {name} "
            f"AND NOT EXISTS (FROM {table} r WHERE r.doc_id = o.doc_id)",
            f"records: {{0}} was extracted as {document_type.name}, but its record is missing",
        )
        yield from _told(
            sql,
            f"SELECT uri FROM {table} r WHERE NOT EXISTS (FROM outcomes o WHERE "
            f"o.doc_id = r.doc_id AND o.status = 'extracted' AND o.document_type = {name})",
            f"records: {{0}} has a record as {document_type.name}, but no such outcome",
        )


def _told(sql: RecordSql, question: str, sentence: str) -> Iterator[str]:
    result = sql.query(question, max_rows=_MAX_ROWS)
    for row in result.rows:
        yield sentence.format(*(cell or "no reason given" for cell in row))
    if result.total_rows > len(result.rows):
        more = result.total_rows - len(result.rows)
        yield sentence.format(f"… and {more} more like it", "…")
