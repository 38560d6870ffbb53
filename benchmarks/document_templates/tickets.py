"""What a generated support ticket looks like."""

from datetime import date, timedelta
from random import Random

from document_templates.draft import Draft
from document_templates.names import any_company
from document_templates.notation import printed_date
from document_writers.blocks import Block, Heading, Page, Pairs, Paragraph, Table

_PRODUCTS = {
    "en": "Aria tablet,Boreas router,Cobalt printer,Dawn backup plan,Ember thermostat,Fathom pump",
    "de": "Aria Tablet,Boreas Router,Cobalt Drucker,Dawn Sicherung,Ember Thermostat,Fathom Pumpe",
    "fr": "tablette Aria,routeur Boreas,imprimante Cobalt,sauvegarde Dawn,thermostat Ember",
}
_LABELS = {
    "en": ("Ticket ID", "Opened", "Customer", "Product", "Category", "Priority", "Subject"),
    "de": ("Ticketnummer", "Eröffnet", "Kunde", "Produkt", "Kategorie", "Priorität", "Betreff"),
    "fr": ("Numéro de ticket", "Ouvert le", "Client", "Produit", "Catégorie", "Priorité", "Objet"),
}
_CATEGORIES = {
    "en": {
        "billing": "Billing",
        "technical": "Technical",
        "delivery": "Delivery",
        "account": "Account",
        "other": "Other",
    },
    "de": {
        "billing": "Abrechnung",
        "technical": "Technik",
        "delivery": "Lieferung",
        "account": "Konto",
        "other": "Sonstiges",
    },
    "fr": {
        "billing": "Facturation",
        "technical": "Technique",
        "delivery": "Livraison",
        "account": "Compte",
        "other": "Autre",
    },
}
_PRIORITIES = {
    "en": {"low": "Low", "normal": "Normal", "high": "High", "urgent": "Urgent"},
    "de": {"low": "niedrig", "normal": "normal", "high": "hoch", "urgent": "dringend"},
    "fr": {"low": "basse", "normal": "normale", "high": "haute", "urgent": "urgente"},
}
_SUBJECTS = {
    "en": {
        "billing": ("Charged twice in {m}", "Invoice for {m} shows the wrong tax rate"),
        "technical": ("Stops after {n} minutes", "Shows error E{n} at every start"),
        "delivery": ("Parcel {n} has not arrived", "Only {n} of the ordered units were in the box"),
        "account": (
            "Cannot sign in since update {n}",
            "Password reset mail never arrives, case {n}",
        ),
        "other": ("May it be used outdoors, {n} hours a day?", "Wish for a quieter mode, idea {n}"),
    },
    "de": {
        "billing": ("Doppelte Abbuchung im {m}", "Rechnung für {m} mit falschem Steuersatz"),
        "technical": ("Schaltet nach {n} Minuten ab", "Zeigt bei jedem Start Fehler E{n}"),
        "delivery": ("Paket {n} ist nicht angekommen", "Im Karton lagen nur {n} Stück"),
        "account": ("Keine Anmeldung seit Fassung {n}", "Kein Zugang mehr, Kennung {n}"),
        "other": (
            "Darf das Gerät {n} Stunden im Freien stehen?",
            "Wunsch Nr. {n} zum Nachtbetrieb",
        ),
    },
    "fr": {
        "billing": ("Prélèvement en double en {m}", "Taux de TVA erroné sur la facture de {m}"),
        "technical": ("S'arrête après {n} minutes", "Affiche l'erreur E{n} à chaque démarrage"),
        "delivery": ("Le colis {n} n'est pas arrivé", "Seulement {n} pièces dans le carton"),
        "account": ("Connexion impossible depuis la version {n}", "Compte bloqué, dossier {n}"),
        "other": ("Peut-on l'utiliser dehors {n} heures par jour ?", "Suggestion {n} : mode nuit"),
    },
}
_DETAILS = {
    "en": (
        "We have used it for about a year without any trouble and have changed nothing.",
        "A colleague on the same floor sees the very same thing, so it is hardly my own doing.",
        "I followed the steps in the handbook twice and asked our technician, without success.",
        "It began on a Monday morning, after the building had been without power at the weekend.",
        "Unplugging it and waiting for ten minutes helps for a while, then it comes back.",
        "I have taken photographs and can send them if that is of any use to you.",
        "We depend on it during opening hours and have only one spare, which is rather old.",
        "Your colleague on the telephone was friendly but could not find our file.",
        "Please let me know what else you need, I am at my desk until five.",
        "If it cannot be mended we would take a replacement, new or as good as new.",
    ),
    "de": (
        "Wir benutzen es seit etwa einem Jahr ohne Ärger und haben nichts verändert.",
        "Eine Kollegin auf demselben Flur sieht genau dasselbe, an mir liegt es also kaum.",
        "Ich habe die Schritte im Handbuch zweimal befolgt und unseren Techniker gefragt.",
        "Begonnen hat es an einem Montag, nachdem am Wochenende der Strom ausgefallen war.",
        "Ausstecken und zehn Minuten warten hilft für eine Weile, dann kommt es wieder.",
        "Ich habe Bilder gemacht und kann sie bei Bedarf schicken.",
        "Wir sind während der Öffnungszeiten darauf angewiesen und haben nur ein altes Ersatzgerät."
        "",
        "Ihr Kollege am Telefon war freundlich, konnte unseren Vorgang aber nicht finden.",
    ),
    "fr": (
        "Nous l'utilisons depuis un an environ sans souci et n'avons rien modifié.",
        "Une collègue du même étage constate exactement la même chose.",
        "J'ai suivi deux fois les étapes du manuel et interrogé notre technicien, sans succès.",
        "Cela a commencé un lundi, après une coupure de courant pendant le week-end.",
        "Débrancher et attendre dix minutes aide un moment, puis cela revient.",
        "J'ai pris des photos et peux les envoyer si cela vous est utile.",
        "Nous en dépendons aux heures d'ouverture et n'avons qu'un vieil appareil de secours.",
        "Votre collègue au téléphone était aimable mais n'a pas retrouvé notre dossier.",
    ),
}
_REPLIES = {
    "en": (
        "Thank you for writing. We have asked the workshop and will call back by noon.",
        "Log file received, passed on to the second line.",
        "Found it: a setting was lost in the last update. Corrected, please try again.",
        "A replacement part leaves today, no need to send the old one back.",
        "Customer confirms that it works. Kept open for a week.",
    ),
    "de": (
        "Danke für die Nachricht. Die Werkstatt ist gefragt, wir rufen bis mittags zurück.",
        "Protokoll erhalten und an die zweite Stufe gegeben.",
        "Gefunden: eine Einstellung ging verloren. Behoben, bitte noch einmal versuchen.",
        "Ein Ersatzteil geht heute heraus, das alte muss nicht zurück.",
        "Kunde bestätigt, dass es geht. Bleibt eine Woche offen.",
    ),
    "fr": (
        "Merci de votre message. L'atelier est saisi, nous rappelons avant midi.",
        "Journal reçu et transmis au deuxième niveau.",
        "Trouvé : un réglage avait disparu. Corrigé, merci de réessayer.",
        "Une pièce de rechange part aujourd'hui, inutile de renvoyer l'ancienne.",
        "Le client confirme que tout fonctionne. Reste ouvert une semaine.",
    ),
}
_DEVICE = {
    "en": ("Serial number", "Firmware", "Site", "Bought", "Contact by", "Second contact"),
    "de": ("Seriennummer", "Firmware", "Standort", "Gekauft", "Erreichbar", "Vertretung"),
    "fr": ("Numéro de série", "Micrologiciel", "Site", "Acheté", "Joignable", "Remplaçant"),
}
_SITES = {
    "en": "Main building,Warehouse,Reception,Second floor,Workshop,Branch office",
    "de": "Hauptgebäude,Lager,Empfang,Zweites Obergeschoss,Werkstatt,Außenstelle",
    "fr": "Bâtiment principal,Entrepôt,Accueil,Deuxième étage,Atelier,Agence",
}
_CONTACTS = {
    "en": "telephone before noon,telephone after two,mail at any time",
    "de": "Telefon vormittags,Telefon nach 14 Uhr,E-Mail jederzeit",
    "fr": "téléphone le matin,téléphone après 14 h,courriel à toute heure",
}
_MONTHS = {"en": ("May", "June", "July"), "de": ("Mai", "Juni", "Juli"), "fr": ("mai", "juin")}
_HISTORY = {
    "en": ("When", "Who", "Note"),
    "de": ("Wann", "Wer", "Notiz"),
    "fr": ("Quand", "Qui", "Note"),
}


