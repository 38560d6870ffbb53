"""What a generated receipt looks like."""

from datetime import date
from decimal import Decimal
from random import Random

from document_templates.draft import Draft
from document_templates.names import any_company
from document_templates.notation import printed_date, printed_money, printed_number, random_price
from document_writers.blocks import Heading, Lines, Page, Pairs, Paragraph, Rule, Table

_SHOPS = {
    "en": "Grocers,Cafe,Garage,Bookshop,Chemist,Hardware,Bakery,Garden Centre,Stationers,Inn",
    "de": "Lebensmittel,Café,Tankstelle,Buchhandlung,Apotheke,Baumarkt,Bäckerei,Gärtnerei,Gasthof",
    "fr": ""
    "Épicerie,Café,Station-service,Librairie,Pharmacie,Bricolage,Boulangerie,Jardinerie,Bistrot",
}
_GOODS = {
    "en": "Apples 1 kg,Batteries AA,Black tea,Bread roll,Candles,Cheddar,Coffee beans,Envelopes C5,"
    "Flour 1 kg,Hand soap,Honey,Lamp bulb,Marmalade,Milk 2 l,Notebook A5,Oat biscuits,Olive oil,"
    "Paint brush,Paper towels,Plasters,Potting soil,Screws 4x40,Soup of the day,Sparkling water",
    "de": "Äpfel 1 kg,Batterien AA,Schwarztee,Brötchen,Kerzen,Bergkäse,Kaffeebohnen,Umschläge C5,"
    "Mehl 1 kg,Handseife,Honig,Glühlampe,Marmelade,Milch 1 l,Heft A5,Haferkekse,Olivenöl,Pinsel,"
    "Küchenrolle,Pflaster,Blumenerde,Schrauben 4x40,Tagessuppe,Mineralwasser",
    "fr": "Pommes 1 kg,Piles AA,Thé noir,Petit pain,Bougies,Comté,Café en grains,Enveloppes C5,"
    "Farine 1 kg,Savon,Miel,Ampoule,Confiture,Lait 1 l,Cahier A5,Biscuits,Huile d'olive,Pinceau,"
    "Essuie-tout,Pansements,Terreau,Vis 4x40,Soupe du jour,Eau gazeuse",
}
_WORDS = {
    "en": {
        "title": ("Receipt", "RECEIPT"),
        "date": "Date",
        "total": ("Total", "TOTAL", "Amount"),
        "payment": "Paid by",
        "given": "Cash",
        "change": "Change",
        "till": "Till",
        "header": ("Item", "Qty", "Price", "Sum"),
        "tax": "of which VAT",
    },
    "de": {
        "title": ("Kassenbon", "Quittung", "Beleg"),
        "date": "Datum",
        "total": ("Summe", "Gesamt"),
        "payment": "Zahlung",
        "given": "Bar",
        "change": "Rückgeld",
        "till": "Kasse",
        "header": ("Artikel", "Anzahl", "Preis", "Betrag"),
        "tax": "enthaltene MwSt",
    },
    "fr": {
        "title": ("Ticket de caisse", "Reçu"),
        "date": "Date",
        "total": ("Total TTC", "À payer"),
        "payment": "Paiement",
        "given": "Espèces",
        "change": "Rendu",
        "till": "Caisse",
        "header": ("Article", "Qté", "Prix", "Montant"),
        "tax": "dont TVA",
    },
}
_CARD = {"en": ("card", "Visa"), "de": ("EC-Karte", "Kreditkarte"), "fr": ("carte bancaire", "CB")}
_MOBILE = {"en": "phone (mobile wallet)", "de": "mobil (Telefon)", "fr": "paiement mobile"}
_VOUCHER = {"en": "gift voucher", "de": "Gutschein", "fr": "bon d'achat"}
_FOOTERS = {
    "en": (
        "Thank you for shopping with us.",
        "Goods can be returned within 28 days with this receipt.",
        "Fresh food and cut goods cannot be exchanged.",
        "Tell us how we did at the counter or by post, we read every card.",
        "Collect ten stamps and the next coffee is on the house.",
        "Open every day but Sunday, from seven until half past six.",
    ),
    "de": (
        "Vielen Dank für Ihren Einkauf.",
        "Umtausch innerhalb von 14 Tagen nur mit diesem Beleg.",
        "Frische Ware und Zuschnitte sind vom Umtausch ausgeschlossen.",
        "Sammeln Sie zehn Stempel, der nächste Kaffee geht aufs Haus.",
        "Geöffnet montags bis samstags von sieben bis halb sieben.",
    ),
    "fr": (
        "Merci de votre visite et à bientôt.",
        "Échange sous 15 jours sur présentation du ticket.",
        "Les produits frais ne sont ni repris ni échangés.",
        "Dix tampons et le café suivant est offert par la maison.",
        "Ouvert tous les jours sauf le dimanche, de sept heures à dix-huit heures trente.",
    ),
}
_HUNDREDTH = Decimal("0.01")


