"""How do answers, accounts and claims lie in the database? Tables, versions, statements, rows."""

import json
import zlib
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from llms.completion import Answer

VERSION = 2
"""Of the tables; a store of a later version is left alone, one of an earlier one is brought here.

1: answers, and the spend of each call. 2: accounts, leases, claims, and when an answer was used.
"""

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
    sa.Column("used_at", sa.Float, nullable=True),
    sa.Column("uses", sa.Integer, nullable=False, server_default="0"),
)
"""`used_at` and `uses` say when and how often the store gave an answer again."""

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("job", sa.String, nullable=False),
    sa.Column("lake", sa.String, nullable=False),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float, nullable=True),
)
"""The runs that use the store; one without an end may go on and need its answers again."""

ACCOUNTS = sa.Table(
    "accounts",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("spent", sa.BigInteger, nullable=False),
)

LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("keeper", sa.String, nullable=False),
    sa.Column("run_account", sa.String, nullable=False, index=True),
    sa.Column("month_account", sa.String, nullable=False, index=True),
    sa.Column("units", sa.BigInteger, nullable=False),
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.Float, nullable=False),
)

KEEPERS = sa.Table(
    "keepers",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("process", sa.String, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
)
"""The open stores of all processes that pay for calls; one that was not seen lately is dead."""

CLAIMS = sa.Table(
    "claims",
    METADATA,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("keeper", sa.String, nullable=False),
    sa.Column("claimed_at", sa.Float, nullable=False),
)
"""Requests that a process is about to pay for, and names that it has locked."""

_ANSWER_FIELDS = tuple(field.name for field in fields(Answer))

GET = sa.select(RESPONSES).where(RESPONSES.c.key == sa.bindparam("wanted"))
TOUCH = (
    sa.update(RESPONSES)
    .where(RESPONSES.c.key == sa.bindparam("touched"))
    .values(used_at=sa.bindparam("at"), uses=RESPONSES.c.uses + sa.bindparam("times"))
)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """One paid answer.

    `key` identifies the request (`llms.sdk.Request.key`); `usd` is what the answer cost, `lost_usd`
    what unanswered attempts at the same request (time-outs) had cost before it; `stored_at` is when
    it was stored, in seconds since the epoch, and 0 before; the answer is the same whenever it was.
    """

    key: str
    model: str
    provider: str
    run_id: str
    answer: Answer
    usd: float = 0.0
    lost_usd: float = 0.0
    stored_at: float = field(default=0.0, compare=False)


def _insert(table: sa.Table, backend: str) -> "sqlite.Insert | postgresql.Insert":
    return sqlite.insert(table) if backend == "sqlite" else postgresql.insert(table)


# Building a statement takes longer than running it: each is built once.
@cache
def insert_new(table: sa.Table, backend: str) -> sa.Insert:
    """An INSERT that leaves a row alone whose key is there already; `backend` names the dialect."""
    return _insert(table, backend).on_conflict_do_nothing()


@cache
def upsert(table: sa.Table, backend: str, *columns: str) -> sa.Insert:
    """An INSERT that, where the key is there already, sets `columns` anew."""
    statement = _insert(table, backend)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in columns},
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
        stored_at=row.stored_at,
    )
