"""What may still be spent, by the book that all processes share? Accounts, leases and charges.

An *account* is a purse with a cap: that of a run, or that of a job in a calendar month. A *lease*
is money that one process has taken out of its accounts before it sends anything; what its calls
may cost at worst is set aside from the lease without asking the book. A *charge* says what a call
has cost and how much of the lease that settles.

Money leaves an account for a lease only where `spent + leases <= cap`, checked in one transaction.
A lease that nobody settles any more, because its process was killed, therefore counts as spent for
ever: its calls may have been billed. No clock has a say in that.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from llms import holds, keepers
from llms.failures import StoreError
from llms.holds import Hold, Settlement
from llms.response_tables import ACCOUNTS, LEASES, upsert

UNITS_PER_USD = 10**12
"""Money is counted in whole units, so that no order of additions can drift over a cap. A price of
six decimals per million tokens is a whole number of units per token."""

MOST_UNITS = 9 * 10**18
"""Nine million dollars: what a 64-bit column holds. More than that is counted as that."""

_NAMES: sa.BindParameter[str] = sa.bindparam("accounts", expanding=True)
_ACCOUNTS = sa.select(ACCOUNTS).where(ACCOUNTS.c.id.in_(_NAMES))
_LEASES = sa.select(LEASES).where(
    sa.or_(
        LEASES.c.id.in_(sa.bindparam("ids", expanding=True)),
        # A lease that is spent up still says what its owner has spent of an account.
        LEASES.c.run_account.in_(_NAMES),
        LEASES.c.month_account.in_(_NAMES),
    )
)


def units_at_most(usd: float) -> int:
    """An amount that a call may cost, rounded up.

    Raises:
        ValueError: It is negative, infinite or no number.
    """
    return math.ceil(_checked(usd) * UNITS_PER_USD)


def units_of(usd: float) -> int:
    """An amount that was spent, in units; raises as `units_at_most` does."""
    return round(_checked(usd) * UNITS_PER_USD)


def cap_units(usd: float) -> int:
    """A cap in units, rounded down; raises as `units_at_most` does."""
    return math.floor(_checked(usd) * UNITS_PER_USD)


def in_usd(units: int) -> float:
    """An amount of units in US dollars."""
    return units / UNITS_PER_USD


def _checked(usd: float) -> float:
    if not (usd >= 0 and math.isfinite(usd)):
        raise ValueError(f"an amount of money must be finite and not negative, not {usd!r}")
    return min(usd, MOST_UNITS / UNITS_PER_USD)


def run_account(run_id: str) -> str:
    """The account of a run."""
    return f"run {run_id}"


def month_account(job: str, month: str) -> str:
    """The account of a job in a month, written 2026-07."""
    return f"month {month} {job}"


@dataclass(frozen=True, slots=True)
class Draw:
    """Ask for money for a lease.

    `caps` maps the lease's accounts, that of the run first, to their caps in units, None where
    there is none. Granted is `wanted`, or what the accounts have left, or nothing where that is
    less than `least`. `owner` is who holds the lease and `keeper` the store that keeps it alive.
    """

    lease: str
    owner: str
    keeper: str
    caps: dict[str, int | None]
    least: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a draw brought: units, and per account what others have `taken` (spent or leased) and
    how much of that lies in leases of processes that are `alive`, who may yet give it back.
    """

    units: int
    taken: dict[str, int]
    alive: dict[str, int]


@dataclass(frozen=True, slots=True)
class Charge:
    """What a call has cost (`spent`) and what thereby leaves the lease: `freed`.

    `freed` is the covered part of `spent` and whatever the lease gives back beside it.
    """

    lease: str
    spent: int
    freed: int


Booking = Charge | Settlement
"""What there is to book once it is known what a call has cost."""


@dataclass(slots=True)
class Lease:
    """Money in the hands of one process: what is left of it, and what was spent through it."""

    owner: str
    keeper: str
    accounts: tuple[str, ...]
    units: int = 0
    spent: int = 0


@dataclass(slots=True)
class Book:
    """The part of the book that some draws and charges need, in memory.

    Attributes:
        spent: What has been spent, by account.
        leases: Leases by id.
        living: The keepers that are alive.
    """

    spent: dict[str, int] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    living: Collection[str] = frozenset()

    def charge(self, charge: Charge) -> None:
        """Settle a call."""
        lease = self.leases.get(charge.lease)
        if lease is None:
            raise StoreError(
                "the response store has lost the lease of this process, as if it had been replaced "
                "by a copy; resume the run"
            )
        lease.units -= min(charge.freed, lease.units)
        lease.spent = min(lease.spent + charge.spent, MOST_UNITS)
        for account in lease.accounts:
            self.spent[account] = min(self.spent.get(account, 0) + charge.spent, MOST_UNITS)

    def draw(self, draw: Draw) -> Grant:
        """Move money from the accounts to a lease, as far as every cap allows it."""
        lease = self.leases.setdefault(draw.lease, Lease(draw.owner, draw.keeper, tuple(draw.caps)))
        room = min(self.room(draw), MOST_UNITS - lease.units)
        granted = min(draw.wanted, room) if room >= max(draw.least, 1) else 0
        lease.units += granted
        return Grant(
            granted,
            taken={account: self._taken(account, draw.owner) for account in draw.caps},
            alive={
                account: sum(
                    other.units
                    for other in self._of(account)
                    if other.owner != draw.owner and other.keeper in self.living
                )
                for account in draw.caps
            },
        )

    def room(self, draw: Draw) -> int:
        """What the accounts of a draw have left."""
        rooms = [
            cap - self.spent.get(account, 0) - sum(lease.units for lease in self._of(account))
            for account, cap in draw.caps.items()
            if cap is not None
        ]
        return min([*rooms, MOST_UNITS])

    def _of(self, account: str) -> list[Lease]:
        return [lease for lease in self.leases.values() if account in lease.accounts]

    def _taken(self, account: str, owner: str) -> int:
        """What others than `owner` have spent or hold."""
        leases = self._of(account)
        own = sum(lease.spent for lease in leases if lease.owner == owner)
        held = sum(lease.units for lease in leases if lease.owner != owner)
        return max(0, self.spent.get(account, 0) - own) + held


