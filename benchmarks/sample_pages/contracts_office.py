"""The sample contracts that are DOCX or RTF files: path below `documents/`, and page."""

from datetime import date

from document_writers.blocks import (
    Columns,
    Heading,
    Lines,
    Page,
    Pairs,
    Paragraph,
    Table,
)

_WORKSHOP = Page(
    "Wartungsvertrag",
    (
        Heading("Wartungsvertrag WV-2026-07"),
        Table(
            ("Vertragspunkt", "Vereinbarung"),
            (
                ("Auftraggeber", "Universitätsklinikum Hohenstein AöR"),
                ("Auftragnehmer", "Tarnbrook Messtechnik GmbH"),
                ("Gegenstand", "14 Analysenwaagen Kestrel 220, Apotheke und Labor"),
                ("Beginn", "01.03.2026"),
                ("Laufzeit", "12 Monate"),
                ("Kündigungsfrist", "6 Wochen"),
                ("Entgelt", "3.920,00 € netto pro Jahr"),
                ("Anwendbares Recht", "Deutschland"),
            ),
        ),
        Paragraph(
            "Der Auftragnehmer prüft und justiert jede Waage zweimal im Jahr am Aufstellort und "
            "stellt je Waage einen Prüfbericht aus. Verschleißteile sind im Entgelt enthalten, "
            "Wägezellen nicht. Störungen werden innerhalb von zwei Arbeitstagen behoben."
        ),
        Paragraph(
            "Der Auftraggeber sorgt für den Zugang zu den Räumen und benennt eine verantwortliche "
            "Person. Die Vertragsparteien behandeln Patientendaten vertraulich."
        ),
        Columns(
            ("Hohenstein, 12.02.2026", "Prof. Dr. M. Aksoy"),
            ("Merzhausen, 13.02.2026", "A. Winterhalter"),
        ),
    ),
    date(2026, 2, 13),
    "de",
)

_TRANSLATION = Page(
    "Contrat de prestation",
    (
        Heading("Contrat de prestation de services"),
        Pairs(
            (
                ("Entre", "Tarnbrook Instruments SARL, Lyon"),
                ("Et", "Élodie Garrigues, traductrice indépendante, Annecy"),
                ("Date d'effet", "2 mars 2026"),
                ("Durée", "1 an"),
                ("Préavis", "30 jours"),
                ("Droit applicable", "France"),
            ),
            "above",
        ),
        Paragraph(
            "La prestataire traduit de l'anglais vers le français les notices, les fiches de "
            "sécurité et les textes du site. Le tarif est de 0,14 € par mot source, majoré de 25 % "
            "pour une livraison sous 24 heures. Les factures sont payables à 30 jours fin de mois."
        ),
        Paragraph(
            "Les parties s'engagent à garder secrètes les informations techniques non publiées. La "
            "prestataire reste libre de travailler pour d'autres clients, sauf fabricants de "
            "balances."
        ),
        Lines(("Fait à Lyon en deux exemplaires, le 24 février 2026.",)),
    ),
    date(2026, 2, 24),
    "fr",
)

_CONSULTING = Page(
    "Consultancy Agreement",
    (
        Heading("Consultancy Agreement"),
        Paragraph("Dated: 20 April 2026"),
        Paragraph(
            "Tarnbrook Instruments Ltd (we, us) and Dr Imogen Thackeray (you) agree as follows."
        ),
        Paragraph(
            "You will advise us on vibration damping for up to four days in each month, at a fee "
            "of £720.00 per day plus expenses agreed beforehand. You work as an independent "
            "contractor, at times and places of your choosing, and account for your own taxes."
        ),
        Paragraph(
            "Inventions made in the course of the work belong to us; we name you as inventor and "
            "pay you £1,500.00 for each patent granted. You may publish with our consent, which we "
            "will not withhold beyond the filing of an application."
        ),
        Paragraph(
            "This agreement has no fixed end. Either of us may terminate it by giving the other "
            "four weeks notice. The law of Northern Ireland applies to it."
        ),
        Lines(("Signed: I. Thackeray", "Signed: R. Okafor for Tarnbrook Instruments Ltd")),
    ),
    date(2026, 4, 20),
)

