"""Which questions does every report answer about its own run: books, quality, cost, dead letters.

Their ids hold a dot, so that no metric of a job can be mistaken for them.
"""

# ruff: noqa: S608 - names are quoted and texts are literals; the database is locked besides

from llms.orchestration import TIER
from schemas.fields import DocumentType, FieldSpec
from schemas.manifest import Manifest
from tasks.figures import Question
from tasks.jobs import document_types
from tasks.metrics import words
from tasks.record_sql import literal, quoted
from tasks.record_tables import table_name

STATUS = "run.status"
BOOKS = "run.books"
REASONS = "run.reasons"
COST = "run.cost"
FAILURE_CLASSES = "run.failure_classes"
FAILURES = "run.failures"
DUPLICATES = "run.duplicates"
ROUTED = "run.routed"
ANSWERED = "run.answered"
DECIDED = "run.decided"
MEDIA = "run.media"
QUALITY = "quality."
FINGERPRINT = "run.fingerprints"

_USD = "DECIMAL(18, 9)"
"""Money is summed in billionths of a dollar, exactly, whatever the order of the documents."""


def run_questions(manifest: Manifest) -> list[Question]:
    """The questions of a run, the same for two runs over the same documents and answers."""
    types = document_types(manifest.job)
    most = manifest.job.report.max_rows
    return [
        _status(),
        _books(),
        _reasons(),
        _media(),
        *(_quality(document_type) for document_type in types),
        _routed(),
        _answered(types),
        *([_decided(types)] if manifest.job.orchestrator.share else []),
        _cost(is_projected=bool(manifest.resolution.projected)),
        Question(
            FAILURE_CLASSES,
            "Dead letters by reason",
            'SELECT stage, "class", count(*) AS documents FROM failures '
            'GROUP BY ALL ORDER BY documents DESC, stage, "class"',
        ),
        Question(
            FAILURES,
            "Dead letters",
            'SELECT uri, stage, "class", message, attempts, '
            f"CAST(usd AS {_USD}) AS usd FROM failures ORDER BY stage, uri, doc_id",
            units={"usd": "USD"},
            max_rows=most,
        ),
        Question(
            DUPLICATES,
            "Duplicates",
            "SELECT s.uri AS duplicate, min(f.uri) AS same_bytes_as FROM sources s "
            "LEFT JOIN sources f ON f.doc_id = s.doc_id AND f.status <> 'duplicate'\n"
            "WHERE s.status = 'duplicate' GROUP BY s.uri ORDER BY duplicate",
            max_rows=most,
        ),
        _fingerprints(types),
    ]


def _status() -> Question:
    return Question(
        STATUS,
        "How the run ended",
        "SELECT (SELECT count(*) FROM sources) AS documents,\n"
        "(SELECT count(*) FROM documents WHERE status = 'extracted') AS extracted,\n"
        "(SELECT count(*) FROM sources WHERE status = 'failed')\n"
        "+ (SELECT count(*) FROM documents WHERE status = 'failed') AS failed,\n"
        "(SELECT count(*) FROM sources WHERE status NOT IN ('parsed', 'known', 'failed'))\n"
        "+ (SELECT count(*) FROM documents WHERE status = 'left') AS skipped,\n"
        "(SELECT count(*) FROM failures) AS dead_letters,\n"
        "(SELECT count(*) FROM sources WHERE status IN ('parsed', 'known')) AS readable,\n"
        "(SELECT coalesce(sum(pages), 0) FROM documents) AS pages,\n"
        "(SELECT coalesce(sum(tokens), 0) FROM documents) AS tokens,\n"
        "(SELECT coalesce(sum(bytes), 0) FROM documents) AS bytes",
    )


