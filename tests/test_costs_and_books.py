"""The books balance or the run fails; the money adds up over every way a run can have gone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.console import money
from flows.views import summary_lines
from schemas.manifest import Books, RunSummary
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.books import BooksError, check_books
from tasks.costs import run_cost
from tasks.ledger_rows import LOST, book_lost, spent_usd
from tasks.run_ledger import read_ledger
from tasks.verification import verify_run
from tests.small_runs import PaidProvider, as_killed, invoices, make_job, run

REASONS = st.dictionaries(st.sampled_from(["refused", "duplicate", "empty"]), st.integers(1, 9))


@st.composite
def balanced(draw: st.DrawFn) -> Books:
    done, failed, skipped = draw(st.integers(0, 99)), draw(REASONS), draw(REASONS)
    inputs = done + sum(failed.values()) + sum(skipped.values())
    return Books(inputs=inputs, done=done, failed=failed, skipped=skipped)


@given(balanced(), balanced())
def test_two_balanced_books_are_balanced_together(left: Books, right: Books) -> None:
    total = left + right

    assert total.balanced
    assert total.inputs == left.inputs + right.inputs
    assert total == right + left


@given(balanced(), st.integers(-9, 9).filter(bool))
def test_a_lost_or_doubled_document_is_noticed_in_either_stage(books: Books, off: int) -> None:
    wrong = books.model_copy(update={"inputs": books.inputs + off})
    after = Books(inputs=books.done, done=books.done)

    check_books(books, after)
    with pytest.raises(BooksError, match="the books of ingest do not balance"):
        check_books(wrong, after)
    with pytest.raises(BooksError, match="the books of extract do not balance"):
        check_books(books, after.model_copy(update={"inputs": after.inputs + off}))


def test_what_ingest_handed_on_must_be_what_extraction_saw() -> None:
    with pytest.raises(BooksError, match="ingest handed on 3 documents and extraction saw 2"):
        check_books(Books(inputs=3, done=3), Books(inputs=2, done=2))


class TestMoney:
    @pytest.fixture
    def done(self, tmp_path: Path, paid: PaidProvider) -> RunSummary:
        job = make_job(invoices(tmp_path / "docs", 4), shard_size=2, profile="openai")
        return run(job, paid.ENV, run_id="night")

    def test_the_durable_book_and_the_ledger_agree(self, done: RunSummary) -> None:
        lake = Lake(done.lake)

        assert done.usd > 0
        assert spent_usd(lake, ["night"]) == {"night": pytest.approx(done.usd)}
        assert book_lost(lake, "night") == 0.0
        assert done.calls == sum(
            row["calls"] for row in read_ledger(lake, "night").to_pylist() if not row["from_store"]
        )

    def test_a_run_that_paid_for_everything_cost_what_its_records_cost(
        self, done: RunSummary
    ) -> None:
        assert done.records_usd == pytest.approx(done.usd)
        assert done.baseline_usd is not None
        assert done.saving == pytest.approx(done.baseline_usd / done.records_usd)

    def test_what_a_killed_process_paid_is_booked_when_the_run_goes_on(
        self, done: RunSummary, paid: PaidProvider
    ) -> None:
        lake = Lake(done.lake)
        # As a kill leaves it: answers are stored and paid, ledger and outcomes are not written.
        for path in [*lake.find("attempts/night"), *lake.find("records/post/_outcomes")]:
            Path(lake.full(path)).unlink()

        again = run(as_killed(lake, "night").job, paid.ENV, run_id="night")

        assert again.usd == pytest.approx(done.usd)
        assert again.records_usd == pytest.approx(done.records_usd)
        (lost,) = [r for r in read_ledger(lake, "night").to_pylist() if r["stage"] == LOST]
        assert float(lost["usd"]) == pytest.approx(done.usd)
        assert paid.paid_twice() == 0
        assert verify_run(lake, "night").ok
        assert (done.unconfirmed_usd, again.unconfirmed_usd) == (0.0, pytest.approx(done.usd))
        bound = f"({money(again.usd)} of it at most: calls whose bill is not known)"
        assert [bound in "".join(summary_lines(one)) for one in (done, again)] == [False, True]

    def test_an_offline_run_costs_nothing_and_says_what_the_calls_would_have_cost(
        self, tmp_path: Path
    ) -> None:
        done = run(make_job(invoices(tmp_path / "docs", 2)))

        assert (done.usd, done.records_usd) == (0.0, 0.0)
        assert done.projected_usd is not None
        assert done.baseline_usd is not None
        assert done.saving == pytest.approx(done.baseline_usd / done.projected_usd)

    def test_the_order_of_the_shards_does_not_show_in_the_sums(self, done: RunSummary) -> None:
        lake = Lake(done.lake)
        manifest = read_manifest(lake, "night")

        backwards = run_cost(lake, manifest, manifest.shards[::-1])

        assert backwards.records_usd == pytest.approx(manifest.cost.records_usd)
        assert run_cost(lake, manifest, manifest.shards) == manifest.cost
