"""Snapshots of the catalog: kept whole, numbered, found again, passed over when damaged."""

import threading
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llms.catalog import COLUMNS, CatalogModel, load_catalog
from llms.catalog_sources.merge import Provenance
from llms.failures import CatalogError
from schemas.scales import Knot, ScaleChange
from tasks.catalog_files import Origin, read_contents, snapshot_table
from tasks.catalogs import (
    catalog_folder,
    current_catalog,
    current_snapshot,
    read_snapshot,
    save_snapshot,
    snapshots,
)

DAY = date(2026, 8, 1)
MODELS = load_catalog().models
SCALE = ScaleChange(
    index="coding",
    old_version="2026-06",
    new_version="2026-08",
    found_on=DAY,
    knots=(Knot(old=10, new=20, low=19, high=21), Knot(old=60, new=75, low=74, high=76)),
    shared=60,
    moved=58,
    spread=1.5,
)


def make_models(**changed: Any) -> tuple[CatalogModel, ...]:
    """The embedded models, figures of the first one changed."""
    return (replace(MODELS[0], **changed), *MODELS[1:])


def save(folder: Path, day: date = DAY, origin: Origin = Origin.REFRESH, **changed: Any) -> str:
    models = make_models(**changed)
    return save_snapshot(models, (), (), as_of=day, folder=folder, origin=origin).name


def test_a_snapshot_is_read_as_it_was_saved(tmp_path: Path) -> None:
    provenance = (
        Provenance(MODELS[0].slug, "input_price", "openrouter", DAY),
        Provenance(MODELS[0].slug, "output_price", "own", DAY, "published as 0"),
    )

    info = save_snapshot(MODELS, provenance, [SCALE], as_of=DAY, folder=tmp_path / "new")

    found = read_snapshot("2026-08-01", tmp_path / "new")
    assert (info.name, info.is_new, info.facts.models) == ("2026-08-01", True, 89)
    assert found.catalog.models == MODELS
    assert found.provenance == provenance
    assert found.catalog.scales == (SCALE,)
    assert (found.catalog.version, found.catalog.sha256) == ("2026-08-01", info.facts.sha256)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
FIGURES: dict[str, st.SearchStrategy[Any]] = {
    "VARCHAR": TEXTS,
    "DOUBLE": st.floats(min_value=0, allow_infinity=False),
    "BIGINT": st.integers(min_value=1, max_value=2**63 - 1),
    "BOOLEAN": st.booleans(),
    "DATE": st.dates(),
}
TYPES = {column.name: column.type for column in COLUMNS}
NEEDED = {"slug", "name", "creator", "api_id", "index_version", "as_of"}


@st.composite
def models(draw: st.DrawFn) -> CatalogModel:
    figures = {
        f.name: draw(FIGURES[TYPES[f.name]] if f.name in NEEDED else FIGURES[TYPES[f.name]] | NONE)
        for f in fields(CatalogModel)
    }
    return CatalogModel(**figures)


NONE: st.SearchStrategy[Any] = st.none()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(models(), min_size=1, max_size=4, unique_by=lambda m: m.slug))
def test_any_models_survive_a_snapshot(tmp_path: Path, rows: list[CatalogModel]) -> None:
    path = tmp_path / "any.parquet"
    pq.write_table(snapshot_table(rows, (), (), as_of=DAY, origin=Origin.REFRESH), path)

    assert read_contents(path).models == tuple(rows)


def test_the_digest_is_that_of_the_content_whatever_the_order_of_the_rows(tmp_path: Path) -> None:
    infos = [
        save_snapshot(rows, (), scales, as_of=DAY, folder=tmp_path / name)
        for name, rows, scales in (
            ("a", MODELS, ()),
            ("b", MODELS[::-1], ()),
            ("c", MODELS, (SCALE,)),
            ("d", make_models(input_price=9.0), ()),
        )
    ]

    digests = [info.facts.sha256 for info in infos]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_several_snapshots_of_a_day_are_numbered_and_the_last_one_is_the_day(
    tmp_path: Path,
) -> None:
    names = [save(tmp_path, input_price=price) for price in (1.0, 2.0, 3.0)]

    assert names == ["2026-08-01", "2026-08-01.2", "2026-08-01.3"]
    listed = [info.name for info in snapshots(tmp_path)[0]]
    assert listed == ["2026-08-01.1", "2026-08-01.2", "2026-08-01.3"]
    assert read_snapshot("2026-08-01", tmp_path).info.name == "2026-08-01.3"
    assert [read_snapshot(name, tmp_path).info.name for name in listed] == listed
    assert [read_snapshot(name, tmp_path).catalog.models[0].input_price for name in listed] == [
        *(1.0, 2.0, 3.0),
    ]


