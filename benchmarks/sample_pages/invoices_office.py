"""The sample invoices that are DOCX, XLSX or RTF files: path below `documents/`, and page."""

from datetime import date

from document_writers.blocks import (
    Heading,
    Lines,
    Page,
    Pairs,
    Paragraph,
    Rule,
    Table,
)

_MORROW = Page(
    "Invoice 1095",
    (
        Heading("Morrow & Finch Design"),
        Lines(("Studio 4, The Old Dye Works, Leeds LS9 8AG",)),
        Pairs(
            (
                ("Invoice number", "1095"),
                ("Date of issue", "16 March 2026"),
                ("Due date", "30 March 2026"),
                ("Customer", "Tarnbrook Instruments Ltd"),
                ("Project", "Wren pocket scale: packaging and quick guide"),
            ),
            "above",
        ),
        Table(
            ("Work", "Days", "Rate", "Amount"),
            (
                ("Packaging concepts, three routes", "4", "£420.00", "£1,680.00"),
                ("Artwork, carton and sleeve", "2.5", "£420.00", "£1,050.00"),
                ("Quick guide, eight languages, typesetting", "3", "£380.00", "£1,140.00"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs((("Net amount", "£3,870.00"), ("VAT", "£774.00"), ("Amount due", "£4,644.00"))),
        Paragraph("VAT ID GB 388 1459 02. Please quote the invoice number with your payment."),
    ),
    date(2026, 3, 16),
)

_BRUEDERLIN = Page(
    "Rechnung 45-1182",
    (
        Heading("Brüderlin Präzisionslager AG", 2),
        Lines(("Industriestrasse 88, 4143 Dornach, Schweiz", "MWST-Nr. CHE-284.917.503")),
        Heading("Rechnung"),
        Table(
            ("Rechnung Nr.", "Datum", "Zahlbar bis", "Kunde"),
            (("45-1182", "6. Februar 2026", "8. März 2026", "Tarnbrook Messtechnik GmbH"),),
        ),
        Table(
            ("Artikel", "Stück", "Preis CHF", "Total CHF"),
            (
                ("Miniaturlager 3x8x4 ZZ, P5", "2000", "1.42", "2'840.00"),
                ("Kreuzfedergelenk, Berylliumkupfer", "150", "23.60", "3'540.00"),
                ("Expressfracht Dornach-Merzhausen", "1", "96.00", "96.00"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs(
            (
                ("Summe netto", "CHF 6'476.00"),
                ("MWST 8.1 %", "CHF 524.56"),
                ("Gesamtbetrag", "CHF 7'000.56"),
            )
        ),
        Paragraph("Lieferung DAP Merzhausen. Erfüllungsort und Gerichtsstand ist Dornach."),
    ),
    date(2026, 2, 6),
    "de",
)

_SEVE = Page(
    "Facture 26/0207",
    (
        Lines(("Cabinet Sève & Associés", "Conseil en métrologie légale", "Grenoble")),
        Lines(("Grenoble, le 27 février 2026",), "right"),
        Lines(("Tarnbrook Instruments SARL", "22 quai Perrache", "69002 Lyon")),
        Heading("Facture 26/0207", 2),
        Paragraph("Madame, Monsieur,"),
        Paragraph(
            "Pour la préparation du dossier d'approbation de type de la balance Heron 6K, réalisée "
            "entre le 5 janvier 2026 et le 20 février 2026, nous vous adressons notre facture "
            "d'un montant hors taxes de 4 500,00 €. La TVA au taux de 20 % s'élève à 900,00 €, "
            "soit un total toutes taxes comprises de 5 400,00 €."
        ),
        Paragraph(
            "Nous vous remercions de bien vouloir régler cette somme avant le 31 mars 2026 par "
            "virement. Notre numéro de TVA intracommunautaire est FR 18 519773046."
        ),
        Lines(("Veuillez agréer nos salutations distinguées.", "Hélène Sève")),
    ),
    date(2026, 2, 27),
    "fr",
)

_KITTIWAKE = Page(
    "Invoice",
    (
        Heading("Kittiwake Cleanroom Supplies"),
        Lines(("Trading name of Kittiwake Consumables Ltd, Dalry Road, Edinburgh",)),
        Pairs(
            (
                ("Invoice No", "KW-5508"),
                ("Invoice date", "2026-01-29"),
                ("Due date", "2026-02-28"),
                ("Bill to", "Tarnbrook Instruments Ltd"),
                ("VAT No", "GB 560 3381 17"),
                ("Currency", "GBP"),
            )
        ),
        Table(
            ("Item", "Packs", "Price", "Line total"),
            (
                ("Nitrile gloves, powder free, size M", "24", "7.45", "178.80"),
                ("Nitrile gloves, powder free, size L", "36", "7.45", "268.20"),
                ("Lint free wipes 230 mm", "40", "11.90", "476.00"),
                ("Isopropanol 70%, trigger spray 1 l", "12", "6.25", "75.00"),
                ("Tacky mats 660 x 1140 mm", "8", "29.00", "232.00"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs((("Subtotal", "1230.00"), ("VAT", "246.00"), ("Total", "1476.00"))),
    ),
    date(2026, 1, 29),
)

_LEUCHTER = Page(
    "Rechnung 2026-314",
    (
        Heading("Leuchter Bürobedarf OHG"),
        Lines(("Kaiser-Joseph-Passage 5, 79098 Freiburg im Breisgau", "USt-IdNr.: DE 811 094 275")),
        Pairs(
            (
                ("Rechnungsnummer", "2026-314"),
                ("Rechnungsdatum", "05.03.2026"),
                ("Fällig am", "19.03.2026"),
                ("Rechnung an", "Tarnbrook Messtechnik GmbH"),
            )
        ),
        Table(
            ("Artikel", "Anzahl", "Einzelpreis", "Summe"),
            (
                ("Kopierpapier A4, 80 g, Karton", "10", "24,90 €", "249,00 €"),
                ("Etiketten 105 x 42 mm, Rolle", "16", "9,75 €", "156,00 €"),
                ("Toner HL-5, schwarz", "3", "78,00 €", "234,00 €"),
                ("Bürodrehstuhl Alba, anthrazit", "2", "289,50 €", "579,00 €"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs(
            (
                ("Summe netto", "1.218,00 €"),
                ("MwSt 19 %", "231,42 €"),
                ("Gesamtbetrag", "1.449,42 €"),
            )
        ),
        Paragraph("Vielen Dank für Ihren Einkauf. Lieferung frei Haus ab 100 €."),
    ),
    date(2026, 3, 5),
    "de",
)

_ALDERSGATE = Page(
    "Statement and invoice",
    (
        Heading("Aldersgate Freight Forwarding Ltd"),
        Pairs(
            (
                ("Account", "TARN01"),
                ("Previous invoice", "AF-118204"),
                ("This invoice", "AF-118377"),
                ("Invoice date", "20 Mar 2026"),
                ("Shipped", "11 Mar 2026"),
                ("Payable by", "19 Apr 2026"),
                ("Customer", "Tarnbrook Instruments Ltd"),
                ("Consignee", "Laboratorios Quintana S.A., Montevideo"),
            )
        ),
        Table(
            ("Charge", "Basis", "USD"),
            (
                ("Air freight LHR-MVD", "412 kg", "1,689.20"),
                ("Fuel and security surcharge", "412 kg", "371.80"),
                ("Export clearance", "1 entry", "85.00"),
                ("Palletising, 2 pallets", "2", "104.00"),
            ),
            frozenset({2}),
        ),
        Pairs(
            (
                ("Total weight", "412.00"),
                ("Total declared value USD", "38,600.00"),
                ("Total previous balance USD", "1,940.00, paid 2 Mar 2026"),
                ("Net total USD", "2,250.00"),
                ("Tax (export, zero rated)", "0.00"),
                ("Total due USD", "2,250.00"),
            )
        ),
        Paragraph("VAT ID GB 114 9027 58. Cargo insured on request only."),
    ),
    date(2026, 3, 20),
)

_NEBELHORN = Page(
    "Rechnung 1-2026-0457",
    (
        Heading("Stadtwerke Nebelhausen"),
        Lines(("Kundenservice, Am Wasserturm 1, 79249 Nebelhausen", "USt-IdNr. DE 142 660 981")),
        Lines(("Tarnbrook Messtechnik GmbH", "Hexentalstraße 41", "79249 Merzhausen")),
        Heading("Rechnung für Strom und Wasser", 2),
        Pairs(
            (
                ("Rechnung Nr.", "1-2026-0457"),
                ("Datum", "14. April 2026"),
                ("Abrechnungszeitraum", "01.01.2026 bis 31.03.2026"),
                ("Zählernummer", "1 EBZ 0102 7755 41"),
                ("Zahlbar bis", "04.05.2026"),
            )
        ),
        Table(
            ("Verbrauch", "Menge", "Preis", "Betrag in EUR"),
            (
                ("Strom Gewerbe", "8.420 kWh", "0,2650 €/kWh", "2.231,30"),
                ("Grundpreis Strom", "3 Monate", "14,90 €/Monat", "44,70"),
                ("Trinkwasser", "62 m³", "2,25 €/m³", "139,50"),
                ("Abwasser", "62 m³", "1,75 €/m³", "108,50"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs(
            (
                ("Nettobetrag", "2.524,00"),
                ("MwSt.", "442,21"),
                ("Gesamtbetrag", "2.966,21"),
                ("Abschläge bereits gezahlt", "2.700,00"),
                ("Noch zu zahlen", "266,21"),
            )
        ),
        Rule(),
        Paragraph(
            "Auf Strom entfallen 19 %, auf Trinkwasser 7 % Umsatzsteuer; die Abwassergebühr ist "
            "hoheitlich und steuerfrei. Ihr nächster Abschlag ist am 1. Mai 2026 fällig."
        ),
    ),
    date(2026, 4, 14),
    "de",
)

PAGES: dict[str, Page] = {
    "inbox/morrow-finch.docx": _MORROW,
    "invoices/bruederlin-45-1182.docx": _BRUEDERLIN,
    "archive/2026/02/seve.docx": _SEVE,
    "invoices/kittiwake-kw-5508.xlsx": _KITTIWAKE,
    "inbox/maerz.xlsx": _LEUCHTER,
    "archive/2026/03/tarn01.xlsx": _ALDERSGATE,
    "inbox/stadtwerke-nebelhausen.rtf": _NEBELHORN,
}
