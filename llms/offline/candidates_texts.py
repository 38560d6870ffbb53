"""Which line is the title of a document, and which sentence says what it is about?"""

import re
from collections.abc import Iterator

from llms.offline.page import Page
from llms.offline.parties import Scored
from llms.offline.plans import FieldPlan
from llms.offline.readers import Found, squeezed
from llms.offline.vocabulary import NOT_ADDRESS

_TITLE_LINES = 12
_TITLE_WORDS = re.compile(
    r"(?i)\b(?:agreement|contract|\w*vertrag|\w*vereinbarung|contrat|accord|convention|report|"
    r"\w*bericht|"
    r"rapport|policy|letter|notice|terms|order|statement|minutes|memo(?:randum)?|lease|"
    r"licen[cs]e)\b"
)
_SENTENCE = re.compile(
    r"(?<![^\s\"“„(])[A-ZÀ-Þ0-9][^\n.!?]{0,400}(?:\n(?!\n)[^\n.!?]{1,200}){0,4}[.!?]"
)
_GREETING = re.compile(
    r"(?im)^(?:dear|hello|hi|hallo|sehr geehrte|guten tag|bonjour|madame|monsieur|liebe)\b[^\n]*$"
)
_LONGEST = 300
_DEEPEST = 6000


def titles(field: FieldPlan, page: Page) -> Iterator[Scored]:
    """Lines that may be the title: early, short, set apart, naming a kind of document."""
    if field.concept not in ("title", "subject"):
        return
    for order, line in enumerate(page.filled_lines[:_TITLE_LINES]):
        words = page.line_text(line).strip("#*=_ \t|")
        letters = sum(c.isalpha() for c in words)
        if letters < 4 or len(words) > 140:
            continue
        score = 1.1 - 0.1 * order
        score += 0.25 if words.isupper() or page.line_text(line).startswith("#") else 0.0
        score += 0.55 if _TITLE_WORDS.search(words) else 0.0
        score -= 0.5 if words.endswith((".", ",", ";")) else 0.0
        score -= 0.6 if NOT_ADDRESS.search(words) or ":" in words else 0.0
        score -= 0.4 if len(words.split()) > 12 else 0.0
        at = page.text.index(words, page.line_span(line)[0])
        yield Scored(Found(squeezed(words), at, at + len(words)), score)


def summaries(field: FieldPlan, page: Page) -> Iterator[Scored]:
    """Sentences that may stand for the whole: the first of the body, or the first at all."""
    start = 0
    greeting = _GREETING.search(page.text)
    if greeting:
        start = greeting.end()
    for order, m in enumerate(_SENTENCE.finditer(page.text, start, start + _DEEPEST)):
        words = squeezed(m.group())
        if order > 3:
            return
        if len(words) < 25:
            continue
        score = 1.25 if greeting and order == 0 else 1.0
        end = min(m.end(), m.start() + _LONGEST)
        yield Scored(
            Found(squeezed(page.text[m.start() : end]), m.start(), end),
            score - 0.2 * order - (0.2 if len(words) > _LONGEST else 0.0),
        )