def test_the_tenth_of_a_day_comes_after_the_second(tmp_path: Path) -> None:
    names = [save(tmp_path, input_price=float(price)) for price in range(1, 12)]

    assert [info.name for info in snapshots(tmp_path)[0]] == ["2026-08-01.1", *names[1:]]
    assert current_snapshot(tmp_path).info.name == "2026-08-01.11"


def test_what_did_not_change_is_not_saved_twice(tmp_path: Path) -> None:
    save(tmp_path)
    later = tuple(replace(model, as_of=date(2026, 8, 2)) for model in MODELS)

    again = save_snapshot(later, (), (), as_of=date(2026, 8, 2), folder=tmp_path)

    assert (again.name, again.is_new) == ("2026-08-01", False)
    assert len(snapshots(tmp_path)[0]) == 1


def test_a_change_and_its_reversal_are_both_kept(tmp_path: Path) -> None:
    names = [save(tmp_path, date(2026, 8, day), input_price=day % 2) for day in (1, 2, 3)]

    assert names == ["2026-08-01", "2026-08-02", "2026-08-03"]


def test_each_day_of_an_archive_is_kept_once(tmp_path: Path) -> None:
    days = [date(2026, 8, day) for day in (1, 2, 1, 2)]

    names = [save(tmp_path, day, Origin.IMPORT) for day in days]

    assert names == ["2026-08-01", "2026-08-02", "2026-08-01", "2026-08-02"]
    assert len(snapshots(tmp_path)[0]) == 2


def test_savers_at_the_same_time_keep_all_that_differ(tmp_path: Path) -> None:
    savers = [
        threading.Thread(target=save, args=(tmp_path,), kwargs={"input_price": float(price)})
        for price in range(1, 9)
    ]
    for saver in savers:
        saver.start()
    for saver in savers:
        saver.join()

    kept, notes = snapshots(tmp_path)
    found = {read_snapshot(info.name, tmp_path).catalog.models[0].input_price for info in kept}
    assert (found, notes) == ({float(price) for price in range(1, 9)}, ())
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp"] == []


def test_a_catalog_without_models_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="without models"):
        save_snapshot((), (), (), as_of=DAY, folder=tmp_path)


def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CatalogError, match=r"the catalog cannot be kept in .*/file/catalog"):
        save(tmp_path / "file" / "catalog")


def test_without_a_snapshot_the_embedded_catalog_is_in_force(tmp_path: Path) -> None:
    found = current_snapshot(tmp_path / "nothing")

    assert (found.info.name, found.notes) == ("embedded", ())
    assert found.catalog == load_catalog()
    assert {origin.source for origin in found.provenance} == {"embedded"}


def test_the_newest_snapshot_is_in_force(tmp_path: Path) -> None:
    save(tmp_path, date(2026, 8, 2), input_price=2.0)
    save(tmp_path, date(2026, 8, 1), input_price=1.0)

    catalog = current_catalog({"DOCMILL_CATALOG": str(tmp_path)})

    assert (catalog.version, catalog.models[0].input_price) == ("2026-08-02", 2.0)


@pytest.mark.parametrize(
    ("day", "origin"),
    [(date(2026, 7, 9), Origin.REFRESH), (date(2026, 8, 1), Origin.IMPORT)],
    ids=["older than the embedded one", "imported"],
)
def test_history_is_not_selected_from(tmp_path: Path, day: date, origin: Origin) -> None:
    save(tmp_path, day, origin)

    assert current_snapshot(tmp_path).info.name == "embedded"


