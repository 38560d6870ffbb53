"""How the PDF, DOCX, XLSX, RTF and broken files of `sample_docs/documents` are written.

    python benchmarks/make_sample_docs.py [FOLDER]

The other sample documents are plain text of one kind or another and stand there as they were
written; so do their labels. The same pages give the same bytes, so a rebuild changes nothing.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from document_writers.blocks import Page
from document_writers.office_formats import as_docx, as_xlsx
from document_writers.pdf_format import as_pdf
from document_writers.text_formats import as_rtf
from sample_pages import (
    contracts_office,
    contracts_pdf,
    invoices_office,
    invoices_pdf,
    mail,
    receipts,
    tickets,
)
from sample_pages.odd import odd_files

DOCUMENTS = Path(__file__).parents[1] / "sample_docs" / "documents"

_MODULES = (
    invoices_pdf,
    invoices_office,
    receipts,
    contracts_pdf,
    contracts_office,
    tickets,
    mail,
)
_WRITERS: dict[str, Callable[[Page], bytes]] = {
    ".pdf": as_pdf,
    ".docx": as_docx,
    ".xlsx": as_xlsx,
    ".rtf": as_rtf,
}


def rendered() -> dict[str, bytes]:
    """Every sample document that is written by code: path below `documents/`, and bytes."""
    pages: dict[str, Page] = {}
    for module in _MODULES:
        pages |= module.PAGES
    written = {path: _WRITERS[Path(path).suffix](page) for path, page in pages.items()}
    return written | odd_files(written)


def main() -> int:
    """Write the documents below the folder named on the command line."""
    parser = argparse.ArgumentParser(description="Rebuild the binary sample documents.")
    parser.add_argument("folder", nargs="?", type=Path, default=DOCUMENTS)
    folder: Path = parser.parse_args().folder
    documents = rendered()
    for path, data in documents.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    print(f"{len(documents)} documents written below {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
