"""The ledger: one attempt is one call of one model, paid or not, answered or not."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Attempt:
    """One row of the ledger.

    Token counts are the provider's own where it reports them; `usd` is what the attempt cost, or,
    where nobody knows (a time-out, a kill), what it may have cost at most, and then
    `usd_is_upper_bound` is true. An attempt answered by the response store has `from_store` true,
    the tokens of the stored answer and `usd` 0; `stored_usd` is what that answer once cost.
    """

    attempt_id: str
    run_id: str
    stage: str
    role: str
    model: str
    provider: str
    lane: str
    doc_id: str | None
    request_key: str
    number: int
    outcome: str
    status: int | None
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    input_price: float
    cached_input_price: float
    output_price: float
    usd: float
    usd_is_upper_bound: bool
    stored_usd: float
    from_store: bool
    latency_ms: float
    started_at: datetime
    message: str | None = None
