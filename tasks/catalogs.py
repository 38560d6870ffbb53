"""Which snapshots of the catalog are kept, and which one is in force?

A snapshot is a Parquet file named after its day: `2026-07-10.parquet`, and a second one of that
day `2026-07-10.2.parquet`, whereupon the first is called 2026-07-10.1. Nothing is ever overwritten;
what cannot be read is passed over with a sentence that says so.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

from llms.catalog import Catalog, CatalogModel, load_catalog
from llms.catalog_sources.merge import FIGURES, Provenance
from llms.catalog_sources.rows import Source
from llms.failures import CatalogError
from schemas.scales import ScaleChange
from tasks.catalog_files import Facts, Origin, read_contents, read_facts, snapshot_table

EMBEDDED = "embedded"
LATEST = "latest"

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.([1-9]\d*))?")


@dataclass(frozen=True, slots=True)
class SnapshotInfo:
    """What is known of a snapshot without reading its rows.

    Attributes:
        name: As `read_snapshot` takes it.
        facts: Its day, origin, digest, number of models and re-basings.
        path: Where it lies; null for the embedded one.
        is_new: Whether the call that returns this wrote it; false where it found the same figures
            already there.
    """

    name: str
    facts: Facts
    path: Path | None = None
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot with its rows.

    Attributes:
        info: What it is called and where it lies.
        catalog: Its rows.
        provenance: Where each figure came from, row by row; empty where nobody wrote it down.
        notes: Sentences on newer snapshots that were passed over since they cannot be read.
    """

    info: SnapshotInfo
    catalog: Catalog
    provenance: tuple[Provenance, ...]
    notes: tuple[str, ...] = ()


def catalog_folder(env: Mapping[str, str]) -> Path:
    """Where snapshots are kept: `DOCMILL_CATALOG`, else the user's data folder."""
    if chosen := env.get("DOCMILL_CATALOG"):
        return Path(chosen).expanduser()
    data = env.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "docmill" / "catalog"


def current_catalog(env: Mapping[str, str]) -> Catalog:
    """The catalog in force; see `current_snapshot`."""
    return current_snapshot(catalog_folder(env)).catalog


def current_snapshot(folder: Path) -> Snapshot:
    """The newest refreshed snapshot that can be read and is not older than the embedded catalog.

    It never fails on what lies in the folder: where nothing there is of use, it is the embedded
    catalog. Imported days are history and are not selected from.
    """
    embedded = embedded_snapshot()
    notes: list[str] = []
    for path in reversed(snapshot_files(folder)):
        if _day(path) < embedded.info.facts.as_of:
            break
        try:
            if read_facts(path).origin is Origin.REFRESH:
                return replace(_read(path), notes=tuple(notes))
        except CatalogError as error:
            notes.append(f"{error}; an older catalog is used")
    return replace(embedded, notes=tuple(notes))


@lru_cache(maxsize=1)
def embedded_snapshot() -> Snapshot:
    """The catalog that ships with docmill, as a snapshot."""
    catalog = load_catalog()
    origins = tuple(
        Provenance(model.slug, column, Source.EMBEDDED.value, model.as_of)
        for model in catalog.models
        for column in FIGURES
        if getattr(model, column) is not None
    )
    facts = Facts(
        as_of=date.fromisoformat(catalog.version),
        origin=Origin.EMBEDDED,
        sha256=catalog.sha256,
        models=len(catalog.models),
        scales=catalog.scales,
    )
    return Snapshot(SnapshotInfo(EMBEDDED, facts), catalog, origins)


def snapshot_files(folder: Path) -> list[Path]:
    """The snapshots in a folder, judged by their names alone; oldest first."""
    try:
        entries = list(folder.iterdir())
    except OSError:
        return []
    kept: list[tuple[date, int, Path]] = []
    for path in entries:
        match = _NAME.fullmatch(path.stem)
        if match is None or path.suffix != ".parquet":
            continue
        try:
            kept.append((date.fromisoformat(match[1]), int(match[2] or 1), path))
        except ValueError:
            continue  # 2026-13-45 is nobody's snapshot
    return [path for _, _, path in sorted(kept)]


def snapshots(folder: Path) -> tuple[tuple[SnapshotInfo, ...], tuple[str, ...]]:
    """The snapshots in a folder, oldest first, and a sentence for each that cannot be read."""
    found: list[SnapshotInfo] = []
    notes: list[str] = []
    for path in snapshot_files(folder):
        try:
            found.append(SnapshotInfo(_name_of(path), read_facts(path), path))
        except CatalogError as error:
            notes.append(str(error))
    return tuple(found), tuple(notes)


