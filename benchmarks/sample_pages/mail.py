"""The sample messages printed to PDF or saved as DOCX: path below `documents/`, and page."""

from datetime import date

from document_writers.blocks import Heading, Page, Pairs, Paragraph, Rule

_PRINTED = Page(
    "Re: Visit of the notified body",
    (
        Heading("Re: Visit of the notified body on 22 April", 2),
        Rule(),
        Pairs(
            (
                ("From", "Ruth Okafor <ruth.okafor@tarnbrook.example>"),
                ("Sent", "Tue, 14 Apr 2026 17:05:00 +0100"),
                ("To", "Priya Raman <priya.raman@tarnbrook.example>"),
                ("Subject", "Re: Visit of the notified body on 22 April"),
            )
        ),
        Rule(),
        Paragraph("Hi Priya,"),
        Paragraph(
            "Thanks, that agenda works. Could you move the walk through the calibration room to "
            "the morning? They will want to see a weighing from start to finish, and the afternoon "
            "shift is one short next week. I have asked Thorvald to have the type approval file at "
            "hand."
        ),
        Paragraph(
            "Lunch for six in the small meeting room, please, one vegetarian, one without nuts."
        ),
        Paragraph("Best regards,"),
        Paragraph("Ruth"),
    ),
    date(2026, 4, 14),
)

_LETTER = Page(
    "Objet : Salon Mesure et Labo",
    (
        Pairs(
            (
                ("De", "solene.marchand@tarnbrook.example"),
                ("À", "contact@salon-mesurelabo.example"),
                ("Envoyé", "16 février 2026 09:41:00 +0100"),
                ("Objet", "Réservation d'un stand de 18 m² au salon Mesure et Labo"),
                ("Pièces jointes", "bon-de-reservation.pdf"),
            )
        ),
        Paragraph("Bonjour,"),
        Paragraph(
            "Comme convenu par téléphone, vous trouverez ci-joint notre bon de réservation pour un "
            "stand d'angle de 18 m² dans le hall 2. Nous aurions besoin d'une arrivée électrique "
            "indépendante et d'un sol sans vibration, loin des démonstrations de centrifugeuses."
        ),
        Paragraph("Pouvez-vous nous confirmer l'emplacement avant la fin du mois ?"),
        Paragraph("Cordialement,"),
        Paragraph("Solène Marchand"),
    ),
    date(2026, 2, 16),
    "fr",
)

PAGES: dict[str, Page] = {
    "mail/okafor-2026-04-14.pdf": _PRINTED,
    "inbox/salon.docx": _LETTER,
}
