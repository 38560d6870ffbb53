"""What a walk and a small sample tell of a source before a run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.job import Job
from storage.store import Lake
from tasks.call_volumes import Texts
from tasks.discovery import Found
from tasks.forecast_result import SourceForecast
from tasks.jobs import expand
from tasks.source_root import SourceError
from tasks.source_survey import Survey, TextEstimate, survey
from tasks.text_sample import Candidates, scripts, text_factor
from tasks.text_size import DocumentSize
from tests.small_runs import invoice, invoices, make_job, write_folder


def look(folder: Path, **values: Any) -> Survey:
    """A survey of a folder with an empty lake beside it."""
    sample = values.pop("sample", 40)
    job: Job = expand(make_job(folder, **values))
    return survey(job, Lake(job.lake), "key", sample=sample)


def test_a_small_source_is_parsed_as_a_whole(tmp_path: Path) -> None:
    found = look(invoices(tmp_path / "docs", 5))

    assert found.source == SourceForecast(found=5, asked=5, measured=5, sampled=5)
    assert [size.text_chars for size in found.documents] == [121] * 5


def test_nothing_is_written(tmp_path: Path) -> None:
    source = invoices(tmp_path / "docs", 2)
    look(source)

    assert [path.name for path in tmp_path.iterdir()] == ["docs"]


def test_of_a_larger_source_only_the_sample_is_parsed(tmp_path: Path) -> None:
    found = look(invoices(tmp_path / "docs", 30), sample=7)

    assert (found.source.asked, found.source.sampled, found.source.measured) == (30, 7, 7)


def test_the_sample_may_be_none(tmp_path: Path) -> None:
    found = look(invoices(tmp_path / "docs", 3), sample=0)

    assert (found.source.asked, found.source.sampled, found.source.measured) == (3, 0, 0)


def test_copies_large_files_and_unreadable_ones_are_told_apart(tmp_path: Path) -> None:
    source = write_folder(
        tmp_path / "docs",
        {
            "a.txt": invoice(1),
            "b.txt": invoice(1),
            "c.txt": invoice(2) + "x" * 5000,
            "d.txt": b"",
            "e.txt": invoice(3),
        },
    )
    found = look(source, source={"path": str(source), "max_bytes": 4000})

    assert found.source == SourceForecast(
        found=5, duplicates=1, refused=1, asked=2, measured=2, sampled=3, unreadable=1
    )


def test_the_limit_of_the_job_holds(tmp_path: Path) -> None:
    source = invoices(tmp_path / "docs", 9)

    assert look(source, source={"path": str(source), "limit": 4}).source.found == 4


def test_an_empty_source_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()

    with pytest.raises(SourceError, match="holds no documents"):
        look(tmp_path / "docs")


def test_parsing_ends_when_it_takes_too_long(tmp_path: Path) -> None:
    job = expand(make_job(invoices(tmp_path / "docs", 5)))
    ticks = iter([0.0, *[100.0] * 10])

    found = survey(job, Lake(job.lake), "key", clock=lambda: next(ticks))

    assert found.is_cut_short
    assert (found.source.asked, found.source.sampled) == (5, 1)


def make_candidates(names: Iterable[str], most: int) -> Candidates:
    kept = Candidates(most, seed=1)
    for index, name in enumerate(names):
        kept.offer(index, Found(name, b"x" * 10, 10, None), f"{index:064x}")
    return kept


def test_every_kind_of_file_has_a_place_in_the_sample() -> None:
    names = [*[f"{n}.pdf" for n in range(200)], *[f"{n}.html" for n in range(3)], "a.eml"]
    chosen = make_candidates(names, 20).chosen({"PDF": 2000, "web pages": 30, "messages": 10})

    kinds = [found.uri.partition(".")[2] for _, found in chosen]
    assert (kinds.count("html"), kinds.count("eml")) == (3, 1)
    assert 15 <= kinds.count("pdf") <= 20


@given(st.permutations(range(30)))
def test_the_sample_does_not_depend_on_the_order_of_the_walk(order: list[int]) -> None:
    kept = Candidates(5, seed=1)
    for index in order:
        kept.offer(index, Found(f"{index}.txt", b"x", 1, None), f"{index:064x}")

    alike = make_candidates([f"{n}.txt" for n in range(30)], 5)
    assert {at for at, _ in kept.chosen({"text": 30})} == {
        at for at, _ in alike.chosen({"text": 30})
    }


def test_contents_kept_for_the_sample_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.text_sample._KEPT_BYTES", 45)
    kept = make_candidates([f"{n}.txt" for n in range(30)], 20)

    assert kept.total_bytes == 40
    assert len(kept.chosen({"text": 300})) == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", {"latin": 5}),
        ("Größe “é” — ḍ", {"latin": 13}),
        ("Привет 1", {"latin": 2, "other": 6}),
        ("請求書 No 1", {"latin": 5, "dense": 3}),
        ("ทดสอบ", {"other": 5}),
    ],
)
def test_characters_are_counted_by_script(text: str, found: dict[str, int]) -> None:
    assert {script: count for script, count in scripts(text).items() if count} == found


def test_a_text_takes_more_tokens_the_denser_its_script() -> None:
    assert text_factor({}) == text_factor({"latin": 100}) == 1
    assert text_factor({"latin": 50, "dense": 50}) == pytest.approx(2.5)
    assert text_factor({"other": 100}) == pytest.approx(2)


def make_estimate(documents: list[DocumentSize], **source: int) -> TextEstimate:
    counts = SourceForecast(found=len(documents), asked=len(documents), **source)
    return TextEstimate.of(Survey(counts, tuple(documents)), 1_000_000)


@given(st.lists(st.integers(0, 900_000), max_size=50))
def test_known_texts_are_neither_lost_nor_changed(chars: list[int]) -> None:
    documents = [DocumentSize(count, "a.pdf", count) for count in chars]
    texts = make_estimate(documents, measured=len(documents)).texts()

    assert sum(text.documents for text in texts) == len(chars)
    assert sum(text.chars * text.documents for text in texts) == pytest.approx(sum(chars))


def test_unreadable_documents_of_the_sample_lower_what_is_expected_of_the_others() -> None:
    documents = [DocumentSize(1000, "a.txt")] * 100

    def expected(unreadable: int) -> float:
        estimate = make_estimate(documents, sampled=20, unreadable=unreadable)
        return sum(text.documents for text in estimate.texts())

    assert expected(10) < expected(0) < 100


def test_a_text_is_never_longer_than_the_job_keeps() -> None:
    documents = (DocumentSize(50_000, "a.txt", 50_000), DocumentSize(50_000, "b.txt"))
    found = Survey(SourceForecast(found=2, asked=2, measured=1), documents)

    assert {text.chars for text in TextEstimate.of(found, 10_000).texts()} == {10_000}
    assert Texts(10_000, 1) in TextEstimate.of(found, 10_000).texts()
