"""The embedded catalog: what it holds, how it is read, how models are found in it."""

from dataclasses import replace
from pathlib import Path

import pytest

from llms.catalog import (
    COLUMNS,
    TASK_ANSWER_TOKENS,
    UnknownModelError,
    load_catalog,
    read_catalog,
)
from llms.failures import CatalogError
from llms.pricing import Talkativeness

HEADER = (
    "slug,name,creator,api_id,effort,release_date,intelligence,coding,input_price,output_price,"
    "tps,ttft,context_window,image_input,open_weights,index_output_mtok,index_version,as_of\n"
)
USUAL = {
    "slug": "m",
    "name": "M",
    "creator": "C",
    "api_id": "c/m",
    "index_version": "2026-06",
    "as_of": "2026-07-10",
}


def make_csv(*rows: dict[str, str]) -> bytes:
    """A catalog file of `rows`, each naming only what its test is about."""
    names = HEADER.strip().split(",")
    lines = [",".join({**USUAL, **row}.get(name, "") for name in names) for row in rows]
    return (HEADER + "\n".join(lines) + "\n").encode()


def test_the_embedded_catalog_holds_89_models_of_one_day_and_one_scale() -> None:
    catalog = load_catalog()

    assert len(catalog.models) == 89
    assert catalog.version == "2026-07-10"
    assert {model.index_version for model in catalog.models} == {"2026-06"}
    assert "Artificial Analysis" in catalog.attribution


def test_the_embedded_figures_are_those_of_the_source() -> None:
    source = Path(__file__).parents[2] / "shared" / "data" / "catalog"
    file = source / "model_facts_2026-07-10.csv"
    if not file.is_file():
        pytest.skip("the source of the figures is not beside this checkout")
    lines = file.read_text(encoding="utf-8").splitlines()
    ours = (
        (Path(__file__).parents[1] / "llms" / "data" / "catalog.csv")
        .read_text(encoding="utf-8")
        .splitlines()
    )

    assert [line.removesuffix(",2026-06,2026-07-10") for line in ours[1:]] == lines[1:]


def test_every_column_of_the_table_is_known_of_a_model() -> None:
    model = load_catalog().models[0]

    assert all(hasattr(model, column.name) for column in COLUMNS)


def test_a_row_thinks_unless_it_was_measured_without_effort() -> None:
    efforts = ({"slug": "a", "effort": "none"}, {"slug": "b", "effort": "low"}, {"slug": "c"})

    assert [model.reasoning for model in read_catalog(make_csv(*efforts)).models] == [
        False,
        True,
        None,
    ]


def test_output_tokens_per_task_are_those_of_a_usual_answer_times_the_thinking() -> None:
    plain = [{"slug": f"p{n}", "effort": "none", "index_output_mtok": "4"} for n in range(3)]
    others = ({"slug": "talkative", "index_output_mtok": "40"}, {"slug": "unmeasured"})

    models = read_catalog(make_csv(*plain, *others)).models

    assert [model.output_tokens_per_task for model in models] == [500, 500, 500, 5000, None]
    talkativeness = Talkativeness.of(models)
    assert talkativeness.factor(models[3]) * TASK_ANSWER_TOKENS == 5000


def test_columns_beyond_the_needed_ones_are_read_where_they_are() -> None:
    header, row, _ = make_csv({}).decode().split("\n")
    data = f"{header},max_output,batch_discount,logprobs\n{row},8192,0.5,TRUE\n"

    model = read_catalog(data.encode()).models[0]

    assert (model.max_output, model.batch_discount, model.logprobs) == (8192, 0.5, True)


def test_an_empty_cell_is_unknown_and_not_zero() -> None:
    model = read_catalog(make_csv({"input_price": "1.5"})).models[0]

    assert (model.input_price, model.output_price, model.price) == (1.5, None, None)
    assert model.intelligence is None
    assert model.effort is None
    assert model.open_weights is None


def test_a_published_price_of_zero_stays_zero() -> None:
    model = read_catalog(make_csv({"input_price": "0", "output_price": "0"})).models[0]

    assert model.price == 0.0


def test_the_price_is_blended_at_three_to_one() -> None:
    model = replace(load_catalog().models[0], input_price=2.0, output_price=10.0)

    assert model.price == 4.0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"intelligence": "high"}, "line 2 of the catalog: intelligence is 'high', not a number"),
        ({"input_price": "-1"}, "line 2 of the catalog: input_price is -1"),
        ({"input_price": "nan"}, "line 2 of the catalog: input_price is nan"),
        ({"open_weights": "maybe"}, "line 2 of the catalog: open_weights is 'maybe'"),
        ({"creator": ""}, "line 2 of the catalog: creator is empty"),
        ({"coding": "101"}, "line 2 of the catalog: coding is 101, but 100 is the most"),
        ({"context_window": "1.5"}, "line 2 of the catalog: context_window is 1.5, not a whole"),
        ({"as_of": "soon"}, "line 2 of the catalog: as_of is 'soon', not a day"),
    ],
    ids=["word", "negative", "nan", "claim", "missing", "points", "tokens", "day"],
)
def test_a_broken_figure_is_named_with_its_line(row: dict[str, str], said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        read_catalog(make_csv(row))


def test_a_slug_that_stands_twice_is_refused() -> None:
    with pytest.raises(CatalogError, match="line 3 of the catalog repeats 'm'"):
        read_catalog(make_csv({}, {}))


@pytest.mark.parametrize("data", [b"slug,name\n", HEADER.encode()], ids=["columns", "rows"])
def test_a_catalog_without_columns_or_rows_is_refused(data: bytes) -> None:
    with pytest.raises(CatalogError):
        read_catalog(data)


@pytest.mark.parametrize(
    ("name", "slugs"),
    [
        ("gpt-5-5-low", {"gpt-5-5-low"}),
        ("GPT-5.5 (low)", {"gpt-5-5-low"}),
        ("x-ai/grok-4.5", {"grok-4-5"}),
        ("Grok-4.3", {"grok-4-3", "grok-4-3-non-reasoning"}),
    ],
    ids=["slug", "name", "api id", "bare api id"],
)
def test_a_model_is_found_by_any_of_its_names(name: str, slugs: set[str]) -> None:
    assert {model.slug for model in load_catalog().find(name)} == slugs


def test_a_mistyped_model_is_answered_with_a_guess() -> None:
    with pytest.raises(UnknownModelError, match="did you mean 'deepseek-v4-flash'"):
        load_catalog().find("deepseek-v4-flsh")
