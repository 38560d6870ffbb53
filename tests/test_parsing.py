"""Every format becomes text, its content decides which it is, and what cannot be read says why."""

import io
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import docx
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas

from tasks.parse_errors import Unreadable
from tasks.parse_image import ocr_is_available
from tasks.parse_text import normalise
from tasks.parsing import Parsed, is_current, parse
from tasks.sniffing import sniff
from tests.parsed import read, refusal

TRICKY = 'Smith & Sons <b> "q" é 1<2 &amp; 100 €'


def make_pdf(*pages: str, **options: Any) -> bytes:
    out = io.BytesIO()
    page = canvas.Canvas(out, **options)
    for text in pages:
        for line, words in enumerate(text.splitlines()):
            page.drawString(72, 760 - 20 * line, words)
        page.showPage()
    page.save()
    return out.getvalue()


def make_docx(change: Callable[[Any], None]) -> bytes:
    document, out = docx.Document(), io.BytesIO()
    change(document)
    document.save(out)
    return out.getvalue()


def make_xlsx(sheets: dict[str, list[list[object]]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.remove(book["Sheet"])
    for name, lines in sheets.items():
        sheet = book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    book.save(out)
    return out.getvalue()


def make_odf(kind: str, body: str) -> bytes:
    out = io.BytesIO()
    names = "office text table draw presentation"
    spaces = " ".join(
        f'xmlns:{n}="urn:oasis:names:tc:opendocument:xmlns:{n.replace("draw", "drawing")}:1.0"'
        for n in names.split()
    )
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        package.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body>{body}</office:body>"
            "</office:document-content>",
        )
    return out.getvalue()


def make_png() -> bytes:
    """A white picture of 40 by 40 pixels, without any text."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 40, 40, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\xff" * 40) * 40)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


# --- PDF ------------------------------------------------------------------------------------


def test_the_pages_of_a_pdf_are_parted_by_form_feeds() -> None:
    parsed = read(make_pdf("Invoice 17\nTotal 1,234.50", "Second page"))

    assert parsed == Parsed(
        "Invoice 17\nTotal 1,234.50\n\f\nSecond page", "application/pdf", 2, "pdf/1"
    )


def test_what_was_filled_into_a_form_is_part_of_its_text() -> None:
    out = io.BytesIO()
    page = canvas.Canvas(out)
    page.drawString(72, 760, "Name:")
    page.acroForm.textfield(name="n", value="Jane Roe", x=120, y=750, width=200, height=20)
    page.save()

    assert "Jane Roe" in read(out.getvalue()).text


def test_a_pdf_with_a_password_is_encrypted_and_one_without_to_open_is_read() -> None:
    locked = make_pdf("secret", encrypt=StandardEncryption("user", "owner"))
    opened = make_pdf("plain", encrypt=StandardEncryption("", "owner", canCopy=0))

    assert refusal(locked) == (
        "encrypted",
        "the PDF asks for a password; save it without one",
    )
    assert read(opened).text == "plain"


def test_a_broken_pdf_is_corrupt() -> None:
    assert refusal(b"%PDF-1.7\nnothing else")[0] == "corrupt"


def test_a_pdf_without_text_is_read_by_ocr_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")

    assert refusal(make_pdf("")) == (
        "ocr_unavailable",
        "the PDF has no text layer and tesseract is not installed; install it and run again",
    )


def test_a_picture_needs_tesseract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert refusal(make_png(), "scan.png")[0] == "ocr_unavailable"


@pytest.mark.skipif(not ocr_is_available(), reason="tesseract is not installed")
def test_a_picture_without_text_is_empty() -> None:
    assert refusal(make_png())[0] == "empty"


# --- office ---------------------------------------------------------------------------------


def test_a_word_document_keeps_its_letterhead_its_table_and_its_ampersands() -> None:
    def write(document: Any) -> None:
        document.sections[0].header.paragraphs[0].text = "ACME Ltd"
        document.sections[0].footer.paragraphs[0].text = "Bank 12"
        document.add_heading("Title", 1)
        document.add_paragraph(TRICKY)
        table = document.add_table(2, 2)
        for cell, text in zip(table._cells, ["Item\nno", "Price", "", "1.00"], strict=True):
            cell.text = text
        document.add_paragraph("after\tthe table")

    parsed = read(make_docx(write), "a.docx")

    assert parsed.text == (
        f"ACME Ltd\n\nTitle\n{TRICKY}\nItem no\tPrice\n\t1.00\n\nafter\tthe table\n\nBank 12"
    )
    assert parsed.parser == "docx/1"


def test_a_workbook_is_lines_of_cells_under_the_names_of_its_sheets() -> None:
    data = make_xlsx(
        {
            "R & D": [["Name", "Total"], [TRICKY, 19.99], ["x", None, date(2024, 5, 17)]],
            "Second": [["a", 1, True]],
        }
    )

    assert read(data).text == (
        f"R & D\n\nName\tTotal\n{TRICKY}\t19.99\nx\t\t2024-05-17\n\nSecond\n\na\t1\ttrue"
    )


def test_open_document_texts_and_slides_are_read() -> None:
    text = f"<office:text><text:p>{escape(TRICKY)}</text:p></office:text>"
    slides = (
        "<office:presentation><draw:page><text:p>One<text:s text:c='2'/>two</text:p></draw:page>"
        f"<draw:page><text:h>{escape(TRICKY)}</text:h></draw:page></office:presentation>"
    )

    assert read(make_odf("text", text)).text == TRICKY
    parsed = read(make_odf("presentation", slides))
    assert (parsed.text, parsed.pages) == (f"One  two\n\n{TRICKY}", 2)


def test_rich_text_is_read() -> None:
    data = rb"{\rtf1\ansi Smith & Sons <b> \'e9 {\b bold} \u8364?\par Next}"

    assert read(data, "a.txt").text == "Smith & Sons <b> é bold €\n\nNext"


def test_a_truncated_word_document_is_corrupt() -> None:
    data = make_docx(lambda document: document.add_paragraph("x"))

    assert refusal(data[: len(data) // 2], "a.docx")[0] == "corrupt"


def test_a_workbook_without_cells_is_empty() -> None:
    assert refusal(make_xlsx({"Sheet": []}))[0] == "empty"


def test_entities_in_a_word_document_do_not_explode() -> None:
    bomb = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("[Content_Types].xml", "<x/>")
        package.writestr(
            "word/document.xml", f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{bomb}]><x>&a11;</x>'
        )

    assert refusal(out.getvalue())[0] == "corrupt"


# --- what a file is -------------------------------------------------------------------------

SAMPLES: dict[str, tuple[bytes, str]] = {
    "pdf": (make_pdf("x"), "application/pdf"),
    "docx": (
        make_docx(lambda document: document.add_paragraph("x")),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    "xlsx": (
        make_xlsx({"s": [["x", "y"]]}),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    "html": (b"<!DOCTYPE html><html><body><p>x</p></body></html>", "text/html"),
    "mail": (b"MIME-Version: 1.0\nFrom: a@example.org\nSubject: s\n\nx", "message/rfc822"),
    "rtf": (b"{\\rtf1 x}", "application/rtf"),
}


@pytest.mark.parametrize("name", ["x", "x.txt", "x.pdf", "x.docx", "x.html", "x.eml", "x.json"])
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_wrong_name_does_not_matter(kind: str, name: str) -> None:
    data, media_type = SAMPLES[kind]

    assert read(data, name).media_type == media_type


@pytest.mark.parametrize(
    ("data", "name", "media_type"),
    [
        (b"From: a\nSubject: b\n\nx", "post.txt", "text/plain"),
        (b"From: a\nSubject: b\n\nx", "post.eml", "message/rfc822"),
        (b"From: a\nTo: c\nSubject: b\n\nx", "17", "message/rfc822"),
        (b"Note: this is text\n\nx", "note", "text/plain"),
        (b"<p>one</p><p>two</p>", "a.html", "text/html"),
        (b"<?xml version='1.0'?><invoice/>", "a.xml", "application/xml"),
        (b'{"a": 1}', "a.json", "application/json"),
        (b"[section]\nkey = 1", "a.ini", "text/plain"),
        (b"a\tb\n", "a.tsv", "text/tab-separated-values"),
    ],
)
def test_the_name_decides_where_the_content_leaves_it_open(
    data: bytes, name: str, media_type: str
) -> None:
    assert sniff(data, name).media_type == media_type


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "a 7z archive"),
        (b"\x7fELF" + bytes(50), "a program"),
        (bytes(range(256)) * 4, "binary data of no known format"),
    ],
)
def test_what_no_parser_reads_is_named(data: bytes, words: str) -> None:
    reason, message = refusal(data)

    assert (reason, words in message) == ("unsupported", True)


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf", b"<html><p> </p></html>"])
def test_a_document_without_text_is_empty(data: bytes) -> None:
    assert refusal(data, "a.html")[0] == "empty"


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a", "a.html", "a.eml", "a.json", "a.csv"]))
def test_no_bytes_make_parsing_fail_otherwise_than_by_a_reason(data: bytes, name: str) -> None:
    try:
        parsed = read(data, name)
    except Unreadable as problem:
        assert problem.reason  # noqa: PT017 - either outcome will do
    else:
        assert parsed.text.strip()
        assert normalise(parsed.text) == parsed.text


def test_a_text_that_is_cut_says_so() -> None:
    parsed = parse(b"x" * 2000, "a.txt", max_chars=1000)

    assert (len(parsed.text), parsed.parser) == (1000, "text/1+cut1000")


@pytest.mark.parametrize(
    ("parser", "current"),
    [
        ("pdf/1", True),
        ("pdf/1+cut1000", True),
        ("pdf/1+cut99", False),
        ("pdf/0", False),
        ("", False),
    ],
)
def test_a_text_is_current_if_it_would_come_out_the_same(parser: str, current: bool) -> None:
    assert is_current(parser, 1000) is current


def test_a_parser_process_starts_without_heavy_libraries() -> None:
    code = "import sys, tasks.parse_worker; print(*sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[1],
        text=True,
    )

    heavy = {"pyarrow", "pydantic", "polars", "kreuzberg", "pypdfium2", "selectolax", "fsspec"}
    assert not heavy & set(done.stdout.split())
