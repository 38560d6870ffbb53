"""What stands out in a list of figures? Leaders, outliers, gaps and failures, without digits."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from llms.offline.words import words

_FAILURE = frozenset(words("failed failure failures dead letters errors error skipped lost"))
_FILLED = frozenset(words("filled fill coverage complete completeness present"))
_MONEY = frozenset(words("saving savings saved cost spent baseline"))
_COUNTED = frozenset(words("documents extracted records"))
_SPELLED = frozenset(
    words(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen "
        "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
        "hundred hundreds thousand thousands million millions billion billions dozen dozens half "
        "twice "
        "thrice double doubled triple tripled third thirds quarter quarters zwei drei vier fünf "
        "sechs "
        "sieben acht neun zehn elf zwölf zwanzig dreißig hundert tausend millionen hälfte "
        "doppelt deux "
        "trois quatre cinq sept huit neuf dix vingt trente mille moitié"
    )
)
_FACTOR = 3.0
"""How many times the median of its group makes a figure an outlier."""


@dataclass(frozen=True, slots=True)
class _Figure:
    id: str
    group: str
    label: str
    column: str
    unit: str
    number: float


@dataclass(frozen=True, slots=True)
class _Finding:
    weight: float
    headline: str
    text: str
    figures: tuple[str, ...]


def findings_answer(figures: Any, most: int, *, careful: bool) -> dict[str, Any]:
    """The `docmill_insights` answer.

    Args:
        figures: Objects with `id`, `title`, `value` and `unit`. A title is `group: label: column`.
        most: Findings wanted at most.
        careful: Look for outliers and gaps beside leaders and failures.
    """
    known = list(_figures(figures if isinstance(figures, list) else []))
    groups: dict[tuple[str, str, str], list[_Figure]] = {}
    for figure in known:
        groups.setdefault((figure.group, figure.column, figure.unit), []).append(figure)
    found = [*_failures(known), *_money(known)]
    for members in groups.values():
        found += _leaders(members)
        if careful:
            found += [*_outliers(members), *_gaps(members)]
    ranked = sorted(found, key=lambda finding: -finding.weight)
    kept: list[_Finding] = []
    told: set[str] = set()
    for finding in ranked:
        # A figure that leads and is an outlier is told about once.
        if finding.figures[0] not in told:
            told.update(finding.figures)
            kept.append(finding)
    return {
        "insights": [
            {"headline": f.headline, "text": f.text, "figures": list(f.figures)}
            for f in kept[: max(0, most)]
        ]
    }


def _figures(listed: Iterable[Any]) -> Iterator[_Figure]:
    for entry in listed:
        if not isinstance(entry, dict):
            continue
        digits = str(entry.get("value", "")).replace("%", "").strip()
        try:
            number = float(digits)
        except ValueError:
            continue
        parts = str(entry.get("title", "")).split(": ")
        yield _Figure(
            id=str(entry.get("id", "")),
            group=parts[0].strip(),
            label=": ".join(parts[1:-1]).strip() if len(parts) > 2 else "",
            column=parts[-1].strip() if len(parts) > 1 else "",
            unit=str(entry.get("unit", "")),
            number=number,
        )


def _sayable(text: str) -> str:
    """`text` if it holds no digit, number word or brace, so that it may stand in a finding."""
    if not text or any(c.isnumeric() for c in text) or re.search(r"[{}]", text):
        return ""
    if _SPELLED & set(words(text.replace("_", " "))):
        return ""
    return text if len(text) <= 80 else ""


def _about(figure: _Figure) -> str:
    group = _sayable(figure.group)
    column = _sayable(figure.column)
    if group and column and column.lower() not in group.lower():
        return f"{group} ({column})"
    return group or column or "this table"


def _is_about(figure: _Figure, vocabulary: frozenset[str]) -> bool:
    return bool(vocabulary & set(words(f"{figure.column} {figure.id}".replace("_", " "))))


def _failures(figures: Sequence[_Figure]) -> Iterator[_Finding]:
    totals = [f for f in figures if f.column.lower() in ("documents", "inputs") and not f.label]
    for figure in figures:
        if _is_about(figure, _FAILURE) and figure.number > 0 and not figure.label:
            whole = next((t for t in totals if t.group == figure.group), None)
            said = _sayable(figure.column) or "failed"
            of_all = f" of {{{{{whole.id}}}}} documents" if whole else ""
            yield _Finding(
                2.0,
                f"Some documents {said}",
                f"{{{{{figure.id}}}}}{of_all} {said}; see the list of dead letters for the "
                f"reasons.",
                (figure.id, whole.id) if whole else (figure.id,),
            )
            return


def _money(figures: Sequence[_Figure]) -> Iterator[_Finding]:
    for figure in figures:
        if "saving" in words(figure.column) and figure.number > 1:
            yield _Finding(
                0.6,
                "The cascade costs less than a strong model alone",
                f"A strong model on every document would cost {{{{{figure.id}}}}} times as much.",
                (figure.id,),
            )
            return


def _leaders(members: Sequence[_Figure]) -> Iterator[_Finding]:
    positive = [m for m in members if m.number > 0]
    total = sum(m.number for m in positive)
    if len(positive) < 3 or total <= 0 or _is_about(members[0], _FILLED | _MONEY):
        return
    ranked = sorted(positive, key=lambda m: -m.number)
    best, second = ranked[0], ranked[1]
    share = best.number / total
    if share < 1.5 / len(positive):
        return
    about, label = _about(best), _sayable(best.label)
    next_label = _sayable(second.label)
    leader = f"{label} stands at" if label else "the largest entry stands at"
    runner = f"{next_label} follows with" if next_label else "the next entry follows with"
    weight = 0.8 + share - (0.5 if _is_about(best, _COUNTED) and "run." in best.id else 0.0)
    yield _Finding(
        weight,
        f"{about}: {label} leads" if label else f"{about}: an entry leads by far",
        f"In {about}, {leader} {{{{{best.id}}}}}; {runner} {{{{{second.id}}}}}.",
        (best.id, second.id),
    )


def _outliers(members: Sequence[_Figure]) -> Iterator[_Finding]:
    numbers = [m.number for m in members if m.number > 0]
    if len(numbers) < 5:
        return
    middle = median(numbers)
    top = max(members, key=lambda m: m.number)
    typical = min(members, key=lambda m: abs(m.number - middle))
    if top.number > _FACTOR * middle and typical.id != top.id:
        about, label = _about(top), _sayable(top.label)
        subject = f"{label}, at" if label else "The highest entry, at"
        yield _Finding(
            0.9 + min(0.6, top.number / middle / 20),
            f"{about}: {label} is far above the rest" if label else f"{about}: an entry stands out",
            f"{subject} {{{{{top.id}}}}}, is far from the typical {{{{{typical.id}}}}} of {about}.",
            (top.id, typical.id),
        )


def _gaps(members: Sequence[_Figure]) -> Iterator[_Finding]:
    if len(members) < 2 or not _is_about(members[0], _FILLED):
        return
    whole = 100.0 if max(m.number for m in members) > 1 else 1.0
    lowest = min(members, key=lambda m: m.number)
    share = lowest.number / whole
    if share > 0.7:
        return
    about, label = _about(lowest), _sayable(lowest.label)
    name = label or "a field"
    yield _Finding(
        1.1 - share,
        f"{about}: {name} is often empty",
        f"Of all fields in {about}, {name} is filled least, at {{{{{lowest.id}}}}}.",
        (lowest.id,),
    )
