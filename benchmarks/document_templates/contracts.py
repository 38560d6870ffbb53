"""What a generated contract looks like."""

from datetime import date, timedelta
from random import Random

from document_templates.draft import Draft
from document_templates.names import any_company
from document_templates.notation import printed_date
from document_writers.blocks import Block, Columns, Heading, Lines, Page, Pairs, Paragraph

_TITLES = {
    "en": (
        "Service Agreement",
        "Supply Agreement",
        "Maintenance Agreement",
        "Mutual Non-Disclosure Agreement",
        "Consultancy Agreement",
        "Equipment Hire Agreement",
    ),
    "de": ("Dienstleistungsvertrag", "Liefervertrag", "Wartungsvertrag", "Mietvertrag"),
    "fr": ("Contrat de prestation", "Contrat de fourniture", "Contrat de maintenance"),
}
_LAWS = {
    "en": ("England and Wales", "Scotland", "Northern Ireland", "Ireland", "Delaware", "New York"),
    "de": ("Deutschland", "Österreich", "Schweiz"),
    "fr": ("France", "Belgique", "Luxembourg"),
}
_UNITS = {
    "en": {"days": "days", "weeks": "weeks", "months": "months", "years": "years"},
    "de": {"days": "Tage", "weeks": "Wochen", "months": "Monate", "years": "Jahre"},
    "fr": {"days": "jours", "weeks": "semaines", "months": "mois", "years": "ans"},
}
_TERMS = ((6, "months"), (12, "months"), (18, "months"), (24, "months"), (36, "months"))
_TERMS_IN_YEARS = ((2, "years"), (3, "years"), (5, "years"))
_NOTICES = ((14, "days"), (30, "days"), (60, "days"), (90, "days"), (6, "weeks"), (3, "months"))

_CLAUSES = {
    "en": (
        "The Provider shall perform the services with reasonable skill and care, by people who are "
        "suitably trained, and shall follow the site rules that the Customer makes known to it.",
        "Orders are placed in writing. The Provider may decline an order within three working "
        "days; otherwise it is accepted on the terms of this agreement and no others.",
        "Charges follow the schedule. They are invoiced at the end of each month and payable "
        "within the time stated on the invoice; disputed items may be held back, the rest may not.",
        "Each party keeps the other's confidential information secret, uses it for the purposes of "
        "this agreement only and shows it to nobody who does not need it.",
        "Title to goods passes on payment, risk on delivery. The Customer inspects what it "
        "receives and reports visible defects without delay, hidden ones once it finds them.",
        "Neither party is liable for delay caused by events beyond its control, provided that it "
        "tells the other promptly and does what it reasonably can to limit the effect.",
        "The Provider maintains public liability insurance and shows the certificate on request.",
        "Personal data is processed on instruction only, kept no longer than needed and deleted or "
        "returned when the work is done.",
        "This agreement is the whole of what the parties have agreed. Changes are valid only if "
        "they are made in writing and signed by both.",
        "Neither party may assign its rights without the consent of the other, which is not to be "
        "withheld without good reason.",
        "Waste is taken away at the Provider's cost and disposed of as the authorities require; "
        "the Customer receives a copy of every consignment note and keeps it for inspection.",
        "Liability is limited to the charges paid in the year in which the claim arose, save where "
        "the law does not permit such a limit.",
    ),
    "de": (
        "Der Auftragnehmer erbringt seine Leistungen mit der Sorgfalt eines ordentlichen Kaufmanns "
        "und setzt nur geschultes Personal ein, das die Hausordnung des Auftraggebers beachtet.",
        "Einzelaufträge werden schriftlich erteilt. Widerspricht der Auftragnehmer nicht binnen "
        "drei Werktagen, so gilt der Auftrag zu den Bedingungen dieses Vertrags als angenommen.",
        "Die Vergütung ergibt sich aus der Preisliste und wird am Ende jedes Monats abgerechnet. "
        "Strittige Posten dürfen zurückbehalten werden, unstrittige nicht.",
        "Die Vertragsparteien halten vertrauliche Unterlagen geheim und verwenden sie nur zur "
        "Erfüllung dieses Vertrags.",
        "Gefahr und Kosten gehen mit der Übergabe über. Offene Mängel sind unverzüglich "
        "anzuzeigen, verdeckte nach ihrer Entdeckung.",
        "Höhere Gewalt befreit für die Dauer der Störung von der Leistungspflicht, wenn die andere "
        "Partei ohne Verzug unterrichtet wird.",
        "Der Auftragnehmer unterhält eine Betriebshaftpflichtversicherung und weist sie auf "
        "Verlangen nach.",
        "Nebenabreden bestehen nicht. Änderungen bedürfen der Schriftform; das gilt auch für diese "
        "Klausel.",
        "Die Haftung für leichte Fahrlässigkeit ist auf die Vergütung eines Jahres beschränkt; für "
        "Schäden an Leben und Gesundheit gilt diese Grenze nicht.",
        "Abfälle entsorgt der Auftragnehmer auf eigene Kosten nach den Vorgaben der Behörden und "
        "überlässt dem Auftraggeber eine Abschrift der Nachweise.",
        "Sollte eine Bestimmung unwirksam sein, so bleibt der Vertrag im Übrigen bestehen.",
    ),
    "fr": (
        "Le prestataire exécute ses obligations avec le soin d'un professionnel, par un personnel "
        "formé, et respecte les consignes du site qui lui sont communiquées par le client.",
        "Les commandes sont passées par écrit. À défaut de refus dans les trois jours ouvrés, la "
        "commande est réputée acceptée aux conditions du présent contrat.",
        "Le prix résulte du barème annexé. Il est facturé à la fin de chaque mois ; seuls les "
        "postes contestés peuvent être retenus.",
        "Chaque partie garde secrètes les informations de l'autre et ne les utilise que pour "
        "l'exécution du contrat.",
        "Le transfert des risques a lieu à la livraison. Les défauts apparents sont signalés sans "
        "retard, les défauts cachés dès leur découverte.",
        "Aucune partie ne répond d'un retard dû à la force majeure, à condition d'en avertir "
        "l'autre et d'en limiter les effets.",
        "Le prestataire justifie à première demande d'une assurance de responsabilité civile.",
        "Le présent contrat exprime l'intégralité de l'accord des parties. Toute modification est "
        "faite par écrit et signée des deux parties.",
        "La responsabilité du prestataire est limitée au prix d'une année, sauf en cas de dommage "
        "corporel ou de faute lourde.",
        "Les déchets sont évacués aux frais du prestataire selon les règles en vigueur ; une copie "
        "des bordereaux de suivi est remise au client.",
        "Si une clause est nulle, les autres demeurent en vigueur.",
    ),
}
_OPENINGS = {
    "en": "This agreement is made between {a} of {a_town}, the Provider, and {b} of {b_town}, the "
    "Customer. Reference: {reference}.",
    "de": "Zwischen {a}, {a_town}, nachfolgend Auftragnehmer, und {b}, {b_town}, nachfolgend "
    "Auftraggeber, wird folgender Vertrag geschlossen. Zeichen: {reference}.",
    "fr": "Entre {a}, {a_town}, ci-après le prestataire, et {b}, {b_town}, ci-après le client, il "
    "a été convenu ce qui suit. Référence : {reference}.",
}
_PROSE = {
    "en": "It takes effect on {start} and continues for a term of {term}. Either party may end it "
    "before then by giving notice of {notice} in writing. It is governed by the laws of {law}.",
    "de": "Der Vertrag beginnt am {start}. Die Laufzeit beträgt {term}, die Kündigungsfrist "
    "{notice}. Anwendbares Recht: {law}. Die Kündigung bedarf der Schriftform.",
    "fr": "Le contrat prend effet le {start} pour une durée de {term}. Chaque partie peut le "
    "résilier par écrit avec un préavis de {notice}. Droit applicable : {law}.",
}
_LABELS = {
    "en": ("Effective date", "Term", "Notice period", "Governing law"),
    "de": ("Beginn", "Laufzeit", "Kündigungsfrist", "Anwendbares Recht"),
    "fr": ("Date d'effet", "Durée", "Préavis", "Droit applicable"),
}


