"""What has the lake read already, and what has this run seen? An index by content."""

import hashlib
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa

from schemas.job import Job, Parsing
from storage.store import Lake
from tasks.parse_errors import Reason, Unreadable
from tasks.parse_image import ocr_is_available
from tasks.parsing import VERSION, is_current

UNREADABLE = pa.schema(
    [
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("parser", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("message", pa.string(), nullable=False),
    ]
)
"""One row per document that parsing gave up on. `parser` is under which conditions: the version,
and whatever could make another attempt end otherwise (limits, OCR)."""

_NO_SHARD = -1
_READ, _FAILED, _PENDING = 0, 1, 2


def doc_id_of(sha256: str) -> str:
    """A document's id: the first 20 hexadecimal digits of its SHA-256."""
    return sha256[:20]


def shard_name(documents: list[tuple[str, str]]) -> str:
    """The name of a shard, from the (doc_id, parser) of its documents: same content, same name."""
    digest = hashlib.sha256("\n".join(f"{d} {p}" for d, p in documents).encode())
    return digest.hexdigest()[:16]


def conditions(reason: Reason, parsing: Parsing) -> str:
    """Under which conditions a document is unreadable; when they change it is tried again."""
    match reason:
        case Reason.TIMEOUT:
            return f"{VERSION} timeout_s={parsing.timeout_s:g}"
        case Reason.MEMORY | Reason.CRASHED:
            return f"{VERSION} memory_mb={parsing.memory_mb}"
        case Reason.OCR_UNAVAILABLE | Reason.EMPTY:
            return f"{VERSION} ocr={'yes' if ocr_is_available() else 'no'}"
        case _:
            return VERSION


@dataclass(frozen=True, slots=True)
class Seen:
    """What the index knows of a document. `is_first`: the run meets these bytes for the first
    time; `problem`: they are known to be unreadable; `is_new`: they must be parsed."""

    row: int
    is_first: bool
    is_new: bool
    problem: Unreadable | None


class DocumentIndex:
    """Every content the lake holds for a job, or the run has met, by its SHA-256.

    About 150 bytes per document: half a digest, a row number, and per row the shard, a state and
    whether the run has met it. Texts and paths are not kept.
    """

    def __init__(self) -> None:
        """An empty index."""
        self._rows: dict[bytes, int] = {}
        self._shard = array("l")
        self._state = bytearray()
        self._met = bytearray()
        self._problems: dict[int, Unreadable] = {}
        self.shards: list[str] = []
        self.shard_paths: list[str] = []

    @classmethod
    def of_lake(
        cls, lake: Lake, job: Job, *, but: Collection[str] = frozenset()
    ) -> "DocumentIndex":
        """Everything that `job` has parsed before and would parse alike today.

        Only three narrow columns are read of each shard. What is known of the documents `but` as
        being unreadable is left out, so that they are tried again.
        """
        index = cls()
        for path in lake.find(f"documents/{job.name}", ".parquet"):
            table = lake.read_table(path, ["sha256", "parser"])
            number = index._add_shard(path.rsplit("/", 1)[-1].removesuffix(".parquet"), path)
            for sha256, parser in zip(*_columns(table, "sha256", "parser"), strict=True):
                if is_current(parser, job.parsing.max_chars):
                    index._add(_key(sha256), number, _READ)
        for path in lake.find(f"documents/{job.name}/unreadable", ".parquet"):
            table = lake.read_table(path, ["sha256", "parser", "class", "message"])
            for row in table.to_pylist():
                if doc_id_of(row["sha256"]) not in but:
                    index._add_unreadable(row, job.parsing)
        return index

    def _add_unreadable(self, line: dict[str, str], parsing: Parsing) -> None:
        key = _key(line["sha256"])
        if line["class"] not in set(Reason) or key in self._rows:
            return
        problem = Unreadable.of(Reason(line["class"]), line["message"])
        if line["parser"] == conditions(problem.reason, parsing):
            self._problems[self._add(key, _NO_SHARD, _FAILED)] = problem

    def _add_shard(self, name: str, path: str) -> int:
        self.shards.append(name)
        self.shard_paths.append(path)
        return len(self.shards) - 1

    def _add(self, key: bytes, shard: int, state: int) -> int:
        row = self._rows.setdefault(key, len(self._state))
        if row == len(self._state):
            self._shard.append(shard)
            self._state.append(state)
            self._met.append(0)
        return row

    def meet(self, sha256: str) -> Seen:
        """Note that the run has found these bytes, and say what is known of them."""
        key = _key(sha256)
        row = self._rows.get(key)
        if row is None:
            row = self._add(key, _NO_SHARD, _PENDING)
            self._met[row] = 1
            return Seen(row, is_first=True, is_new=True, problem=None)
        is_first = not self._met[row]
        self._met[row] = 1
        return Seen(row, is_first, is_new=False, problem=self._problems.get(row))

    def store(self, rows: list[int], name: str, path: str) -> None:
        """Note that a shard now holds the texts of `rows`."""
        number = self._add_shard(name, path)
        for row in rows:
            self._shard[row], self._state[row] = number, _READ

    def fail(self, row: int, problem: Unreadable) -> None:
        """Note that the document of `row` cannot be read."""
        self._state[row] = _FAILED
        self._problems[row] = problem

    def shard_of(self, row: int) -> str | None:
        """The shard that holds the text of a row; null where there is no text."""
        number = self._shard[row]
        return None if number == _NO_SHARD else self.shards[number]

    def problem_of(self, row: int) -> Unreadable | None:
        """Why the document of a row cannot be read; null if it can."""
        return self._problems.get(row)

    def met_by_shard(self) -> dict[int, int]:
        """How many documents of each shard, by its number, the run has met; none: left out."""
        counts: dict[int, int] = {}
        for number, met in zip(self._shard, self._met, strict=True):
            if met and number != _NO_SHARD:
                counts[number] = counts.get(number, 0) + 1
        return counts

    def has_met(self, sha256: str, shard: int) -> bool:
        """Whether the run has met these bytes and this very shard holds their text."""
        row = self._rows.get(_key(sha256))
        return row is not None and bool(self._met[row]) and self._shard[row] == shard


def _key(sha256: str) -> bytes:
    return bytes.fromhex(sha256)[:16]


def _columns(table: pa.Table, *names: str) -> Iterator[list[str]]:
    for name in names:
        yield table.column(name).to_pylist()
