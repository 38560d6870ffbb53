"""Archives are read in place, in bounded memory, and not one of their claims is trusted."""

import bz2
import contextlib
import gzip
import io
import lzma
import stat
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tasks.parse_members
from tasks.archives import Member, member_chunks, members
from tasks.parse_errors import Reason, Unreadable
from tasks.parse_members import Allowance, Exhausted, is_hidden, refused_name, safe_name
from tasks.parse_zip import zip_names
from tasks.sniffing import Kind, container_kind


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 5, 17, 10, 30, 0)), data, method)
    return out.getvalue()


def make_tar(
    files: dict[str, bytes], change: Callable[[tarfile.TarInfo], None] | None = None
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_715_940_000
            if change:
                change(info)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def read_member(member: Member, max_bytes: int, allowance: Allowance) -> bytes:
    return b"".join(member_chunks(member, max_bytes, allowance))


def contents(
    data: bytes, kind: Kind, name: str = "a.zip", max_bytes: int = 1 << 20
) -> dict[str, bytes | str]:
    """What reading an archive brings: content, or the class of the refusal in brackets."""
    allowance = Allowance(len(data))
    found: dict[str, bytes | str] = {}
    for member in members(io.BytesIO(data), kind, name, allowance):
        try:
            found[member.name] = read_member(member, max_bytes, allowance)
        except Exhausted:
            raise
        except Unreadable as problem:
            found[member.name] = f"[{problem.reason}]"
    return found


FILES = {"a.txt": b"one", "folder/b.txt": b"two" * 50_000, "folder/leer.txt": b""}


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2], ids=str
)
def test_a_zip_gives_what_was_put_in(method: int) -> None:
    assert contents(make_zip(FILES, method), Kind.ZIP) == FILES


@pytest.mark.parametrize(
    ("kind", "pack"),
    [
        (Kind.TAR, bytes),
        (Kind.GZIP, gzip.compress),
        (Kind.BZIP2, bz2.compress),
        (Kind.XZ, lzma.compress),
    ],
)
def test_a_tar_gives_what_was_put_in_however_it_is_packed(
    kind: Kind, pack: Callable[[bytes], bytes]
) -> None:
    data = pack(make_tar(FILES))

    assert container_kind(data[:1024], "x") is kind
    assert contents(data, kind, "a.tar") == FILES


def test_a_compressed_file_alone_is_called_after_its_archive() -> None:
    assert contents(gzip.compress(b"text"), Kind.GZIP, "notes.txt.gz") == {"notes.txt": b"text"}


def test_compressed_parts_in_a_row_are_one_file_and_junk_behind_them_is_ignored() -> None:
    data = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 100 + b"junk"

    assert contents(data, Kind.GZIP, "a.gz") == {"a": b"one two"}


def test_members_know_when_they_were_changed() -> None:
    data = make_zip({"a": b""})

    (member,) = members(io.BytesIO(data), Kind.ZIP, "a.zip", Allowance(0))

    assert member.modified_at == datetime(2024, 5, 17, 10, 30, tzinfo=UTC)


def test_a_zip_with_something_in_front_of_it_can_be_read() -> None:
    assert contents(b"#!/bin/sh\n" * 100 + make_zip(FILES), Kind.ZIP) == FILES


def test_the_directory_of_a_zip64_is_found() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(66_000):
            archive.writestr(f"{number}", b"")

    assert sum(1 for _ in zip_names(out, 100_000)) == 66_000


def test_hidden_files_and_folders_of_an_archive_are_left_out() -> None:
    files = {"a": b"1", ".b": b"2", ".c/d": b"3", "__MACOSX/._a": b"4", "e/~$f.docx": b"5"}

    assert contents(make_zip(files), Kind.ZIP) == {"a": b"1"}


@pytest.mark.parametrize(
    "name",
    ["../a", "/etc/passwd", "a/../../b", "..\\a", "C:\\a", "c:a", "\\\\server\\share", "a/.."],
)
@pytest.mark.parametrize("kind", [Kind.ZIP, Kind.TAR])
def test_a_path_that_climbs_out_costs_only_its_member(kind: Kind, name: str) -> None:
    make = make_zip if kind is Kind.ZIP else make_tar
    data = make({"before": b"1", name: b"2", "behind": b"3"})

    found = contents(data, kind)

    assert found.pop("before") == b"1"
    assert found.pop("behind") == b"3"
    assert list(found.values()) == ["[unsafe_path]"]


@settings(deadline=None)
@given(st.text())
def test_a_name_that_is_accepted_stays_inside_the_archive(raw: str) -> None:
    name = safe_name(raw)

    for shown in [name] if name is not None else [refused_name(raw)]:
        assert ".." not in shown.split("/")
        assert shown
        assert not shown.startswith("/")
        assert shown.isprintable() or not any(ord(c) < 32 or c in "\x7f\u202e" for c in shown)
        shown.encode("utf-8")


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b.txt", "..", ".", "", "C:", "~"]), max_size=6))
def test_a_safe_name_is_its_own_safe_name(parts: list[str]) -> None:
    name = safe_name("/".join(parts))

    assert name is None or safe_name(name) == name


@pytest.mark.parametrize(
    ("path", "hidden"),
    [("a/b", False), (".a/b", True), ("a/.b", True), ("~$a", True), ("./a", False), ("a.b", False)],
)
def test_hidden_paths_are_known(path: str, hidden: bool) -> None:
    assert is_hidden(path) is hidden


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar_are_refused(kind: bytes) -> None:
    def change(info: tarfile.TarInfo) -> None:
        if info.name == "link":
            info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    data = make_tar({"a": b"1", "link": b"", "b": b"2"}, change)

    assert contents(data, Kind.TAR) == {"a": b"1", "link": "[unsafe_path]", "b": b"2"}


