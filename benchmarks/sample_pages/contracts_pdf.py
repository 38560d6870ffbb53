"""The sample contracts that are PDF files: path below `documents/`, and page."""

from datetime import date

from document_writers.blocks import (
    Columns,
    Heading,
    Lines,
    Page,
    PageBreak,
    Pairs,
    Paragraph,
    Rule,
    Table,
)

_HOSTING = Page(
    "Hosting Services Agreement",
    (
        Heading("HOSTING SERVICES AGREEMENT"),
        Paragraph(
            "This Agreement is made on 1 February 2026 (the Effective Date) between Tarnbrook "
            "Instruments Ltd, a company registered in England under number 04471182 (the "
            "Customer), and Saltmarsh Cloud Ltd of 30 Quayside, Grimsby (the Supplier)."
        ),
        Heading("1. Services", 2),
        Paragraph(
            "The Supplier shall host the TarnLog application on servers in the United Kingdom and "
            "keep it available for 99.9% of each calendar month, planned maintenance excepted. "
            "Maintenance is announced two days ahead and falls between midnight and four."
        ),
        Heading("2. Charges", 2),
        Paragraph(
            "The Customer shall pay £640.00 per month, invoiced quarterly in advance and payable "
            "within 30 days. For each full hour beyond the permitted downtime the Supplier credits "
            "2% of the monthly charge, up to one half of it."
        ),
        Heading("3. Term and termination", 2),
        Paragraph(
            "This Agreement continues for an initial term of 36 months from the Effective Date and "
            "afterwards until ended by either party with a notice period of 90 days in writing. "
            "Either party may end it at once if the other becomes insolvent."
        ),
        Heading("4. Confidentiality", 2),
        Paragraph(
            "Measurement data stays the property of the Customer. The Supplier processes it on "
            "instruction only and deletes it within fourteen days of the end of this Agreement."
        ),
        Heading("5. Law", 2),
        Paragraph(
            "This Agreement is governed by the laws of England and Wales, whose courts have "
            "exclusive jurisdiction."
        ),
        Columns(
            ("For Tarnbrook Instruments Ltd", "Ruth Okafor, Finance Director"),
            ("For Saltmarsh Cloud Ltd", "Piers Langton, Managing Director"),
        ),
    ),
    date(2026, 2, 1),
)

_DISTRIBUTION = Page(
    "Vertriebsvertrag",
    (
        Heading("Vertriebsvertrag"),
        Paragraph("zwischen"),
        Lines(("Tarnbrook Messtechnik GmbH", "Hexentalstraße 41, 79249 Merzhausen")),
        Lines(("nachfolgend Hersteller", "und")),
        Lines(("Laborhandel Zschopau GmbH & Co. KG", "Chemnitzer Straße 112, 09405 Zschopau")),
        Lines(("nachfolgend Händler",)),
        Heading("§ 1 Gegenstand", 2),
        Paragraph(
            "Der Hersteller überträgt dem Händler den Vertrieb der Waagen der Baureihen Kestrel "
            "und Heron in Sachsen, Thüringen und Sachsen-Anhalt. Der Händler handelt im eigenen "
            "Namen und auf eigene Rechnung. Ein Alleinvertriebsrecht wird nicht eingeräumt."
        ),
        Heading("§ 2 Preise", 2),
        Paragraph(
            "Es gilt die jeweilige Preisliste mit einem Nachlass von 28 %. Preisänderungen werden "
            "acht Wochen vorher mitgeteilt."
        ),
        Heading("§ 3 Laufzeit und Kündigung", 2),
        Paragraph(
            "Der Vertrag beginnt am 1. April 2026. Die Laufzeit beträgt zwei Jahre. Er verlängert "
            "sich, wenn er nicht mit einer Kündigungsfrist von drei Monaten zum Ende der Laufzeit "
            "schriftlich gekündigt wird."
        ),
        Heading("§ 4 Schlussbestimmungen", 2),
        Paragraph(
            "Es gilt das Recht der Bundesrepublik Deutschland unter Ausschluss des UN-Kaufrechts. "
            "Änderungen bedürfen der Schriftform. Gerichtsstand ist Freiburg im Breisgau."
        ),
        Lines(("Merzhausen, den 16. März 2026", "", "gez. Anke Winterhalter", "gez. Udo Seifert")),
    ),
    date(2026, 3, 16),
    "de",
)

_LEASE = Page(
    "Contrat de location",
    (
        Heading("CONTRAT DE LOCATION DE MATÉRIEL"),
        Paragraph("Entre les soussignés :"),
        Paragraph(
            "la société Locamétrie SAS, au capital de 80 000 €, dont le siège est situé au 5 allée "
            "des Frênes à Villeurbanne, ci-après le Bailleur,"
        ),
        Paragraph("et"),
        Paragraph(
            "la société Tarnbrook Instruments SARL, dont le siège est situé au 22 quai Perrache à "
            "Lyon, ci-après le Locataire, il a été convenu ce qui suit."
        ),
        Heading("Article 1. Objet", 2),
        Paragraph(
            "Le Bailleur met à la disposition du Locataire une enceinte climatique de 600 litres "
            "et son enregistreur, pour un loyer mensuel de 385,00 € hors taxes, entretien annuel "
            "compris."
        ),
        Heading("Article 2. Durée", 2),
        Paragraph(
            "Le contrat prend effet le 15 janvier 2026 pour une durée de 18 mois. Il prend fin "
            "sans autre formalité ; chaque partie peut toutefois le résilier moyennant un préavis "
            "de 2 mois adressé par lettre recommandée."
        ),
        Heading("Article 3. Assurance", 2),
        Paragraph(
            "Le Locataire assure le matériel contre le vol, l'incendie et le dégât des eaux et en "
            "justifie à première demande."
        ),
        Heading("Article 4. Droit applicable", 2),
        Paragraph("Droit applicable : France. Tout litige relève du tribunal de commerce de Lyon."),
        Columns(("Le Bailleur", "Karim Benhaddou"), ("Le Locataire", "Solène Marchand")),
    ),
    date(2026, 1, 9),
    "fr",
)

