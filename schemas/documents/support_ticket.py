"""The extraction schema of a support ticket."""

from datetime import date
from typing import ClassVar, Literal

from schemas.documents.base import DocumentSchema, extracted


class SupportTicket(DocumentSchema):
    """A support ticket or complaint: a customer reports a problem with a product or service."""

    signals: ClassVar[tuple[str, ...]] = (
        "ticket",
        "ticket id",
        "support",
        "customer",
        "reported by",
        "priority",
        "issue",
        "problem",
        "opened",
        "störung",
        "kunde",
        "priorität",
        "problème",
        "priorité",
        "demande d'assistance",
    )

    ticket_id: str | None = extracted(
        "The identifier of the ticket.",
        labels=("Ticket", "Ticket ID", "Case", "Ticketnummer", "Vorgang", "Numéro de ticket"),
        max_length=60,
    )
    opened_at: date | None = extracted(
        "The day the ticket was opened.",
        labels=("Opened", "Created", "Date", "Eröffnet", "Erstellt", "Ouvert le"),
    )
    customer: str | None = extracted(
        "The customer who reports the problem: a person or a company.",
        labels=("Customer", "Reported by", "Kunde", "Client", "Requester"),
        max_length=200,
    )
    product: str | None = extracted(
        "The product or service the problem is about.",
        labels=("Product", "Service", "Produkt", "Produit"),
        max_length=200,
    )
    category: Literal["billing", "technical", "delivery", "account", "other"] | None = extracted(
        "What the problem is about: money and invoices, something that does not work, a shipment, "
        "access to an account, or something else.",
        labels=("Category", "Kategorie", "Catégorie"),
    )
    priority: Literal["low", "normal", "high", "urgent"] | None = extracted(
        "How urgent it is.", labels=("Priority", "Priorität", "Priorité")
    )
    summary: str | None = extracted(
        "The problem in one sentence.",
        source="inferred",
        labels=("Subject", "Betreff", "Objet", "Summary"),
        max_length=300,
    )
