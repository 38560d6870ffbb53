"""Which questions are put to the records: those of the job, and those that docmill thinks of."""

# ruff: noqa: S608 - names are quoted and texts are literals; the database is locked besides

from collections.abc import Iterator

from schemas.fields import DocumentType, FieldSource, FieldSpec, FieldType
from schemas.job import Job
from tasks.figures import Question
from tasks.jobs import document_types
from tasks.record_sql import literal, quoted
from tasks.record_tables import table_name

MAX_AUTOMATIC = 24
"""Automatic questions of a run; what a report shows beyond that nobody reads."""

_LEAST_AUTOMATIC = 6
"""Automatic questions beside however many metrics of the job."""

_MAX_AMOUNTS, _MAX_CATEGORIES, _MAX_NAMES = 4, 2, 2
_TOP_VALUES = 10
_MONTHS = 24

_CURRENCY_WORDS = frozenset({"currency", "currencies", "waehrung", "währung", "devise"})
_NAMES = (
    "name seller buyer merchant customer client supplier vendor company party parties sender "
    "recipient recipients product brand author court jurisdiction law issuer payer payee shop "
    "store organisation organization country city department"
)
_NAME_WORDS = frozenset(_NAMES.split())


def questions_of(job: Job) -> list[Question]:
    """The job's own metrics, in its order, then the automatic ones where the job wants them."""
    own = [Question(m.id, m.title, m.sql, unit=m.unit, chart=m.chart) for m in job.analysis.metrics]
    if own and not job.analysis.automatic:
        return own
    taken = {q.id for q in own}
    room = max(_LEAST_AUTOMATIC, MAX_AUTOMATIC - len(own))
    return own + [q for q in automatic_questions(job, room) if q.id not in taken]


def automatic_questions(job: Job, most: int = MAX_AUTOMATIC) -> list[Question]:
    """Sensible questions to any records: amounts, months, categories and frequent names per type.

    At most `most`, dealt out so that every document type gets its most telling ones.
    """
    types = document_types(job)
    questions = [_documents_by_type()] if len(types) > 1 else []
    per_type = [list(_of_type(document_type)) for document_type in types]
    longest = max((len(mine) for mine in per_type), default=0)
    dealt = [mine[i] for i in range(longest) for mine in per_type if i < len(mine)]
    chosen = {q.id for q in dealt[: most - len(questions)]}
    return questions + [q for mine in per_type for q in mine if q.id in chosen]


def _documents_by_type() -> Question:
    return Question(
        "documents_by_type",
        "Documents by type",
        "SELECT coalesce(document_type, '(not recognised)') AS document_type, "
        "count(*) AS documents, count(*) FILTER (status = 'extracted') AS extracted, "
        "count(*) FILTER (status = 'failed') AS failed\n"
        "FROM documents GROUP BY ALL ORDER BY documents DESC, document_type",
        chart="auto",
    )


def _of_type(document_type: DocumentType) -> Iterator[Question]:
    """The questions to one type, the most telling first."""
    singles = [spec for spec in document_type.fields if not spec.as_printed]
    amounts = [s for s in singles if s.type is FieldType.DECIMAL and not s.multi]
    if amounts:
        yield _amounts(document_type, _main_first(amounts)[:_MAX_AMOUNTS])
    dates = [s for s in singles if s.type in (FieldType.DATE, FieldType.DATETIME) and not s.multi]
    if dates:
        yield _by_month(document_type, dates[0])
    categories = [s for s in document_type.fields if s.type is FieldType.CATEGORY]
    for spec in categories[:_MAX_CATEGORIES]:
        yield _counted(document_type, spec, at_least=1)
    for spec in [s for s in document_type.fields if _is_name(s)][:_MAX_NAMES]:
        yield _counted(document_type, spec, at_least=2)


def _main_first(amounts: list[FieldSpec]) -> list[FieldSpec]:
    return sorted(amounts, key=lambda spec: (not spec.required, not spec.sum_of))


