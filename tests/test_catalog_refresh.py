"""A refresh over real sockets: both shapes, errors, hangs, half answers; the last good stays."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from flows import models_cli
from flows.models_refresh_view import refresh_text
from llms.catalog import CatalogModel, load_catalog
from llms.catalog_sources.rows import Source
from llms.failures import CatalogError
from tasks.catalog_fetch import Fetcher
from tasks.catalog_refresh import refresh
from tasks.catalogs import Snapshot, current_snapshot
from tests.catalog_documents import (
    aa_document,
)
from tests.served_catalogs import (
    KEY,
    TODAY,
    Answer,
    Sources,
    embedded_entries,
    embedded_entry,
    good_answers,
    served,
)


@pytest.fixture
def sources() -> Iterator[Sources]:
    with served(good_answers()) as running:
        yield running


def figures_of(folder: Path, slug: str) -> CatalogModel:
    (model,) = current_snapshot(folder).catalog.find(slug)
    return model


def in_force(folder: Path) -> Snapshot:
    return current_snapshot(folder)


def test_all_sources_are_merged_and_kept_as_the_snapshot_of_the_day(
    sources: Sources, tmp_path: Path
) -> None:
    report = sources.refresh(tmp_path)

    assert report.refused is None
    assert [(o.name, o.error) for o in report.outcomes] == [
        ("Artificial Analysis", None),
        ("OpenRouter", None),
        ("LiteLLM", None),
    ]
    glm, gpt = figures_of(tmp_path, "glm-5-2"), figures_of(tmp_path, "gpt-5-5-low")
    assert (glm.input_price, glm.structured_output, glm.tps) == (1.2, True, 50.0)
    assert (gpt.input_price, gpt.batch_discount, gpt.max_output) == (5.0, 0.5, 128_000)
    assert in_force(tmp_path).info.name == "2026-07-20"
    assert dict(report.figures)["openrouter"] == 9


def test_the_key_goes_to_artificial_analysis_only_and_into_no_text(
    sources: Sources, tmp_path: Path
) -> None:
    sources.answers["/aa"] = Answer(status=401)

    report = sources.refresh(tmp_path)

    assert sources.asked == [("/aa", KEY), ("/openrouter", None), ("/litellm", None)]
    assert KEY not in refresh_text(report) + repr(report) + repr(Fetcher(sources.env, TODAY))
    assert "the key was not accepted" in refresh_text(report)


def test_without_a_key_the_sources_that_need_none_are_read(
    sources: Sources, tmp_path: Path
) -> None:
    del sources.env["AA_API_KEY"]

    report = sources.refresh(tmp_path)

    assert [outcome.name for outcome in report.outcomes] == ["OpenRouter", "LiteLLM"]
    assert report.refused is None


def test_a_source_that_is_asked_for_without_its_key_says_which_to_set(
    sources: Sources, tmp_path: Path
) -> None:
    del sources.env["AA_API_KEY"]

    report = sources.refresh(tmp_path, "aa")

    assert report.refused == "no source could be used"
    assert "set AA_API_KEY" in str(report.outcomes[0].error)


def test_the_other_variable_for_the_key_works_as_well(sources: Sources, tmp_path: Path) -> None:
    sources.env["ARTIFICIAL_ANALYSIS_API_KEY"] = sources.env.pop("AA_API_KEY")

    assert sources.refresh(tmp_path, "aa").refused is None


def test_a_key_is_not_sent_in_the_clear(tmp_path: Path) -> None:
    env = {"AA_API_KEY": KEY, "DOCMILL_AA_URL": "http://example.invalid/models"}

    report = refresh(["aa"], tmp_path, Fetcher(env, TODAY))

    assert "over https only" in str(report.outcomes[0].error)


def test_pages_are_followed_and_the_shape_with_pages_is_read(
    sources: Sources, tmp_path: Path
) -> None:
    entries = embedded_entries(is_nested=True)
    for number, part in enumerate((entries[:50], entries[50:]), start=1):
        path = "/aa" if number == 1 else f"/aa?page={number}"
        pagination = {"page": number, "total_pages": 2, "has_more": number == 1}
        sources.answers[path] = Answer(
            aa_document(part, pagination=pagination, intelligence_index_version=4.1)
        )

    report = sources.refresh(tmp_path, "aa")

    assert [path for path, _ in sources.asked] == ["/aa", "/aa?page=2"]
    assert (report.outcomes[0].models, report.gone) == (89, ())
    # The scores are the old ones, so the scale is, whatever it is called.
    assert figures_of(tmp_path, "gpt-5-5").index_version == "2026-06"
    assert "calls the scale 4.1" in refresh_text(report)


def test_pages_without_end_are_given_up(sources: Sources, tmp_path: Path) -> None:
    sources.answers["/aa"] = Answer(
        aa_document(embedded_entries(), pagination={"page": 1, "has_more": True})
    )

    report = sources.refresh(tmp_path, "aa")

    assert "goes on after 25 pages" in str(report.outcomes[0].error)


BAD = {
    "401": (lambda: Answer(status=401), "HTTP 401, the key was not accepted"),
    "429": (lambda: Answer(status=429), "HTTP 429, too many requests"),
    "500": (lambda: Answer(status=500), "HTTP 500"),
    "moved": (lambda: Answer(status=302, headers={"location": "/litellm"}), "HTTP 302"),
    "hang": (lambda: Answer(hang=threading.Event()), "no answer within 0.5 s"),
    "cut": (lambda: Answer(b'{"data": [{"slug": "a', missing_bytes=99), "the answer broke off"),
    "not all": (lambda: Answer(b'{"data": [{"slug": "a'), "not JSON, or not all of it"),
    "empty": (lambda: Answer(b'{"data": []}'), "no list 'data' with models in it"),
    "page": (lambda: Answer(b"<html>", kind="text/html; charset=utf-8"), "a page for people"),
    "junk": (lambda: Answer(b"\xff\xfe\x00"), "not JSON"),
}


@pytest.mark.parametrize(("bad", "said"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", ["aa", "openrouter"])
def test_a_source_that_fails_leaves_the_last_good_catalog_and_says_so(
    name: str, bad: Callable[[], Answer], said: str, tmp_path: Path, sources: Sources
) -> None:
    sources.refresh(tmp_path)
    before = in_force(tmp_path)
    answer = sources.answers[f"/{name}"] = bad()
    if answer.hang is not None:
        sources.timeout_s = 0.5

    report = sources.refresh(tmp_path, name, day=TODAY + timedelta(days=1))

    assert report.refused == "no source could be used"
    assert said in str(report.outcomes[0].error)
    assert in_force(tmp_path) == before


def test_a_source_that_fails_leaves_the_others_working(sources: Sources, tmp_path: Path) -> None:
    sources.answers["/aa"] = Answer(status=500)

    report = sources.refresh(tmp_path)

    assert report.refused is None
    assert figures_of(tmp_path, "glm-5-2").input_price == 1.2


def test_an_answer_that_drips_is_given_up(tmp_path: Path, sources: Sources) -> None:
    seconds = iter([0.0, 99.0])
    fetcher = Fetcher(sources.env, TODAY, timeout_s=5.0, clock=lambda: next(seconds))

    with pytest.raises(CatalogError, match="no whole answer within 5 s"):
        fetcher.read(Source.OPENROUTER)


def test_half_a_list_is_not_taken_and_does_not_keep_out_the_others(
    sources: Sources, tmp_path: Path
) -> None:
    sources.answers["/aa"] = Answer(aa_document(embedded_entries()[:40]))

    report = sources.refresh(tmp_path)

    assert "49 of 89 models would be gone; not taken" in str(report.outcomes[0].error)
    assert (report.gone, len(in_force(tmp_path).catalog.models)) == ((), 89)
    assert figures_of(tmp_path, "glm-5-2").input_price == 1.2
    assert len(sources.refresh(tmp_path, "aa", is_forced=True).gone) == 49


def test_a_rebasing_is_found_and_kept_with_the_catalog(sources: Sources, tmp_path: Path) -> None:
    rebased = [embedded_entry(model, factor=0.8) for model in load_catalog().models]
    sources.answers["/aa"] = Answer(aa_document(rebased))

    report = sources.refresh(tmp_path, "aa")

    (change,) = report.scales
    catalog = in_force(tmp_path).catalog
    assert (change.index, change.new_version) == ("intelligence", "2026-07-20")
    assert catalog.scales == (change,)
    assert {model.index_version for model in catalog.models} == {"2026-07-20"}
    assert "the intelligence index was re-based" in refresh_text(report)


def test_points_taken_back_by_a_rebasing_stand_in_for_new_ones(
    sources: Sources, tmp_path: Path
) -> None:
    entries = [embedded_entry(model, factor=0.8) for model in load_catalog().models]
    taken_back = {model.slug for model in load_catalog().models if model.coding is not None}
    for entry in entries:
        entry["evaluations"].pop("artificial_analysis_coding_index", None)
    sources.answers["/aa"] = Answer(aa_document(entries))

    first = sources.refresh(tmp_path, "aa")
    again = sources.refresh(tmp_path, "aa")

    before = {model.slug: model.coding for model in load_catalog().models}
    assert {m.slug: m.coding for m in in_force(tmp_path).catalog.models} == before
    origins = {p.slug: p for p in in_force(tmp_path).provenance if p.column == "coding"}
    assert {slug: p.source for slug, p in origins.items()} == dict.fromkeys(taken_back, "restated")
    assert {p.as_of for p in origins.values()} == {date(2026, 7, 10)}
    assert any("stand in for new ones, restated" in remark for remark in first.remarks)
    assert again.scales == ()


def test_ones_own_points_do_not_outlive_their_scale(sources: Sources, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("slug,intelligence,tps,index_version\nglm-5-2,77,9,2019-01\n")

    report = sources.refresh(tmp_path, str(file))

    assert figures_of(tmp_path, "glm-5-2").tps == 9.0
    assert figures_of(tmp_path, "glm-5-2").intelligence != 77
    assert "points of your own left out, not being on the scale 2026-06: glm-5-2" in (
        report.remarks
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_of_ones_own_is_a_source(suffix: str, tmp_path: Path, sources: Sources) -> None:
    file = tmp_path / f"own.{suffix}"
    rows = pl.DataFrame({"api_id": ["z-ai/glm-5.2", "local/tiny"], "input_price": [0.5, 0.0]})
    rows.write_csv(file) if suffix == "csv" else rows.write_parquet(file)

    report = sources.refresh(tmp_path, str(file), "openrouter")

    assert figures_of(tmp_path, "glm-5-2").input_price == 0.5
    assert (report.added, figures_of(tmp_path, "tiny").input_price) == (("tiny",), 0.0)


def test_a_file_of_broken_rows_is_no_source(tmp_path: Path, sources: Sources) -> None:
    file = tmp_path / "own.csv"
    file.write_text("slug,input_price\ngpt-5-5,cheap\n")

    report = sources.refresh(tmp_path, str(file))

    assert report.refused == "no source could be used"
    assert "input_price is 'cheap', not a number" in refresh_text(report)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("artifical", "--source takes aa, openrouter, litellm or the path"),
        ("missing.csv", "missing.csv cannot be read: No such file"),
        ("missing.parquet", "there is no file"),
    ],
)
def test_a_source_that_is_not_there_is_one_sentence(
    asked: str, said: str, tmp_path: Path, sources: Sources
) -> None:
    with pytest.raises(CatalogError, match=said):
        sources.refresh(tmp_path, asked)


def test_the_same_figures_are_not_kept_twice(sources: Sources, tmp_path: Path) -> None:
    sources.refresh(tmp_path)

    again = sources.refresh(tmp_path, day=TODAY + timedelta(days=1))

    assert (again.snapshot.is_new, again.snapshot.name) == (False, "2026-07-20")
    assert (again.added, again.gone, again.changed) == ((), (), ())
    assert "nothing has changed since the catalog 2026-07-20" in refresh_text(again)


def test_a_clock_behind_the_catalog_files_the_snapshot_where_it_is_found(
    sources: Sources, tmp_path: Path
) -> None:
    sources.refresh(tmp_path, day=date(2020, 1, 1))

    assert in_force(tmp_path).info.name == "2026-07-10"


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_the_command_says_what_it_did_and_fails_where_nothing_was_read(
    as_json: bool, sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**sources.env, "DOCMILL_CATALOG": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    arguments = ["refresh", *(["--json"] if as_json else [])]

    done = CliRunner().invoke(models_cli.app, arguments)
    sources.answers.update(dict.fromkeys(["/aa", "/openrouter", "/litellm"], Answer(status=500)))
    failed = CliRunner().invoke(models_cli.app, arguments)

    assert (done.exit_code, failed.exit_code) == (0, 1)
    if as_json:
        assert json.loads(done.stdout)["status"] == "done"
        assert json.loads(failed.stdout)["refused"] == "no source could be used"
    else:
        assert "kept as" in done.stdout
        assert "stays in force" in failed.stdout
        assert "Artificial Analysis (artificialanalysis.ai)" in failed.stdout
