"""How do answers and the spend book lie in the database? Tables, statements and rows."""

import json
import zlib
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from llms.completion import Answer

VERSION = 1
"""Of the tables; a store of another version is left alone."""

METADATA = sa.MetaData()

ABOUT = sa.Table(
    "about",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)

RESPONSES = sa.Table(
    "responses",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("usd", sa.Float, nullable=False),
    sa.Column("lost_usd", sa.Float, nullable=False),
    sa.Column("stored_at", sa.Float, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
)

SPEND = sa.Table(
    "spend",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("usd", sa.Float, nullable=False),
    sa.Column("is_settled", sa.Boolean, nullable=False),
    sa.Column("booked_at", sa.Float, nullable=False),
)

_ANSWER_FIELDS = tuple(field.name for field in fields(Answer))

GET = sa.select(RESPONSES).where(RESPONSES.c.key == sa.bindparam("wanted"))
PUT = insert(RESPONSES).on_conflict_do_nothing()
RESERVE = sa.insert(SPEND)
SETTLE = (
    sa.update(SPEND)
    .where(SPEND.c.id == sa.bindparam("spend_id"))
    .values(usd=sa.bindparam("actual_usd"), is_settled=True)
)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One paid answer.

    `key` identifies the request (`llms.sdk.Request.key`); `usd` is what the answer cost, `lost_usd`
    what unanswered attempts at the same request (time-outs) had cost before it.
    """

    key: str
    model: str
    provider: str
    run_id: str
    answer: Answer
    usd: float = 0.0
    lost_usd: float = 0.0


def spent_by(run_id: str) -> sa.Select[float]:
    """The sum of the spend book over a run."""
    return sa.select(sa.func.coalesce(sa.func.sum(SPEND.c.usd), 0.0)).where(
        SPEND.c.run_id == run_id
    )


def set_about(name: str, value: str) -> sa.Insert:
    """Write one line of the table `about`, replacing what it said."""
    statement = insert(ABOUT).values(name=name, value=value)
    return statement.on_conflict_do_update(
        index_elements=["name"], set_={"value": statement.excluded.value}
    )


def to_row(response: StoredResponse, stored_at: float) -> dict[str, Any]:
    """The row of a response; packs the answer."""
    answer = {name: getattr(response.answer, name) for name in _ANSWER_FIELDS}
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return {
        "key": response.key,
        "model": response.model,
        "provider": response.provider,
        "run_id": response.run_id,
        "usd": response.usd,
        "lost_usd": response.lost_usd,
        "stored_at": stored_at,
        # Answers repeat their field names; level 1 halves them and more, for some microseconds.
        "answer": zlib.compress(text.encode("utf-8", "surrogatepass"), 1),
    }


def from_row(row: Any) -> StoredResponse:
    """The response in a row; whatever decoding raises when the row is damaged."""
    answer = json.loads(zlib.decompress(row.answer).decode("utf-8", "surrogatepass"))
    if answer["logprobs"] is not None:
        answer["logprobs"] = tuple((token, logprob) for token, logprob in answer["logprobs"])
    return StoredResponse(
        key=row.key,
        model=row.model,
        provider=row.provider,
        run_id=row.run_id,
        answer=Answer(**answer),
        usd=row.usd,
        lost_usd=row.lost_usd,
    )
