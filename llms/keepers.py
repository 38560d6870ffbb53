"""Which of the processes that share a store are alive? Those seen lately, unless they are gone.

An open store is seen in the table of keepers every few seconds. One that was not seen for a minute
is taken to be dead. On the machine where it ran nobody has to wait that long after a kill: the
kernel knows at once that there is no such process any more.
"""

import os
import socket
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from llms.response_tables import KEEPERS, upsert

_SEEN = sa.select(KEEPERS).where(KEEPERS.c.seen_at >= sa.bindparam("since"))


def living(connection: sa.Connection, since: float) -> set[str]:
    """The keepers that were seen since a time, in seconds, and are not known to be gone."""
    return {row.id for row in connection.execute(_SEEN, {"since": since}) if not gone(row.process)}


def show_life(connection: sa.Connection, keeper: str, now: float) -> None:
    """Let the other processes know that a store is open and this process alive."""
    connection.execute(
        upsert(KEEPERS, connection.dialect.name, "seen_at"),
        [{"id": keeper, "process": process_name(), "seen_at": now}],
    )


def leave(connection: sa.Connection, keeper: str) -> None:
    """Take a store out that is being closed."""
    connection.execute(sa.delete(KEEPERS).where(KEEPERS.c.id == keeper))


def sweep(connection: sa.Connection, before: float) -> None:
    """Take out what was not seen since a time: processes that were killed long ago."""
    connection.execute(sa.delete(KEEPERS).where(KEEPERS.c.seen_at < before))


def process_name() -> str:
    """This process's name for others: host and process id, and where that id means it."""
    return f"{socket.gethostname()}:{os.getpid()} {_here()}".strip()


def gone(process: str) -> bool:
    """Whether a process of this name surely does not exist any more; false where nobody knows."""
    name, _, place = process.partition(" ")
    if not place or place != _here():
        return False
    try:
        os.kill(int(name.rpartition(":")[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False


@cache
def _here() -> str:
    """What tells this boot of this machine, and this container on it, from all others.

    Empty where that cannot be told: a host's name alone will not do, since containers may share it
    and number their processes each for itself.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
