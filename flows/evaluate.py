"""How right is the pipeline on a gold folder? Run it and compare every field with its label."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.wiring import Direct, new_run_id, run_pipeline, start_run
from schemas.job import Job
from schemas.manifest import Manifest, RunStatus, RunSummary
from schemas.roles import Role
from storage.manifests import list_runs, read_manifest
from storage.store import Lake
from tasks.evaluation import Evaluation, counts_by_document, evaluate
from tasks.evaluation_intervals import Counts, Difference, Intervals, differences, intervals
from tasks.evaluation_tiers import Workings, rates, workings
from tasks.gold import Gold, load_gold
from tasks.jobs import JOB_FILE, JobError, load_job
from tasks.predictions import predictions
from tasks.run_ledger import read_ledger


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A gold folder's evaluation, with the run it was made by.

    Attributes:
        gold: The folder.
        run: The run's summary.
        result: Precision, recall and F1 per field.
        engines: Who answered.
        counts: What the figures are made of, by document.
        intervals: How far they may be off, per field and under `micro`.
        workings: What tiers and verifier did; null where the run did not end well.
        compared: Per other evaluation, the differences in F1, this one's less the other's.
        asked: Calls behind the records, whether they were sent now or answered by the store.
    """

    gold: str
    run: RunSummary
    result: Evaluation
    engines: str
    counts: Counts
    intervals: dict[str, Intervals]
    workings: Workings | None
    compared: dict[str, dict[str, Difference]]
    asked: int = 0

    @property
    def usd_per_document(self) -> float | None:
        """What the answers behind the records cost per document; null without a document.

        Of an offline run, what the catalog's models for the roles would have billed.
        """
        paid = self.run.projected_usd if self.run.projected_usd else self.run.records_usd
        return paid / self.run.documents if self.run.documents else None

    def as_json(self) -> dict[str, Any]:
        """The whole evaluation as one object: documents, fields, micro, usd, mistakes, run, ..."""
        body = self.result.model_dump(mode="json")
        made = self.workings
        return {
            **body,
            "gold": self.gold,
            "engines": self.engines,
            "usd": self.run.usd,
            "records_usd": self.run.records_usd,
            "usd_per_document": self.usd_per_document,
            "failed": self.run.failed,
            "calls": self.run.calls,
            "run_id": self.run.run_id,
            "status": self.run.status.value,
            "intervals": {k: v.model_dump(mode="json") for k, v in self.intervals.items()},
            "tiers": [t.model_dump(mode="json") for t in made.tiers] if made else [],
            "escalation": {
                name: one.model_dump(mode="json") for name, one in made.escalation.items()
            }
            if made
            else {},
            "verifier": {**made.verifier.model_dump(mode="json"), **rates(made.verifier)}
            if made
            else None,
            "worst": [w.model_dump(mode="json") for w in made.worst] if made else [],
            "compared": {
                name: {k: d.model_dump(mode="json") for k, d in gaps.items()}
                for name, gaps in self.compared.items()
            },
        }


def run_evaluation(
    path: str,
    *,
    out: str | None,
    profile: str | None,
    models: Sequence[str] = (),
    compare: str | None = None,
) -> Evaluated:
    """Run the pipeline over a gold folder and score its records.

    Args:
        path: A gold folder: `documents/`, `labels.jsonl`, `fields.json`, and a docmill.yaml where
            the schema is not to be made of fields.json alone.
        out: The lake; null takes a temporary one that is removed afterwards.
        profile: Set of providers; null takes the job's own.
        models: Models to compare with, each alone in place of the whole cascade.
        compare: A run of the lake `out`, or the folder of another lake, whose last run over these
            documents is compared with.

    Raises:
        GoldError, JobError: The folder is not a gold folder, its job is not valid, or there is no
            run to compare with.
    """
    gold = load_gold(path)
    folder = out or tempfile.mkdtemp(prefix="docmill-eval-")
    try:
        overrides: dict[str, Any] = {"lake": folder, "analysis": {"max_insights": 0}}
        if profile is not None:
            overrides["profile"] = profile
        job = load_job(path, overrides)
        # Before anything is run: a run that is not there must not cost a run.
        other = _named_run(compare, folder) if compare is not None else None
        done = score_job(path, job, gold)
        if other is not None:
            lake, manifest = other
            done.compared[f"run {manifest.run_id}"] = differences(
                done.counts, _counts(path, lake, manifest, gold)
            )
        for name in models:
            one = score_job(path, alone(job, name), gold)
            done.compared[f"{name} alone{_priced(one)}"] = differences(done.counts, one.counts)
        return done
    finally:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)


