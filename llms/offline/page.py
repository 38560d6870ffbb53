"""What stands where in a text: lines, printed labels, the places of their values, mentions."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from llms.offline.labels import Label, LabelNode, Labels, Words
from llms.offline.lexicon import Kind
from llms.offline.plans import Plan
from llms.offline.words import TOKEN, lowered
from llms.prompts import CUT
from llms.recognition import (
    Mention,
    find_amounts,
    find_dates,
    find_datetimes,
    find_durations,
    find_emails,
    find_integers,
)

_GAP = re.compile(r"[ .,'’()/&°ºª\-–_]{0,4}|:")
_AFTER = re.compile(
    r"\"?(?:[ \t]*\([^()\n]{0,40}\))?[ \t]*(?:[.…·_]{2,}[ \t]*)?(?P<mark>[:：=]|#[:.]?|[|\t]|(?<= "
    r")[-–—](?= ))?"
)
_SKIP = re.compile(r"[\s:：=#.…·|*_>\-–—;\"]*")
_SKIP_ON_LINE = re.compile(r"[ \t:：=#.…·|*_>;\"]*(?:[-–—][ \t]+)?")
_CELL_END = re.compile(r"\t|[ ]{3,}| \| |\|")
_DELIMITED = {mark: re.compile(rf"{mark}|\t") for mark in ";,"}
_DELIMITER_LINES = 40
_BARE_LINE = re.compile(r"[\W_]*(?:[A-Za-z]{2,3}|[$€£])?[\W_]*\Z")
_APART = re.compile(r"\t|\s{2}")
_VALUE_LINE = re.compile(
    r"\W*(?:[A-Z]{2,3}|[$€£])?\s*[-(]?\s*\d[\d.,' ]*[.,]\d\d\)?\s*(?:[A-Z]{1,3}|€)?"
)
_PLAIN_SPACES = {0xA0: " ", 0x202F: " ", 0x2007: " ", 0x2009: " "}
_NEARBY = 60
_LOOK_AHEAD = 3

_FINDERS: dict[Kind, Callable[[str], list[Mention]]] = {
    Kind.DATE: find_dates,
    Kind.DATETIME: find_datetimes,
    Kind.AMOUNT: find_amounts,
    Kind.INTEGER: find_integers,
    Kind.DURATION: find_durations,
    Kind.EMAIL: find_emails,
}


@dataclass(frozen=True, slots=True)
class Zone:
    """Where the value of a label may stand; `below` means not on the label's own line."""

    start: int
    end: int
    below: bool = False


@dataclass(slots=True)
class Hit:
    """A label that stands in the text.

    Attributes:
        start: Where it begins.
        end: Where it ends, a colon and the like included.
        line: Number of its line.
        label: What it speaks for.
        strength: How surely it is printed as a label, between 0 and 1.
        at_start: It begins its line or cell.
    """

    start: int
    end: int
    line: int
    label: Label
    strength: float
    at_start: bool


