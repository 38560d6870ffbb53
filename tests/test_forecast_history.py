"""What real runs, with a provider that costs money, teach the next forecast."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from llms.pricing import cost_usd
from schemas.job import Job
from schemas.manifest import Manifest
from schemas.roles import Role
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.call_volumes import ESCALATE, EXTRACT, VERIFY
from tasks.forecast_beliefs import Beliefs
from tasks.forecast_check import Coverage, check_forecasts, wilson
from tasks.forecast_history import learned, past_runs, read_run, recent_runs
from tasks.forecast_job import forecast_job
from tasks.jobs import JobError, expand
from tests.small_runs import PaidProvider, invoice, invoices, make_job, run, write_folder

ENV = PaidProvider.ENV


@pytest.fixture
def job(tmp_path: Path, paid: PaidProvider) -> Job:
    """A job over six invoices on a provider that costs money."""
    source = invoices(tmp_path / "docs", 6)
    return expand(make_job(source, profile="openai", verify={"share": 0.5}))


def finished(job: Job) -> tuple[Lake, Manifest]:
    lake = Lake(job.lake)
    return lake, read_manifest(lake, run(job, ENV).run_id)


def test_a_run_shows_its_calls_its_tokens_and_its_money(job: Job) -> None:
    lake, manifest = finished(job)
    seen = read_run(lake, manifest)

    assert seen is not None
    assert len(seen.asked) == seen.seen.documents == 6
    assert seen.usd == pytest.approx(manifest.cost.usd)
    extract = seen.seen.stages[EXTRACT]
    assert (extract.calls, extract.documents) == (6, 6)
    assert extract.usd == pytest.approx(extract.list_usd)
    assert seen.seen.whole[EXTRACT].calls == 6
    assert sum(stage.usd for stage in seen.seen.stages.values()) == pytest.approx(seen.usd)


def test_an_offline_run_is_worth_what_the_catalog_models_would_have_cost(tmp_path: Path) -> None:
    lake, manifest = finished(make_job(invoices(tmp_path / "docs", 3), profile="offline"))
    seen = read_run(lake, manifest)

    assert seen is not None
    assert manifest.cost.usd == 0
    assert manifest.cost.projected_usd is not None
    # The manifest leaves out the call about the figures.
    assert seen.usd > manifest.cost.projected_usd
    model = manifest.resolution.projected[Role.EXTRACTION_WORKER]
    prompt = seen.seen.stages[EXTRACT].prompt_tokens
    answer = seen.seen.stages[EXTRACT].answer_tokens
    assert seen.usd > cost_usd(model, prompt, 0, answer)


def test_a_run_that_asked_nothing_teaches_nothing(job: Job) -> None:
    run(job, ENV)
    lake, again = finished(job)

    assert read_run(lake, again) is None


def test_own_runs_bring_the_figure_nearer_to_what_a_run_costs(job: Job, tmp_path: Path) -> None:
    before = forecast_job(job, ENV)
    _, manifest = finished(job)
    alike = {f"n{n}.txt": invoice(n + 50, f"{n + 100}.50") for n in range(6)}
    write_folder(tmp_path / "docs", alike)
    after = forecast_job(job, ENV)

    assert (before.runs, after.runs) == (0, 1)
    assert (after.source.done, after.documents) == (6, 6)
    cost = manifest.cost.usd
    assert abs(after.usd.expected - cost) < abs(before.usd.expected - cost)
    assert after.usd.holds(cost)


def test_what_the_lake_holds_already_costs_nothing(job: Job) -> None:
    run(job, ENV)
    found = forecast_job(job, ENV)

    assert (found.source.found, found.source.done, found.documents) == (6, 6, 0)
    assert found.usd.high == 0


def test_another_jobs_runs_of_the_same_types_teach_where_there_are_no_own(job: Job) -> None:
    lake, manifest = finished(job)
    other = job.model_copy(update={"name": "other"})
    stranger = expand(make_job(Path(job.source.path), name="third", types=("receipt",)))

    assert [m.run_id for m in past_runs(lake, other)] == [manifest.run_id]
    assert past_runs(lake, stranger) == []


def test_runs_that_another_model_read_teach_nothing(job: Job) -> None:
    lake, manifest = finished(job)
    reader = manifest.resolution.model(Role.EXTRACTION_WORKER)
    roles = {
        **manifest.resolution.roles,
        Role.EXTRACTION_WORKER: (reader.model_copy(update={"slug": "another"}),),
    }
    other = manifest.resolution.model_copy(update={"roles": roles})

    runs = recent_runs(lake, job, manifest.resolution)
    assert learned(runs, manifest.resolution).runs == 1
    assert recent_runs(lake, job, other) == []
    assert learned(runs, other).runs == 0


def test_shares_and_lengths_move_towards_what_a_run_showed(job: Job) -> None:
    lake, manifest = finished(job)
    (past,) = recent_runs(lake, job, manifest.resolution)
    beliefs = learned([past], manifest.resolution)

    seen = past.seen
    escalated = seen.stages[ESCALATE].documents / 6 if ESCALATE in seen.stages else 0
    assert abs(beliefs.escalated.middle - escalated) < abs(Beliefs().escalated.middle - escalated)
    assert beliefs.calls_of(EXTRACT).middle == pytest.approx(1.0)
    assert VERIFY in beliefs.answers
    model = manifest.resolution.model(Role.EXTRACTION_WORKER)
    assert beliefs.thinking_of(model).middle < model.thinking_factor


class TestCheck:
    @pytest.fixture
    def checked(self, job: Job, tmp_path: Path) -> Coverage:
        """Two runs over different invoices and one that had nothing new."""
        for at in range(2):
            folder = write_folder(
                tmp_path / f"docs{at}",
                {f"{n}.txt": invoice(n + 20 * at, f"{n + at}.50") for n in range(8)},
            )
            source = job.source.model_copy(update={"path": str(folder)})
            run(job.model_copy(update={"source": source}), ENV)
        run(job.model_copy(update={"source": source}), ENV)
        return check_forecasts(Lake(job.lake), job)

    def test_every_run_that_asked_is_held_against_its_forecast(self, checked: Coverage) -> None:
        assert (checked.checked, checked.left_out) == (2, 1)
        assert [one.learned_from for one in checked.runs] == [0, 1]
        assert [one.documents for one in checked.runs] == [8, 8]
        assert checked.held == sum(one.held for one in checked.runs)
        for one in checked.runs:
            assert one.held == (one.usd.low <= one.actual_usd <= one.usd.high)

    def test_the_command_prints_the_share_and_the_runs(
        self, checked: Coverage, job: Job, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = Path(job.source.path)
        words = ["forecast", str(source), "--check", "--out", job.lake]
        (source / "docmill.yaml").write_text("name: post\ntypes: [invoice]\n", encoding="utf-8")

        text = CliRunner().invoke(app, words).stdout
        told: dict[str, Any] = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)

        assert f"held in {checked.held} of 2 runs" in text
        assert all(one.run_id in text for one in checked.runs)
        assert told == checked.model_dump(mode="json")

    def test_a_job_without_runs_cannot_be_checked(self, job: Job) -> None:
        with pytest.raises(JobError, match="has no finished run of job 'post'"):
            check_forecasts(Lake(job.lake), job)


@pytest.mark.parametrize(
    ("hits", "trials", "interval"),
    [(0, 0, (0.0, 1.0)), (9, 10, (0.5958, 0.9821)), (10, 10, (0.7225, 1.0)), (0, 10, (0, 0.2775))],
)
def test_the_wilson_interval_is_that_of_the_books(
    hits: int, trials: int, interval: tuple[float, float]
) -> None:
    assert wilson(hits, trials) == pytest.approx(interval, abs=1e-4)
