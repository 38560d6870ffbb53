"""The extraction schema of a contract."""

from datetime import date
from typing import ClassVar

from schemas.documents.base import DocumentSchema, Duration, extracted


class Contract(DocumentSchema):
    """A contract or agreement between two or more parties, with terms that bind them."""

    signals: ClassVar[tuple[str, ...]] = (
        "agreement",
        "contract",
        "parties",
        "governing law",
        "hereinafter",
        "whereas",
        "effective date",
        "term",
        "termination",
        "vertrag",
        "vertragsparteien",
        "laufzeit",
        "kündigungsfrist",
        "anwendbares recht",
        "contrat",
        "les parties",
        "droit applicable",
        "durée",
        "préavis",
    )

    title: str | None = extracted(
        "The title of the contract, as printed.", labels=("Title",), max_length=200
    )
    parties: list[str] | None = extracted(
        "Every party of the contract, by its name.",
        labels=("Between", "Party", "Parties", "Zwischen", "Entre"),
        max_length=200,
    )
    effective_date: date | None = extracted(
        "The day on which the contract becomes binding.",
        labels=("Effective date", "Dated", "Beginn", "Date d'effet"),
    )
    term: Duration | None = extracted(
        "How long the contract runs.",
        labels=("Term", "Duration", "Laufzeit", "Durée"),
    )
    notice_period: Duration | None = extracted(
        "How long before its end notice must be given.",
        labels=("Notice period", "Notice", "Kündigungsfrist", "Préavis"),
    )
    governing_law: str | None = extracted(
        "The state or country whose law governs the contract.",
        labels=("Governing law", "Laws of", "Anwendbares Recht", "Droit applicable"),
        max_length=100,
    )
