"""How is a cascade calibrated on labels? Ask every tier, fit, run it, certify, store."""

import glob
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from flows.calibration_runs import CalibrationRefusedError, CalibrationRuns, Watch, unwatched
from llms.calibration import learn_then_test as ltt
from llms.calibration.traits import starts_higher
from schemas.calibration import Calibration, Guarantee
from schemas.counted import counted
from schemas.job import Job
from schemas.manifest import Manifest, RunSummary
from schemas.roles import Resolution
from storage.store import Lake
from tasks.calibration_curve import Point, Prices, curve, draw_curve, point_at, prices_of
from tasks.calibration_fit import (
    FittedType,
    Promise,
    certify_fields,
    certify_records,
    expected_for_certifying,
    fit_type,
    is_for_fitting,
    refusal,
)
from tasks.calibration_labels import (
    JudgedAnswer,
    Labels,
    final_answers,
    judged_answers,
)
from tasks.calibration_start import learn_start, texts_of
from tasks.calibrations import promise_words, scope_of, store_calibration
from tasks.gold import Gold, load_gold
from tasks.jobs import JobError, document_types, load_job

Unit = Literal["field", "record"]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CalibratedType:
    """What came out for a document type.

    Attributes:
        name: The type.
        calibration: What was stored.
        path: Where, in the lake.
        picture: The cost/quality curve as SVG, in the lake; null where one tier answered alone.
        points: The curve.
        escalated: Per field, share of the certifying documents whose field went up, or started
            there.
        higher: The certifying documents that start in the second tier by its rule.
        certifying: How many there are.
        fitted: The confidences, and why fields go up where they do.
    """

    name: str
    calibration: Calibration
    path: str
    picture: str | None
    points: tuple[Point, ...]
    escalated: Mapping[str, float]
    higher: frozenset[str]
    certifying: int
    fitted: FittedType


@dataclass(slots=True)
class Calibrated:
    """A finished calibration: its types, and the two runs it rests on."""

    gold: str
    lake: str
    target: float
    delta: float
    runs: list[RunSummary] = field(default_factory=list)
    types: list[CalibratedType] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    @property
    def usd(self) -> float:
        """What both runs have spent."""
        return sum(run.usd for run in self.runs)


def calibrate(
    path: str,
    *,
    job_file: str | None = None,
    target: float = 0.95,
    delta: float = 0.1,
    out: str | None = None,
    profile: str | None = None,
    promise: Promise | None = None,
    unit: Unit = "field",
    budget_usd: float | None = None,
    env: Mapping[str, str] | None = None,
    say: Say = lambda _: None,
    watch: Watch = unwatched,
) -> Calibrated:
    """Calibrate the cascade of a job on a gold folder and store what may be promised.

    Args:
        path: The gold folder.
        job_file: The job that will use it; null takes the folder's own.
        target: Share of right answers to promise.
        delta: Probability with which a promise may fail.
        out: The lake; null takes the job's.
        profile: Set of providers; null takes the job's.
        promise: About accepted answers or all answers; null lets the number of labels decide.
        unit: Promise per field, or per record.
        budget_usd: What both runs together may spend; null takes the job's budget.
        env: The environment; null takes the process's own.
        say: Told what happens, a sentence at a time.
        watch: Shows the progress of each run.

    Raises:
        CalibrationRefusedError: Too few labels, told before anything is spent; or a run failed.
        CalibrationParkedError: A run was parked.
        GoldError, JobError: The folder or the job cannot be used.
    """
    env = os.environ if env is None else env
    gold = load_gold(path)
    job = _job(path, gold, job_file, out, profile)
    for line in _announced(gold, job, target, delta):
        say(line)
    cap = job.budget_usd if budget_usd is None else budget_usd
    runs = CalibrationRuns(env, cap, watch)
    done = Calibrated(gold=path, lake=job.lake, target=target, delta=delta, runs=runs.done)
    rehearsal = _named(job)
    say("1 of 2: every tier answers every field (answers that the lake has cost nothing)")
    first = runs.run(_asking_everybody(rehearsal))
    lake = Lake(first.job.lake)
    labels = Labels(gold, lake, first)
    answers = list(judged_answers(lake, first, labels))
    texts = texts_of(lake, first, labels.files)
    prices = prices_of(lake, first)
    fitted = {
        t.name: _fitted(
            [a for a in answers if a.document_type == t.name and is_for_fitting(a.document)],
            texts,
            prices,
            job,
            target,
        )
        for t in document_types(job)
    }
    now = datetime.now(UTC)
    for t in document_types(rehearsal):
        provisional = _calibration(rehearsal, first.resolution, t.name, fitted[t.name], {}, now)
        store_calibration(lake, rehearsal.name, t.name, provisional, now)
    certifying = [d for d in labels.files if not is_for_fitting(d)]
    files = tuple(glob.escape(labels.files[d]) for d in certifying)
    say(
        f"2 of 2: the cascade as it will run, on {counted(len(certifying), 'document')} kept for "
        "certifying"
    )
    source = rehearsal.source.model_copy(update={"include": files})
    trial = _auditing(rehearsal.model_copy(update={"source": source}))
    second = runs.run(trial, first.resolution)
    final = list(final_answers(lake, second, labels, certifying))
    disagreement = _disagreement(lake, second, delta)
    for t in document_types(job):
        mine = [one for one in final if one.document_type == t.name]
        if not mine:
            say(f"{t.name}: no labelled documents, so no calibration")
            continue
        certify = certify_fields if unit == "field" else certify_records
        guarantees = certify(
            mine,
            fitted[t.name],
            target,
            delta,
            promise=promise,
            floor=job.cascade.min_confidence_last,
        )
        calibration = _calibration(
            job, first.resolution, t.name, fitted[t.name], guarantees, now, disagreement
        )
        held_out = [
            a for a in answers if a.document_type == t.name and not is_for_fitting(a.document)
        ]
        one = _stored(
            lake, job, second, t.name, calibration, fitted[t.name], held_out, texts, prices, now
        )
        done.types.append(one)
        done.words += promise_words(t.name, calibration)
    return done


