"""The lake: writes are whole or absent, paths are the layout, errors are sentences."""

import threading
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.store import Lake, LakeError

SCHEMA = pa.schema([pa.field("doc_id", pa.string(), nullable=False), pa.field("n", pa.int64())])


@pytest.fixture(params=["folder", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """A lake in a folder, and one in an object store."""
    return Lake(str(tmp_path / "lake") if request.param == "folder" else f"memory://{uuid4().hex}")


def test_what_is_written_is_read_and_replaced_as_a_whole(lake: Lake) -> None:
    lake.write_bytes("runs/r/report.md", b"first")
    lake.write_bytes("runs/r/report.md", b"second")

    assert lake.read_bytes("runs/r/report.md") == b"second"
    assert lake.find("runs/r") == ["runs/r/report.md"]


@given(st.lists(st.tuples(st.text(max_size=5), st.none() | st.integers(-(2**63), 2**63 - 1))))
def test_rows_come_back_as_they_were(rows: list[tuple[str, int | None]]) -> None:
    lake = Lake(f"memory://{uuid4().hex}")
    listed = [{"doc_id": doc_id, "n": n} for doc_id, n in rows]

    lake.write_rows("t.parquet", listed, SCHEMA)

    table = lake.read_table("t.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist() == listed
    assert lake.read_table("t.parquet", ["n"]).column_names == ["n"]


def test_files_and_folders_are_listed_sorted_and_not_deeper(lake: Lake) -> None:
    for path in ("a/2.parquet", "a/1.parquet", "a/note.txt", "a/deep/3.parquet", "b/4.parquet"):
        lake.write_bytes(path, b"")

    assert lake.find("a", ".parquet") == ["a/1.parquet", "a/2.parquet"]
    assert lake.folders("a") == ["deep"]
    assert (lake.find("nothing"), lake.folders("nothing")) == ([], [])


def test_what_is_not_there_is_said_with_its_place(lake: Lake) -> None:
    assert not lake.exists("runs/r/manifest.json")
    with pytest.raises(LakeError, match=r"runs/r/manifest\.json is not in the lake"):
        lake.read_bytes("runs/r/manifest.json")
    with pytest.raises(LakeError, match=r"t\.parquet is not in the lake"):
        lake.read_table("t.parquet")


def test_a_damaged_table_is_said_with_its_place(lake: Lake) -> None:
    lake.write_bytes("t.parquet", b"PAR1 and then nothing")

    with pytest.raises(LakeError, match=r"t\.parquet is not a readable Parquet file"):
        lake.read_table("t.parquet")


def test_opening_a_lake_makes_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))

    assert not lake.exists("runs")
    assert list(tmp_path.iterdir()) == []


def test_a_lake_that_cannot_be_written_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where the folder should be")

    with pytest.raises(LakeError, match=r"cannot make the folder .*; choose another lake"):
        Lake(str(tmp_path / "lake")).write_bytes("runs/r/manifest.json", b"{}")


def test_a_write_that_breaks_off_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path))
    lake.write_bytes("t", b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("storage.store.os.fsync", full)
    with pytest.raises(LakeError, match="No space left on device"):
        lake.write_bytes("t", b"new")

    assert (lake.read_bytes("t"), [p.name for p in tmp_path.iterdir()]) == (b"old", ["t"])


def test_a_temporary_name_is_never_listed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.write_bytes("a/1.parquet", b"")
    (tmp_path / "a" / ".2.parquet.0f.tmp").write_bytes(b"half")

    assert lake.find("a") == ["a/1.parquet"]


def test_readers_see_the_old_file_or_the_new_one_never_a_part(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    sizes = {letter: bytes([letter]) * 200_000 for letter in b"ab"}
    lake.write_bytes("t", sizes[ord("a")])
    over = threading.Event()

    def write() -> None:
        for turn in range(40):
            lake.write_bytes("t", sizes[b"ab"[turn % 2]])
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = [lake.read_bytes("t")]
    while not over.is_set():
        seen.append(lake.read_bytes("t"))
    writer.join()

    assert all(data in sizes.values() for data in seen)


def test_paths_for_people_lead_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert Lake("lake").shown("runs/r") == "lake/runs/r"
    assert Lake(str(tmp_path / "lake")).shown("runs/r") == str(tmp_path / "lake/runs/r")
    assert Lake("memory://bucket/x/").shown("runs/r") == "memory://bucket/x/runs/r"


def test_records_of_another_extraction_key_lie_beside_each_other() -> None:
    lake = Lake("memory://layout")

    assert lake.documents("post", "s1") == "documents/post/s1.parquet"
    assert lake.records("post", "invoice", "s1", "k1") == "records/post/invoice/s1-k1.parquet"
    assert lake.outcomes("post", "s1", "k1") != lake.outcomes("post", "s1", "k2")
