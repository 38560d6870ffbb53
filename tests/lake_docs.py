"""Plausible documents with what is to be found in them, made from a seed."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any


@dataclass
class Doc:
    """One document with what extraction is to have found in it: field -> (value, quote)."""

    uri: str
    text: str
    document_type: str | None
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    failure: tuple[str, str] | None = None

    @property
    def doc_id(self) -> str:
        return f"{random.Random(self.uri + self.text).getrandbits(80):020x}"


def make_docs(count: int = 24, seed: int = 1) -> list[Doc]:
    """Plausible documents of four types."""
    rng = random.Random(seed)
    makers = (_invoice, _receipt, _ticket, _contract)
    return [makers[min(3, int(rng.random() ** 1.4 * 4))](rng, number) for number in range(count)]


_COMPANIES = (
    "Harbour & Finch Ltd", "Weidmann Feinmechanik GmbH", "Atelier Roussel SARL", "Brightwater Labs",
    "Kestrel Print Works", "Oakridge Supplies", "Møller Café A/S", "Tannhof Logistik AG",
)  # fmt: skip
_SHOPS = ("Corner Bakery", "Bahnhof Buchhandlung", "Le Petit Marché", "Northgate Fuel")
_PRODUCTS = ("Scanner S2", "Portal", "Label printer", "Mobile app")


def _invoice(rng: random.Random, number: int) -> Doc:
    issued = date(2026, 1, 1) + timedelta(days=rng.randrange(185))
    net = Decimal(rng.randrange(4_000, 900_000)) / 100
    tax = (net * Decimal("0.2")).quantize(Decimal("0.01"))
    currency = rng.choice(("EUR", "EUR", "EUR", "GBP", "CHF"))
    seller, buyer = rng.sample(_COMPANIES, 2)
    code = f"INV-{2026_000 + number}"
    text = (
        f"{seller}\nInvoice No: {code}\nInvoice date: {issued:%d %B %Y}\nBill to: {buyer}\n\n"
        f"Subtotal   {currency} {net:,.2f}\nVAT   {tax:,.2f}\nTotal   {net + tax:,.2f}\n"
    )
    fields: dict[str, tuple[Any, Any]] = {
        "invoice_number": (code, code),
        "issue_date": (issued, f"{issued:%d %B %Y}"),
        "seller_name": (seller, seller),
        "buyer_name": (buyer, buyer) if number % 6 else (None, None),
        "currency": (currency, None),
        "net_total": (net, f"{net:,.2f}"),
        "tax_total": (tax, f"{tax:,.2f}"),
        "grand_total": (net + tax, f"{net + tax:,.2f}"),
    }
    failure = (
        ("invalid_answer", "grand_total is required and no tier found one")
        if (number % 17 == 9)
        else None
    )
    return Doc(f"invoices/{code}.pdf", text, "invoice", fields, failure)


def _receipt(rng: random.Random, number: int) -> Doc:
    bought = date(2026, 3, 1) + timedelta(days=rng.randrange(120))
    total = Decimal(rng.randrange(150, 9_000)) / 100
    shop = rng.choice(_SHOPS)
    method = rng.choice(("cash", "card", "card", "mobile"))
    text = f"{shop}\n{bought.isoformat()} receipt {number}\nTotal EUR {total}\npaid by {method}\n"
    return Doc(
        f"receipts/{number:04}.txt",
        text,
        "receipt",
        {
            "merchant": (shop, shop),
            "purchase_date": (bought, bought.isoformat()),
            "total": (total, str(total)),
            "currency": ("EUR", "EUR"),
            "payment_method": (method, method),
        },
    )


def _ticket(rng: random.Random, number: int) -> Doc:
    opened = date(2026, 4, 1) + timedelta(days=rng.randrange(90))
    product = rng.choice(_PRODUCTS)
    category = rng.choice(("billing", "technical", "technical", "delivery"))
    priority = rng.choice(("low", "normal", "normal", "high", "urgent"))
    text = (
        f"Ticket T-{number}\nOpened {opened.isoformat()}\nProduct: {product}\nIt does not work.\n"
    )
    return Doc(
        f"inbox/ticket-{number}.eml",
        text,
        "support_ticket",
        {
            "ticket_id": (f"T-{number}", f"T-{number}"),
            "opened_at": (opened, opened.isoformat()),
            "product": (product, product),
            "category": (category, None),
            "priority": (priority, None),
            "summary": ("It does not work.", "It does not work."),
        },
    )


def _contract(rng: random.Random, number: int) -> Doc:
    first, second = rng.sample(_COMPANIES, 2)
    law = rng.choice(("England", "Germany", "Germany", "France"))
    text = f"Agreement {number} between {first} and {second}.\nGoverned by the laws of {law}.\n"
    return Doc(
        f"contracts/{number}.docx",
        text,
        "contract",
        {
            "title": (f"Agreement {number}", f"Agreement {number}"),
            "parties": ([first, second], [first, second]),
            "governing_law": (law, law),
        },
    )
