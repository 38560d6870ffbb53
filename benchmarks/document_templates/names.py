"""Who the generated documents are from and to: invented people, companies and places."""

import unicodedata
from dataclasses import dataclass
from random import Random

_FIRST = {
    "en": "Alice Ben Clara Daniel Edith Frank Grace Harold Isla Joseph Karen Liam Maya Nigel "
    "Olivia Peter Rosalind Samuel Tessa Victor Wendy Zara",
    "de": "Anna Bernd Claudia Dirk Elke Florian Greta Holger Ines Jonas Katrin Lutz Monika Niklas "
    "Petra Ralf Silke Thomas Ulrike Volker Jörg Käthe",
    "fr": "Alain Brigitte Cédric Delphine Élise Fabrice Geneviève Hugo Isabelle Julien Karine "
    "Laurent Margaux Nicolas Odile Pascal Renée Sylvain Thérèse Valérie",
}
_LAST = {
    "en": "Abernathy Birkett Calloway Denholm Eastwick Farrow Garside Holroyd Illingworth Jessop "
    "Kershaw Lathbury Mortlake Nethercott Oakshott Penrose Quarmby Ravenhill Sowerby Thistlewood "
    "Underhill Vickersby Wainscott Yardley",
    "de": "Altmeyer Bachhuber Cramer Dreyling Ehrenfels Fassbender Grünewald Hölscher Immendorf "
    "Jansky Kaltwasser Lindörfer Mühlhoff Niehaus Oberländer Pflüger Quandel Rothschuh Süßkind "
    "Tannhöfer Uhlenbrock Vossberg Wiesenthal Zumbusch",
    "fr": "Aubertin Bellefontaine Chardonnet Desgranges Estève Fontanelle Guérinot Hautecloque "
    "Jolivet Kergoat Lacombe Maréchal Noirot Orsenne Pélissier Quesnel Rivoire Sauvageot "
    "Thibaudet Vauquelin",
}
_TRADES = {
    "en": "Joinery,Paper Supplies,Tooling,Software,Logistics,Laboratory Glass,Catering,Printing,"
    "Electrical,Workwear,Office Furniture,Metal Finishing,Fasteners,Translations,Cold Storage",
    "de": "Metallbau,Bürobedarf,Werkzeuge,Softwarehaus,Spedition,Laborbedarf,Großküchen,Druckerei,"
    "Elektrotechnik,Berufskleidung,Möbelwerke,Oberflächentechnik,Übersetzungen,Kältetechnik",
    "fr": "Menuiserie,Papeterie,Outillage,Logiciels,Transports,Verrerie,Traiteur,Imprimerie,"
    "Électricité,Vêtements,Mobilier,Traitement de surface,Traductions,Froid industriel",
}
_FORMS = {
    "en": ("Ltd", "plc", "Group Ltd", "Partners LLP"),
    "de": ("GmbH", "AG", "KG", "GmbH & Co. KG"),
    "fr": ("SARL", "SAS", "SA"),
}
_STREETS = {
    "en": "Mill Lane,High Street,Station Road,Foundry Yard,Church Walk,Canal Side,Market Place",
    "de": "Mühlgasse,Hauptstraße,Bahnhofstraße,Am Hafen,Lindenallee,Gewerbepark,Brückenstraße",
    "fr": "rue des Moulins,avenue de la Gare,place du Marché,quai Nord,chemin des Vignes,rue Haute",
}
_TOWNS = {
    "en": "Ashby Fell,Brookhampton,Castle Worth,Dunmere,Eastry Bridge,Fenwick Hythe,Great Holme",
    "de": "Ahrenfeld,Birkenau-Süd,Dorfmünster,Elstertal,Fürstenwörth,Grünhausen,Hohenried",
    "fr": "Aubigny-sur-Loue,Bréville,Châtelneuf,Doncourt,Épinac,Fontbrune,Grandval",
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes, buys or complains."""

    name: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Company:
    """A firm with one address.

    `town` is `place` with its postcode; `vat_id` is in the notation of its country and belongs to
    nobody.
    """

    name: str
    street: str
    place: str
    town: str
    vat_id: str
    domain: str

    def lines(self) -> tuple[str, ...]:
        """Name and address as they stand in a letter."""
        return (self.name, self.street, self.town)

    def employee(self, rng: Random, language: str) -> Person:
        """Somebody who works there."""
        first, last = any_of(rng, _FIRST[language]), any_of(rng, _LAST[language])
        return Person(f"{first} {last}", f"{_ascii(first)}.{_ascii(last)}@{self.domain}")


def any_of(rng: Random, words: str, separator: str | None = None) -> str:
    """One of the words, split at white space or at `separator`."""
    return rng.choice(words.split(separator))


def any_company(rng: Random, language: str) -> Company:
    """A company of a country where `language` is spoken."""
    owner = any_of(rng, _LAST[language])
    if rng.random() < 0.3:
        owner += f" & {any_of(rng, _LAST[language])}"
    trade = any_of(rng, _TRADES[language], ",")
    name = f"{owner} {trade} {rng.choice(_FORMS[language])}"
    street, place = any_of(rng, _STREETS[language], ","), any_of(rng, _TOWNS[language], ",")
    number, digits = rng.randint(1, 180), rng.randint(100_000_000, 999_999_999)
    domain = f"{_ascii(owner.split()[0])}-{_ascii(trade.split()[0])}.example"
    match language:
        case "de":
            town = f"{rng.randint(10000, 98999)} {place}"
            return Company(name, f"{street} {number}", place, town, f"DE{digits}", domain)
        case "fr":
            town = f"{rng.randint(10000, 94999)} {place}"
            vat_id = f"FR{rng.randint(10, 99)}{digits}"
            return Company(name, f"{number} {street}", place, town, vat_id, domain)
        case _:
            letters = "".join(rng.choice("ABDEFGHJLNPQ") for _ in range(2))
            town = f"{place} {letters}{rng.randint(1, 29)} {rng.randint(1, 9)}{letters[::-1]}"
            return Company(name, f"{number} {street}", place, town, f"GB{digits}", domain)


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in plain.lower() if c.isascii() and c.isalnum())
