"""The extraction schema for a folder that nobody described."""

from datetime import date
from typing import ClassVar, Literal

from schemas.documents.base import DocumentSchema, extracted


class Generic(DocumentSchema):
    """Any document at all: what it is, who and when it is about, which amounts and numbers it
    names."""

    signals: ClassVar[tuple[str, ...]] = ()

    kind: (
        Literal[
            "invoice",
            "receipt",
            "contract",
            "message",
            "ticket",
            "report",
            "article",
            "form",
            "table",
            "letter",
            "other",
        ]
        | None
    ) = extracted("What kind of document it is.")
    title: str | None = extracted("The title or subject of the document.", max_length=300)
    parties: list[str] | None = extracted(
        "The people and organisations the document is from, to or about.", max_length=200
    )
    dates: list[date] | None = extracted("The dates the document names.")
    amounts: list[str] | None = extracted(
        "The amounts of money the document names, as printed, with their currency sign.",
        as_printed=True,
        max_length=60,
    )
    identifiers: list[str] | None = extracted(
        "Numbers and codes that identify something: invoice, order, case, account, article.",
        max_length=100,
    )
    summary: str | None = extracted(
        "The document in one sentence.", source="inferred", max_length=400
    )
