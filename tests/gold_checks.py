"""What a gold folder is held to: notation, arithmetic, and values that stand in the documents.

Documents are read here by means that share nothing with the pipeline's own parsers.
"""

import email
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from email.header import decode_header, make_header
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pypdfium2

from schemas.documents import shipped_type
from schemas.fields import FieldSource, FieldSpec, FieldType

NOTATIONS = {
    FieldType.STRING: r"\S(.*\S)?",
    FieldType.DECIMAL: r"-?\d+\.\d\d",
    FieldType.DATE: r"\d{4}-\d\d-\d\d",
    FieldType.DATETIME: r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
    FieldType.DURATION: r"1 (day|week|month|year)|(?!1 )[1-9]\d* (days|weeks|months|years)",
    FieldType.CATEGORY: r"[a-z]+",
}
MONTHS = (
    ("January", "Januar", "janvier"),
    ("February", "Februar", "février"),
    ("March", "März", "mars"),
    ("April", "April", "avril"),
    ("May", "Mai", "mai"),
    ("June", "Juni", "juin"),
    ("July", "Juli", "juillet"),
    ("August", "August", "août"),
    ("September", "September", "septembre"),
    ("October", "Oktober", "octobre"),
    ("November", "November", "novembre"),
    ("December", "Dezember", "décembre"),
)
UNITS = {
    "day": ("day", "tage", "jour"),
    "week": ("week", "woche", "semaine"),
    "month": ("month", "monat", "mois"),
    "year": ("year", "jahr", "an"),
}
NUMBERS = {1: "un", 2: "zwei", 3: "drei trois", 4: "four quatre", 6: "six sechs"}


