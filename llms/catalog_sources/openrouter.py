"""What does OpenRouter's list say of models: prices, context, what requests may ask for?"""

from datetime import date

from llms.catalog_sources.rows import (
    Entry,
    PartialRow,
    Reading,
    Source,
    batch_share,
    document_of,
    entries_of,
    partial_row,
    read_rows,
)

_SOURCE = Source.OPENROUTER

_Prices = tuple[float | None, float | None]
"""Of input and of output."""


def parse(data: bytes, as_of: date) -> Reading:
    """The models of the answer to `/api/v1/models`.

    Variants of a model (`:free`, `:thinking`, ...) and OpenRouter's own routers are left aside:
    their prices are not those of the model. Of `:batch` the discount is taken.

    Raises:
        CatalogError: The answer is not of that kind.
    """
    found = entries_of(document_of(data, _SOURCE), "data", _SOURCE)
    entries = {_name(entry, place): entry for place, entry in enumerate(found, start=1)}

    def read(name: str, entry: Entry) -> PartialRow | None:
        try:
            batch = _prices(Entry(entries.get(f"{name}:batch", {})))
        except ValueError:
            batch = None, None  # a broken variant is no reason to lose the model
        return _row(entry, batch)

    return read_rows(_SOURCE, as_of, entries, read)


def _name(entry: object, place: int) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else f"row {place}"


def _row(entry: Entry, batch_prices: _Prices) -> PartialRow | None:
    api_id = entry.text("id")
    if api_id is None:
        raise ValueError("id is missing")
    if ":" in api_id or api_id.startswith("openrouter/"):
        return None
    served, asked = entry.inner("top_provider"), entry.words("supported_parameters")
    inputs = entry.inner("architecture").words("input_modalities")
    prices = _prices(entry)
    return partial_row(
        {
            "api_id": api_id,
            "batch_discount": batch_share(prices, batch_prices),
            "context_window": entry.count("context_length", "context_window"),
            "max_output": served.count("max_completion_tokens", "max_output"),
            # JSON without a schema is `response_format` alone, and is not enough here.
            "structured_output": None if asked is None else "structured_outputs" in asked,
            "tool_call": None if asked is None else "tools" in asked,
            "logprobs": None if asked is None else "logprobs" in asked,
            "image_input": None if inputs is None else "image" in inputs,
            # Whether a row thinks depends on its effort: only that a model never does is certain.
            "reasoning": False if asked and "reasoning" not in asked else None,
        },
        {
            "input_price": prices[0],
            "output_price": prices[1],
            "cached_input_price": entry.inner("pricing").price("input_cache_read", per_token=True),
        },
    )


def _prices(entry: Entry) -> _Prices:
    pricing = entry.inner("pricing")
    return pricing.price("prompt", per_token=True), pricing.price("completion", per_token=True)
