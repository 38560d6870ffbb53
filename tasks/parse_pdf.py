"""What does a PDF say, page by page, and what do its pages look like where it says nothing?"""

from collections.abc import Iterator
from typing import Any

from tasks.parse_errors import Reason, Unreadable

PAGE_BREAK = "\n\f\n"
_OCR_DPI = 200
_MAX_PIXELS = 40_000_000


def pdf_text(data: bytes) -> tuple[str, int]:
    """The text layer of a PDF with its pages parted by `PAGE_BREAK`, and how many pages it has.

    What has been filled into form fields counts as text. A page that cannot be read is empty.

    Raises:
        Unreadable: encrypted, or corrupt (no page can be read).
    """
    document = _open(data)
    try:
        has_form = document.get_formtype() in (1, 2, 3)
        if has_form:
            document.init_forms()
        pages, readable = [], 0
        for index in range(len(document)):
            text = _page_text(document, index, has_form)
            readable += text is not None
            pages.append((text or "").strip())
        if not readable:
            raise Unreadable.of(Reason.CORRUPT, "the PDF has no page that can be read")
        return PAGE_BREAK.join(pages).strip("\n\f "), len(pages)
    finally:
        document.close()


def page_images(data: bytes) -> Iterator[bytes]:
    """The pages of a PDF as grey pictures (PGM), for OCR."""
    document = _open(data)
    try:
        for index in range(len(document)):
            page = document[index]
            width, height = page.get_size()
            scale = _OCR_DPI / 72
            if width * height * scale * scale > _MAX_PIXELS:
                scale = (_MAX_PIXELS / (width * height)) ** 0.5
            bitmap = page.render(scale=scale, grayscale=True)
            row = memoryview(bitmap.buffer).cast("B")
            pixels = b"".join(
                row[y * bitmap.stride : y * bitmap.stride + bitmap.width]
                for y in range(bitmap.height)
            )
            yield b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + pixels
            page.close()
    finally:
        document.close()


def _open(data: bytes) -> Any:
    import pypdfium2  # type: ignore[import-untyped]

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower() or "security" in str(error).lower():
            raise Unreadable.of(
                Reason.ENCRYPTED, "the PDF asks for a password; save it without one"
            ) from None
        raise Unreadable.of(Reason.CORRUPT, f"the PDF cannot be opened: {_plain(error)}") from None


def _page_text(document: Any, index: int, has_form: bool) -> str | None:
    import pypdfium2

    try:
        page = document[index]
        if has_form:
            # Draws the filled fields onto the page, so that they are part of its text.
            page.flatten()
            page.close()
            page = document[index]
        text: str = page.get_textpage().get_text_bounded()
        page.close()
    except pypdfium2.PdfiumError:
        return None
    # PDFium marks a hyphen at the end of a line with U+FFFE; the word goes on in the next line.
    return text.replace("\ufffe\r\n", "-\n").replace("\ufffe", "-")


def _plain(error: Exception) -> str:
    return str(error).removeprefix("Failed to load document ").strip(" ().").lower() or "damaged"
