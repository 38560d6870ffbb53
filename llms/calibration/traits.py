"""What does a text look like before any model is asked, and what gain is predicted from that?"""

import math
import re
import unicodedata

from schemas.start_rule import StartRule, Trait, TraitWeight

_SEEN_CHARS = 50_000
"""What a text looks like shows in its beginning."""

_SHORT_LINE = 20
_COLUMNS = re.compile(r"\t|\||\S {3,}\S.*\S {3,}\S")
_FURTHEST = 4.0
"""Spreads from the mean that a trait counts at most: an odd text cannot outweigh all else."""


def traits_of(text: str) -> dict[Trait, float]:
    """Length, layout and words of a text in a few numbers, all traits."""
    seen = text[:_SEEN_CHARS]
    size = max(len(seen), 1)
    words = seen.split()
    count = max(len(words), 1)
    lines = [line.strip() for line in seen.splitlines() if line.strip()]
    line_count = max(len(lines), 1)
    return {
        Trait.LENGTH: math.log1p(len(text)),
        Trait.WORD_LENGTH: sum(map(len, words)) / count,
        Trait.DIGITS: sum(map(str.isdigit, seen)) / size,
        Trait.CAPITALS: sum(map(str.isupper, seen)) / size,
        Trait.MARKS: sum(not (c.isalnum() or c.isspace()) for c in seen) / size,
        Trait.REPLACED: sum(map(_is_replaced, seen)) / size,
        Trait.SHORT_LINES: sum(len(line) < _SHORT_LINE for line in lines) / line_count,
        Trait.TABLES: sum(bool(_COLUMNS.search(line)) for line in lines) / line_count,
        Trait.MIXED_WORDS: sum(map(_is_mixed, words)) / count,
        Trait.LONE_LETTERS: sum(len(w) == 1 and w.isalpha() for w in words) / count,
        Trait.REPETITION: 1 - len({w.casefold() for w in words}) / count,
    }


def predicted_gain(rule: StartRule, traits: dict[Trait, float]) -> float:
    """How many more of the fields the second tier is expected to get right, as a share."""
    added = (one.weight * standing(one, traits[one.trait]) for one in rule.weights)
    return rule.base + math.fsum(added)


def standing(scale: TraitWeight, value: float) -> float:
    """A trait in spreads from its mean."""
    return max(-_FURTHEST, min(_FURTHEST, (value - scale.centre) / scale.spread))


def starts_higher(rule: StartRule, text: str) -> bool:
    """Whether a document starts in the second tier."""
    if rule.cut is None:
        return rule.kind == "always"
    return predicted_gain(rule, traits_of(text)) > rule.cut


def _is_replaced(character: str) -> bool:
    if character.isprintable() or character.isspace():
        return character == "\ufffd"
    return unicodedata.category(character) in ("Cc", "Co", "Cn")


def _is_mixed(word: str) -> bool:
    return any(map(str.isdigit, word)) and any(map(str.isalpha, word))
