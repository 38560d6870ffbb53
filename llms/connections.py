"""How are hundreds of connections to one provider kept without looking at all for each request?

The HTTP client's pool asks every idle connection, at the start and at the end of each request,
whether it is still good: two system calls each, hundreds per request with 64 in flight. Here every
connection is a pool of its own, and only the one that is used next is asked.
"""

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from typing import cast

import httpx2


def connections(most: int, idle_s: float) -> httpx2.AsyncBaseTransport | None:
    """A transport of up to `most` connections, each closed when it is used again after `idle_s`.

    Null where the environment names proxies: which of them a request takes is the client's to say.
    """
    if urllib.request.getproxies():
        return None
    return _Connections(most, idle_s)


class _Connections(httpx2.AsyncBaseTransport):
    def __init__(self, most: int, idle_s: float) -> None:
        self._idle_s = idle_s
        # Read once: it takes longer than a request.
        self._verify = httpx2.create_ssl_context()
        self._room = asyncio.Semaphore(most)
        self._all: list[httpx2.AsyncHTTPTransport] = []
        # The one that was used last is used next: those too many for the load grow old together.
        self._idle: list[httpx2.AsyncHTTPTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; its connection is free again once the body is read or closed."""
        await self._room.acquire()
        try:
            one = self._idle.pop() if self._idle else self._make()
            try:
                response = await one.handle_async_request(request)
            except BaseException:
                # It has closed what broke, and connects anew when it is used again.
                self._idle.append(one)
                raise
        except BaseException:
            self._room.release()
            raise
        response.stream = _Body(cast("httpx2.AsyncByteStream", response.stream), one, self)
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        self._idle.clear()
        while self._all:
            await self._all.pop().aclose()

    def _make(self) -> httpx2.AsyncHTTPTransport:
        limits = httpx2.Limits(
            max_connections=1, max_keepalive_connections=1, keepalive_expiry=self._idle_s
        )
        made = httpx2.AsyncHTTPTransport(verify=self._verify, limits=limits)
        self._all.append(made)
        return made

    def free(self, one: httpx2.AsyncHTTPTransport) -> None:
        """Take a connection back."""
        self._idle.append(one)
        self._room.release()


class _Body(httpx2.AsyncByteStream):
    """The body of a response, which holds its connection until it is closed."""

    def __init__(
        self, body: httpx2.AsyncByteStream, one: httpx2.AsyncHTTPTransport, owner: _Connections
    ) -> None:
        self._body = body
        self._one = one
        self._owner: _Connections | None = owner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        owner, self._owner = self._owner, None
        try:
            await self._body.aclose()
        finally:
            if owner is not None:
                owner.free(self._one)
