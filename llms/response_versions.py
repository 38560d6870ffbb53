"""How does a store come to have the tables of this docmill? Made new, or brought forward."""

import sqlalchemy as sa

from llms.response_tables import ABOUT, ACCOUNTS, METADATA, VERSION, upsert
from llms.spend import run_account, units_of


def make_tables(connection: sa.Connection, now: float) -> str | None:
    """Make the tables or bring them to this version, and prove by a write that they can be written.

    Returns:
        The version that was found, where it is one that this docmill does not know and so left
        alone; else None.
    """
    backend = connection.dialect.name
    found: str | None = None
    if sa.inspect(connection).has_table(ABOUT.name):
        found = connection.execute(
            sa.select(ABOUT.c.value).where(ABOUT.c.name == "version")
        ).scalar_one_or_none()
    if found not in (None, "1", str(VERSION)):
        return found
    if found == "1":
        connection.exec_driver_sql("ALTER TABLE responses ADD COLUMN used_at FLOAT")
        connection.exec_driver_sql(
            "ALTER TABLE responses ADD COLUMN uses INTEGER DEFAULT 0 NOT NULL"
        )
    METADATA.create_all(connection)
    if found == "1":
        _open_accounts(connection)
    about = [("version", str(VERSION)), ("opened_at", str(now))]
    connection.execute(
        upsert(ABOUT, backend, "value"), [{"name": name, "value": text} for name, text in about]
    )
    return None


def _open_accounts(connection: sa.Connection) -> None:
    """Carry what version 1 knew of each run's spend over to the accounts."""
    spend = sa.table("spend", sa.column("run_id"), sa.column("usd"))
    sums = sa.select(spend.c.run_id, sa.func.sum(spend.c.usd)).group_by(spend.c.run_id)
    rows = [
        {"id": run_account(run_id), "spent": units_of(usd)}
        for run_id, usd in connection.execute(sums)
    ]
    if rows:
        connection.execute(sa.insert(ACCOUNTS), rows)
    connection.exec_driver_sql("DROP TABLE spend")
