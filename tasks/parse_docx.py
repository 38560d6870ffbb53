"""What does a Word or OpenDocument file say, paragraph by paragraph?

Own readers for two formats: kreuzberg 4.10 drops `&`, `<` and `>` from Word text as well as headers
and footers, where letterheads stand, and does not know OpenDocument presentations.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

from tasks.parse_errors import Reason, Unreadable

_MAX_PART_BYTES = 256 << 20
_WORD_NAME = re.compile(r"word/(document|header|footer|footnotes|endnotes)(\d*)\.xml")
_SKIPPED = frozenset(
    {"Fallback", "instrText", "delText", "del", "moveFrom", "pPr", "sectPr", "tblPr"}
)


def docx_text(data: bytes) -> str:
    """The text of a DOCX: headers first, body, notes, footers; cells of a row parted by tabs.

    Raises:
        Unreadable: corrupt, or zip_bomb where a part swells beyond all measure.
    """
    with _package(data) as package:
        parts: dict[str, list[str]] = {"header": [], "document": [], "notes": [], "footer": []}
        for name in sorted(package.namelist()):
            match = _WORD_NAME.fullmatch(name)
            if not match:
                continue
            role = "notes" if match.group(1).endswith("notes") else match.group(1)
            text = "\n".join(_word_blocks(_part(package, name))).strip()
            if text and text not in parts[role]:
                parts[role].append(text)
    return "\n\n".join(text for texts in parts.values() for text in texts)


def odp_text(data: bytes) -> tuple[str, int]:
    """The text of an OpenDocument presentation, slides parted by empty lines, and their number.

    Raises:
        Unreadable: as `docx_text`.
    """
    with _package(data) as package:
        if "content.xml" not in package.namelist():
            raise Unreadable.of(Reason.CORRUPT, "the presentation has no content.xml")
        root = _part(package, "content.xml")
    pages = [node for node in root.iter() if _local(node) == "page"]
    slides = [
        "\n".join(
            line for node in page.iter() if _local(node) in ("p", "h") and (line := _odf_line(node))
        )
        for page in pages
    ]
    return "\n\n".join(slide for slide in slides if slide), len(pages)


def _package(data: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Unreadable.of(
            Reason.CORRUPT, f"the document is damaged or cut off: {str(error).lower()}"
        ) from None


def _part(package: zipfile.ZipFile, name: str) -> ElementTree.Element:
    try:
        with package.open(name) as stream:
            source = stream.read(_MAX_PART_BYTES + 1)
        if len(source) > _MAX_PART_BYTES:
            raise Unreadable.of(
                Reason.ZIP_BOMB, f"{name} inside the document swells beyond {_MAX_PART_BYTES} bytes"
            )
        return ElementTree.fromstring(source)  # noqa: S314 - expat 2.4+ bounds entities; sandboxed
    except ElementTree.ParseError as error:
        raise Unreadable.of(
            Reason.CORRUPT, f"{name} inside the document is not valid XML: {error}"
        ) from None
    except (
        zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, OSError
    ) as error:  # fmt: skip
        raise Unreadable.of(
            Reason.CORRUPT, f"{name} inside the document is damaged: {str(error).lower()}"
        ) from None
    except RuntimeError:
        raise Unreadable.of(
            Reason.ENCRYPTED, "the document is encrypted; save it without a password"
        ) from None


def _local(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def _value(node: ElementTree.Element, name: str) -> str | None:
    return next((v for k, v in node.attrib.items() if k.rpartition("}")[2] == name), None)


def _word_blocks(node: ElementTree.Element) -> Iterator[str]:
    """The lines below `node`: a paragraph or a table row each."""
    for child in node:
        match _local(child):
            case "p":
                yield "".join(_inline(child)).rstrip()
                # Text boxes are anchored inside a paragraph and are blocks of their own.
                for box in _boxes(child):
                    yield from _word_blocks(box)
            case "tbl":
                for row in _rows(child):
                    yield "\t".join(_cell(cell) for cell in _cells(row))
                yield ""
            case local if local not in _SKIPPED:
                yield from _word_blocks(child)


def _rows(table: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for child in table:
        if _local(child) == "tr":
            yield child
        elif _local(child) not in _SKIPPED:
            yield from _rows(child)


def _cells(row: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for child in row:
        if _local(child) == "tc":
            yield child
        elif _local(child) not in _SKIPPED:
            yield from _cells(child)


def _cell(cell: ElementTree.Element) -> str:
    return " ".join(" ".join(_word_blocks(cell)).split())


def _boxes(paragraph: ElementTree.Element) -> Iterator[ElementTree.Element]:
    for child in paragraph:
        if _local(child) == "txbxContent":
            yield child
        elif _local(child) not in _SKIPPED:
            yield from _boxes(child)


def _inline(node: ElementTree.Element) -> Iterator[str]:
    for child in node:
        match _local(child):
            case "t":
                yield child.text or ""
            case "tab" | "ptab":
                yield "\t"
            case "br" | "cr":
                yield "\n" if _value(child, "type") in (None, "textWrapping") else ""
            case "noBreakHyphen":
                yield "-"
            case "txbxContent":
                pass
            case "r" if _is_hidden(child):
                pass
            case local if local not in _SKIPPED:
                yield from _inline(child)


def _is_hidden(run: ElementTree.Element) -> bool:
    properties = next((child for child in run if _local(child) == "rPr"), None)
    if properties is None:
        return False
    vanish = next((child for child in properties if _local(child) == "vanish"), None)
    return vanish is not None and _value(vanish, "val") not in ("0", "false", "off")


def _odf_line(node: ElementTree.Element) -> str:
    pieces = [node.text or ""]
    for child in node:
        match _local(child):
            case "s":
                pieces.append(" " * min(int(_value(child, "c") or 1), 100))
            case "tab":
                pieces.append("\t")
            case "line-break":
                pieces.append("\n")
            case _:
                pieces.append(_odf_line(child))
        pieces.append(child.tail or "")
    return "".join(pieces)