def read_labels(folder: Path) -> list[dict[str, Any]]:
    with (folder / "labels.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def by_file(label: dict[str, Any]) -> str:
    return str(label["file"])


def files_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def document_text(data: bytes, name: str) -> str:
    if data.startswith(b"%PDF"):
        return "\n".join(p.get_textpage().get_text_bounded() for p in pypdfium2.PdfDocument(data))
    match Path(name).suffix:
        case ".docx":
            nodes = docx.Document(BytesIO(data)).element.body.iter()
            ends = {"t": "", "p": "\n", "br": "\n"}
            tags = ((node, node.tag.rsplit("}")[-1]) for node in nodes if "}" in str(node.tag))
            return "".join(
                ends[t] + ((n.text or "") if t == "t" else "") for n, t in tags if t in ends
            )
        case ".xlsx":
            rows = openpyxl.load_workbook(BytesIO(data)).active.iter_rows(values_only=True)
            return "\n".join(" ".join(map(printed_cell, row)) for row in rows)
        case ".rtf":
            text = re.sub(r"\\u(-?\d+)\?", lambda m: chr(int(m[1]) % 65536), data.decode("ascii"))
            return re.sub(r"\\[a-z]+-?\d* ?|[{}]", " ", text)
        case ".html":
            return html.unescape(re.sub(r"<[^>]+>", " ", data.decode()))
        case ".eml":
            return "\n".join(message_parts(data))
        case _:
            return data.decode()


def printed_cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    return f"{value:.2f}" if isinstance(value, int | float) else str(value or "")


def message_parts(data: bytes) -> Iterator[str]:
    message = email.message_from_bytes(data)
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        yield str(make_header(decode_header(message[name] or "")))
    for part in message.walk():
        yield str(part.get_filename() or "")
        if part.get_content_maintype() == "text":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            yield content.decode(part.get_content_charset() or "ascii")


def plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def letters(text: str) -> str:
    return "".join(c for c in plain(text) if c.isalnum())


def notations(spec: FieldSpec, value: str) -> list[str]:
    """The ways in which the sample documents print a value."""
    match spec.type:
        case FieldType.DATE:
            return list(date_notations(date.fromisoformat(value)))
        case FieldType.DATETIME:
            moment = datetime.fromisoformat(value)
            clock, offset = f"{moment:%H:%M:%S}", f"{moment:%z}"
            printed = [f"{text} {clock} {offset}" for text in date_notations(moment.date())]
            return [*printed, value, format_datetime(moment).split(", ")[1]]
        case FieldType.DECIMAL:
            english = f"{abs(Decimal(value)):,.2f}"
            german = english.translate(str.maketrans(",.", ".,"))
            amounts = [*(english.replace(",", c) for c in (",", "", "'")), german]
            amounts.append(german.replace(".", ""))
            signs = ("-", "-£") if value.startswith("-") else ("",)
            return [sign + amount for sign in signs for amount in amounts]
        case FieldType.DURATION:
            number, unit = value.split()
            words = [number, f"({number})", *NUMBERS.get(int(number), "").split()]
            return [word + name for word in words for name in UNITS[unit.removesuffix("s")]]
        case _:
            return []


def date_notations(day: date) -> Iterator[str]:
    d, m, y, short = day.day, day.month, day.year, day.year % 100
    yield from (day.isoformat(), f"{d:02}.{m:02}.{y}", f"{d:02}/{m:02}/{y}")
    yield from (f"{d:02}.{m:02}.{short}", f"{d:02}/{m:02}/{short}", f"{d:02}-{day:%b}-{y}")
    for name in (*MONTHS[m - 1], f"{day:%b}"):
        yield from (f"{d} {name} {y}", f"{d}. {name} {y}", f"{d}er {name} {y}", f"{name} {d}, {y}")
    yield f"{d}th day of {MONTHS[m - 1][0]}, {y}"


def stands(spec: FieldSpec, value: str, text: str) -> bool:
    """Whether the text prints the value, with no digit directly before or behind it."""
    if spec.type is FieldType.STRING:
        return letters(value) in letters(text)
    end = "" if spec.type is FieldType.DURATION else r"(?!\d)"
    return any(
        re.search(rf"(?<!\d){spaced(notation)}{end}", plain(text))
        for notation in notations(spec, value)
    )


def spaced(notation: str) -> str:
    """A pattern for `notation` that lets white space, or none, stand between its characters."""
    return r"\s*".join(re.escape(c) for c in plain(notation) if not c.isspace())


def printed_values(label: dict[str, Any]) -> Iterator[tuple[FieldSpec, str]]:
    """The values of a document that must stand in it; totals in words are beyond this test."""
    for spec in shipped_type(label["type"]).fields:
        value = label["fields"][spec.name]
        in_words = "total in words only" in label["hard"] and spec.name in ("total", "grand_total")
        if spec.source is FieldSource.TEXT and not in_words:
            for single in value if isinstance(value, list) else [value]:
                if single is not None:
                    yield spec, single


def missing_values(label: dict[str, Any], data: bytes) -> list[tuple[str, str, str]]:
    """What the label says and the document, given by its bytes, does not: file, field, value."""
    text = document_text(data, by_file(label))
    values = printed_values(label)
    return [(by_file(label), spec.name, v) for spec, v in values if not stands(spec, v, text)]


def label_faults(labels: list[dict[str, Any]]) -> list[str]:
    """What is wrong with the labels themselves, be it notation, completeness or arithmetic."""
    return [f"{label['file']}: {fault}" for label in labels for fault in faults_of(label)]


def faults_of(label: dict[str, Any]) -> Iterator[str]:
    fields = label["fields"]
    document_type = shipped_type(label["type"])
    if list(fields) != [spec.name for spec in document_type.fields]:
        yield f"fields {list(fields)}"
        return
    misread = [s.name for s in document_type.fields if not is_canonical(s, fields[s.name])]
    if misread:
        yield f"notation of {misread}"
        return
    for spec in document_type.fields:
        value = fields[spec.name]
        parts = [fields[name] for name in spec.sum_of]
        if parts and None not in parts and sum(map(Decimal, parts)) != Decimal(value):
            yield f"{spec.name} {value} is not the sum of {parts}"
        if spec.not_before and value and value < (fields[spec.not_before] or ""):
            yield f"{spec.name} lies before {spec.not_before}"


def is_canonical(spec: FieldSpec, value: object) -> bool:
    if isinstance(value, list) is not spec.multi or (spec.required and not value):
        return False
    singles = value if isinstance(value, list) else [] if value is None else [value]
    pattern = spec.pattern or "|".join(spec.choices) or NOTATIONS[spec.type]
    return all(isinstance(v, str) and re.fullmatch(pattern, v) for v in singles)
