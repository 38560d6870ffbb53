"""How do requests come in and responses go out, those that break off on the way included?"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from llms.simulator.faults import Fault
from llms.simulator.provider import Pending
from llms.simulator.scenario import Scenario

TRANSPORT = "docmill_transport"
"""Key of the connection in `scope["state"]`, where the server puts it (`llms.simulator.server`)."""

_MAX_BODY = 256 << 20
_PIECES = 8
_RESET = struct.pack("ii", 1, 0)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Sleep = Callable[[float], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


class SimulatedReset(ConnectionResetError):
    """What a client without a connection (in-process) meets where one would be broken off."""


class BodyTooLargeError(ValueError):
    """A body larger than anything the API takes."""


def header(scope: Scope, name: bytes) -> str:
    """A header of a request by its name in lower case; empty without one."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value.decode("latin-1"))
    return ""


async def read_body(receive: Receive) -> bytes | None:
    """The body of a request; null when the client left before its end.

    Raises:
        BodyTooLargeError: It is longer than anything the API takes.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        return bytes(message.get("body", b""))
    chunks, size = [], 0
    while message["type"] != "http.disconnect":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > _MAX_BODY:
            raise BodyTooLargeError(f"The body is larger than {_MAX_BODY >> 20} MiB.")
        if not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    return None


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole response."""
    await _start(send, status, headers, len(body))
    await send({"type": "http.response.body", "body": body})


def is_gone(scope: Scope) -> bool:
    """Whether the client has closed the connection; never known without one."""
    transport = _transport(scope)
    return transport is not None and transport.is_closing()


async def deliver(
    pending: Pending, scenario: Scenario, scope: Scope, receive: Receive, send: Send, sleep: Sleep
) -> None:
    """Send the response of a chat completion as its fault has it.

    Raises:
        SimulatedReset: The connection breaks off, and there is none that could.
    """
    headers = [
        (b"content-type", pending.content_type),
        (b"x-request-id", b"req_" + pending.arrival.key.hex().encode()),
        (b"openai-processing-ms", b"%d" % (pending.wait_s * 1000)),
        *pending.headers,
    ]
    match pending.fault:
        case Fault.RESET | Fault.RESET_LATE:
            _break_off(scope, is_reset=True)
        case Fault.HANG:
            await _hang(scenario.hang_s, receive, sleep)
            _break_off(scope, is_reset=False)
        case Fault.CUT:
            await _start(send, 200, headers, len(pending.body))
            half = pending.body[: len(pending.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            _break_off(scope, is_reset=False)
        case Fault.SLOW_BODY:
            await _start(send, 200, headers, len(pending.body))
            await _drip(pending.body, scenario.slow_body_s, send, sleep)
        case _:
            await respond(send, pending.status or 500, headers, pending.body)


async def _start(send: Send, status: int, headers: Headers, length: int) -> None:
    counted = [*headers, (b"content-length", b"%d" % length)]
    await send({"type": "http.response.start", "status": status, "headers": counted})


async def _drip(body: bytes, seconds: float, send: Send, sleep: Sleep) -> None:
    step = -(-len(body) // _PIECES)
    for at in range(0, len(body), step):
        await sleep(seconds / _PIECES)
        piece, is_last = body[at : at + step], at + step >= len(body)
        await send({"type": "http.response.body", "body": piece, "more_body": not is_last})


async def _hang(longest_s: float, receive: Receive, sleep: Sleep) -> None:
    """Wait until the client leaves, or for `longest_s`."""
    leaving = asyncio.ensure_future(_disconnected(receive))
    waiting = asyncio.ensure_future(sleep(longest_s))
    try:
        await asyncio.wait({leaving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        waiting.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _break_off(scope: Scope, *, is_reset: bool) -> None:
    """End the connection: with a reset, or in good order behind what has been sent."""
    transport = _transport(scope)
    if transport is None:
        raise SimulatedReset("the simulated provider broke the connection off")
    if not is_reset:
        transport.close()
        return
    # Closing a socket that lingers for no time sends a reset. Set on a copy of the descriptor:
    # what uvloop hands out as its socket takes no options.
    with socket.socket(fileno=_copied(transport)) as copy:
        copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _copied(transport: asyncio.Transport) -> int:
    return os.dup(transport.get_extra_info("socket").fileno())


def _transport(scope: Scope) -> asyncio.Transport | None:
    found: asyncio.Transport | None = scope.get("state", {}).get(TRANSPORT)
    return found
