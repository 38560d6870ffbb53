"""Archives of daily catalogs, and what they say of a model that the columns do not."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llms.catalog import load_catalog
from tasks.catalog_history import UNSTATED, history_of

ARCHIVE = Path(__file__).parents[2] / "shared" / "data" / "catalog" / "aa_llms_history.parquet"


def archive(tmp_path: Path, *rows: dict[str, object]) -> Path:
    """A Parquet file of rows, each naming only what its test is about."""
    usual: dict[str, object] = {
        "date": date(2026, 5, 1),
        "slug": "a",
        "name": "A",
        "creator": "Acme",
    }
    path = tmp_path / "archive.parquet"
    names = dict.fromkeys(name for row in (usual, *rows) for name in row)
    full = [{**dict.fromkeys(names), **usual, **row} for row in rows]
    pq.write_table(pa.Table.from_pylist(full), path)
    return path


def test_days_come_in_their_order_each_with_its_models(tmp_path: Path) -> None:
    path = archive(tmp_path, {"date": date(2026, 5, 2)}, {}, {"slug": "b"})

    found = [(day, [model.slug for model in models]) for day, models in history_of(path)]

    assert found == [(date(2026, 5, 1), ["a", "b"]), (date(2026, 5, 2), ["a"])]


@pytest.mark.parametrize(
    ("name", "effort", "thinks"),
    [
        ("A (xhigh)", "xhigh", True),
        ("A (Non-reasoning, High Effort)", "none", False),
        ("A (Reasoning)", "default", True),
        ("A (June 2026)", None, None),
        ("A", None, None),
    ],
)
def test_the_effort_is_read_from_the_name_where_that_states_it(
    tmp_path: Path, name: str, effort: str | None, thinks: bool | None
) -> None:
    ((_, (model,)),) = history_of(archive(tmp_path, {"name": name}))

    assert (model.effort, model.reasoning) == (effort, thinks)


def test_tokens_of_the_index_are_its_cost_over_the_price(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        {"index_cost_output": 30.0, "output_price": 4.0},
        {"slug": "free", "index_cost_output": 0.0, "output_price": 0.0},
        {"slug": "stated", "index_cost_output": 30.0, "output_price": 4.0, "index_output_mtok": 7},
    )

    ((_, models),) = history_of(path)

    assert [model.index_output_mtok for model in models] == [7.5, None, 7.0]


def test_what_an_archive_does_not_say_is_null_or_says_so(tmp_path: Path) -> None:
    ((_, (known, own)),) = history_of(archive(tmp_path, {"slug": "gpt-5-5"}, {"slug": "own"}))

    assert (known.api_id, own.api_id) == ("openai/gpt-5.5", "own")
    assert (own.index_version, own.intelligence, own.price) == (UNSTATED, None, None)
    assert own.as_of == date(2026, 5, 1)


def test_the_embedded_catalog_is_an_archive_of_one_day(tmp_path: Path) -> None:
    rows = [
        {name: getattr(model, name) for name in ("slug", "name", "creator", "intelligence")}
        for model in load_catalog().models
    ]

    ((_, models),) = history_of(archive(tmp_path, *rows))

    assert [model.effort for model in models] == [m.effort for m in load_catalog().models]
    assert [model.api_id for model in models] == [m.api_id for m in load_catalog().models]


@pytest.mark.skipif(not ARCHIVE.is_file(), reason="the archive of daily catalogs is not at hand")
def test_an_archive_of_ten_weeks_is_read_whole() -> None:
    found = list(history_of(ARCHIVE))

    assert (len(found), found[0][0], found[-1][0]) == (72, date(2026, 4, 10), date(2026, 6, 20))
    assert sum(len(models) for _, models in found) == 34_805
    assert all(model.price != 0 for _, models in found for model in models)
