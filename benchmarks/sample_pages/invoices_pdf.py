"""The sample invoices that are PDF files: path below `documents/`, and page."""

from datetime import date

from document_writers.blocks import (
    Columns,
    Heading,
    Lines,
    Page,
    PageBreak,
    Pairs,
    Paragraph,
    Table,
)

_NBSP = "\u00a0"

_CALDER = Page(
    "Invoice CG-20417",
    (
        Lines(("Calder Glassworks Ltd", "Unit 7, Wharf Mill, Sowerby Bridge HX6 2QT"), "right"),
        Heading("INVOICE"),
        Columns(
            ("Bill to:", "Tarnbrook Instruments Ltd", "Accounts Payable", "14 Quarry Rise"),
            ("Deliver to:", "Goods In, Bay 2", "Quarry Rise", "Otley LS21 3JT"),
        ),
        Pairs(
            (
                ("Invoice No", "CG-20417"),
                ("Invoice date", "12 January 2026"),
                ("Due date", "11 February 2026"),
                ("Your order", "PO 88134"),
                ("VAT No", "GB 419 2207 63"),
            )
        ),
        Table(
            ("Description", "Qty", "Unit £", "Amount £"),
            (
                ("Draught shield panel, front, 212 x 180 mm, toughened", "40", "9.85", "394.00"),
                ("Draught shield panel, side, 212 x 165 mm, toughened", "80", "8.40", "672.00"),
                ("Sliding door, left and right, ground edge", "40", "6.15", "246.00"),
                ("Crating and insurance", "1", "38.00", "38.00"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs((("Subtotal", "£1,350.00"), ("VAT 20%", "£270.00"), ("Total due", "£1,620.00"))),
        Paragraph(
            "Payment within 30 days. Breakages must be reported within three working days of "
            "receipt, with the crate number and a photograph. Thank you for your custom."
        ),
    ),
    date(2026, 1, 12),
)

_FEINWERK = Page(
    "Rechnung 2026-0088",
    (
        Heading("Feinwerk Ortenau GmbH", 2),
        Lines(("Drehteile · Frästeile · Baugruppen", "Am Güterbahnhof 3, 77652 Offenburg")),
        Columns(
            ("Tarnbrook Messtechnik GmbH", "Einkauf", "Hexentalstraße 41", "79249 Merzhausen"),
            ("USt-IdNr.: DE318472906", "Steuernummer: 14072/50518", "Telefon: 0781 555 0142"),
        ),
        Heading("Rechnung"),
        Pairs(
            (
                ("Rechnungsnummer", "2026-0088"),
                ("Rechnungsdatum", "19.01.2026"),
                ("Kundennummer", "K-1107"),
                ("Lieferschein", "LS 4471"),
            ),
            "across",
        ),
        Table(
            ("Pos.", "Bezeichnung", "Menge", "Einzelpreis", "Betrag"),
            (
                ("1", "Waagschalenträger, Titan Grade 2", "120", "14,80 €", "1.776,00 €"),
                ("2", "Justiergewicht 200 g, Edelstahl, Klasse F1", "60", "31,50 €", "1.890,00 €"),
                ("3", "Stellfuß M8 mit Kontermutter", "480", "1,15 €", "552,00 €"),
            ),
            frozenset({2, 3, 4}),
        ),
        Pairs(
            (
                ("Nettobetrag", "4.218,00 €"),
                ("MwSt. 19 %", "801,42 €"),
                ("Gesamtbetrag", "5.019,42 €"),
            ),
            "dots",
        ),
        Paragraph(
            "Zahlbar bis 18.02.2026 ohne Abzug. Bei Zahlung innerhalb von 10 Tagen gewähren wir "
            "2 % Skonto. Die Ware bleibt bis zur vollständigen Bezahlung unser Eigentum."
        ),
    ),
    date(2026, 1, 19),
    "de",
)

_VAUCRESSON = Page(
    "Facture F2026-031",
    (
        Columns(
            ("ATELIERS VAUCRESSON SARL", "8 bis, rue des Tanneurs", "42100 Saint-Étienne"),
            ("N° TVA : FR 61 803447215", "SIRET 803 447 215 00027", "Tél. 04 77 00 01 86"),
        ),
        Heading("Facture n° F2026-031"),
        Pairs(
            (
                ("Date de facture", "3 février 2026"),
                ("Échéance", "5 mars 2026"),
                ("Facturé à", "Tarnbrook Instruments SARL, 22 quai Perrache, 69002 Lyon"),
            )
        ),
        Table(
            ("Désignation", "Quantité", "Prix unitaire HT", "Montant HT"),
            (
                ("Valise de transport garnie de mousse, modèle Kestrel", "25", "62,00", "1 550,00"),
                ("Sérigraphie deux couleurs", "25", "4,80", "120,00"),
                ("Port et emballage", "1", "85,00", "85,00"),
            ),
            frozenset({1, 2, 3}),
        ),
        Pairs(
            (
                ("Total HT", f"1{_NBSP}755,00{_NBSP}€"),
                ("TVA 20 %", f"351,00{_NBSP}€"),
                ("Total TTC", f"2{_NBSP}106,00{_NBSP}€"),
            )
        ),
        Paragraph(
            "En cas de retard de paiement, une indemnité forfaitaire de 40 € pour frais de "
            "recouvrement est due. Pas d'escompte pour paiement anticipé."
        ),
    ),
    date(2026, 2, 3),
    "fr",
)

_ORDERS = (
    ("HRN-6K-PLT", "Platform plate, stainless, 300 x 240 mm", "30", "41.20", "1,236.00"),
    ("HRN-6K-FRM", "Base frame, die cast, powder coated", "30", "57.90", "1,737.00"),
    ("LC-6K-C3", "Load cell 6 kg, OIML C3, 0.4 m cable", "36", "28.75", "1,035.00"),
    ("ADC-24-R2", "Converter board 24 bit, revision 2", "36", "33.10", "1,191.60"),
    ("DSP-LCD-6", "Display, six digits, backlit, with ribbon", "36", "11.45", "412.20"),
    ("KEY-MEM-5", "Membrane keypad, five keys, Heron artwork", "36", "7.60", "273.60"),
    ("PSU-12-EU", "Mains adapter 12 V, Europlug", "18", "8.95", "161.10"),
    ("PSU-12-UK", "Mains adapter 12 V, BS 1363", "18", "8.95", "161.10"),
    ("BAT-LFP-6", "Battery pack LiFePO4 6.4 V 3 Ah", "30", "19.30", "579.00"),
    ("SPL-KIT", "Seal and splash kit IP54", "30", "4.25", "127.50"),
    ("CBL-RS232", "Serial cable 1.5 m, DE-9", "24", "5.10", "122.40"),
    ("BOX-HRN", "Carton with inlay, printed", "30", "6.85", "205.50"),
)

_PENNINE = Page(
    "Invoice 7730142",
    (
        Heading("Pennine Contract Electronics plc"),
        Lines(("Foundry Lane, Rochdale OL11 1PR", "Tax ID GB 702 5518 40")),
        Columns(
            ("Customer", "Tarnbrook Instruments Ltd", "14 Quarry Rise, Otley LS21 3JT"),
            ("Invoice number 7730142", "Date of issue 27/02/2026", "Payable by 28/04/2026"),
        ),
        Paragraph("Kits for Heron 6K, build lot 26-02. Page 1 of 2."),
        Table(
            ("Part", "Description", "Qty", "Each", "GBP"),
            _ORDERS[:7],
            frozenset({2, 3, 4}),
        ),
        Lines(("Carried forward  6,046.50",), "right"),
        PageBreak(),
        Lines(("Invoice 7730142, page 2 of 2", "Brought forward  6,046.50"), "right"),
        Table(
            ("Part", "Description", "Qty", "Each", "GBP"),
            _ORDERS[7:],
            frozenset({2, 3, 4}),
        ),
        Pairs(
            (
                ("Goods", "7,242.00"),
                ("Volume discount 3%", "-217.26"),
                ("Net total", "7,024.74"),
                ("VAT at 20%", "1,404.95"),
                ("Grand total GBP", "8,429.69"),
            )
        ),
        Paragraph(
            "Sixty days from date of issue. Shortages to be notified within five days. Kits are "
            "packed per lot; returned part kits are credited at 80% of the price above."
        ),
    ),
    date(2026, 2, 27),
)

_ILLER = Page(
    "Rechnung R-60/26",
    (
        Lines(
            ("Kalibrierlabor Illertal e. K.", "Inh. Sabine Rauch", "Mühlweg 9", "89257 Illertissen")
        ),
        Lines(("Illertissen, den 30. März 2026",), "right"),
        Lines(("Tarnbrook Messtechnik GmbH", "Hexentalstraße 41", "79249 Merzhausen")),
        Heading("Rechnung Nr. R-60/26", 2),
        Paragraph("Sehr geehrte Damen und Herren,"),
        Paragraph(
            "für die Kalibrierung von achtzehn Gewichtssätzen der Klasse E2, die Sie uns am "
            "9. März 2026 angeliefert haben und die am 24. März 2026 an Sie zurückgingen, "
            "berechnen wir Ihnen wie mit Angebot vom 12.02.2026 vereinbart 2.970,00 Euro. "
            "Hinzu kommen 19 % Umsatzsteuer, das sind 564,30 Euro, zusammen also 3.534,30 Euro "
            "(in Worten: dreitausendfünfhundertvierunddreißig Euro und dreißig Cent)."
        ),
        Paragraph(
            "Wir bitten um Überweisung bis zum 29. April 2026 unter Angabe der Rechnungsnummer. "
            "Die Kalibrierscheine liegen der Sendung bei; sie gelten auch ohne Unterschrift."
        ),
        Paragraph("Mit freundlichen Grüßen"),
        Lines(("Sabine Rauch", "USt-IdNr. DE 274 119 038")),
    ),
    date(2026, 3, 30),
    "de",
)

_HOLLIS = Page(
    "Fee note 2026/14",
    (
        Lines(("HOLLIS & VANE", "Patent and Trade Mark Attorneys", "3 Minster Yard, York")),
        Lines(("9 April 2026",), "right"),
        Lines(("Tarnbrook Instruments Ltd", "for the attention of Mrs R. Okafor")),
        Heading("Our fee note 2026/14, invoice for professional services", 2),
        Paragraph("Dear Mrs Okafor,"),
        Paragraph(
            "Further to our letter of 2 March 2026 and the hearing of 31 March 2026, we enclose "
            "our account in the matter of application GB 2611804.7, Damping of a weighing cell. "
            "Drafting and filing the response to the second examination report came to eleven "
            "hours at £210.00, being £2,310.00; the official fees we laid out came to £90.00, "
            "making £2,400.00 before tax."
        ),
        Paragraph(
            "Value added tax of £480.00 is due on that sum. The amount now payable is two thousand "
            "eight hundred and eighty pounds sterling, which we should be glad to receive by "
            "9 May 2026."
        ),
        Lines(("Yours sincerely,", "Hollis & Vane", "VAT registration GB 227 6640 91")),
    ),
    date(2026, 4, 9),
)

PAGES: dict[str, Page] = {
    "invoices/calder-cg-20417.pdf": _CALDER,
    "invoices/feinwerk-2026-0088.pdf": _FEINWERK,
    "inbox/scan-0012.pdf": _VAUCRESSON,
    "invoices/pennine-7730142.pdf": _PENNINE,
    "inbox/brief-illertal.pdf": _ILLER,
    "archive/2026/04/hollis-vane.pdf": _HOLLIS,
}