def receipt(rng: Random, number: int, language: str, day: date) -> Draft:
    """A receipt of `day` with a number that no other has; its amounts add up."""
    words = _WORDS[language]
    shop = any_company(rng, language)
    merchant = f"{shop.name.split()[0]} {rng.choice(_SHOPS[language].split(','))}"
    currency = "GBP" if language == "en" else "EUR"
    rows: list[tuple[str, ...]] = []
    total = Decimal(0)
    for name in rng.sample(_GOODS[language].split(","), rng.randint(14, 24)):
        quantity, price = rng.choice((1, 1, 1, 2, 2, 3, 6)), random_price(rng, 1, 19)
        total += quantity * price
        printed = printed_number(price, language), printed_number(quantity * price, language)
        rows.append((name, str(quantity), *printed))
    method, paid = _payment(rng, language, total)
    tax = (total - total / Decimal("1.2")).quantize(_HUNDREDTH)
    clock = f"{rng.randint(7, 20):02}:{rng.randint(0, 59):02}"
    head = Pairs(
        (
            (words["date"], f"{printed_date(day, language, rng.randrange(3))} {clock}"),
            (words["till"], f"{rng.randint(1, 12)}"),
            ("Nr" if language == "de" else "No", f"{number:07}"),
        ),
        rng.choice(("left", "across", "left")),
    )
    sums = Pairs(
        (
            (rng.choice(words["total"]), printed_money(total, currency, language)),
            (words["tax"], printed_number(tax, language)),
            *paid,
        ),
        rng.choice(("left", "dots")),
    )
    address = (shop.street, shop.town)
    footer = rng.sample(_FOOTERS[language], rng.randint(3, 5))
    title = rng.choice(words["title"])
    return Draft(
        document_type="receipt",
        language=language,
        fields={
            "merchant": merchant,
            "purchase_date": day.isoformat(),
            "address": ", ".join(address),
            "total": str(total),
            "currency": currency,
            "payment_method": method,
        },
        page=Page(
            f"{title} {number:07}",
            (
                Lines((merchant, *address), rng.choice(("left", "center"))),
                Heading(title, rng.choice((1, 2))),
                head,
                Table(words["header"], tuple(rows), frozenset({1, 2, 3})),
                sums,
                Rule(),
                Paragraph(" ".join(footer)),
            ),
            day,
            language,
        ),
    )


def _payment(rng: Random, language: str, total: Decimal) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The category of the payment, and the lines that a till prints about it."""
    words = _WORDS[language]
    match rng.choice(("cash", "cash", "card", "card", "card", "mobile", "voucher")):
        case "cash":
            given = total.quantize(Decimal(1)) // 10 * 10 + 10
            change = given - total
            return "cash", (
                (words["given"], printed_number(Decimal(given), language)),
                (words["change"], printed_number(change, language)),
            )
        case "card":
            card = rng.choice(_CARD[language])
            return "card", ((words["payment"], f"{card} ****{rng.randint(1000, 9999)}"),)
        case "mobile":
            return "mobile", ((words["payment"], _MOBILE[language]),)
        case _:
            return "voucher", ((words["payment"], _VOUCHER[language]),)
