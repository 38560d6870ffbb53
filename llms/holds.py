"""What has been set aside for requests that lie in a batch, where no process has to stay for them?

A request of a batch is worked on for hours, whether the process that sent it lives or not. So its
money is not left in a lease: it is booked as spent at its worst case, and remembered under the key
of the request. Whoever gets the answer, this process or one that goes on with the run after a kill,
replaces the worst case by what the answer has cost. Both happens in one transaction each, so that
no kill can lose money or count it twice, and no clock has a say in it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from llms.response_tables import ACCOUNTS, LEASES, METADATA, upsert

HOLDS = sa.Table(
    "holds",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("run_account", sa.String, primary_key=True),
    sa.Column("month_account", sa.String, nullable=False),
    sa.Column("units", sa.BigInteger, nullable=False),
)
"""Money booked as spent for requests whose answers have not been settled yet."""

_OF_KEYS = sa.select(HOLDS).where(HOLDS.c.key.in_(sa.bindparam("keys", expanding=True)))
_DROP = sa.delete(HOLDS).where(HOLDS.c.key.in_(sa.bindparam("keys", expanding=True)))
_ADD = {
    table.name: sa.update(table)
    .where(table.c.id == sa.bindparam("row"))
    .values(spent=table.c.spent + sa.bindparam("more"))
    for table in (ACCOUNTS, LEASES)
}
_MOST_KEYS = 1000


@dataclass(frozen=True, slots=True)
class Hold:
    """What is booked as spent for the request `key`, by the accounts of its run."""

    key: str
    run_account: str
    month_account: str
    units: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The request `key` of a run has cost `spent`, in units, instead of what is held for it.

    `lease` is that of this process, where it has booked the hold itself: it says what its owner
    has spent.
    """

    key: str
    run_account: str
    spent: int
    lease: str | None


def book(connection: sa.Connection, holds: Sequence[Hold]) -> None:
    """Remember holds, in the transaction that books their money as spent.

    More for a request that something is held for already is added: both may be billed.
    """
    known = {(row.key, row.run_account): row.units for row in _rows(connection, holds)}
    rows = [
        {
            "key": hold.key,
            "run_account": hold.run_account,
            "month_account": hold.month_account,
            "units": known.get((hold.key, hold.run_account), 0) + hold.units,
        }
        for hold in holds
    ]
    if rows:
        connection.execute(upsert(HOLDS, connection.dialect.name, "units"), rows)


def settle(connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
    """Replace what is held by what was spent.

    A request is billed once: what other runs held for it, which asked it before, is free again.
    A request that nothing is held for has been settled before, by a process that took this one for
    dead: nothing changes.
    """
    by_request = {(done.key, done.run_account): done for done in settlements}
    accounts: dict[str, int] = {}
    leases: dict[str, int] = {}
    found = _rows(connection, settlements)
    for row in found:
        done = by_request.get((row.key, row.run_account))
        change = (done.spent if done else 0) - row.units
        for account in (row.run_account, row.month_account):
            accounts[account] = accounts.get(account, 0) + change
        if done and done.lease:
            leases[done.lease] = leases.get(done.lease, 0) + change
    spend_up(connection, {row.key for row in found})
    _change(connection, ACCOUNTS, accounts)
    _change(connection, LEASES, leases)


def held(connection: sa.Connection, run_account: str) -> dict[str, Hold]:
    """What is held for a run, by the keys of the requests."""
    found = connection.execute(sa.select(HOLDS).where(HOLDS.c.run_account == run_account))
    return {row.key: Hold(row.key, row.run_account, row.month_account, row.units) for row in found}


def spend_up(connection: sa.Connection, keys: Collection[str]) -> None:
    """Let what is held for requests stay spent for good: nobody will find out what they cost."""
    for some in _parts(sorted(keys)):
        connection.execute(_DROP, {"keys": some})


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _MOST_KEYS] for start in range(0, len(keys), _MOST_KEYS))


def _rows(connection: sa.Connection, about: Collection[Hold | Settlement]) -> list[sa.Row[object]]:
    keys = sorted({one.key for one in about})
    found: list[sa.Row[object]] = []
    for some in _parts(keys):
        found += connection.execute(_OF_KEYS, {"keys": some}).all()
    return found


def _change(connection: sa.Connection, table: sa.Table, more: dict[str, int]) -> None:
    changes = [{"row": name, "more": units} for name, units in sorted(more.items()) if units]
    if changes:
        connection.execute(_ADD[table.name], changes)
