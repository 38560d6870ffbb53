"""How do bytes become text: encodings, control characters, JSON as lines?"""

import codecs
import json
import re
from collections.abc import Iterator

from tasks.sniffing import bom_encoding, wide_encoding

_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_SAMPLE_BYTES = 32_768

_SEVEN_BIT = frozenset({"iso2022_jp", "iso2022_jp_2", "iso2022_kr", "hz", "utf-7"})

_WESTERN = frozenset("äöüßÄÖÜéèêëàâçîïôûùœáíóúñãõåøæÉÈÀÇÅØÆÑÁÍÓÚ€£§°«»“”„‘’–—…•©®™²³½¡¿·´`¨×")
"""What Western European text has beside ASCII; other texts read as cp1252 show other letters."""

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def normalise(text: str) -> str:
    """The form in which every text is kept; normalising twice changes nothing.

    Line ends become `\\n`, control characters other than tab, line feed and form feed go, lone
    surrogates become U+FFFD, byte order marks at the start go.
    """
    text = _CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATES.sub("\ufffd", text).lstrip("\ufeff")


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode a text whose encoding may be marked, declared, plain or only to be guessed.

    Args:
        data: The bytes.
        declared: An encoding named by the document itself; believed only where it fits.
    """
    marked = bom_encoding(data) or wide_encoding(data)
    if marked:
        return data.decode(marked, "replace")
    known = codec_name(declared)
    if b"\x1b$" in data or known in _SEVEN_BIT:
        # These look like ASCII, and so like UTF-8.
        try:
            return data.decode(known if known in _SEVEN_BIT else "iso2022_jp_ext")
        except UnicodeDecodeError:
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A text that is cut inside a character, or has a stray byte, is still UTF-8.
        nearly_utf8 = not data[: error.start].isascii()
    if known and known != "utf-8":
        try:
            return data.decode(known)
        except (UnicodeDecodeError, ValueError):
            pass
    if nearly_utf8:
        return data.decode("utf-8", "replace")
    return data.decode(guess_encoding(data), "replace")


def codec_name(label: str | None) -> str | None:
    """Python's name for an encoding label; null if there is no such text encoding."""
    if not label:
        return None
    label = label.strip().strip("\"'").lower()
    # What the web and mail programs call Latin-1 and ASCII is cp1252 (WHATWG Encoding Standard).
    if label in ("iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii", "iso8859-1"):
        return "cp1252"
    if label in ("gb2312", "gbk", "x-gbk"):
        return "gb18030"
    if label in ("shift_jis", "shift-jis", "x-sjis"):
        return "cp932"
    try:
        found = codecs.lookup(label)
    except (LookupError, ValueError):
        return None
    return found.name if found._is_text_encoding else None


def guess_encoding(data: bytes) -> str:
    """The likeliest encoding of a text that is not UTF-8 and declares nothing."""
    sample = b"\n".join(_telling_lines(data))
    western = sample.decode("cp1252", "replace")
    foreign = [char for char in western if char > "\x7f"]
    letters = sum(char.isalpha() for char in western)
    usual = sum(char in _WESTERN for char in foreign)
    # Western words have single accented letters, other scripts are made of foreign ones.
    is_sparse = len(foreign) <= 0.2 * letters or not re.search(r"[^\W\x00-\x7f]{3}", western)
    if usual >= 0.9 * len(foreign) and is_sparse:
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return best.encoding if best else "cp1252"


def _telling_lines(data: bytes) -> Iterator[bytes]:
    """The lines that are not ASCII, as much of them as a guess needs."""
    taken = 0
    for line in data.splitlines():
        if not line.isascii():
            yield line[:_SAMPLE_BYTES]
            taken += len(line)
            if taken > _SAMPLE_BYTES:
                return


def json_lines(text: str) -> str:
    """JSON with one value per line and its escapes decoded; numbers stay as written.

    What is no valid JSON, or is on many lines already, comes back as it is.
    """
    if text.count("\n") * 200 > len(text) and "\\u" not in text:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    lines: list[str] = []
    line, depth = "", 0
    for match in _JSON_TOKEN.finditer(text):
        piece = match.group()
        if piece in ("{", "["):
            lines.append(line + piece)
            depth += 1
            line = " " * min(depth, 40)
        elif piece in ("}", "]"):
            if line.strip():
                lines.append(line)
            depth -= 1
            line = " " * min(depth, 40) + piece
        elif piece == ",":
            lines.append(line + piece)
            line = " " * min(depth, 40)
        elif piece == ":":
            line += ": "
        elif piece.startswith('"'):
            line += json.dumps(json.loads(piece, strict=False), ensure_ascii=False)
        else:
            line += piece
    lines.append(line)
    return "\n".join(part for part in lines if part.strip())