def _books() -> Question:
    """Inputs, done, failed and skipped at every boundary; the reasons are counted apart."""
    return Question(
        BOOKS,
        "Books",
        "WITH found AS (SELECT count(*) AS inputs, "
        "count(*) FILTER (status IN ('parsed', 'known')) AS done, "
        "count(*) FILTER (status = 'failed') AS failed, "
        "count(*) FILTER (status NOT IN ('parsed', 'known', 'failed')) AS skipped FROM sources),\n"
        "asked AS (SELECT count(*) AS inputs, count(*) FILTER (status = 'extracted') AS done, "
        "count(*) FILTER (status = 'failed') AS failed, "
        "count(*) FILTER (status = 'left') AS skipped FROM documents)\n"
        "SELECT boundary, inputs, done, failed, skipped, "
        "inputs = done + failed + skipped AS balanced FROM (\n"
        "SELECT 0 AS position, 'ingest' AS boundary, * FROM found\n"
        "UNION ALL SELECT 1, 'extract', * FROM asked\n"
        "UNION ALL SELECT 2, 'run', f.inputs, a.done, f.failed + a.failed, f.skipped + a.skipped "
        "FROM found f, asked a\n"
        ") ORDER BY position",
    )


def _reasons() -> Question:
    return Question(
        REASONS,
        "Reasons in the books",
        "SELECT boundary, outcome, reason, count(*) AS documents FROM (\n"
        "SELECT 'ingest' AS boundary, CASE status WHEN 'failed' THEN 'failed' ELSE 'skipped' END "
        "AS outcome, coalesce(reason, status) AS reason FROM sources "
        "WHERE status NOT IN ('parsed', 'known')\n"
        "UNION ALL SELECT 'extract', 'failed', failure_class FROM outcomes "
        "WHERE status = 'failed'\n"
        "UNION ALL SELECT 'extract', 'skipped', 'parked' FROM documents WHERE status = 'left'\n"
        ") GROUP BY ALL ORDER BY boundary DESC, outcome, documents DESC, reason",
    )


def _media() -> Question:
    return Question(
        MEDIA,
        "What the documents are",
        "SELECT media_type, count(*) AS documents, sum(pages) AS pages, sum(bytes) AS bytes, "
        "sum(tokens) AS tokens, count(*) FILTER (status = 'failed') AS failed\n"
        "FROM documents GROUP BY ALL ORDER BY documents DESC, media_type",
    )


def _quality(document_type: DocumentType) -> Question:
    """Per field, in the order of the type: how it was filled, by which tier, how surely."""
    parts = [
        _quality_of(document_type, spec, position)
        for position, spec in enumerate(document_type.fields)
    ]
    body = "\nUNION ALL ".join(parts)
    return Question(
        f"{QUALITY}{document_type.name}",
        f"Quality: {words(document_type.name)}",
        f"SELECT * EXCLUDE (position) FROM (\n{body}\n) ORDER BY position",
        units={"filled_share": "%"},
        max_rows=max(len(document_type.fields), 1),
    )


def _quality_of(document_type: DocumentType, spec: FieldSpec, position: int) -> str:
    value, status, tier, sure = (
        quoted(spec.name + suffix) for suffix in ("", "__status", "__tier", "__confidence")
    )
    is_filled = f"coalesce(len({value}), 0) > 0" if spec.multi else f"{value} IS NOT NULL"
    return (
        f"SELECT {position} AS position, {literal(spec.name)} AS field, count(*) AS records, "
        f"count(*) FILTER ({is_filled}) AS filled, "
        f"CAST(100 * count(*) FILTER ({is_filled}) / nullif(count(*), 0) AS DECIMAL(5, 1)) "
        "AS filled_share, "
        f"count(*) FILTER ({status} <> 'unresolved' AND {tier} = 0) AS first_tier, "
        f"count(*) FILTER ({status} <> 'unresolved' AND {tier} > 0) AS higher_tiers, "
        f"count(*) FILTER ({status} = 'absent') AS absent, "
        f"count(*) FILTER ({status} = 'verified') AS verified, "
        f"count(*) FILTER ({status} = 'unresolved') AS unresolved, "
        f"CAST(avg({sure}) AS DECIMAL(4, 3)) AS mean_confidence "
        f"FROM {quoted(table_name(document_type.name))}"
    )


def _routed() -> Question:
    return Question(
        ROUTED,
        "How types were found",
        "SELECT coalesce(document_type, '(none)') AS document_type, "
        "coalesce(routed_by, '(none)') AS routed_by, count(*) AS documents, "
        "sum(escalated) AS escalated_fields, count(verified) AS checked_records\n"
        "FROM outcomes GROUP BY ALL ORDER BY document_type, documents DESC, routed_by",
    )


