"""Which words make a company, an address, a place or a choice of a category recognisable."""

import re

from llms.offline.words import words

WEAK_LABELS = frozenset(
    words(
        "a aan amount an art articles as attached bar bill brutto by card case cash category "
        "change "
        "client cliente contact copy cost da data date de delivery discount document due effective "
        "entre entered essence event facture fax fee filed for from invoice issue items kunde "
        "land le "
        "location mail manager message model name net netto notice of order ort p parties party "
        "pay "
        "payable payment period phone price problem product prix preis provider rate re rechnung "
        "recht "
        "reference ref report sent service shop signed solde stand status store summe supplier tax "
        "term terms text ticket title to total type u user van vat visa von web zwischen between "
        "balance brand currency deposit email employee employer customer seller buyer vendor "
        "lender "
        "author received created opened posted published updated entry subject description "
        "bank company starts begins commencement dated remarks comments notes"
    )
)
"""Labels so common as words that they only count at the start of a line or before a colon."""

COMPANY_SUFFIX = (
    r"(?:Inc|Incorporated|Corp|Corporation|Company|Co|LLC|L\.L\.C|LLP|L\.L\.P|LP|L\.P|Ltd|Limited|"
    r"PLC|Plc|plc|GmbH(?:\s*&\s*Co\.?\s*KG(?:aA)?)?|gGmbH|AG|KG|KGaA|OHG|GbR|"
    r"UG(?:\s*\(haftungsbeschränkt\))?|"
    r"e\.\s?K|e\.\s?V|eG|SE|S\.\s?A\.\s?R\.\s?L|SARL|Sàrl|SAS|S\.A\.S|SASU|EURL|S\.A|SA|SNC|SCOP|"
    r"S\.p\.A|SpA|S\.r\.l|Srl|S\.L|SL|B\.V|BV|N\.V|NV|VOF|Sdn\.?\s+Bhd|SDN\.?\s*BHD|Bhd|BHD|S/B|SDN\.BHD|"
    r"Pty\.?\s+Ltd|PTE\.?\s+LTD|Pte\.?\s+Ltd|A/S|ApS|AB|Oy|AS|Foundation|University|Bank|Trust|"
    r"Partners|Group|Holdings|Association|ENTERPRISE|TRADING|LTD|INC|CORP|CO|LIMITED|COMPANY|GMBH|"
    r"CORPORATION|HOLDINGS|GROUP|Verein|Stiftung|Genossenschaft)"
)

COMPANY = re.compile(
    r"(?<![\w@.])(?:The\s+|THE\s+)?[A-ZÀ-ÖØ-Þ0-9][\w'’&.\-/]*"
    r"(?:,?[ ](?:[A-ZÀ-ÖØ-Þ0-9(][\w'’&.\-/()]*|&|and|und|et|of|de|der|für|y|e|the)){0,7}?"
    rf",?[ ]{COMPANY_SUFFIX}(?![\w])\.?(?:,?[ ]{COMPANY_SUFFIX}(?![\w])\.?)?"
)
"""A run of capitalised words that ends in a legal form or a word for a kind of organisation."""

HAS_SUFFIX = re.compile(rf"(?:^|[\s,]){COMPANY_SUFFIX}(?![\w])")

STRONG_SUFFIX = re.compile(
    r"(?i)(?:^|[\s,(])(?:inc|corp|llc|l\.l\.c|llp|ltd|limited|plc|gmbh|(?-i:AG|KG)|ohg|ug|sarl|sàrl|sas|"
    r"s\.a|s\.p\.a|s\.r\.l|srl|b\.v|bv|n\.v|bhd|s/b|corporation|e\.\s?k|s\.l|enterprise|trading|"
    r"restaurant|restoran|store|stores|shop|market|supermarket|markt|hotel|café|cafe|bakery|"
    r"bäckerei|boulangerie|pharmacy|apotheke|pharmacie|company|co\.|holdings|group|mart|"
    r"hardware|stationery|librairie|boutique|garage|tankstelle|station|kiosk|bistro|pizzeria|"
    r"buchhandlung|drogerie|gasthaus|gasthof|brasserie)(?![\w])"
)
"""Words that speak for a line of a document head being the name of a business."""

STREET = re.compile(
    r"(?i)(?:\b(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|way|court|place|"
    r"plaza|square|suite|floor|level|lot|block|unit|building|highway|park|jalan|jln|jl|lorong|"
    r"taman|rue|chemin|allée|quai|impasse|route|calle|via|viale|piazza|plaza|avenida|po box|"
    r"p\.o\. box|postfach|bp)\b|\w*(?:stra(?:ß|ss)e|str\.|gasse|platz|allee|ring|damm|weg|ufer|"
    r"straat|laan|plein|gracht|kade)\b)"
)
"""Words of a postal address."""

