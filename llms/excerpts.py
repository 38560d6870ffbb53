"""Which part of a document does a call get: all of it, pieces that fit, or only what matters?"""

from collections.abc import Iterable

from llms.prompts import CUT
from schemas.fields import FieldSpec

_OVERLAP = 400
"""Characters that two pieces share, so that a value on the seam is whole in one of them."""

_WHOLE_ABOVE = 0.6
"""When excerpts would be this share of the text, the whole is clearer and hardly dearer."""

_MAX_LABEL_HITS = 4


def pieces(text: str, longest: int) -> list[str]:
    """Cut a text into overlapping pieces of at most `longest` characters, at line ends if possible.

    A text that fits comes back as it is, alone.
    """
    if len(text) <= longest:
        return [text]
    found: list[str] = []
    start = 0
    while start < len(text):
        end = min(len(text), start + longest)
        if end < len(text):
            line_end = text.rfind("\n", start + longest // 2, end)
            end = line_end + 1 if line_end > 0 else end
        found.append(text[start:end])
        if end == len(text):
            break
        start = max(end - min(_OVERLAP, longest // 4), start + 1)
    return found


def around(
    text: str, specs: Iterable[FieldSpec], spans: Iterable[tuple[int, int]], context: int
) -> str:
    """The parts of a text that matter for some fields, joined by `CUT`.

    Args:
        text: The whole document.
        specs: The fields that are asked again; the text around their printed labels counts.
        spans: Where doubtful values stand; the text around them counts.
        context: Characters to keep around each place.

    Returns:
        The whole text when a field has neither a label nor a span in it (it may stand anywhere),
        or when the parts would be most of it anyway.
    """
    half = context // 2
    windows = [(max(0, start - half), min(len(text), end + half)) for start, end in spans]
    folded = text.casefold()
    # Case folding can lengthen a text (ß); offsets then shift a little, which a window tolerates.
    for spec in specs:
        hits = _label_hits(folded, spec)
        if not hits and not windows:
            return text
        windows += [(max(0, at - half), min(len(text), at + half)) for at in hits]
    if not windows:
        return text
    merged = _merged(windows)
    if sum(end - start for start, end in merged) >= _WHOLE_ABOVE * len(text):
        return text
    return CUT.join(text[start:end] for start, end in merged)


def _label_hits(folded: str, spec: FieldSpec) -> list[int]:
    hits: list[int] = []
    for label in (*spec.labels, spec.name.replace("_", " ")):
        at = folded.find(label.casefold())
        while at >= 0 and len(hits) < _MAX_LABEL_HITS:
            hits.append(at)
            at = folded.find(label.casefold(), at + len(label))
    return hits


def _merged(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