def alone(job: Job, model: str) -> Job:
    """The job with one model in every tier, which takes its word for everything that is sound."""
    named = {Role.EXTRACTION_WORKER.value: model, Role.REASONING_WORKER.value: model}
    cascade = {"min_confidence": 0.0, "min_confidence_last": 0.0, "calibrated": False}
    return job.model_copy(
        update={
            "models": job.models.model_copy(update=named),
            "cascade": job.cascade.model_copy(update=cascade),
            "verify": job.verify.model_copy(update={"share": 0.0}),
            "orchestrator": job.orchestrator.model_copy(update={"share": 0.0}),
        }
    )


def _named_run(name: str, lake: str) -> tuple[Lake, Manifest]:
    """The run to compare with: one of this lake by its id, or the last one of another lake."""
    if not Path(name).is_dir():
        return Lake(lake), read_manifest(Lake(lake), name)
    other = Lake(name)
    finished = [m for m in list_runs(other) if m.status is RunStatus.DONE]
    if not finished:
        raise JobError(f"--compare {name}: the lake has no run that ended well")
    return other, finished[-1]


def score_job(path: str, job: Job, gold: Gold) -> Evaluated:
    """Run a job over a gold folder, at `path`, and score its records."""
    run_id = new_run_id(datetime.now(UTC))
    done = run_pipeline(start_run(job, env=os.environ, run_id=run_id), Direct())
    lake = Lake(job.lake)
    manifest = read_manifest(lake, done.run_id)
    engines = _engines(manifest)
    if done.status is not RunStatus.DONE:
        nothing = counts_by_document(gold, {})
        return Evaluated(path, done, evaluate(gold, {}), engines, nothing, {}, None, {})
    found, types = _found(path, lake, manifest, gold)
    result = evaluate(gold, found, types)
    counts = counts_by_document(gold, found, types)
    made = workings(lake, manifest, gold, result)
    asked = sum(int(n) for n in read_ledger(lake, done.run_id).column("calls").to_pylist())
    return Evaluated(path, done, result, engines, counts, intervals(counts), made, {}, asked)


def _counts(path: str, lake: Lake, manifest: Manifest, gold: Gold) -> Counts:
    return counts_by_document(gold, *_found(path, lake, manifest, gold))


def _found(
    path: str, lake: Lake, manifest: Manifest, gold: Gold
) -> tuple[dict[str, Any], dict[str, str] | None]:
    """What a run said per file, and which types it took the files for where there are several."""
    found = predictions(lake, manifest)
    several = (Path(path) / JOB_FILE).is_file() and any(f.document_type for f in gold.fields)
    types = {file: name for file, (name, _) in found.items()} if several else None
    return {file: fields for file, (_, fields) in found.items()}, types


def _engines(manifest: Manifest) -> str:
    """Who answered, said so that rules are never taken for a language model."""
    names = {m.name for models in manifest.resolution.roles.values() for m in models[:1]}
    kinds = {m.kind for models in manifest.resolution.roles.values() for m in models[:1]}
    kind = "rules, not a language model" if kinds == {"rules"} else "language models"
    return f"{', '.join(sorted(names))} ({kind})"


def _priced(done: Evaluated) -> str:
    """What a document cost; nothing of rules, whose roles stand for the prices of models."""
    if done.run.projected_usd or done.usd_per_document is None:
        return ""
    return f" (${done.usd_per_document:.6f} per document)"
