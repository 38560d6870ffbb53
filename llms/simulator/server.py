"""How is the simulated provider started? In this process on a thread, or in a process of its own.

with serve(Scenario.of({"latency": 0.2, "faults": {"server_error": 0.1}})) as provider:
    client = AsyncOpenAI(base_url=provider.url, api_key="any", max_retries=0)
    ...
    assert provider.stats().paid.requests == 100
"""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import IO, TypeVar

import uvicorn
from pydantic import TypeAdapter
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.protocols.http.h11_impl import H11Protocol

from llms.simulator.app import Simulator
from llms.simulator.scenario import Scenario
from llms.simulator.stats import Repeated, Stats
from llms.simulator.wire import TRANSPORT, AsgiApp

LOOPBACK = "127.0.0.1"

_START_S = 30.0
_KEEP_ALIVE_S = 75
_BACKLOG = 2048
_REPEATS = TypeAdapter(list[Repeated])
_T = TypeVar("_T")


class ServerError(RuntimeError):
    """The server does not start or does not answer."""


class Listening:
    """A simulated provider that listens.

    Attributes:
        url: Base URL of its API, with `/v1`.
        root: The same without: there are `/stats` and `/scenario`.
    """

    def __init__(self, host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        self.root = f"http://{shown}:{port}"
        self.url = f"{self.root}/v1"

    def stats(self) -> Stats:
        """The books as they stand."""
        return Stats.model_validate_json(self._ask("GET", "/stats"))

    def repeats(self) -> list[Repeated]:
        """The requests that came more than once, those billed most often first."""
        return _REPEATS.validate_json(self._ask("GET", "/stats/repeats"))

    def reset(self) -> None:
        """Empty the books; rates, attempts and batches go on."""
        self._ask("POST", "/stats/reset")

    def play(self, scenario: Scenario) -> None:
        """Begin anew with a scenario: empty books, no files, no batches, full rates."""
        self._ask("PUT", "/scenario", scenario.model_dump_json(exclude_unset=True).encode())

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.root + path, data=body, method=method)  # noqa: S310 - http by construction
        with urllib.request.urlopen(request, timeout=_START_S) as response:  # noqa: S310
            return bytes(response.read())


def listen(host: str = LOOPBACK, port: int = 0) -> socket.socket:
    """A socket that listens; port 0 takes any free one.

    Raises:
        ServerError: The port is taken, or the host is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP: asyncio sends small pieces at once (TCP_NODELAY) only where it knows that, and
    # head and body of every response would otherwise wait 40 ms for each other.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServerError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    # From here on connections queue up: whoever knows the port may use it at once.
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


class Server(uvicorn.Server):
    """uvicorn around a simulator: it hands connections to the application, so that they can be
    reset, and does not wait for requests that hang when it is told to end.

    Args:
        app: The simulator, or whatever is to be compared with it.
        is_plain: Do without httptools and uvloop even where they are installed.
    """

    def __init__(self, app: AsgiApp, *, is_plain: bool = False) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        super().__init__(
            uvicorn.Config(
                app,
                http=_exposing(is_plain),
                loop="asyncio" if is_plain else "auto",
                ws="none",
                lifespan="off",
                log_config=None,
                # Broken connections are what it is for; uvicorn would complain of each.
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever started the server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Break off what is open and end."""
        self.force_exit = True
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
        await super().shutdown(sockets)


def _exposing(is_plain: bool) -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol with the connection in `scope["state"]`."""
    protocol = H11Protocol if is_plain else AutoHTTPProtocol

    class Exposing(protocol):  # type: ignore[misc, valid-type]  # chosen at run time
        app_state: dict[str, object]

        def connection_made(self, transport: asyncio.Transport) -> None:
            self.app_state = {**self.app_state, TRANSPORT: transport}
            super().connection_made(transport)

    return Exposing


class InThread(Listening):
    """A simulated provider on a thread of this process; `simulator` is the application."""

    def __init__(self, scenario: Scenario, listener: socket.socket) -> None:
        host, port = listener.getsockname()[:2]
        super().__init__(host, port)
        self.simulator = Simulator(scenario)
        self._server = Server(self.simulator)
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="docmill-simulator", daemon=True)

    def start(self) -> None:
        """Start; requests are answered from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait until nothing of it is left; the books stay."""
        self._server.should_exit = True
        self._thread.join()

    def stats(self) -> Stats:
        """The books as they stand."""
        return self._call(self.simulator.stats)

    def repeats(self) -> list[Repeated]:
        """The requests that came more than once, those billed most often first."""
        return self._call(self.simulator.repeats)

    def reset(self) -> None:
        """Empty the books; rates, attempts and batches go on."""
        self._call(self.simulator.reset)

    def play(self, scenario: Scenario) -> None:
        """Begin anew with a scenario."""
        self._call(lambda: self.simulator.play(scenario))

    def _run(self) -> None:
        self._server.run(sockets=[self._listener])

    def _call(self, function: Callable[[], _T]) -> _T:
        """What a function returns on the server's event loop, or here once that is closed."""
        loop = self._server.loop
        if not self._thread.is_alive() or loop is None:
            return function()

        async def called() -> _T:
            return function()

        return asyncio.run_coroutine_threadsafe(called(), loop).result(_START_S)


class InProcess(Listening):
    """A simulated provider in a process of its own, which has a core and an interpreter of its own.

    It ends with the process that started it, however that ends.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "llms.simulator"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Found there as here, be it installed or not.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        self._last: tuple[Stats, list[Repeated]] | None = None
        told = ""
        with contextlib.suppress(OSError):
            self._pipe.write(scenario.model_dump_json(exclude_unset=True) + "\n")
            self._pipe.flush()
            told = self._process.stdout.readline() if self._process.stdout else ""
        if not told:
            self._end()
            raise ServerError("the process of the simulated provider did not start")
        super().__init__(LOOPBACK, int(told))

    @property
    def process_id(self) -> int:
        """The process that answers."""
        return self._process.pid

    @property
    def _pipe(self) -> IO[str]:
        if self._process.stdin is None:
            raise AssertionError("it was started with a pipe")
        return self._process.stdin

    def stop(self) -> None:
        """End, and wait until it has; the books stay."""
        with contextlib.suppress(OSError):  # it may have been killed
            self._last = super().stats(), super().repeats()
        self._end()

    def stats(self) -> Stats:
        """The books as they stand."""
        return self._last[0] if self._last else super().stats()

    def repeats(self) -> list[Repeated]:
        """The requests that came more than once, those billed most often first."""
        return self._last[1] if self._last else super().repeats()

    def _end(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.close()
        try:
            self._process.wait(_START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextlib.contextmanager
def serve(
    scenario: Scenario | None = None, *, port: int = 0, own_process: bool = False
) -> Iterator[InThread | InProcess]:
    """A simulated provider on loopback while the body runs; its books can be read afterwards.

    Args:
        scenario: How it behaves; null for a provider without faults, limits and latency.
        port: Where it listens, with a thread; 0 takes a free port.
        own_process: In a process of its own, for measurements: a thread shares the interpreter
            lock with whoever calls.

    Raises:
        ServerError: It cannot be started.
    """
    scenario = scenario or Scenario()
    if own_process:
        provider: InThread | InProcess = InProcess(scenario)
    else:
        provider = InThread(scenario, listen(LOOPBACK, port))
        provider.start()
    try:
        yield provider
    finally:
        provider.stop()
