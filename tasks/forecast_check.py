"""How often did the range hold? Forecasts of past runs, made again as they would have been then."""

import hashlib
import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

from pydantic import BaseModel, ConfigDict, Field

from schemas.job import Job
from storage.store import Lake
from tasks.forecast import forecast
from tasks.forecast_history import MOST_RUNS, PastRun, learned, past_runs, read_run, text_chars
from tasks.forecast_result import Range, SourceForecast
from tasks.jobs import JobError
from tasks.source_survey import SAMPLE, Survey
from tasks.text_size import DocumentSize

_CONFIDENCE = 0.95


class CheckedRun(BaseModel):
    """A past run beside its forecast.

    Attributes:
        learned_from: Earlier runs that the forecast could learn from.
        usd: What the forecast said.
        actual_usd: What the run's answers cost, whenever they were paid; of an offline run, what
            they would have cost on the catalog's models.
        held: Whether the range holds that.
    """

    model_config = ConfigDict(frozen=True)

    run_id: str
    documents: int
    learned_from: int
    usd: Range
    actual_usd: float
    held: bool


class Coverage(BaseModel):
    """How often the range held, against the probability that was stated.

    Attributes:
        share: `held` over `checked`; null when nothing was checked.
        low: Lower end of the Wilson interval of that share, with 95 % confidence.
        high: Its upper end.
        left_out: Runs that asked no model, or whose documents are gone.
    """

    model_config = ConfigDict(frozen=True)

    job: str
    probability: float
    checked: int
    held: int
    share: float | None
    low: float
    high: float
    left_out: int = 0
    runs: tuple[CheckedRun, ...] = Field(default=())


def check_forecasts(
    lake: Lake, job: Job, *, probability: float = 0.9, sample: int = SAMPLE
) -> Coverage:
    """Forecast every finished run of a job from what was known before it, and compare.

    What a run found is known from its list of sources: the documents' names and sizes, and the
    texts that the lake held already. Of the others a seeded sample counts as parsed, as a
    forecast would have parsed it. Only earlier runs teach. Prices are those the run pinned.

    Args:
        lake: The lake with the runs.
        job: The job.
        probability: What the ranges are made for.
        sample: Documents that a forecast parses.

    Raises:
        JobError: The lake has no finished run of the job.
    """
    manifests = [m for m in past_runs(lake, job) if m.job.name == job.name]
    if not manifests:
        raise JobError(
            f"the lake {lake.url} has no finished run of job {job.name!r} to check a forecast on"
        )
    runs = [run for run in (read_run(lake, manifest) for manifest in manifests) if run is not None]
    checked = [
        _checked(lake, run, runs[max(0, at - MOST_RUNS) : at], probability, sample)
        for at, run in enumerate(runs)
    ]
    return coverage(job.name, probability, checked, left_out=len(manifests) - len(checked))


def coverage(
    job: str, probability: float, runs: Sequence[CheckedRun], *, left_out: int = 0
) -> Coverage:
    """Count how many of some runs ended in their range."""
    held = sum(run.held for run in runs)
    low, high = wilson(held, len(runs))
    return Coverage(
        job=job,
        probability=probability,
        checked=len(runs),
        held=held,
        share=held / len(runs) if runs else None,
        low=low,
        high=high,
        left_out=left_out,
        runs=tuple(runs),
    )


def wilson(hits: int, trials: int, confidence: float = _CONFIDENCE) -> tuple[float, float]:
    """The Wilson score interval of a share; everything is possible where nothing was tried."""
    if not trials:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = hits / trials
    center = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    return max(0.0, (center - half) / scale), min(1.0, (center + half) / scale)


def _checked(
    lake: Lake, run: PastRun, earlier: Sequence[PastRun], probability: float, sample: int
) -> CheckedRun:
    manifest = run.manifest
    beliefs = learned(earlier, manifest.resolution)
    said = forecast(
        manifest.job,
        _survey_then(lake, run, sample),
        manifest.resolution,
        beliefs=beliefs,
        lane=manifest.job.lane or "standard",
        probability=probability,
    )
    usd = said.projected_usd or said.usd
    return CheckedRun(
        run_id=manifest.run_id,
        documents=len(run.asked),
        learned_from=beliefs.runs,
        usd=usd,
        actual_usd=run.usd,
        held=usd.holds(run.usd),
    )


def _survey_then(lake: Lake, run: PastRun, sample: int) -> Survey:
    """What a survey would have said before a run: sizes of all documents, texts of a few."""
    manifest = run.manifest
    sources = lake.read_table(
        lake.run(manifest.run_id, "sources.parquet"), ["uri", "doc_id", "status", "bytes"]
    ).to_pylist()
    rows = {row["doc_id"]: row for row in sources if row["status"] in ("parsed", "known")}
    asked = {doc_id: row for doc_id, row in rows.items() if doc_id in run.asked}
    chars = text_chars(lake, manifest, run.asked)
    then = {doc_id for doc_id, row in asked.items() if row["status"] == "known"}
    new = sorted(asked.keys() - then, key=lambda doc_id: _sample_key(manifest.job.seed, doc_id))
    then |= set(new[:sample])
    documents = tuple(
        _size(row, chars.get(doc_id), doc_id in then) for doc_id, row in asked.items()
    )
    return Survey(
        source=SourceForecast(
            found=len(sources),
            asked=len(documents),
            measured=sum(size.text_chars is not None for size in documents),
            sampled=min(sample, len(new)),
        ),
        documents=documents,
    )


def _sample_key(seed: int, doc_id: str) -> bytes:
    return hashlib.blake2b(f"{seed}:{doc_id}".encode(), digest_size=8).digest()


def _size(row: Mapping[str, object], chars: int | None, is_known: bool) -> DocumentSize:
    size = row["bytes"]
    return DocumentSize(
        size if isinstance(size, int) else 0, str(row["uri"]), chars if is_known else None
    )
