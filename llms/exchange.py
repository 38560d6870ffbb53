"""How does one request go over a connection, and its response come back? HTTP/1.1 on a socket.

What the HTTP client brings for this asks for the running task, a lock and a deadline several times
per request. Here bytes go from the socket into h11, which says what they mean, and from there to
whoever waits.
"""

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Any, cast

import h11
import httpx2

_LONGEST_HEAD = 100 * 1024
"""Bytes of status line and headers that are still read."""

_WRITE_BYTES = 1 << 16
"""A longer body goes out in parts, each when the last one is gone."""

_HAPPY_EYEBALLS_S = 0.25

Timeouts = Mapping[str, float | None]
"""Seconds for `connect`, `write` and `read`, as `httpx2` gives them along with a request."""


class Connection(asyncio.Protocol):
    """One connection to a host, which carries one exchange at a time.

    Attributes:
        is_open: A request may be sent over it, once the last exchange is over.
        lost: Done when nothing of it is left.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.is_open = True
        self.lost: asyncio.Future[None] = loop.create_future()
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._transport: asyncio.Transport | None = None
        self._has_ended = False
        self._problem: Exception | None = None
        self._news: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None

    @classmethod
    async def to(cls, url: httpx2.URL, context: ssl.SSLContext, timeouts: Timeouts) -> "Connection":
        """Connect to the host of a URL.

        Raises:
            httpx2.ConnectError, httpx2.ConnectTimeout: There is no connecting.
            httpx2.UnsupportedProtocol: The URL is of another kind than http and https.
        """
        if url.scheme not in ("http", "https"):
            raise httpx2.UnsupportedProtocol(f"no connections are made for {url.scheme!r} URLs")
        host = url.raw_host.decode("ascii")
        is_secure = url.scheme == "https"
        try:
            async with asyncio.timeout(timeouts.get("connect")):
                _, made = await asyncio.get_running_loop().create_connection(
                    cls,
                    host,
                    url.port or (443 if is_secure else 80),
                    ssl=context if is_secure else None,
                    server_hostname=host if is_secure else None,
                    happy_eyeballs_delay=_HAPPY_EYEBALLS_S,
                )
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        return made

    async def send(self, request: httpx2.Request, timeouts: Timeouts) -> h11.Response:
        """Send a request; returns status and headers of its response, whose `body` is to be read.

        Raises:
            httpx2.TransportError: The exchange failed; the connection is to be closed.
        """
        try:
            await self._write(request, timeouts)
            while True:
                event = await self._next(timeouts)
                if isinstance(event, h11.Response):
                    return event
        except h11.LocalProtocolError as error:
            raise httpx2.LocalProtocolError(str(error)) from error

    async def body(self, timeouts: Timeouts) -> AsyncIterator[bytes]:
        """The body of the response, part by part.

        Raises:
            httpx2.TransportError: It did not come to its end; the connection is to be closed.
        """
        while not isinstance(event := await self._next(timeouts), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    def end(self) -> None:
        """Make ready for the next exchange, or close the connection where there can be none."""
        state = self._state
        is_done = state.our_state is h11.DONE and state.their_state is h11.DONE
        if self.is_open and is_done and not state.trailing_data[0]:
            state.start_next_cycle()
        else:
            self.close()

    def close(self) -> None:
        """Close the connection, whatever is under way."""
        self.is_open = False
        if self._transport is not None:
            # Not `close`, which would wait for a farewell from the other side.
            self._transport.abort()

    async def _write(self, request: httpx2.Request, timeouts: Timeouts) -> None:
        head = h11.Request(
            method=request.method, target=request.url.raw_path, headers=request.headers.raw
        )
        waiting, size = [self._state.send(head)], 0
        async for part in cast("AsyncIterable[bytes]", request.stream):
            waiting.append(self._state.send(h11.Data(data=part)))
            size += len(part)
            if size > _WRITE_BYTES:
                await self._put(waiting, timeouts)
                waiting, size = [], 0
        waiting.append(self._state.send(h11.EndOfMessage()))
        await self._put(waiting, timeouts)

    async def _put(self, parts: list[bytes], timeouts: Timeouts) -> None:
        # A host that has gone may have said why before: that is read next.
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(parts))
            if self._room is not None:
                try:
                    async with asyncio.timeout(timeouts.get("write")):
                        await self._room
                except TimeoutError as error:
                    raise httpx2.WriteTimeout(str(error)) from error

    async def _next(self, timeouts: Timeouts) -> Any:
        """What the host says next."""
        while True:
            try:
                event = self._state.next_event()
            except h11.RemoteProtocolError as error:
                if self._problem is not None:
                    raise httpx2.ReadError(str(self._problem)) from self._problem
                raise httpx2.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                break
            await self._hear(timeouts)
        if isinstance(event, h11.ConnectionClosed):
            if self._problem is not None:
                raise httpx2.ReadError(str(self._problem)) from self._problem
            raise httpx2.RemoteProtocolError("Server disconnected without sending a response.")
        return event

    async def _hear(self, timeouts: Timeouts) -> None:
        """Wait for bytes, or for the end of the connection."""
        self._news = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeouts.get("read")):
                await self._news
        except TimeoutError as error:
            raise httpx2.ReadTimeout(str(error)) from error
        finally:
            self._news = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._state.our_state is h11.IDLE:
            self.close()  # nothing was asked: it would pass for the answer to what is asked next
            return
        self._state.receive_data(data)
        self._wake()

    def eof_received(self) -> None:
        """No more bytes will come."""
        self.is_open = False
        if not self._has_ended:
            self._has_ended = True
            self._state.receive_data(b"")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        self._problem = exc
        self._transport = None
        self.eof_received()
        self.resume_writing()
        if not self.lost.done():
            self.lost.set_result(None)

    def pause_writing(self) -> None:
        """More has been written than the other side has taken."""
        self._room = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """There is room again."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