_SECRECY = Page(
    "Mutual Non-Disclosure Agreement",
    (
        Heading("MUTUAL NON-DISCLOSURE AGREEMENT"),
        Pairs(
            (
                ("Parties", "Tarnbrook Instruments Ltd and Okonedo Robotics Inc."),
                ("Effective date", "March 9, 2026"),
                ("Purpose", "evaluation of a weighing cell for a dosing robot"),
                ("Term", "five (5) years"),
                ("Notice", "thirty (30) days"),
                ("Governing law", "State of Vermont"),
            )
        ),
        Rule(),
        Paragraph(
            "1. Each party may disclose information to the other for the Purpose. What is marked "
            "confidential, or would be taken as such by a reasonable person, is kept secret, used "
            "for the Purpose only, and shown only to those who need it and are bound likewise."
        ),
        Paragraph(
            "2. These duties do not cover information that was public or known before, was found "
            "independently, or must be disclosed by order of a court, of which the other party is "
            "told in good time."
        ),
        Paragraph(
            "3. Nothing here grants a licence, obliges anybody to deal further, or makes one party "
            "the agent of the other. Papers and samples are returned on request within ten days."
        ),
        Columns(
            ("Tarnbrook Instruments Ltd", "By: Thorvald Brandvold", "Title: Technical Director"),
            ("Okonedo Robotics Inc.", "By: Dana Whitlock", "Title: General Counsel"),
        ),
    ),
    date(2026, 3, 9),
)

_SUPPLY = Page(
    "Framework Supply Agreement",
    (
        Heading("FRAMEWORK SUPPLY AGREEMENT"),
        Lines(("Reference FSA/26/003", "Date of this document: 18 December 2025"), "right"),
        Heading("Parties", 2),
        Lines(
            (
                "(1) Pennine Contract Electronics plc, Foundry Lane, Rochdale (Seller);",
                "(2) Tarnbrook Instruments Ltd, 14 Quarry Rise, Otley (Buyer); and",
                "(3) Tarnbrook Messtechnik GmbH, Hexentalstraße 41, Merzhausen (Affiliate).",
            )
        ),
        Heading("1. Background", 2),
        Paragraph(
            "The Seller has supplied kits to the Buyer under a purchase agreement dated 4 May "
            "2021, which ran for 24 months and has expired. The parties wish to replace it. Offers "
            "made before 1 October 2025 are withdrawn."
        ),
        Heading("2. Supply", 2),
        Paragraph(
            "The Buyer and the Affiliate may order kits listed in Schedule 1 by call-off. Orders "
            "are accepted unless refused within five days. Lead time is six weeks; a stock of one "
            "month's average demand is kept for emergencies."
        ),
        Paragraph(
            "Price changes follow the copper index once in each quarter. The Seller keeps drawings "
            "and test software confidential for 10 years."
        ),
        Heading("3. Quality", 2),
        Paragraph(
            "Kits conform to the drawings and to the workmanship standard in Schedule 2. Defective "
            "kits are replaced within 20 days. The Seller is liable for defects shown within 30 "
            "months of delivery."
        ),
        PageBreak(),
        Heading("4. Commencement and duration", 2),
        Paragraph(
            "Although signed earlier, this Agreement takes effect on 1 January 2026. It runs for a "
            "period of four years, and may be ended before then by the Buyer giving six months' "
            "notice, or by either party on material breach not remedied within 21 days."
        ),
        Heading("5. Liability", 2),
        Paragraph(
            "Neither party excludes liability for death or personal injury. Otherwise liability is "
            "limited in each year to the value of the orders placed in that year."
        ),
        Heading("6. General", 2),
        Paragraph(
            "Transfers need consent. If a provision fails, the rest stands. This Agreement shall "
            "be construed in accordance with the laws of Scotland."
        ),
        Heading("Schedule 1", 2),
        Table(
            ("Kit", "Drawing", "Price per kit"),
            (
                ("Heron 6K", "H6-100 rev F", "£241.40"),
                ("Heron 15K", "H15-100 rev C", "£263.75"),
                ("Kestrel display", "K2-340 rev B", "£58.20"),
            ),
            frozenset({2}),
        ),
    ),
    date(2025, 12, 18),
)

PAGES: dict[str, Page] = {
    "contracts/saltmarsh-hosting.pdf": _HOSTING,
    "inbox/zschopau.pdf": _DISTRIBUTION,
    "contracts/locametrie.pdf": _LEASE,
    "archive/2026/03/okonedo.pdf": _SECRECY,
    "archive/2025/12/fsa-26-003.pdf": _SUPPLY,
}