def _is_name(spec: FieldSpec) -> bool:
    words = set(spec.name.lower().split("_"))
    is_text = spec.type is FieldType.STRING and spec.source is FieldSource.TEXT
    return is_text and bool(words & _NAME_WORDS) and not words & {"id", "number", "address"}


def _currency(document_type: DocumentType) -> FieldSpec | None:
    for spec in document_type.fields:
        is_text = spec.type in (FieldType.STRING, FieldType.CATEGORY) and not spec.multi
        if is_text and set(spec.name.lower().split("_")) & _CURRENCY_WORDS:
            return spec
    return None


def _amounts(document_type: DocumentType, specs: list[FieldSpec]) -> Question:
    """Sum, mean, least and greatest per field, never across currencies."""
    currency = _currency(document_type)
    group = f"coalesce({quoted(currency.name)}, '(none)') AS currency, " if currency else ""
    parts = [
        f"SELECT {position} AS position, {group}{literal(spec.name)} AS field, "
        f"count({quoted(spec.name)}) AS documents, sum({quoted(spec.name)}) AS total, "
        f"CAST(avg({quoted(spec.name)}) AS DECIMAL(24, 2)) AS mean, "
        f"min({quoted(spec.name)}) AS least, max({quoted(spec.name)}) AS greatest "
        f"FROM {quoted(table_name(document_type.name))} "
        f"WHERE {quoted(spec.name)} IS NOT NULL GROUP BY ALL"
        for position, spec in enumerate(specs)
    ]
    order = "position, documents DESC, currency" if currency else "position"
    return Question(
        f"{_id(document_type.name)}_amounts",
        f"{_title(document_type)} amounts" + (" by currency" if currency else ""),
        f"SELECT * EXCLUDE (position) FROM (\n{chr(10).join(_union(parts))}\n) ORDER BY {order}",
        chart="none",
    )


def _union(parts: list[str]) -> list[str]:
    return [part if i == 0 else f"UNION ALL {part}" for i, part in enumerate(parts)]


def _by_month(document_type: DocumentType, spec: FieldSpec) -> Question:
    # A date column is read as such, a datetime is ISO text; both begin with YYYY-MM.
    month = f"left(CAST({quoted(spec.name)} AS VARCHAR), 7)"
    table = quoted(table_name(document_type.name))
    return Question(
        f"{_id(document_type.name)}_by_month",
        f"{_title(document_type)} by month: {words(spec.name)}",
        f"SELECT * FROM (\nSELECT {month} AS month, count(*) AS documents FROM {table}\n"
        f"WHERE {quoted(spec.name)} IS NOT NULL GROUP BY ALL ORDER BY month DESC LIMIT {_MONTHS}\n"
        ") ORDER BY month",
        chart="auto",
    )


def _counted(document_type: DocumentType, spec: FieldSpec, *, at_least: int) -> Question:
    table = quoted(table_name(document_type.name))
    column = f"unnest({quoted(spec.name)})" if spec.multi else quoted(spec.name)
    return Question(
        f"{_id(document_type.name)}_by_{_id(spec.name)}",
        f"{_title(document_type)} by {words(spec.name)}",
        f"SELECT {quoted(spec.name)}, count(*) AS documents "
        f"FROM (SELECT {column} AS {quoted(spec.name)} FROM {table})\n"
        f"WHERE {quoted(spec.name)} IS NOT NULL GROUP BY ALL HAVING count(*) >= {at_least} "
        f"ORDER BY documents DESC, {quoted(spec.name)} LIMIT {_TOP_VALUES}",
        chart="auto",
    )


def words(name: str) -> str:
    """A name of code as words of a sentence."""
    return " ".join(name.replace("_", " ").split())


def _title(document_type: DocumentType) -> str:
    return words(document_type.name).capitalize()


def _id(name: str) -> str:
    return name.lower()
