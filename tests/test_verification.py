"""Whether a report is true: every way of changing it afterwards must be found."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.manifests import read_manifest, write_manifest
from storage.store import Lake, LakeError
from tasks.verification import MAX_DIFFERENCES, Verification, verify_run
from tests.lake_docs import make_docs
from tests.lake_runs import Run, make_job, publish, rewrite, write_run

RUN = "20260710-020000-abcd"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Run:
    insight = {
        "headline": "Euros lead",
        "text": "Most stands in {{invoiced_by_currency.EUR.total}}.",
        "figures": ["invoiced_by_currency.EUR.total"],
    }
    analysis = make_job().analysis.model_copy(update={"automatic": False})
    job = make_job(analysis=analysis)
    return publish(write_run(tmp_path_factory.mktemp("lake"), make_docs(30), job=job), [insight])


@pytest.fixture
def run(published: Run, tmp_path: Path) -> Run:
    """A copy of the published run that a test may spoil."""
    shutil.copytree(published.lake.root, tmp_path / "lake")
    return Run(Lake(str(tmp_path / "lake")), published.manifest)


def differences(run: Run) -> str:
    """What verification finds, a line each."""
    return "\n".join(verify_run(run.lake, RUN).differences)


def bless(run: Run) -> None:
    """Put the checksums of the spoiled files into the manifest, as a careful forger would."""
    manifest = read_manifest(run.lake, RUN)
    outputs = {
        name: hashlib.sha256(run.path(name).read_bytes()).hexdigest() for name in manifest.outputs
    }
    write_manifest(run.lake, manifest.model_copy(update={"outputs": outputs}))


def edit(run: Run, name: str, change: Callable[[str], str]) -> None:
    """Change a file of the run; it must change."""
    old = run.path(name).read_text(encoding="utf-8")
    new = change(old)
    assert new != old
    run.path(name).write_text(new, encoding="utf-8")


def records_of(run: Run, name: str) -> str:
    """The lake path of the first records of a type."""
    return next(s.records[name] for s in run.manifest.shards if name in s.records)


def test_an_untouched_run_is_true(run: Run) -> None:
    found = verify_run(run.lake, RUN)

    assert found.ok, found.differences
    assert found == Verification(
        run_id=RUN,
        figures=found.figures,
        documents=33,
        records=29,
        spans=found.spans,
        files=3,
    )
    assert found.figures > 300
    assert found.spans > 100


def test_a_second_run_that_reused_everything_is_true(tmp_path: Path) -> None:
    docs = make_docs(12)
    publish(write_run(tmp_path, docs))
    second = publish(write_run(tmp_path, docs, run_id="second", is_reused=True))

    assert verify_run(second.lake, "second").differences == ()


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.json"])
def test_a_changed_byte_of_the_report_is_found(run: Run, name: str) -> None:
    edit(run, name, lambda text: text + " ")

    assert f"{name} was changed after the run: its SHA-256 should be" in differences(run)


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.json", "metrics.parquet"])
def test_a_missing_file_is_named(run: Run, name: str) -> None:
    run.path(name).unlink()

    assert f"{name} is not in the lake" in differences(run)


def test_a_figure_changed_in_the_page_is_found_though_its_checksum_is_forged(run: Run) -> None:
    edit(run, "report.html", lambda t: re.sub(r'(EUR\.total" value="[^"]*">)[\d,]+', r"\g<1>9", t))
    bless(run)

    assert 'report.html: figure invoiced_by_currency.EUR.total should be "' in differences(run)
    assert '(printed "9' in differences(run)


def test_a_figure_that_the_json_does_not_know_is_found(run: Run) -> None:
    forged = '<data class="figure" data-id="made.up" value="1">1</data></main>'
    edit(run, "report.html", lambda text: text.replace("</main>", forged))
    bless(run)

    assert "report.html: figure made.up is not in report.json" in differences(run)


def test_a_word_changed_in_the_page_is_found_though_its_checksum_is_forged(run: Run) -> None:
    edit(run, "report.html", lambda text: text.replace("Euros lead", "Euros lag"))
    bless(run)

    assert re.search(r"report\.html: line \d+ should read \".*Euros lead", differences(run))


def test_a_number_changed_in_a_chart_is_found_though_its_checksum_is_forged(run: Run) -> None:
    def change(text: str) -> str:
        head, svg = text.split("<svg", 1)
        return f"{head}<svg" + re.sub(r"(<text [^>]*>)\d+(</text>)", r"\g<1>999\2", svg, count=1)

    edit(run, "report.html", change)
    bless(run)

    assert "report.html: the chart of 'invoices' should show" in differences(run)


def test_a_figure_changed_in_markdown_is_found_though_its_checksum_is_forged(run: Run) -> None:
    edit(run, "report.md", lambda text: text.replace("dead letters.**", "dead letter.**"))
    bless(run)

    assert re.search(r"report\.md: line \d+ should read .*, but reads", differences(run))


def test_a_figure_changed_in_json_is_found_though_its_checksum_is_forged(run: Run) -> None:
    def change(text: str) -> str:
        content = json.loads(text)
        content["figures"]["invoiced_by_currency.EUR.total"]["value"] = "1.000000"
        return json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

    edit(run, "report.json", change)
    bless(run)

    found = differences(run)
    assert 'report.json: figure invoiced_by_currency.EUR.total should be "' in found
    assert 'but is "1.000000"' in found


def test_words_changed_in_json_are_found_though_its_checksum_is_forged(run: Run) -> None:
    edit(run, "report.json", lambda text: text.replace('"headline": "Euros', '"headline": "Yens'))
    bless(run)

    assert (
        'report.json: insights[0].headline should be "Euros lead", but is "Yens lead"'
        in differences(run)
    )


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"figures": {}}'])
def test_a_report_that_is_none_is_found_and_nothing_breaks(run: Run, broken: str) -> None:
    edit(run, "report.json", lambda _: broken)

    assert "report.json is not" in differences(run)


def test_a_changed_amount_in_a_record_is_found(run: Run) -> None:
    rewrite(
        run.lake,
        records_of(run, "invoice"),
        lambda rows: rows[0].update(grand_total=Decimal("1.00")),
    )

    found = differences(run)
    assert "figure run.fingerprints.invoice.sha256 should be" in found
    assert re.search(r"figure invoiced_by_currency\.\w+\.total should be", found)
    assert "field 'grand_total': the value is \"1\", which its quote does not show" in found


def test_a_changed_value_that_no_metric_looks_at_is_found(run: Run) -> None:
    rewrite(
        run.lake,
        records_of(run, "contract"),
        lambda rows: rows[0].update(title="Another agreement"),
    )

    found = differences(run)
    assert "figure run.fingerprints.contract.sha256 should be" in found
    assert "field 'title': the value is \"Another agreement\"" in found


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"start": 1}, "should read"),
        ({"end": 10_000}, "does not lie in the text of"),
        ({"start": -3}, "does not lie in the text of"),
        ({"quote": "something else"}, 'should read "something else"'),
    ],
    ids=["shifted", "past the end", "before the beginning", "other words"],
)
def test_a_changed_span_is_found(run: Run, change: dict[str, Any], sentence: str) -> None:
    rewrite(
        run.lake,
        records_of(run, "receipt"),
        lambda rows: rows[0]["merchant__evidence"][0].update(change),
    )

    found = differences(run)
    assert "field 'merchant': span" in found
    assert sentence in found


def test_a_changed_text_is_found_by_the_spans_that_point_into_it(run: Run) -> None:
    rewrite(
        run.lake,
        run.manifest.shards[0].documents,
        lambda rows: rows[0].update(text="é" + rows[0]["text"]),
    )

    assert "but the text reads" in differences(run)


def test_a_removed_failure_row_is_found(run: Run) -> None:
    rewrite(run.lake, run.lake.failures(RUN, "ingest"), lambda rows: rows.pop())

    found = differences(run)
    assert (
        "failures: scan/locked.pdf could not be read (encrypted), but its dead letter is missing"
        in found
    )
    assert 'figure run.status.dead_letters should be "2"' in found


def test_a_removed_failure_file_of_a_shard_is_found(run: Run) -> None:
    path = next(p for p in run.lake.find(f"failures/{RUN}") if not p.endswith("ingest.parquet"))
    Path(run.lake.full(path)).unlink()

    assert "failed (invalid_answer), but its dead letter is missing" in differences(run)


def test_a_failure_that_nobody_had_is_found(run: Run) -> None:
    rewrite(
        run.lake,
        run.lake.failures(RUN, "ingest"),
        lambda rows: rows.append({**rows[0], "uri": "scan/fine.pdf"}),
    )

    assert "scan/fine.pdf has a dead letter (empty), but did not fail" in differences(run)


def test_a_removed_record_is_found(run: Run) -> None:
    rewrite(run.lake, records_of(run, "receipt"), lambda rows: rows.pop())

    assert "was extracted as receipt, but its record is missing" in differences(run)


def test_a_record_of_a_document_that_is_not_there_is_found(run: Run) -> None:
    rewrite(
        run.lake,
        records_of(run, "receipt"),
        lambda rows: rows.append({**rows[0], "doc_id": "f" * 20, "uri": "ghost.txt"}),
    )

    assert "the record of ghost.txt" in differences(run)


def test_a_removed_source_row_unbalances_the_books(run: Run) -> None:
    rewrite(run.lake, run.lake.run(RUN, "sources.parquet"), lambda rows: rows.pop(0))

    assert "manifest.json: inputs of ingest should be 32" in differences(run)


def test_a_changed_cost_is_found(run: Run) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[0]["baseline_usd"] += 1

    rewrite(run.lake, run.manifest.shards[0].outcomes, change)

    found = differences(run)
    assert "manifest.json: cost.baseline_usd should be" in found
    assert "figure run.cost.baseline_usd should be" in found


def test_a_changed_ledger_is_found(run: Run) -> None:
    path = run.lake.attempts(RUN, run.manifest.shards[0].shard)
    rewrite(run.lake, path, lambda rows: rows[0].update(usd=0.25))

    found = differences(run)
    assert "manifest.json: cost.usd should be 0.25" in found
    assert "figure this_run.usd should be" in found


def test_a_changed_stored_figure_is_found(run: Run) -> None:
    rewrite(
        run.lake,
        run.lake.run(RUN, "metrics.parquet"),
        lambda rows: rows[0].update(value="7"),
    )

    assert 'metrics.parquet: figure run.status.documents should be "33" by' in differences(run)


def test_a_missing_shard_is_told_and_the_rest_is_checked(run: Run) -> None:
    Path(run.lake.full(records_of(run, "invoice"))).unlink()

    found = verify_run(run.lake, RUN)
    assert any("invoice" in d and "is not in the lake" in d for d in found.differences)
    assert found.records > 0


def test_a_flood_of_differences_is_cut_and_counted(run: Run) -> None:
    for shard in run.manifest.shards:

        def change(rows: list[dict[str, Any]]) -> None:
            for row in rows:
                row["text"] = "x" * 40 + row["text"]

        rewrite(run.lake, shard.documents, change)

    found = verify_run(run.lake, RUN).differences
    assert len(found) <= MAX_DIFFERENCES + 1


def test_a_run_that_another_version_wrote_is_compared_by_its_figures(run: Run) -> None:
    manifest = read_manifest(run.lake, RUN)
    write_manifest(run.lake, manifest.model_copy(update={"version": "0.0.1"}))

    assert differences(run) == ""


def test_a_run_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="'nothing' is not in the lake"):
        verify_run(Lake(str(tmp_path)), "nothing")


def test_a_figure_that_lost_its_name_is_a_difference_and_no_traceback(
    published: Run, tmp_path: Path
) -> None:
    shutil.copytree(published.lake.root, tmp_path / "lake")
    run = Run(Lake(str(tmp_path / "lake")), published.manifest)
    content = json.loads(run.path("report.json").read_text("utf-8"))
    name = content["metrics"][0]["rows"][0][0]
    content["figures"][f"{name}x"] = content["figures"].pop(name)
    run.path("report.json").write_text(json.dumps(content), "utf-8")

    told = verify_run(run.lake, RUN).differences

    assert any(one.startswith("report.json cannot be laid out as pages: ") for one in told)


@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(position=st.integers(0, 10**6), name=st.sampled_from(["report.html", "report.json"]))
def test_any_changed_character_is_found(
    published: Run, tmp_path_factory: pytest.TempPathFactory, position: int, name: str
) -> None:
    folder = tmp_path_factory.mktemp("spoiled") / "lake"
    shutil.copytree(published.lake.root, folder)
    run = Run(Lake(str(folder)), published.manifest)
    data = bytearray(run.path(name).read_bytes())
    data[position % len(data)] ^= 1
    run.path(name).write_bytes(bytes(data))

    assert not verify_run(run.lake, RUN).ok
