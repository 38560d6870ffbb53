"""How to get as many documents as wanted, of the same kinds as `sample_docs`, with their labels.

    python benchmarks/make_documents.py OUT --count 10000 --seed 1 [--formats txt,eml] [--text-only]
        [--types invoice,receipt]

Writes a gold folder: `documents/` in folders by date, `labels.jsonl`, `fields.json` and
`docmill.yaml`. The same count, seed and choices give the same bytes; every document differs from
every other. One document is held in memory at a time.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random

from document_templates.contracts import contract
from document_templates.draft import Draft
from document_templates.emails import email
from document_templates.invoices import invoice
from document_templates.receipts import receipt
from document_templates.tickets import support_ticket
from document_writers.blocks import Page
from document_writers.html_format import as_html
from document_writers.mail_format import as_eml
from document_writers.text_formats import as_csv, as_json, as_markdown, as_rtf, as_text

SAMPLES = Path(__file__).parents[1] / "sample_docs"

TEXT_FORMATS = ("txt", "md", "html", "eml", "csv", "json")
"""What can be read without a parser for office files or PDF."""

FORMATS = (*TEXT_FORMATS, "rtf", "pdf", "docx", "xlsx")

_TEMPLATES: dict[str, Callable[[Random, int, str, date], Draft]] = {
    "invoice": invoice,
    "receipt": receipt,
    "contract": contract,
    "support_ticket": support_ticket,
    "email": email,
}

# How often a type comes in a format. Office files and PDFs are rare because writing one takes as
# long as writing a hundred of the others.
# One column per entry of `FORMATS`.
_SHARES: dict[str, tuple[int, ...]] = {
    "invoice": (24, 8, 26, 0, 12, 16, 3, 6, 2, 3),
    "receipt": (48, 8, 24, 0, 6, 8, 2, 3, 1, 0),
    "contract": (48, 20, 20, 0, 0, 0, 4, 5, 3, 0),
    "support_ticket": (28, 16, 20, 0, 8, 20, 2, 3, 1, 2),
    "email": (10, 2, 6, 80, 0, 0, 0, 1, 1, 0),
}
_LANGUAGES = (("en", "de", "fr"), (60, 25, 15))


def make_documents(
    out: Path,
    *,
    count: int,
    seed: int,
    formats: tuple[str, ...],
    since: date,
    days: int,
    types: tuple[str, ...] = tuple(_SHARES),
) -> None:
    """Write a gold folder of `count` documents to `out`, dated from `since` over `days` days.

    Raises:
        SystemExit: `out` holds something already, or no type comes in any of `formats`.
    """
    if out.exists() and any(out.iterdir()):
        sys.exit(f"{out} is not empty; name a new folder")
    shares = _shares(formats, types)
    out.mkdir(parents=True, exist_ok=True)
    (out / "fields.json").write_bytes((SAMPLES / "fields.json").read_bytes())
    (out / "docmill.yaml").write_text(_job(f"generated-{count}-{seed}"), encoding="utf-8")
    with (out / "labels.jsonl").open("w", encoding="utf-8") as labels:
        for path, data, label in _documents(shares, count, seed, since, days):
            target = out / "documents" / path
            try:
                target.write_bytes(data)
            except FileNotFoundError:
                target.parent.mkdir(parents=True)
                target.write_bytes(data)
            labels.write(json.dumps(label, ensure_ascii=False) + "\n")
            _date_file(target)


def _documents(
    shares: dict[str, dict[str, int]], count: int, seed: int, since: date, days: int
) -> Iterator[tuple[str, bytes, dict[str, object]]]:
    types = tuple(shares)
    for number in range(1, count + 1):
        # A generator of its own, so that a document does not depend on those before it.
        rng = Random(f"{seed}/{number}")
        document_type = rng.choice(types)
        by_format = shares[document_type]
        extension = rng.choices(tuple(by_format), tuple(by_format.values()))[0]
        language = rng.choices(*_LANGUAGES)[0]
        day = since + timedelta(days=rng.randrange(days))
        draft = _TEMPLATES[document_type](rng, number, language, day)
        path = f"{day:%Y/%m/%d}/{number:07}.{extension}"
        yield path, _rendered(draft, extension), _label(path, draft, extension)


def _rendered(draft: Draft, extension: str) -> bytes:
    if extension == "eml":
        assert draft.message is not None  # `_SHARES` gives `eml` to messages alone
        return as_eml(draft.message)
    return _writer(extension)(draft.page)


def _writer(extension: str) -> Callable[[Page], bytes]:
    # The libraries behind PDF and office files are loaded when the first such file is due.
    match extension:
        case "pdf":
            from document_writers.pdf_format import as_pdf

            return as_pdf
        case "docx":
            from document_writers.office_formats import as_docx

            return as_docx
        case "xlsx":
            from document_writers.office_formats import as_xlsx

            return as_xlsx
    return {
        "txt": as_text,
        "md": as_markdown,
        "html": as_html,
        "csv": as_csv,
        "json": as_json,
        "rtf": as_rtf,
    }[extension]


def _label(path: str, draft: Draft, extension: str) -> dict[str, object]:
    fields = dict(draft.fields)
    if draft.document_type == "email" and extension != "eml":
        fields["message_id"] = None  # a printed message shows none
    return {
        "file": path,
        "type": draft.document_type,
        "fields": fields,
        "language": draft.language,
        "hard": [],
        "expect": "extracted",
        "broken": None,
    }


def _shares(formats: tuple[str, ...], types: tuple[str, ...]) -> dict[str, dict[str, int]]:
    chosen: dict[str, dict[str, int]] = {}
    for document_type, shares in _SHARES.items():
        if document_type not in types:
            continue
        pairs = zip(FORMATS, shares, strict=True)
        if wanted := {name: share for name, share in pairs if share and name in formats}:
            chosen[document_type] = wanted
    if not chosen:
        sys.exit(f"no document comes as {', '.join(formats)}; choose among {', '.join(FORMATS)}")
    return chosen


def _job(name: str) -> str:
    """The sample job under another name; its folder hints and its budget do not apply here."""
    lines = (SAMPLES / "docmill.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    start = next(i for i, line in enumerate(lines) if line.startswith("analysis:"))
    types = "".join(f"  - {document_type}\n" for document_type in _TEMPLATES)
    head = f"name: {name}\nsource:\n  path: documents\n  by: path\ntypes:\n{types}\n"
    report = next(i for i, line in enumerate(lines) if line.startswith("report:"))
    return head + "".join(lines[start:report]).rstrip() + "\n"


def _date_file(target: Path) -> None:
    """Give the file the date that its folders name, at nine o'clock UTC."""
    year, month, day = map(int, target.parts[-4:-1])
    made_at = datetime.combine(date(year, month, day), time(9), UTC).timestamp()
    os.utime(target, (made_at, made_at))


