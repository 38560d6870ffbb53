"""The extraction schema of an invoice."""

from datetime import date
from decimal import Decimal
from typing import ClassVar

from schemas.documents.base import DocumentSchema, extracted


class Invoice(DocumentSchema):
    """An invoice or credit note: a seller asks a buyer to pay for goods or services, with a number,
    dates, amounts and tax."""

    signals: ClassVar[tuple[str, ...]] = (
        "invoice",
        "invoice number",
        "invoice date",
        "credit note",
        "bill to",
        "amount due",
        "payment terms",
        "vat",
        "rechnung",
        "rechnungsnummer",
        "rechnungsdatum",
        "zahlbar",
        "mwst",
        "facture",
        "numéro de facture",
        "tva",
        "échéance",
    )

    invoice_number: str | None = extracted(
        "The number the seller gave this invoice.",
        labels=("Invoice No", "Invoice number", "Rechnungsnummer", "Rechnung Nr", "Facture n°"),
        max_length=60,
    )
    issue_date: date | None = extracted(
        "The day the invoice was issued.",
        labels=("Invoice date", "Date of issue", "Rechnungsdatum", "Date de facture", "Date"),
    )
    due_date: date | None = extracted(
        "The day by which it is to be paid.",
        labels=("Due date", "Payable by", "Fällig am", "Zahlbar bis", "Échéance"),
        not_before="issue_date",
    )
    seller_name: str | None = extracted(
        "The company that sells and sends the invoice.",
        labels=("Seller", "From", "Supplier", "Verkäufer", "Lieferant", "Vendeur", "Fournisseur"),
        max_length=200,
    )
    seller_vat_id: str | None = extracted(
        "The seller's VAT or tax identification number.",
        labels=("VAT ID", "VAT No", "Tax ID", "USt-IdNr", "N° TVA"),
        max_length=40,
    )
    buyer_name: str | None = extracted(
        "The company or person the invoice is addressed to.",
        labels=("Bill to", "Buyer", "Customer", "Rechnung an", "Kunde", "Client", "Facturé à"),
        max_length=200,
    )
    currency: str | None = extracted(
        "The currency of the amounts, as an ISO 4217 code.",
        source="inferred",
        pattern=r"[A-Z]{3}",
    )
    net_total: Decimal | None = extracted(
        "The sum before tax.",
        labels=("Subtotal", "Net total", "Net amount", "Nettobetrag", "Summe netto", "Total HT"),
    )
    tax_total: Decimal | None = extracted(
        "The sum of the taxes.",
        labels=("VAT", "Tax", "Sales tax", "MwSt", "Umsatzsteuer", "TVA"),
    )
    grand_total: Decimal | None = extracted(
        "The total with tax.",
        required=True,
        labels=("Total", "Grand total", "Total due", "Amount due", "Gesamtbetrag", "Total TTC"),
        sum_of=("net_total", "tax_total"),
    )
