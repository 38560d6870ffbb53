"""What do spreadsheets, slides, RTF, Outlook messages and older office files say?"""

import re
from typing import Any

from tasks.parse_errors import Reason, Unreadable

_NAMES = {
    "application/vnd.ms-outlook": "Outlook message",
    "application/msword": "Word document",
    "application/vnd.ms-excel": "Excel workbook",
    "application/vnd.ms-powerpoint": "PowerPoint presentation",
    "application/rtf": "RTF document",
}
# [MS-PPT] 2.3.2: the header token of a presentation that is encrypted.
_PPT_ENCRYPTED = b"\xdf\xc4\xd1\xf3"


def office_text(data: bytes, media_type: str) -> tuple[str, int | None]:
    """The text of an office file as kreuzberg reads it, and its pages, sheets or slides if known.

    Rows of a table are lines with their cells parted by tabs; a sheet begins with its name.

    Raises:
        Unreadable: encrypted, corrupt or unsupported.
    """
    name = _NAMES.get(media_type, "document")
    if media_type == "encrypted" or _is_encrypted_ole(data, media_type):
        raise _encrypted(name)
    import kreuzberg

    config = kreuzberg.ExtractionConfig(
        use_cache=False,
        enable_quality_processing=False,
        disable_ocr=True,  # type: ignore[call-arg]
        output_format="plain",
        concurrency=kreuzberg.ConcurrencyConfig(max_threads=1),
    )
    try:
        result = kreuzberg.extract_bytes_sync(data, media_type, config=config)
    except kreuzberg.ValidationError:
        raise Unreadable.of(
            Reason.UNSUPPORTED, f"no parser reads {media_type}; export it as PDF or text"
        ) from None
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    # A panic of the Rust library arrives as an exception outside of `Exception`.
    except BaseException as error:
        what = _first_sentence(error)
        if re.search(r"password|encrypt", what, re.IGNORECASE):
            raise _encrypted(name) from None
        raise Unreadable.of(Reason.CORRUPT, f"the {name} is damaged: {what}") from None
    metadata: Any = result.metadata
    if media_type == "application/vnd.ms-outlook":
        return _with_missing_headers(result.content, metadata), None
    pages = metadata.get("sheet_count") or metadata.get("slide_count") or metadata.get("page_count")
    return _tabbed(result.content, result.tables), pages


def _with_missing_headers(content: str, metadata: Any) -> str:
    """Add the message id and the attachments, which the library knows but does not print."""
    head, _, body = content.partition("\n\n")
    if metadata.get("message_id"):
        head += f"\nMessage-ID: {metadata['message_id']}"
    if metadata.get("attachments"):
        head += f"\nAttachments: {'; '.join(map(str, metadata['attachments']))}"
    return f"{head.replace(chr(10) + 'CC: ', chr(10) + 'Cc: ')}\n\n{body}"


def _tabbed(content: str, tables: Any) -> str:
    """Put tabs between the cells of table rows, which the library parts by spaces."""
    pieces, position = [], 0
    for table in tables:
        for row in table.cells:
            if len(row) < 2:
                continue
            plain = " ".join(row)
            found = content.find(plain, position)
            if found < 0 or not plain.strip():
                continue
            pieces += [content[position:found], "\t".join(_cell(cell) for cell in row).rstrip("\t")]
            position = found + len(plain)
    text = "".join([*pieces, content[position:]])
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def _cell(value: str) -> str:
    # A day without a time of day is stored as midnight.
    return " ".join(value.split()).removesuffix(" 00:00:00")


def _is_encrypted_ole(data: bytes, media_type: str) -> bool:
    if not data.startswith(b"\xd0\xcf\x11\xe0"):
        return False
    if media_type == "application/vnd.ms-powerpoint":
        return _PPT_ENCRYPTED in data
    if media_type == "application/msword":
        # [MS-DOC] 2.5.2: bit 8 of the flags in the header of the WordDocument stream, which
        # begins on a sector.
        for start in range(512, min(len(data), 1 << 20), 512):
            if data[start : start + 2] == b"\xec\xa5":
                return bool(data[start + 11] & 1)
    return False


def _encrypted(name: str) -> Unreadable:
    return Unreadable.of(Reason.ENCRYPTED, f"the {name} asks for a password; save it without one")


def _first_sentence(error: BaseException) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text.removeprefix("ParsingError: ")[:200].rstrip(".")
