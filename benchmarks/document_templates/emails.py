"""What a generated e-mail message looks like."""

from datetime import date, datetime, time, timedelta, timezone
from email.utils import format_datetime
from random import Random

from document_templates.draft import Draft
from document_templates.names import Person, any_company
from document_writers.blocks import Heading, Page, Pairs, Paragraph
from document_writers.mail_format import Attachment, Message

_SUBJECTS = {
    "en": (
        "Agenda for the meeting on file {n}",
        "Question about drawing {n}",
        "Samples of lot {n} are ready",
        "Visit next week, room {n}",
        "Minutes of session {n}",
    ),
    "de": (
        "Tagesordnung zum Vorgang {n}",
        "Frage zu Zeichnung {n}",
        "Muster aus Los {n} liegen bereit",
        "Besuch nächste Woche, Raum {n}",
        "Protokoll der Sitzung {n}",
    ),
    "fr": (
        "Ordre du jour du dossier {n}",
        "Question sur le plan {n}",
        "Échantillons du lot {n} disponibles",
        "Visite la semaine prochaine, salle {n}",
        "Compte rendu de la séance {n}",
    ),
}
_GREETINGS = {"en": "Dear {name},", "de": "Guten Tag {name},", "fr": "Bonjour {name},"}
_CLOSINGS = {"en": "Kind regards,", "de": "Mit freundlichen Grüßen", "fr": "Cordialement,"}
_SENTENCES = {
    "en": (
        "thank you for the quick answer and for the patience you had with our questions.",
        "The drawings have been checked by two of us and we found nothing that stands in the way.",
        "There is one point on which we would like to hear your opinion before we go on.",
        "The workshop says that the edge may stay as it is if the coating is a little thinner.",
        "Could you tell us until when the offer stands, and whether a smaller lot is possible?",
        "My colleague will bring the samples, so that we can look at them under the lamp.",
        "The room is booked from nine; coffee is there, the projector has to be asked for.",
        "If the train is late again, please ring the desk and they will let us know.",
        "I have put the figures of last quarter beside the plan, the difference is small.",
        "Please do not pass this on yet, the customer has not been told.",
        "We can move the date by a week, but not further, since the hall is let after that.",
        "The second page of the list was missing in the last mail, sorry about that.",
        "Somebody from the insurance will walk through the store on the same day.",
        "As far as I remember we agreed on this in spring, I am looking for the note.",
        "Let me know if anything in this is unclear, I would rather explain twice.",
        "The translation comes back on Thursday and goes to the printer on Friday.",
        "Nobody has complained so far, which may also mean that nobody has noticed.",
        "The old agreement runs until the end of the year and can stay as it is till then.",
    ),
    "de": (
        "vielen Dank für die schnelle Antwort und für die Geduld mit unseren Fragen.",
        "Die Zeichnungen haben zwei von uns geprüft, es steht nichts im Wege.",
        "Zu einem Punkt würden wir gern Ihre Meinung hören, bevor es weitergeht.",
        "Die Werkstatt sagt, die Kante könne so bleiben, wenn die Schicht dünner wird.",
        "Können Sie sagen, wie lange das Angebot gilt und ob auch ein kleineres Los geht?",
        "Meine Kollegin bringt die Muster mit, damit wir sie unter der Lampe ansehen können.",
        "Der Raum ist ab neun gebucht; Kaffee steht da, den Projektor muss man anmelden.",
        "Bitte geben Sie das noch nicht weiter, der Kunde weiß noch nichts davon.",
        "Wir können den Termin um eine Woche schieben, weiter leider nicht.",
        "In der letzten Nachricht fehlte die zweite Seite der Liste, das tut mir leid.",
        "Soweit ich mich erinnere, hatten wir das im Frühjahr so besprochen.",
        "Die Übersetzung kommt am Donnerstag zurück und geht am Freitag in den Druck.",
        "Den Schrank haben wir noch einmal gemessen: durch die Tür passt er, um die Ecke nicht.",
        "Die Versicherung schickt am selben Tag jemanden, der sich das Lager ansehen will.",
        "Sagen Sie es bitte, wenn etwas davon unklar ist, ich erkläre es gern ein zweites Mal.",
        "Die Zahlen des letzten Quartals stehen neben dem Plan, der Unterschied ist klein.",
        "Falls der Zug wieder Verspätung hat, genügt ein Anruf am Empfang.",
        "Bisher hat sich niemand beschwert, vielleicht hat es auch niemand bemerkt.",
    ),
    "fr": (
        "merci de votre réponse rapide et de la patience que vous avez eue avec nos questions.",
        "Les plans ont été vérifiés par deux d'entre nous, rien ne s'y oppose.",
        "Il reste un point sur lequel nous aimerions connaître votre avis.",
        "L'atelier dit que l'arête peut rester ainsi si la couche est un peu plus mince.",
        "Pouvez-vous nous dire jusqu'à quand l'offre est valable ?",
        "Ma collègue apportera les échantillons pour que nous les regardions sous la lampe.",
        "La salle est réservée à partir de neuf heures, le projecteur est à demander.",
        "Merci de ne pas encore transmettre ceci, le client n'est pas au courant.",
        "Nous pouvons décaler la date d'une semaine, pas davantage.",
        "La deuxième page de la liste manquait dans le dernier message, veuillez m'en excuser.",
        "La traduction revient jeudi et part à l'impression vendredi.",
        "L'armoire a été mesurée de nouveau : elle passe la porte, mais pas l'angle du couloir.",
        "Quelqu'un de l'assurance visitera le magasin le même jour.",
        "Dites-moi si un point reste obscur, je préfère expliquer deux fois.",
        "Les chiffres du dernier trimestre sont à côté du plan, l'écart est faible.",
        "Si le train a encore du retard, un appel à l'accueil suffit.",
        "Personne ne s'est plaint jusqu'ici, peut-être que personne ne l'a remarqué.",
    ),
}
_HEADERS = {
    "en": ("From", "To", "Sent", "Subject", "Attachments"),
    "de": ("Von", "An", "Gesendet", "Betreff", "Anlagen"),
    "fr": ("De", "À", "Envoyé", "Objet", "Pièces jointes"),
}
_FILES = {
    "en": "list,plan,notes,figures",
    "de": "liste,plan,notizen,zahlen",
    "fr": "liste,plan,notes",
}


