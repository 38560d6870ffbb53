"""What does Artificial Analysis publish of models: indices, speed, prices, per effort?"""

from collections.abc import Sequence
from datetime import date

from llms.catalog import Figure
from llms.catalog_sources.matching import effort_of
from llms.catalog_sources.rows import (
    NAMES,
    Entry,
    PartialRow,
    Reading,
    Source,
    document_of,
    entries_of,
    partial_row,
    read_rows,
)
from llms.failures import CatalogError

_SOURCE = Source.ARTIFICIAL_ANALYSIS
_MILLION = 1_000_000


def has_next_page(data: bytes) -> bool:
    """Whether the answer says that there are more pages; never in the shape without pagination.

    Raises:
        CatalogError: The answer is not JSON, or its pagination cannot be understood.
    """
    document = document_of(data, _SOURCE)
    try:
        pagination = Entry(document, "the answer").inner("pagination")
        if "has_more" in pagination:
            return bool(pagination.claim("has_more"))
        page, pages = pagination.count("page", "page"), pagination.count("total_pages", "pages")
    except ValueError as error:
        raise CatalogError(f"the pagination of {NAMES[_SOURCE]}: {error}") from None
    return page is not None and pages is not None and page < pages


def parse(pages: Sequence[bytes], as_of: date) -> Reading:
    """The models of the answers to `/api/v2/data/llms/models`, one answer per page.

    Both shapes in use are read: speed flat in the row or under `performance`, with or without
    `pagination` and `intelligence_index_version`.

    Raises:
        CatalogError: An answer is not of that kind, or a page brings nothing new.
    """
    entries: dict[str, object] = {}
    version: str | None = None
    for number, data in enumerate(pages, start=1):
        document = document_of(data, _SOURCE)
        found = entries_of(document, "data", _SOURCE)
        version = _version(document) or version
        known = len(entries)
        for entry in found:
            entries.setdefault(_name(entry, len(entries)), entry)
        if len(entries) == known:
            raise CatalogError(f"page {number} of {NAMES[_SOURCE]} repeats the pages before it")
    return read_rows(_SOURCE, as_of, entries, lambda _, entry: _row(entry, version))


def _name(entry: object, place: int) -> str:
    slug = entry.get("slug") if isinstance(entry, dict) else None
    return slug if isinstance(slug, str) else f"row {place + 1}"


def _version(document: object) -> str | None:
    value = document.get("intelligence_index_version") if isinstance(document, dict) else None
    # A number in one shape, a text in the other.
    is_usable = isinstance(value, int | float | str) and not isinstance(value, bool)
    text = str(value).strip() if is_usable else ""
    return text if text.isprintable() and text else None


def _row(entry: Entry, version: str | None) -> PartialRow:
    slug, name = entry.text("slug"), entry.text("name")
    if slug is None or name is None:
        raise ValueError("slug or name is missing")
    creator, scores = entry.inner("model_creator"), entry.inner("evaluations")
    pricing, modalities = entry.inner("pricing"), entry.inner("modalities").inner("input")
    speed = entry.inner("performance") if "performance" in entry else entry
    intelligence = scores.number("artificial_analysis_intelligence_index", "intelligence")
    coding = scores.number("artificial_analysis_coding_index", "coding")
    maths = scores.number("artificial_analysis_math_index", "math")
    is_scored = (intelligence, coding, maths) != (None, None, None)
    effort = effort_of(name)
    thinks = entry.claim("reasoning_model")
    if thinks is None and effort is not None:
        thinks = effort != "none"
    prices = {
        "input_price": pricing.price("price_1m_input_tokens", per_token=False),
        "output_price": pricing.price("price_1m_output_tokens", per_token=False),
        "cached_input_price": pricing.price("price_1m_cache_hit_tokens", per_token=False),
    }
    figures: dict[str, Figure | None] = {
        "slug": slug,
        "name": name,
        "creator": creator.text("name"),
        "api_id": entry.text("openrouter_api_id"),
        "effort": effort,
        "release_date": entry.day("release_date"),
        "intelligence": intelligence,
        "coding": coding,
        "math": maths,
        "tps": speed.positive("median_output_tokens_per_second", "tps"),
        "ttft": speed.positive("median_time_to_first_token_seconds", "ttft"),
        "context_window": entry.count("context_window_tokens", "context_window"),
        "image_input": modalities.claim("image"),
        "open_weights": entry.inner("licensing").claim("is_open_weights"),
        "index_output_mtok": _index_output(entry, prices["output_price"]),
        "index_version": version if is_scored else None,
        "reasoning": thinks,
    }
    return partial_row(figures, prices)


def _index_output(entry: Entry, output_price: float | None) -> float | None:
    """Millions of output tokens that the index took: as counted, else from what they cost."""
    counts = entry.inner("artificial_analysis_intelligence_index_token_counts")
    tokens = counts.positive("output_tokens", "output_tokens")
    if tokens is not None:
        return round(tokens / _MILLION, 3)
    costs = entry.inner("artificial_analysis_intelligence_index_cost")
    answer = costs.number("answer_cost", "answer_cost")
    thinking = costs.number("reasoning_cost", "reasoning_cost")
    if answer is None or thinking is None or not output_price:
        return None
    return round((answer + thinking) / output_price, 3) or None
