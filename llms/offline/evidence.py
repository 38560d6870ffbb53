"""What speaks for each possible value of a field? Candidates with scores, kind by kind.

A score near 2 is a fitting value beside a printed label; near 1 a value whose place or company
speaks for it; under one half hardly anything does. Cross-field reasoning comes later.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date

from llms.offline.addresses import blocks
from llms.offline.candidates_names import names
from llms.offline.candidates_texts import summaries, titles
from llms.offline.lexicon import CONCEPTS, NUMBERS, USUAL_DATES, Kind
from llms.offline.page import Hit, Page, Zone
from llms.offline.parties import Scored
from llms.offline.plans import FieldPlan
from llms.offline.readers import Found, as_found, choose, read, squeezed
from llms.offline.vocabulary import JURISDICTION, NOT_A_PLACE, RECHT
from llms.offline.words import TOKEN
from llms.recognition import Mention, find_number_words

LABELLED = 2.2
_NEAR_BEFORE, _NEAR_AFTER = 90, 40
_MOST_MENTIONS = 60


def candidates(field: FieldPlan, page: Page) -> list[Scored]:
    """Every candidate for a field, best first; equal values are merged, which adds to them."""
    scored = [*labelled(field, page), *_SPECIAL.get(field.kind, _nothing)(field, page)]
    if field.kind in _SAME_KINDS and not field.as_printed:
        scored = settled(page, scored, field.kind)
    best: dict[str, Scored] = {}
    places: dict[str, set[int]] = {}
    for one in scored:
        value = one.found.value
        places.setdefault(value, set()).add(one.found.start)
        if value not in best or one.score > best[value].score:
            best[value] = one
    merged = [
        Scored(one.found, one.score + 0.12 * min(2, len(places[value]) - 1))
        for value, one in best.items()
    ]
    return sorted(merged, key=lambda one: (-one.score, one.found.start))


def labelled(field: FieldPlan, page: Page) -> Iterator[Scored]:
    """Values beside the labels of a field."""
    for hit in page.by_field.get(field.index, ()):
        if field.kind in _STRICT and hit.strength < (1.0 if field.concept == "parties" else 0.75):
            continue
        weight = hit.label.fields[field.index]
        base = LABELLED * min(1.0, weight) * hit.strength
        if hit.label.length > 1:
            base += 0.1
        read_before = 0
        for zone in page.zones(hit):
            values = read(field, page, zone)[:4]
            for rank, found in enumerate(values, read_before):
                score = base * (0.4 + 0.6 * found.sure) - 0.3 * rank
                if zone.below:
                    # A common word alone on its line may as well head a column.
                    score -= 0.6 if hit.label.weak and hit.strength < 1.0 else 0.1
                yield Scored(found, score)
            read_before += len(values)


_STRICT = frozenset(
    {Kind.PARTY, Kind.TEXT, Kind.SUMMARY, Kind.PLACE, Kind.VERSUS, Kind.ADDRESS, Kind.FILES}
)
"""Kinds whose values have no shape of their own: only a real label announces them."""


def owners(page: Page, kind: Kind) -> dict[int, Hit]:
    """Which label each mention of a kind stands beside, by the start of the mention."""
    if ("owners", kind) not in page.memo:
        page.memo["owners", kind] = _find_owners(page, kind)
    known: dict[int, Hit] = page.memo["owners", kind]
    return known


def _find_owners(page: Page, kind: Kind) -> dict[int, Hit]:
    owned: dict[int, Hit] = {}
    kinds = _SAME_KINDS.get(kind, frozenset({kind}))
    for hit in page.hits:
        if not any(CONCEPTS[concept].kind in kinds for concept in hit.label.concepts):
            continue
        for zone in page.zones(hit)[:1]:
            inside = page.mentions_in(kind, zone.start, zone.end)
            if not inside:
                continue
            mention = inside[-1] if kind is Kind.AMOUNT and not zone.below else inside[0]
            known = owned.get(mention.start)
            if known is None or known.strength <= hit.strength:
                owned[mention.start] = hit
    return owned


_SAME_KINDS = {kind: frozenset({Kind.DATE, Kind.DATETIME}) for kind in (Kind.DATE, Kind.DATETIME)}


def _nearby(field: FieldPlan, page: Page, mention: Mention) -> int:
    """How many different words that go with the field stand near a mention, compounds included."""
    start = max(0, mention.start - _NEAR_BEFORE, page.low.rfind("\n\n", 0, mention.start))
    around = set(TOKEN.findall(page.low[start : mention.start]))
    around.update(TOKEN.findall(page.low[mention.end : mention.end + _NEAR_AFTER]))
    return sum(
        word in around
        or (len(word) > 5 and any(w.startswith(word) or w.endswith(word) for w in around))
        for word in field.near
    )


def _dates(field: FieldPlan, page: Page) -> Iterator[Scored]:
    mentions = page.mentions(field.kind)[:_MOST_MENTIONS]
    if not mentions:
        return
    owned = owners(page, field.kind)
    is_usual = field.concept in USUAL_DATES or field.multi
    single = len({mention.value[:10] for mention in mentions}) == 1
    times = Counter(mention.value[:10] for mention in mentions)
    for order, mention in enumerate(mentions):
        near = _nearby(field, page, mention)
        # A day that most documents lack needs more words that speak for it.
        score = 0.65 + min(0.75, 0.25 * near) if is_usual else min(1.5, 0.4 * near)
        owner = owned.get(mention.start)
        if owner is not None:
            if field.index in owner.label.fields:
                continue
            # A plain "Date" may be any day; "Due date" cannot be the day of issue.
            is_plain = "date" in owner.label.concepts or owner.strength < 0.75
            score -= 0.2 if is_plain else 0.9
        if is_usual:
            score += max(0.0, 0.3 - 0.05 * order)
            score += 0.25 if single else 0.1 * min(2, times[mention.value[:10]] - 1)
            if field.concept not in _IN_PROSE:
                score += _apart(page, mention)
        if mention.start > 3000 and not field.multi:
            score -= 0.3
        found = as_found(field, page, mention)
        yield Scored(found, score - (0.1 if mention.alternatives else 0.0))


_IN_PROSE = frozenset({"date_effective", "date_filed", "date_signed", "date_end"})


def _apart(page: Page, mention: Mention) -> float:
    """What it says for a document's own date that it stands in a short line, not in a sentence."""
    start, end = page.line_span(page.line_of(mention.start))
    rest = (end - start) - (mention.end - mention.start)
    return 0.3 if rest < 25 else 0.1 if rest < 50 else -0.25


