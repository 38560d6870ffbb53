"""Which document type is it? A glob decides, else the words of the text, else a cheap model."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from llms.calls import Ask, Call, Reply
from llms.prompts import OTHER_TYPE, route_prompt
from schemas.answers import ROUTE, route_schema
from schemas.fields import DocumentType
from schemas.roles import Role

HEAD_CHARS = 3000
"""How much of a document the router looks at; what a document is shows at its beginning."""

_HEADING_CHARS = 300
"""A signal this early is a title or a header and counts double."""

_MIN_VOTES = 4.0
_MIN_LEAD = 2.5
"""Votes the first type needs, and how many times the second type's it must have, so that no model
need be asked. Chosen on documents of mixed types so that a clear winner is nearly always right."""

UNRECOGNISED = "unrecognised"
"""Failure class of a document that is none of the job's types."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a document goes.

    Attributes:
        document_type: The type, or null when it is none of them.
        by: `only` (there is one type), `glob`, `signals`, `model` or `fallback`.
        reply: The model's answer, where one was asked.
    """

    document_type: DocumentType | None
    by: str
    reply: Reply | None = None


async def route(
    doc_id: str,
    text: str,
    declared: str | None,
    types: Sequence[DocumentType],
    fallback: str | None,
    ask: Ask,
) -> Route:
    """Find the type of a document.

    Args:
        doc_id: The document.
        text: Its text.
        declared: Name of the type whose glob its path matches, if one does.
        types: The types of the job, the fallback among them.
        fallback: Name of the type for a document that is none of the others.
        ask: The call path, for the documents whose words do not decide.

    Raises:
        CallError: The model was needed and could not answer.
    """
    by_name = {t.name: t for t in types}
    if declared is not None:
        return Route(by_name[declared], "glob")
    if len(types) == 1:
        return Route(types[0], "only")
    choices = [t for t in types if t.name != fallback]
    clear = clear_winner(text, choices)
    if clear is not None:
        return Route(by_name[clear], "signals")
    system, user = route_prompt(choices, text[:HEAD_CHARS])
    names = [*(t.name for t in choices), OTHER_TYPE]
    reply = await ask(
        Call(
            role=Role.FORMATTING_WORKER,
            stage="route",
            system=system,
            user=user,
            schema_name=ROUTE,
            schema=route_schema(names),
            doc_id=doc_id,
            max_output_tokens=100,
        )
    )
    answered = by_name.get(str(reply.data["document_type"]))
    if answered is not None:
        return Route(answered, "model", reply)
    return Route(by_name[fallback] if fallback else None, "fallback", reply)


def clear_winner(text: str, types: Sequence[DocumentType]) -> str | None:
    """The type that the words of a text name beyond doubt, or null.

    A signal of a type votes once, with a weight for its length in words; twice when it stands in
    the heading. A word that several types share says little and is divided among them.
    """
    head = text[:HEAD_CHARS].casefold()
    heading = head[:_HEADING_CHARS]
    votes: dict[str, float] = {}
    for t, ballot in zip(types, _ballots(tuple(t.signals for t in types)), strict=True):
        total = 0.0
        for folded, weight in ballot:
            # Most signals are not there at all, and looking for a string is far cheaper.
            if folded not in head or not (pattern := _pattern(folded)).search(head):
                continue
            total += 2 * weight if pattern.search(heading) else weight
        votes[t.name] = total
    ranked = sorted(votes, key=lambda name: -votes[name])
    first = votes[ranked[0]]
    second = votes[ranked[1]] if len(ranked) > 1 else 0.0
    return ranked[0] if first >= _MIN_VOTES and first >= _MIN_LEAD * second else None


@lru_cache(maxsize=64)
def _ballots(signals: tuple[tuple[str, ...], ...]) -> list[list[tuple[str, float]]]:
    """Per type its signals, case folded, with the weight of their votes."""
    shared = Counter(signal for of_type in signals for signal in of_type)
    return [
        [(signal.casefold(), (1 + 0.5 * signal.count(" ")) / shared[signal]) for signal in of_type]
        for of_type in signals
    ]


@lru_cache(maxsize=4096)
def _pattern(folded: str) -> re.Pattern[str]:
    before = r"(?<!\w)" if folded[:1].isalnum() else ""
    after = r"(?!\w)" if folded[-1:].isalnum() else ""
    return re.compile(f"{before}{re.escape(folded)}{after}")
