"""Which numbers does a text write out in words, in seven languages?"""

import re
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple

from llms.recognition_lexicon import LANGUAGES
from llms.recognition_mention import Mention, disjoint, lowered

_Kind = Literal["small", "hundred", "scale", "joint"]


class _Lexeme(NamedTuple):
    kind: _Kind
    value: int


class NumberInWords(NamedTuple):
    """A whole number in words: `low[start:end]`, its value, and whether it counts on its own."""

    start: int
    end: int
    value: int
    sure: bool


_WORD = re.compile(r"[^\W\d_]+")
_LONGEST_WORD = 80
# Words that count only in company: articles, and words that mean something else elsewhere.
_ALONE_NO_NUMBER = (
    "un une una uno ein eins eine einen einem einer um uma een één one once cent cents cien cem "
    "elf mil mille sei dos due tre otto zero null nul vent trent"
)
_NOT_ALONE = frozenset(_ALONE_NO_NUMBER.split())

_AND = r"(?:and|und|et|y|e|con|en)"
_CENTS = r"(?:cents?|centimes?|centavos?|c[ée]ntimos?|cêntimos?|centesimi|sen|rappen|pence)"
_HUNDREDTHS = re.compile(rf"[\s,]{{1,2}}(?:{_AND}\s{{1,2}})?(\d\d?)\s?/\s?100(?!\d)")
_TO_CENTS = re.compile(rf"[\s,]{{1,2}}(?:{_AND}\s{{1,2}})?({_CENTS}\s{{1,2}})?")
_CENTS_AFTER = re.compile(rf"[\s\-]{{1,2}}{_CENTS}(?![^\W\d_])")
_CURRENCY = (
    r"(?:u\.?s\.?\s|schweizer\s|malaysian\s)?(euros?|dollars?|d[óo]lares|ringgit|franken|francs?|"
    r"yen|rupees|pounds?)(?:\ssterling)?"
)
_CURRENCY_AFTER = re.compile(rf"[\s\-]{{1,2}}{_CURRENCY}(?![^\W\d_])")
_CURRENCY_BEFORE = re.compile(rf"(?<![^\W\d_]){_CURRENCY}(?:\smalaysia)?[\s:]{{1,3}}\Z")
_CODES = {"e": "EUR", "d": "USD", "ri": "MYR", "f": "CHF", "y": "JPY", "ru": "INR", "p": "GBP"}


def find_number_words(text: str) -> list[Mention]:
    """The numbers that `text` writes out in words, as plain decimals (`1200.50`).

    English, German, French, Spanish, Italian, Dutch and Portuguese; with the currency named beside
    the number as `unit`, and with its cents, in words or as `50/100`. Words that are as often
    something else (`one`, `un`, `once`) count only in company.
    """
    low = lowered(text)
    found: list[Mention] = []
    end = 0
    for number in numbers_in_words(low):
        if number.start >= end:
            mention = _amount(low, number)
            if mention is not None:
                found.append(mention)
                end = mention.end
    return disjoint(found)


def numbers_in_words(low: str) -> list[NumberInWords]:
    """The whole numbers in words of `low`, a text in lower case, in order."""
    # Most texts have many words and few of these: each is looked at once, wherever it stands.
    beginnings = {word for word in set(_WORD.findall(low)) if _may_begin(word)}
    if not beginnings:
        return []
    words = [(match[0], match.start(), match.end()) for match in _WORD.finditer(low)]
    found = []
    end = 0
    for index, (word, start, _) in enumerate(words):
        if word not in beginnings or start < end:
            continue
        best = max(
            (_read(low, words, index, language) for language in _languages(word)),
            key=lambda number: number.end if number else 0,
            default=None,
        )
        if best is not None:
            found.append(best)
            end = best.end
    return found


def _lexicon(name: str) -> dict[str, _Lexeme]:
    language = LANGUAGES[name]
    return {
        **{word: _Lexeme("small", value) for word, value in language.small.items()},
        **{word: _Lexeme("hundred", 100) for word in language.hundred},
        **{word: _Lexeme("scale", value) for word, value in language.scales.items()},
        **{word: _Lexeme("joint", 0) for word in language.joints},
    }


_LEXICONS = {name: _lexicon(name) for name in LANGUAGES}
_SPOKEN = {
    word: tuple(name for name, words in _LEXICONS.items() if word in words)
    for words in _LEXICONS.values()
    for word, lexeme in words.items()
    if lexeme.kind != "joint"
}
_COMPOUND = {
    name: re.compile("|".join(sorted(_LEXICONS[name], key=len, reverse=True)))
    for name, language in LANGUAGES.items()
    if language.compound
}
# A compound can only be a number if it begins like one; looking that up spares most words.
_BEGINNINGS = frozenset(word[:3] for name in _COMPOUND for word in _LEXICONS[name])


def _may_begin(word: str) -> bool:
    return word in _SPOKEN or (word[:3] in _BEGINNINGS and bool(_languages(word)))


@lru_cache(maxsize=4096)
def _languages(word: str) -> tuple[str, ...]:
    """The languages in which `word` is a number."""
    spoken = _SPOKEN.get(word, ())
    return (*spoken, *(n for n in _COMPOUND if n not in spoken and _lexemes(word, n)))