def _answered(types: tuple[DocumentType, ...]) -> Question:
    parts = [
        f"SELECT {quoted(spec.name + '__model')} AS model, {quoted(spec.name + '__tier')} AS tier, "
        f"{quoted(spec.name + '__status')} AS status FROM {quoted(table_name(document_type.name))}"
        for document_type in types
        for spec in document_type.fields
    ]
    body = "\nUNION ALL ".join(parts)
    return Question(
        ANSWERED,
        "Who answered",
        "SELECT coalesce(model, '(nobody)') AS model, "
        "coalesce(CAST(tier AS VARCHAR), '-') AS tier, "
        "count(*) FILTER (status = 'accepted') AS accepted, "
        "count(*) FILTER (status = 'verified') AS verified, "
        "count(*) FILTER (status = 'absent') AS absent, "
        "count(*) FILTER (status = 'unresolved') AS unresolved\n"
        f"FROM (\n{body}\n) GROUP BY ALL ORDER BY tier, model",
    )


def _decided(types: tuple[DocumentType, ...]) -> Question:
    """Which fields the orchestrator was asked about, and what came of it."""
    parts = [
        f"SELECT {literal(t.name)} AS document_type, {literal(spec.name)} AS field, "
        f"{quoted(spec.name + '__status')} AS status FROM {quoted(table_name(t.name))} "
        f"WHERE {quoted(spec.name + '__tier')} = {TIER}"
        for t in types
        for spec in t.fields
    ]
    body = "\nUNION ALL ".join(parts)
    return Question(
        DECIDED,
        "Decided by the orchestrator",
        "SELECT document_type, field, count(*) FILTER (status = 'accepted') AS accepted, "
        "count(*) FILTER (status = 'absent') AS absent, "
        "count(*) FILTER (status = 'unresolved') AS unresolved\n"
        f"FROM (\n{body}\n) GROUP BY ALL ORDER BY document_type, field",
    )


_MONEY = (
    "extraction_usd",
    "baseline_usd",
    "baseline_plain_usd",
    "projected_usd",
    "usd_per_document",
    "baseline_usd_per_document",
)


def _cost(*, is_projected: bool) -> Question:
    """What is unknown for one document is unknown for all: a partial sum would flatter."""
    paid = "projected_usd" if is_projected else "extraction_usd"
    return Question(
        COST,
        "Cost against one strong model",
        "WITH summed AS (SELECT\n"
        f"coalesce(sum(CAST(usd AS {_USD})), 0) AS extraction_usd,\n"
        f"CASE WHEN count(*) = count(baseline_usd) THEN sum(CAST(baseline_usd AS {_USD})) END "
        "AS baseline_usd,\n"
        "CASE WHEN count(*) = count(baseline_plain_usd) "
        f"THEN sum(CAST(baseline_plain_usd AS {_USD})) END AS baseline_plain_usd,\n"
        f"CASE WHEN count(*) = count(projected_usd) THEN sum(CAST(projected_usd AS {_USD})) END "
        "AS projected_usd,\n"
        "coalesce(sum(calls), 0) AS calls, coalesce(sum(escalated), 0) AS escalated_fields, "
        "coalesce(sum(input_tokens), 0) AS input_tokens, "
        "coalesce(sum(output_tokens), 0) AS output_tokens, count(*) AS documents FROM outcomes)\n"
        f"SELECT *, CAST({paid} / nullif(documents, 0) AS {_USD}) AS usd_per_document, "
        f"CAST(baseline_usd / nullif(documents, 0) AS {_USD}) AS baseline_usd_per_document "
        "FROM summed",
        units=dict.fromkeys(_MONEY, "USD"),
    )


def _fingerprints(types: tuple[DocumentType, ...]) -> Question:
    """One digest over every row of a type, evidence included: a changed record changes it."""
    parts = [
        f"SELECT {literal(t.name)} AS document_type, count(*) AS records, "
        "sha256(coalesce(string_agg(record_sha256, '' ORDER BY doc_id), '')) AS sha256 "
        f"FROM {quoted(table_name(t.name))}"
        for t in types
    ]
    return Question(
        FINGERPRINT,
        "Fingerprints of the records",
        "\nUNION ALL ".join(parts) + "\nORDER BY document_type",
        max_rows=max(len(parts), 1),
    )
