"""Which words stand beside days, sums of money, spans of time and counts?"""

from llms.offline.concepts import Concept, Kind

FIGURES: dict[str, Concept] = {
    "date": Concept(
        Kind.DATE,
        "date;day;date of document;datum",
        "date;datum;fecha;data;le;dated;date/time;date & time;date time",
    ),
    "date_issue": Concept(
        Kind.DATE,
        "issue date;issued;date of issue;invoice date;bill date;purchase date;receipt date;"
        "transaction date;day of the purchase;day the invoice was issued;issued on",
        "invoice date;date of invoice;issue date;date of issue;issued;issued on;bill date;"
        "billing date;receipt date;purchase date;transaction date;document date;tax point;"
        "rechnungsdatum;ausstellungsdatum;belegdatum;ausgestellt am;rechnung vom;kaufdatum;"
        "date de facture;date de la facture;date d'émission;émise le;facture du;date d'achat;"
        "fecha de factura;fecha de emisión;data fattura;factuurdatum",
        "issued;invoice;rechnung;facture",
        "date",
    ),
    "date_due": Concept(
        Kind.DATE,
        "due date;payment due;payable by;due;deadline;day by which to be paid",
        "due date;date due;payment due;payment due date;due;due on;due by;payable by;pay by;"
        "payable until;please pay by;deadline;fällig;fällig am;fälligkeit;fälligkeitsdatum;"
        "zahlbar bis;zahlbar bis zum;zahlungsziel;zahlungsfrist;zahltag;échéance;"
        "date d'échéance;à payer avant le;à régler avant le;payable avant le;payable au plus "
        "tard le;"
        "fecha de vencimiento;vencimiento;scadenza;data scadenza;vervaldatum",
        "due;pay;payable;paid;payment;fällig;zahlbar;überweisen;zahlung;bis;spätestens;échéance;"
        "régler;payer;avant;règlement",
    ),
    "date_effective": Concept(
        Kind.DATE,
        "effective date;effective;commencement date;agreement date;date of agreement;"
        "contract becomes binding;becomes binding;start date;begin date;valid from",
        "effective date;effective as of;effective from;effective;commencement date;"
        "commencement;date of agreement;agreement date;dated as of;dated;as of;start date;starts;"
        "starts on;begins;valid from;made as of;entered into as of;vertragsbeginn;beginn;"
        "beginnt am;inkrafttreten;in kraft ab;gültig ab;gültig von;wirkung vom;laufzeit ab;"
        "date d'effet;prise d'effet;entrée en vigueur;date d'entrée en vigueur;à compter du;"
        "prend effet le;fecha de entrada en vigor;ingangsdatum",
        "effective;entered;made;dated;agreement;between;binding;commence;commences;kraft;wirkung;"
        "beginnt;ab;effet;vigueur;compter;day",
        "date",
    ),
    "date_signed": Concept(
        Kind.DATE,
        "signature date;signed;signing date;date signed",
        "date signed;signed on;signed;signature date;unterzeichnet am;unterschrieben am;"
        "signé le;fait le;fait à",
        "signed;signature;witness;unterschrift;signé;fait",
        "date",
    ),
    "date_end": Concept(
        Kind.DATE,
        "end date;expiry date;expiration date;expires;valid until;termination date",
        "end date;ends on;expires;expires on;expiry;expiry date;expiration;expiration date;"
        "valid until;valid to;valid through;termination date;gültig bis;läuft bis;endet am;"
        "vertragsende;ablaufdatum;date de fin;expire le;valable jusqu'au;fin;caducidad",
        "expire;expires;ends;until;endet;fin;expiration",
    ),
    "date_publication": Concept(
        Kind.DATE,
        "publication date;published;publish date;day of publication;posted;release date",
        "published;published on;publication date;date published;datepublished;posted;posted on;"
        "article:published_time;article published time;release date;veröffentlicht;"
        "veröffentlicht am;erschienen;erschienen am;erstellt am;publié le;publié;paru le;"
        "mis en ligne le;publicado;publicado el;pubblicato il;gepubliceerd;dc date;"
        "dcterms created;datecreated;date created;og published time;pubdate;sailthru date",
        "published;posted;veröffentlicht;publié;uhr;updated",
        "date",
    ),
    "date_updated": Concept(
        Kind.DATE,
        "updated;last modified;modification date;update date",
        "updated;last updated;modified;last modified;datemodified;article:modified_time;"
        "article modified time;og updated time;updated on;aktualisiert;aktualisiert am;geändert;"
        "letzte änderung;stand;zuletzt aktualisiert;mis à jour;mise à jour;actualizado;aggiornato",
    ),
    "date_filed": Concept(
        Kind.DATE,
        "filing date;date filed;filed;filed on;entry date;entered",
        "filed on;date filed;filed;filing date;entered on;entered;eingereicht am;déposé le",
        "filed;filing;entered;eingereicht",
        "date",
    ),
    "date_opened": Concept(
        Kind.DATE,
        "opened;opened at;created;created at;reported at;day the ticket was opened;received",
        "opened;opened on;opened at;created;created on;created at;date opened;reported;"
        "reported on;received;received on;submitted;submitted on;logged;eröffnet;eröffnet am;"
        "erstellt;angelegt;angelegt am;gemeldet am;gemeldet;eingegangen am;eingang;ouvert le;"
        "ouvert;créé le;créé;reçu le;date d'ouverture;abierto;aperto il",
        "opened;created;reported;received;eröffnet;erstellt;gemeldet;ouvert;signalé",
        "date",
    ),
    "date_delivery": Concept(
        Kind.DATE,
        "delivery date;service date;supply date;shipping date;delivered",
        "delivery date;date of delivery;service date;date of supply;supply date;ship date;"
        "shipping date;shipped on;delivered on;lieferdatum;leistungsdatum;"
        "liefer und leistungsdatum;liefer bzw leistungsdatum;lieferung vom;leistungszeitraum;"
        "date de livraison;livré le;fecha de entrega;leverdatum",
        "delivery;delivered;shipped;lieferung;livraison",
    ),
    "date_order": Concept(
        Kind.DATE,
        "order date;ordered on",
        "order date;date of order;ordered on;bestelldatum;bestellt am;bestellung vom;"
        "date de commande;commande du;fecha de pedido;besteldatum",
    ),
    "date_birth": Concept(
        Kind.DATE,
        "birth date;date of birth;dob;born",
        "date of birth;birth date;dob;born;geburtsdatum;geboren am;geb;date de naissance;né le;"
        "née le;fecha de nacimiento",
    ),
    "sent_at": Concept(
        Kind.DATETIME,
        "sent at;sent;date sent;when the message was sent;timestamp",
        "date;sent;sent on;sent at;gesendet;gesendet am;datum;envoyé;envoyé le;enviado;fecha;"
        "verzonden;inviato",
        "sent;wrote;gesendet;schrieb;envoyé",
        "date",
    ),
    "total": Concept(
        Kind.AMOUNT,
        "total;grand total;total amount;amount;total with tax;gross total;total paid;sum;"
        "total that was paid;gross amount",
        "total;grand total;total amount;amount;total amt;totalamt;total sales;total price;"
        "total incl tax;total incl vat;total incl gst;total including tax;total including vat;"
        "total including gst;total inclusive of gst;total inclusive gst;total inc gst;"
        "total incl of gst;total sales inclusive of gst;total sales incl gst;total with tax;"
        "gross total;gross amount;total gross;invoice total;total invoice amount;invoice amount;"
        "bill total;order total;nett total;net total payable;rounded total;total rounded;"
        "total after rounding;total payable;total after adj incl gst;total after adj;"
        "total paid;amount paid;total to pay;sum total;"
        "gesamt;gesamtbetrag;gesamtsumme;endbetrag;endsumme;rechnungsbetrag;rechnungssumme;"
        "summe;bruttobetrag;bruttosumme;brutto;summe brutto;gesamt brutto;gesamtbetrag brutto;"
        "rechnungsendbetrag;total eur;summe eur;total chf;rechnungstotal;"
        "total ttc;montant ttc;montant total;total général;net à payer ttc;total à payer;"
        "montant total ttc;somme;importe total;total a pagar;totale;importo totale;totaal;"
        "totaalbedrag;total factura;totale fattura",
        "total;gesamt;summe;montant",
        "amount_due",
    ),
    "amount_due": Concept(
        Kind.AMOUNT,
        "amount due;due payable;amount payable;balance due;amount to pay;payable;outstanding",
        "amount due;total due;balance due;total amount payable;total amt payable;"
        "balance;amount payable;amount to pay;payable;to pay;"
        "total amount due;outstanding;net payable;please pay;zahlbetrag;zu zahlen;"
        "zu zahlender betrag;offener betrag;restbetrag;noch zu zahlen;forderungsbetrag;"
        "net à payer;reste à payer;montant dû;à payer;montant à payer;solde;solde dû;"
        "importe a pagar;da pagare;te betalen;fälliger betrag;überweisungsbetrag",
        "due;pay;zahlen;payer",
        "total",
    ),
    "net": Concept(
        Kind.AMOUNT,
        "net total;subtotal;sub total;net;net amount;total before tax;sum before tax;before tax;"
        "amount without tax",
        "subtotal;sub total;net total;net amount;net;total net;total before tax;"
        "total excluding gst;total excluding vat;total excluding tax;total excl gst;"
        "total excl vat;total excl tax;total ex gst;amount before tax;taxable amount;"
        "total exclusive of gst;total sales excluding gst;total sales excl gst;"
        "total excluding sst;goods total;merchandise total;"
        "nettobetrag;netto;summe netto;nettosumme;gesamt netto;netto gesamt;zwischensumme;"
        "rechnungssumme ohne ust;rechnungssumme netto;gesamtbetrag netto;gesamt ohne mwst;"
        "warenwert;positionssumme;nettowert;gesamtnetto;summe ohne ust;"
        "total ht;montant ht;sous total;total hors taxes;montant hors taxe;net ht;"
        "montant total ht;base imponible;subtotaal;imponibile;totale imponibile",
        "net;before;netto;ohne;ht;hors",
    ),
    "tax": Concept(
        Kind.AMOUNT,
        "tax total;tax;vat;total tax;tax amount;vat amount;sales tax;gst;sum of the taxes",
        "tax;vat;sales tax;total tax;total vat;tax amount;vat amount;tax total;gst;gst payable;"
        "total gst;gst amount;gst/tax;gst tax;hst;pst;sst;service tax;total includes;"
        "add gst;plus vat;includes gst;of which vat;vat total;"
        "mwst;umsatzsteuer;mehrwertsteuer;ust;steuerbetrag;ust betrag;mwst betrag;steuer;"
        "zzgl mwst;zzgl ust;zuzüglich umsatzsteuer;zuzüglich mwst;ust gesamt;summe ust;"
        "summe mwst;gesamtbetrag ust;steuer gesamt;enthaltene mwst;inkl mwst;enthält mwst;"
        "summe umsatzsteuer;gesamtsteuer;"
        "tva;montant tva;total tva;taxe;taxes;montant de la tva;dont tva;iva;btw;imposta",
        "tax;vat;mwst;ust;tva",
    ),
    "discount": Concept(
        Kind.AMOUNT,
        "discount;rebate",
        "discount;disc;total discount;rabatt;skonto;nachlass;remise;rabais;descuento;sconto;"
        "korting;gesamtbetrag der abschläge;abschlag;savings",
    ),
    "shipping": Concept(
        Kind.AMOUNT,
        "shipping;freight;delivery fee;postage",
        "shipping;shipping cost;freight;postage;delivery;delivery fee;versand;versandkosten;"
        "porto;frais de port;livraison;gesamtbetrag der zuschläge;zuschlag;handling;surcharge",
    ),
    "tip": Concept(Kind.AMOUNT, "tip;gratuity", "tip;gratuity;trinkgeld;pourboire;service charge"),
    "tendered": Concept(
        Kind.AMOUNT,
        "cash paid;tendered;cash tendered;amount tendered",
        "cash;tendered;cash tendered;amount tendered;cash received;gegeben;bar gegeben;bar;"
        "espèces;card;visa;mastercard;master card;debit;credit card;payment amount;paid amount;"
        "kartenzahlung;ec karte;carte bancaire;efectivo;contanti",
    ),
    "change": Concept(
        Kind.AMOUNT,
        "change;change given",
        "change;change due;rückgeld;wechselgeld;zurück;rendu;monnaie rendue;rendu monnaie;cambio;"
        "resto",
    ),
    "rounding": Concept(
        Kind.AMOUNT,
        "rounding;rounding adjustment",
        "rounding;rounding adj;rounding adjustment;round adj;rundung;arrondi",
    ),
    "prepaid": Concept(
        Kind.AMOUNT,
        "prepaid;deposit;advance payment",
        "deposit;prepaid;advance;advance payment;already paid;anzahlung;erhaltene anzahlungen;"
        "bereits bezahlt;gezahlt;acompte;arrhes;déjà payé",
    ),
    "price": Concept(
        Kind.AMOUNT,
        "price;unit price;rate;fee;cost;value;salary;rent",
        "price;unit price;u price;rate;fee;cost;einzelpreis;preis;prix;prix unitaire;p u;precio;"
        "prezzo;prijs;tarif;miete;loyer;rent;salary;gehalt",
    ),
    "jurisdiction": Concept(
        Kind.PLACE,
        "jurisdiction;governing law;applicable law;state or country whose law governs;law governs",
        "governing law;applicable law;laws of;law of;jurisdiction;choice of law;"
        "anwendbares recht;geltendes recht;gerichtsstand;rechtswahl;es gilt;recht;"
        "droit applicable;loi applicable;juridiction;ley aplicable;legge applicabile",
        "laws;law;governed;construed;recht;unterliegt;droit;régi;soumis",
    ),
    "country": Concept(Kind.PLACE, "country;nation", "country;land;pays;país;paese"),
    "city": Concept(Kind.PLACE, "city;town;place", "city;town;ort;stadt;ville;lieu;ciudad;place"),
    "term": Concept(
        Kind.DURATION,
        "term;duration;contract term;how long the contract runs;period;validity",
        "term;duration;initial term;contract term;term of agreement;validity;period;"
        "laufzeit;vertragslaufzeit;vertragsdauer;dauer;mindestlaufzeit;gültigkeitsdauer;"
        "durée;durée du contrat;durée initiale;vigencia;durata;looptijd",
        "term;period;expire;expires;terminate;remain;effect;force;survive;years;duration;"
        "laufzeit;dauer;geschlossen;durée;conclu",
    ),
    "notice_period": Concept(
        Kind.DURATION,
        "notice period;notice;period of notice;termination notice",
        "notice period;notice;period of notice;termination notice;notice of termination;"
        "kündigungsfrist;kündigung;préavis;délai de préavis;délai de résiliation;preaviso;"
        "preavviso;opzegtermijn",
        "notice;terminate;prior;written;kündigung;kündigen;frist;préavis;résilier",
    ),
    "warranty": Concept(
        Kind.DURATION,
        "warranty period;warranty;guarantee period",
        "warranty;warranty period;guarantee;garantie;gewährleistung;gewährleistungsfrist",
        "warranty;guarantee;garantie",
    ),
    "payment_terms": Concept(
        Kind.DURATION,
        "payment terms;payment period",
        "payment terms;terms;terms of payment;zahlungsbedingungen;zahlungsbedingung;"
        "conditions de paiement;condiciones de pago",
        "payment;payable;days;zahlbar;tagen;jours",
    ),
    "currency": Concept(
        Kind.CURRENCY,
        "currency;currency code;currency of the amounts",
        "currency;währung;rechnungswährung;devise;monnaie;moneda;valuta",
    ),
    "language": Concept(Kind.TEXT, "language", "language;sprache;langue;idioma"),
    "line_count": Concept(
        Kind.COUNT,
        "number of lines;n lines;line count;number of invoice lines;number of items;item count",
        "number of items;item count;items;total items;total qty;total quantity;qty count;"
        "no of items;anzahl positionen;anzahl artikel;nombre d'articles;positionen",
    ),
    "attachment_count": Concept(
        Kind.COUNT,
        "number of attachments;n attachments;attachment count",
        "number of attachments;anzahl anlagen;nombre de pièces jointes",
    ),
    "page_count": Concept(
        Kind.COUNT, "number of pages;page count;pages", "pages;page count;seiten;pages total"
    ),
    "quantity": Concept(
        Kind.INTEGER,
        "quantity;qty;count;number of people;amount of items",
        "qty;quantity;menge;anzahl;stück;quantité;qté;cantidad;aantal;pax;covers",
    ),
}
