"""Documents as the catalog's sources send them, each entry naming only what its test is about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import date
from typing import Any

from llms.catalog import CatalogModel

DAY = date(2026, 7, 12)


def make_model(**figures: Any) -> CatalogModel:
    """A row of the last good catalog."""
    unknown = {f.name: None for f in fields(CatalogModel) if f.default is MISSING}
    usual = {
        "slug": "acme-one",
        "name": "Acme One",
        "creator": "Acme",
        "api_id": "acme/acme-one",
        "index_version": "2026-06",
        "as_of": date(2026, 7, 10),
    }
    return CatalogModel(**{**unknown, **usual, **figures})


def aa_entry(slug: str = "acme-one", *, is_nested: bool = False, **changes: Any) -> dict[str, Any]:
    """An entry of Artificial Analysis; `is_nested` puts the speed under `performance`."""
    speed = {
        "median_output_tokens_per_second": 50.0,
        "median_time_to_first_token_seconds": 1.5,
    }
    entry: dict[str, Any] = {
        "id": "5f0c",
        "slug": slug,
        "name": "Acme One",
        "release_date": "2026-05-01",
        "model_creator": {"id": "c1", "name": "Acme", "slug": "acme"},
        "evaluations": {
            "artificial_analysis_intelligence_index": 40.0,
            "artificial_analysis_coding_index": 50.0,
            "mmlu_pro": 0.8,
        },
        "pricing": {"price_1m_input_tokens": 1.0, "price_1m_output_tokens": 4.0},
    }
    return entry | ({"performance": speed} if is_nested else speed) | changes


def aa_document(entries: Sequence[object], **envelope: Any) -> bytes:
    """An answer of Artificial Analysis."""
    return json.dumps({"status": 200, "data": entries, **envelope}).encode()


def openrouter_entry(api_id: str = "acme/acme-one", **changes: Any) -> dict[str, Any]:
    """An entry of OpenRouter's list; prices are texts in dollars per token."""
    entry: dict[str, Any] = {
        "id": api_id,
        "context_length": 200_000,
        "architecture": {"input_modalities": ["text", "image"], "tokenizer": "Other"},
        "pricing": {
            "prompt": "0.0000012",
            "completion": "0.000005",
            "input_cache_read": "0.00000012",
        },
        "top_provider": {"max_completion_tokens": 32_000, "is_moderated": False},
        "supported_parameters": ["tools", "response_format", "structured_outputs", "reasoning"],
    }
    return entry | changes


def openrouter_document(entries: Sequence[object]) -> bytes:
    """An answer of OpenRouter."""
    return json.dumps({"data": entries}).encode()


def litellm_entry(**changes: Any) -> dict[str, Any]:
    """An entry of LiteLLM's table; prices are numbers in dollars per token."""
    entry: dict[str, Any] = {
        "litellm_provider": "openai",
        "mode": "chat",
        "max_input_tokens": 272_000,
        "max_output_tokens": 128_000,
        "input_cost_per_token": 5e-06,
        "output_cost_per_token": 3e-05,
        "cache_read_input_token_cost": 5e-07,
        "input_cost_per_token_batches": 2.5e-06,
        "output_cost_per_token_batches": 1.5e-05,
        "supports_function_calling": True,
        "supports_response_schema": True,
        "supports_vision": True,
        "supports_reasoning": True,
    }
    return entry | changes


def litellm_document(entries: Mapping[str, object]) -> bytes:
    """LiteLLM's table, which begins with an explanation of itself."""
    return json.dumps({"sample_spec": {"mode": "one of: chat, ..."}, **entries}).encode()
