"""Rows of a ledger, each naming only what its test is about."""

from datetime import UTC, datetime
from typing import Any

from schemas.roles import Role

EXTRACTION = Role.EXTRACTION_WORKER


def make_attempt(**values: Any) -> dict[str, Any]:
    """An answered call of a model named big, but for what its test is about."""
    usual: dict[str, Any] = {
        "attempt_id": "a",
        "run_id": "r",
        "stage": "extract",
        "role": EXTRACTION.value,
        "model": "big",
        "provider": "openrouter",
        "lane": "standard",
        "doc_id": None,
        "request_key": "k",
        "number": 1,
        "outcome": "ok",
        "status": 200,
        "input_tokens": 1000,
        "cached_tokens": 0,
        "output_tokens": 300,
        "reasoning_tokens": 200,
        "input_price": 1.0,
        "cached_input_price": 1.0,
        "output_price": 1.0,
        "usd": 0.01,
        "usd_is_upper_bound": False,
        "stored_usd": 0.0,
        "from_store": False,
        "latency_ms": 2000.0,
        "started_at": datetime(2026, 7, 10, tzinfo=UTC),
        "message": None,
    }
    return {**usual, **values}