def _announced(gold: Gold, job: Job, target: float, delta: float) -> list[str]:
    """What can be promised with so many labels; raises where it is nothing at all."""
    only = document_types(job)[0].name
    counts: dict[str, int] = {}
    for label in gold.labels.values():
        name = label.document_type or only
        counts[name] = counts.get(name, 0) + 1
    refused = {name: refusal(n, target, delta) for name, n in counts.items()}
    if all(refused.values()):
        raise CalibrationRefusedError("; ".join(f"{n}: {why}" for n, why in refused.items()))
    needed = ltt.smallest_n(target, delta)
    lines = []
    for name, n in counts.items():
        left = expected_for_certifying(n)
        kind = (
            f"enough for a promise with probability {1 - delta:g} (it takes {needed})"
            if left >= needed
            else f"too few for a promise with probability {1 - delta:g}, which takes {needed}: "
            "only on average over sets of labels"
        )
        lines.append(
            refused[name]
            or f"{name}: {counted(n, 'labelled document')}, about {left} to certify with; {kind}"
        )
    return lines


def _job(path: str, gold: Gold, job_file: str | None, out: str | None, profile: str | None) -> Job:
    overrides: dict[str, Any] = {"analysis": {"max_insights": 0}}
    if out is not None:
        overrides["lake"] = out
    if profile is not None:
        overrides["profile"] = profile
    job = load_job(job_file or path, overrides)
    source = job.source.model_copy(
        update={"path": str(Path(gold.documents).resolve()), "since": None, "until": None}
    )
    labelled = {f.spec.name for f in gold.fields}
    asked = {spec.name for t in document_types(job) for spec in t.fields}
    if not labelled & asked:
        raise JobError(
            f"the job {job.name} asks for none of the fields that {path} has labels for "
            f"({', '.join(sorted(labelled))})"
        )
    return job.model_copy(update={"source": source})


def _named(job: Job) -> Job:
    """The job under a name of its own: its runs are no runs of the job."""
    return job.model_copy(update={"name": f"{job.name[:51]}.calibration"})


