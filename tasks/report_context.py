"""What does the report say? One plain dictionary, from which HTML, Markdown and JSON are written.

Nothing but numbers of this dictionary reaches a page, so a page can be checked against it, and it
against the records. What differs between two runs over the same answers stands under `this_run`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import Any

import pyarrow as pa

from schemas.job import Cascade
from schemas.manifest import Manifest
from schemas.roles import Model, Role
from storage.store import Lake
from tasks.analysis import ANALYSIS_FILE, INSIGHTS_FILE, METRICS_FILE, Computed, all_questions
from tasks.counterfactual import counterfactual
from tasks.counterfactual_figures import counterfactual_figures, counterfactual_words
from tasks.figures import Figure, Question, visible
from tasks.jobs import document_types
from tasks.metrics import words
from tasks.run_ledger import ASKED, insights_usd, read_ledger
from tasks.run_questions import COST, QUALITY, run_questions

FORMAT = "docmill-report/1"

# A calibration that applies says so in the manifest and takes these away.
DEFAULTS_NOTE = "thresholds are not calibrated; the defaults were used"
JOB_THRESHOLDS_NOTE = "thresholds are not calibrated; those of the job were used"

RULES_NOTE = "answers by rules (offline engines), not by a language model"

_WORKING_ROLES = (Role.EXTRACTION_WORKER, Role.REASONING_WORKER, Role.FORMATTING_WORKER)


def read_computed(manifest: Manifest, lake: Lake) -> tuple[Computed, list[str]]:
    """The figures of a run as the analysis stored them, and the notes it left.

    Raises:
        LakeError: The run was not analysed, or a file of the analysis is gone.
    """
    rows = lake.read_table(lake.run(manifest.run_id, METRICS_FILE)).to_pylist()
    left = read_json(lake, lake.run(manifest.run_id, ANALYSIS_FILE))
    computed = Computed([Figure(**row) for row in rows], left["rows"], left["errors"])
    return computed, left["notes"]


def read_json(lake: Lake, path: str) -> dict[str, Any]:
    """A JSON object of the lake; `LakeError` when it is not there."""
    content: dict[str, Any] = json.loads(lake.read_bytes(path))
    return content


def build_content(
    manifest: Manifest, lake: Lake, computed: Computed, notes: Sequence[str]
) -> dict[str, Any]:
    """Everything the report says, in plain values: numbers are exact strings, never floats.

    Args:
        manifest: The run.
        lake: Where its ledger and insights lie.
        computed: Its figures, read or recomputed.
        notes: What the analysis wants said first.
    """
    ledger = read_ledger(lake, manifest.run_id)
    by_question = {
        key: list(group) for key, group in groupby(computed.figures, key=lambda f: f.metric_id)
    }
    figures = [*computed.figures, *_cost_figures(manifest, by_question, ledger)]
    measured = counterfactual(manifest, lake)
    if measured is not None:
        figures += counterfactual_figures(measured)
    own = {q.id for q in run_questions(manifest)}
    tables = {q.id: _table(q, by_question.get(q.id, []), computed) for q in all_questions(manifest)}
    found = read_json(lake, lake.run(manifest.run_id, INSIGHTS_FILE))
    options = manifest.job.report
    return {
        "format": FORMAT,
        "job": manifest.job.name,
        "title": visible(options.title or _title(manifest.job.name)),
        "description": visible(manifest.job.description),
        "max_rows": options.max_rows,
        "notes": _notes(manifest, notes),
        "insights": found["insights"],
        "insights_dropped": {"count": found["dropped"], "reasons": found["reasons"]},
        "insights_by": found["model"],
        "metrics": [table for name, table in tables.items() if name not in own],
        "quality": [table for name, table in tables.items() if name.startswith(QUALITY)],
        "run": {
            name.removeprefix("run."): table
            for name, table in tables.items()
            if name in own and not name.startswith(QUALITY)
        },
        "figures": {figure.figure_id: figure.entry for figure in figures},
        "models": _models(manifest),
        "baseline": _model(manifest.resolution.baseline),
        **({"counterfactual": counterfactual_words(measured)} if measured else {}),
        "reproduce": {
            "docmill": manifest.version,
            "profile": manifest.resolution.profile,
            "catalog": manifest.resolution.catalog_version,
            "catalog_sha256": manifest.resolution.catalog_sha256,
            "extraction_key": manifest.extraction_key,
            "versions": dict(sorted(manifest.versions.items())),
        },
        "this_run": _this_run(manifest, ledger),
    }


def _title(name: str) -> str:
    plain = words(name.replace("-", " "))
    return plain[:1].upper() + plain[1:]


def _notes(manifest: Manifest, notes: Iterable[str]) -> list[str]:
    """What a reader must know before any number, each once."""
    used = [manifest.resolution.roles.get(role, ()) for role in _WORKING_ROLES]
    by_rules = any(ranked and ranked[0].kind == "rules" for ranked in used)
    said = [
        *notes,
        *([RULES_NOTE] if by_rules else []),
        *_uncalibrated(manifest),
        *manifest.notes,
    ]
    return list(dict.fromkeys(visible(note) for note in said))


def _uncalibrated(manifest: Manifest) -> list[str]:
    """Which thresholds nobody has calibrated, as a sentence or none."""
    names = [t.name for t in document_types(manifest.job)]
    left = [name for name in names if name not in manifest.calibrations]
    if not left and names:
        return []
    note = DEFAULTS_NOTE if manifest.job.cascade == Cascade() else JOB_THRESHOLDS_NOTE
    return [f"{', '.join(left)}: {note}" if manifest.calibrations else note]


def _table(question: Question, figures: list[Figure], computed: Computed) -> dict[str, Any]:
    """A table as lists of figure ids; its columns come from its first row."""
    rows = [list(cells) for _, cells in groupby(figures, key=lambda f: f.row)]
    return {
        "id": question.id,
        "title": visible(question.title),
        "sql": question.sql,
        "chart": question.chart,
        "columns": [_column(column) for column in zip(*rows, strict=True)],
        "rows": [[f.figure_id for f in row] for row in rows],
        "total_rows": computed.total_rows.get(question.id, 0),
        "error": computed.errors.get(question.id),
    }


def _column(cells: Sequence[Figure]) -> dict[str, Any]:
    first = cells[0]
    is_integer = first.kind == "number" and all("." not in (c.value or "") for c in cells)
    return {"name": first.column, "kind": first.kind, "unit": first.unit, "integer": is_integer}


def _cost_figures(
    manifest: Manifest, by_question: Mapping[str, list[Figure]], ledger: pa.Table
) -> list[Figure]:
    """The sums that need both the outcomes and the ledger, and the saving they make."""
    summed = {f.column: f for f in by_question.get(COST, [])}
    if not summed:
        return []
    amounts = {name: Decimal(f.value) if f.value else None for name, f in summed.items()}
    insights = insights_usd(ledger)
    records = (amounts["extraction_usd"] or Decimal(0)) + insights
    projected = amounts["projected_usd"]
    paid = projected if projected is not None else records
    model = summed["extraction_usd"]
    made: dict[str, tuple[Decimal | None, str]] = {
        "insights_usd": (insights, "USD"),
        "records_usd": (records, "USD"),
        "saving": (_times(amounts["baseline_usd"], paid), ""),
        "saving_low": (_times(amounts["baseline_plain_usd"], paid), ""),
    }
    return [
        replace(
            model,
            figure_id=f"{COST}.{name}",
            column=name,
            value=None if value is None else format(value, "f"),
            unit=unit,
        )
        for name, (value, unit) in made.items()
    ]


def _times(baseline: Decimal | None, paid: Decimal) -> Decimal | None:
    if not baseline or not paid:
        return None
    return (baseline / paid).quantize(Decimal("0.1"), ROUND_HALF_EVEN)


def _this_run(manifest: Manifest, ledger: pa.Table) -> dict[str, Any]:
    """What only this run did: when, which calls, how much; and how to check it."""
    rows = sorted(ledger.to_pylist(), key=lambda row: [str(row[name]) for name in ASKED])
    asked = []
    for key, group in groupby(rows, key=lambda row: tuple(row[name] for name in ASKED)):
        members = list(group)
        sent = [row for row in members if not row["from_store"]]
        asked.append(
            {
                **dict(zip(ASKED, key, strict=True)),
                "calls": _count(sent, "calls"),
                "from_store": _count([r for r in members if r["from_store"]], "calls"),
                "input_tokens": _count(sent, "input_tokens"),
                "cached_tokens": _count(sent, "cached_tokens"),
                "output_tokens": _count(sent, "output_tokens"),
                "reasoning_tokens": _count(sent, "reasoning_tokens"),
                "usd": format(sum((r["usd"] for r in sent), Decimal(0)), "f"),
            }
        )
    sent = [row for row in rows if not row["from_store"]]
    totals = {
        "usd": (format(sum((r["usd"] for r in rows), Decimal(0)), "f"), "USD"),
        "calls": (_count(sent, "calls"), ""),
        "from_store": (_count([r for r in rows if r["from_store"]], "calls"), ""),
        "documents_reused": (str(sum(shard.reused for shard in manifest.shards)), ""),
    }
    cells = [
        _cell(f"this_run.{name}", name, value, "number", unit)
        for name, (value, unit) in totals.items()
    ]
    table_rows = [
        [
            _cell(
                f"this_run.asked.r{number}.{name}",
                name,
                value,
                "text" if name in ASKED else "number",
                "USD" if name == "usd" else "",
            )
            for name, value in row.items()
        ]
        for number, row in enumerate(asked)
    ]
    return {
        "run_id": manifest.run_id,
        "parent": manifest.parent,
        "started_at": f"{manifest.started_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "seconds": None if manifest.seconds is None else f"{manifest.seconds:.1f}",
        "verify": f"docmill verify {manifest.run_id}",
        "asked": {
            "id": "this_run.asked",
            "title": "What was asked of whom",
            "columns": [_column(column) for column in zip(*table_rows, strict=True)],
            "rows": [[cell.figure_id for cell in row] for row in table_rows],
            "total_rows": len(table_rows),
            "error": None,
        },
        "figures": {c.figure_id: c.entry for c in [*cells, *(c for r in table_rows for c in r)]},
    }


def _count(rows: Iterable[Mapping[str, Any]], name: str) -> str:
    return str(sum(int(row[name]) for row in rows))


def _cell(figure_id: str, column: str, value: str, kind: Any, unit: str) -> Figure:
    return Figure(figure_id, "this_run", "This run", "", 0, column, kind, value, unit)


def _models(manifest: Manifest) -> list[dict[str, Any]]:
    """The first choice of every role, with what it was booked at."""
    return [
        {"role": role.value, **(_model(ranked[0]) or {})}
        for role, ranked in sorted(manifest.resolution.roles.items())
        if ranked
    ]


def _model(model: Model | None) -> dict[str, Any] | None:
    if model is None:
        return None
    prices = {
        "input_price": model.input_price,
        "cached_input_price": model.cached_input_price,
        "output_price": model.output_price,
    }
    return {
        "slug": model.slug,
        "name": model.shown_name,
        "creator": model.creator,
        "provider": model.provider,
        "effort": model.effort,
        "kind": model.kind,
        **{
            key: None if price is None else format(Decimal(repr(price)).normalize(), "f")
            for key, price in prices.items()
        },
    }
