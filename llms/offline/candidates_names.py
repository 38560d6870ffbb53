"""Which names may be the seller, the buyer, a customer or a party of a contract?"""

import re
from collections.abc import Iterator

from llms.offline.addresses import blocks
from llms.offline.lexicon import Kind
from llms.offline.page import Page
from llms.offline.parties import Scored, between, companies, head_names
from llms.offline.plans import FieldPlan
from llms.offline.readers import Found, name_in
from llms.offline.vocabulary import HAS_SUFFIX, NOT_NAME, PERSON, POSTCODE

_ISSUERS = frozenset({"merchant", "seller", ""})
_SENDER_LINE = re.compile(r"\s*[|•·●∙*]\s*|,\s+|\s+[-–—]\s+")
_SIGN_OFF = re.compile(
    r"(?im)^(?:kind regards|best regards|regards|sincerely|yours \w+|thanks|thank you|best|cheers|"
    r"mit freundlichen grüßen|freundliche grüße|viele grüße|beste grüße|cordialement|"
    r"bien à vous|salutations)[ ,.!]*\n+(?P<name>[^\n]{3,60})$"
)
_FROM_NAME = re.compile(r"(?m)^(?:From|Von|De): *\"?(?P<name>[^<\n\"]{3,60}?)\"? *<")
_BLOCK_LINES = 6
_CONTACT = re.compile(r"(?i)\b(?:tel|fon|fax|phone|e-?mail|www|ust|vat|tva|iban)\b")


def names(field: FieldPlan, page: Page) -> Iterator[Scored]:
    """Candidates for a name that no label of the same line announces."""
    yield from _below_labels(field, page)
    if field.concept in _ISSUERS:
        yield from _issuers(field, page)
    elif field.concept == "buyer":
        yield from _addressees(page)
        for order, found in enumerate(companies(page)[:6]):
            yield Scored(found, 0.85 - 0.04 * order)
    elif field.concept == "customer":
        yield from _writers(page)
        for order, found in enumerate(companies(page)[:4]):
            yield Scored(found, 0.8 - 0.04 * order)
    elif field.concept == "parties":
        named = between(page)
        yield from named
        if not named:
            for found in companies(page, 0, 2500)[:6]:
                yield Scored(found, 0.75)


def _below_labels(field: FieldPlan, page: Page) -> Iterator[Scored]:
    """The first line with a company or a person in the block that a label opens."""
    for hit in page.by_field.get(field.index, ()):
        if hit.strength < 0.9:
            continue
        weight = hit.label.fields[field.index]
        for line in range(hit.line + 1, min(hit.line + 1 + _BLOCK_LINES, len(page.line_starts))):
            start, end = page.line_span(line)
            inside = page.hits_between(start, end)
            if any(h.at_start and h.label.fields.keys() - {field.index} for h in inside):
                break
            # "Name: X" inside the block says it outright.
            named = re.match(r"\s*(?:name|nom|firma|company|société)\s*:\s*", page.low[start:end])
            found = name_in(page, start + (named.end() if named else 0), end)
            if found is None or (":" in found.value and not named):
                continue
            is_company = bool(HAS_SUFFIX.search(found.value))
            if named or is_company:
                yield Scored(found, 1.9 * min(1.0, weight) - 0.05 * (line - hit.line))
                break


def _issuers(field: FieldPlan, page: Page) -> Iterator[Scored]:
    domains = {
        mention.value.rsplit("@", 1)[1].split(".")[0].replace("-", "")
        for mention in page.mentions(Kind.EMAIL)
    }
    bonus = 0.0 if field.concept == "merchant" else -0.25
    for name in head_names(page):
        yield Scored(name.found, name.score + bonus + _same_domain(name.found.value, domains))
    yield from _sender_lines(page)
    for found in companies(page)[:12]:
        yield Scored(found, 0.75 + _same_domain(found.value, domains))
    for block in blocks(page)[:4]:
        if block.first_line > 0 and _contact_follows(page, block.last_line):
            above = name_in(page, *page.line_span(block.first_line - 1))
            if above is not None and above.sure > 0.5:
                yield Scored(above, 1.1 + _same_domain(above.value, domains))


def _same_domain(name: str, domains: set[str]) -> float:
    letters = "".join(c for c in name.lower() if c.isalnum())
    return 0.5 if any(len(d) > 3 and d in letters for d in domains) else 0.0


def _contact_follows(page: Page, line: int) -> bool:
    for after in range(line + 1, min(line + 4, len(page.line_starts))):
        words = page.line_text(after)
        if _CONTACT.search(words):
            return True
        if HAS_SUFFIX.search(words):
            return False  # the next block begins
    return False


def _sender_lines(page: Page) -> Iterator[Scored]:
    """A letterhead on one line: name, street and town between bars, dots or dashes."""
    for line in page.filled_lines:
        start, end = page.line_span(line)
        words = page.text[start:end]
        if len(words) > 140 or not POSTCODE.search(words):
            continue
        divider = _SENDER_LINE.search(words)
        if divider is None or len(_SENDER_LINE.split(words)) < 3:
            continue
        found = name_in(page, start, start + divider.start())
        if found is not None and found.sure > 0.5 and not any(c.isdigit() for c in found.value):
            bar = divider.group().strip() not in (",", "")
            yield Scored(found, 2.0 if bar else 0.9)


def _addressees(page: Page) -> Iterator[Scored]:
    """The line above an address block that is not the letterhead's."""
    for order, block in enumerate(blocks(page)[:4]):
        if not POSTCODE.search(page.text, block.start, block.end):
            continue
        for above in (1, 2):
            line = block.first_line - above
            if line < 0 or len(page.hits_between(*page.line_span(line))) > 1:
                continue
            start, end = page.line_span(line)
            found = name_in(page, start, end)
            if found is None or found.sure < 0.5 or ":" in found.value:
                continue
            if NOT_NAME.search(found.value) or any(c.isdigit() for c in found.value):
                continue
            letterhead = 0.35 if _contact_follows(page, block.last_line) else 0.0
            yield Scored(found, 1.0 - 0.1 * order - letterhead - 0.25 * (above - 1))


def _writers(page: Page) -> Iterator[Scored]:
    """Who signs a message, or whose name stands in its From line."""
    for pattern, score in ((_SIGN_OFF, 1.2), (_FROM_NAME, 1.1)):
        for m in pattern.finditer(page.text):
            name = PERSON.match(page.text, m.start("name"), m.end("name"))
            if name:
                yield Scored(Found(name.group(), name.start(), name.end()), score)
