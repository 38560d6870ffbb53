"""Which documents a source holds, which of them count, and what is refused with which reason."""

import io
import os
import tarfile
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.job import Source
from tasks.discovery import discover
from tasks.selection import compile_globs, date_in
from tasks.source_root import SourceError


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def found_in(path: Path, **rules: Any) -> dict[str, bytes | str]:
    """Content of each document by its uri, or its class in brackets."""
    found: dict[str, bytes | str] = {}
    for document in discover(Source.model_validate({"path": str(path), **rules})):
        assert document.uri not in found
        if document.problem is not None:
            assert document.data is None
            found[document.uri] = f"[{document.problem.reason}]"
        else:
            assert document.data is not None
            found[document.uri] = document.data
    return found


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_a_folder_is_walked_in_the_order_of_its_paths(tmp_path: Path) -> None:
    fill(tmp_path, {"b.txt": b"2", "a/z.txt": b"1", "c/d/e.txt": b"3", "B.txt": b"0"})

    assert list(found_in(tmp_path)) == ["B.txt", "a/z.txt", "b.txt", "c/d/e.txt"]


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"1", "b.txt": b"2"})

    assert found_in(tmp_path / "a.txt") == {"a.txt": b"1"}


def test_hidden_and_lock_files_are_no_documents(tmp_path: Path) -> None:
    fill(tmp_path, {"a": b"1", ".b": b"2", ".git/c": b"3", "~$d.docx": b"4"})

    assert found_in(tmp_path) == {"a": b"1"}


def test_archives_and_mailboxes_are_read_in_place(tmp_path: Path) -> None:
    mail = b"From a@b Fri May 17 10:30:00 2024\nSubject: s\n\nx\n"
    fill(
        tmp_path,
        {
            "a.zip": zipped({"in/a.txt": b"1"}),
            "b.tgz": tarred({"b.txt": b"2"}),
            "c.tar": tarred({"c.txt": b"3"}, "w"),
            "d.mbox": mail + b"\n" + mail,
        },
    )

    assert found_in(tmp_path) == {
        "a.zip!/in/a.txt": b"1",
        "b.tgz!/b.txt": b"2",
        "c.tar!/c.txt": b"3",
        "d.mbox!/1": b"Subject: s\n\nx\n\n",
        "d.mbox!/2": b"Subject: s\n\nx\n",
    }


def test_an_archive_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    fill(tmp_path, {"odd.txt": zipped({"a.txt": b"1"}), "text.zip": b"no zip at all"})

    assert found_in(tmp_path) == {"odd.txt!/a.txt": b"1", "text.zip": b"no zip at all"}


