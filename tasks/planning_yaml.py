"""How does a plan look as a job file that people edit? YAML with a reason over each choice."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from schemas.plans import JobPlan, PlannedField, PlannedMetric, PlannedType

_WIDTH = 100
_UNSAID: Mapping[str, Any] = {
    "labels": [],
    "source": "text",
    "required": False,
    "multi": False,
    "choices": [],
    "pattern": None,
    "minimum": None,
    "maximum": None,
}
"""Properties of a field that say nothing a job does not assume anyway."""


def job_yaml(
    plan: JobPlan, *, name: str, source: Mapping[str, Any], preface: Sequence[str], more: Any = None
) -> str:
    """The job file of a plan.

    Args:
        plan: The plan.
        name: Of the job.
        source: Where the documents are, as `schemas.job.Source` takes it.
        preface: Sentences for the top of the file.
        more: Further settings of the job, by name.
    """
    lines = [*_comment(preface, ""), ""]
    lines += [f"name: {_flow(name)}", f"description: {_flow(_one_line(plan.description))}"]
    lines += _mapping("source", source)
    for key, value in (more or {}).items():
        lines += _mapping(key, value) if isinstance(value, Mapping) else [f"{key}: {_flow(value)}"]
    lines += ["", "types:"]
    for kind in plan.types:
        lines += _type(kind)
    lines += [
        *_comment([plan.fallback_reason], ""),
        f"fallback_type: {_flow(plan.fallback_type)}",
    ]
    lines += ["", "analysis:"]
    lines += ["  metrics:"] if plan.metrics else ["  metrics: []"]
    for metric in plan.metrics:
        lines += _metric(metric)
    lines += ["", "report:", *_comment([plan.report.reason], "  ")]
    lines += [f"  title: {_flow(_one_line(plan.report.title))}", ""]
    return "\n".join(lines)


def _type(kind: PlannedType) -> Iterator[str]:
    yield from _comment([kind.reason], "  ")
    if kind.use is not None:
        if not (kind.match or kind.keep or kind.fields):
            yield f"  - {_flow(kind.use)}"
            return
        yield f"  - use: {_flow(kind.use)}"
    else:
        yield f"  - name: {_flow(kind.name)}"
        yield f"    description: {_flow(_one_line(kind.description))}"
        if kind.signals:
            yield f"    signals: {_flow(kind.signals)}"
    if kind.match:
        yield f"    match: {_flow(kind.match)}"
    if kind.keep:
        yield "    keep:"
        for field in kind.keep:
            yield from _comment([field.reason], "      ")
            yield f"      - {_flow(field.name)}"
    if kind.fields:
        yield "    fields:" if kind.use is None else "    extra_fields:"
        for own in kind.fields:
            yield from _field(own)


def _field(field: PlannedField) -> Iterator[str]:
    yield from _comment([field.reason], "      ")
    said = field.model_dump(mode="json", exclude={"reason"})
    kept = {k: v for k, v in said.items() if k not in _UNSAID or v != _UNSAID[k]}
    for number, (key, value) in enumerate(kept.items()):
        shown = _flow(value) if isinstance(value, list) else _flow(_one_line(value))
        yield f"      {'- ' if number == 0 else '  '}{key}: {shown}"


def _metric(metric: PlannedMetric) -> Iterator[str]:
    yield from _comment([metric.reason], "    ")
    yield f"    - id: {_flow(metric.id)}"
    yield f"      title: {_flow(_one_line(metric.title))}"
    if metric.unit:
        yield f"      unit: {_flow(_one_line(metric.unit))}"
    if metric.chart != "auto":
        yield f"      chart: {metric.chart}"
    sql = metric.sql.strip()
    # A block keeps the words as they are; what would not survive in one is quoted.
    if sql and all(c.isprintable() or c == "\n" for c in sql):
        yield "      sql: |-"
        yield from (f"        {line}" for line in sql.split("\n"))
    else:
        yield f"      sql: {_flow(sql)}"


def _mapping(key: str, values: Mapping[str, Any]) -> list[str]:
    return [f"{key}:", *(f"  {name}: {_flow(value)}" for name, value in values.items())]


def _comment(sentences: Sequence[str], indent: str) -> list[str]:
    """Sentences as a comment, whatever breaks a model has put into them."""
    found = []
    for sentence in sentences:
        clean = " ".join("".join(c if c.isprintable() else " " for c in sentence).split())
        found += textwrap.wrap(clean, _WIDTH - len(indent) - 2, break_long_words=False)
    return [f"{indent}# {line}" for line in found]


def _one_line(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


def _flow(value: Any) -> str:
    """A value on one line, quoted where YAML would take it for something else."""
    shown = _dumped(value, allow_unicode=True)
    # Line breaks of other scripts would be written as they are, and read as blanks.
    return shown if shown.isprintable() else _dumped(value, allow_unicode=False)


def _dumped(value: Any, *, allow_unicode: bool) -> str:
    shown = yaml.safe_dump(
        value, default_flow_style=True, width=1 << 20, allow_unicode=allow_unicode
    )
    return str(shown).removesuffix("\n").removesuffix("\n...")
