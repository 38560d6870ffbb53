"""Which tables of the pages in docs/ come from the code? Makes them and puts them in their places.

    python docs/make_tables.py

A place is what stands between `<!-- made: NAME -->` and `<!-- end -->`. The tables of
walkthrough.md come from a run: benchmarks/walkthrough.py.
"""

import re
import sys
import tempfile
import types
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flows.roles_view import ranked_roles
from llms.catalog import load_catalog
from llms.failures import RULES as FAILURE_RULES
from llms.priorities import RULES
from llms.providers import OPENROUTER
from llms.simulator.faults import FAULTS
from llms.simulator.scenario import (
    Batches,
    Change,
    Flex,
    Latency,
    Limits,
    Prices,
    Quota,
    Rule,
    Scenario,
)
from schemas.documents import SHIPPED, shipped_type
from schemas.fields import DocumentType, FieldSource, FieldSpec
from schemas.job import (
    Allow,
    Analysis,
    Audit,
    Backfill,
    Cascade,
    Job,
    Metric,
    Models,
    Orchestrator,
    Parsing,
    ReportOptions,
    Source,
    StageName,
    TypeRef,
    Verify,
)
from schemas.manifest import Manifest
from schemas.providers import ProviderSpec, ServedModel
from schemas.shadow import Shadow
from schemas.tables import SOURCES
from storage.store import Lake
from tasks.jobs import expand
from tasks.record_tables import open_records

DOCS = Path(__file__).resolve().parent

OPTIONS: tuple[type[BaseModel], ...] = (
    Job, Source, TypeRef, DocumentType, FieldSpec, ProviderSpec, ServedModel, Models, Allow,
    Parsing, Cascade, Verify, Audit, Orchestrator, Shadow, Analysis, Metric, ReportOptions,
    Backfill,
)  # fmt: skip
"""The models that a docmill.yaml and the run form are made of."""

SCENARIO: tuple[type[BaseModel], ...] = (
    Scenario, Latency, Limits, Change, Rule, Prices, Quota, Flex, Batches,
)  # fmt: skip
"""The models that a scenario of `docmill simulate` is made of."""

SHOWN_MODELS = 5

_PLACE = re.compile(r"(<!-- made: ([a-z0-9_-]+) -->\n)(?:(?!<!-- ).)*(<!-- end -->)", re.DOTALL)
_WORDS = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "yes or no",
    date: "date",
    datetime: "date and time",
    time: "time of day",
    type(None): "null",
    object: "anything",
}


def filled(page: str, made: Mapping[str, str]) -> str:
    """`page` with the contents of its places made anew; `KeyError` for a place nobody makes."""
    return _PLACE.sub(lambda m: f"{m[1]}{made[m[2]]}\n{m[3]}", page)


def places(page: str) -> list[str]:
    """The names of the places of a page."""
    return [match[2] for match in _PLACE.finditer(page)]