def settled(page: Page, found: list[Scored], kind: Kind) -> list[Scored]:
    """Ambiguous days (03/04/2021) read as a day that the document names without doubt, if one is.

    The reading that another date of the text has, or that is nearest to one, is the likelier.
    """
    by_start = {mention.start: mention for mention in page.mentions(kind)}
    sure = sorted({m.value[:10] for m in page.mentions(kind) if not m.alternatives})
    if not sure:
        return found
    settled_ones = []
    for one in found:
        mention = by_start.get(one.found.start)
        if mention is not None and mention.alternatives and one.found.value == mention.value:
            readings = (mention.value, *mention.alternatives)
            nearest = min(readings, key=lambda day: _days_to(day[:10], sure))
            if _days_to(nearest[:10], sure) <= _CLOSE_DAYS:
                value = Found(nearest, one.found.start, one.found.end, one.found.sure)
                one = Scored(value, one.score + 0.25)
        settled_ones.append(one)
    return settled_ones


_CLOSE_DAYS = 10


def _days_to(day: str, others: list[str]) -> int:
    own = date.fromisoformat(day)
    return min(abs((own - date.fromisoformat(other)).days) for other in others)


def _amounts(field: FieldPlan, page: Page) -> Iterator[Scored]:
    mentions = page.mentions(Kind.AMOUNT)
    if not mentions:
        return
    owned = owners(page, Kind.AMOUNT)
    largest = max(float(mention.value) for mention in mentions)
    is_total = field.concept in ("total", "amount_due")
    spelled = {mention.value for mention in _spelled(page)} if is_total else set()
    for mention in mentions[-_MOST_MENTIONS:]:
        owner = owned.get(mention.start)
        number = float(mention.value)
        score = 0.0
        if owner is not None:
            if field.index in owner.label.fields:
                continue
            score -= 0.5
        if field.multi:
            score += 1.4
        elif is_total:
            score += 0.35 + (0.45 if number == largest else 0.0)
            score += 0.25 if mention.start > len(page.text) / 2 else 0.0
            score += 0.3 if mention.unit else 0.0
            score += 0.9 if _plain(mention.value) in spelled else 0.0
        else:
            score += min(0.5, 0.25 * _nearby(field, page, mention))
        if score > 0:
            yield Scored(as_found(field, page, mention), score)


