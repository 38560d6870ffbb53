"""Ingest accounts for every document, parses nothing twice and survives being killed."""

import contextlib
import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tasks.known
import tasks.parsing
from schemas.job import Job
from schemas.manifest import Books
from schemas.tables import DOCUMENTS, FAILURES, SOURCES
from storage.store import Lake
from tasks.ingest import IngestResult, ingest
from tasks.sandbox import Loss, ParserPool
from tasks.source_root import SourceError

ROBUSTNESS = Path(__file__).parents[2] / "shared" / "data" / "docs" / "robustness" / "documents"
NOON = datetime(2026, 7, 10, 12, tzinfo=UTC)


def make_job(folder: Path, *, which: dict[str, Any] | None = None, **changes: Any) -> Job:
    """A job over `folder`; `which` are rules of its source."""
    return Job.model_validate({"source": {"path": str(folder), **(which or {})}, **changes})


def run(
    job: Job, lake: Path, run_id: str = "run", now: Callable[[], datetime] = lambda: NOON
) -> IngestResult:
    result = ingest(job, Lake(str(lake)), run_id, now=now)
    assert result.books.balanced
    return result


def fill(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def rows(lake: Path, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Lake(str(lake)).read_table(path).to_pylist()
    return found


def texts(lake: Path, result: IngestResult) -> dict[str, str]:
    """Text of each document that belongs to the run, by its uri."""
    found = {}
    for shard in result.shards:
        for row in rows(lake, shard.documents):
            if shard.doc_ids is None or row["doc_id"] in shard.doc_ids:
                found[row["uri"]] = row["text"]
    return found


@pytest.fixture
def no_parsing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on a document that is parsed fails the test."""

    def forbid() -> None:
        def submit(self: ParserPool, task: object) -> None:
            raise AssertionError("a document was parsed")

        monkeypatch.setattr(ParserPool, "_submit", submit)

    return forbid


def test_every_document_is_parsed_known_duplicate_or_failed(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a.txt": "one", "b.txt": "one", "c.txt": "", "d.txt": "two"})

    first = run(make_job(source), tmp_path / "lake", "first")
    fill(source, {"e.txt": "three"})
    second = run(make_job(source), tmp_path / "lake", "second")

    assert first.books == Books(inputs=4, done=2, failed={"empty": 1}, skipped={"duplicate": 1})
    assert second.books == Books(inputs=5, done=3, failed={"empty": 1}, skipped={"duplicate": 1})
    statuses = [
        (r["uri"], r["status"], r["reason"]) for r in rows(tmp_path / "lake", second.sources)
    ]
    assert statuses == [
        ("a.txt", "known", None),
        ("b.txt", "duplicate", "duplicate"),
        ("c.txt", "failed", "empty"),
        ("d.txt", "known", None),
        ("e.txt", "parsed", None),
    ]


def test_the_tables_have_the_columns_of_the_contract(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a.txt": "one two", "b.txt": ""})

    result = run(make_job(source), tmp_path / "lake")

    lake = Lake(str(tmp_path / "lake"))
    assert lake.read_table(result.shards[0].documents).schema == DOCUMENTS
    assert lake.read_table(result.sources).schema == SOURCES
    assert lake.read_table(lake.failures("run", "ingest")).schema == FAILURES


def test_a_row_describes_its_document(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"folder/a.csv": "a,b\r\n1,2\r\n"})
    when = datetime(2024, 5, 17, 10, 30, tzinfo=UTC)
    os.utime(source / "folder" / "a.csv", (when.timestamp(), when.timestamp()))

    result = run(make_job(source), tmp_path / "lake")

    sha256 = hashlib.sha256(b"a,b\r\n1,2\r\n").hexdigest()
    assert rows(tmp_path / "lake", result.shards[0].documents) == [
        {
            "doc_id": sha256[:20],
            "uri": "folder/a.csv",
            "sha256": sha256,
            "media_type": "text/csv",
            "bytes": 10,
            "pages": None,
            "text": "a,b\n1,2\n",
            "tokens": 2,
            "parser": "text/1",
            "modified_at": when,
            "ingested_at": NOON,
        }
    ]


def test_a_dead_letter_says_which_document_and_why(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a.txt": "one", "b.bin": bytes(range(256))})

    run(make_job(source), tmp_path / "lake")

    assert rows(tmp_path / "lake", "failures/run/ingest.parquet") == [
        {
            "doc_id": hashlib.sha256(bytes(range(256))).hexdigest()[:20],
            "uri": "b.bin",
            "stage": "ingest",
            "class": "unsupported",
            "message": "it is binary data of no known format (its name ends with .bin); no parser "
            "reads that",
            "attempts": 0,
            "usd": 0.0,
            "raw_answer": None,
        }
    ]


def test_the_same_folder_twice_parses_nothing_and_gives_the_same(
    tmp_path: Path, no_parsing: Callable[[], None]
) -> None:
    files: dict[str, bytes | str] = {f"{i:03}.txt": f"text {i}" for i in range(50)}
    source = fill(tmp_path / "in", {**files, "broken.pdf": "%PDF-1.7 nothing", "empty": ""})
    first = run(make_job(source, shard_size=8), tmp_path / "lake", "first")
    no_parsing()

    second = run(make_job(source, shard_size=8), tmp_path / "lake", "second")

    assert (second.books, second.shards) == (first.books, first.shards)


def test_shards_are_filled_in_order_and_named_by_their_content(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {f"{i:03}.txt": f"text {i}" for i in range(20)})

    one = run(make_job(source, shard_size=8), tmp_path / "one")
    two = run(make_job(source, shard_size=8), tmp_path / "two")

    sizes = sorted(len(rows(tmp_path / "one", shard.documents)) for shard in one.shards)
    assert sizes == [4, 8, 8]
    assert one.shards == two.shards
    assert list(texts(tmp_path / "one", one).values()) != []


class Killed(BaseException):
    """Stands for the end of the process at an inconvenient moment."""


@pytest.mark.parametrize("moment", [1, 8, 9, 17])
def test_an_ingest_that_was_killed_goes_on_to_the_same_shards(tmp_path: Path, moment: int) -> None:
    files: dict[str, bytes | str] = {f"{i:03}.txt": f"text {i}" for i in range(30)}
    source = fill(tmp_path / "in", {**files, "005.txt": "", "013.txt": ""})
    job = make_job(source, shard_size=4)
    whole = run(job, tmp_path / "whole")
    clock = iter(range(moment))

    def now() -> datetime:
        if next(clock, None) is None:
            raise Killed
        return NOON

    with contextlib.suppress(Killed):
        run(job, tmp_path / "lake", now=now)
    again = run(job, tmp_path / "lake")

    assert again.shards == whole.shards
    assert again.books == whole.books


def test_only_the_documents_of_the_run_are_handed_on(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {f"{i}.txt": f"text {i}" for i in range(4)})
    run(make_job(source), tmp_path / "lake", "all")

    result = run(make_job(source, which={"include": ["1.txt", "3.txt"]}), tmp_path / "lake", "some")

    assert texts(tmp_path / "lake", result) == {"1.txt": "text 1", "3.txt": "text 3"}
    assert result.shards[0].doc_ids is not None


def test_the_limit_bounds_the_documents_looked_at(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a": "", "b": "one", "c": "one", "d": "two"})

    result = run(make_job(source, which={"limit": 3}), tmp_path / "lake")

    assert result.books == Books(inputs=3, done=1, failed={"empty": 1}, skipped={"duplicate": 1})


def test_a_new_parser_version_parses_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = fill(tmp_path / "in", {"a": "one"})
    first = run(make_job(source), tmp_path / "lake", "first")
    monkeypatch.setattr(tasks.parsing, "VERSION", "0")
    monkeypatch.setattr(tasks.known, "VERSION", "0")

    second = run(make_job(source), tmp_path / "lake", "second")

    statuses = [row["status"] for row in rows(tmp_path / "lake", second.sources)]
    assert (len(first.shards), statuses) == (1, ["parsed"])


def test_a_text_that_was_cut_says_so_and_is_read_again_when_more_is_wanted(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a": "x" * 3000})

    short = run(make_job(source, parsing={"max_chars": 1000}), tmp_path / "lake", "short")
    full = run(make_job(source), tmp_path / "lake", "full")

    (cut,) = rows(tmp_path / "lake", short.shards[0].documents)
    assert (cut["parser"], cut["text"]) == ("text/1+cut1000", "x" * 1000)
    assert texts(tmp_path / "lake", full) == {"a": "x" * 3000}


def test_what_took_too_long_is_tried_again_only_with_more_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = fill(tmp_path / "in", {"a": "one"})
    with monkeypatch.context() as slow:
        slow.setattr(ParserPool, "_receive", lambda self, connection: Loss.HUNG)
        first = run(make_job(source), tmp_path / "lake", "first")

    again = run(make_job(source), tmp_path / "lake", "again")
    patient = run(make_job(source, parsing={"timeout_s": 90}), tmp_path / "lake", "patient")

    assert first.books.failed == again.books.failed == {"timeout": 1}
    assert patient.books.done == 1


def test_archive_members_and_files_of_the_same_bytes_are_one_document(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("inner/a.txt", "one")
        archive.writestr("../b.txt", "two")
    source = fill(tmp_path / "in", {"a.zip": out.getvalue(), "b.txt": "one"})

    result = run(make_job(source), tmp_path / "lake")

    found = [
        (row["uri"], row["status"], row["reason"])
        for row in rows(tmp_path / "lake", result.sources)
    ]
    assert found == [
        ("a.zip!/inner/a.txt", "parsed", None),
        ("a.zip!/%2E%2E/b.txt", "failed", "unsafe_path"),
        ("b.txt", "duplicate", "duplicate"),
    ]


def test_messages_of_a_mailbox_are_read_as_messages(tmp_path: Path) -> None:
    mailbox = "From a@b Fri May 17 10:30:00 2024\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n\nbody\n"
    source = fill(tmp_path / "in", {"box": mailbox})

    result = run(make_job(source), tmp_path / "lake")

    assert texts(tmp_path / "lake", result) == {"box!/1": "Subject: Grüße\n\nbody"}


def test_a_duplicate_names_the_shard_that_holds_its_text(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a": "one", "b": "one"})

    result = run(make_job(source), tmp_path / "lake")

    shards = {row["shard"] for row in rows(tmp_path / "lake", result.sources)}
    assert shards == {result.shards[0].shard}


def test_progress_counts_every_document(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a": "one", "b": "one", "c": "", "d": "two"})
    counts: list[int] = []

    ingest(
        make_job(source),
        Lake(str(tmp_path / "lake")),
        "run",
        now=lambda: NOON,
        progress=counts.append,
    )

    assert sum(counts) == 4


def test_the_lake_may_lie_inside_the_source(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a": "one"})
    run(make_job(source), source / "lake", "first")

    assert run(make_job(source), source / "lake", "second").books.inputs == 1


def test_a_source_without_documents_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        run(make_job(tmp_path / "none"), tmp_path / "lake")

    assert not (tmp_path / "lake").exists()


def test_a_lake_in_memory_is_as_good_as_a_folder(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a": "one", "b": ""})
    lake = Lake(f"memory://{tmp_path.name}")

    result = ingest(make_job(source), lake, "run", now=lambda: NOON)

    assert lake.read_table(result.sources).num_rows == 2
    assert lake.read_table(result.shards[0].documents).column("text").to_pylist() == ["one"]


def test_nothing_temporary_is_left_behind(tmp_path: Path) -> None:
    source = fill(tmp_path / "in", {"a": "one", "b": ""})

    run(make_job(source), tmp_path / "lake")

    names = [path.name for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert all(name.endswith(".parquet") and not name.startswith(".") for name in names)


NAMES = st.sampled_from(["a.txt", "b.html", "c/d.json", "c/e.eml", "f.pdf", "g.zip", ".hidden"])
CONTENTS = st.one_of(
    st.binary(max_size=60),
    st.text(max_size=60).map(str.encode),
    st.sampled_from(
        [b"", b"same", b"same ", b"%PDF-1.4", b"PK\x03\x04", b'{"a": [1, 2]}', b"From: a\n\nb"]
    ),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(NAMES, CONTENTS, min_size=1), st.integers(1, 4))
def test_the_books_of_any_folder_balance(files: dict[str, bytes], shard_size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        fill(place / "in", {**files, "always.txt": "here"})
        job = make_job(place / "in", shard_size=shard_size, parsing={"workers": 1})

        first, second = run(job, place / "lake", "first"), run(job, place / "lake", "second")

        assert first.books == second.books
        assert len(texts(place / "lake", first)) == first.books.done
        sources = rows(place / "lake", second.sources)
        assert len(sources) == second.books.inputs
        assert not [row for row in sources if row["status"] == "parsed"]
        dead = rows(place / "lake", "failures/first/ingest.parquet")
        assert len(dead) == sum(first.books.failed.values())


@pytest.mark.skipif(not ROBUSTNESS.exists(), reason="the odd and broken files are not here")
def test_odd_and_broken_files_are_read_or_refused_with_a_reason(tmp_path: Path) -> None:
    result = run(make_job(ROBUSTNESS), tmp_path / "lake")

    assert result.books.inputs >= 153
    assert result.books.done >= 100
    dead = rows(tmp_path / "lake", "failures/run/ingest.parquet")
    assert all(row["message"] for row in dead)
    assert not {"crashed", "timeout", "memory"} & {row["class"] for row in dead}
