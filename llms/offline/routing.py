"""Which of the listed types is a document? Its words vote; headings and rare words count more."""

from collections.abc import Sequence
from typing import Any

from llms.offline.words import TOKEN, lowered, words

_HEADING = 300
_DEEPEST = 6000
_PRIOR = 1.2
_NEEDED = 1.5

Types = Sequence[tuple[str, str, list[str]]]


def route_answer(
    text: str, types: Types, choices: Sequence[str], *, careful: bool
) -> dict[str, Any]:
    """The `docmill_route` answer: the type with the most votes, or the last choice, `other`.

    Args:
        text: The beginning of the document.
        types: Name, description and typical words of every type, as the prompt lists them.
        choices: What may be answered; the last one means none of them.
        careful: Weigh where words stand and how many types share them, not only that they occur.
    """
    allowed = [t for t in types if t[0] in choices]
    votes = {name: 0.0 for name, _, _ in allowed}
    low = lowered(text[:_DEEPEST])
    tokens = [(m.group(), m.start(), m.end()) for m in TOKEN.finditer(low)]
    places: dict[str, list[int]] = {}
    for index, (token, _, _) in enumerate(tokens):
        places.setdefault(token, []).append(index)
    owners: dict[tuple[str, ...], int] = {}
    vocabulary = {name: _vocabulary(name, about, listed) for name, about, listed in allowed}
    for weighted in vocabulary.values():
        for sequence in weighted:
            owners[sequence] = owners.get(sequence, 0) + 1
    for name, weighted in vocabulary.items():
        for sequence, (weight, is_label) in weighted.items():
            found = _found(low, tokens, places, sequence, is_label)
            if not found:
                continue
            vote = weight * min(3, len(found)) ** 0.5
            if found[0] < _HEADING:
                vote *= 1.6
            if careful:
                vote /= owners[sequence]
                if found[0] < 80 and weight >= 1:
                    vote += 1.0
            votes[name] += vote
    ranked = sorted(votes.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < _NEEDED:
        return {"document_type": choices[-1], "confidence": 0.8 if not ranked else 0.6}
    total = sum(votes.values()) + _PRIOR
    best = ranked[0][1]
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    share = best / total
    lead = (best - second) / (best + _PRIOR)
    return {
        "document_type": ranked[0][0],
        "confidence": round(min(0.98, 0.3 + 0.4 * share + 0.4 * lead), 2),
    }


def _vocabulary(
    name: str, description: str, typical: Sequence[str]
) -> dict[tuple[str, ...], tuple[float, bool]]:
    """Word sequences with their weight and whether they only count before a colon."""
    weighted: dict[tuple[str, ...], tuple[float, bool]] = {}
    for word in words(description):
        if len(word) > 4:
            weighted[(word,)] = (0.25, False)
    for phrase in typical:
        sequence = words(phrase)
        weight = 0.7 + 0.6 * len(sequence)
        if len(sequence) == 1 and len(sequence[0]) < 4:
            weight = 0.5
        weighted[sequence] = (weight, phrase.rstrip().endswith(":"))
    own = words(name.replace("_", " "))
    weighted[own] = (max(1.6, weighted.get(own, (0.0, False))[0]), False)
    return weighted


def _found(
    low: str,
    tokens: Sequence[tuple[str, int, int]],
    places: dict[str, list[int]],
    sequence: tuple[str, ...],
    is_label: bool,
) -> list[int]:
    """Where a word sequence begins, as positions in the text; at most four."""
    starts: list[int] = []
    size = len(sequence)
    for index in places.get(sequence[0], ()):
        if tuple(token[0] for token in tokens[index : index + size]) != sequence:
            continue
        _, start, _ = tokens[index]
        end = tokens[index + size - 1][2]
        if is_label and not (low[end : end + 2].lstrip().startswith(":") and _at_start(low, start)):
            continue
        starts.append(start)
        if len(starts) == 4:
            break
    return starts


def _at_start(low: str, position: int) -> bool:
    return not low[low.rfind("\n", 0, position) + 1 : position].strip(" \t*>#|")