def _spelled(page: Page) -> list[Mention]:
    return [
        Mention(m.start, m.end, _plain(m.value))
        for m in find_number_words(page.text)
        if float(m.value) >= 20
    ]


def _plain(value: str) -> str:
    return f"{float(value):.2f}"


_TERM = re.compile(
    r"(?i)(?:term of|period of|for a period|for a term|duration of|remain in (?:full )?(?:force|"
    r"effect)|"
    r"shall (?:terminate|expire|continue|survive|be binding)|expires?|terminates?|laufzeit|dauer "
    r"von|für die dauer|"
    r"geschlossen für|durée de|pour une durée|conclu pour|obligations? (?:under|of|shall))"
)
_NOTICE = re.compile(r"(?i)(?:notice|kündig|frist|préavis|résili|written notice|prior)")
_ELSEWHERE = re.compile(
    r"(?i)(?:days? (?:of|after|from) (?:receipt|invoice|date)|payable|within|non-?solicit|employ|"
    r"hire|solicit|warrant|"
    r"garantie|gewährleistung|interest|overdue|zahlbar|payment|paiement|old|years of age|"
    r"standstill)"
)


def _durations(field: FieldPlan, page: Page) -> Iterator[Scored]:
    for order, mention in enumerate(page.mentions(Kind.DURATION)[:_MOST_MENTIONS]):
        before = page.text[max(0, mention.start - 160) : mention.start]
        around = before + page.text[mention.end : mention.end + 90]
        score = 0.15 + min(0.5, 0.12 * _nearby(field, page, mention)) - 0.02 * min(order, 10)
        if field.concept == "term":
            score += 0.8 if _TERM.search(before) else 0.35 if _TERM.search(around) else 0.0
            score -= (
                0.7 if _NOTICE.search(around[-260:]) and not _TERM.search(before[-60:]) else 0.0
            )
            score -= 0.5 if _ELSEWHERE.search(around) else 0.0
            score -= 0.5 if mention.value.split()[1].startswith("day") else 0.0
        elif field.concept == "notice_period":
            score += (
                1.0
                if _NOTICE.search(before[-110:])
                or _NOTICE.search(page.text[mention.end : mention.end + 60])
                else 0.0
            )
        if not field.as_printed:
            yield Scored(as_found(field, page, mention), score)


def _places(field: FieldPlan, page: Page) -> Iterator[Scored]:
    if field.concept != "jurisdiction":
        return
    for m in JURISDICTION.finditer(page.text):
        place = squeezed(m["place"])
        if place.split()[0].lower() in NOT_A_PLACE or (place.isupper() and len(place) > 24):
            continue
        before = page.text[max(0, m.start() - 200) : m.start()].lower()
        governed = re.search(r"govern|constru|interpret|accordance|subject to", before)
        corporate = re.search(r"(?:organi[sz]ed|incorporated|existing)[^.]{0,60}$", before)
        score = 1.9 if governed else 1.3
        score -= 1.0 if corporate else 0.0
        yield Scored(Found(place, m.start("place"), m.end("place")), score)
    for m in RECHT.finditer(page.text):
        group = next(name for name, words in m.groupdict().items() if words)
        yield Scored(Found(squeezed(m[group]), m.start(group), m.end(group)), 1.7)


