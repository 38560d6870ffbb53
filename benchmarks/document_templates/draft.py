"""What a template hands to the generator: a document without a format, and its gold record."""

from dataclasses import dataclass

from document_writers.blocks import Page
from document_writers.mail_format import Message

Gold = dict[str, str | list[str] | None]


@dataclass(frozen=True, slots=True)
class Draft:
    """A generated document: what it looks like and what is to be found in it.

    `fields` are in canonical notation. `message` is the same content as `page` for the formats
    that are mail; documents that no one would send as a message have none.
    """

    document_type: str
    language: str
    fields: Gold
    page: Page
    message: Message | None = None
