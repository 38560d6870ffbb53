"""How is one batch run so that a strong model, asked about a sample of it, vouches for the rest?"""

import glob
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow.compute as pc

from flows.calibration_runs import CalibrationRefusedError, CalibrationRuns, Watch, unwatched
from flows.wiring import resolve_models
from schemas.calibration import Calibration
from schemas.counted import counted
from schemas.job import Job
from schemas.manifest import Manifest, RunSummary
from schemas.roles import Model, Resolution, Role
from storage.store import Lake
from tasks.calibration_batch import (
    ORDER,
    CheapAnswer,
    Sample,
    certify_batch,
    first_answers,
    sample_of,
)
from tasks.calibrations import Applicable, promise_words, scope_of
from tasks.jobs import document_types, expand
from tasks.provider_config import with_user_config

Say = Callable[[str], None]


@dataclass(slots=True)
class JudgedBatch:
    """A batch that a strong model has judged.

    Attributes:
        judge: Who judged.
        calibrations: Per document type, what was certified.
        samples: Per document type, what was judged.
        kept: Per document type and field, share of the cheap answers that stay.
        runs: The runs, the last one being the output.
    """

    judge: str
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    samples: dict[str, Sample] = field(default_factory=dict)
    kept: dict[str, dict[str, float]] = field(default_factory=dict)
    runs: list[RunSummary] = field(default_factory=list)


def judge_batch(
    job: Job,
    judge: str,
    *,
    target: float = 0.95,
    delta: float = 0.1,
    env: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
    watch: Watch = unwatched,
) -> JudgedBatch:
    """Run a batch with the cheap answers that a strong model's sample vouches for.

    The first tier reads all documents, the strong model a sample. Per field, the surest cheap
    answers stay as long as the exact hypergeometric test allows; all others are asked of the strong
    model, whose answers about the sample are kept.

    Args:
        job: What to run; its budget is for all runs together.
        judge: A role, or a model by slug, name or API id.
        target: Share of each field of the batch that is to be as the strong model has it.
        delta: Probability with which that may fail, per field.
        env: The environment; null takes the process's own.
        say: Told what happens, a sentence at a time.
        watch: Shows the progress of each run.

    Raises:
        CalibrationRefusedError: The batch is too small to spare the strong model anything, told
            before it is asked; or a run failed.
        CalibrationParkedError: A run was parked.
        JobError, ProviderError, CatalogError: The job or the judge is at fault.
    """
    env = os.environ if env is None else env
    # As a run has it: providers of the user's own count when the judge is looked for.
    job = with_user_config(expand(job), env)
    resolution = _with_judge(job, judge, env)
    strong = resolution.model(Role.REASONING_WORKER)
    runs = CalibrationRuns(env, job.budget_usd, watch)
    done = JudgedBatch(judge=strong.shown_name, runs=runs.done)
    trial = _trusting(job)
    say(f"1 of 3: {resolution.model(Role.EXTRACTION_WORKER).shown_name} reads the batch")
    first = runs.run(trial, resolution)
    lake = Lake(first.job.lake)
    cheap = first_answers(lake, first)
    for name, answers in cheap.items():
        done.samples[name] = sample_of(answers, target, delta, f"{job.seed}:{name}")
    for line in _announced(done, target):
        say(line)
    drawn = frozenset().union(*(sample.drawn for sample in done.samples.values()))
    say(f"2 of 3: {strong.shown_name} reads {len(drawn)} of them, too")
    said = _strong_answers(lake, trial, first, resolution, drawn, runs)
    for t in document_types(job):
        if t.name in cheap:
            done.calibrations[t.name] = Calibration(
                scope=scope_of(job, resolution, t, strong_is_judge=True),
                made_on=datetime.now(UTC).date(),
                confidences={
                    name: {a.model: ORDER for a in cheap[t.name]}
                    for name in (spec.name for spec in t.fields)
                },
                escalate_below=_levels(
                    guarantees := certify_batch(
                        cheap[t.name], said, done.samples[t.name], target, delta
                    )
                ),
                guarantees=guarantees,
                strong_documents=done.samples[t.name].drawn,
            )
            done.kept[t.name] = _kept(cheap[t.name], done.calibrations[t.name])
    words = [w for name, one in done.calibrations.items() for w in promise_words(name, one)]
    say("3 of 3: the batch, with the strong model where nothing vouches for the cheap answer")
    output = job.model_copy(
        update={
            "verify": job.verify.model_copy(update={"share": 0.0}),
            "audit": job.audit.model_copy(update={"share": 0.0}),
        }
    )
    runs.run(output, resolution, Applicable(done.calibrations, tuple(words)))
    return done


