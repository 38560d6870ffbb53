"""What does a goal ask for? Its words, sorted into money, people, time, kinds and counts."""

from dataclasses import dataclass

from llms.offline.words import name_words

_MONEY = (
    "spend spent spending cost pay paid payment money amount price revenue turnover sales budget "
    "expense expensive total sum value bill owe due kosten ausgabe ausgeben geld betrag umsatz "
    "dépense coût montant payer facturer"
)
_WHO = (
    "who whom whose supplier vendor seller merchant shop party company customer client buyer "
    "partner wer wem lieferant händler kunde firma qui fournisseur client"
)
_BUYING_SIDE = "customer client buyer revenue turnover sales sell sold kunde umsatz"
_WHEN = (
    "when month monthly year yearly week day date time trend over deadline due quarter growth "
    "history wann monat jahr quand mois année"
)
_KINDS = (
    "which kind type category topic reason priority status severity complaint problem issue "
    "welche art warum quel pourquoi"
)
_COUNTS = "many number count often frequent frequency volume wie viele anzahl combien"

_DATES = "date sent_at"


@dataclass(frozen=True, slots=True)
class Goal:
    """The words of a goal (singular) and what they are about."""

    words: frozenset[str]
    money: bool
    who: bool
    selling: bool
    when: bool
    kinds: bool
    counts: bool

    def names(self, document_type: str) -> bool:
        """Whether the goal names a type of document."""
        return set(name_words(document_type)) <= self.words

    def asks_for(self, name: str, concept: str, *, is_amount: bool) -> bool:
        """Whether a field is among what the goal is about.

        Args:
            name: Of the field.
            concept: What it is about, a key of the offline lexicon, or empty.
            is_amount: Whether it is a sum of money.
        """
        if self.words & set(name_words(name)) - {"number", "id", "name", "date"}:
            return True
        if self.money and (concept in ("total", "currency") or (is_amount and "total" in name)):
            return True
        if self.who and concept in _parties(self.selling):
            return True
        return (self.when or self.money) and concept.split("_")[0] in _DATES.split()


def _parties(selling: bool) -> tuple[str, ...]:
    return (
        ("buyer", "parties", "sender") if selling else ("seller", "merchant", "parties", "sender")
    )


def goal_of(text: str) -> Goal:
    """What a goal asks for; a goal of no known word asks for everything."""
    said = frozenset(name_words(text))

    def about(listed: str) -> bool:
        return bool(said & set(name_words(listed)))

    found = {
        "money": about(_MONEY),
        "who": about(_WHO),
        "when": about(_WHEN),
        "kinds": about(_KINDS),
        "counts": about(_COUNTS),
    }
    if not any(found.values()):
        found = dict.fromkeys(found, True)
    return Goal(words=said, selling=about(_BUYING_SIDE), **found)