def _chosen_formats(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(
                f"unknown format {name!r}; choose among {', '.join(FORMATS)}"
            )
    return names


def _chosen_types(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in _SHARES:
            raise argparse.ArgumentTypeError(
                f"unknown type {name!r}; choose among {', '.join(_SHARES)}"
            )
    return names


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above zero")
    return int(text)


def main() -> int:
    """Read the command line and write the folder."""
    parser = argparse.ArgumentParser(description="Generate documents with gold labels.")
    parser.add_argument("out", type=Path, help="folder to write; must not exist or be empty")
    parser.add_argument("--count", type=_positive, default=10_000, help="documents to write")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other documents")
    parser.add_argument(
        "--formats",
        type=_chosen_formats,
        default=FORMATS,
        help=f"comma-separated, among {','.join(FORMATS)}",
    )
    parser.add_argument("--text-only", action="store_true", help=f"only {', '.join(TEXT_FORMATS)}")
    parser.add_argument(
        "--types",
        type=_chosen_types,
        default=tuple(_SHARES),
        help=f"comma-separated, among {','.join(_SHARES)}",
    )
    parser.add_argument(
        "--since", type=date.fromisoformat, default=date(2026, 1, 1), help="first day, YYYY-MM-DD"
    )
    parser.add_argument("--days", type=_positive, default=181, help="days the dates spread over")
    args = parser.parse_args()
    formats = args.formats
    if args.text_only:
        formats = tuple(name for name in formats if name in TEXT_FORMATS)
    make_documents(
        args.out,
        count=args.count,
        seed=args.seed,
        formats=formats,
        since=args.since,
        days=args.days,
        types=args.types,
    )
    print(f"{args.count} documents written to {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
