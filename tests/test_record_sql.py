"""Questions to the records of a run."""

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.fields import DocumentType, FieldSpec
from schemas.tables import DECIMAL
from storage.store import Lake, LakeError
from tasks.record_sql import Column, RecordSql, RecordSqlError, Result
from tasks.record_tables import open_records
from tests.lake_docs import make_docs
from tests.lake_runs import make_job, write_run


def locked(**tables: pa.Table) -> RecordSql:
    """A database with these tables, locked."""
    sql = RecordSql(memory_mb=128, timeout_s=20)
    for name, table in tables.items():
        sql.fill(f"CREATE TABLE {name} AS SELECT * FROM batch", table)
    sql.lock()
    return sql


NUMBERS = pa.table({"n": [3, 1, 2]})


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('/*')",
        "COPY t TO '{file}'",
        "ATTACH '{file}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 4",
        "PRAGMA database_list",
        "CALL pragma_version()",
        "DROP TABLE t",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO t VALUES (9)",
        "UPDATE t SET n = 0",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "WITH more AS (INSERT INTO t VALUES (9) RETURNING *) SELECT * FROM more",
        "SELECT 1; SELECT 2",
        "COMMIT; DROP TABLE t",
        "EXPLAIN SELECT 1",
        "SELECT * FROM NUMBERS",
        "",
    ],
)
def test_only_one_select_over_the_tables_is_answered(attack: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    with locked(t=NUMBERS) as sql:
        with pytest.raises(RecordSqlError):
            sql.query(attack.format(file=secret))

        assert sql.query("SELECT count(*), sum(n) FROM t").rows == (("3", "6"),)


def test_the_tables_cannot_be_asked_before_nor_filled_after_the_lock() -> None:
    with RecordSql() as sql:
        with pytest.raises(RecordSqlError, match="lock them"):
            sql.query("SELECT 1")
        sql.lock()
        with pytest.raises(RecordSqlError, match="locked"):
            sql.fill("CREATE TABLE t (n INTEGER)")


def test_a_query_that_takes_too_long_is_stopped_and_the_next_one_is_answered() -> None:
    sql = RecordSql(timeout_s=0.05)
    sql.lock()
    with sql:
        with pytest.raises(RecordSqlError, match=r"0\.05 s .* analysis\.timeout_s"):
            sql.query("SELECT count(*) FROM range(1000000000000) a WHERE a.range % 7 = 3")

        assert sql.query("SELECT 1 AS one").rows == (("1",),)


def test_a_query_that_needs_too_much_memory_is_refused_in_a_sentence() -> None:
    with (
        locked(t=NUMBERS) as sql,
        pytest.raises(RecordSqlError, match=r"more memory .* analysis\.memory_mb"),
    ):
        sql.query("SELECT string_agg(repeat('x', 1000000)) FROM range(100000)")


def test_an_error_of_sql_is_one_line_that_says_what_is_wrong() -> None:
    with locked(t=NUMBERS) as sql, pytest.raises(RecordSqlError) as caught:
        sql.query("SELECT m\nFROM t")

    assert str(caught.value).startswith("Binder Error")
    assert "\n" not in str(caught.value)


def test_rows_without_an_order_of_their_own_are_put_in_order() -> None:
    with locked(t=NUMBERS) as sql:
        assert sql.query("SELECT n FROM t -- as they come").rows == (("1",), ("2",), ("3",))
        assert sql.query("SELECT n FROM t ORDER BY n DESC;").rows == (("3",), ("2",), ("1",))


def test_rows_beyond_the_limit_are_counted_and_not_kept() -> None:
    with locked(t=pa.table({"n": range(2500)})) as sql:
        assert sql.query("SELECT n FROM t", max_rows=2) == Result(
            (Column("n", "number", is_integer=True),), (("0",), ("1",)), 2500
        )


def test_cells_are_exact_text_of_their_kind() -> None:
    with locked(t=NUMBERS) as sql:
        result = sql.query(
            "SELECT 1.50::DECIMAL(24, 6) AS d, 0.1::DOUBLE AS f, DATE '2026-03-04' AS day, "
            "true AS b, NULL AS nothing, ['a', 'b'] AS list, 'x' AS s, "
            "TIMESTAMP '2026-03-04 05:06:07' AS at"
        )

    assert result.rows == (
        ("1.500000", "0.1", "2026-03-04", "true", None, '["a", "b"]', "x", "2026-03-04T05:06:07"),
    )
    assert [c.kind for c in result.columns] == [
        "number", "number", "date", "bool", "text", "text", "text", "date",
    ]  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.decimals(-(10**12), 10**12, places=6), max_size=30))
