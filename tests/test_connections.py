"""Connections to a provider: kept, bounded, given back whatever becomes of a request."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx2
import pytest

from llms.connections import connections

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class _Host:
    """A host that counts its connections; `answer` decides what comes of a request."""

    connected: int = 0
    now_open: int = 0
    most_open: int = 0
    url: str = ""
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]] = field(default=lambda w: _ok(w))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.now_open += 1
        self.most_open = max(self.most_open, self.now_open)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self.answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.now_open -= 1
            writer.close()


async def _ok(writer: asyncio.StreamWriter) -> None:
    writer.write(_ANSWER)
    await writer.drain()


def _asked(
    use: Callable[[httpx2.AsyncClient, _Host], Awaitable[None]], *, most: int = 100
) -> _Host:
    """Let `use` talk to a host through a transport of at most `most` connections."""
    host = _Host()

    async def run() -> None:
        server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
        host.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with httpx2.AsyncClient(transport=connections(most, 30.0), timeout=10) as client:
            await use(client, host)
        server.close()
        await server.wait_closed()

    asyncio.run(run())
    return host


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_requests_one_after_the_other_share_a_connection() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        for _ in range(5):
            assert (await client.get(host.url)).content == b"ok"

    assert _asked(use).connected == 1


def test_requests_at_once_have_a_connection_each_and_keep_it() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        for _ in range(3):
            await asyncio.gather(*(client.get(host.url) for _ in range(8)))

    assert _asked(use).connected == 8


def test_there_are_never_more_connections_than_allowed() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        done = await asyncio.gather(*(client.get(host.url) for _ in range(20)))
        assert [response.status_code for response in done] == [200] * 20

    assert _asked(use, most=3).most_open == 3


def test_a_connection_that_broke_leaves_its_place_to_the_next() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        async def broken(writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        host.answer = broken
        for _ in range(3):
            with pytest.raises(httpx2.TransportError):
                await client.get(host.url)
        host.answer = _ok
        assert (await client.get(host.url)).content == b"ok"

    _asked(use, most=1)


def test_a_request_that_is_broken_off_leaves_its_place_to_the_next() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        asked = asyncio.Event()

        async def silent(writer: asyncio.StreamWriter) -> None:
            asked.set()

        host.answer = silent
        hanging = asyncio.create_task(client.get(host.url))
        await asked.wait()
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        host.answer = _ok
        assert (await client.get(host.url)).content == b"ok"

    _asked(use, most=1)


def test_a_body_that_nobody_reads_is_given_back_when_it_is_closed() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        async with client.stream("GET", host.url) as response:
            assert response.status_code == 200
        assert (await client.get(host.url)).content == b"ok"

    _asked(use, most=1)


def test_where_there_are_proxies_the_client_chooses_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")

    assert connections(10, 30.0) is None