_TENANCY = Page(
    "Lease of Business Premises",
    (
        Heading("LEASE OF BUSINESS PREMISES"),
        Pairs(
            (
                ("Landlord", "Brackenhall Estates LLP"),
                ("Tenant", "Tarnbrook Instruments Ltd"),
                ("Premises", "Unit 15, Quarry Rise, Otley, and four parking spaces"),
                ("Rent", "£31,200.00 a year, by equal quarterly payments in advance"),
                ("Commencement date", "25 March 2026"),
                ("Term", "a term of ten (10) years"),
                ("Break clause", "at the end of year five, on not less than 6 months notice"),
            )
        ),
        Paragraph(
            "The Tenant shall keep the premises in repair, use them for light engineering and "
            "storage only, and not sublet without the Landlord's consent. The Landlord shall "
            "insure the building and recover the premium. The rent is reviewed upwards or "
            "downwards at the end of the fifth year to the open market rent."
        ),
        Paragraph(
            "Sections 24 to 28 of the Landlord and Tenant Act 1954 do not apply to this lease. A "
            "rent deposit of £7,800.00 is held in an account that bears interest for the Tenant."
        ),
        Paragraph("This lease is governed by the law of England."),
    ),
    date(2026, 3, 25),
)

_MERGER = Page(
    "Geheimhaltungsvereinbarung",
    (
        Heading("Geheimhaltungsvereinbarung"),
        Paragraph(
            "Zwischen der Tarnbrook Messtechnik GmbH, Merzhausen, und der Brüderlin "
            "Präzisionslager AG, Dornach, wird mit Wirkung vom 10. Februar 2026 folgendes "
            "vereinbart:"
        ),
        Paragraph(
            "Die Vertragsparteien tauschen Zeichnungen, Muster und Messergebnisse für ein neues "
            "Kreuzfedergelenk aus. Alles, was als vertraulich bezeichnet ist, darf nur für diesen "
            "Zweck verwendet und nicht an Dritte gegeben werden."
        ),
        Paragraph(
            "Diese Vereinbarung hat eine Laufzeit von 30 Monaten. Eine ordentliche Kündigung ist "
            "ausgeschlossen. Nach ihrem Ende sind alle Unterlagen binnen vier Wochen zu vernichten."
        ),
        Paragraph(
            "Für jeden Fall der Zuwiderhandlung wird eine Vertragsstrafe von 20.000,00 Franken "
            "fällig. Anwendbares Recht ist das der Schweiz, Gerichtsstand Basel."
        ),
    ),
    date(2026, 2, 10),
    "de",
)

_AGENCY = Page(
    "Contrat d'agence commerciale",
    (
        Heading("CONTRAT D'AGENCE COMMERCIALE"),
        Paragraph(
            "Conclu entre Tarnbrook Instruments SARL, ci-après le Mandant, et Agence Delvaux & "
            "Fils SRL, rue du Marché 17 à Namur, ci-après l'Agent."
        ),
        Paragraph(
            "Article 1. Le Mandant confie à l'Agent la prospection de la clientèle hospitalière en "
            "Wallonie et à Bruxelles. L'Agent perçoit une commission de 7 % sur les affaires "
            "conclues."
        ),
        Paragraph(
            "Article 2. Le présent contrat entre en vigueur le 1er mai 2026 pour une durée de "
            "trois ans, renouvelable. Chaque partie peut le dénoncer avec un préavis de quatre "
            "mois."
        ),
        Paragraph(
            "Article 3. L'Agent ne représente aucun fabricant concurrent pendant le contrat ni "
            "dans les douze mois qui suivent sa fin."
        ),
        Paragraph("Article 4. Le contrat est soumis au droit de la Belgique."),
        Lines(("Lu et approuvé, Namur, le 20 avril 2026",)),
    ),
    date(2026, 4, 20),
    "fr",
)

PAGES: dict[str, Page] = {
    "contracts/hohenstein-wv-2026-07.docx": _WORKSHOP,
    "inbox/garrigues.docx": _TRANSLATION,
    "archive/2026/04/thackeray.docx": _CONSULTING,
    "contracts/quarry-rise-unit-15.docx": _TENANCY,
    "archive/2026/02/dornach.docx": _MERGER,
    "inbox/delvaux.rtf": _AGENCY,
}
