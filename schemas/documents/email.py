"""The extraction schema of an e-mail message."""

from datetime import datetime
from typing import ClassVar

from schemas.documents.base import DocumentSchema, extracted


class Email(DocumentSchema):
    """An e-mail message or letter between people: sender, recipients, subject and body."""

    signals: ClassVar[tuple[str, ...]] = (
        "from:",
        "to:",
        "subject:",
        "sent:",
        "cc:",
        "dear",
        "hi",
        "kind regards",
        "best regards",
        "message-id:",
        "von:",
        "an:",
        "betreff:",
        "mit freundlichen grüßen",
        "de:",
        "objet:",
        "cordialement",
    )

    sender: str | None = extracted(
        "The e-mail address the message was sent from.",
        required=True,
        labels=("From", "Sender", "Von", "De"),
        max_length=320,
    )
    recipients: list[str] | None = extracted(
        "The e-mail addresses the message was sent to.",
        labels=("To", "An", "À"),
        max_length=320,
    )
    subject: str | None = extracted(
        "The subject line.", labels=("Subject", "Betreff", "Objet"), max_length=500
    )
    sent_at: datetime | None = extracted(
        "When the message was sent.", labels=("Date", "Sent", "Gesendet", "Datum", "Envoyé")
    )
    message_id: str | None = extracted(
        "The Message-ID without its angle brackets.", labels=("Message-ID",), max_length=500
    )
    attachments: list[str] | None = extracted(
        "The file names of the attachments.",
        labels=("Attachments", "Anlagen", "Pièces jointes"),
        max_length=300,
    )