@lru_cache(maxsize=4096)
def _lexemes(word: str, language: str) -> tuple[_Lexeme, ...]:
    """The parts of a word that is a number or part of one; empty when it is neither."""
    lexicon = _LEXICONS[language]
    if word in lexicon:
        return (lexicon[word],)
    pattern = _COMPOUND.get(language)
    if pattern is None or len(word) > _LONGEST_WORD:
        return ()
    found = pattern.findall(word)
    parts = tuple(lexicon[part] for part in found)
    counter = _Counter()
    # Sense is made of the whole word here; a unit before it is added by whoever reads on.
    makes_sense = "".join(found) == word and all(counter.add(part) for part in parts)
    return parts if makes_sense else ()


class _Counter:
    """Adds up the words of a number as long as they make sense together."""

    __slots__ = ("_joined", "_part", "_scale", "_total", "words")

    def __init__(self) -> None:
        self._total, self._part, self._scale = 0, 0, 10**15
        self._joined = False
        self.words = 0

    @property
    def value(self) -> int:
        return self._total + self._part

    @property
    def ends_with_scale(self) -> bool:
        return self.words > 0 and self._part == 0

    def add(self, lexeme: _Lexeme) -> bool:
        """Take the next word; false when the number cannot go on with it."""
        kind, value = lexeme
        joined, self._joined = self._joined, kind == "joint"
        if kind == "joint":
            return self.words > 0 and not joined
        fits = {"small": self._fits, "hundred": self._hundred, "scale": self._thousand}[kind]
        if not fits(value, joined):
            return False
        self.words += 1
        return True

    def _fits(self, value: int, joined: bool) -> bool:
        part, rest = self._part, self._part % 100
        if value == 20 and rest == 4 and not joined:
            self._part += 76  # quatre-vingts
        elif value >= 100:
            self._part += value
            return part == 0
        elif joined and value >= 20 and 1 <= rest <= 9 and value % 10 == 0:
            self._part += value  # vierundfünfzig
        elif rest == 0:
            self._part += value
            return self.words == 0 or value > 0
        elif value < 10 and rest >= 20 and rest % 10 == 0:
            self._part += value
            return value > 0
        elif 10 <= value < 20 and rest in (60, 80):
            self._part += value  # soixante-quinze
        elif value in (7, 8, 9) and rest in (10, 70, 90):
            self._part += value  # dix-sept
        else:
            return False
        return True

    def _hundred(self, value: int, joined: bool) -> bool:
        if self._part >= 20 or (joined and self._part):
            return False
        self._part = max(self._part, 1) * value
        return True

    def _thousand(self, value: int, joined: bool) -> bool:
        if value >= self._scale or (joined and self._part):
            return False
        self._total += max(self._part, 1) * value
        self._part, self._scale = 0, value
        return True


def _read(
    low: str, words: list[tuple[str, int, int]], index: int, language: str
) -> NumberInWords | None:
    """The longest number in `language` that begins with the word at `index`."""
    first, start, _ = words[index]
    opening = _lexemes(first, language)
    if _cannot_open(low, start, opening, language):
        return None
    counter = _Counter()
    end = value = taken = 0
    previous_end = start
    for word, begin, word_end in islice(words, index, None):
        gap = low[previous_end:begin]
        between = gap.strip(" \n\t\r\u00a0-‐‑")
        if len(gap) > 3 or (between and not (between == "," and counter.ends_with_scale)):
            break
        lexemes = _lexemes(word, language)
        if not lexemes or not all(counter.add(lexeme) for lexeme in lexemes):
            break
        previous_end = word_end
        if lexemes[-1].kind != "joint":
            end, value, taken = word_end, counter.value, taken + 1
    return NumberInWords(start, end, value, taken > 1 or first not in _NOT_ALONE) if end else None


def _cannot_open(low: str, start: int, opening: tuple[_Lexeme, ...], language: str) -> bool:
    """Whether a number cannot begin with a word: `million` in `3 million`, `hundred`, `and`."""
    first = opening[0]
    if first.kind == "joint":
        return True
    if len(opening) > 1 or first.kind == "small":
        return False
    follows_digits = low[max(0, start - 2) : start].strip().isdecimal()
    return language == "en" or first.value > 1000 or follows_digits


def _amount(low: str, number: NumberInWords) -> Mention | None:
    """The number with the currency and the cents named beside it."""
    start, end, value, unit = number.start, number.end, str(number.value), None
    window = max(0, start - 24)
    if before := _CURRENCY_BEFORE.search(low[window:start]):
        start, unit = window + before.start(), _code(before[1])
    if after := _CURRENCY_AFTER.match(low, end):
        end, unit = after.end(), _code(after[1])
    elif unit is None and not number.sure:
        return None
    if part := _HUNDREDTHS.match(low, end):
        end, value = part.end(), f"{value}.{int(part[1]):02}"
        if after := _CURRENCY_AFTER.match(low, end):
            end, unit = after.end(), _code(after[1])
    elif cents := _cents(low, end):
        end, value = cents[0], f"{value}.{cents[1]:02}"
    return Mention(start, end, value, (), unit)


def _cents(low: str, end: int) -> tuple[int, int] | None:
    """Where the cents after `end` end, and how many they are; null where none are written."""
    joint = _TO_CENTS.match(low, end)
    if joint is None:
        return None
    begin = joint.end()
    following = numbers_in_words(low[begin : begin + 40])
    if not following or following[0].start or following[0].value >= 100:
        return None
    last = begin + following[0].end
    named = _CENTS_AFTER.match(low, last)
    if named is None and joint[1] is None:
        return None
    return (named.end() if named else last), following[0].value


def _code(word: str) -> str | None:
    return _CODES.get(word[:1]) or _CODES.get(word[:2])