POSTCODE = re.compile(
    r"\b(?:(?:[A-Z]{1,3}[- ])?\d{4,6}(?:-\d{4})?|[A-Z]{1,2}\d{1,2}[A-Z]? \d[A-Z]{2}|"
    r"[A-Z]\d[A-Z] \d[A-Z]\d|\d{4} ?[A-Z]{2})\b"
)

HOUSE_NUMBER = re.compile(r"(?i)(?:\b(?:no|nr|n°|lot)[.:]? ?\d|^\d{1,5}[a-z]?\b|\b\d{1,4}[a-z]?$)")

NOT_ADDRESS = re.compile(
    r"(?i)\b(?:tel|phone|fax|telefon|téléphone|mobile|e-?mail|www|http|gst|vat|tax|invoice|receipt|"
    r"date|datum|ust|iban|bic|roc|reg|cashier|bill|ticket|facture|rechnung|total|table|web|hotline|"
    r"document|description|siret|tva|order|member|company no|co\. reg|co reg)\b|@"
)
"""Words that end a block of address lines."""

NOT_NAME = re.compile(
    r"(?i)\b(?:invoice|receipt|rechnung|facture|quittung|kassenbon|beleg|bill|page|seite|tel|fax|"
    r"phone|telefon|date|datum|www|http|welcome|willkommen|bienvenue|copy|duplicate|reprint|"
    r"ticket de caisse|thank|merci|danke|vielen dank|cash sale|original|tax invoice|"
    r"confidential|exhibit|agreement|subject|from|to)\b|@|\d{2}[./-]\d{2}[./-]\d{2}"
)
"""Words that a line with nothing but a name does not carry."""

PERSON = re.compile(
    r"(?:(?:Mr|Mrs|Ms|Dr|Prof|Herrn?|Frau|Monsieur|Madame|Mme|M)\.?[ \t]+)?"
    r"[A-ZÀ-ÖØ-Þ][\w'’\-]+(?:[ \t]+(?:[A-ZÀ-ÖØ-Þ]\.|[A-ZÀ-ÖØ-Þ][\w'’\-]+|von|van|de|du|der|la|"
    r"le)){1,3}"
)

JURISDICTION = re.compile(
    r"(?:[Ll]aws?|LAWS?)[ \t\n]+(?:of|OF)[ \t\n]+(?:the[ \t\n]+|THE[ \t\n]+)?"
    r"(?:(?:[Ss]tate|STATE|[Cc]ommonwealth|COMMONWEALTH|[Pp]rovince|[Rr]epublic|[Cc]anton|"
    r"[Dd]istrict|[Kk]ingdom|[Ff]ederal [Rr]epublic)[ \t\n]+(?:of|OF)[ \t\n]+)?"
    r"(?P<place>England[ \n]+and[ \n]+Wales|"
    r"[A-Z][\w'’\-]+(?:[ \t\n]+(?:of[ \t\n]+)?(?:the[ \t\n]+)?[A-Z][\w'’\-]+){0,3})"
)

RECHT = re.compile(
    r"(?:Recht(?:s)?|Gesetze)\s+(?:der\s+|des\s+|von\s+)?"
    r"(?P<place>(?:Bundesrepublik|Republik|Schweizerischen Eidgenossenschaft)?\s?[A-ZÄÖÜ]\w+)"
    r"|(?P<adjective>[A-ZÄÖÜa-zäöü]+(?:isches|ischem|ische|ischen|sches|schem|schen))\s+Recht"
    r"|[Dd]roit\s+(?P<droit>(?!applicable|de\b|du\b|des\b)[a-zàâçéèêëîïôûùü]{4,})|[Ll]ois?\s+(?:de\s+la\s+|de\s+l['’]\s?|du\s+|"
    r"de\s+)"
    r"(?P<loi>[A-ZÉÈ]\w+(?:\s+[A-Z]\w+)?)"
)

NOT_A_PLACE = frozenset(
    words(
        "Agreement Party Parties Company Employer Employee Section Article Disclosing Receiving "
        "Term "
        "Effective Confidential Contract Executive Recipient Corporation Purchaser Seller"
    )
)