def contract(rng: Random, number: int, language: str, day: date) -> Draft:
    """A contract drawn up on `day` with a reference that no other has."""
    one, other = any_company(rng, language), any_company(rng, language)
    start = day + timedelta(days=rng.choice((0, 1, 7, 14, 30)))
    term = rng.choice(_TERMS + _TERMS_IN_YEARS)
    notice = rng.choice(_NOTICES)
    law = rng.choice(_LAWS[language])
    title = rng.choice(_TITLES[language])
    printed_start = printed_date(start, language, rng.randrange(3))
    terms = (printed_start, _printed(term, language), _printed(notice, language), law)
    opening = _OPENINGS[language].format(
        a=one.name, b=other.name, a_town=one.town, b_town=other.town, reference=f"V-{number:06}"
    )
    clauses = rng.sample(_CLAUSES[language], rng.randint(8, len(_CLAUSES[language])))
    body: list[Block] = [Heading(title), Paragraph(opening)]
    if rng.random() < 0.5:
        pairs = tuple(zip(_LABELS[language], terms, strict=True))
        body.append(Pairs(pairs, rng.choice(("left", "above", "across", "dots"))))
    else:
        sentence = dict(zip(("start", "term", "notice", "law"), terms, strict=True))
        clauses.insert(rng.randint(3, len(clauses)), _PROSE[language].format(**sentence))
    for i, clause in enumerate(clauses, start=1):
        body.append(Paragraph(f"{i}. {clause}"))
    signers = one.employee(rng, language).name, other.employee(rng, language).name
    body += [
        Lines((f"{one.place}, {printed_date(day, language, 1)}",)),
        Columns((one.name, signers[0]), (other.name, signers[1])),
    ]
    return Draft(
        document_type="contract",
        language=language,
        fields={
            "title": title,
            "parties": [one.name, other.name],
            "effective_date": start.isoformat(),
            "term": f"{term[0]} {term[1]}",
            "notice_period": f"{notice[0]} {notice[1]}",
            "governing_law": law,
        },
        page=Page(f"{title} V-{number:06}", tuple(body), day, language),
    )


def _printed(duration: tuple[int, str], language: str) -> str:
    return f"{duration[0]} {_UNITS[language][duration[1]]}"
