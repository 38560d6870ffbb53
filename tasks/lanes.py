"""In which lanes does a run call models, and how many documents wait for answers at once?"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from llms.batches.book import BatchBook
from llms.lane_choice import (
    CANCELLING_S,
    FLEX_WAIT,
    MARGIN,
    LaneChoice,
    StageNeed,
    choose_lanes,
)
from llms.pricing import lane_price
from llms.responses import ResponseStore
from llms.service_lanes import LanePlan
from schemas.job import Job
from schemas.manifest import Manifest
from schemas.providers import Lane, Provider
from schemas.roles import Model, Resolution
from tasks.call_times import Asked, Pace, run_seconds
from tasks.call_volumes import STAGES, Stage, Texts, Volume, full_volumes
from tasks.jobs import JobError

SHARDS_AT_ONCE = 4
"""Shards in work at once; the documents in flight are bounded by the job, not by this."""

MOST_SHARDS_AT_ONCE = 256
"""Shards in work at once while documents wait for batches; each keeps a thread waiting."""

_LEAST_PREPARED = 2
"""Documents in work beside those with a request in flight, however few these are."""

USUAL_BATCH_S = 5400.0
"""How long a batch is expected to take before an own one has been seen. Assumed: OpenAI promises a
day and says that it is often much less."""

LONGEST_BATCHES_S = 86_400.0
"""How long batches may take that a run is sent to for want of money, where it has no time to be
ready: the day that the API promises for one."""

_USUAL_CHARS = 8000
"""Characters of text of the usual document."""

_SHARES = {"escalate": 0.3, "retry": 0.1}
"""Share of the documents that need a stage, where not all do. Assumed."""


def check_lanes(job: Job, resolution: Resolution, providers: Mapping[str, Provider]) -> None:
    """Make sure that whoever is asked first in a stage offers the lane that the job names for it.

    Raises:
        JobError: It does not.
    """
    wanted = job.wanted_lanes
    for stage in STAGES:
        model = _asked_first(stage, resolution)
        lane = wanted.get(stage.asks, Lane.STANDARD)
        if model is None or lane in (offered := providers[model.provider].lanes):
            continue
        raise JobError(
            f"provider {model.provider} has no {lane.value} lane for the stage {stage.asks} (it "
            f"has {', '.join(offered)}); leave the lane away, or name it under `lanes` of the "
            "provider if it has one after all"
        )


def lane_notes(job: Job, resolution: Resolution, providers: Mapping[str, Provider]) -> list[str]:
    """What whoever wants batches should know: where there are none, and where they save nothing."""
    asked = [_asked_first(one, resolution) for one in STAGES if one.asks in _may_be_batched(job)]
    models = [model for model in dict.fromkeys(asked) if model is not None]
    without = {m.provider for m in models if Lane.BATCH not in providers[m.provider].lanes}
    unknown = sorted(
        model.slug
        for model in models
        if model.provider not in without and lane_price(model, Lane.BATCH.value) == 1
    )
    notes = [f"provider {name} has no batch lane: it is asked online" for name in sorted(without)]
    if unknown:
        notes.append(
            f"no batch discount is known for {', '.join(unknown)}: batches are booked at the "
            "standard price, and chosen only where the job names the lane; "
            "`docmill models refresh` may know more"
        )
    flexing = {name for name, lane in job.wanted_lanes.items() if lane is Lane.FLEX}
    plain = sorted(
        {
            f"{model.slug} at {model.provider}"
            for stage in STAGES
            if stage.asks in flexing
            and (model := _asked_first(stage, resolution)) is not None
            and lane_price(model, Lane.FLEX.value) == 1
        }
    )
    if plain:
        notes.append(
            f"no flex price is known for {', '.join(plain)}: flex calls are booked, capped and "
            "compared at the standard price, which is the most they can cost"
        )
    return notes


def ready_at(ready_by: time | datetime | None, started_at: datetime) -> float | None:
    """When a run is to be ready, in seconds since the epoch; a time of day is the next one.

    Args:
        ready_by: What the job says; without a time zone, the machine's own.
        started_at: When the run began, however often it has been resumed since.
    """
    if ready_by is None:
        return None
    if isinstance(ready_by, datetime):
        return ready_by.timestamp()
    begun = started_at.astimezone(ready_by.tzinfo)
    # Put together anew: a day is not always 24 hours long.
    found = datetime.combine(begun.date(), ready_by, begun.tzinfo if ready_by.tzinfo else None)
    if found.timestamp() <= started_at.timestamp():
        found = datetime.combine(found.date() + timedelta(days=1), ready_by, found.tzinfo)
    return found.timestamp()


def plan_lanes(
    manifest: Manifest, providers: Mapping[str, Provider], store: ResponseStore, *, now: float
) -> tuple[LanePlan, LaneChoice]:
    """What is wanted of the lanes in a run whose documents have been found.

    Args:
        manifest: The run.
        providers: Its providers.
        store: Knows how long own batches took.
        now: Seconds since the epoch.
    """
    job = manifest.job
    end = ready_at(job.ready_by, manifest.started_at)
    batching = [name for name, one in providers.items() if Lane.BATCH in one.lanes]
    batch_s = BatchBook(store).usual_seconds(batching) or USUAL_BATCH_S
    needs = stage_needs(job, manifest.resolution, providers, manifest.ingest.done)
    left_s = None if end is None else end - now
    choice = choose_lanes(needs, wanted=job.wanted_lanes, left_s=left_s, batch_s=batch_s)
    return (
        LanePlan(
            lanes={**job.wanted_lanes, **choice.lanes},
            leave_at=None if end is None or choice.reserve_s is None else end - choice.reserve_s,
            round_s=batch_s,
            online=job.concurrency,
        ),
        choice,
    )


def stage_needs(
    job: Job, resolution: Resolution, providers: Mapping[str, Provider], documents: int
) -> list[StageNeed]:
    """What each stage that works on documents should take, from the usual document.

    Rough on purpose: it decides on the order in which stages go into batches, and on how early
    batches are given up.
    """
    volumes = full_volumes(job, [Texts(_USUAL_CHARS, documents)])
    pace = Pace(providers=providers, concurrency=job.concurrency)
    found: dict[str, list[tuple[Model, Volume]]] = {}
    for stage, volume in volumes.items():
        model = _asked_first(stage, resolution)
        if stage.asks != "insights" and model is not None and volume.calls:
            found.setdefault(stage.asks, []).append((model, volume))
    return [_need(name, asked, pace, job, documents) for name, asked in found.items()]


@dataclass(frozen=True, slots=True)
class Cheaper:
    """A lane for the rest of a run.

    Attributes:
        lane: The lane.
        stages: What is sent there.
        factor: What a document costs there, as a share of what it costs now.
    """

    lane: Lane
    stages: frozenset[str]
    factor: float


def cheaper_lane(
    manifest: Manifest,
    providers: Mapping[str, Provider],
    plan: LanePlan,
    documents_left: float,
    *,
    now: float,
) -> Cheaper | None:
    """The cheapest lane that the rest of a run could be sent in and still be waited for.

    Stages whose lane the job names stay there. Of two lanes that cost the same it is the faster.

    Args:
        manifest: The run.
        providers: Its providers.
        plan: The lanes it uses.
        documents_left: Documents still to be worked on.
        now: Seconds since the epoch.
    """
    job, all_documents = manifest.job, max(1, manifest.ingest.done)
    needs = stage_needs(job, manifest.resolution, providers, all_documents)
    free = [
        need
        for need in needs
        if need.name not in job.wanted_lanes and plan.lanes.get(need.name) in (None, Lane.STANDARD)
    ]
    end = ready_at(job.ready_by, manifest.started_at)
    left_s = LONGEST_BATCHES_S if end is None else end - now
    online_s = sum(need.online_s for need in needs) * documents_left / all_documents
    found: list[Cheaper] = []
    for lane in (Lane.FLEX, Lane.BATCH):
        stages = frozenset(need.name for need in free if need.saves.get(lane, 0.0) > 0)
        rounds = len(stages) * math.ceil(documents_left / documents_at_once(job, plan))
        waits = {
            Lane.FLEX: MARGIN * FLEX_WAIT * online_s,
            Lane.BATCH: rounds * plan.round_s + CANCELLING_S + MARGIN * online_s,
        }
        is_soon = waits[lane] <= left_s or (lane is Lane.FLEX and end is None)
        if stages and is_soon:
            found.append(Cheaper(lane, stages, _price_there(needs, stages, lane)))
    return min(found, key=lambda one: one.factor, default=None)


def _price_there(needs: Sequence[StageNeed], stages: Collection[str], lane: Lane) -> float:
    now_usd = sum(need.usd for need in needs)
    saved = sum(need.usd * need.saves[lane] for need in needs if need.name in stages)
    return 1 - saved / now_usd if now_usd else 1.0


def _may_be_batched(job: Job) -> set[str]:
    """The stages that may go into batches."""
    wanted = job.wanted_lanes
    free = {stage.asks for stage in STAGES} - {"insights"} if job.ready_by else set()
    return {name for name, lane in wanted.items() if lane is Lane.BATCH} | (free - set(wanted))


def may_batch(job: Job) -> bool:
    """Whether a run of a job may put anything into batches."""
    return job.ready_by is not None or Lane.BATCH in job.wanted_lanes.values()


def documents_at_once(job: Job, plan: LanePlan) -> int:
    """Documents in work: those that wait for a batch cost hardly more than memory.

    Online, half as many again as may have a request in flight: while some are read, judged and
    written to the store, others have what it takes to be sent.
    """
    prepared = job.concurrency + max(_LEAST_PREPARED, job.concurrency // 2)
    return max(prepared, job.batch_documents) if plan.has_batches else prepared


def shards_at_once(job: Job) -> int:
    """Shards in work at once: enough for the documents that may be in flight."""
    if not may_batch(job):
        return SHARDS_AT_ONCE
    wanted = -(-max(job.concurrency, job.batch_documents) // job.shard_size)
    return min(max(wanted, SHARDS_AT_ONCE), MOST_SHARDS_AT_ONCE)


def _need(
    name: str, asked: list[tuple[Model, Volume]], pace: Pace, job: Job, documents: int
) -> StageNeed:
    due = {
        "verify": job.verify.share,
        "decide": job.orchestrator.share,
        "shadow": job.shadow.share,
    }
    share = _SHARES.get(name, due.get(name, 1.0))
    usd = 0.0
    calls = []
    for model, volume in asked:
        billed = volume.answer_tokens * model.expected_factor
        input_price, output_price = model.input_price or 0.0, model.output_price or 0.0
        usd += share * (volume.prompt_tokens * input_price + billed * output_price) / 1e6
        calls.append(
            Asked(model, share * volume.calls, share * volume.prompt_tokens, share * billed)
        )
    lanes = {lane for model, _ in asked for lane in pace.providers[model.provider].lanes}
    model = asked[0][0]
    return StageNeed(
        name=name,
        usd=usd,
        online_s=run_seconds(calls, documents, pace) - run_seconds([], documents, pace),
        saves={lane: 1 - lane_price(model, lane) for lane in lanes},
    )


def _asked_first(stage: Stage, resolution: Resolution) -> Model | None:
    """Who is asked first in a stage; a verifier is never who answered."""
    if stage.asks == "verify" and resolution.verifiers:
        return resolution.verifiers[0]
    ranked = resolution.roles.get(stage.role, ())
    return ranked[min(stage.place, len(ranked) - 1)] if ranked else None
