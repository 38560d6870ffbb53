"""How are hundreds of connections to a provider kept without looking at all for each request?

The HTTP client's pool asks every idle connection, at the start and at the end of each request,
whether it is still good. Here the connection that was used last is used next, and one that its host
has closed says so itself (`llms.exchange`).
"""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator

import httpx2

from llms.exchange import Connection, Timeouts

_Origin = tuple[str, str, int | None]


def connections(most: int, idle_s: float) -> httpx2.AsyncBaseTransport | None:
    """A transport of up to `most` connections; none is used again after `idle_s`.

    Null where the environment names proxies: which of them a request takes is the client's to say.
    """
    if urllib.request.getproxies():
        return None
    return _Connections(most, idle_s)


class _Connections(httpx2.AsyncBaseTransport):
    def __init__(self, most: int, idle_s: float) -> None:
        self._idle_s = idle_s
        # Read once: it takes longer than a request.
        self._context = httpx2.create_ssl_context()
        self._context.set_alpn_protocols(["http/1.1"])
        self._room = asyncio.Semaphore(most)
        self._all: set[Connection] = set()
        # The one that was used last is used next: those too many for the load grow old together.
        self._idle: dict[_Origin, list[tuple[float, Connection]]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its connection is free again once the body is read or closed."""
        timeouts: Timeouts = request.extensions.get("timeout", {})
        await self._room.acquire()
        try:
            one = self._kept(request.url) or await self._made(request.url, timeouts)
            try:
                head = await one.send(request, timeouts)
            except BaseException:
                one.close()
                raise
        except BaseException:
            self._room.release()
            raise
        return httpx2.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=_Body(one, timeouts, self, _origin(request.url)),
            extensions={"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason},
        )

    async def aclose(self) -> None:
        """Close every connection."""
        self._idle.clear()
        for one in self._all:
            one.close()
        await asyncio.gather(*(one.lost for one in self._all))

    def free(self, one: Connection, origin: _Origin) -> None:
        """Take a connection back whose exchange is over."""
        one.end()
        if one.is_open:
            self._idle.setdefault(origin, []).append((time.monotonic(), one))
        self._room.release()

    def _kept(self, url: httpx2.URL) -> Connection | None:
        idle = self._idle.get(_origin(url))
        while idle:
            since, one = idle.pop()
            if one.is_open and time.monotonic() - since < self._idle_s:
                return one
            one.close()
        return None

    async def _made(self, url: httpx2.URL, timeouts: Timeouts) -> Connection:
        made = await Connection.to(url, self._context, timeouts)
        self._all.add(made)
        made.lost.add_done_callback(lambda _: self._all.discard(made))
        return made


class _Body(httpx2.AsyncByteStream):
    """The body of a response, which holds its connection until it is closed."""

    def __init__(
        self, one: Connection, timeouts: Timeouts, owner: _Connections, origin: _Origin
    ) -> None:
        self._one = one
        self._timeouts = timeouts
        self._owner: _Connections | None = owner
        self._origin = origin

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._one.body(self._timeouts):
            yield part

    async def aclose(self) -> None:
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.free(self._one, self._origin)


def _origin(url: httpx2.URL) -> _Origin:
    return url.scheme, url.host, url.port
