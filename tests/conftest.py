"""What several test modules share: a provider that costs money, and one real Prefect server."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.commands import docmill as docmill
from tests.databases import postgres_server as postgres_server
from tests.databases import postgres_url as postgres_url
from tests.databases import store_url as store_url

if TYPE_CHECKING:
    from tests.small_runs import PaidProvider

# No test may depend on the providers of who runs it.
os.environ["DOCMILL_CONFIG"] = ""

# How long an example takes says more about the machine than about the code.
settings.register_profile("docmill", deadline=None)
settings.load_profile("docmill")

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session", autouse=True)
def no_own_catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever runs the tests may have refreshed the catalog; the tests know the embedded one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCMILL_CATALOG", str(tmp_path_factory.mktemp("catalog")))
        yield


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names proxies, connections are made by another."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@dataclass(frozen=True)
class PrefectServer:
    """A Prefect server on loopback and the environment that reaches it."""

    api_url: str
    environment: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        """What of the environment is Prefect's."""
        return {k: v for k, v in self.environment.items() if k.startswith("PREFECT")}

    def run(self, *command: str, cwd: Path = ROOT) -> str:
        """Run a command of this environment against the server; returns its output."""
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            env=self.environment,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def worker(self, pool: str, **more: str) -> "Iterator[Worker]":
        """A process worker of a pool that looks for work every second, until the context ends.

        `more` is for its environment, which its flow runs share.
        """
        command = [str(BIN / "prefect"), "worker", "start", "--pool", pool]
        process = subprocess.Popen(
            [*command, "--install-policy", "never"],
            env={**self.environment, "PREFECT_WORKER_QUERY_SECONDS": "1", **more},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield Worker(process)
        finally:
            process.terminate()
            process.wait(timeout=60)


@dataclass(frozen=True)
class Worker:
    """A Prefect worker that runs."""

    process: "subprocess.Popen[bytes]"

    def wait_a_moment(self) -> None:
        """Let half a second pass; fails when the worker has ended."""
        try:
            code = self.process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"the worker ended with {code}")


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A real Prefect server with an empty home, for the whole session."""
    home = tmp_path_factory.mktemp("prefect")
    api_url = f"http://127.0.0.1:{(port := free_port())}/api"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }
    environment.pop("PREFECT_API_URL", None)
    log = (home / "server.log").open("wb")
    server = subprocess.Popen(
        [str(BIN / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(f"{api_url}/health", server)
        yield PrefectServer(api_url, {**environment, "PREFECT_API_URL": api_url})
    finally:
        server.terminate()
        server.wait(timeout=60)
        log.close()


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(240):
        assert server.poll() is None, "the Prefect server ended before it answered"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            try:
                server.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                continue
        else:
            return
    raise AssertionError("the Prefect server did not answer")


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> "PaidProvider":
    """A provider of the profile `openai` that costs money, with its key in the environment."""
    import httpx2

    # Imported here: most tests need neither a client nor a pipeline.
    from llms.client import Client
    from tests.small_runs import PaidProvider

    provider = PaidProvider()
    transport = httpx2.ASGITransport(app=provider)
    client = partial(Client, transports={"openai": transport})
    for module in ("tasks.runtime", "tasks.planning_calls"):
        monkeypatch.setattr(f"{module}.Client", client)
    for name, value in provider.ENV.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return provider