def read_snapshot(name: str, folder: Path) -> Snapshot:
    """Read a snapshot.

    Args:
        name: `embedded`; `latest`, the one in force; the name of a snapshot; a day, for its
            newest snapshot; or the path of a CSV or Parquet file with the columns of `llms`.
        folder: Where snapshots are kept.

    Raises:
        CatalogError: There is none of that name, or it cannot be read.
    """
    if name == EMBEDDED:
        return embedded_snapshot()
    if name == LATEST:
        return current_snapshot(folder)
    if Path(name).suffix.casefold() in {".csv", ".parquet"}:
        return _read(Path(name).expanduser())
    kept = snapshot_files(folder)
    of_day = [path for path in kept if path.stem[:10] == name]
    if found := of_day or [path for path in kept if _name_of(path) == name]:
        return _read(found[-1])
    if name == embedded_snapshot().catalog.version:
        return embedded_snapshot()
    raise CatalogError(
        f"there is no snapshot {name!r}; `docmill models history` lists them, and the path of a "
        "CSV or Parquet file does as well"
    )


def save_snapshot(
    models: Sequence[CatalogModel],
    provenance: Iterable[Provenance],
    scales: Sequence[ScaleChange],
    *,
    as_of: date,
    folder: Path,
    origin: Origin = Origin.REFRESH,
) -> SnapshotInfo:
    """Keep a catalog as the newest snapshot of its day.

    Where nothing but days changed since the snapshot before it, that one is returned and nothing
    is written. Several processes may save at the same time.

    Args:
        models: The rows; slugs are unique.
        provenance: Where figures came from; each belongs to one of the rows.
        scales: Re-basings since the thresholds were written, oldest first.
        as_of: The day of the snapshot.
        folder: Where snapshots are kept; made if it is not there.
        origin: Whether it may be selected from.

    Raises:
        CatalogError: The folder cannot be written to, or there is no model.
    """
    # Imported here: who only looks at the embedded catalog needs neither Parquet nor a lake.
    from storage.store import Lake, LakeError

    if not models:
        raise CatalogError("a catalog without models is not kept")
    table = snapshot_table(models, provenance, scales, as_of=as_of, origin=origin)
    store = Lake(str(folder))
    try:
        with store.locked("."):
            if same := _unchanged(models, scales, as_of, folder, origin):
                return same
            name = _free_name(as_of, folder)
            store.write_table(f"{name}.parquet", table)
    except (LakeError, OSError) as error:
        raise CatalogError(f"the catalog cannot be kept in {folder}: {error}") from None
    path = folder / f"{name}.parquet"
    return SnapshotInfo(name, read_facts(path), path, is_new=True)


def _read(path: Path) -> Snapshot:
    contents = read_contents(path)
    facts = contents.facts
    name = str(path) if facts.origin is Origin.FILE else _name_of(path)
    catalog = Catalog(contents.models, facts.as_of.isoformat(), facts.sha256, facts.scales)
    return Snapshot(SnapshotInfo(name, facts, path), catalog, contents.provenance)


def _name_of(path: Path) -> str:
    """The name of a snapshot: its day, with a number where the day has several."""
    is_one_of_many = path.with_name(f"{path.stem}.2.parquet").exists()
    return f"{path.stem}.1" if is_one_of_many else path.stem


def _day(path: Path) -> date:
    return date.fromisoformat(path.stem[:10])


def _free_name(day: date, folder: Path) -> str:
    taken = {path.stem for path in snapshot_files(folder)}
    name, number = day.isoformat(), 1
    while name in taken:
        number += 1
        name = f"{day.isoformat()}.{number}"
    return name


def _unchanged(
    models: Sequence[CatalogModel],
    scales: Sequence[ScaleChange],
    as_of: date,
    folder: Path,
    origin: Origin,
) -> SnapshotInfo | None:
    """The snapshot that says the same: the last one up to that day.

    Of an archive every day is kept, so there it has to be one of the same day.
    """

    def undated(rows: Iterable[CatalogModel]) -> dict[str, CatalogModel]:
        return {row.slug: replace(row, as_of=as_of) for row in rows}

    for path in reversed(snapshot_files(folder)):
        if _day(path) > as_of or (origin is Origin.IMPORT and _day(path) < as_of):
            continue
        try:
            last = _read(path)
        except CatalogError:
            continue
        if last.info.facts.origin is not origin:
            continue
        is_same = undated(last.catalog.models) == undated(models)
        return last.info if is_same and last.catalog.scales == tuple(scales) else None
    return None
