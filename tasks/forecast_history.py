"""What did own runs show of the quantities that a forecast is uncertain of?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llms.pricing import CHARS_PER_TOKEN, cost_usd
from schemas.job import Job
from schemas.manifest import Manifest, RunStatus
from schemas.providers import Lane
from schemas.roles import Model, Resolution, Role
from storage.manifests import newest_first, read_manifest
from storage.store import Lake, LakeError
from tasks.call_times import Asked, Pace, run_seconds
from tasks.call_volumes import Stage, Texts, full_volumes, stage_of
from tasks.forecast import asked_models
from tasks.forecast_beliefs import Beliefs, RunSeen, StageSeen
from tasks.jobs import document_types

MOST_RUNS = 20
"""Own runs that a forecast learns from: the latest ones."""

_MOST_LOOKED_AT = 200
"""Manifests read in search of them; a lake may hold the runs of many jobs."""

_LEDGER = [
    "stage", "role", "model", "doc_id", "input_tokens", "output_tokens", "reasoning_tokens",
    "input_price", "output_price", "usd", "stored_usd", "from_store",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PastRun:
    """A finished run: what it asked about, what it cost, what it showed.

    Attributes:
        manifest: Its manifest.
        asked: The documents that models were asked about.
        usd: What its answers cost, whenever they were paid; of an offline run, what they would
            have cost on the catalog's models.
        seen: What it teaches.
    """

    manifest: Manifest
    asked: frozenset[str]
    usd: float
    seen: RunSeen


def past_runs(lake: Lake, job: Job) -> list[Manifest]:
    """The finished runs that tell something of a job, oldest first.

    Those of the job itself; where there are none, those of other jobs with the same types.
    """
    done = sorted(_done(lake), key=lambda manifest: manifest.started_at)
    own = [m for m in done if m.job.name == job.name]
    names = _type_names(job)
    return own or [m for m in done if _type_names(m.job) == names]


def _done(lake: Lake) -> Iterator[Manifest]:
    for run_id in newest_first(lake.folders("runs"))[:_MOST_LOOKED_AT]:
        try:
            manifest = read_manifest(lake, run_id)
        except LakeError:
            continue  # a folder without a manifest, or a damaged one, of which `show` tells
        if manifest.status is RunStatus.DONE and manifest.ingest.done:
            yield manifest


def recent_runs(
    lake: Lake, job: Job, resolution: Resolution, pace: Pace | None = None
) -> list[PastRun]:
    """The latest runs that a forecast of a job may learn from, oldest first.

    Args:
        lake: Where their ledgers are.
        job: The job.
        resolution: The models of the run that is forecast.
        pace: What is known of speeds and limits, for how long runs take.
    """
    found: list[PastRun] = []
    for manifest in reversed(past_runs(lake, job)):
        run = read_run(lake, manifest, pace) if _is_like(manifest.resolution, resolution) else None
        if run is not None:
            found.append(run)
        if len(found) == MOST_RUNS:
            break
    return found[::-1]


def learned(runs: Iterable[PastRun], resolution: Resolution) -> Beliefs:
    """What to believe after some runs.

    Only those in which the same model read the documents count: another one answers otherwise.

    Args:
        runs: The runs, oldest first.
        resolution: The models of the run that is forecast.
    """
    beliefs = Beliefs()
    for run in runs:
        if _is_like(run.manifest.resolution, resolution):
            beliefs = beliefs.after(run.seen, models_of(run.manifest.resolution))
    return beliefs


def _is_like(one: Resolution, other: Resolution) -> bool:
    reader = Role.EXTRACTION_WORKER
    return one.model(reader).slug == other.model(reader).slug


def models_of(resolution: Resolution) -> dict[str, Model]:
    """The models that may have answered in a run, by slug."""
    return {model.slug: model for model in resolution.everybody}


def read_run(lake: Lake, manifest: Manifest, pace: Pace | None = None) -> PastRun | None:
    """Read what a run showed; null for one that asked nothing, or whose documents are gone."""
    rows = list(_rows(lake, manifest.run_id))
    asked = frozenset(row["doc_id"] for row in rows if row["doc_id"] is not None)
    try:
        texts = [Texts(chars, 1) for chars in text_chars(lake, manifest, asked).values()]
    except LakeError:
        return None
    if not texts:
        return None
    seen = RunSeen(
        documents=len(asked),
        whole=full_volumes(manifest.job, texts),
        stages=_stages(rows),
        billed=_billed(rows),
        verify_share=manifest.job.verify.share,
        pace=_pace(manifest, rows, len(asked), pace or Pace(concurrency=manifest.job.concurrency)),
    )
    return PastRun(manifest, asked, _worth(rows, manifest.resolution), seen)


def text_chars(lake: Lake, manifest: Manifest, doc_ids: frozenset[str]) -> dict[str, int]:
    """Characters of some of a run's documents, to the next multiple of `CHARS_PER_TOKEN`."""
    found: dict[str, int] = {}
    for shard in manifest.shards:
        table = lake.read_table(shard.documents, ["doc_id", "tokens"])
        ids, tokens = (table.column(name).to_pylist() for name in ("doc_id", "tokens"))
        for doc_id, count in zip(ids, tokens, strict=True):
            if doc_id in doc_ids:
                found[doc_id] = count * CHARS_PER_TOKEN
    return found


