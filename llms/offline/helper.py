"""How do the rules answer beside the event loop? In a second process that no run depends on.

The rules keep a core busy, and so does everything around a call. A run of some size therefore lets
a helper process answer; the same request gets the same answer wherever it is made.
"""

import asyncio
import contextlib
import socket
import struct
import subprocess
import time
from collections import deque
from typing import NamedTuple

import httpx2

from llms.child_processes import start_child
from llms.cores import free_cores
from llms.offline.app import CHAT, PROCESSING_MS, create_app, respond

HELP_AFTER = 300
"""Requests answered in this process first: for fewer, a second one is not worth its start."""

_LONGEST_QUEUE = 12
"""Requests that wait for the helper; with so many, this process answers the next one itself."""

_PATIENCE_S = 60.0
"""A helper that is silent for so long is taken to hang."""

# Where Python and its libraries are; keys and tokens stay outside.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "PYTHONHOME", "SYSTEMROOT")

_ASKED = struct.Struct("!I")
_ANSWERED = struct.Struct("!HdI")


class Answered(NamedTuple):
    """What the helper answered: status (0 where the rules broke down), CPU seconds, body."""

    status: int
    seconds: float
    body: bytes


class OfflineTransport(httpx2.AsyncBaseTransport):
    """The offline application as a transport: in this process, later in a helper process too.

    Whatever becomes of the helper (no second core, no start, killed, hung), its requests are
    answered here instead.

    Args:
        help_after: Requests answered here before a helper is started; null for never.
        patience_s: Seconds of silence after which the helper is given up.
    """

    def __init__(
        self, *, help_after: int | None = HELP_AFTER, patience_s: float = _PATIENCE_S
    ) -> None:
        self._here = httpx2.ASGITransport(app=create_app())
        self._help_after = help_after if free_cores() > 1 else None
        self._patience_s = patience_s
        self._asked = 0
        self.helper: Helper | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request."""
        self._asked += 1
        is_due = self._help_after is not None and self._asked > self._help_after
        if is_due and request.method == "POST" and request.url.path == CHAT:
            if self.helper is None:
                self.helper = Helper(self._patience_s)
            body = await request.aread()
            answered = await self.helper.ask(body) if self.helper.has_time else None
            if answered is not None and answered.status:
                headers = {
                    "content-type": "application/json",
                    PROCESSING_MS: f"{answered.seconds * 1000:.3f}",
                }
                return httpx2.Response(answered.status, headers=headers, content=answered.body)
        return await self._here.handle_async_request(request)

    async def aclose(self) -> None:
        """End the helper."""
        if self.helper is not None:
            await self.helper.aclose()
        await self._here.aclose()


class Helper:
    """A process that answers requests one after the other, in the order they were asked.

    It is started at once and has time when it can be reached; one that cannot be started never has.

    Args:
        patience_s: Seconds of silence after which it is taken to hang.
    """

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._waiting: deque[asyncio.Future[Answered | None]] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._channel, theirs = socket.socketpair()
        with theirs:
            self.process = _started(theirs.fileno())
        self._talking = asyncio.create_task(self._talk())

    @property
    def has_time(self) -> bool:
        """Whether it lives and its queue is short."""
        return self._writer is not None and len(self._waiting) < _LONGEST_QUEUE

    async def ask(self, body: bytes) -> Answered | None:
        """The answer to a chat completion; null when the helper is gone or silent."""
        if self._writer is None:
            return None
        future: asyncio.Future[Answered | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._writer.write(_ASKED.pack(len(body)) + body)
        try:
            async with asyncio.timeout(self._patience_s):
                return await future
        except TimeoutError:
            self._end()
            return None

    async def aclose(self) -> None:
        """Kill the process and wait until nothing of it is left on the event loop."""
        self._end()
        await asyncio.gather(self._talking, return_exceptions=True)

    def _end(self) -> None:
        """Kill the process; who still waits gets null."""
        if self._writer is not None:
            # Not closed in good order: what has not been sent yet would keep it open.
            self._writer.transport.abort()
            self._writer = None
        self._channel.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self._talking.cancel()
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(None)

    async def _talk(self) -> None:
        """Take answers until the process dies, or is ended."""
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            if self.process is not None:
                reader, self._writer = await asyncio.open_connection(sock=self._channel)
                while True:
                    head = await reader.readexactly(_ANSWERED.size)
                    status, seconds, length = _ANSWERED.unpack(head)
                    answered = Answered(status, seconds, await reader.readexactly(length))
                    waiting = self._waiting.popleft()
                    if not waiting.done():
                        waiting.set_result(answered)
        self._end()


def _started(channel: int) -> subprocess.Popen[bytes] | None:
    """A process that serves the file descriptor `channel`, or null where none can be started."""
    try:
        return start_child(
            __name__, channel=channel, errors=subprocess.DEVNULL, keeping=_ENVIRONMENT
        )
    except OSError:
        return None


def serve(channel: int) -> None:
    """Answer what arrives on the socket with the file descriptor `channel` until it is closed.

    It is closed when the process at the other end dies, however it does.
    """
    with socket.socket(fileno=channel) as connection, connection.makefile("rwb") as stream:
        while len(head := stream.read(_ASKED.size)) == _ASKED.size:
            body = stream.read(*_ASKED.unpack(head))
            started = time.thread_time()
            try:
                status, answer = respond("POST", CHAT, body, int(time.time()))
            except Exception:
                # The process that asked meets the same error, and knows what to do with it.
                status, answer = 0, b""
            seconds = time.thread_time() - started
            try:
                stream.write(_ANSWERED.pack(status, seconds, len(answer)) + answer)
                stream.flush()
            except OSError:
                return
