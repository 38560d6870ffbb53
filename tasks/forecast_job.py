"""What would `docmill forecast` say of a job here and now? Gathers what a forecast rests on."""

from collections.abc import Mapping

from llms.catalog import Catalog
from llms.providers import providers_of
from schemas.job import Job
from schemas.roles import Resolution
from storage.store import Lake
from tasks.calibrations import calibrations_for
from tasks.call_times import Pace, Speed
from tasks.catalogs import current_catalog
from tasks.forecast import forecast
from tasks.forecast_history import learned, recent_runs
from tasks.forecast_result import Forecast
from tasks.model_choice import models_for
from tasks.record_rows import extraction_key
from tasks.source_survey import SAMPLE, survey


def forecast_job(
    job: Job,
    env: Mapping[str, str],
    *,
    lane: str | None = None,
    probability: float = 0.9,
    sample: int = SAMPLE,
) -> Forecast:
    """Survey the source of a job, learn from its lake and forecast its next run.

    Nothing is sent and nothing is written; a few documents are parsed.

    Args:
        job: The job, its types spelled out, with the user's own providers.
        env: The environment: keys, base URLs, where catalogs are.
        lane: One of `tasks.call_times.LANES`; null takes the job's own, else standard.
        probability: That the run's figures lie in their ranges.
        sample: Documents to parse at most.

    Raises:
        JobError, SourceError, LakeError, SandboxError: The job, its source or its lake is at
            fault.
        ProviderError, CatalogError: A profile, a model or a price is at fault.
    """
    lake = Lake(job.lake)
    resolution = models_for(job, lake, env)
    catalog = current_catalog(env)
    pace = pace_of(job, resolution, catalog, env)
    certified = calibrations_for(lake, job, resolution).calibrations
    return forecast(
        job,
        survey(job, lake, extraction_key(job, resolution, certified), sample=sample),
        resolution,
        beliefs=learned(recent_runs(lake, job, resolution, pace), resolution),
        pace=pace,
        lane=lane or job.lane or "standard",
        probability=probability,
    )


def pace_of(job: Job, resolution: Resolution, catalog: Catalog, env: Mapping[str, str]) -> Pace:
    """Speeds as the catalog measured them, limits as the providers' declarations state them."""
    return Pace(
        speeds={row.slug: Speed.of(row.ttft, row.tps) for row in catalog.models},
        providers=providers_of(resolution, env, job.providers),
        concurrency=job.concurrency,
    )