def test_a_sum_of_decimals_is_exact(amounts: list[Decimal]) -> None:
    with locked(t=pa.table({"x": pa.array(amounts, DECIMAL)})) as sql:
        ((total,),) = sql.query("SELECT coalesce(sum(x), 0) FROM t").rows

    assert Decimal(str(total)) == sum(amounts, Decimal(0))


def test_every_type_of_the_job_has_its_table_even_without_a_record(tmp_path: Path) -> None:
    docs = [d for d in make_docs() if d.document_type == "invoice"]
    run = write_run(tmp_path, docs)

    with open_records(run.manifest, run.lake) as sql:
        assert sql.query("SELECT count(total) FROM receipt").rows == (("0",),)
        assert sql.query("SELECT parties FROM contract").total_rows == 0


def test_only_documents_of_the_run_are_counted_and_each_once(tmp_path: Path) -> None:
    docs = make_docs(20)
    whole = write_run(tmp_path, docs, duplicates=3)
    part = write_run(tmp_path, docs, run_id="part", duplicates=2)
    gone = {d.doc_id for d in docs[5:]}
    sources = part.lake.run("part", "sources.parquet")
    table = part.lake.read_table(sources)
    keep = [row["doc_id"] not in gone for row in table.to_pylist()]
    part.lake.write_table(sources, table.filter(pa.array(keep)))

    counts = []
    for run in (whole, part):
        with open_records(run.manifest, run.lake) as sql:
            records = " + ".join(
                f"(SELECT count(*) FROM {name})"
                for name in ("invoice", "receipt", "support_ticket", "contract")
            )
            counts.append(
                sql.query(
                    f"SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM outcomes), "
                    f"{records}, (SELECT count(*) FROM sources)"
                ).rows[0]
            )

    good = [d for d in docs if d.failure is None]
    assert counts[0] == ("20", "20", str(len(good)), "25")
    assert counts[1] == ("5", "5", str(len([d for d in docs[:5] if d.failure is None])), "9")


def test_documents_carry_what_became_of_them_and_no_text(tmp_path: Path) -> None:
    run = write_run(tmp_path)

    with open_records(run.manifest, run.lake) as sql:
        columns = {c.name for c in sql.query("SELECT * FROM documents").columns}
        states = sql.query("SELECT status, count(*) > 0 FROM documents GROUP BY ALL").rows

    assert {"uri", "media_type", "document_type", "status", "pages"} <= columns
    assert "text" not in columns
    assert states == (("extracted", "true"), ("failed", "true"))


def test_a_type_may_have_the_name_of_a_table_of_docmills_own(tmp_path: Path) -> None:
    job = make_job(types=(DocumentType(name="documents", fields=(FieldSpec(name="a"),)),))
    run = write_run(tmp_path, [], job=job)

    with open_records(run.manifest, run.lake) as sql:
        assert sql.query("SELECT a FROM documents_records").total_rows == 0


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    Path(run.lake.full(run.manifest.shards[0].outcomes)).unlink()

    with pytest.raises(LakeError, match="_outcomes/0000000000000000"):
        open_records(run.manifest, run.lake)

    told: list[str] = []
    with open_records(run.manifest, run.lake, on_missing=told.append) as sql:
        assert sql.query("SELECT count(*) FROM outcomes").rows != (("0",),)
    assert len(told) == 1


def test_the_order_of_rows_in_the_files_does_not_show(tmp_path: Path) -> None:
    docs = make_docs(20)
    answers = []
    for name, order in (("a", docs), ("b", docs[::-1])):
        run = write_run(tmp_path / name, order, shard_size=7)
        with open_records(run.manifest, Lake(str(tmp_path / name))) as sql:
            answers.append(sql.query("SELECT uri, total FROM receipt LIMIT 5").rows)

    assert answers[0] == answers[1] != ()