CHOICE_WORDS: dict[str, str] = {
    "cash": "cash;bar;barzahlung;bargeld;espèces;contanti;efectivo;contant;cash tendered;rückgeld;"
    "wechselgeld;rendu;change",
    "card": "card;visa;mastercard;master card;maestro;amex;american express;debit;credit card;"
    "karte;kartenzahlung;girocard;ec karte;ec cash;kreditkarte;carte;carte bancaire;cb;tarjeta;"
    "carta;pin;"
    "contactless;kontaktlos;sans contact;credit",
    "mobile": "mobile;apple pay;google pay;paypal;twint;mobile payment;handy;paiement mobile;"
    "e wallet;ewallet;wallet;qr code;alipay;wechat pay",
    "voucher": "voucher;gift card;gutschein;geschenkkarte;bon d'achat;chèque cadeau;coupon;"
    "ticket restaurant;titre restaurant;chèque;carte cadeau",
    "transfer": "transfer;bank transfer;wire;überweisung;virement;sepa;transferencia;bonifico",
    "low": "low;minor;niedrig;gering;basse;faible;bajo;not urgent;nicht eilig;pas urgent;"
    "no hurry;no rush;keine eile;whenever;when you have time",
    "normal": "normal;medium;standard;mittel;moyenne;moyen;normale;regular;medio",
    "high": "high;major;hoch;wichtig;important;haute;élevée;élevé;alta;severe;as soon as possible;"
    "asap;möglichst bald;dès que possible;blocking;blocked;dringlich",
    "urgent": "urgent;critical;kritisch;dringend;urgente;sofort;immediately;emergency;outage;"
    "critique;at once;notfall;p1;right away;immédiatement;production down",
    "billing": "billing;invoice;charged;charge;refund;payment;bill;double charged;overcharged;"
    "rechnung;abrechnung;abgebucht;erstattung;gutschrift;facturation;facture;remboursement;débité;"
    "prélevé;zahlung;lastschrift;price;credit note;kosten;subscription fee;vat",
    "technical": "technical;error;crash;crashes;bug;broken;fails;failure;not working;does not work;"
    "freezes;slow;offline;defect;technisch;fehler;fehlermeldung;störung;absturz;defekt;"
    "funktioniert nicht;"
    "technique;panne;erreur;ne fonctionne pas;bloque;plante;timeout;update;firmware;connection;"
    "verbindung;connexion;display;noise;restart;install;sync;outage",
    "delivery": "delivery;shipment;shipping;parcel;package;tracking;courier;arrived;not arrived;"
    "delivered;damaged in transit;lieferung;versand;paket;sendung;zustellung;geliefert;livraison;"
    "colis;expédition;livré;transporteur;spedition;warehouse;missing parts",
    "account": "account;login;log in;password;locked;access;sign in;username;reset;two factor;"
    "konto;anmeldung;passwort;zugang;gesperrt;kennwort;benutzer;compte;mot de passe;connexion;"
    "accès;"
    "identifiant;permission;authentication;einloggen;profile;user",
    "invoice": "invoice;rechnung;facture;amount due;vat id;due date;factura;fattura;invoice number",
    "receipt": "receipt;quittung;kassenbon;ticket de caisse;cashier;change;cash;thank you;beleg",
    "contract": "agreement;contract;parties;hereinafter;governing law;vertrag;contrat;witnesseth;"
    "whereas;laufzeit;clause",
    "message": "from;to;subject;dear;regards;sent;message id;betreff;grüßen;cordialement;hello;cc;"
    "hi;objet;wrote",
    "email": "from;to;subject;message id;cc;regards;sent",
    "ticket": "ticket;priority;support;issue;reported by;störung;incident;case;assignee;helpdesk",
    "report": "report;results;findings;analysis;bericht;ergebnis;rapport;quarter;introduction;"
    "conclusion;methodology",
    "article": "article;published;author;by;posted;news;read more;comments;share;reporter",
    "form": "form;please fill;signature;applicant;formular;formulaire;checkbox;date of birth;"
    "application",
    "letter": "dear;sincerely;yours;sehr geehrte;hochachtungsvoll;madame;monsieur;veuillez agréer;"
    "enclosed",
    "table": "sheet;column;row;tabelle;tableau;csv",
    "open": "open;offen;ouvert;new;neu;pending;in progress",
    "closed": "closed;resolved;done;geschlossen;erledigt;résolu;fermé;clos",
    "yes": "yes;ja;oui;si;true;accepted",
    "no": "no;nein;non;false;declined",
    "positive": "good;great;excellent;love;happy;gut;bien;satisfied",
    "negative": "bad;poor;terrible;hate;angry;schlecht;mauvais;disappointed;unacceptable",
}
"""What documents say for common choices of a category; each list is split at `;`."""

CURRENCY_SIGNS = {"€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY", "₹": "INR", "Fr.": "CHF"}

CURRENCY_CODE = re.compile(
    r"(?<![A-Za-z])(EUR|USD|GBP|CHF|JPY|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|INR|CNY|SGD|MYR|"
    r"THB|HKD|ZAR|BRL|MXN|TRY|AED|KRW|IDR|PHP|RM)(?![A-Za-z])"
)