def apply(
    connection: sa.Connection,
    bookings: Sequence[Booking],
    draws: Sequence[Draw],
    *,
    now: float,
    dead_after_s: float,
) -> list[Grant]:
    """Book what calls have cost, then draws, in the transaction that the caller has begun as the
    only writer.
    """
    holds.settle(connection, [one for one in bookings if isinstance(one, Settlement)])
    charges = [one for one in bookings if isinstance(one, Charge)]
    touched = {charge.lease for charge in charges}
    accounts = {account for draw in draws for account in draw.caps}
    book = _load(connection, touched, accounts)
    if draws:
        book.living = keepers.living(connection, now - dead_after_s)
    for charge in charges:
        book.charge(charge)
    grants = [book.draw(draw) for draw in draws]
    touched.update(draw.lease for draw in draws)
    _save(connection, book, touched, now)
    return grants


def hold(
    connection: sa.Connection,
    draw: Draw,
    wanted: Sequence[Hold],
    *,
    now: float,
    dead_after_s: float,
) -> tuple[list[Hold], Grant]:
    """Book holds for requests that go into a batch as spent, as far as every cap allows it.

    In the transaction that the caller has begun as the only writer, so that no money is set aside
    for a request before there is a batch that it is in.

    Args:
        connection: The connection of that transaction.
        draw: Whose money it is; only lease, owner, keeper and caps count.
        wanted: Holds, those first that are to be served first.
        now: The time, in seconds.
        dead_after_s: How long a process counts as alive after it was last seen.

    Returns:
        The holds that were booked, and what the accounts look like.
    """
    book = _load(connection, {draw.lease}, set(draw.caps))
    book.living = keepers.living(connection, now - dead_after_s)
    room = book.room(draw)
    booked: list[Hold] = []
    for one in wanted:
        if one.units <= room:
            room -= one.units
            booked.append(one)
    grant = book.draw(replace(draw, least=0, wanted=0))
    book.charge(Charge(draw.lease, sum(one.units for one in booked), 0))
    _save(connection, book, {draw.lease}, now)
    holds.book(connection, booked)
    return booked, grant


def at_least(connection: sa.Connection, amounts: Mapping[str, int]) -> None:
    """Book what is known from elsewhere to have been spent, where the book knows of less.

    Args:
        connection: The connection of a transaction that the caller has begun as the only writer.
        amounts: What was spent at least, in units, by account.
    """
    for account, units in sorted(amounts.items()):
        missing = units - taken(connection, account)
        if missing > 0:
            found = sa.select(ACCOUNTS.c.spent).where(ACCOUNTS.c.id == account)
            spent = connection.execute(found).scalar_one_or_none() or 0
            row = {"id": account, "spent": min(spent + missing, MOST_UNITS)}
            connection.execute(upsert(ACCOUNTS, connection.dialect.name, "spent"), row)


def leave(connection: sa.Connection, keeper: str) -> None:
    """Take out the leases of a store that is being closed, but for money that nobody settled."""
    connection.execute(sa.delete(LEASES).where(LEASES.c.keeper == keeper, LEASES.c.units == 0))


def taken(connection: sa.Connection, account: str) -> int:
    """What of an account is spent or leased, in units."""
    in_hand: Iterable[int] = connection.execute(
        sa.select(LEASES.c.units).where(
            sa.or_(LEASES.c.run_account == account, LEASES.c.month_account == account)
        )
    ).scalars()
    found = sa.select(ACCOUNTS.c.spent).where(ACCOUNTS.c.id == account)
    spent = connection.execute(found).scalar_one_or_none() or 0
    # Added up here: a sum in SQL is a decimal in one database and may overflow in the other.
    return spent + sum(in_hand)


def _load(connection: sa.Connection, leases: Collection[str], accounts: Collection[str]) -> Book:
    book = Book()
    found = connection.execute(_LEASES, {"ids": list(leases), "accounts": list(accounts)})
    for row in found:
        both = (row.run_account, row.month_account)
        book.leases[row.id] = Lease(row.owner, row.keeper, both, row.units, row.spent)
    names = {name for lease in book.leases.values() for name in lease.accounts} | set(accounts)
    rows = connection.execute(_ACCOUNTS, {"accounts": list(names)})
    book.spent = {row.id: row.spent for row in rows}
    return book


def _save(connection: sa.Connection, book: Book, touched: Collection[str], now: float) -> None:
    if not touched:
        return
    backend = connection.dialect.name
    leases = [(id_, book.leases[id_]) for id_ in sorted(touched)]
    names = sorted({name for _, lease in leases for name in lease.accounts})
    accounts = [{"id": name, "spent": book.spent.get(name, 0)} for name in names]
    connection.execute(upsert(ACCOUNTS, backend, "spent"), accounts)
    rows = [
        {
            "id": id_,
            "owner": lease.owner,
            "keeper": lease.keeper,
            "run_account": lease.accounts[0],
            "month_account": lease.accounts[1],
            "units": lease.units,
            "spent": lease.spent,
            "changed_at": now,
        }
        for id_, lease in leases
    ]
    connection.execute(upsert(LEASES, backend, "units", "spent", "changed_at"), rows)
