"""How right is the pipeline on a gold folder? Run it and compare every field with its label."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.console import money
from flows.wiring import Direct, new_run_id, run_pipeline, start_run
from schemas.job import Job
from schemas.manifest import RunStatus, RunSummary
from storage.manifests import read_manifest
from storage.store import Lake
from tasks.evaluation import Evaluation, Score, evaluate
from tasks.gold import load_gold
from tasks.jobs import JOB_FILE, load_job
from tasks.predictions import predictions

_MOST_MISTAKES = 40


class Evaluated:
    """A gold folder's evaluation, with the run it was made by."""

    def __init__(self, gold: str, run: RunSummary, result: Evaluation, engines: str) -> None:
        """Join what was asked with what came out."""
        self.gold, self.run, self.result, self.engines = gold, run, result, engines

    def as_json(self) -> dict[str, Any]:
        """The whole evaluation as one object: documents, fields, micro, usd, mistakes, run."""
        body = self.result.model_dump(mode="json")
        return {
            **body,
            "gold": self.gold,
            "engines": self.engines,
            "usd": self.run.usd,
            "records_usd": self.run.records_usd,
            "failed": self.run.failed,
            "calls": self.run.calls,
            "run_id": self.run.run_id,
            "status": self.run.status.value,
        }

    def lines(self, *, all_mistakes: bool) -> Iterator[str]:
        """The evaluation as text: a table of fields, then what went wrong."""
        result = self.result
        yield f"{self.gold}: {result.documents} documents, answered by {self.engines}"
        yield f"{'field':<34} {'precision':>9} {'recall':>9} {'f1':>9} {'support':>8}"
        for name, score in [*result.fields.items(), ("micro", result.micro)]:
            yield _score_line(name, score)
        yield (
            f"{result.unanswered} without a record, {self.run.failed} dead letters; spent "
            f"{money(self.run.usd)} on {self.run.calls} calls"
        )
        shown = result.mistakes if all_mistakes else result.mistakes[:_MOST_MISTAKES]
        if shown:
            yield f"mistakes ({len(result.mistakes)}):"
        for one in shown:
            yield f"  {one.file}: {one.field}: said {_brief(one.predicted)}, is {_brief(one.gold)}"
        if len(shown) < len(result.mistakes):
            yield f"  ... {len(result.mistakes) - len(shown)} more; --mistakes lists them all"


def run_evaluation(path: str, *, out: str | None, profile: str | None) -> Evaluated:
    """Run the pipeline over a gold folder and score its records.

    Args:
        path: A gold folder: `documents/`, `labels.jsonl`, `fields.json`, and a docmill.yaml where
            the schema is not to be made of fields.json alone.
        out: The lake; null takes a temporary one that is removed afterwards.
        profile: Set of providers; null takes the job's own.

    Raises:
        GoldError, JobError: The folder is not a gold folder or its job is not valid.
    """
    gold = load_gold(path)
    folder = out or tempfile.mkdtemp(prefix="docmill-eval-")
    try:
        overrides: dict[str, Any] = {"lake": folder, "analysis": {"max_insights": 0}}
        if profile is not None:
            overrides["profile"] = profile
        job = load_job(path, overrides)
        return _scored(path, job, gold)
    finally:
        if out is None:
            shutil.rmtree(folder, ignore_errors=True)


def _scored(path: str, job: Job, gold: Any) -> Evaluated:
    run_id = new_run_id(datetime.now(UTC))
    done = run_pipeline(start_run(job, env=os.environ, run_id=run_id), Direct())
    lake = Lake(job.lake)
    manifest = read_manifest(lake, done.run_id)
    if done.status is not RunStatus.DONE:
        return Evaluated(path, done, evaluate(gold, {}), _engines(manifest))
    found = predictions(lake, manifest)
    several = (Path(path) / JOB_FILE).is_file() and any(f.document_type for f in gold.fields)
    types = {file: name for file, (name, _) in found.items()} if several else None
    result = evaluate(gold, {file: fields for file, (_, fields) in found.items()}, types)
    return Evaluated(path, done, result, _engines(manifest))


def _engines(manifest: Any) -> str:
    """Who answered, said so that rules are never taken for a language model."""
    names = {m.name for models in manifest.resolution.roles.values() for m in models[:1]}
    kinds = {m.kind for models in manifest.resolution.roles.values() for m in models[:1]}
    kind = "rules, not a language model" if kinds == {"rules"} else "language models"
    return f"{', '.join(sorted(names))} ({kind})"


def _score_line(name: str, score: Score) -> str:
    cells = (f"{v:9.3f}" if v is not None else f"{'-':>9}" for v in _ratios(score))
    return f"{name:<34} {' '.join(cells)} {score.support:>8}"


def _ratios(score: Score) -> tuple[float | None, float | None, float | None]:
    return score.precision, score.recall, score.f1


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
