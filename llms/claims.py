"""Who may send a request that several processes are about to pay for? Claims in the database.

A claim says that a process is about to pay for a request; another one that wants the same answer
waits for it instead of paying as well. A claim is worth something only while its process is alive
(`llms.keepers`): those of one that was killed fall to whoever asks next. Names can be locked in the
same way.
"""

from collections.abc import Collection, Sequence
from enum import Enum

import sqlalchemy as sa

from llms import keepers
from llms.response_tables import CLAIMS, RESPONSES, upsert

_LONGEST_S = 36 * 3600.0
"""No call takes that long, batches included: an older claim was forgotten, whoever holds it."""


_KEYS: sa.BindParameter[str] = sa.bindparam("keys", expanding=True)
_ANSWERED = sa.select(RESPONSES.c.key).where(RESPONSES.c.key.in_(_KEYS))
_CLAIMED = sa.select(CLAIMS).where(CLAIMS.c.key.in_(_KEYS))
_RELEASE = sa.delete(CLAIMS).where(
    CLAIMS.c.key.in_(_KEYS), CLAIMS.c.keeper == sa.bindparam("holder")
)


class Claim(Enum):
    """What came of asking for a claim."""

    MINE = "mine"
    HELD = "held by another process or by another call of this one"
    ANSWERED = "the answer is in the store by now"


def take(
    connection: sa.Connection, keys: Sequence[str], keeper: str, *, now: float, dead_after_s: float
) -> list[Claim]:
    """Claim requests, in the transaction that the caller has begun as the only writer."""
    wanted = list(dict.fromkeys(keys))
    answered = set(connection.execute(_ANSWERED, {"keys": wanted}).scalars())
    rows = connection.execute(_CLAIMED, {"keys": wanted}).all()
    # Whoever asks is alive, even if it slept so long that it was not seen.
    alive = keepers.living(connection, now - dead_after_s) | {keeper} if rows else set()
    held = {row.key for row in rows if row.keeper in alive and row.claimed_at >= now - _LONGEST_S}
    outcomes: list[Claim] = []
    mine: set[str] = set()
    for key in keys:
        if key in answered:
            outcomes.append(Claim.ANSWERED)
        elif key in held or key in mine:
            outcomes.append(Claim.HELD)
        else:
            mine.add(key)
            outcomes.append(Claim.MINE)
    if mine:
        statement = upsert(CLAIMS, connection.dialect.name, "keeper", "claimed_at")
        connection.execute(
            statement,
            [{"key": key, "keeper": keeper, "claimed_at": now} for key in sorted(mine)],
        )
    return outcomes


def release(connection: sa.Connection, keys: Collection[str], keeper: str) -> None:
    """Give claims back; those that have fallen to another process stay there."""
    connection.execute(_RELEASE, {"keys": list(keys), "holder": keeper})


def leave(connection: sa.Connection, keeper: str) -> None:
    """Give back the claims that a store which is being closed still has."""
    connection.execute(sa.delete(CLAIMS).where(CLAIMS.c.keeper == keeper))
    keepers.leave(connection, keeper)


def sweep(connection: sa.Connection, now: float) -> None:
    """Take out what processes left behind that were killed long ago."""
    connection.execute(sa.delete(CLAIMS).where(CLAIMS.c.claimed_at < now - _LONGEST_S))
    keepers.sweep(connection, now - _LONGEST_S)