def damage_rows(path: Path) -> None:
    """Other rows under the metadata of the first."""
    table = pq.read_table(path)
    column = table.column_names.index("input_price")
    doubled = pa.array([2 * (price or 0.0) for price in table.column("input_price").to_pylist()])
    pq.write_table(table.set_column(column, "input_price", doubled), path)


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "foreign": lambda path: path.write_text("slug,name\n"),
    "not ours": lambda path: pq.write_table(pa.table({"a": [1]}), path),
    "other rows": damage_rows,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_snapshot_is_passed_over_and_told(tmp_path: Path, damage: Any) -> None:
    save(tmp_path, date(2026, 8, 1))
    name = save(tmp_path, date(2026, 8, 2), input_price=2.0)
    damage(tmp_path / f"{name}.parquet")

    found = current_snapshot(tmp_path)

    assert found.info.name == "2026-08-01"
    (note,) = found.notes
    assert "2026-08-02.parquet" in note
    assert note.endswith("an older catalog is used")
    assert "\n" not in note
    with pytest.raises(CatalogError, match=r"2026-08-02\.parquet"):
        read_snapshot(name, tmp_path)


def test_other_files_in_the_folder_are_nobodys_snapshots(tmp_path: Path) -> None:
    for name in ("notes.txt", "2026-13-45.parquet", "2026-08-01.csv", ".2026-08-01.parquet.x.tmp"):
        (tmp_path / name).write_text("")

    assert snapshots(tmp_path) == ((), ())


def test_a_name_is_embedded_latest_a_day_or_a_file(tmp_path: Path) -> None:
    save(tmp_path, input_price=2.0)
    own = tmp_path / "own.parquet"
    rows = [{name: getattr(MODELS[0], name) for name in (*NEEDED, "input_price")}]
    pq.write_table(pa.Table.from_pylist(rows), own)

    assert read_snapshot("embedded", tmp_path).info.name == "embedded"
    assert read_snapshot("2026-07-10", tmp_path).info.name == "embedded"
    assert read_snapshot("latest", tmp_path).info.name == "2026-08-01"
    (model,) = read_snapshot(str(own), tmp_path).catalog.models
    assert (model.slug, model.input_price, model.tps) == (
        MODELS[0].slug,
        MODELS[0].input_price,
        None,
    )


@pytest.mark.parametrize("name", ["2026-08-02", "2026-08-01.2", "yesterday", "", "../2026-08-01"])
def test_an_unknown_snapshot_is_a_sentence(tmp_path: Path, name: str) -> None:
    save(tmp_path)

    with pytest.raises(CatalogError, match=r"there is no snapshot .*docmill models history"):
        read_snapshot(name, tmp_path)


def own_table(**columns: list[Any]) -> pa.Table:
    known = {name: [getattr(m, name) for m in MODELS[:2]] for name in NEEDED}
    return pa.table({name: v for name, v in {**known, **columns}.items() if v})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (own_table(api_id=[]), "lacks the column 'api_id'"),
        (own_table(api_id=[], date=["2026-08-01"] * 2), "docmill models import"),
        (own_table(input_price=["cheap", "dear"]), "a value of the wrong type"),
        (own_table(creator=["OpenAI", None]), "has a row without creator"),
        (own_table(slug=["a", "a"]), "two rows of one slug"),
        (own_table().slice(0, 0), "holds no model"),
    ],
)
def test_a_table_of_ones_own_says_what_it_lacks(tmp_path: Path, table: pa.Table, said: str) -> None:
    path = tmp_path / "own.parquet"
    pq.write_table(table, path)

    with pytest.raises(CatalogError, match=said) as caught:
        read_contents(path)

    assert str(path) in str(caught.value)


def test_a_csv_of_ones_own_is_named_in_what_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("slug,name\na,b\n")

    with pytest.raises(CatalogError, match=r"own\.csv: .*lacks the column"):
        read_contents(path)


def test_provenance_belongs_to_a_model() -> None:
    with pytest.raises(ValueError, match="nobody"):
        snapshot_table(
            MODELS, [Provenance("nobody", "tps", "own", DAY)], (), as_of=DAY, origin=Origin.REFRESH
        )


def test_the_folder_is_the_one_of_the_environment_else_the_users_data_folder() -> None:
    assert catalog_folder({"DOCMILL_CATALOG": "/a"}) == Path("/a")
    assert catalog_folder({"XDG_DATA_HOME": "/b"}) == Path("/b/docmill/catalog")
    assert catalog_folder({}) == Path("~/.local/share/docmill/catalog").expanduser()
