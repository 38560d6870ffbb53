"""How does one document become text, whatever its format?"""

import io
import math
import zipfile
from dataclasses import dataclass

from tasks.parse_errors import Reason, Unreadable
from tasks.parse_text import decode, json_lines, normalise
from tasks.sniffing import Kind, Sniffed, broken_zip_document, sniff, zip_document

VERSION = "1"
"""Raise it when texts come out otherwise than before: every document is then parsed (and asked)
again. A new release of a library alone is no reason."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A document as text.

    Attributes:
        text: Normalised text (see `parse_text.normalise`), never blank.
        media_type: What the content is, whatever its name says.
        pages: Pages, slides or sheets; null where there is no such thing.
        parser: `<kind>/<VERSION>`, with `+cut<n>` where only the first n characters were kept.
    """

    text: str
    media_type: str
    pages: int | None
    parser: str


def estimate_tokens(text: str) -> int:
    """Roughly how many tokens a text is: a quarter of its characters, rounded up."""
    return math.ceil(len(text) / 4)


def is_current(parser: str, max_chars: int) -> bool:
    """Whether a text that `parser` made is what parsing would make of the same bytes today."""
    version = parser.partition("/")[2]
    return version in (VERSION, f"{VERSION}+cut{max_chars}")


def parse(data: bytes, name: str, *, max_chars: int) -> Parsed:
    """Turn a document into text. To be called in a sandbox: parsers hang and crash.

    Args:
        data: The bytes; they decide what the document is.
        name: Its file name, a hint where the bytes leave it open.
        max_chars: Keep at most this many characters of the text.

    Raises:
        Unreadable: with the class of the dead letter and a sentence.
    """
    if not data:
        raise Unreadable.of(Reason.EMPTY, "the file is empty")
    found = _what_is(data, name)
    try:
        text, pages, kind = _text_of(data, found)
    except RecursionError:
        raise Unreadable.of(Reason.TOO_DEEP, "its parts are nested too deep to be read") from None
    text = normalise(text)
    if not text.strip():
        raise Unreadable.of(Reason.EMPTY, _nothing(found))
    parser = f"{kind}/{VERSION}"
    if len(text) > max_chars:
        text, parser = text[:max_chars], f"{parser}+cut{max_chars}"
        if not text.strip():
            raise Unreadable.of(Reason.EMPTY, f"its first {max_chars} characters are blank")
    return Parsed(text, found.media_type, pages, parser)


def _what_is(data: bytes, name: str) -> Sniffed:
    if not data.startswith(b"PK"):
        return sniff(data, name)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            names = package.namelist()
            mimetype = None
            if names and names[0] == "mimetype":
                mimetype = package.read("mimetype")[:200].decode("ascii", "replace").strip()
            found = zip_document(names, mimetype) or broken_zip_document(b"", name)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        found = broken_zip_document(data[:4096], name)
    return found or Sniffed(Kind.UNSUPPORTED, "a zip archive that cannot be opened here")


def _text_of(data: bytes, found: Sniffed) -> tuple[str, int | None, str]:
    """The text, the number of pages, and the kind of reading that brought it."""
    match found.kind:
        case Kind.TEXT:
            return decode(data, _xml_encoding(data)), None, "text"
        case Kind.JSON:
            return json_lines(decode(data)), None, "json"
        case Kind.HTML:
            from tasks.parse_html import html_text

            return html_text(data), None, "html"
        case Kind.EMAIL:
            from tasks.mail import message_text

            return message_text(data), None, "email"
        case Kind.PDF:
            return _pdf(data)
        case Kind.DOCX:
            from tasks.parse_docx import docx_text

            return docx_text(data), None, "docx"
        case Kind.ODP:
            from tasks.parse_docx import odp_text

            text, pages = odp_text(data)
            return text, pages, "odp"
        case Kind.OFFICE:
            from tasks.parse_office import office_text

            text, count = office_text(data, found.media_type)
            return text, count, "office"
        case Kind.IMAGE:
            from tasks.parse_image import ocr

            return "\n".join(ocr([data], "picture")), 1, "ocr"
        case _:
            raise Unreadable.of(
                Reason.UNSUPPORTED, f"it is {found.media_type}; no parser reads that"
            )


def _pdf(data: bytes) -> tuple[str, int, str]:
    from tasks.parse_pdf import PAGE_BREAK, page_images, pdf_text

    text, pages = pdf_text(data)
    if text.strip():
        return text, pages, "pdf"
    from tasks.parse_image import ocr

    return PAGE_BREAK.join(ocr(page_images(data), "PDF")).strip("\n\f "), pages, "pdf-ocr"


def _xml_encoding(data: bytes) -> str | None:
    if not data.startswith(b"<?xml"):
        return None
    from tasks.parse_html import declared_encoding

    return declared_encoding(data)


def _nothing(found: Sniffed) -> str:
    if found.kind in (Kind.IMAGE, Kind.PDF):
        return f"no text was found in it ({found.media_type}), not even by OCR"
    return f"it holds no text ({found.media_type})"
