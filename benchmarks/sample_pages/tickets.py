"""The sample tickets that are PDF, DOCX or XLSX files: path below `documents/`, and page."""

from datetime import date

from document_writers.blocks import Heading, Lines, Page, PageBreak, Pairs, Paragraph, Rule, Table

_DRIFT = Page(
    "Ticket TB-10482",
    (
        Heading("Service ticket"),
        Pairs(
            (
                ("Ticket ID", "TB-10482"),
                ("Opened", "5 March 2026"),
                ("Customer", "Halewood Pharma Ltd"),
                ("Product", "Kestrel 220 analytical balance"),
                ("Category", "Technical"),
                ("Priority", "High"),
                ("Subject", "Reading drifts by 3 mg within ten minutes of taring"),
            )
        ),
        Heading("Description", 2),
        Paragraph(
            "Since the balance was moved to the second floor the display creeps upwards after "
            "every tare. The draught shield is closed and the spirit level is centred. Two other "
            "balances on the same bench are steady. The balance is used for release testing, so a "
            "replacement is needed if this cannot be solved this week."
        ),
        Heading("History", 2),
        Table(
            ("When", "Who", "Note"),
            (
                ("5 Mar 10:20", "Priya Raman", "Asked for the event log and the room temperature."),
                (
                    "5 Mar 14:02",
                    "Customer",
                    "Log sent. Air conditioning outlet is above the bench.",
                ),
                ("6 Mar 09:15", "Priya Raman", "Deflector advised, engineer booked for 9 March."),
            ),
        ),
    ),
    date(2026, 3, 6),
)

_DELIVERY = Page(
    "Vorgang 2026-0311",
    (
        Heading("Tarnbrook Messtechnik GmbH, Kundendienst", 2),
        Pairs(
            (
                ("Vorgang", "2026-0311"),
                ("Erstellt", "24.02.2026"),
                ("Kunde", "Molkerei Almbachtal eG"),
                ("Produkt", "Heron 6K Tischwaage"),
                ("Kategorie", "Lieferung"),
                ("Priorität", "normal"),
            ),
            "across",
        ),
        Pairs((("Betreff", "Zwei von acht Waagen fehlen in der Sendung"),)),
        Paragraph(
            "Laut Lieferschein LS 2026-0559 wurden acht Waagen geliefert, im Karton waren jedoch "
            "nur sechs. Die Spedition sagt, die Palette sei vollständig übergeben worden. Wir "
            "bitten um Nachlieferung bis zum 4. März, weil dann die neue Abfüllung anläuft."
        ),
        Rule(),
        Paragraph(
            "Antwort vom 25.02.2026: Die beiden Waagen standen noch im Lager. Versand heute per "
            "Express, Sendungsnummer folgt. Wir entschuldigen uns für das Versehen."
        ),
    ),
    date(2026, 2, 25),
    "de",
)

_ESCALATION = Page(
    "Case record",
    (
        Heading("Case record C-7719-B"),
        Lines(("Supersedes case C-7719-A of 2 November 2025 (closed)", "Printed 12 January 2026")),
        Pairs(
            (
                ("Case", "C-7719-B"),
                ("Created", "8 December 2025"),
                ("Incident first seen", "29 November 2025"),
                ("Requester", "Veldkamp Laboratories BV"),
                ("Service", "TarnLog cloud subscription"),
            )
        ),
        Heading("Summary", 2),
        Paragraph("Audit trail entries are missing for 29 November"),
        Heading("What happened", 2),
        Paragraph(
            "The customer exported the audit trail for an inspection and found no entries between "
            "02:00 and 05:40. Weighings of those hours are present in the results table. The "
            "customer considers the case urgent, since the inspection is on 15 January 2026; on "
            "our side it was first filed as low and raised on 9 December after a call with the "
            "site manager."
        ),
        PageBreak(),
        Heading("Resolution so far", 2),
        Paragraph(
            "The write queue of one node was full and dropped 212 entries. They were rebuilt from "
            "the node's journal on 11 December 2025 and carry a mark that says so. An explanation "
            "on letterhead was sent on 15 December 2025. Kept open until the inspection is over."
        ),
        Pairs((("Priority", "Urgent"), ("Category", "Technical"), ("Owner", "Lucas Reinders"))),
    ),
    date(2026, 1, 12),
)

_BILLING = Page(
    "Ticket",
    (
        Heading("Support request"),
        Pairs(
            (
                ("Ticket", "TB-10533"),
                ("Date", "2026-03-18"),
                ("Reported by", "Fenwick Assay Office"),
                ("Product", "Annual calibration plan"),
                ("Category", "Billing"),
                ("Priority", "Low"),
                ("Summary", "Charged twice for the calibration visit in February"),
            ),
            "left",
        ),
        Table(
            ("Date", "Author", "Entry"),
            (
                (
                    "2026-03-18",
                    "Customer",
                    "Our statement shows the visit of 11 February two times.",
                ),
                ("2026-03-19", "Support", "Passed to accounts, reference AR-3390."),
                ("2026-03-23", "Accounts", "Second booking reversed. Credit note follows by post."),
            ),
        ),
    ),
    date(2026, 3, 23),
)

_ACCESS = Page(
    "Demande d'assistance",
    (
        Heading("Demande d'assistance"),
        Pairs(
            (
                ("Numéro de ticket", "FR-00718"),
                ("Ouvert le", "9 avril 2026"),
                ("Client", "Laboratoire Péligot"),
                ("Produit", "TarnLog, abonnement cinq postes"),
                ("Catégorie", "Compte"),
                ("Priorité", "Urgente"),
                ("Objet", "Aucun utilisateur ne peut se connecter depuis ce matin"),
            ),
            "above",
        ),
        Paragraph(
            "Depuis la mise à jour de cette nuit, la page de connexion refuse tous les mots de "
            "passe, y compris celui de l'administratrice. Nous avons quarante échantillons en "
            "attente et ne pouvons pas enregistrer les pesées. Merci de nous rappeler au plus vite."
        ),
        Paragraph(
            "Réponse du 9 avril, 11 h 20 : le certificat du service d'authentification avait "
            "expiré. Il a été renouvelé, merci de réessayer."
        ),
    ),
    date(2026, 4, 9),
    "fr",
)

PAGES: dict[str, Page] = {
    "tickets/tb-10482.pdf": _DRIFT,
    "inbox/almbachtal.pdf": _DELIVERY,
    "archive/2026/01/c-7719-b.pdf": _ESCALATION,
    "inbox/fenwick.xlsx": _BILLING,
    "tickets/fr-00718.docx": _ACCESS,
}
