"""Which words stand beside titles, texts and choices?"""

from llms.offline.concepts import Concept, Kind

TEXTS: dict[str, Concept] = {
    "subject": Concept(
        Kind.TEXT,
        "subject;subject line;headline",
        "subject;betreff;objet;asunto;oggetto;onderwerp;betr;re",
    ),
    "title": Concept(
        Kind.TEXT,
        "title;heading;document title;name of the document;title of the contract",
        "title;titel;titre;título;titolo;og title;subject;betreff;objet",
    ),
    "description": Concept(
        Kind.TEXT,
        "description;full text;details;body;remarks;comment;notes",
        "description;details;beschreibung;bemerkung;bemerkungen;descripción;remarks;comments;"
        "notes;message;nachricht;text",
    ),
    "short_description": Concept(
        Kind.TEXT,
        "short description;type of filing;filing type",
        "short description;filing type;event;event type;kurzbeschreibung;description courte",
    ),
    "summary": Concept(
        Kind.SUMMARY,
        "summary;abstract;one sentence;synopsis;problem in one sentence;gist",
        "summary;zusammenfassung;résumé;subject;betreff;objet;issue;problem;short description;"
        "kurzbeschreibung;abstract",
    ),
    "product": Concept(
        Kind.TEXT,
        "product;service;product or service;item;device;product name",
        "product;product name;service;item;device;model;article;affected product;"
        "product or service;produkt;betroffenes produkt;gerät;dienst;artikel;modell;"
        "produit;produit concerné;appareil;producto;prodotto",
        "product;produkt;produit",
    ),
    "case_name": Concept(
        Kind.VERSUS,
        "case name;case title;caption;case caption",
        "case name;case title;short title;caption;rubrum;affaire",
    ),
    "attachments": Concept(
        Kind.FILES,
        "attachments;attachment names;file names;attached files",
        "attachments;attachment;attached;anlagen;anlage;anhang;anhänge;pièces jointes;"
        "pièce jointe;adjuntos;allegati;bijlagen",
    ),
    "payment_method": Concept(
        Kind.CATEGORY,
        "payment method;payment type;how it was paid;means of payment;paid by",
        "paid by;payment;payment method;payment type;payment mode;method of payment;pay by;"
        "zahlung;zahlungsart;zahlart;bezahlt mit;zahlungsweise;zahlungsmittel;paiement;"
        "mode de paiement;moyen de paiement;réglé par;règlement;forma de pago;betaalwijze;tender",
    ),
    "priority": Concept(
        Kind.CATEGORY,
        "priority;urgency;severity;importance;how urgent",
        "priority;severity;urgency;importance;x priority;priorität;dringlichkeit;wichtigkeit;"
        "priorité;urgence;gravité;prioridad;prio",
    ),
    "category": Concept(
        Kind.CATEGORY,
        "category;topic;class;type;kind;what the problem is about",
        "category;topic;type;class;area;department;kategorie;bereich;thema;art;catégorie;type;"
        "thème;rubrique;categoría",
    ),
    "status": Concept(
        Kind.CATEGORY, "status;state", "status;state;zustand;stand;statut;état;estado;stato"
    ),
}
