"""Databases for the response store: a file of SQLite, and a real PostgreSQL server on loopback."""

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

_names = itertools.count(1)


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL server that belongs to the test session."""

    folder: Path
    port: int
    bin: Path

    def url(self, database: str, user: str = "docmill", password: str = "") -> str:
        """The URL of a database."""
        secret = f":{password}" if password else ""
        return f"postgresql://{user}{secret}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str, database: str = "postgres") -> None:
        """Run statements as the server's owner."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url(database))
            try:
                await connection.execute(sql)
            finally:
                await connection.close()

        asyncio.run(run())

    def new_database(self) -> str:
        """Make an empty database; returns its name."""
        name = f"answers{next(_names)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def control(self, *words: str) -> None:
        """Start, stop or restart the server."""
        log = str(self.folder / "log")
        _as_owner(self.bin / "pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-w", *words)


def _as_owner(*command: str | Path) -> None:
    # The server refuses to run as root.
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run([*prefix, *map(str, command)], check=True, stdout=subprocess.DEVNULL)


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    # Debian keeps them off the path.
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class NoPostgresError(RuntimeError):
    """PostgreSQL cannot be started here; the message says why."""


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """A server with an empty cluster; raises `NoPostgresError` where none is installed."""
    binaries = _binaries()
    if binaries is None:
        raise NoPostgresError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    if os.geteuid() == 0 and shutil.which("runuser") is None:
        raise NoPostgresError("PostgreSQL does not run as root, and there is no runuser")
    # Not below pytest's own folder, which only its owner may enter.
    folder = Path(tempfile.mkdtemp(prefix="docmill-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    server = PostgresServer(folder, port, binaries)
    try:
        data = str(folder / "data")
        _as_owner(binaries / "initdb", "-D", data, "-A", "trust", "-U", "docmill", "--no-sync")
        settings = (
            f"port = {port}\nlisten_addresses = '127.0.0.1'\nfsync = off\n"
            f"unix_socket_directories = '{folder}'\n"
        )
        with (folder / "data" / "postgresql.conf").open("a") as file:
            file.write(settings)
        server.control("start")
        try:
            yield server
        finally:
            server.control("stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A server with an empty cluster, for the whole session; skips where none is installed."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.skip(str(error))


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of an empty database of PostgreSQL."""
    return postgres_server.url(postgres_server.new_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'responses.db'}"
    return str(request.getfixturevalue("postgres_url"))
