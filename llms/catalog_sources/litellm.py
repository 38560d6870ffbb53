"""What does LiteLLM's price table say of models: prices, batch prices, limits, capabilities?"""

from datetime import date

from llms.catalog_sources.rows import (
    NAMES,
    Entry,
    PartialRow,
    Reading,
    Source,
    batch_share,
    document_of,
    partial_row,
    read_rows,
)
from llms.failures import CatalogError

_SOURCE = Source.LITELLM

_MAKERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "google",
    "xai": "x-ai",
    "deepseek": "deepseek",
    "mistral": "mistralai",
    "moonshot": "moonshotai",
    "zai": "z-ai",
    "dashscope": "qwen",
    "minimax": "minimax",
    "meta_llama": "meta-llama",
}
"""Providers that are the makers of what they serve, and their part of an API id.

Resellers (Azure, Bedrock, Vertex, ...) have prices and limits of their own and are left aside.
"""

_MODES = frozenset({"chat", "responses"})


def parse(data: bytes, as_of: date) -> Reading:
    """The models of `model_prices_and_context_window.json` as their makers serve them.

    Its `max_input_tokens` is a limit of the prompt alone, so it says nothing of the column
    `context_window`. Surcharges for long prompts are not read.

    Raises:
        CatalogError: The document is not of that kind.
    """
    document = document_of(data, _SOURCE)
    if not isinstance(document, dict) or not document:
        raise CatalogError(f"what {NAMES[_SOURCE]} sent is no table of models")
    entries = {name: entry for name, entry in document.items() if name != "sample_spec"}
    reading = read_rows(_SOURCE, as_of, entries, _row)
    if not reading.rows:
        raise CatalogError(f"what {NAMES[_SOURCE]} sent has no chat model in it")
    return reading


def _row(name: str, entry: Entry) -> PartialRow | None:
    provider, mode = entry.text("litellm_provider"), entry.text("mode")
    if provider not in _MAKERS or mode not in _MODES:
        return None
    bare = name.removeprefix(f"{provider}/")
    if "/" in bare or ":" in bare:
        # Regions and fine-tuned models, at other prices.
        return None
    input_price = entry.price("input_cost_per_token", per_token=True)
    output_price = entry.price("output_cost_per_token", per_token=True)
    return partial_row(
        {
            "api_id": f"{_MAKERS[provider]}/{bare}",
            "batch_discount": batch_share(
                (input_price, output_price),
                (
                    entry.price("input_cost_per_token_batches", per_token=True),
                    entry.price("output_cost_per_token_batches", per_token=True),
                ),
            ),
            "max_output": entry.count("max_output_tokens", "max_output"),
            "structured_output": entry.claim("supports_response_schema"),
            "tool_call": entry.claim("supports_function_calling"),
            "image_input": entry.claim("supports_vision"),
            "reasoning": False if entry.claim("supports_reasoning") is False else None,
        },
        {
            "input_price": input_price,
            "output_price": output_price,
            "cached_input_price": entry.price("cache_read_input_token_cost", per_token=True),
        },
    )
