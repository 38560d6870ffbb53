"""How does the catalog stay true? Sources are read, merged, checked, kept; or nothing changes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from llms.catalog import CatalogModel
from llms.catalog_sources import own
from llms.catalog_sources.merge import Merged, merge
from llms.catalog_sources.rows import NAMES, Reading, Source
from llms.catalog_sources.sanity import objection
from llms.failures import CatalogError
from llms.scales import ScaleError
from schemas.scales import ScaleChange
from tasks.catalog_fetch import Fetcher, key_of
from tasks.catalog_files import read_parquet
from tasks.catalog_scale import on_its_scale
from tasks.catalogs import Snapshot, SnapshotInfo, current_snapshot, save_snapshot

ALIASES = {
    "aa": Source.ARTIFICIAL_ANALYSIS,
    "openrouter": Source.OPENROUTER,
    "litellm": Source.LITELLM,
}
"""What `--source` calls the sources that are fetched."""

_FILES = frozenset({".csv", ".parquet"})


class UnknownSourceError(CatalogError):
    """A source is asked for that is neither one of `ALIASES` nor a file that can be read."""


@dataclass(frozen=True, slots=True)
class SourceOutcome:
    """What came of one source.

    Attributes:
        name: Its name, or the path of the file.
        models: Models that were read of it.
        left_aside: Rows that are no model of the catalog's kind: variants, resellers, images.
        broken: A sentence per row that could not be read.
        error: Why nothing of it was used; null if something was.
    """

    name: str
    models: int = 0
    left_aside: int = 0
    broken: tuple[str, ...] = ()
    error: str | None = None


_Read = tuple[SourceOutcome, Reading | None]
"""What came of a source, and what was read of it if it is to be used."""


@dataclass(frozen=True, slots=True)
class RefreshReport:
    """What a refresh did.

    Attributes:
        snapshot: The catalog in force now: the refreshed one, or the last good one.
        outcomes: One per source, in the order they were read.
        refused: Why the last good catalog stays; null if the refresh went through.
        added: Rows that are new.
        gone: Rows that are no more.
        changed: Rows with another figure than before.
        figures: How many figures come from each source.
        scales: Re-basings found by this refresh.
        remarks: What else a reader should know.
    """

    snapshot: SnapshotInfo
    outcomes: tuple[SourceOutcome, ...]
    refused: str | None = None
    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    figures: tuple[tuple[str, int], ...] = ()
    scales: tuple[ScaleChange, ...] = ()
    remarks: tuple[str, ...] = ()


def refresh(
    asked: Sequence[str],
    folder: Path,
    fetcher: Fetcher,
    *,
    is_forced: bool = False,
) -> RefreshReport:
    """Read sources, merge them with the last good catalog and keep the result.

    Args:
        asked: `aa`, `openrouter`, `litellm` or paths of CSV or Parquet files; none for all that
            need no key, and Artificial Analysis if its key is set.
        folder: Where snapshots are kept.
        fetcher: Fetches what is not a file; its `today` is the day of the new snapshot.
        is_forced: Whether a source is used even if much of the last good catalog is lost by it.

    Raises:
        CatalogError: A source is not known, a file cannot be read, or the snapshot not kept.
    """
    files, sources = _sources(asked, has_key=key_of(fetcher.env) is not None)
    last = current_snapshot(folder)
    # A clock behind the last good catalog would file the new one before it.
    fetcher = replace(fetcher, today=max(fetcher.today, last.info.facts.as_of))
    read = [_read_file(path, fetcher) for path in files]
    read += [_fetched(source, fetcher) for source in sources]
    read = [_checked(one, last, is_forced=is_forced) for one in read]
    readings = [reading for _, reading in read if reading is not None]
    report = RefreshReport(last.info, tuple(outcome for outcome, _ in read), remarks=last.notes)
    if not readings:
        return replace(report, refused="no source could be used")
    merged = merge(last.catalog.models, last.provenance, readings)
    try:
        merged, found = on_its_scale(last, merged, readings, fetcher.today)
    except ScaleError as error:
        return replace(report, refused=str(error), remarks=report.remarks + merged.remarks)
    return _kept(report, last, merged, found, fetcher.today, folder)


def _fetched(source: Source, fetcher: Fetcher) -> _Read:
    try:
        return _outcome(NAMES[source], reading := fetcher.read(source)), reading
    except CatalogError as error:
        return SourceOutcome(NAMES[source], error=str(error)), None


def _checked(read: _Read, last: Snapshot, *, is_forced: bool) -> _Read:
    """What was read of a source, unless it is nothing, or the catalog would lose too much by it.

    Source by source, so that the half answer of one does not keep out the others.
    """
    outcome, reading = read
    if reading is None:
        return read
    if not reading.rows:
        return replace(outcome, error="none of its rows could be read"), None
    if is_forced:
        return read
    old = last.catalog.models
    why = objection(old, merge(old, last.provenance, [reading]).models)
    if why is None:
        return read
    return replace(outcome, error=f"{why}; not taken, --force takes it all the same"), None


def _kept(
    report: RefreshReport,
    last: Snapshot,
    merged: Merged,
    found: tuple[ScaleChange, ...],
    today: date,
    folder: Path,
) -> RefreshReport:
    """Keep a merged catalog and report what is new in it."""
    info = save_snapshot(
        merged.models, merged.provenance, last.catalog.scales + found, as_of=today, folder=folder
    )
    before, now = _undated(last.catalog.models), _undated(merged.models)
    return replace(
        report,
        snapshot=info,
        added=tuple(sorted(now.keys() - before.keys())),
        gone=tuple(sorted(before.keys() - now.keys())),
        changed=tuple(sorted(s for s in now.keys() & before.keys() if now[s] != before[s])),
        figures=tuple(Counter(p.source for p in merged.provenance if not p.note).most_common()),
        scales=found,
        remarks=report.remarks + merged.remarks,
    )


def _sources(asked: Sequence[str], *, has_key: bool) -> tuple[list[Path], list[Source]]:
    """The files and the fetched sources that are asked for, each once."""
    if not asked:
        keyless = [Source.OPENROUTER, Source.LITELLM]
        return [], [Source.ARTIFICIAL_ANALYSIS, *keyless] if has_key else keyless
    files: list[Path] = []
    sources: list[Source] = []
    for name in dict.fromkeys(asked):
        if name.casefold() in ALIASES:
            sources.append(ALIASES[name.casefold()])
        elif Path(name).suffix.casefold() in _FILES:
            files.append(Path(name).expanduser())
        else:
            raise UnknownSourceError(
                f"--source takes {', '.join(ALIASES)} or the path of a CSV or Parquet file, "
                f"found {name!r}"
            )
    return files, list(dict.fromkeys(sources))


def _read_file(path: Path, fetcher: Fetcher) -> _Read:
    if path.suffix.casefold() == ".parquet":
        rows = read_parquet(path).to_pylist()
    else:
        try:
            rows = own.rows_of_csv(path.read_bytes(), str(path))
        except OSError as error:
            raise CatalogError(f"{path} cannot be read: {error.strerror or error}") from None
    reading = own.parse(rows, str(path), fetcher.today)
    return _outcome(str(path), reading), reading


def _outcome(name: str, reading: Reading) -> SourceOutcome:
    return SourceOutcome(name, len(reading.rows), reading.left_aside, reading.broken)


def _undated(models: Sequence[CatalogModel]) -> dict[str, CatalogModel]:
    """The rows by slug, without their days, which change every day."""
    return {model.slug: replace(model, as_of=date.min) for model in models}