def email(rng: Random, number: int, language: str, day: date) -> Draft:
    """A message sent on `day` with a subject that no other has."""
    ours, theirs = any_company(rng, language), any_company(rng, language)
    sender = ours.employee(rng, language)
    recipients = _recipients(rng, language, number)
    recipients[0] = theirs.employee(rng, language)
    # Some addresses come up twice by chance; a message names each of them once.
    recipients = list({person.mailbox: person for person in recipients}.values())
    subject = rng.choice(_SUBJECTS[language]).format(n=number)
    offset = timezone(timedelta(hours=rng.choice((0, 1) if language == "en" else (1, 2))))
    clock = time(rng.randint(6, 21), rng.randint(0, 59), rng.randint(0, 59))
    sent_at = datetime.combine(day, clock, offset)
    attachments = _attachments(rng, language, number)
    message_id = f"{day:%Y%m%d}.{number:07}@{ours.domain}"
    paragraphs = _paragraphs(rng, language, recipients[0], sender)
    values = (
        f"{sender.name} <{sender.mailbox}>",
        "; ".join(person.mailbox for person in recipients),
        format_datetime(sent_at),
        subject,
        ", ".join(attachment.name for attachment in attachments),
    )
    pairs = tuple(zip(_HEADERS[language], values, strict=True))
    blocks = (
        Heading(subject, 2),
        Pairs(pairs if attachments else pairs[:-1]),
        *map(Paragraph, paragraphs),
    )
    return Draft(
        document_type="email",
        language=language,
        fields={
            "sender": sender.mailbox,
            "recipients": [person.mailbox for person in recipients],
            "subject": subject,
            "sent_at": sent_at.isoformat(),
            "message_id": message_id,
            "attachments": [attachment.name for attachment in attachments],
        },
        page=Page(subject, blocks, day, language),
        message=Message(
            sender=(sender.name, sender.mailbox),
            recipients=[(person.name, person.mailbox) for person in recipients],
            subject=subject,
            sent_at=sent_at,
            body="\n\n".join(paragraphs) + "\n",
            message_id=message_id,
            attachments=attachments,
        ),
    )


def _recipients(rng: Random, language: str, number: int) -> list[Person]:
    count = 1 + number % 3
    return [any_company(rng, language).employee(rng, language) for _ in range(count)]


def _attachments(rng: Random, language: str, number: int) -> list[Attachment]:
    names = rng.sample(_FILES[language].split(","), rng.choice((0, 0, 0, 1, 2)))
    return [
        Attachment(f"{name}-{number}.csv", "text/csv; charset=utf-8", b"item,count\nA,1\nB,2\n")
        for name in names
    ]


def _paragraphs(rng: Random, language: str, reader: Person, writer: Person) -> list[str]:
    first, *rest = _SENTENCES[language]
    chosen = [first, *rng.sample(rest, rng.randint(len(rest) - 3, len(rest)))]
    parts = [_GREETINGS[language].format(name=reader.name)]
    while chosen:
        size = rng.randint(3, 5)
        parts.append(" ".join(chosen[:size]))
        chosen = chosen[size:]
    return [*parts, _CLOSINGS[language], writer.name]
