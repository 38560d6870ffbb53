"""Connections to a provider: kept, bounded, given back whatever becomes of a request."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx2
import pytest

from llms.connections import connections

pytestmark = pytest.mark.usefixtures("no_proxies")

_ZIPPED = gzip.compress(b"body")
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class _Host:
    """A host that counts its connections; `answer` decides what comes of a request."""

    connected: int = 0
    now_open: int = 0
    most_open: int = 0
    url: str = ""
    takes: int = 0
    taken: bytes = b""
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]] = field(default=lambda w: _ok(w))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connected += 1
        self.now_open += 1
        self.most_open = max(self.most_open, self.now_open)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.taken = await reader.readexactly(self.takes)
                await self.answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.now_open -= 1
            writer.close()

    async def are_closed(self) -> None:
        """Wait until no connection is open, and until the other side has heard of it."""
        while self.now_open:
            await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)

    def answers(self, *parts: bytes, ends: bool = False) -> None:
        """Answer with these bytes from now on, and hang up if it `ends`."""

        async def answer(writer: asyncio.StreamWriter) -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()
            if ends:
                writer.close()

        self.answer = answer


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


@pytest.mark.parametrize(
    ("parts", "ends"),
    [
        ((b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 4\r\n\r\nbo", b"dy"), False),
        ((b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n",
          b"2\r\ndy\r\n0\r\n\r\n"), False),
        ((b"HTTP/1.1 103 Early Hints\r\n\r\n",
          b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"), False),
        ((b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbo", b"dy"), True),
        ((b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
          % len(_ZIPPED), _ZIPPED), False),
    ],
    ids=["in pieces", "chunked", "after a hint", "until the end", "compressed"],
)  # fmt: skip
def test_a_body_is_read_however_it_is_framed(parts: tuple[bytes, ...], ends: bool) -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        host.answers(*parts, ends=ends)
        for _ in range(2):
            assert (await client.get(host.url)).content == b"body"

    assert _asked(use).connected == (2 if ends else 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n",
        b"this is not HTTP\r\n\r\n",
    ],
    ids=["nothing", "half a head", "half a body", "chunks without an end", "something else"],
)
def test_an_answer_that_is_cut_off_is_an_error_and_not_a_short_answer(answer: bytes) -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        host.answers(answer, ends=True)
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(host.url)
        host.answer = _ok
        assert (await client.get(host.url)).content == b"ok"

    _asked(use, most=1)


def test_what_a_host_says_unasked_is_not_taken_for_the_next_answer() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        late = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"
        host.answers(_ANSWER + late)
        assert (await client.get(host.url)).content == b"ok"
        host.answer = _ok
        assert (await client.get(host.url)).content == b"ok"

    assert _asked(use).connected == 2


def test_a_connection_that_its_host_has_closed_is_not_used_again() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        host.answers(_ANSWER, ends=True)
        for _ in range(3):
            assert (await client.get(host.url)).content == b"ok"
            await host.are_closed()

    assert _asked(use).connected == 3


def test_a_body_larger_than_what_goes_out_at_once_arrives_whole() -> None:
    parts = [bytes([number]) * 300_000 for number in range(8)]

    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        length = str(sum(map(len, parts)))
        host.takes = int(length)
        response = await client.post(host.url, content=body(), headers={"Content-Length": length})
        assert response.content == b"ok"

    assert _asked(use).taken == b"".join(parts)


def test_silence_and_a_closed_port_are_told_apart() -> None:
    async def use(client: httpx2.AsyncClient, host: _Host) -> None:
        host.answers()
        with pytest.raises(httpx2.ReadTimeout):
            await client.get(host.url, timeout=httpx2.Timeout(10, read=0.01))
        with pytest.raises(httpx2.ConnectError):
            await client.get("http://127.0.0.1:1")
        with pytest.raises(httpx2.UnsupportedProtocol):
            await client.get("ftp://127.0.0.1/")

    _asked(use, most=1)


def test_where_there_are_proxies_the_client_chooses_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")

    assert connections(10, 30.0) is None
