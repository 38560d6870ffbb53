"""What is a file, going by its content first and by its name second?"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

HEAD_BYTES = 1024
"""How much of a file `container_kind` wants to see."""

_OOXML = "application/vnd.openxmlformats-officedocument"
DOCX = f"{_OOXML}.wordprocessingml.document"
XLSX = f"{_OOXML}.spreadsheetml.sheet"
XLSB = "application/vnd.ms-excel.sheet.binary.macroEnabled.12"
PPTX = f"{_OOXML}.presentationml.presentation"
ODP = "application/vnd.oasis.opendocument.presentation"


class Kind(StrEnum):
    """Which parser, or which archive reader, takes a file."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"
    EMAIL = "email"
    PDF = "pdf"
    DOCX = "docx"
    ODP = "odp"
    OFFICE = "office"
    IMAGE = "image"
    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    MBOX = "mbox"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What a file is. `media_type` of an unsupported file is a phrase such as `a 7z archive`."""

    kind: Kind
    media_type: str


_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)

_FOREIGN = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive (repack it as zip or tar.gz)"),
    (b"Rar!\x1a\x07", "a RAR archive (repack it as zip or tar.gz)"),
    (b"\x28\xb5\x2f\xfd", "a zstd file (repack it as zip or tar.gz)"),
    (b"ITSF", "a compiled help file"),
    (b"\x78\x9f\x3e\x22", "a TNEF attachment"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PAR1", "a Parquet table"),
    (b"OggS", "an audio or video file"),
    (b"ID3", "an audio or video file"),
    (b"\xca\xfe\xba\xbe", "a program"),
)

_TEXT_TYPES = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".xml": "application/xml",
    ".tex": "application/x-latex",
    ".rst": "text/x-rst",
}
_PLAIN_SUFFIXES = frozenset({".txt", ".text", ".log", *_TEXT_TYPES})
_MAIL_SUFFIXES = frozenset({".eml", ".mht", ".mhtml", ".emlx", ".mbox", ".msg"})

_MBOX_LINE = re.compile(rb"From \S.{0,200}?\d\d?:\d\d.{0,40}\d{4}[^\n]{0,40}\r?\n[!-9;-~]{1,76}:")
_MAIL_HEADER = re.compile(
    r"^(from|to|cc|subject|date|message-id|received|return-path|mime-version|content-type"
    r"|delivered-to|reply-to|x-[a-z-]+|dkim-signature|authentication-results):",
    re.IGNORECASE | re.MULTILINE,
)
_FIRST_HEADER = re.compile(r"[!-9;-~]{1,76}:[ \t\r\n]")
_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}\?>\s*|<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_HTML_TAG = re.compile(r"<(?:html|head|body|title|div|p|table|h[1-6]|a|br)\b[^<>]{0,400}>", re.I)
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


def container_kind(head: bytes, name: str) -> Kind | None:
    """Which archive or mailbox a file is that begins with `head`; null for anything else.

    A zip may still be a document; `zip_document` tells.
    """
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return Kind.ZIP
    if head.startswith(b"\x1f\x8b\x08"):
        return Kind.GZIP
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return Kind.BZIP2
    if head.startswith(b"\xfd7zXZ\x00"):
        return Kind.XZ
    if is_tar(head):
        return Kind.TAR
    if head.startswith(b"From ") and _MBOX_LINE.match(head):
        return Kind.MBOX
    # A mailbox may begin with blank lines.
    if name.lower().endswith(".mbox") and _MBOX_LINE.match(head.lstrip()):
        return Kind.MBOX
    return None


def is_tar(head: bytes) -> bool:
    """Whether `head` is a tar header with a valid checksum (old tars have no magic word)."""
    if len(head) < 512 or not head[0]:
        return False
    try:
        claimed = int(head[148:156].strip(b"\x00 ") or b"x", 8)
    except ValueError:
        return False
    return claimed == sum(head[:148]) + 8 * 32 + sum(head[156:512])


def zip_document(names: Iterable[str], mimetype: str | None = None) -> Sniffed | None:
    """Which document a zip with these members is; null if it is an archive of documents.

    Args:
        names: Names of the members, from the central directory; read only as far as needed.
        mimetype: Content of a member called `mimetype`, if the zip begins with one.
    """
    if mimetype:
        if mimetype.startswith(ODP):
            return Sniffed(Kind.ODP, ODP)
        if mimetype.startswith("application/"):
            return Sniffed(Kind.OFFICE, mimetype)
    parts = {"word/": DOCX, "xl/": XLSX, "ppt/": PPTX, "visio/": ""}
    is_ooxml, found = False, None
    for name in names:
        if name == "[Content_Types].xml":
            is_ooxml = True
        elif name in ("META-INF/MANIFEST.MF", "AndroidManifest.xml"):
            return Sniffed(Kind.UNSUPPORTED, "a Java archive")
        elif name.startswith("Index/") and name.endswith(".iwa"):
            return Sniffed(Kind.UNSUPPORTED, "an iWork document (export it as PDF)")
        elif name == "index.apxl" or (name == "index.xml" and found is None):
            found = found or "iwork"
        elif name == "xl/workbook.bin":
            found = XLSB
        elif found != XLSB and name.split("/", 1)[0] + "/" in parts:
            found = parts[name.split("/", 1)[0] + "/"]
    if found == "iwork" and not is_ooxml:
        return Sniffed(Kind.UNSUPPORTED, "an iWork document (export it as PDF)")
    if not is_ooxml:
        return None
    if found == DOCX:
        return Sniffed(Kind.DOCX, DOCX)
    if found:
        return Sniffed(Kind.OFFICE, found)
    return Sniffed(Kind.UNSUPPORTED, "an office package of unknown content")


def broken_zip_document(head: bytes, name: str) -> Sniffed | None:
    """Which document a damaged zip most likely was, going by its first members and its name."""
    suffix = PurePosixPath(name.lower()).suffix
    by_suffix = {".docx": DOCX, ".docm": DOCX, ".xlsx": XLSX, ".xlsm": XLSX, ".pptx": PPTX}
    for part, media_type in ((b"word/", DOCX), (b"xl/", XLSX), (b"ppt/", PPTX)):
        if part in head:
            return Sniffed(Kind.DOCX if media_type == DOCX else Kind.OFFICE, media_type)
    if suffix in by_suffix or b"[Content_Types].xml" in head:
        media_type = by_suffix.get(suffix, DOCX)
        return Sniffed(Kind.DOCX if media_type == DOCX else Kind.OFFICE, media_type)
    if b"mimetypeapplication/" in head[:120]:
        return Sniffed(Kind.OFFICE, "application/vnd.oasis.opendocument.text")
    return None


def sniff(data: bytes, name: str) -> Sniffed:
    """What a whole document that is no archive is; zips go through `zip_document` instead."""
    suffix = PurePosixPath(name.lower()).suffix
    if b"%PDF" in data[:1024]:
        return Sniffed(Kind.PDF, "application/pdf")
    for magic, media_type in _IMAGES:
        if data.startswith(magic):
            return Sniffed(Kind.IMAGE, media_type)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Sniffed(Kind.IMAGE, "image/webp")
    if (
        data[:2] == b"BM"
        and len(data) > 26
        and struct.unpack_from("<I", data, 14)[0] in (12, 40, 124)
    ):
        return Sniffed(Kind.IMAGE, "image/bmp")
    if data.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _sniff_ole(data, suffix)
    if data[:3] in (b"\x09\x08\x10", b"\x09\x04\x06", b"\x09\x02\x06") and b"\x00" in data[:16]:
        return Sniffed(Kind.OFFICE, "application/vnd.ms-excel")
    if data[:2] == b"\x09\x08" and b"\x00" in data[:16]:
        return Sniffed(Kind.OFFICE, "application/vnd.ms-excel")
    if data.lstrip()[:5] == b"{\\rtf":
        return Sniffed(Kind.OFFICE, "application/rtf")
    for magic, phrase in _FOREIGN:
        if data.startswith(magic):
            return Sniffed(Kind.UNSUPPORTED, phrase)
    # Before the question whether it is text: a message may carry binary parts as they are.
    if _looks_like_mail(head_text(data), suffix):
        return Sniffed(Kind.EMAIL, "message/rfc822")
    if not is_text(data):
        hint = f" (its name ends with {suffix})" if suffix else ""
        return Sniffed(Kind.UNSUPPORTED, f"binary data of no known format{hint}")
    return _sniff_text(head_text(data), suffix)


def _sniff_ole(data: bytes, suffix: str) -> Sniffed:
    """Old office files name their content in the directory of their compound file."""
    kinds = (
        (".msg", "__properties_version1.0", "application/vnd.ms-outlook"),
        (".doc", "WordDocument", "application/msword"),
        (".ppt", "PowerPoint Document", "application/vnd.ms-powerpoint"),
        (".xls", "Workbook", "application/vnd.ms-excel"),
        (".xls", "Book", "application/vnd.ms-excel"),
    )
    if "EncryptedPackage".encode("utf-16-le") in data:
        return Sniffed(Kind.OFFICE, "encrypted")
    # One kind may be embedded in another: the name decides between those that are there.
    for _, stream, media_type in sorted(kinds, key=lambda kind: kind[0] != suffix[:4]):
        if stream.encode("utf-16-le") in data:
            return Sniffed(Kind.OFFICE, media_type)
    for own, _, media_type in kinds:
        if own == suffix[:4]:
            return Sniffed(Kind.OFFICE, media_type)
    return Sniffed(Kind.UNSUPPORTED, "an OLE compound file of unknown content")


def _sniff_text(head: str, suffix: str) -> Sniffed:
    if _HTML_START.match(head):
        return Sniffed(Kind.HTML, "text/html")
    start = head.lstrip()[:1]
    if start in ("{", "[") and suffix in (".json", ".geojson", ".jsonld", ""):
        return Sniffed(Kind.JSON, "application/json")
    if suffix in (".html", ".htm", ".xhtml") and _HTML_TAG.search(head):
        return Sniffed(Kind.HTML, "text/html")
    if suffix in _TEXT_TYPES:
        return Sniffed(Kind.TEXT, _TEXT_TYPES[suffix])
    if head.lstrip().startswith("<?xml"):
        return Sniffed(Kind.TEXT, "application/xml")
    if start == "<" and suffix not in _PLAIN_SUFFIXES and len(_HTML_TAG.findall(head)) > 2:
        return Sniffed(Kind.HTML, "text/html")
    return Sniffed(Kind.TEXT, "text/plain")


def _looks_like_mail(head: str, suffix: str) -> bool:
    """Messages begin with headers; a file that is not called a message must show more than one."""
    head = head.lstrip("\ufeff \t\r\n")
    if not _FIRST_HEADER.match(head):
        return False
    if suffix in _MAIL_SUFFIXES:
        return True
    block = re.split(r"\r?\n\r?\n", head, maxsplit=1)[0]
    names = {match.group(1).lower() for match in _MAIL_HEADER.finditer(block)}
    if "mime-version" in names and "from" in names:
        return True
    if names & {"received", "return-path"} and names & {"from", "message-id"}:
        return True
    return suffix == "" and len(names & {"from", "to", "subject", "date", "message-id"}) >= 3


def bom_encoding(data: bytes) -> str | None:
    """The encoding that a byte order mark at the start of `data` declares, if there is one."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    return None


def wide_encoding(data: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte of Western text is then zero."""
    sample = data[:4096]
    if len(sample) < 16 or b"\x00" not in sample:
        return None
    for encoding, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if zeros.count(0) > 0.7 * len(zeros) and sample.count(0) < 0.6 * len(sample):
            return encoding
    return None


def is_text(data: bytes) -> bool:
    """Whether `data` is text in some encoding, going by its control characters."""
    if bom_encoding(data) or wide_encoding(data):
        return True
    sample = data[:65536]
    if not sample:
        return True
    odd = len(sample) - len(
        sample.translate(None, bytes([*range(7), *range(14, 27), 28, 29, 30, 31]))
    )
    return odd <= 0.005 * len(sample) and sample.count(0) * 500 <= len(sample)


def head_text(data: bytes) -> str:
    """The beginning of a text, decoded well enough to look at its mark-up."""
    sample = data[:8192]
    encoding = bom_encoding(data) or wide_encoding(data)
    if encoding:
        return sample.decode(encoding, "replace")
    return sample.decode("latin-1")