class Page:
    """A text, scanned once for the labels of a plan; values are looked for when asked for.

    Args:
        text: The document or its excerpts.
        plan: Whose labels to look for.

    Attributes:
        text: The text with plain spaces for the special ones; positions are unchanged.
        low: The same in lower case.
        spans: Start and end of every line.
        lines: The words of every line, stripped.
        tokens: Every word in lower case with its start and end.
        hits: Every label that stands in the text, in order.
        by_field: The hits per field of the plan.
        memo: What was computed about this page before, by name and argument.
    """

    def __init__(self, text: str, plan: Plan) -> None:
        # One for one, so that positions are those of the document.
        self.text = text.translate(_PLAIN_SPACES)
        self.low = lowered(self.text)
        self.is_excerpt = CUT in text
        self.line_starts = [0]
        self.line_starts.extend(m.end() for m in re.finditer("\n", text))
        ends = [start - 1 for start in self.line_starts[1:]] + [len(text)]
        self.spans = list(zip(self.line_starts, ends, strict=True))
        self.lines = [self.text[start:end].strip() for start, end in self.spans]
        self.memo: dict[tuple[str, object], Any] = {}
        self._mentions: dict[Kind, list[Mention]] = {}
        self._starts: dict[Kind, list[int]] = {}
        self._zones: dict[int, list[Zone]] = {}
        self.tokens = [(m[0], *m.span()) for m in TOKEN.finditer(self.low)]
        self._found: list[Hit] = []
        self.hits = self._find_hits(plan.labels)
        self.by_field: dict[int, list[Hit]] = {}
        for hit in self.hits:
            for field in hit.label.fields:
                self.by_field.setdefault(field, []).append(hit)

    # ----- lines

    def line_of(self, position: int) -> int:
        """The number of the line a position is in."""
        return bisect_right(self.line_starts, position) - 1

    def line_span(self, line: int) -> tuple[int, int]:
        """Start and end of a line, its line break left out."""
        return self.spans[line]

    def line_text(self, line: int) -> str:
        """The words of a line, stripped."""
        return self.lines[line]

    @cached_property
    def filled_lines(self) -> list[int]:
        """Numbers of the lines that are not blank."""
        return [number for number, words in enumerate(self.lines) if words]

    # ----- mentions

    def mentions(self, kind: Kind) -> list[Mention]:
        """Every mention of `kind` in the text, in order."""
        if kind not in self._mentions:
            self._mentions[kind] = _FINDERS[kind](self.text)
            self._starts[kind] = [mention.start for mention in self._mentions[kind]]
        return self._mentions[kind]

    def mentions_in(self, kind: Kind, start: int, end: int) -> list[Mention]:
        """The mentions of `kind` that begin in `start:end`."""
        mentions = self.mentions(kind)
        starts = self._starts[kind]
        return mentions[bisect_left(starts, start) : bisect_left(starts, end)]

    # ----- labels

    def _find_hits(self, labels: Labels) -> list[Hit]:
        root, tokens, low = labels.root, self.tokens, self.low
        hits = self._found
        position, count = 0, len(tokens)
        while position < count:
            word, start, end = tokens[position]
            node = root.get(word)
            joined = self._hyphenated(root, position) if low.startswith("-", end) else None
            if joined is not None:
                node = joined
            if node is None:
                position += 1
                continue
            best: Words | None = node.words
            last = step = position + (joined is not None)
            while (step := step + 1) < count:
                node = node.get(tokens[step][0])
                if node is None:
                    break
                gap = low[tokens[step - 1][2] : tokens[step][1]]
                if len(gap) > 4 or not _GAP.fullmatch(gap):
                    break
                if node.words is not None:
                    best, last = node.words, step
            if best is None:
                position += 1
                continue
            hit = self._hit(start, tokens[last][2], labels.label(best))
            if hit is not None:
                hits.append(hit)
            position = last + 1
        return hits

    def _hyphenated(self, root: LabelNode, position: int) -> LabelNode | None:
        """The label that a word and the next one make when a hyphen joins them: `Beleg-Datum`."""
        if position + 1 >= len(self.tokens):
            return None
        first, _, end = self.tokens[position]
        second, start, _ = self.tokens[position + 1]
        if start != end + 1:
            return None
        node = root.get(first + second)
        return node if node is not None and node.words is not None else None

    def _hit(self, start: int, end: int, label: Label) -> Hit | None:
        line = self.line_of(start)
        line_start, line_end = self.line_span(line)
        # A line may be a whole document; only its nearest words matter.
        before = self.text[max(line_start, start - _NEARBY) : start]
        is_near_start = start - line_start <= _NEARBY
        stripped = before.strip(' \t*#•-–>([{"')
        if stripped.endswith(":") and self.hits_end_at(start - len(before) + len(before.rstrip())):
            # "Subject: Re: Visit": what follows a label and its colon is the value.
            return None
        delimiter = self.delimiter
        at_start = (not stripped and is_near_start) or before.endswith(("\t", "| ", "|", "   "))
        at_start = at_start or bool(delimiter and before.rstrip('" ').endswith(delimiter))
        after = _AFTER.match(self.text, end, line_end)
        mark = after.group("mark") if after else None
        stop = after.end() if after else end
        is_last = stop >= line_end or (
            line_end - stop <= _NEARBY and not self.text[stop:line_end].strip(" \t:.*")
        )
        is_cell = bool(delimiter) and self.text.startswith(str(delimiter), stop)
        if label.weak and not at_start and before.rstrip()[-1:].isalpha() and before[-2:] != "  ":
            # "In re: ..." is a phrase; "Tel: 1234 Fax: 5678" are two labels.
            return None
        if mark and mark != "\t" and not mark.startswith(("-", "–", "—")):
            strength = 1.0 if at_start else 0.85
        elif at_start and (mark or is_last or is_cell or _APART.match(self.text, end)):
            strength = 0.9
        elif at_start:
            strength = 0.75 if not label.weak else 0.55
        elif label.weak:
            # An ordinary word in the middle of a line is no label.
            return None
        else:
            strength = 0.5
        if mark is None:
            stop = end
        return Hit(start, stop, line, label, strength, at_start)

    def hits_end_at(self, position: int) -> bool:
        """Whether the last label found so far ends at `position`."""
        return bool(self._found) and self._found[-1].end == position

    @cached_property
    def delimiter(self) -> str | None:
        """What divides the cells of comma-separated values; None for any other text."""
        lines = [self.text[slice(*self.line_span(n))] for n in self.filled_lines[:_DELIMITER_LINES]]
        for mark, least in ((";", 1), (",", 3)):
            counts = [line.count(mark) for line in lines]
            usual = max(counts, key=counts.count, default=0)
            if len(lines) > 1 and usual >= least and counts.count(usual) >= 0.7 * len(lines):
                return mark
        return None

    def hits_between(self, start: int, end: int) -> list[Hit]:
        """The labels that begin in `start:end`."""
        starts = self._hit_starts
        return self.hits[bisect_left(starts, start) : bisect_left(starts, end)]

    @cached_property
    def _hit_starts(self) -> list[int]:
        return [hit.start for hit in self.hits]

    # ----- where the values of a label stand

    def zones(self, hit: Hit) -> list[Zone]:
        """Where the value of a label may stand: the rest of its line, the cell or line below."""
        if hit.start not in self._zones:
            self._zones[hit.start] = self._find_zones(hit)
        return self._zones[hit.start]

    def _find_zones(self, hit: Hit) -> list[Zone]:
        _, line_end = self.line_span(hit.line)
        start = _end_of(_SKIP_ON_LINE, self.text, hit.end, line_end)
        zones: list[Zone] = []
        end = line_end
        for index in range(bisect_left(self._hit_starts, start), len(self.hits)):
            other = self.hits[index]
            if other.start >= line_end:
                break
            if other.start > start and (other.strength >= 0.85 or other.at_start):
                end = other.start
                break
        rest = self.text[start:end].strip()
        # A currency code alone may be the value, or stand above the amount it belongs to.
        has_rest = bool(rest) and not _BARE_LINE.match(rest)
        if any(c.isalnum() for c in rest) and not self._is_label_at(start):
            zones.append(Zone(start, end))
        column = self._column_below(hit)
        if column is not None:
            zones.append(column)
        elif not has_rest:
            below = self._line_below(hit.line)
            if below is not None:
                zones.append(below)
        return zones

    def _is_label_at(self, position: int) -> bool:
        found = self.hits_between(position, position + 1)
        return bool(found) and found[0].strength >= 0.85

    def _starts_with_label(self, start: int, end: int) -> bool:
        start = _end_of(_SKIP_ON_LINE, self.text, start, end)
        return bool(self.hits_between(start, start + 1))

    @cached_property
    def _stacked(self) -> dict[int, int]:
        """Lines of labels printed above each other whose values follow in the same order."""
        stacked: dict[int, int] = {}
        labels: list[int] = []
        values: list[int] = []
        for line in [*self.filled_lines, -1]:
            kind = self._stack_kind(line) if line >= 0 else ""
            if kind == "value" and labels:
                values.append(line)
                continue
            if kind == "bare":
                continue
            if values:
                if len(labels) >= 2 and len(values) >= len(labels):
                    stacked.update(zip(labels, values, strict=False))
                labels, values = [], []
            labels = [*labels, line] if kind == "label" else []
        return stacked

    def _stack_kind(self, line: int) -> str:
        words = self.line_text(line)
        if _VALUE_LINE.fullmatch(words):
            return "value"
        if _BARE_LINE.match(words):
            return "bare"
        start, end = self.line_span(line)
        first = next((h for h in self.hits_between(start, end) if h.at_start), None)
        if words.endswith(":") or (first and not self.text[first.end : end].strip(" :.*-()RM")):
            return "label"
        return ""

    def _line_below(self, line: int) -> Zone | None:
        if line in self._stacked:
            start, end = self.line_span(self._stacked[line])
            return Zone(_end_of(_SKIP, self.text, start, end), end, below=True)
        for below in range(line + 1, min(line + 1 + _LOOK_AHEAD, len(self.line_starts))):
            start, end = self.line_span(below)
            content = self.text[start:end].strip()
            if not content or _BARE_LINE.match(content):
                continue
            start = _end_of(_SKIP, self.text, start, end)
            found = self.hits_between(start, start + 1)
            if found and found[0].strength >= 0.9:
                return None
            return Zone(start, end, below=True)
        return None

    def cells(self, line: int) -> list[tuple[int, int]]:
        """The cells of a line: stretches between tabs, bars or runs of spaces."""
        if ("cells", line) not in self.memo:
            self.memo["cells", line] = self._find_cells(line)
        known: list[tuple[int, int]] = self.memo["cells", line]
        return known

    def _find_cells(self, line: int) -> list[tuple[int, int]]:
        start, end = self.line_span(line)
        cells: list[tuple[int, int]] = []
        pattern = _DELIMITED[self.delimiter] if self.delimiter else _CELL_END
        is_exact = self.delimiter is not None or "\t" in self.text[start:end]
        for divider in pattern.finditer(self.text, start, end):
            cells.append((start, divider.start()))
            start = divider.end()
        cells.append((start, end))
        # Empty cells hold a column's place, unless mere spaces divide them.
        return [(s, e) for s, e in cells if is_exact or self.text[s:e].strip()]

    def _column_below(self, hit: Hit) -> Zone | None:
        """The cell under a label in a table, where both lines have as many cells."""
        cells = self.cells(hit.line)
        if len(cells) < 2 or hit.line + 1 >= len(self.line_starts):
            return None
        column = next((i for i, (s, e) in enumerate(cells) if s <= hit.start < e), None)
        others = [c for i, c in enumerate(cells) if i != column]
        if column is None or not any(self._starts_with_label(start, end) for start, end in others):
            # A row of label and value, not the head of a table.
            return None
        for line in range(hit.line + 1, min(hit.line + 3, len(self.line_starts))):
            content = self.line_text(line)
            if not content or not re.search(r"\w", content):
                continue  # a blank line, or the rule under the head of a table
            below = self.cells(line)
            if len(below) == len(cells):
                start, end = below[column]
                return Zone(_end_of(_SKIP_ON_LINE, self.text, start, end), end, below=True)
            return None
        return None


def _end_of(pattern: re.Pattern[str], text: str, start: int, end: int) -> int:
    found = pattern.match(text, start, end)
    return found.end() if found else start
