"""The sample documents that are broken or in disguise: path below `documents/`, and bytes."""

import random
from collections.abc import Mapping
from datetime import date

from document_writers.blocks import Heading, Lines, Page, Pairs, Paragraph, Table
from document_writers.office_formats import as_docx
from document_writers.pdf_format import as_pdf

_STRAY = Page(
    "Invoice 00931",
    (
        Heading("Bramhope Tool Hire Ltd"),
        Pairs(
            (
                ("Invoice number", "00931"),
                ("Invoice date", "3 March 2026"),
                ("Payable by", "17 March 2026"),
                ("Buyer", "Tarnbrook Instruments Ltd"),
            )
        ),
        Table(
            ("Hire", "Days", "£"),
            (
                ("Scissor lift, 6 m", "3", "255.00"),
                ("Floor grinder with vacuum", "2", "118.00"),
                ("Delivery and collection", "1", "47.00"),
            ),
            frozenset({1, 2}),
        ),
        Pairs((("Subtotal", "£420.00"), ("VAT", "£84.00"), ("Total", "£504.00"))),
        Lines(("VAT No GB 815 2093 36",)),
    ),
    date(2026, 3, 3),
)

_PAYROLL = Page(
    "Payroll February 2026",
    (
        Heading("Payroll, February 2026"),
        Paragraph("For the finance director only. Thirty-one employees, paid on 27 February."),
    ),
    date(2026, 2, 27),
)

_MINUTES = Page(
    "Minutes of the safety meeting",
    (
        Heading("Safety meeting, 3 March 2026"),
        Paragraph("Present: R. Okafor, T. Brandvold, P. Raman. Apologies: L. Reinders."),
        Paragraph("1. The fire door of the calibration room closes again. 2. New goggles are in."),
    ),
    date(2026, 3, 3),
)


def odd_files(written: Mapping[str, bytes]) -> dict[str, bytes]:
    """The six odd ones; `written` holds the other documents, one of which is copied."""
    minutes = as_docx(_MINUTES)
    return {
        "inbox/bramhope.txt": as_pdf(_STRAY),
        "inbox/scan-0032.pdf": written["receipts/copper-lantern.pdf"],
        "odd/nothing.txt": b"",
        "odd/payroll-2026-02.pdf": as_pdf(_PAYROLL, password="not-in-this-folder"),
        "odd/minutes.docx": minutes[: len(minutes) * 2 // 5],
        "odd/backup.bin": b"\x00\xff\x13\x88" + random.Random("backup").randbytes(3000),
    }
