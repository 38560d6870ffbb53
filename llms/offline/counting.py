"""How many lines, attachments or pages does a document have? Counted where no number is printed."""

import re
from collections.abc import Iterator

from llms.offline.evidence import labelled
from llms.offline.lexicon import Kind
from llms.offline.page import Page
from llms.offline.parties import Scored
from llms.offline.plans import FieldPlan
from llms.offline.readers import Found

_NUMBERED = re.compile(r"(?m)^[ \t]*(\d{1,3})(?:[.)]|(?=[ \t\n|]))")
_HEADERS = re.compile(r"(?m)^(?:From|Von|De|Subject|Betreff|Objet|Message-ID):")
_FILE_NAME = re.compile(r"[^,;\n]+\.\w{1,5}(?=\s*(?:[,;\n]|$))")


def counted(field: FieldPlan, page: Page) -> list[Scored]:
    """Candidates for a count: a printed number, or the number of things found."""
    scored = [*labelled(field, page), *_COUNTERS.get(field.concept, _nothing)(page)]
    return sorted(scored, key=lambda one: -one.score)


def _attachments(page: Page) -> Iterator[Scored]:
    for hit in page.hits:
        if "attachments" in hit.label.concepts and hit.strength >= 0.9 and hit.at_start:
            for zone in page.zones(hit)[:1]:
                names = _FILE_NAME.findall(page.text, zone.start, zone.end)
                if names:
                    yield Scored(Found(str(len(names)), zone.start, zone.end), 1.7)
                    return
    if len(_HEADERS.findall(page.text, 0, 3000)) >= 2:
        # A message that lists none has none.
        yield Scored(Found("0", 0, 0), 1.3)


def _lines(page: Page) -> Iterator[Scored]:
    """The longest row of lines numbered 1, 2, 3 ... each followed by an amount soon after."""
    expected, start, end = 1, 0, 0
    for m in _NUMBERED.finditer(page.text):
        if int(m.group(1)) == expected and page.mentions_in(Kind.AMOUNT, m.end(), m.end() + 200):
            start = m.start(1) if expected == 1 else start
            end = m.end(1)
            expected += 1
    if expected > 1:
        yield Scored(Found(str(expected - 1), end - len(str(expected - 1)), end), 1.0)


def _nothing(page: Page) -> Iterator[Scored]:
    return iter(())


_COUNTERS = {"attachment_count": _attachments, "line_count": _lines}
