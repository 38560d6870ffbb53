"""The document types that ship with docmill, by name."""

from schemas.documents.base import DocumentSchema
from schemas.documents.contract import Contract
from schemas.documents.email import Email
from schemas.documents.generic import Generic
from schemas.documents.invoice import Invoice
from schemas.documents.receipt import Receipt
from schemas.documents.support_ticket import SupportTicket
from schemas.fields import DocumentType

SHIPPED: dict[str, type[DocumentSchema]] = {
    "invoice": Invoice,
    "receipt": Receipt,
    "contract": Contract,
    "support_ticket": SupportTicket,
    "email": Email,
    "generic": Generic,
}


def shipped_type(name: str) -> DocumentType:
    """The shipped document type called `name`; `KeyError` when docmill ships none of that name."""
    return SHIPPED[name].document_type()
