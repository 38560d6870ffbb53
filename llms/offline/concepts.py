"""What is a concept? A kind of value, the words that name it and the labels printed beside it.

A concept is an idea that documents of many kinds carry (the day something is due, the sum before
tax, who sells). Its labels are general vocabulary in English, German, French, Spanish, Italian and
Dutch. No name, phrase or layout of any particular set of documents belongs here.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a value is recognised in a text."""

    DATE = "date"
    DATETIME = "datetime"
    AMOUNT = "amount"
    INTEGER = "integer"
    DURATION = "duration"
    EMAIL = "email"
    IDENTIFIER = "identifier"
    PARTY = "party"
    ADDRESS = "address"
    TEXT = "text"
    CATEGORY = "category"
    BOOLEAN = "boolean"
    PLACE = "place"
    CURRENCY = "currency"
    SUMMARY = "summary"
    FILES = "files"
    VERSUS = "versus"
    COUNT = "count"
    PHONE = "phone"
    URL = "url"


@dataclass(frozen=True, slots=True)
class Concept:
    """An idea with its vocabulary; every word list is split at `;`.

    Attributes:
        kind: What its values look like.
        names: Field names and short phrases that mean it, in English.
        labels: What documents print beside it.
        near: Words that stand near its values in running text.
        broader: The concept whose labels serve too, at less weight.
    """

    kind: Kind
    names: str
    labels: str
    near: str = ""
    broader: str = ""