def _currencies(field: FieldPlan, page: Page) -> Iterator[Scored]:
    units = Counter(m.unit for m in page.mentions(Kind.AMOUNT) if m.unit)
    total = sum(units.values())
    for unit, count in units.most_common(3):
        first = next(m for m in page.mentions(Kind.AMOUNT) if m.unit == unit)
        yield Scored(Found(str(unit), first.start, first.end), 0.9 + 1.3 * count / total)


def _addresses(field: FieldPlan, page: Page) -> Iterator[Scored]:
    for order, block in enumerate(blocks(page)[:5]):
        words = squeezed(page.text[block.start : block.end])
        score = 0.55 + 0.3 * block.score - 0.35 * order
        score += 0.3 if block.first_line <= 6 else 0.0
        score += 0.1 if block.last_line > block.first_line else 0.0
        yield Scored(Found(words, block.start, block.end), score)


def _emails(field: FieldPlan, page: Page) -> Iterator[Scored]:
    for order, mention in enumerate(page.mentions(Kind.EMAIL)[:5]):
        if field.concept in ("sender", "email_address") and not field.multi:
            yield Scored(as_found(field, page, mention), 0.8 - 0.15 * order)


def _categories(field: FieldPlan, page: Page) -> Iterator[Scored]:
    votes: Counter[str] = Counter()
    first: dict[str, Found] = {}
    for found in choose(field, page, 0, min(len(page.text), 6000)):
        votes[found.value] += 1
        first.setdefault(found.value, found)
    total = sum(votes.values())
    for choice, count in votes.items():
        share = count / total
        early = 0.3 if first[choice].start < 200 else 0.0
        yield Scored(first[choice], 0.35 + 0.9 * share * min(1.0, 0.4 + 0.2 * count) + early)


def _nothing(field: FieldPlan, page: Page) -> Iterator[Scored]:
    return iter(())


_NUMBER_SIGN = (
    r"[^\n\d]{0,12}?(?:\(\d+\) ?)?"
    r"(?:\b(?:nr|no|nº|n°|nummer|number|numéro|id)\b|#)[.:#° ]{0,4}"
)
_NUMBERED: dict[frozenset[str], re.Pattern[str]] = {}


def _numbered(field: FieldPlan) -> re.Pattern[str]:
    """A noun that goes with the field, a word for number and what follows: `Rechnung Nr. 17`."""
    if field.near not in _NUMBERED:
        nouns = "|".join(sorted(re.escape(word) for word in field.near))
        _NUMBERED[field.near] = re.compile(rf"(?:{nouns}){_NUMBER_SIGN}")
    return _NUMBERED[field.near]


def _identifiers(field: FieldPlan, page: Page) -> Iterator[Scored]:
    if field.concept in NUMBERS and field.near:
        for m in _numbered(field).finditer(page.low):
            _, line_end = page.line_span(page.line_of(m.start()))
            for found in read(field, page, Zone(m.end(), line_end))[:1]:
                if found.start - m.end() < 3:
                    yield Scored(found, 1.75 * found.sure)
    if field.multi and not field.concept:
        for hit in page.hits:
            if hit.strength >= 0.75 and hit.label.concepts & NUMBERS:
                for zone in page.zones(hit)[:1]:
                    for found in read(field, page, zone)[:1]:
                        yield Scored(found, 1.6 * found.sure)


_SPECIAL: dict[Kind, Callable[[FieldPlan, Page], Iterator[Scored]]] = {
    Kind.DATE: _dates,
    Kind.DATETIME: _dates,
    Kind.AMOUNT: _amounts,
    Kind.DURATION: _durations,
    Kind.PLACE: _places,
    Kind.CURRENCY: _currencies,
    Kind.ADDRESS: _addresses,
    Kind.EMAIL: _emails,
    Kind.CATEGORY: _categories,
    Kind.PARTY: names,
    Kind.TEXT: titles,
    Kind.SUMMARY: summaries,
    Kind.IDENTIFIER: _identifiers,
}