def support_ticket(rng: Random, number: int, language: str, day: date) -> Draft:
    """A ticket opened on `day` with an id that no other has."""
    company = any_company(rng, language)
    customer = company.name if rng.random() < 0.6 else company.employee(rng, language).name
    category = rng.choice(tuple(_CATEGORIES[language]))
    priority = rng.choice(tuple(_PRIORITIES[language]))
    ticket_id = f"{rng.choice(('T-', 'TS', 'HD-', ''))}{number:07}"
    product = rng.choice(_PRODUCTS[language].split(","))
    subject = rng.choice(_SUBJECTS[language][category]).format(
        n=rng.randint(2, 4999), m=rng.choice(_MONTHS[language])
    )
    values = (
        ticket_id,
        printed_date(day, language, rng.randrange(3)),
        customer,
        product,
        _CATEGORIES[language][category],
        _PRIORITIES[language][priority],
        subject,
    )
    pairs = tuple(zip(_LABELS[language], values, strict=True))
    details = rng.sample(_DETAILS[language], rng.randint(6, 8))
    cut = len(details) // 2
    blocks: list[Block] = [
        Heading(subject if rng.random() < 0.5 else f"Ticket {ticket_id}"),
        Pairs(pairs, rng.choice(("left", "left", "above", "dots"))),
        Paragraph(" ".join(details[:cut])),
        Paragraph(" ".join(details[cut:])),
        Pairs(_device(rng, language, day)),
        _history(rng, language, day),
    ]
    return Draft(
        document_type="support_ticket",
        language=language,
        fields={
            "ticket_id": ticket_id,
            "opened_at": day.isoformat(),
            "customer": customer,
            "product": product,
            "category": category,
            "priority": priority,
            "summary": subject,
        },
        page=Page(f"Ticket {ticket_id}", tuple(blocks), day, language),
    )


def _device(rng: Random, language: str, day: date) -> tuple[tuple[str, str], ...]:
    bought = day - timedelta(days=rng.randint(60, 1500))
    values = (
        f"{rng.choice('ABCDEF')}{rng.randint(10_000_000, 99_999_999)}",
        f"{rng.randint(1, 4)}.{rng.randint(0, 19)}.{rng.randint(0, 9)}",
        rng.choice(_SITES[language].split(",")),
        printed_date(bought, language, rng.randrange(3)),
        rng.choice(_CONTACTS[language].split(",")),
        any_company(rng, language).employee(rng, language).name,
    )
    return tuple(zip(_DEVICE[language], values, strict=True))


def _history(rng: Random, language: str, day: date) -> Table:
    rows: list[tuple[str, ...]] = []
    for reply in rng.sample(_REPLIES[language], rng.randint(3, 5)):
        agent = any_company(rng, language).employee(rng, language).name
        clock = f"{rng.randint(8, 17):02}:{rng.randint(0, 59):02}"
        rows.append((f"{printed_date(day, language, 0)} {clock}", agent, reply))
        day += timedelta(days=rng.randint(0, 3))
    return Table(_HISTORY[language], tuple(rows))
