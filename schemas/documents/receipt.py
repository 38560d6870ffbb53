"""The extraction schema of a receipt."""

from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal

from schemas.documents.base import DocumentSchema, extracted


class Receipt(DocumentSchema):
    """A receipt of a shop, restaurant or station: something was bought and paid on the spot."""

    signals: ClassVar[tuple[str, ...]] = (
        "receipt",
        "cash",
        "change",
        "cashier",
        "thank you",
        "card payment",
        "till",
        "kassenbon",
        "quittung",
        "beleg",
        "bar",
        "rückgeld",
        "ticket de caisse",
        "espèces",
        "rendu",
        "caisse",
    )

    merchant: str | None = extracted(
        "The shop or company that issued the receipt, as printed.",
        labels=("Merchant", "Store", "Shop", "Company"),
        max_length=200,
    )
    purchase_date: date | None = extracted(
        "The day of the purchase.", labels=("Date", "Datum", "Date d'achat")
    )
    address: str | None = extracted(
        "The address of the shop, as printed, on one line.",
        labels=("Address", "Adresse"),
        max_length=300,
    )
    total: Decimal | None = extracted(
        "The total that was paid.",
        required=True,
        labels=("Total", "Amount", "Grand total", "Summe", "Gesamt", "Total TTC", "À payer"),
    )
    currency: str | None = extracted(
        "The currency of the total, as an ISO 4217 code.",
        source="inferred",
        pattern=r"[A-Z]{3}",
    )
    payment_method: Literal["cash", "card", "mobile", "voucher", "other"] | None = extracted(
        "How it was paid.", labels=("Paid by", "Payment", "Zahlung", "Paiement")
    )