def _rows(lake: Lake, run_id: str) -> Iterator[dict[str, Any]]:
    for path in lake.find(f"attempts/{run_id}", ".parquet"):
        yield from lake.read_table(path, _LEDGER).to_pylist()


def _worth(rows: Iterable[Mapping[str, Any]], resolution: Resolution) -> float:
    """What the answers cost: now, or when they came into the store; offline, on the catalog."""
    if not asked_models(resolution)[1]:
        return _booked(rows)
    total = 0.0
    for row in rows:
        model = resolution.projected.get(row["role"])
        if model is not None:
            output = round(row["output_tokens"] * model.thinking_factor)
            total += cost_usd(model, row["input_tokens"], 0, output)
    return total


def _stages(rows: Iterable[Mapping[str, Any]]) -> dict[Stage, StageSeen]:
    by_stage: defaultdict[Stage, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        stage = stage_of(row["stage"], row["role"])
        if stage is not None:
            by_stage[stage].append(row)
    return {stage: _seen(mine) for stage, mine in by_stage.items()}


def _seen(rows: list[Mapping[str, Any]]) -> StageSeen:
    answered = [row for row in rows if row["input_tokens"]]
    return StageSeen(
        calls=len(answered),
        documents=len({row["doc_id"] for row in answered} - {None}),
        prompt_tokens=sum(row["input_tokens"] for row in answered),
        answer_tokens=sum(row["output_tokens"] - row["reasoning_tokens"] for row in answered),
        list_usd=sum(
            row["input_tokens"] * row["input_price"] + row["output_tokens"] * row["output_price"]
            for row in answered
        )
        / 1e6,
        usd=_booked(rows),
    )


def _booked(rows: Iterable[Mapping[str, Any]]) -> float:
    """What rows cost: a new answer has `usd`, one from the store 0 and the price once paid."""
    return float(sum(max(row["usd"], row["stored_usd"]) for row in rows))


def _billed(rows: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    found: defaultdict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        bare, billed = found[row["model"]]
        answer = row["output_tokens"] - row["reasoning_tokens"]
        found[row["model"]] = (bare + answer, billed + row["output_tokens"])
    return dict(found)


def _pace(
    manifest: Manifest, rows: Iterable[Mapping[str, Any]], documents: int, pace: Pace
) -> float | None:
    """Seconds that the run took over those computed from its calls; null where unknown.

    Other lanes than the standard one have waiting times of their own, and teach nothing.
    """
    is_standard = not set(manifest.job.wanted_lanes.values()) - {Lane.STANDARD}
    if not manifest.seconds or not is_standard or manifest.job.ready_by is not None:
        return None
    models = models_of(manifest.resolution)
    asked = [
        Asked(models[row["model"]], 1, row["input_tokens"], row["output_tokens"])
        for row in rows
        if row["model"] in models and row["input_tokens"] and not row["from_store"]
    ]
    return manifest.seconds / run_seconds(asked, documents, pace)


def _type_names(job: Job) -> frozenset[str]:
    return frozenset(t.name for t in document_types(job))
