"""Which documents are parsed for a forecast, and what do they show?"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from llms.pricing import CHARS_PER_TOKEN
from schemas.job import Parsing
from tasks.discovery import Found
from tasks.parse_errors import Reason
from tasks.parsing import Parsed
from tasks.sandbox import ParserPool
from tasks.text_size import kind_of

_LONGEST_S = 10.0
"""Parsing for a forecast stops after so long, with what it has."""

_LEAST_PER_KIND = 3
_KEPT_BYTES = 128 << 20
"""Contents kept for the sample during the walk."""

_TOKENS_PER_CHAR = {"dense": 1.0, "other": 0.5}
"""Tokens of a character that is not Latin: Chinese, Japanese and Korean about one, others (Greek,
Cyrillic, Arabic, Indic ...) about half a one. Rules of thumb, not counted with a tokenizer."""

_DENSE_FROM, _OTHER_FROM = "\u2e80", "\u0370"
_LATIN_AGAIN = ("\u1e00", "\u2e7f")
"""Latin additions and punctuation lie between the other scripts and the dense ones."""


@dataclass(slots=True)
class Candidates:
    """Candidates for the sample, kind by kind; the documents with the smallest keys.

    A key is a hash of the content, so that the sample does not depend on the order of the walk.
    """

    most: int
    seed: int
    by_kind: defaultdict[str, list[tuple[bytes, int, Found]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    total_bytes: int = 0

    def offer(self, index: int, found: Found, sha256: str) -> None:
        """Keep a document if it may come to be in the sample."""
        if not self.most:
            return
        key = hashlib.blake2b(f"{self.seed}:{sha256}".encode(), digest_size=8).digest()
        kept = self.by_kind[kind_of(found.name)]
        kept.append((key, index, found))
        self.total_bytes += len(found.data or b"")
        if len(kept) > self.most:
            self._drop_last(kept)
        while self.total_bytes > _KEPT_BYTES and any(len(k) > 1 for k in self.by_kind.values()):
            self._drop_last(max(self.by_kind.values(), key=_bytes_kept))

    def _drop_last(self, kept: list[tuple[bytes, int, Found]]) -> None:
        last = max(kept, key=lambda entry: entry[0])
        kept.remove(last)
        self.total_bytes -= len(last[2].data or b"")

    def chosen(self, sizes: Mapping[str, int]) -> list[tuple[int, Found]]:
        """The sample: a few of each kind, the rest by the bytes of the kinds.

        Args:
            sizes: Bytes of all documents of each kind.
        """
        places = {kind: min(_LEAST_PER_KIND, len(kept)) for kind, kept in self.by_kind.items()}
        left = max(0, self.most - sum(places.values()))
        total = sum(sizes.values()) or 1
        for kind, kept in self.by_kind.items():
            more = round(left * sizes.get(kind, 0) / total)
            places[kind] = min(len(kept), places[kind] + more)
        taken = [
            entry
            for kind, kept in self.by_kind.items()
            for entry in sorted(kept, key=lambda entry: entry[0])[: places[kind]]
        ]
        # In the order of their keys: what time allows is then a random part of every kind.
        return [(index, found) for _, index, found in sorted(taken, key=lambda entry: entry[0])]


def _bytes_kept(kept: Sequence[tuple[bytes, int, Found]]) -> int:
    return sum(len(found.data or b"") for _, _, found in kept) if len(kept) > 1 else -1


@dataclass(slots=True)
class Sample:
    """What parsing showed.

    Attributes:
        chars: Characters of each parsed document, by its place.
        unreadable: Places of those that cannot be read.
        letters: Characters of all of them, by script.
        is_cut_short: Whether there was no time for the rest.
    """

    chars: dict[int, int] = field(default_factory=dict)
    unreadable: set[int] = field(default_factory=set)
    letters: Counter[str] = field(default_factory=Counter)
    is_cut_short: bool = False


def parse_sample(
    parsing: Parsing, chosen: Sequence[tuple[int, Found]], clock: Callable[[], float]
) -> Sample:
    """Parse some documents, each with its place, as long as there is time.

    Raises:
        SandboxError: No parser process can be started.
    """
    sample = Sample()
    if not chosen:
        return sample
    limits = parsing.model_copy(update={"timeout_s": min(parsing.timeout_s, _LONGEST_S)})
    until = clock() + _LONGEST_S
    with ParserPool(limits) as pool:
        batch = ((at, found.name, found.data or b"") for at, found in chosen)
        for at, outcome in pool.parse(batch):
            if isinstance(outcome, Parsed):
                sample.chars[at] = len(outcome.text)
                sample.letters += scripts(outcome.text)
            elif outcome.reason is Reason.TIMEOUT:
                # Slow is not unreadable: the run itself has more patience.
                sample.is_cut_short = True
            else:
                sample.unreadable.add(at)
            if clock() > until:
                sample.is_cut_short = True
                break
    return sample


def scripts(text: str) -> Counter[str]:
    """Characters of a text: `latin` (with blanks and digits), `dense` (CJK) and `other`."""
    if text.isascii():
        return Counter(latin=len(text))
    dense = sum(c >= _DENSE_FROM for c in text)
    first, last = _LATIN_AGAIN
    other = sum(_OTHER_FROM <= c < _DENSE_FROM and not first <= c <= last for c in text)
    return Counter(latin=len(text) - dense - other, dense=dense, other=other)


def text_factor(letters: Mapping[str, int]) -> float:
    """Tokens of so many characters by script, over those at `CHARS_PER_TOKEN`."""
    total = sum(letters.values())
    if not total:
        return 1.0
    tokens = letters.get("latin", 0) / CHARS_PER_TOKEN + sum(
        count * _TOKENS_PER_CHAR[script]
        for script, count in letters.items()
        if script in _TOKENS_PER_CHAR
    )
    return tokens * CHARS_PER_TOKEN / total
