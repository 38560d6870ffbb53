"""What a generated invoice looks like."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random

from document_templates.draft import Draft
from document_templates.names import any_company
from document_templates.notation import (
    printed_date,
    printed_money,
    printed_number,
    random_price,
)
from document_writers.blocks import (
    Block,
    Columns,
    Heading,
    Lines,
    Page,
    Pairs,
    Paragraph,
    Rule,
    Table,
)

_WORDS = {
    "en": {
        "title": ("Invoice", "INVOICE", "Tax invoice"),
        "number": ("Invoice No", "Invoice number"),
        "date": ("Invoice date", "Date of issue"),
        "due": ("Due date", "Payable by"),
        "buyer": ("Bill to", "Customer"),
        "vat_id": ("VAT No", "VAT ID"),
        "net": ("Subtotal", "Net total", "Net amount"),
        "tax": ("VAT", "VAT at 20%"),
        "total": ("Total", "Total due", "Grand total", "Amount due"),
        "header": ("Description", "Qty", "Unit price", "Amount"),
    },
    "de": {
        "title": ("Rechnung", "RECHNUNG"),
        "number": ("Rechnungsnummer", "Rechnung Nr."),
        "date": ("Rechnungsdatum", "Datum"),
        "due": ("Zahlbar bis", "Fällig am"),
        "buyer": ("Rechnung an", "Kunde"),
        "vat_id": ("USt-IdNr.", "USt-IdNr"),
        "net": ("Nettobetrag", "Summe netto"),
        "tax": ("MwSt. 19 %", "Umsatzsteuer"),
        "total": ("Gesamtbetrag", "Rechnungsbetrag"),
        "header": ("Bezeichnung", "Menge", "Einzelpreis", "Betrag"),
    },
    "fr": {
        "title": ("Facture", "FACTURE"),
        "number": ("Facture n°", "Numéro de facture"),
        "date": ("Date de facture", "Date"),
        "due": ("Échéance", "À régler avant le"),
        "buyer": ("Facturé à", "Client"),
        "vat_id": ("N° TVA", "TVA intracommunautaire"),
        "net": ("Total HT", "Montant HT"),
        "tax": ("TVA 20 %", "TVA"),
        "total": ("Total TTC", "Net à payer"),
        "header": ("Désignation", "Quantité", "Prix unitaire", "Montant"),
    },
}
_RATES = {"en": Decimal("0.20"), "de": Decimal("0.19"), "fr": Decimal("0.20")}

_THINGS = {
    "en": "Bracket,Hinge,Cable drum,Storage bin,Work lamp,Filter cartridge,Shelf,Label roll,Gasket,"
    "Pump,Sensor,Trolley,Ladder,Fan,Cover plate,Bearing,Toner,Drill set,Valve,Glove box",
    "de": "Winkel,Scharnier,Kabeltrommel,Lagerkasten,Arbeitsleuchte,Filterpatrone,Regalboden,"
    "Etikettenrolle,Dichtung,Pumpe,Fühler,Transportwagen,Leiter,Lüfter,Abdeckung,Kugellager,Toner",
    "fr": "Équerre,Charnière,Enrouleur,Bac de stockage,Lampe d'atelier,Cartouche filtrante,Étagère,"
    "Rouleau d'étiquettes,Joint,Pompe,Capteur,Chariot,Échelle,Ventilateur,Capot,Roulement,Vanne",
}
_QUALITIES = {
    "en": "galvanised,stainless,heavy duty,size M,size L,black,grey,set of ten,type A,type B,long",
    "de": "verzinkt,Edelstahl,schwere Ausführung,Größe M,Größe L,schwarz,grau,10 Stück,Typ A,lang",
    "fr": "galvanisé,inox,renforcé,taille M,taille L,noir,gris,lot de dix,type A,type B,long",
}
_TERMS = {
    "en": (
        "Payment within the stated period without deduction, please quote the invoice number.",
        "Goods remain our property until they have been paid for in full.",
        "Complaints about quantity or quality must reach us within eight days of delivery.",
        "Part deliveries are invoiced separately; back orders follow as soon as stock allows.",
        "Pallets and crates on loan are credited when they come back clean and undamaged.",
        "We charge interest at four per cent over base rate on overdue accounts.",
        "Delivery was made carriage paid to the address given in your order.",
        "Prices are those of the list in force on the day of the order.",
    ),
    "de": (
        "Bitte geben Sie bei der Zahlung die Rechnungsnummer an; Zahlung ohne Abzug.",
        "Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum.",
        "Beanstandungen zu Menge oder Güte sind binnen acht Tagen nach Lieferung anzuzeigen.",
        "Teillieferungen werden gesondert berechnet, Rückstände folgen nach Verfügbarkeit.",
        "Leihpaletten und Kisten werden bei sauberer Rückgabe gutgeschrieben.",
        "Das Leistungsdatum entspricht dem Rechnungsdatum, sofern nichts anderes angegeben ist.",
        "Die Lieferung erfolgte frei Haus an die in Ihrer Bestellung genannte Anschrift.",
    ),
    "fr": (
        "Règlement sans escompte, merci de rappeler le numéro de facture.",
        "Les marchandises restent notre propriété jusqu'au paiement intégral du prix.",
        "Toute réclamation doit nous parvenir dans les huit jours suivant la livraison.",
        "Les livraisons partielles sont facturées séparément, les reliquats suivent.",
        "Les palettes consignées sont créditées à leur retour en bon état.",
        "Une indemnité forfaitaire de recouvrement est due en cas de retard de paiement.",
        "La livraison a été effectuée franco à l'adresse de votre commande.",
    ),
}


def invoice(rng: Random, number: int, language: str, day: date) -> Draft:
    """An invoice of `day` with a number that no other has; its amounts add up."""
    words = {
        key: rng.choice(choices) for key, choices in _WORDS[language].items() if key != "header"
    }
    seller, buyer = any_company(rng, language), any_company(rng, language)
    currency = rng.choice(("GBP", "GBP", "EUR", "USD")) if language == "en" else "EUR"
    due = day + timedelta(days=rng.choice((10, 14, 21, 30, 45, 60)))
    invoice_number = f"{rng.choice(('R', 'INV-', 'F', ''))}{day.year}-{number:06}"
    rows, net = _items(rng, language)
    tax = (net * _RATES[language]).quantize(Decimal("0.01"), ROUND_HALF_UP)
    style = rng.randrange(3)
    facts = (
        (words["number"], invoice_number),
        (words["date"], printed_date(day, language, style)),
        (words["due"], printed_date(due, language, style)),
        (words["vat_id"], seller.vat_id),
    )
    totals = Pairs(
        (
            (words["net"], printed_money(net, currency, language)),
            (words["tax"], printed_money(tax, currency, language)),
            (words["total"], printed_money(net + tax, currency, language)),
        ),
        rng.choice(("left", "dots")),
    )
    table = Table(_WORDS[language]["header"], rows, frozenset({1, 2, 3}))
    blocks = _arranged(rng, words, seller.lines(), buyer.lines(), facts)
    terms = rng.sample(_TERMS[language], rng.randint(3, 5))
    return Draft(
        document_type="invoice",
        language=language,
        fields={
            "invoice_number": invoice_number,
            "issue_date": day.isoformat(),
            "due_date": due.isoformat(),
            "seller_name": seller.name,
            "seller_vat_id": seller.vat_id,
            "buyer_name": buyer.name,
            "currency": currency,
            "net_total": str(net),
            "tax_total": str(tax),
            "grand_total": str(net + tax),
        },
        page=Page(
            f"{words['title']} {invoice_number}",
            (*blocks, table, totals, Rule(), Paragraph(" ".join(terms))),
            day,
            language,
        ),
    )


def _items(rng: Random, language: str) -> tuple[tuple[tuple[str, ...], ...], Decimal]:
    rows: list[tuple[str, ...]] = []
    net = Decimal(0)
    for _ in range(rng.randint(8, 20)):
        thing = rng.choice(_THINGS[language].split(","))
        quality = rng.choice(_QUALITIES[language].split(","))
        quantity = rng.choice((1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 12))
        price = random_price(rng, 2, 240)
        net += quantity * price
        rows.append(
            (
                f"{thing}, {quality}, {rng.choice('ABCDEFGHKLM')}{rng.randint(100, 9999)}",
                str(quantity),
                printed_number(price, language),
                printed_number(quantity * price, language),
            )
        )
    return tuple(rows), net


def _arranged(
    rng: Random,
    words: dict[str, str],
    seller: tuple[str, ...],
    buyer: tuple[str, ...],
    facts: tuple[tuple[str, str], ...],
) -> tuple[Block, ...]:
    title = Heading(words["title"])
    match rng.randrange(4):
        case 0:
            return (
                Lines(seller, "right"),
                title,
                Pairs((*facts, (words["buyer"], ", ".join(buyer)))),
            )
        case 1:
            return (
                Heading(seller[0], 2),
                Columns((f"{words['buyer']}:", *buyer), seller[1:]),
                title,
                Pairs(facts, "across"),
            )
        case 2:
            return (
                title,
                Lines(seller),
                Pairs((*facts, (words["buyer"], ", ".join(buyer))), "above"),
            )
        case _:
            return (
                Lines(seller, "center"),
                title,
                Pairs(((words["buyer"], ", ".join(buyer)), *facts), "dots"),
            )
