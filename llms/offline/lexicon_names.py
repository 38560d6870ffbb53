"""Which words stand beside numbers that identify, names and addresses?"""

from llms.offline.concepts import Concept, Kind

NAMES: dict[str, Concept] = {
    "invoice_number": Concept(
        Kind.IDENTIFIER,
        "invoice number;invoice no;invoice id;bill number;number the seller gave this invoice;"
        "receipt number;credit note number",
        "invoice number;invoice no;invoice nr;invoice id;invoice;invoice ref;inv no;inv;"
        "inv number;bill no;bill number;bill;tax invoice no;credit note no;credit note;"
        "credit note number;receipt no;receipt number;doc no;document no;document number;"
        "rechnungsnummer;rechnungs nr;rechnung nr;rechnung;rechnungsnr;rechnung nummer;re nr;"
        "belegnummer;beleg nr;gutschrift nr;gutschrift;handelsrechnung nr;rechnungskorrektur nr;"
        "korrekturrechnung nr;bon nr;"
        "numéro de facture;facture n;facture numéro;facture no;n facture;n de facture;facture;"
        "avoir n;factura no;número de factura;factura;fattura n;fattura;factuurnummer;factuur",
        "invoice;rechnung;facture",
    ),
    "document_number": Concept(
        Kind.IDENTIFIER,
        "document number;document no;doc number;number of the document",
        "document number;document no;doc no;dokumentnummer;dokument nr;numéro de document",
        "document",
    ),
    "order_number": Concept(
        Kind.IDENTIFIER,
        "order number;order id;purchase order;po number",
        "order number;order no;order id;order;po number;po no;purchase order;your order;"
        "bestellnummer;bestell nr;bestellung;bestellung nr;auftragsnummer;auftrag nr;auftrag;"
        "numéro de commande;commande n;commande;bon de commande;pedido;bestelnummer",
    ),
    "customer_number": Concept(
        Kind.IDENTIFIER,
        "customer number;customer id;client number;account number;member number",
        "customer number;customer no;customer id;account no;account number;member no;"
        "client number;client id;kundennummer;kunden nr;kundennr;kd nr;vertragskonto;"
        "numéro client;n client;code client;numéro de client;klantnummer",
    ),
    "contract_number": Concept(
        Kind.IDENTIFIER,
        "contract number;contract id;policy number;agreement number",
        "contract number;contract no;contract id;agreement no;policy number;policy no;"
        "vertragsnummer;vertrag nr;versicherungsnummer;police nr;numéro de contrat;contrat n",
    ),
    "ticket_id": Concept(
        Kind.IDENTIFIER,
        "ticket id;ticket number;ticket;identifier of the ticket;case id;incident number;"
        "issue number;request number",
        "ticket;ticket id;ticket no;ticket number;ticket nr;case id;case no;case number;case;"
        "incident;incident no;incident number;request id;request no;reference;ref;ref no;"
        "reference no;reference number;ticketnummer;ticket nummer;vorgang;vorgangsnummer;"
        "vorgangs nr;fallnummer;anfrage nr;störungsnummer;aktenzeichen;meldung nr;"
        "numéro de ticket;ticket n;n de ticket;dossier;numéro de dossier;dossier n;référence;"
        "numéro d'incident;demande n;réf",
        "ticket;case;vorgang",
    ),
    "case_number": Concept(
        Kind.IDENTIFIER,
        "docket number;case number;docket;court case number",
        "case number;case no;docket number;docket no;docket;case;civil action no;"
        "aktenzeichen;geschäftszeichen;numéro d'affaire;numéro de rôle;rg n",
        "case;docket",
    ),
    "vat_id": Concept(
        Kind.IDENTIFIER,
        "vat id;vat number;tax id;tax number;vat registration;tax identification number;gst number",
        "vat id;vat no;vat number;vat reg no;vat registration no;vat registration number;tax id;"
        "tax no;tax number;gst no;gst reg no;gst id;gst id no;gst registration no;gst reg;"
        "ein;tin;ust idnr;ust id nr;ust id;ustid;umsatzsteuer id;umsatzsteuer "
        "identifikationsnummer;"
        "ust ident nr;uid;uid nr;n tva;tva intracommunautaire;numéro de tva;n de tva;"
        "numéro tva;tva intracom;nif;cif;partita iva;p iva;btw nummer;btw nr",
        "vat;tax;ust;tva",
    ),
    "tax_number": Concept(
        Kind.IDENTIFIER,
        "steuernummer;local tax number",
        "steuernummer;steuer nr;st nr;numéro fiscal;codice fiscale;siret;siren",
    ),
    "registration_number": Concept(
        Kind.IDENTIFIER,
        "registration number;company number;register number",
        "registration no;registration number;company no;company reg no;co reg no;reg no;roc no;"
        "handelsregister;handelsregisternummer;hrb;hra;rcs;kvk",
    ),
    "iban": Concept(
        Kind.IDENTIFIER, "iban;bank account", "iban;bank account;kontonummer;konto;bic;swift;compte"
    ),
    "article_number": Concept(
        Kind.IDENTIFIER,
        "article number;item number;sku;product code;serial number",
        "article no;item no;item code;sku;product code;serial no;serial number;artikelnummer;"
        "art nr;seriennummer;référence article;réf article;code article",
    ),
    "message_id": Concept(
        Kind.IDENTIFIER, "message id;messageid", "message id;nachrichten id;id du message"
    ),
    "type_code": Concept(Kind.IDENTIFIER, "type code;document type code", "type code;doc type"),
    "phone": Concept(
        Kind.PHONE,
        "phone;telephone;phone number;mobile;fax",
        "tel;tel no;phone;telephone;mobile;telefon;fon;mobil;téléphone;tél;teléfono;fax;fax no;"
        "telefax;hotline",
    ),
    "email_address": Concept(
        Kind.EMAIL, "email;e mail;email address;contact email", "email;e mail;mail;courriel;correo"
    ),
    "url": Concept(Kind.URL, "url;website;link;web page", "web;website;url;internet;site web;www"),
    "merchant": Concept(
        Kind.PARTY,
        "merchant;company;shop;store;vendor;issuing shop;issuer;shop or company that issued;"
        "organisation;organization;restaurant",
        "merchant;store;shop;company;vendor;company name;store name;filiale;markt;firma;"
        "magasin;enseigne;commerçant;tienda;winkel",
        "",
        "seller",
    ),
    "seller": Concept(
        Kind.PARTY,
        "seller;seller name;supplier;vendor;invoice from;company that sells;sender of the invoice;"
        "biller;provider;seller company",
        "seller;supplier;vendor;sold by;bill from;invoice from;from;issued by;issuer;provider;"
        "payee;remit to;verkäufer;lieferant;rechnungssteller;leistungserbringer;anbieter;"
        "auftragnehmer;aussteller;vendeur;fournisseur;prestataire;émetteur;vendedor;proveedor;"
        "fornitore;venditore;leverancier;verkoper",
    ),
    "buyer": Concept(
        Kind.PARTY,
        "buyer;buyer name;customer;customer name;bill to;invoice addressed to;client;recipient;"
        "purchaser;company or person the invoice is addressed to",
        "bill to;billed to;buyer;customer;customer name;client;sold to;invoice to;invoiced to;"
        "purchaser;attention;attn;account name;käufer;kunde;rechnung an;rechnungsempfänger;"
        "leistungsempfänger;käufer leistungsempfänger;auftraggeber;empfänger;rechnungsadresse;"
        "rechnungsanschrift;besteller;facturé à;client;acheteur;destinataire;adressé à;"
        "adresse de facturation;cliente;comprador;klant;koper;acquirente;factuuradres;to;an",
    ),
    "ship_to": Concept(
        Kind.PARTY,
        "ship to;delivery recipient;consignee",
        "ship to;deliver to;delivery address;shipping address;warenempfänger;lieferadresse;"
        "lieferanschrift;livré à;adresse de livraison;abweichender warenempfänger",
    ),
    "customer": Concept(
        Kind.PARTY,
        "customer;reporter;requester;reported by;customer who reports;contact;contact person;"
        "claimant;complainant",
        "customer;customer name;reported by;requester;requested by;raised by;submitted by;"
        "opened by;reporter;contact;contact name;contact person;caller;client;user;name;from;"
        "kunde;kundin;gemeldet von;melder;ansprechpartner;anrufer;kontakt;absender;"
        "client;cliente;signalé par;demandeur;contact client;déclarant",
    ),
    "parties": Concept(
        Kind.PARTY,
        "party;parties;contracting parties;every party of the contract;people and organisations;"
        "signatories",
        "party;parties;between;by and between;party a;party b;first party;second party;licensor;"
        "licensee;lessor;lessee;landlord;tenant;employer;employee;contractor;client;provider;"
        "customer;supplier;disclosing party;receiving party;borrower;lender;"
        "zwischen;vertragspartner;vertragsparteien;vertragspartei;auftraggeber;auftragnehmer;"
        "vermieter;mieter;arbeitgeber;arbeitnehmer;lizenzgeber;lizenznehmer;anbieter;kunde;"
        "entre;les parties;parties au contrat;bailleur;locataire;prestataire;employeur;salarié",
        "between;parties;zwischen;entre",
    ),
    "sender": Concept(
        Kind.EMAIL,
        "sender;from;from address;sent from;author address",
        "from;sender;von;absender;de;expéditeur;da;van;mittente;remitente",
    ),
    "recipients": Concept(
        Kind.EMAIL,
        "recipients;to;recipient;sent to;to addresses",
        "to;recipient;recipients;an;empfänger;à;destinataire;destinataires;para;a;aan",
    ),
    "cc": Concept(Kind.EMAIL, "cc;carbon copy;copy to", "cc;kopie;copie;copie à;copia"),
    "bcc": Concept(Kind.EMAIL, "bcc", "bcc;cci;blindkopie"),
    "reply_to": Concept(Kind.EMAIL, "reply to", "reply to;antwort an;répondre à"),
    "author": Concept(
        Kind.PARTY,
        "author;written by;creator;journalist",
        "author;by;written by;autor;autorin;verfasser;auteur;par;autore",
    ),
    "employee": Concept(
        Kind.PARTY,
        "cashier;clerk;agent;assignee;employee",
        "cashier;served by;server;clerk;agent;assigned to;assignee;handled by;kassierer;"
        "bearbeiter;sachbearbeiter;es bediente sie;caissier;servi par;salesperson;manager;"
        "zuständig;traité par;assigné à",
    ),
    "address": Concept(
        Kind.ADDRESS,
        "address;shop address;street address;postal address;seller address;address of the shop;"
        "location",
        "address;adresse;anschrift;dirección;indirizzo;adres;location",
    ),
    "buyer_address": Concept(
        Kind.ADDRESS,
        "buyer address;customer address;billing address",
        "billing address;bill to;rechnungsadresse;adresse de facturation",
    ),
}