def markdown_table(rows: Sequence[Mapping[str, Any]], leave_out: Sequence[str] = ()) -> str:
    """Rows as a Markdown table; the columns are those of the first row."""
    columns = [name for name in rows[0] if name not in leave_out]
    lines = [columns, ["---"] * len(columns)]
    lines += [[_escaped(row[name]) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def all_tables() -> dict[str, str]:
    """Every table that needs no run, by the name of its place."""
    made = {f"options-{_slug(model)}": options_table(model) for model in (*OPTIONS, *SCENARIO)}
    made["faults"] = faults_table()
    made["failure-rules"] = failures_table()
    made["document-types"] = "\n\n".join(type_section(shipped_type(name)) for name in SHIPPED)
    made["sql-tables"] = sql_tables()
    made["roles"] = roles_tables()
    return made


def _slug(model: type[BaseModel]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", model.__name__).lower()


def options_table(model: type[BaseModel]) -> str:
    """The options of a model: name, kind, default, meaning with bounds."""
    return markdown_table(
        [
            {
                "option": f"`{name}`",
                "kind": _kind(info.annotation),
                "default": _default(info),
                "meaning": " ".join(filter(None, [info.description, _bounds(info)])),
            }
            for name, info in model.model_fields.items()
        ]
    )


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kind(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(part) for part in get_args(annotation))
    if origin is tuple:
        return f"list of {_kind(get_args(annotation)[0])}"
    if origin is dict:
        key, value = get_args(annotation)
        if key is StageName:
            return f"{_kind(value)} per stage"
        name = "name" if _kind(key) == _WORDS[str] else key.__name__.lower()
        return f"{_kind(value)} per {name}"
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return ", ".join(f"`{choice.value}`" for choice in annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{_slug(annotation)})"
    return _WORDS[annotation]


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    match value:
        case _ if value is PydanticUndefined:
            return "(must be given)"
        case None:
            return "null"
        case BaseModel():
            return "its defaults"
        case "":
            return "empty"
        case () | {}:
            return "none"
        case bool():
            return "yes" if value else "no"
        case StrEnum():
            return f"`{value.value}`"
        case tuple():
            return ", ".join(f"`{part}`" for part in value)
        case int() | float():
            return f"{value:,}"
        case _:
            return f"`{value}`"


def _bounds(info: FieldInfo) -> str:
    signs = (("gt", "more than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most"))
    found = [
        f"{words} {getattr(rule, sign):,}"
        for rule in info.metadata
        for sign, words in signs
        if getattr(rule, sign, None) is not None
    ]
    patterns = [p for rule in info.metadata if (p := getattr(rule, "pattern", None))]
    found += [f"must match `{pattern}`" for pattern in patterns]
    return f"({'; '.join(found)})" if found else ""


def type_section(document_type: DocumentType) -> str:
    """A document type that docmill ships, with its fields."""
    rows = [
        {
            "field": f"`{spec.name}`",
            "type": f"list of {spec.type.value}" if spec.multi else spec.type.value,
            "meaning": spec.description,
            "rules": "; ".join(_rules(spec)),
        }
        for spec in document_type.fields
    ]
    return f"### {document_type.name}\n\n{document_type.description}\n\n{markdown_table(rows)}"


def _rules(spec: FieldSpec) -> Iterator[str]:
    if spec.required:
        yield "required"
    if spec.source is FieldSource.INFERRED:
        yield "may be inferred"
    if spec.as_printed:
        yield "as printed"
    if spec.choices:
        yield "one of " + ", ".join(f"`{choice}`" for choice in spec.choices)
    if spec.pattern:
        yield f"matches `{spec.pattern}`"
    if spec.sum_of:
        yield "sum of " + " and ".join(f"`{name}`" for name in spec.sum_of)
    if spec.not_before:
        yield f"not before `{spec.not_before}`"


def sql_tables() -> str:
    """The tables that a metric may ask, for a job with the type `receipt`."""
    with tempfile.TemporaryDirectory(prefix="docmill-docs-") as folder:
        lake, manifest = _empty_run(folder)
        with open_records(manifest, lake) as sql:
            found = {
                name: [c.name for c in sql.query(f"SELECT * FROM {name}").columns]  # noqa: S608
                for name in ("documents", "sources", "outcomes", "failures", "receipt")
            }
    return markdown_table(
        [
            {"table": f"`{table}`", "columns": ", ".join(f"`{name}`" for name in _told(columns))}
            for table, columns in found.items()
        ]
    )


def _told(columns: Sequence[str]) -> Iterator[str]:
    """The columns, those that every field has told once."""
    for name in columns:
        field, parted, rest = name.partition("__")
        if not parted:
            yield name
        elif field == columns[3]:
            yield f"<field>__{rest}"


def _empty_run(folder: str) -> tuple[Lake, Manifest]:
    from llms.resolution import resolve

    job = expand(Job(lake=folder, types=("receipt",)))
    lake = Lake(folder)
    manifest = Manifest(
        run_id="docs",
        job=job,
        version="docs",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        resolution=resolve(job, {}),
        extraction_key="docs",
    )
    lake.write_rows(lake.run("docs", "sources.parquet"), [], SOURCES)
    return lake, manifest


def faults_table() -> str:
    """What the simulated provider can do wrong."""
    return markdown_table(
        [
            {
                "fault": f"`{fault}`",
                "status": info.status or "none",
                "billed": "yes" if info.is_billed else "no",
                "the client meets": info.says,
            }
            for fault, info in FAULTS.items()
        ]
    )


def failures_table() -> str:
    """What follows from each class of failure, with its bounds in count, time and money."""
    return markdown_table(
        [
            {
                "class": f"`{name}`",
                "what it is": rule.means,
                "what happens": rule.does,
                "requests per model": rule.tries,
                "waits at most": f"{rule.longest_s:g} s" if rule.longest_s else "-",
                "may be billed": f"{rule.worst_cases} worst cases" if rule.worst_cases else "-",
                "then the document": rule.end.value,
            }
            for name, rule in FAILURE_RULES.items()
        ]
    )


def roles_tables() -> str:
    """The best models per role, as `docmill models roles --profile openrouter` ranks them."""
    ranked = ranked_roles(Job(profile=OPENROUTER), {}, catalog=load_catalog())
    parts = []
    for ranking in ranked.rankings:
        spec = ranking.spec
        coding = "" if spec.min_coding is None else f", coding at least {spec.min_coding:g}"
        rows = [
            {
                "#": place,
                "model": f"`{candidate.model.slug}`",
                "intelligence": candidate.model.intelligence,
                "coding": candidate.model.coding,
                "input": candidate.model.input_price,
                "output": candidate.model.output_price,
                "thinking": f"x{candidate.thinking_factor:.1f}",
                "why": candidate.reason,
            }
            for place, candidate in enumerate(ranking.candidates[:SHOWN_MODELS], start=1)
        ]
        parts.append(
            f"### {ranking.role.value}\n\n"
            f"Intelligence at least {spec.min_intelligence:g}{coding}; by {spec.priority.value}: "
            f"{RULES[spec.priority]}. A call is priced at {spec.shape.prompt_tokens:,} prompt and "
            f"{spec.shape.answer_tokens:,} answer tokens. {len(ranking.candidates)} models "
            f"qualify, {len(ranking.left_out)} do not.\n\n{markdown_table(rows)}"
        )
    return "\n\n".join([*parts, ranked.catalog.attribution])


def main() -> None:
    """Write the tables into the pages."""
    made = all_tables()
    for path in sorted(DOCS.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        if not set(places(page)) <= made.keys():
            continue  # made from a run, by a benchmark that the page names
        path.write_text(filled(page, made), encoding="utf-8")


if __name__ == "__main__":
    main()
