"""The sample receipts that are PDF, DOCX or RTF files: path below `documents/`, and page."""

from datetime import date

from document_writers.blocks import Heading, Lines, Page, Pairs, Paragraph, Rule, Table

_OSTERIA = Page(
    "Receipt",
    (
        Lines(("THE COPPER LANTERN", "19 Boar Lane, Leeds LS1 5DA", "VAT 662 8190 45"), "center"),
        Rule(),
        Lines(("Table 14   Covers 3   Server: Maja", "21/02/2026 21:47"), "center"),
        Table(
            ("Qty", "Item", "£"),
            (
                ("1", "Olives and bread", "6.50"),
                ("2", "Braised ox cheek", "43.00"),
                ("1", "Mushroom risotto", "17.50"),
                ("3", "House red 175 ml", "25.50"),
                ("2", "Sticky toffee pudding", "17.00"),
                ("1", "Sparkling water", "4.50"),
            ),
            frozenset({2}),
        ),
        Pairs(
            (
                ("Food and drink", "114.00"),
                ("Service 12.5%", "14.25"),
                ("Total", "£128.25"),
                ("Paid by", "Visa contactless ****4471"),
            )
        ),
        Lines(("Thank you. Service is shared by the whole team.",), "center"),
    ),
    date(2026, 2, 21),
)

_PARKHAUS = Page(
    "Quittung",
    (
        Heading("Parkgarage am Martinstor", 2),
        Lines(("Betreiber: Dreisam Parken GmbH", "Löwenstraße 8", "79098 Freiburg")),
        Heading("Quittung", 2),
        Pairs(
            (
                ("Einfahrt", "17.03.2026 08:12"),
                ("Ausfahrt", "17.03.2026 17:39"),
                ("Parkdauer", "9 h 27 min"),
                ("Betrag inkl. 19 % MwSt", "18,50 €"),
                ("MwSt", "2,95 €"),
                ("Zahlung", "EC-Karte"),
            )
        ),
        Paragraph("Beleg bitte aufbewahren. Kein Ersatz bei Verlust."),
    ),
    date(2026, 3, 17),
    "de",
)

_TRAIN = Page(
    "Reçu",
    (
        Heading("Reçu de paiement"),
        Pairs(
            (
                ("Enseigne", "Librairie du Parvis"),
                ("Adresse", "4 place des Célestins, 69002 Lyon"),
                ("Date d'achat", "11/04/2026"),
                ("Caisse", "02 (Inès)"),
            ),
            "above",
        ),
        Table(
            ("Article", "Qté", "Prix TTC"),
            (
                ("Guide pratique de la métrologie, 4e édition", "1", "58,00"),
                ("Carnet de laboratoire, 96 pages", "5", "34,50"),
                ("Stylo à encre gel, noir", "10", "19,00"),
            ),
            frozenset({1, 2}),
        ),
        Pairs(
            (
                ("Total TTC", "111,50 €"),
                ("dont TVA", "11,94 €"),
                ("Paiement", "espèces"),
                ("Reçu", "120,00 €"),
                ("Rendu", "8,50 €"),
            ),
            "across",
        ),
    ),
    date(2026, 4, 11),
    "fr",
)

_HARDWARE = Page(
    "Receipt 55102",
    (
        Heading("Wharfedale Builders' Merchants"),
        Lines(("Ilkley Road Trading Estate", "Otley LS21 2BZ")),
        Pairs(
            (
                ("Receipt no.", "55102"),
                ("Date", "4 February 2026"),
                ("Served by", "Gareth"),
                ("Payment", "debit card"),
            )
        ),
        Table(
            ("Description", "Qty", "Price", "Total"),
            (
                ("Plywood birch 18 mm, cut", "2", "46.00", "92.00"),
                ("Wood screws 5 x 60, box 200", "3", "8.49", "25.47"),
                ("Castor, braked, 75 mm", "8", "6.20", "49.60"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs((("Net", "139.22"), ("VAT at 20%", "27.85"), ("Total", "£167.07"))),
        Paragraph("Goods cut to size cannot be returned. Thank you."),
    ),
    date(2026, 2, 4),
)

_PHARMACY = Page(
    "Kassenbeleg",
    (
        Lines(
            ("Schwarzwald-Apotheke", "Inhaber Dr. Jens Ritter", "Hauptstraße 60, 79249 Merzhausen")
        ),
        Rule(),
        Pairs(
            (
                ("Beleg", "0033871"),
                ("Datum", "23. Februar 2026"),
                ("Verbandkasten DIN 13157, Füllung", "39,95 €"),
                ("Augenspüllösung 2 x 500 ml", "27,80 €"),
                ("Kühlkompressen, 6 Stück", "11,70 €"),
                ("Summe", "79,45 €"),
                ("gegeben bar", "100,00 €"),
                ("Rückgeld", "20,55 €"),
            ),
            "dots",
        ),
        Paragraph("In der Summe sind 12,69 € MwSt (19 %) enthalten. Gute Besserung!"),
    ),
    date(2026, 2, 23),
    "de",
)

_TAXI = Page(
    "Receipt",
    (
        Heading("Aire Valley Cars", 2),
        Lines(("Office: 2 Station Approach, Shipley BD17 7HA",)),
        Paragraph(
            "Received with thanks on 8 January 2026 from Mr T. Brandvold the sum of forty-three "
            "pounds and sixty pence for carriage from Leeds Bradford Airport to Otley, waiting "
            "time of twenty minutes included. Driver 118, paid in cash."
        ),
        Paragraph("Our office is open around the clock. Bookings: 01274 555 0119."),
    ),
    date(2026, 1, 8),
)

PAGES: dict[str, Page] = {
    "receipts/copper-lantern.pdf": _OSTERIA,
    "inbox/scan-0031.pdf": _PARKHAUS,
    "archive/2026/04/0411.pdf": _TRAIN,
    "receipts/wharfedale-55102.docx": _HARDWARE,
    "inbox/apotheke.rtf": _PHARMACY,
    "archive/2026/01/airport.docx": _TAXI,
}
