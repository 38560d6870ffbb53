"""Which documents would a run ask about, and how much text is in them?"""

import hashlib
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from llms.pricing import CHARS_PER_TOKEN
from schemas.job import Job
from storage.store import Lake
from tasks.call_volumes import Texts
from tasks.discovery import Found, discover
from tasks.forecast_quantities import Share
from tasks.forecast_result import SourceForecast
from tasks.known import DocumentIndex, doc_id_of
from tasks.text_sample import Candidates, parse_sample, text_factor
from tasks.text_size import DocumentSize, TextRatio, kind_of, text_ratios

SAMPLE = 40
"""Documents that are parsed for a forecast unless told otherwise."""

_READABLE = Share.about(0.97, weight=20)
_STEPS_PER_DOUBLING = 2


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a source before a run.

    Attributes:
        source: The documents, counted.
        documents: Those a run would ask about, each content once.
        known: Those it would not ask about whose text is known: they tell of the others.
        text_factor: Tokens of the text over those at `CHARS_PER_TOKEN`, by its script.
        is_cut_short: Whether parsing the sample took too long and was ended.
    """

    source: SourceForecast
    documents: tuple[DocumentSize, ...]
    known: tuple[DocumentSize, ...] = ()
    text_factor: float = 1.0
    is_cut_short: bool = False


def survey(
    job: Job,
    lake: Lake,
    key: str,
    *,
    sample: int = SAMPLE,
    clock: Callable[[], float] = time.monotonic,
) -> Survey:
    """Walk a source, leave out what a run would not ask about, and parse a few of the others.

    What the lake holds already is not parsed. Nothing is written.

    Args:
        job: The job.
        lake: Where earlier runs left texts and outcomes; it need not exist.
        key: The extraction key of the run; outcomes under it need no call.
        sample: Documents to parse at most, at least 0; a few more where there are many kinds.
        clock: Seconds that only ever grow.

    Raises:
        SourceError: The source is missing or empty.
        SandboxError: No parser process can be started.
        LakeError: The lake cannot be read.
    """
    index, chars = DocumentIndex.of_lake(lake, job), _known_chars(lake, job)
    outcomes = _outcomes(lake, job, key)
    counts: Counter[str] = Counter()
    documents: list[DocumentSize] = []
    known: list[DocumentSize] = []
    kept = Candidates(sample, job.seed)
    kinds: Counter[str] = Counter()
    for found in _found(job, lake):
        counts["found"] += 1
        if found.data is None:
            counts["refused"] += 1
            continue
        sha256 = hashlib.sha256(found.data).hexdigest()
        seen = index.meet(sha256)
        doc_id = doc_id_of(sha256)
        size = DocumentSize(len(found.data), found.name, chars.get(doc_id))
        if not seen.is_first:
            counts["duplicates"] += 1
        elif seen.problem is not None:
            counts["refused"] += 1
        elif doc_id in outcomes:
            counts["done"] += 1
            known.append(size)
        else:
            if size.text_chars is None:
                kept.offer(len(documents), found, sha256)
                kinds[kind_of(found.name)] += size.bytes
            documents.append(size)
    parsed = parse_sample(job.parsing, kept.chosen(kinds), clock)
    asked = tuple(
        replace(size, text_chars=parsed.chars.get(at, size.text_chars))
        for at, size in enumerate(documents)
        if at not in parsed.unreadable
    )
    return Survey(
        source=SourceForecast(
            found=counts["found"],
            duplicates=counts["duplicates"],
            refused=counts["refused"],
            done=counts["done"],
            asked=len(asked),
            measured=sum(size.text_chars is not None for size in asked),
            sampled=len(parsed.chars) + len(parsed.unreadable),
            unreadable=len(parsed.unreadable),
        ),
        documents=asked,
        known=tuple(known),
        text_factor=text_factor(parsed.letters),
        is_cut_short=parsed.is_cut_short,
    )


def _found(job: Job, lake: Lake) -> Iterator[Found]:
    leave_out = lake.root if lake.is_local else None
    for number, found in enumerate(discover(job.source, leave_out=leave_out), start=1):
        yield found
        if number == job.source.limit:
            return


def _known_chars(lake: Lake, job: Job) -> dict[str, int]:
    """Characters of the texts that the lake has, by document."""
    found: dict[str, int] = {}
    for path in lake.find(f"documents/{job.name}", ".parquet"):
        table = lake.read_table(path, ["doc_id", "tokens"])
        ids, tokens = (table.column(name).to_pylist() for name in ("doc_id", "tokens"))
        found.update((i, n * CHARS_PER_TOKEN) for i, n in zip(ids, tokens, strict=True))
    return found


def _outcomes(lake: Lake, job: Job, key: str) -> set[str]:
    """The documents that extraction has finished with under a key."""
    found: set[str] = set()
    for path in lake.find(f"records/{job.name}/_outcomes", f"-{key}.parquet"):
        found.update(lake.read_table(path, ["doc_id"]).column("doc_id").to_pylist())
    return found


@dataclass(frozen=True, slots=True)
class TextEstimate:
    """How long the documents of a survey are: measured, or by size and the ratio of their kind.

    Attributes:
        groups: Documents of about the same length: kind (empty where the text is known), their
            number, and the average bytes (known: characters) of one.
        ratios: Characters per byte, by kind.
        readable: Share of the unparsed documents that can be read.
        unparsed: How many there are.
        max_chars: Longest text that is kept of a document.
    """

    groups: tuple[tuple[str, int, float], ...]
    ratios: Mapping[str, TextRatio]
    readable: Share
    unparsed: int
    max_chars: int

    @classmethod
    def of(cls, found: Survey, max_chars: int) -> "TextEstimate":
        """The estimate that a survey allows."""
        sums: dict[tuple[str, int], tuple[int, int]] = {}
        for size in found.documents:
            if size.text_chars is not None:
                kind, amount = "", min(size.text_chars, max_chars)
            else:
                kind, amount = kind_of(size.hint), size.bytes
            step = math.floor(_STEPS_PER_DOUBLING * math.log2(amount + 1))
            count, total = sums.get((kind, step), (0, 0))
            sums[kind, step] = (count + 1, total + amount)
        source = found.source
        return cls(
            groups=tuple(
                (kind, count, total / count) for (kind, _), (count, total) in sorted(sums.items())
            ),
            ratios=text_ratios((*found.documents, *found.known)),
            readable=_READABLE.after(source.sampled - source.unreadable, source.sampled),
            unparsed=source.asked - source.measured,
            max_chars=max_chars,
        )

    def texts(self, rng: random.Random | None = None) -> list[Texts]:
        """The texts as they should be; with `rng`, as they may be."""
        share = self.readable.middle
        ratios = {kind: ratio.middle for kind, ratio in self.ratios.items()}
        if rng is not None:
            share = self.readable.draw(rng, self.unparsed)
            ratios = {kind: ratio.draw(rng) for kind, ratio in self.ratios.items()}
        return [
            Texts(min(size * ratios[kind], self.max_chars), count * share)
            if kind
            else Texts(size, count)
            for kind, count, size in self.groups
        ]
