"""Which documents does a plan look at? A seeded few of every folder and kind of file, as text."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from llms.prompts import CUT
from schemas.job import Job
from storage.store import Lake
from tasks.discovery import Found, discover
from tasks.parsing import Parsed
from tasks.sandbox import ParserPool

_KEPT_PER_STRATUM = 40
_KEPT_BYTES = 128 << 20
"""Contents kept during the walk."""

_HEAD_CHARS, _TAIL_CHARS = 1600, 400
"""Of each document: what it is stands at its beginning, sums stand at its end."""

_LONGEST_S = 20.0
"""A document of the sample may take this long to parse; the run itself has more patience."""


@dataclass(frozen=True, slots=True)
class PlanSample:
    """What a plan is made from.

    Attributes:
        documents: Path below the source and an excerpt of each, by path.
        found: Documents of the source.
        unreadable: Documents of the sample that could not be read.
        strata: Combinations of folder and kind of file in the source.
    """

    documents: tuple[tuple[str, str], ...]
    found: int
    unreadable: int
    strata: int


def sample_documents(job: Job, lake: Lake, size: int) -> PlanSample:
    """Walk the source of a job and read a few of its documents; nothing is sent or written.

    The sample depends on the job's seed and on the documents, not on the order of the walk. Every
    folder with every kind of file in it is represented, the largest first, as far as `size` goes;
    the rest of the sample is dealt out by their sizes.

    Raises:
        SourceError: The source is missing or empty.
        SandboxError: No parser process can be started.
    """
    strata: dict[str, _Stratum] = {}
    found = kept_bytes = 0
    leave_out = lake.root if lake.is_local else None
    for one in discover(job.source, leave_out=leave_out):
        found += 1
        if one.data is not None:
            kept_bytes += strata.setdefault(_stratum(one.uri), _Stratum([])).offer(one, job.seed)
            if kept_bytes > _KEPT_BYTES:
                kept_bytes += _bound(strata, kept_bytes - _KEPT_BYTES)
        if found == job.source.limit:
            break
    chosen = list(_dealt(strata, size))
    read: list[tuple[str, str]] = []
    limits = job.parsing.model_copy(update={"timeout_s": min(job.parsing.timeout_s, _LONGEST_S)})
    with ParserPool(limits) as pool:
        for uri, outcome in pool.parse((one.uri, one.name, one.data or b"") for one in chosen):
            if isinstance(outcome, Parsed):
                read.append((uri, excerpt(outcome.text)))
    return PlanSample(tuple(sorted(read)), found, len(chosen) - len(read), len(strata))


def excerpt(text: str) -> str:
    """The beginning and the end of a text, or all of a short one."""
    if len(text) <= _HEAD_CHARS + _TAIL_CHARS:
        return text
    return text[:_HEAD_CHARS] + CUT + text[-_TAIL_CHARS:]


@dataclass(slots=True)
class _Stratum:
    """The documents of a folder that are of one kind: those with the smallest keys, and a count."""

    kept: list[tuple[bytes, Found]]
    count: int = 0
    bytes: int = 0

    def offer(self, one: Found, seed: int) -> int:
        """Keep a document if it may come to be in the sample; returns the bytes kept more."""
        before = self.bytes
        self.count += 1
        digest = hashlib.sha256(one.data or b"").hexdigest()
        key = hashlib.blake2b(f"{seed}:{digest}".encode(), digest_size=8).digest()
        if any(key == known for known, _ in self.kept):
            return 0  # the same bytes tell nothing new
        self.kept.append((key, one))
        self.bytes += len(one.data or b"")
        if len(self.kept) > _KEPT_PER_STRATUM:
            self.drop()
        return self.bytes - before

    def drop(self) -> None:
        """Give up the document with the largest key."""
        last = max(self.kept, key=lambda entry: entry[0])
        self.kept.remove(last)
        self.bytes -= len(last[1].data or b"")


def _stratum(uri: str) -> str:
    folder, _, name = uri.rpartition("/")
    return f"{folder}|{name.rpartition('.')[2].lower() if '.' in name else ''}"


def _bound(strata: Mapping[str, _Stratum], excess: int) -> int:
    """Give up contents of the largest strata, but for one of each; returns the bytes kept more."""
    freed = 0
    while freed < excess:
        largest = max(strata.values(), key=lambda s: (len(s.kept) > 1, s.bytes))
        if len(largest.kept) < 2:
            break
        before = largest.bytes
        largest.drop()
        freed += before - largest.bytes
    return -freed


def _dealt(strata: Mapping[str, _Stratum], size: int) -> Iterator[Found]:
    """Each stratum's first, the largest stratum first; then by the share a stratum still lacks."""
    ranked: Sequence[tuple[str, _Stratum]] = sorted(
        strata.items(), key=lambda item: (-item[1].count, item[0])
    )
    waiting = {name: sorted(s.kept, key=lambda entry: entry[0]) for name, s in ranked}
    taken = dict.fromkeys(waiting, 0)
    counts = {name: s.count for name, s in ranked}
    for _ in range(size):
        open_ones = [name for name, kept in waiting.items() if taken[name] < len(kept)]
        if not open_ones:
            return
        name = min(open_ones, key=lambda n: (taken[n] > 0, (taken[n] + 1) / counts[n]))
        yield waiting[name][taken[name]][1]
        taken[name] += 1
