"""The second process of the rules: the same answers, and no run that depends on it."""

import asyncio
import json
import signal
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

import llms.offline.helper as helper_module
from llms.offline.app import CAREFUL, CHAT, PROCESSING_MS, QUICK, respond
from llms.offline.helper import Helper, OfflineTransport, serve
from llms.prompts import extraction_prompt
from schemas.answers import EXTRACTION, extraction_schema
from schemas.documents import shipped_type

Post = Callable[[bytes], Awaitable[httpx2.Response]]


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_module, "free_cores", lambda: 2)


def make_body(number: int = 1, model: str = QUICK) -> bytes:
    receipt = shipped_type("receipt")
    text = (
        f"Corner Bakery Ltd\n12 Mill Lane, Leeds LS1 4AB\nDate: 14/03/2026\nTotal: £ {number}.40\n"
    )
    system, user = extraction_prompt(receipt, text)
    schema = {"name": EXTRACTION, "strict": True, "schema": extraction_schema(receipt)}
    body = {
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
        "response_format": {"type": "json_schema", "json_schema": schema},
    }
    return json.dumps(body).encode()


def said(body: bytes) -> Any:
    """An answer without the second it was made in."""
    return {**json.loads(body), "created": None}


def expected(body: bytes) -> Any:
    return said(respond("POST", CHAT, body, 0)[1])


def with_transport(
    use: Callable[[OfflineTransport, Post], Awaitable[None]], **options: Any
) -> OfflineTransport:
    """Use a transport on an event loop, close it and return it."""

    async def main() -> OfflineTransport:
        transport = OfflineTransport(**{"help_after": 0, **options})
        async with httpx2.AsyncClient(transport=transport, base_url="http://offline") as client:

            async def post(body: bytes) -> httpx2.Response:
                return await client.post(CHAT, content=body)

            await use(transport, post)
        return transport

    return asyncio.run(main())


async def ready(transport: OfflineTransport, post: Post) -> Helper:
    """The helper, once it can be asked."""
    await post(make_body())
    async with asyncio.timeout(30):
        while transport.helper is None or not transport.helper.has_time:
            await asyncio.sleep(0)
    return transport.helper


def test_the_helper_gives_the_answers_that_this_process_would_give() -> None:
    bodies = [make_body(number, model) for number in range(20) for model in (QUICK, CAREFUL)]

    async def use(transport: OfflineTransport, post: Post) -> None:
        helper = await ready(transport, post)
        answered = await helper.ask(bodies[0])
        assert answered is not None
        assert (answered.status, said(answered.body)) == (200, expected(bodies[0]))
        responses = await asyncio.gather(*map(post, bodies))
        assert [said(r.content) for r in responses] == [expected(body) for body in bodies]
        assert all(float(r.headers[PROCESSING_MS]) > 0 for r in responses)

    with_transport(use)


def test_a_request_that_the_rules_reject_gets_the_same_error_from_the_helper() -> None:
    async def use(transport: OfflineTransport, post: Post) -> None:
        helper = await ready(transport, post)
        answered = await helper.ask(b"{}")
        assert answered is not None
        assert (answered.status, answered.body) == respond("POST", CHAT, b"{}", 0)

    with_transport(use)


def test_a_small_run_starts_no_helper() -> None:
    async def use(transport: OfflineTransport, post: Post) -> None:
        for number in range(3):
            assert said((await post(make_body(number))).content) == expected(make_body(number))

    assert with_transport(use, help_after=3).helper is None


def test_a_machine_with_one_core_starts_no_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_module, "free_cores", lambda: 1)

    async def use(transport: OfflineTransport, post: Post) -> None:
        await post(make_body())

    assert with_transport(use).helper is None


def test_many_requests_at_once_start_one_helper(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = helper_module._started

    def counted(channel: int) -> Any:
        started.append(channel)
        return start(channel)

    monkeypatch.setattr(helper_module, "_started", counted)

    async def use(transport: OfflineTransport, post: Post) -> None:
        await asyncio.gather(*(post(make_body(number)) for number in range(40)))

    with_transport(use)

    assert len(started) == 1


def test_a_killed_helper_leaves_no_request_without_its_answer() -> None:
    async def use(transport: OfflineTransport, post: Post) -> None:
        helper = await ready(transport, post)
        assert helper.process is not None
        helper.process.send_signal(signal.SIGSTOP)
        asked = [asyncio.create_task(post(make_body(number))) for number in range(5)]
        await asyncio.sleep(0)
        helper.process.kill()
        responses = await asyncio.gather(*asked)
        assert [said(r.content) for r in responses] == [expected(make_body(n)) for n in range(5)]
        assert not helper.has_time
        assert said((await post(make_body(9))).content) == expected(make_body(9))

    with_transport(use)


def test_a_hung_helper_is_given_up() -> None:
    async def use(transport: OfflineTransport, post: Post) -> None:
        helper = await ready(transport, post)
        assert helper.process is not None
        helper.process.send_signal(signal.SIGSTOP)
        assert said((await post(make_body(2))).content) == expected(make_body(2))
        assert helper.process.poll() is not None

    with_transport(use, patience_s=0.1)


def test_a_helper_that_cannot_be_started_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_module, "_started", lambda channel: None)

    async def use(transport: OfflineTransport, post: Post) -> None:
        for number in range(3):
            assert said((await post(make_body(number))).content) == expected(make_body(number))

    with_transport(use)


def test_closing_the_transport_ends_the_helper() -> None:
    async def use(transport: OfflineTransport, post: Post) -> None:
        await ready(transport, post)

    transport = with_transport(use)

    assert transport.helper is not None
    assert transport.helper.process is not None
    assert transport.helper.process.poll() is not None


@contextmanager
def served() -> Iterator[tuple[socket.socket, threading.Thread]]:
    """The other end of a served channel."""
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=serve, args=(theirs.detach(),), daemon=True)
    thread.start()
    with ours:
        ours.settimeout(30)
        yield ours, thread


def test_the_helper_ends_when_the_process_that_asks_is_gone() -> None:
    with served() as (ours, thread):
        ours.close()
        thread.join(timeout=30)

    assert not thread.is_alive()


def test_rules_that_break_down_are_left_to_the_process_that_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> tuple[int, bytes]:
        raise RuntimeError("a rule is wrong")

    monkeypatch.setattr(helper_module, "respond", broken)
    with served() as (ours, _):
        ours.sendall(struct.pack("!I", 2) + b"{}")
        status, _seconds, length = struct.unpack("!HdI", ours.recv(100))

    assert (status, length) == (0, 0)