def _with_judge(job: Job, judge: str, env: Mapping[str, str]) -> Resolution:
    """Who plays the roles, the judge being the second tier."""
    chosen: tuple[Model, ...]
    if judge in set(Role):
        resolution = resolve_models(job, env)
        chosen = resolution.roles[Role(judge)]
    else:
        named = job.models.model_copy(update={Role.REASONING_WORKER.value: judge})
        resolution = resolve_models(job.model_copy(update={"models": named}), env)
        chosen = resolution.roles[Role.REASONING_WORKER]
    if chosen[0].slug == resolution.model(Role.EXTRACTION_WORKER).slug:
        raise CalibrationRefusedError(
            f"{chosen[0].shown_name} would judge itself; name another judge, or another "
            "extraction_worker under `models`"
        )
    # The judge alone: what another model says is not what was sampled.
    roles = {**resolution.roles, Role.REASONING_WORKER: chosen[:1]}
    return resolution.model_copy(update={"roles": roles})


def _announced(done: JudgedBatch, target: float) -> list[str]:
    lines = []
    for name, sample in done.samples.items():
        n, size = len(sample.documents), len(sample.drawn)
        lines.append(
            f"{name}: {counted(n, 'document')}; {size} of them are judged, {sample.smallest} are "
            f"the fewest that could certify {target:g}"
        )
    if all(len(s.drawn) >= len(s.documents) for s in done.samples.values()):
        raise CalibrationRefusedError(
            f"{'; '.join(lines) or 'no document was extracted'}: nothing would be spared; run the "
            "batch with the strong model alone"
        )
    return lines


def _trusting(job: Job) -> Job:
    """The job that believes every sound answer of its first tier, under a name of its own."""
    return job.model_copy(
        update={
            "name": f"{job.name[:51]}.calibration",
            "cascade": job.cascade.model_copy(update={"min_confidence": 0.0, "calibrated": False}),
            "verify": job.verify.model_copy(update={"share": 0.0}),
            "audit": job.audit.model_copy(update={"share": 0.0}),
            "orchestrator": job.orchestrator.model_copy(update={"share": 0.0}),
            "analysis": job.analysis.model_copy(update={"max_insights": 0}),
        }
    )


def _strong_answers(
    lake: Lake,
    trial: Job,
    first: Manifest,
    resolution: Resolution,
    drawn: frozenset[str],
    runs: CalibrationRuns,
) -> dict[tuple[str, str], tuple[str, ...]]:
    """What the strong model says of the sample, by document and field."""
    sources = lake.read_table(lake.run(first.run_id, "sources.parquet"), ["uri", "doc_id"])
    listed = sources.filter(pc.is_valid(sources.column("doc_id"))).to_pylist()
    files = tuple(glob.escape(row["uri"]) for row in listed if row["doc_id"] in drawn)
    source = trial.source.model_copy(update={"include": files, "limit": None})
    roles = {**resolution.roles, Role.EXTRACTION_WORKER: resolution.roles[Role.REASONING_WORKER]}
    manifest = runs.run(
        trial.model_copy(update={"source": source}), resolution.model_copy(update={"roles": roles})
    )
    return {
        (answer.document, answer.field): answer.values
        for answers in first_answers(lake, manifest).values()
        for answer in answers
    }


def _levels(guarantees: Mapping[str, object]) -> dict[str, float]:
    return {
        name: 2.0 if (level := getattr(one, "threshold", None)) is None else level
        for name, one in guarantees.items()
    }


def _kept(answers: list[CheapAnswer], calibration: Calibration) -> dict[str, float]:
    """Per field, the share of the batch whose cheap answer stays."""
    counts: dict[str, list[int]] = {}
    for one in answers:
        level = calibration.accept_from(one.field)
        stays = (
            level is not None
            and one.sure >= level
            and one.document not in calibration.strong_documents
        )
        count = counts.setdefault(one.field, [0, 0])
        count[0] += stays
        count[1] += 1
    return {name: stays / n for name, (stays, n) in counts.items()}
