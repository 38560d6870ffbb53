"""Which concepts are known? The whole lexicon, by name."""

from llms.offline.concepts import Concept, Kind
from llms.offline.lexicon_figures import FIGURES
from llms.offline.lexicon_names import NAMES
from llms.offline.lexicon_texts import TEXTS

__all__ = ["CONCEPTS", "NUMBERS", "USUAL_DATES", "Concept", "Kind"]

CONCEPTS: dict[str, Concept] = {**FIGURES, **NAMES, **TEXTS}
"""Every concept; where two speak for a field alike, the one listed first is taken."""

USUAL_DATES = frozenset(
    {
        "date",
        "date_issue",
        "date_publication",
        "date_effective",
        "date_filed",
        "date_opened",
        "sent_at",
    }
)
"""Concepts of a day that a document has even where no label says so."""

NUMBERS = frozenset(
    name for name, concept in CONCEPTS.items() if concept.kind is Kind.IDENTIFIER
) - {"message_id", "type_code"}
"""Concepts of printed numbers that identify something."""