def _asking_everybody(job: Job) -> Job:
    cascade = job.cascade.model_copy(update={"every_tier": True, "calibrated": False})
    verify = job.verify.model_copy(update={"share": 0.0})
    audit = job.audit.model_copy(update={"share": 0.0})
    orchestrator = job.orchestrator.model_copy(update={"share": 0.0})
    return job.model_copy(
        update={
            "cascade": cascade,
            "verify": verify,
            "audit": audit,
            "orchestrator": orchestrator,
        }
    )


def _auditing(job: Job) -> Job:
    """The job that audits everything accepted, once, if it audits at all.

    How often does the strong model disagree with right answers?
    """
    if not job.audit.share:
        return job
    return job.model_copy(update={"audit": job.audit.model_copy(update={"share": 1.0})})


def _calibration(
    job: Job,
    resolution: Resolution,
    name: str,
    fitted: FittedType,
    guarantees: Mapping[str, Guarantee],
    now: datetime,
    disagreement: float | None = None,
) -> Calibration:
    document_type = next(t for t in document_types(job) if t.name == name)
    return Calibration(
        scope=scope_of(job, resolution, document_type),
        made_on=now.date(),
        confidences=fitted.confidences,
        escalate_below=fitted.escalate_below,
        guarantees=dict(guarantees),
        disagreement=disagreement,
        start=fitted.start,
    )


def _fitted(
    answers: list[JudgedAnswer],
    texts: Mapping[str, str],
    prices: Prices | None,
    job: Job,
    target: float,
) -> FittedType:
    fitted = fit_type(answers, target)
    return learn_start(fitted, answers, texts, prices, target, job.cascade.context_chars)


def _disagreement(lake: Lake, manifest: Manifest, delta: float) -> float | None:
    """How often the strong model disagreed with accepted answers at most; null: nobody asked it."""
    from llms.calibration.tails import upper_bound

    wrong: list[bool] = []
    for shard in manifest.shards:
        path = lake.answers(manifest.job.name, shard.shard, manifest.extraction_key)
        if lake.exists(path):
            rows = lake.read_table(path, ["step", "agreement"]).to_pylist()
            wrong += [row["agreement"] < 1 for row in rows if row["step"] == "audit"]
    return min(0.999, upper_bound(len(wrong), sum(wrong), delta)) if wrong else None


def _stored(
    lake: Lake,
    job: Job,
    second: Manifest,
    name: str,
    calibration: Calibration,
    fitted: FittedType,
    held_out: list[JudgedAnswer],
    texts: Mapping[str, str],
    prices: Prices | None,
    now: datetime,
) -> CalibratedType:
    path = store_calibration(lake, job.name, name, calibration, now)
    rule = fitted.start
    documents = {a.document for a in held_out}
    higher = frozenset(d for d in documents if rule and starts_higher(rule, texts[d]))
    points = tuple(curve(held_out, fitted, prices)) if any(a.tier for a in held_out) else ()
    picture = None
    if points:
        priced = f", at the prices of {' and '.join(prices.names)}" if prices else ""
        picture = path.removesuffix(".json") + ".svg"
        chosen = point_at(held_out, fitted, prices, None, higher)
        lake.write_bytes(picture, draw_curve(points, chosen, f"{name}{priced}").encode())
    return CalibratedType(
        name=name,
        calibration=calibration,
        path=path,
        picture=picture,
        points=points,
        escalated=_escalated(lake, second, name),
        higher=higher,
        certifying=len(documents),
        fitted=fitted,
    )


def _escalated(lake: Lake, manifest: Manifest, name: str) -> dict[str, float]:
    """Per field, the share of a type's documents whose field was asked of the next tier."""
    asked: dict[str, set[str]] = {}
    later: dict[str, set[str]] = {}
    for shard in manifest.shards:
        path = lake.answers(manifest.job.name, shard.shard, manifest.extraction_key)
        if not lake.exists(path):
            continue
        columns = ["doc_id", "document_type", "field", "step", "tier"]
        for row in lake.read_table(path, columns).to_pylist():
            if row["step"] == "answer" and row["document_type"] == name:
                asked.setdefault(row["field"], set()).add(row["doc_id"])
                if row["tier"]:
                    later.setdefault(row["field"], set()).add(row["doc_id"])
    return {f: len(later.get(f, ())) / len(documents) for f, documents in asked.items()}