def test_links_in_a_zip_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")

    assert contents(out.getvalue(), Kind.ZIP) == {"link": "[unsafe_path]"}


def test_devices_in_a_tar_are_refused() -> None:
    def change(info: tarfile.TarInfo) -> None:
        info.type = tarfile.CHRTYPE

    assert contents(make_tar({"null": b""}, change), Kind.TAR) == {"null": "[unsupported]"}


def test_an_encrypted_member_is_refused() -> None:
    data = bytearray(make_zip({"a": b"1", "b": b"2"}))
    entry = data.index(b"PK\x01\x02")
    data[entry + 8] |= 1

    assert contents(bytes(data), Kind.ZIP) == {"a": "[encrypted]", "b": b"2"}


def test_a_member_of_unknown_packing_is_refused() -> None:
    data = make_zip({"a": b"1"}, zipfile.ZIP_LZMA)

    assert contents(data, Kind.ZIP) == {"a": "[unsupported]"}


def test_a_member_larger_than_allowed_is_refused() -> None:
    data = make_zip({"a": bytes(range(256)) * 100, "b": b"2"}, zipfile.ZIP_STORED)

    assert contents(data, Kind.ZIP, max_bytes=1000) == {"a": "[too_large]", "b": b"2"}


def test_a_member_that_swells_is_a_bomb_and_costs_only_itself() -> None:
    data = make_zip({"bomb": bytes(20 << 20), "b": b"2"})

    assert contents(data, Kind.ZIP, max_bytes=30 << 20) == {"bomb": "[zip_bomb]", "b": b"2"}


def test_a_bomb_that_lies_about_its_size_is_noticed_while_it_swells() -> None:
    data = bytearray(make_zip({"bomb": bytes(20 << 20)}))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<L", data, entry + 24, 10)

    assert contents(bytes(data), Kind.ZIP, max_bytes=1 << 20) == {"bomb": "[zip_bomb]"}


def test_members_that_share_their_bytes_swell_against_one_allowance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.parse_members, "MIN_ALLOWANCE", 1 << 20)
    data = make_zip({f"{i}": bytes(300_000) for i in range(10)})

    with pytest.raises(Exhausted, match="swells beyond 1 MiB") as caught:
        contents(data, Kind.ZIP)

    assert caught.value.reason is Reason.ZIP_BOMB


def test_too_many_members_end_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.parse_members, "MAX_MEMBERS", 3)

    with pytest.raises(Exhausted, match="more than 3 members"):
        contents(make_zip({f"{i}": b"" for i in range(5)}), Kind.ZIP)


def test_a_compressed_tar_that_swells_ends_without_filling_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks.parse_members, "MIN_ALLOWANCE", 1 << 20)
    data = gzip.compress(make_tar({"skipped": bytes(40 << 20), "a": b"1"}))
    tracemalloc.start()

    with pytest.raises(Exhausted):
        contents(data, Kind.GZIP, max_bytes=100)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_an_outsized_tar_header_is_refused() -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 50 << 20
    data = gzip.compress(info.tobuf() + bytes(50 << 20))

    with pytest.raises(Unreadable, match="a tar header takes more than") as caught:
        contents(data, Kind.GZIP)

    assert caught.value.reason is Reason.ZIP_BOMB


def test_a_truncated_tar_gives_what_came_before() -> None:
    data = gzip.compress(make_tar({"a": b"1", "b": bytes(range(256)) * 1000}))[:-200]
    allowance = Allowance(len(data))
    found = members(io.BytesIO(data), Kind.GZIP, "a.tgz", allowance)

    assert read_member(next(found), 1 << 20, allowance) == b"1"
    with pytest.raises(Unreadable) as caught:
        read_member(next(found), 1 << 20, allowance)
    assert caught.value.reason is Reason.CORRUPT


def test_a_truncated_zip_is_corrupt() -> None:
    with pytest.raises(Unreadable, match="no directory at its end"):
        contents(make_zip(FILES)[:-30], Kind.ZIP)


def test_a_damaged_member_costs_only_itself() -> None:
    data = bytearray(make_zip({"a": b"one" * 99, "b": b"two"}, zipfile.ZIP_STORED))
    data[60] ^= 1

    assert contents(bytes(data), Kind.ZIP) == {"a": "[corrupt]", "b": b"two"}


@settings(deadline=None)
@given(st.binary(max_size=400), st.integers(0, 10_000), st.binary(min_size=1, max_size=20))
def test_no_damage_makes_the_reader_fail_otherwise_than_by_a_reason(
    text: bytes, position: int, junk: bytes
) -> None:
    for kind, data in (
        (Kind.ZIP, make_zip({"a": text, "b": b"x"})),
        (Kind.TAR, make_tar({"a": text, "b": b"x"})),
        (Kind.GZIP, gzip.compress(make_tar({"a": text}))),
        (Kind.XZ, lzma.compress(text)),
    ):
        at = position % len(data)
        broken = data[:at] + junk + data[at + len(junk) :]
        with contextlib.suppress(Unreadable):
            contents(broken, kind, max_bytes=100_000)


def test_names_in_utf_8_without_the_flag_and_in_gbk_are_read() -> None:
    for raw, name in (("größe".encode(), "größe"), ("审计文件".encode("gbk"), "审计文件")):
        data = make_zip({"x" * len(raw): b"1"}).replace(b"x" * len(raw), raw)

        assert contents(data, Kind.ZIP) == {name: b"1"}


def test_checksums_are_verified() -> None:
    data = bytearray(make_zip({"a": b"1"}))
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<L", data, entry + 16, zlib.crc32(b"other"))

    assert contents(bytes(data), Kind.ZIP) == {"a": "[corrupt]"}