def test_an_office_file_is_a_document_and_no_archive(tmp_path: Path) -> None:
    docx = zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"})
    odt = io.BytesIO()
    with zipfile.ZipFile(odt, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", "<x/>")
    fill(tmp_path, {"a": docx, "b.zip": zipped({"c.docx": docx}), "d": odt.getvalue()})

    assert found_in(tmp_path) == {"a": docx, "b.zip!/c.docx": docx, "d": odt.getvalue()}


def test_archives_inside_archives_are_opened_to_the_third(tmp_path: Path) -> None:
    third = zipped({"deep.txt": b"3", "fourth.zip": zipped({"deeper.txt": b"4"})})
    fill(tmp_path, {"1.zip": zipped({"2.tgz": tarred({"3.zip": third}), "a.txt": b"1"})})

    assert found_in(tmp_path) == {
        "1.zip!/2.tgz!/3.zip!/deep.txt": b"3",
        "1.zip!/2.tgz!/3.zip!/fourth.zip": "[too_deep]",
        "1.zip!/a.txt": b"1",
    }


def test_a_broken_archive_is_one_dead_letter_beside_what_could_be_read(tmp_path: Path) -> None:
    whole = tarred({"a.txt": b"1", "b.txt": os.urandom(100_000)})
    fill(tmp_path, {"a.zip": zipped({"x": b"1"})[:-9], "b.tgz": whole[:-500]})

    assert found_in(tmp_path) == {
        "a.zip": "[corrupt]",
        "b.tgz!/a.txt": b"1",
        "b.tgz!/b.txt": "[corrupt]",
        "b.tgz": "[corrupt]",
    }


def test_documents_over_the_limit_are_refused_and_archives_over_it_are_not(tmp_path: Path) -> None:
    noise = os.urandom(700)
    fill(tmp_path, {"a": bytes(1001), "b": b"x" * 1000, "c.zip": zipped({"1": noise, "2": noise})})

    assert found_in(tmp_path, max_bytes=1000) == {
        "a": "[too_large]",
        "b": b"x" * 1000,
        "c.zip!/1": noise,
        "c.zip!/2": noise,
    }


def test_a_refused_member_costs_only_itself(tmp_path: Path) -> None:
    fill(tmp_path, {"a.zip": zipped({"../x": b"1", "y": b"2"})})

    assert found_in(tmp_path) == {"a.zip!/%2E%2E/x": "[unsafe_path]", "a.zip!/y": b"2"}


def test_links_that_loop_or_leave_are_refused_and_links_inside_are_followed(tmp_path: Path) -> None:
    source = fill(tmp_path / "source", {"a/x.txt": b"1"})
    fill(tmp_path, {"secret.txt": b"2"})
    (source / "a" / "up").symlink_to(source)
    (source / "self").symlink_to("self")
    (source / "out").symlink_to(tmp_path / "secret.txt")
    (source / "away").symlink_to(tmp_path)
    (source / "same.txt").symlink_to(source / "a" / "x.txt")
    (source / "twice").symlink_to(source / "a")
    (source / "gone").symlink_to(source / "nothing")

    assert found_in(source) == {
        "a/up": "[link_loop]",
        "a/x.txt": b"1",
        "away": "[unsafe_path]",
        "gone": "[unreadable]",
        "out": "[unsafe_path]",
        "same.txt": b"1",
        "self": "[link_loop]",
    }


def test_a_pipe_is_refused_and_does_not_block(tmp_path: Path) -> None:
    fill(tmp_path, {"a": b"1"})
    os.mkfifo(tmp_path / "pipe")

    assert found_in(tmp_path) == {"a": b"1", "pipe": "[unsupported]"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, {"a": b"1"})
    (tmp_path / "a").chmod(0)

    assert found_in(tmp_path) == {"a": "[unreadable]"}


def test_names_that_are_no_text_are_shown_as_far_as_they_are(tmp_path: Path) -> None:
    for name in (b"a\xff.txt", b"b\n.txt"):
        (tmp_path / os.fsdecode(name)).write_bytes(name)

    assert found_in(tmp_path) == {"a\ufffd.txt": b"a\xff.txt", "b%0A.txt": b"b\n.txt"}


def test_the_lake_inside_the_source_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path, {"a": b"1", "lake/b": b"2"})

    uris = [d.uri for d in discover(Source(path=str(tmp_path)), leave_out=str(tmp_path / "lake"))]

    assert uris == ["a"]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["**/*"], [], ["a.txt", "b.zip!/c.md", "b.zip!/d.txt", "e/f.txt"]),
        (["**/*.txt"], [], ["a.txt", "b.zip!/d.txt", "e/f.txt"]),
        (["*.txt"], [], ["a.txt"]),
        (["**/*"], ["e/**"], ["a.txt", "b.zip!/c.md", "b.zip!/d.txt"]),
        (["**/*"], ["**/*.zip"], ["a.txt", "e/f.txt"]),
        (["*.zip"], [], ["b.zip!/c.md", "b.zip!/d.txt"]),
        (["*.zip"], ["**/*.md"], ["b.zip!/d.txt"]),
    ],
)
def test_globs_choose_documents_and_whole_archives(
    tmp_path: Path, include: list[str], exclude: list[str], expected: list[str]
) -> None:
    archive = zipped({"c.md": b"1", "d.txt": b"2"})
    fill(tmp_path, {"a.txt": b"3", "b.zip": archive, "e/f.txt": b"4"})

    assert list(found_in(tmp_path, include=include, exclude=exclude)) == expected


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("**/*.txt", "a.txt", True),
        ("**/*.txt", "a/b/c.txt", True),
        ("a/**", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/*", "a/b/c", False),
        ("?.txt", "/.txt", False),
        ("[a-c].txt", "b.txt", True),
        ("[!a-c].txt", "b.txt", False),
        ("a+b(c).txt", "a+b(c).txt", True),
        ("[", "[", True),
    ],
)
def test_globs_mean_what_they_mean_elsewhere(glob: str, path: str, matches: bool) -> None:
    assert compile_globs((glob,))(path) is matches


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_every_glob_can_be_compiled(glob: str, path: str) -> None:
    compile_globs((glob,))(path)


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("2024/05/17/a.txt", date(2024, 5, 17)),
        ("invoice-2024-05-17.pdf", date(2024, 5, 17)),
        ("20240517_scan.pdf", date(2024, 5, 17)),
        ("Rechnung 17.05.2024.pdf", date(2024, 5, 17)),
        ("2023-01-01/2024-05-17.txt", date(2024, 5, 17)),
        ("2024-05/a.txt", date(2024, 5, 1)),
        ("2024/05/a-17.txt", date(2024, 5, 1)),
        ("2024-13-40.txt", None),
        ("invoice-12024-05-17.txt", None),
        ("2024/a.txt", None),
        ("no date", None),
    ],
)
def test_dates_are_read_from_paths(path: str, day: date | None) -> None:
    assert date_in(path) == day


def dated(folder: Path) -> Path:
    """Three documents that have a different day everywhere a day can be."""
    files = {
        "2024/05/01/x-2024-06-01.eml": b"Date: Mon, 1 Jul 2024 23:30:00 -0500\n\nx",
        "2024/05/02/x-2024-06-02.eml": b"Date: Tue, 2 Jul 2024 23:30:00 -0500\n\nx2",
        "undated.eml": b"Subject: none\n\nx",
    }
    fill(folder, files)
    for day, name in enumerate(files, start=1):
        when = datetime(2024, 8, day, 12, tzinfo=UTC).timestamp()
        os.utime(folder / name, (when, when))
    return folder


@pytest.mark.parametrize(
    ("by", "since"),
    [("path", "2024-06-02"), ("name", "2024-06-02"), ("header", "2024-07-02")],
)
def test_a_window_of_days_looks_where_it_is_told_and_leaves_out_what_is_undated(
    tmp_path: Path, by: str, since: str
) -> None:
    found = found_in(dated(tmp_path), by=by, since=since)

    assert list(found) == ["2024/05/02/x-2024-06-02.eml"]


def test_a_window_ends_before_its_last_day(tmp_path: Path) -> None:
    found = found_in(dated(tmp_path), by="mtime", since="2024-08-02", until="2024-08-03")

    assert list(found) == ["2024/05/02/x-2024-06-02.eml"]


def test_a_window_without_documents_is_no_error(tmp_path: Path) -> None:
    assert found_in(dated(tmp_path), by="path", since="2030-01-01") == {}


def test_a_missing_source_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"'.*/none' does not exist; name a folder"):
        found_in(tmp_path / "none")


def test_an_empty_source_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no documents; put documents there"):
        found_in(tmp_path)


def test_globs_that_name_nothing_say_so(tmp_path: Path) -> None:
    fill(tmp_path, {"a.txt": b"1", "b.txt": b"2"})

    with pytest.raises(SourceError, match="none of the 2 documents"):
        found_in(tmp_path, include=["**/*.pdf"])


def test_a_url_is_not_a_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a URL; copy its documents"):
        list(discover(Source(path="s3://bucket/folder")))
