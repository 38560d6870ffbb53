"""What would the one strong model have said? A random share of a run's documents is also put to it.

Asked after extraction, in the run's own budget: nothing of the run depends on the answers.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from llms.calibration.martingale import is_audited
from llms.calls import Ask, Call, Reply
from llms.extraction import Document, Question, ask_fields
from llms.failures import PARKING, STOPPING, CallError, FailureClass
from llms.judgement import Candidate
from llms.pricing import cost_usd
from schemas.fields import DocumentType
from schemas.ledger import Attempt
from schemas.manifest import Manifest, ShardResult
from schemas.roles import Model, Role
from schemas.tables import SHADOW
from storage.store import Lake
from tasks.evaluation import Predicted, compare
from tasks.gold import Gold, GoldError, load_gold
from tasks.jobs import document_types
from tasks.ledger_rows import add_attempts, requests_of
from tasks.predictions import canonical_values
from tasks.runtime import Runtime

STAGE = "shadow"
SHADOW_FILE = "shadow.parquet"
"""What the strong model said, beside the manifest of the run."""

_AT_ONCE = 256
"""Documents whose texts are held in memory at once."""


def strong_model(manifest: Manifest) -> Model | None:
    """The one strong model that a run is measured against; null where nobody plays the role."""
    ranked = manifest.resolution.roles.get(Role.ORCHESTRATOR, ())
    return ranked[0] if ranked else None


def shadow_run(manifest: Manifest, runtime: Runtime) -> None:
    """Put the drawn documents to the strong model; writes what it said and its ledger.

    What it cannot answer is noted with its reason. When the money is used up, or a provider is
    gone, nobody more is asked: the run goes on with what has been measured.
    """
    strong = strong_model(manifest)
    if strong is None or not manifest.job.shadow.share:
        return
    lake, types = runtime.lake, {t.name: t for t in document_types(manifest.job)}
    gold = gold_of(manifest)
    rows: list[dict[str, Any]] = []
    booked = requests_of(lake, manifest.run_id, STAGE)
    for drawn in _in_groups(_drawn(manifest, lake)):
        said = runtime.run(_ask_all(drawn, types, strong, manifest, runtime))
        attempts = runtime.take_attempts([row["doc_id"] for row in drawn])
        # A run that was resumed finds its own answers in the store; its ledger has them already.
        news = [a for a in attempts if not (a.from_store and a.request_key in booked)]
        if news:
            add_attempts(lake, lake.attempts(manifest.run_id, STAGE), news)
        rows += [
            _row(row, one, types[row["document_type"]], gold)
            | {"projected_usd": _projected_usd(row["doc_id"], attempts, manifest)}
            for row, one in zip(drawn, said, strict=True)
        ]
        if any(_ends_it(one) for one in said):
            break
    rows.sort(key=lambda row: str(row["doc_id"]))
    lake.write_rows(lake.run(manifest.run_id, SHADOW_FILE), rows, SHADOW)


def gold_of(manifest: Manifest) -> Gold | None:
    """The labels beside the documents of a run, where its source is that of a gold folder."""
    source = Path(manifest.job.source.path)
    if not (source.parent / "labels.jsonl").is_file() or source.name != "documents":
        return None
    try:
        return load_gold(source.parent)
    except GoldError:
        return None


def is_drawn(manifest: Manifest, doc_id: str) -> bool:
    """Whether chance, seeded by the job, puts a document to the strong model as well."""
    return is_audited(doc_id, manifest.job.shadow.share, f"{STAGE}:{manifest.job.seed}")


def _drawn(manifest: Manifest, lake: Lake) -> Iterator[dict[str, Any]]:
    """The drawn documents whose type is known, with text and record."""
    members = set(lake.read_table(lake.run(manifest.run_id, "sources.parquet"), ["doc_id"])
                  .column("doc_id").to_pylist())  # fmt: skip
    for shard in sorted(manifest.shards, key=lambda s: s.shard):
        outcomes = lake.read_table(shard.outcomes, ["doc_id", "document_type"]).to_pylist()
        kinds = {
            row["doc_id"]: row["document_type"]
            for row in outcomes
            if row["document_type"]
            and row["doc_id"] in members
            and is_drawn(manifest, row["doc_id"])
        }
        if not kinds:
            continue
        records = records_of(lake, shard, kinds, document_types(manifest.job))
        texts = lake.read_table(shard.documents, ["doc_id", "uri", "text"]).to_pylist()
        for row in texts:
            if row["doc_id"] in kinds:
                kind, record = kinds.pop(row["doc_id"]), records.get(row["doc_id"], {})
                yield {**row, "document_type": kind, "record": record}


def records_of(
    lake: Lake, shard: ShardResult, doc_ids: Iterable[str], types: Sequence[DocumentType]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """Per document of a shard its values by field, canonical; dead letters have none."""
    wanted, found = set(doc_ids), {}
    for kind in types:
        path = shard.records.get(kind.name)
        if path is None:
            continue
        names = [spec.name for spec in kind.fields]
        for row in lake.read_table(path, ["doc_id", *names]).to_pylist():
            if row["doc_id"] in wanted:
                found[row["doc_id"]] = {name: _values(row[name]) for name in names}
    return found


def _values(cell: object) -> tuple[str, ...]:
    value = canonical_values(cell)
    return tuple([value] if isinstance(value, str) else value or ())


def _in_groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    for row in rows:
        group.append(row)
        if len(group) == _AT_ONCE:
            yield group
            group = []
    if group:
        yield group


_Said = tuple[dict[str, Candidate], list[Reply]] | CallError


async def _ask_all(
    drawn: Sequence[dict[str, Any]],
    types: Mapping[str, DocumentType],
    strong: Model,
    manifest: Manifest,
    runtime: Runtime,
) -> list[_Said]:
    async def one(row: dict[str, Any]) -> _Said:
        async with runtime.documents_in_flight:
            try:
                return await _ask(row, types[row["document_type"]], manifest, runtime.client)
            except CallError as error:
                if error.failure_class is FailureClass.INTERRUPTED:
                    raise
                return error

    with runtime.in_flight():
        said = await asyncio.gather(*(one(row) for row in drawn))
    return [_by(strong, one) for one in said]


async def _ask(
    row: Mapping[str, Any], kind: DocumentType, manifest: Manifest, client: Ask
) -> tuple[dict[str, Candidate], list[Reply]]:
    """One reading of the whole document for every field, as a pipeline of one model would do it."""

    async def ask(call: Call) -> Reply:
        return await client(replace(call, role=Role.ORCHESTRATOR))

    document = Document.of(row["doc_id"], row["text"])
    longest = manifest.job.cascade.max_input_chars
    question = Question(kind, document.text, tier=0, stage=STAGE, longest=longest)
    return await ask_fields(document, question, ask)


def _by(strong: Model, said: _Said) -> _Said:
    """The answer, unless another model than the strong one gave it: that measures nothing."""
    if not isinstance(said, CallError) and any(r.model != strong.slug for r in said[1]):
        return CallError.of(FailureClass.OVERLOADED, f"{strong.slug} failed over to another model")
    return said


def _ends_it(said: _Said) -> bool:
    """Whether nobody more need be asked: the money, the key or the provider is gone."""
    return isinstance(said, CallError) and said.failure_class in STOPPING | PARKING


def _row(
    row: Mapping[str, Any], said: _Said, kind: DocumentType, gold: Gold | None
) -> dict[str, Any]:
    shown = {name: row[name] for name in ("doc_id", "uri", "document_type")}
    if isinstance(said, CallError):
        return {**shown, "failure": said.failure_class.value, "usd": 0.0, "answers": []}
    candidates, replies = said
    record: Mapping[str, tuple[str, ...]] = row["record"]
    answers = []
    for spec in kind.fields:
        strong_values = candidates[spec.name].values
        is_right = _labelled(gold, row, spec.name, spec.multi, strong_values)
        is_record_right = _labelled(gold, row, spec.name, spec.multi, record.get(spec.name, ()))
        answers.append(
            {
                "field": spec.name,
                "values": list(strong_values),
                "is_right": is_right,
                "is_record_right": is_record_right,
            }
        )
    return {
        **shown,
        "failure": None,
        "usd": sum(reply.usd for reply in replies),
        "answers": answers,
    }


def _labelled(
    gold: Gold | None, row: Mapping[str, Any], name: str, multi: bool, values: Sequence[str]
) -> bool | None:
    """Whether values are what the label says; null where nobody has labelled the field."""
    label = gold.labels.get(row["uri"]) if gold is not None else None
    if gold is None or label is None or name not in label.fields:
        return None
    if label.document_type not in (None, row["document_type"]):
        return None
    field = next(
        (
            f
            for f in gold.fields
            if f.spec.name == name and f.document_type in (None, row["document_type"])
        ),
        None,
    )
    if field is None:
        return None
    predicted: Predicted = list(values) if multi else (values[0] if values else None)
    _, wrong, missed = compare(field.match, predicted, label.fields[name])
    return not wrong and not missed


def _projected_usd(doc_id: str, attempts: Iterable[Attempt], manifest: Manifest) -> float | None:
    """What the calls would have cost on the catalog's model for the role (offline runs)."""
    model = manifest.resolution.projected.get(Role.ORCHESTRATOR)
    if model is None:
        return None
    return sum(
        cost_usd(model, a.input_tokens, 0, round(a.output_tokens * model.thinking_factor))
        for a in attempts
        if a.doc_id == doc_id
    )
