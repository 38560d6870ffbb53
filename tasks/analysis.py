"""What do the records of a run say in figures, and what is worth saying about the figures?"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from llms.calls import Ask
from schemas.manifest import Manifest
from schemas.tables import METRICS
from storage.store import Lake
from tasks.figures import Figure, Question, figures_of
from tasks.insights import InsightsResult, find_insights
from tasks.metrics import questions_of
from tasks.record_sql import RecordSql, RecordSqlError
from tasks.record_tables import open_records
from tasks.run_questions import run_questions

METRICS_FILE = "metrics.parquet"
INSIGHTS_FILE = "insights.json"
ANALYSIS_FILE = "analysis.json"


@dataclass(frozen=True, slots=True)
class Computed:
    """Every figure of a run.

    Attributes:
        figures: The cells of all answers, in the order of the questions.
        total_rows: Rows of each answered question, also those beyond the rows that are kept.
        errors: Per question that could not be answered, why, in one sentence.
    """

    figures: list[Figure]
    total_rows: dict[str, int]
    errors: dict[str, str]


@dataclass(frozen=True, slots=True)
class AnalysisResult:
    """What the analysis left behind: lake paths, counts, and notes that the report says first."""

    metrics: str
    insights: str
    metric_count: int
    figure_count: int
    insight_count: int
    notes: tuple[str, ...]


async def analyze(manifest: Manifest, lake: Lake, ask: Ask | None) -> AnalysisResult:
    """Compute every figure of a run, ask for insights, and write both beside the manifest.

    A metric that fails and a model that does not answer become notes; the run goes on.

    Args:
        manifest: The run; its shards name the tables.
        lake: Where they lie.
        ask: Sends a call; None means that nobody is asked for insights.

    Raises:
        LakeError: A table of the run is missing or broken.
        RecordSqlError: A document type makes no table.
    """
    with open_records(manifest, lake) as records:
        computed = compute_figures(manifest, records)
    lake.write_rows(
        metrics := lake.run(manifest.run_id, METRICS_FILE),
        [asdict(figure) for figure in computed.figures],
        METRICS,
    )
    found = await find_insights(manifest, computed.figures, ask)
    titles = {q.id: q.title for q in all_questions(manifest)}
    notes = (
        *(f"metric {name!r} ({titles[name]}): {why}" for name, why in computed.errors.items()),
        *found.notes,
    )
    _write_json(
        lake,
        lake.run(manifest.run_id, ANALYSIS_FILE),
        {"notes": notes, "rows": computed.total_rows, "errors": computed.errors},
    )
    _write_json(lake, insights := lake.run(manifest.run_id, INSIGHTS_FILE), _insights_json(found))
    return AnalysisResult(
        metrics=metrics,
        insights=insights,
        metric_count=len(computed.total_rows),
        figure_count=len(computed.figures),
        insight_count=len(found.insights),
        notes=notes,
    )


def all_questions(manifest: Manifest) -> list[Question]:
    """Every question that is put to the records of a run, in the order of the answers."""
    return [*run_questions(manifest), *questions_of(manifest.job)]


def compute_figures(manifest: Manifest, records: RecordSql) -> Computed:
    """Put every question to the records; one that fails is noted and leaves no figure."""
    figures: list[Figure] = []
    total_rows: dict[str, int] = {}
    errors: dict[str, str] = {}
    for question in all_questions(manifest):
        try:
            result = records.query(question.sql, max_rows=question.max_rows)
        except RecordSqlError as error:
            errors[question.id] = str(error)
            continue
        total_rows[question.id] = result.total_rows
        figures += figures_of(question, result)
    return Computed(figures, total_rows, errors)


def _insights_json(found: InsightsResult) -> dict[str, Any]:
    return {
        "insights": [insight.model_dump() for insight in found.insights],
        "dropped": len(found.dropped),
        "reasons": found.dropped,
        "model": None
        if found.model is None
        else {"slug": found.model.slug, "name": found.model.name, "kind": found.model.kind},
    }


def _write_json(lake: Lake, path: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True)
    lake.write_bytes(path, (text + "\n").encode())
